/**
 * The real nats-server beside natsts, where it is on the path.
 *
 * @module
 */

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

  private constructor(process: Deno.ChildProcess, readonly port: number) {
    this.#process = process;
  }

  /** Starts one on a free port and waits until it is ready. */
  static async start(program: string, args: readonly string[]): Promise<ReferenceServer> {
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
    }
    clearTimeout(timer);
    reader.releaseLock();
    void lines.pipeTo(new WritableStream());
    const [, port] = /client connections on [^ ]*:(\d+)/.exec(log)!;
    return new ReferenceServer(process, Number(port));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGINT");
    await this.#process.status;
  }
}
