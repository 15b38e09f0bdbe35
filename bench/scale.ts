/**
 * How JetStream grows: many subjects, streams, consumers and pending acknowledgements, on natsts and
 * on the Go server. Prints for each size how long it takes to get there, what a publish costs then,
 * the memory of the process, and how long a restart takes.
 *
 * ```sh
 * deno run -A bench/scale.ts [--case=subjects] [--min=1] [--max=1000]
 * ```
 *
 * @module
 */
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { freePort, type Kind, option, residentMiB, startServer, waitForPort } from "./harness.ts";

const MESSAGES = 50_000;
const OUTSTANDING = 500;
const START_MS_MAX = 120_000;

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

/** A server that is measured; ends with its block. */
class Measured implements AsyncDisposable {
  private constructor(
    readonly process: Deno.ChildProcess,
    readonly nc: NatsConnection,
    /** From the start until a client was served. */
    readonly startMs: number,
  ) {}

  /** Starts a server on `directory`. */
  static async start(kind: Kind, directory: string): Promise<Measured> {
    const port = freePort();
    const beganMs = performance.now();
    const process = startServer(kind, port, ["-js", "-sd", directory]);
    try {
      await waitForPort(port, START_MS_MAX);
      const nc = await connect({ servers: `127.0.0.1:${port}`, timeout: START_MS_MAX });
      await api(nc, "INFO");
      return new Measured(process, nc, performance.now() - beganMs);
    } catch (error) {
      process.kill("SIGKILL");
      await process.status;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.nc.close();
    this.process.kill("SIGINT");
    await this.process.status;
  }
}

async function measureIn(kind: Kind, scale: Scale, size: number, directory: string) {
  const figures: number[] = [];
  {
    await using server = await Measured.start(kind, directory);
    const beganMs = performance.now();
    await scale.build(server.nc, size);
    const builtMs = performance.now();
    await inParallel(MESSAGES, () => publish(server.nc, scale.subject, "0123456789abcdef"));
    const publishedMs = performance.now();
    figures.push(builtMs - beganMs, MESSAGES / (publishedMs - builtMs) * 1000);
    figures.push(residentMiB(server.process.pid));
  }
  await using server = await Measured.start(kind, directory);
  figures.push(server.startMs, residentMiB(server.process.pid));
  console.log([scale.name, size, kind, ...figures.map(Math.round)].join(";"));
}

async function measure(kind: Kind, scale: Scale, size: number): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await measureIn(kind, scale, size, directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const wanted = option("case", "");
const sizeMin = Number(option("min", "0"));
const sizeMax = Number(option("max", "Infinity"));
console.log("what;size;server;build ms;publishes/s then;MiB then;restart ms;MiB after restart");
for (const scale of SCALES.filter(({ name }) => name.includes(wanted))) {
  for (const size of scale.sizes.filter((one) => one >= sizeMin && one <= sizeMax)) {
    for (const kind of ["natsts", "go"] as const) await measure(kind, scale, size);
  }
}
