/**
 * Runs natsts and the Go server in turn under `nats bench` and prints the ratio of each case:
 * median, lowest and highest over the rounds. More than 1 means natsts is faster.
 *
 * ```sh
 * deno task bench [--rounds=5] [--case=name]
 * ```
 *
 * Needs `nats-server` and `nats` on the path. Nothing else should run on the machine.
 *
 * @module
 */

interface Case {
  readonly name: string;
  /** Arguments of `nats bench` for the command that is measured. */
  readonly args: readonly string[];
  /** Arguments of a command that runs beside it and takes or answers the messages. */
  readonly beside?: readonly string[];
}

const CASES: readonly Case[] = [
  { name: "publish only 16 B", args: ["pub", "t", "--size", "16", "--msgs", "3000000"] },
  { name: "publish only 128 B", args: ["pub", "t", "--size", "128", "--msgs", "2000000"] },
  {
    name: "1:1 16 B",
    args: ["pub", "t", "--size", "16", "--msgs", "2000000"],
    beside: ["sub", "t", "--size", "16", "--msgs", "2000000"],
  },
  {
    name: "1:1 16 KiB",
    args: ["pub", "t", "--size", "16384", "--msgs", "50000"],
    beside: ["sub", "t", "--size", "16384", "--msgs", "50000"],
  },
  {
    name: "fan-out 1:4 128 B",
    args: ["pub", "t", "--size", "128", "--msgs", "300000"],
    beside: ["sub", "t", "--size", "128", "--msgs", "300000", "--clients", "4"],
  },
  {
    name: "4:4 128 B",
    args: ["pub", "t", "--size", "128", "--msgs", "400000", "--clients", "4"],
    beside: ["sub", "t", "--size", "128", "--msgs", "400000", "--clients", "4"],
  },
  {
    name: "fresh subjects, wildcard subscriber, 128 B",
    args: ["pub", "t", "--size", "128", "--msgs", "400000", "--multisubject"],
    beside: ["sub", "t", "--size", "128", "--msgs", "400000", "--multisubject"],
  },
  {
    name: "request/reply, 1 client",
    args: ["service", "request", "t", "--size", "128", "--msgs", "10000"],
    beside: ["service", "serve", "t", "--size", "128"],
  },
  {
    name: "request/reply, 4 clients",
    args: ["service", "request", "t", "--size", "128", "--msgs", "20000", "--clients", "4"],
    beside: ["service", "serve", "t", "--size", "128"],
  },
];

const option = (name: string, fallback: string): string =>
  Deno.args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3) ?? fallback;

function freePort(): number {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr;
  listener.close();
  return port;
}

async function waitForPort(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
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

function startServer(kind: "natsts" | "go", port: number): Deno.ChildProcess {
  const own = ["run", "-A", "--no-check", "--v8-flags=--max-semi-space-size=32", "main.ts"];
  const args = ["-a", "127.0.0.1", "-p", String(port)];
  return kind === "go"
    ? new Deno.Command("nats-server", { args, stderr: "null" }).spawn()
    : new Deno.Command(Deno.execPath(), { args: [...own, ...args], stderr: "null" }).spawn();
}

async function run(port: number, args: readonly string[]): Promise<number> {
  const { stdout, stderr } = await new Deno.Command("nats", {
    args: ["-s", `nats://127.0.0.1:${port}`, "bench", ...args, "--no-progress"],
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
interface Measured {
  /** Messages a second as the receiving side saw them, where there is one. */
  readonly rate: number;
  /** CPU time that the server used, ms. */
  readonly cpuMs: number;
  /** From the start of the process to the first accepted connection, ms. */
  readonly startMs: number;
}

const CLOCK_TICKS_PER_SECOND = 100;

/** CPU time of a process so far, in ms (proc(5)). */
function cpuMsOf(pid: number): number {
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 1000 / CLOCK_TICKS_PER_SECOND;
}

async function measure(kind: "natsts" | "go", benchmark: Case): Promise<Measured> {
  const port = freePort();
  const beganMs = performance.now();
  const server = startServer(kind, port);
  try {
    await waitForPort(port);
    const startMs = performance.now() - beganMs;
    const idleMs = cpuMsOf(server.pid);
    const rate = await rateOf(port, benchmark);
    return { rate, cpuMs: cpuMsOf(server.pid) - idleMs, startMs };
  } finally {
    server.kill("SIGKILL");
    await server.status;
  }
}

async function rateOf(port: number, { args, beside }: Case): Promise<number> {
  if (beside === undefined) return await run(port, args);
  if (beside[0] === "service") {
    const service = new Deno.Command("nats", {
      args: ["-s", `nats://127.0.0.1:${port}`, "bench", ...beside, "--no-progress"],
      stdout: "null",
      stderr: "null",
    }).spawn();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const rate = await run(port, args);
    service.kill("SIGKILL");
    await service.status;
    return rate;
  }
  const receiving = run(port, beside);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  await run(port, args);
  return await receiving;
}

const median = (values: number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

const rounds = Number(option("rounds", "5"));
const wanted = option("case", "");
const starts: Record<"natsts" | "go", number[]> = { natsts: [], go: [] };
console.log("case;natsts msgs/s;go msgs/s;ratio median;ratio min;ratio max;cpu natsts/go");
for (const benchmark of CASES.filter(({ name }) => name.includes(wanted))) {
  const own: Measured[] = [];
  const go: Measured[] = [];
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? (["natsts", "go"] as const) : (["go", "natsts"] as const);
    for (const kind of order) {
      const measured = await measure(kind, benchmark);
      (kind === "go" ? go : own).push(measured);
      starts[kind].push(measured.startMs);
    }
  }
  const ratios = own.map(({ rate }, i) => rate / go[i]!.rate);
  const cpu = own.map(({ cpuMs }, i) => cpuMs / go[i]!.cpuMs);
  console.log(
    [
      benchmark.name,
      median(own.map(({ rate }) => rate)),
      median(go.map(({ rate }) => rate)),
      median(ratios).toFixed(2),
      Math.min(...ratios).toFixed(2),
      Math.max(...ratios).toFixed(2),
      median(cpu).toFixed(2),
    ].join(";"),
  );
}
console.log(
  `start to first connection, ms: natsts ${median(starts.natsts).toFixed(0)}, ` +
    `go ${median(starts.go).toFixed(0)}`,
);
