/**
 * How JetStream grows: many subjects, streams, consumers and pending acknowledgements, on natsts and
 * on the Go server. Prints for each size how long it takes to get there, what a publish costs then,
 * the memory of the process, and how long a restart takes.
 *
 * ```sh
 * deno run -A bench/scale.ts [--case=subjects]
 * ```
 *
 * @module
 */
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { freePort, type Kind, option, startServer, waitForPort } from "./harness.ts";

const MESSAGES = 50_000;
const OUTSTANDING = 500;

interface Scale {
  readonly name: string;
  readonly sizes: readonly number[];
  /** Brings the server to `size`. */
  build(nc: NatsConnection, size: number): Promise<void>;
  /** Subject of the publishes that are measured. */
  readonly subject: string;
}

async function api(nc: NatsConnection, verb: string, body: unknown = ""): Promise<void> {
  const payload = body === "" ? "" : JSON.stringify(body);
  const answer = await nc.request(`$JS.API.${verb}`, payload, { timeout: 60_000 });
  const { error } = answer.json<{ error?: { description: string } }>();
  if (error !== undefined) throw new Error(`${verb}: ${error.description}`);
}

/** Runs `task` for all numbers below `count`, some at once. */
async function inParallel(count: number, task: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await task(next++);
  };
  await Promise.all(Array.from({ length: OUTSTANDING }, worker));
}

function publish(nc: NatsConnection, subject: string, payload: string): Promise<unknown> {
  return nc.request(subject, payload, { timeout: 60_000 });
}

function stream(name: string, subjects: string[]): Record<string, unknown> {
  return { name, subjects, storage: "file", retention: "limits", num_replicas: 1 };
}

const SCALES: readonly Scale[] = [
  {
    name: "subjects in a stream",
    sizes: [10_000, 100_000, 1_000_000],
    subject: "s.1",
    async build(nc, size) {
      await api(nc, "STREAM.CREATE.S", stream("S", ["s.>"]));
      await inParallel(size, (i) => publish(nc, `s.${i}`, "0123456789abcdef"));
    },
  },
  {
    name: "streams",
    sizes: [100, 1000, 10_000],
    subject: "s.1",
    async build(nc, size) {
      await inParallel(size, async (i) => {
        await api(nc, `STREAM.CREATE.S${i}`, stream(`S${i}`, [`s.${i}`]));
        for (let m = 0; m < 10; m++) await publish(nc, `s.${i}`, "0123456789abcdef");
      });
    },
  },
  {
    name: "consumers that do not match",
    sizes: [10, 100, 1000],
    subject: "s.none",
    async build(nc, size) {
      await api(nc, "STREAM.CREATE.S", stream("S", ["s.>"]));
      await inParallel(size, (i) =>
        api(nc, `CONSUMER.CREATE.S.C${i}.s.${i}`, {
          stream_name: "S",
          config: {
            name: `C${i}`,
            durable_name: `C${i}`,
            ack_policy: "explicit",
            filter_subject: `s.${i}`,
          },
        }));
    },
  },
  {
    name: "pending acknowledgements",
    sizes: [1000, 10_000, 100_000],
    subject: "s.1",
    async build(nc, size) {
      await api(nc, "STREAM.CREATE.S", stream("S", ["s.>"]));
      await api(nc, "CONSUMER.DURABLE.CREATE.S.C", {
        stream_name: "S",
        config: {
          durable_name: "C",
          ack_policy: "explicit",
          max_ack_pending: -1,
          ack_wait: 3_600_000_000_000,
        },
      });
      await inParallel(size, () => publish(nc, "s.1", "0123456789abcdef"));
      const inbox = nc.subscribe("deliver", { max: size });
      nc.publish("$JS.API.CONSUMER.MSG.NEXT.S.C", JSON.stringify({ batch: size }), {
        reply: "deliver",
      });
      for await (const _message of inbox);
    },
  },
];

function residentMiB(pid: number): number {
  const [, kib] = /VmRSS:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))!;
  return Number(kib) / 1024;
}

async function stop(server: Deno.ChildProcess): Promise<void> {
  server.kill("SIGINT");
  await server.status;
}

/** Starts a server on `directory`; returns how long it took until a client was served. */
async function start(kind: Kind, directory: string) {
  const port = freePort();
  const beganMs = performance.now();
  const server = startServer(kind, port, ["-js", "-sd", directory]);
  await waitForPort(port);
  const nc = await connect({ servers: `127.0.0.1:${port}`, timeout: 120_000 });
  await api(nc, "INFO");
  return { server, nc, startMs: performance.now() - beganMs };
}

async function measure(kind: Kind, scale: Scale, size: number): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    const first = await start(kind, directory);
    const beganMs = performance.now();
    await scale.build(first.nc, size);
    const buildMs = performance.now() - beganMs;
    const publishMs = performance.now();
    await inParallel(MESSAGES, () => publish(first.nc, scale.subject, "0123456789abcdef"));
    const rate = MESSAGES / (performance.now() - publishMs) * 1000;
    const mib = residentMiB(first.server.pid);
    await first.nc.close();
    await stop(first.server);
    const second = await start(kind, directory);
    const restartedMib = residentMiB(second.server.pid);
    await second.nc.close();
    await stop(second.server);
    console.log(
      [
        scale.name,
        size,
        kind,
        Math.round(buildMs),
        Math.round(rate),
        Math.round(mib),
        Math.round(second.startMs),
        Math.round(restartedMib),
      ].join(";"),
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const wanted = option("case", "");
const sizeMax = Number(option("max", "Infinity"));
console.log("what;size;server;build ms;publishes/s then;MiB then;restart ms;MiB after restart");
for (const scale of SCALES.filter(({ name }) => name.includes(wanted))) {
  for (const size of scale.sizes.filter((one) => one <= sizeMax)) {
    for (const kind of ["natsts", "go"] as const) await measure(kind, scale, size);
  }
}
