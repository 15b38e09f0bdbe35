/**
 * The real nats-server beside natsts, where it is on the path.
 *
 * @module
 */
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { startServer } from "../../src/mod.ts";

const FOLDERS = ["/usr/local/bin", "/go/bin", "/root/go/bin"];
const START_MS_MAX = 10_000;

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw error;
  }
}

/** Path of a program of the reference, or null; `name` is `nats-server` or `nats`. */
export function referenceProgram(name: string): string | null {
  const folders = [...(Deno.env.get("PATH") ?? "").split(":"), ...FOLDERS];
  return folders.map((folder) => `${folder}/${name}`).find(isFile) ?? null;
}

/** A running nats-server. */
export class ReferenceServer implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  #killed = false;

  private constructor(process: Deno.ChildProcess, readonly port: number) {
    this.#process = process;
  }

  /** Starts one on a free port and waits until it is ready; `heard` gets its log as it comes. */
  static async start(
    program: string,
    args: readonly string[],
    heard: (text: string) => void = () => {},
  ): Promise<ReferenceServer> {
    const process = new Deno.Command(program, {
      args: ["-a", "127.0.0.1", "-p", "-1", ...args],
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const lines = process.stderr.pipeThrough(new TextDecoderStream());
    const timer = setTimeout(() => process.kill(), START_MS_MAX);
    let log = "";
    const reader = lines.getReader();
    while (!log.includes("Server is ready")) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`nats-server did not start:\n${log}`);
      log += value;
      heard(value);
    }
    clearTimeout(timer);
    reader.releaseLock();
    void lines.pipeTo(new WritableStream({ write: heard }));
    const [, port] = /client connections on [^ ]*:(\d+)/.exec(log)!;
    return new ReferenceServer(process, Number(port));
  }

  /** Kills it, as the machine would for want of memory. */
  async kill(): Promise<void> {
    this.#killed = true;
    this.#process.kill("SIGKILL");
    await this.#process.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#killed) return;
    this.#process.kill("SIGINT");
    await this.#process.status;
  }
}

/** Gives `use` a client of the real server and one of natsts, both with JetStream and empty. */
export async function onBothServers(
  program: string,
  use: (theirs: NatsConnection, ours: NatsConnection) => Promise<void>,
): Promise<void> {
  const store = Deno.makeTempDirSync({ prefix: "natsts-both-" });
  try {
    await using reference = await ReferenceServer.start(program, ["-js", "-sd", `${store}/go`]);
    await using natsts = await startServer({
      host: "127.0.0.1",
      port: -1,
      jetStream: true,
      storeDir: `${store}/ts`,
    });
    const sides = await Promise.all(
      [reference.port, natsts.port].map((port) => connect({ servers: `127.0.0.1:${port}` })),
    );
    try {
      // The reference removes the directory of an account without streams, in the background.
      const keep = JSON.stringify({ name: "KEEP", subjects: ["keep.>"] });
      for (const side of sides) await side.request("$JS.API.STREAM.CREATE.KEEP", keep);
      await use(sides[0]!, sides[1]!);
    } finally {
      await Promise.all(sides.map((side) => side.close()));
    }
  } finally {
    await Deno.remove(store, { recursive: true });
  }
}
