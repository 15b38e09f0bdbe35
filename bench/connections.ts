/**
 * Many idle connections: how fast natsts and the Go server take them, and what each costs.
 *
 * ```sh
 * deno run -A bench/connections.ts [--connections=5000] [--rounds=5]
 * ```
 *
 * Each connection reads INFO and sends CONNECT, SUB and PING; it counts when PONG is there.
 *
 * @module
 */

const option = (name: string, fallback: number): number =>
  Number(Deno.args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3) ?? fallback);

const CONNECTIONS = option("connections", 5000);
const ROUNDS = option("rounds", 5);
const AT_ONCE = 64;
const encoder = new TextEncoder();

function freePort(): number {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr;
  listener.close();
  return port;
}

/** Resident memory of a process in KiB (proc(5)). */
function residentKiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1]);
}

async function open(port: number, i: number): Promise<Deno.Conn> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(
    encoder.encode(`CONNECT {"verbose":false}\r\nSUB idle.${i} 1\r\nPING\r\n`),
  );
  const buffer = new Uint8Array(2048);
  let text = "";
  while (!text.includes("PONG")) {
    const count = await connection.read(buffer);
    if (count === null) throw new Error("the server closed the connection");
    text += new TextDecoder().decode(buffer.subarray(0, count));
  }
  return connection;
}

async function measure(
  kind: "natsts" | "go",
): Promise<{ ms: number; kiB: number; idleMiB: number }> {
  const port = freePort();
  const args = ["-a", "127.0.0.1", "-p", String(port)];
  const flags = ["run", "-A", "--no-check", "--v8-flags=--max-semi-space-size=16", "main.ts"];
  const server = kind === "go"
    ? new Deno.Command("nats-server", { args, stderr: "null" }).spawn()
    : new Deno.Command(Deno.execPath(), { args: [...flags, ...args], stderr: "null" }).spawn();
  const connections: Deno.Conn[] = [];
  try {
    for (;;) {
      try {
        (await open(port, 0)).close();
        break;
      } catch (_notYet) {
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const before = residentKiB(server.pid);
    const startMs = performance.now();
    let next = 0;
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      while (next < CONNECTIONS) connections.push(await open(port, next++));
    }));
    const ms = performance.now() - startMs;
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const kiB = (residentKiB(server.pid) - before) / CONNECTIONS;
    return { ms, kiB, idleMiB: before / 1024 };
  } finally {
    for (const connection of connections) connection.close();
    server.kill("SIGKILL");
    await server.status;
  }
}

const median = (values: number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

const results = { natsts: [] as number[][], go: [] as number[][] };
for (let round = 0; round < ROUNDS; round++) {
  for (const kind of round % 2 === 0 ? (["natsts", "go"] as const) : (["go", "natsts"] as const)) {
    const { ms, kiB, idleMiB } = await measure(kind);
    results[kind].push([ms, kiB, idleMiB]);
  }
}
for (const [i, name] of ["ms to accept", "KiB a connection", "MiB idle"].entries()) {
  const own = results.natsts.map((row) => row[i]!);
  const go = results.go.map((row) => row[i]!);
  const ratios = own.map((value, round) => value / go[round]!);
  console.log(
    `${name}: natsts ${median(own).toFixed(1)}, go ${median(go).toFixed(1)}, ratio ` +
      `${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ` +
      `${Math.max(...ratios).toFixed(2)})`,
  );
}
