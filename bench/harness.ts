/**
 * Starts natsts and the Go server, runs `nats bench` against them, and measures both.
 *
 * @module
 */

/** The two servers that are compared. */
export type Kind = "natsts" | "go";

/** What is measured. */
export interface Case {
  readonly name: string;
  /** Arguments of `nats bench` for the command that is measured. */
  readonly args: readonly string[];
  /** Arguments of a command that runs beside it and takes or answers the messages. */
  readonly beside?: readonly string[];
  /** `user:password` of the command that is measured, and of the one beside it. */
  readonly logins?: readonly [own: string, beside: string];
  /** Commands that run before and do not count. */
  readonly prepare?: readonly (readonly string[])[];
  /** Content of the configuration file; `DIR` in it is a fresh directory. */
  readonly config?: string;
  /** The ratio to reach, natsts / Go. */
  readonly goal?: number;
}

/** The value of `--name=value` on the command line. */
export const option = (name: string, fallback: string): string =>
  Deno.args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3) ?? fallback;

/** A port that nobody listens on now. */
export function freePort(): number {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr;
  listener.close();
  return port;
}

/** Resolves when somebody listens; gives up after `waitMsMax`. */
export async function waitForPort(port: number, waitMsMax = 5000): Promise<void> {
  const untilMs = performance.now() + waitMsMax;
  while (performance.now() < untilMs) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
  throw new Error(`no server on port ${port}`);
}

/** Starts a server; `more` are its further arguments. */
export function startServer(kind: Kind, port: number, more: readonly string[]): Deno.ChildProcess {
  const own = ["run", "-A", "--no-check", "--v8-flags=--max-semi-space-size=16", "main.ts"];
  const args = ["-a", "127.0.0.1", "-p", String(port), ...more];
  return kind === "go"
    ? new Deno.Command("nats-server", { args, stderr: "null" }).spawn()
    : new Deno.Command(Deno.execPath(), { args: [...own, ...args], stderr: "null" }).spawn();
}

function urlOf(port: number, login: string | undefined): string {
  return `nats://${login === undefined ? "" : `${login}@`}127.0.0.1:${port}`;
}

async function run(port: number, args: readonly string[], login?: string): Promise<number> {
  const { stdout, stderr } = await new Deno.Command("nats", {
    args: ["-s", urlOf(port, login), "bench", ...args, "--no-progress"],
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  const rates = [...text.matchAll(/([\d,]+) msgs\/sec/g)].map(([, n]) =>
    Number(n!.replaceAll(",", ""))
  );
  if (rates.length === 0) throw new Error(`nats bench ${args.join(" ")} said:\n${text}`);
  return Math.max(...rates.slice(-1));
}

/** What one run of a case came to. */
export interface Measured {
  /** Messages a second as the receiving side saw them, where there is one. */
  readonly rate: number;
  /** CPU time that the server used, ms. */
  readonly cpuMs: number;
  /** From the start of the process to the first accepted connection, ms. */
  readonly startMs: number;
}

/** Resident memory of a process (proc(5)). */
export function residentMiB(pid: number): number {
  const [, kib] = /VmRSS:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))!;
  return Number(kib) / 1024;
}

const CLOCK_TICKS_PER_SECOND = 100;

/** CPU time of a process so far, in ms (proc(5)). */
function cpuMsOf(pid: number): number {
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 1000 / CLOCK_TICKS_PER_SECOND;
}

/** Runs a case once against a fresh server. */
export async function measure(kind: Kind, benchmark: Case): Promise<Measured> {
  const directory = await Deno.makeTempDir();
  const more: string[] = [];
  if (benchmark.config !== undefined) {
    const path = `${directory}/bench.conf`;
    await Deno.writeTextFile(path, benchmark.config.replaceAll("DIR", `${directory}/store`));
    more.push("-c", path);
  }
  const port = freePort();
  const beganMs = performance.now();
  const server = startServer(kind, port, more);
  try {
    await waitForPort(port);
    const startMs = performance.now() - beganMs;
    for (const args of benchmark.prepare ?? []) await run(port, args, benchmark.logins?.[0]);
    const idleMs = cpuMsOf(server.pid);
    const rate = await rateOf(port, benchmark);
    return { rate, cpuMs: cpuMsOf(server.pid) - idleMs, startMs };
  } finally {
    server.kill("SIGKILL");
    await server.status;
    await Deno.remove(directory, { recursive: true });
  }
}

async function rateOf(port: number, { args, beside, logins }: Case): Promise<number> {
  if (beside === undefined) return await run(port, args, logins?.[0]);
  if (beside[0] === "service") {
    const service = new Deno.Command("nats", {
      args: ["-s", urlOf(port, logins?.[1]), "bench", ...beside, "--no-progress"],
      stdout: "null",
      stderr: "null",
    }).spawn();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const rate = await run(port, args, logins?.[0]);
    service.kill("SIGKILL");
    await service.status;
    return rate;
  }
  const receiving = run(port, beside, logins?.[1]);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  await run(port, args, logins?.[0]);
  return await receiving;
}

/** The middle of `values`. */
export const median = (values: number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
