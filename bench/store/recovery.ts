/**
 * Opening a stream of 10,000,000 messages of 128 B, with and without `index.db`: natsts and the Go
 * server on the same directory, beside reading the same files raw. Prints CSV; each time is what the
 * server's log says of the stream, each figure the median of the rounds:
 *
 * ```sh
 * deno run -A bench/store/recovery.ts [--messages=10000000] [--subjects=16,1000000] [--rounds=5]
 * ```
 *
 * "cold" begins with the files out of the system's cache, which says what the disk can do; "warm"
 * has them there. The memory is the server's resident set when it has opened the stream.
 *
 * @module
 */
import { connect } from "@nats-io/transport-node";
import { streamStoreConfig } from "../../src/store/config.ts";
import { FileStore } from "../../src/store/file/file_store.ts";
import { realEnvironment, temporaryDirectory } from "../../tests/sim/environment.ts";
import {
  freePort,
  type Kind,
  median,
  option,
  residentMiB,
  startServer,
  waitForPort,
} from "../harness.ts";

const START_MS_MAX = 300_000;
const BATCH = 400;
/** Older than the window in which a server looks for duplicates: it would read them for that. */
const MESSAGES_AGE_MS = 3_600_000;
const PIECE_BYTES = 1 << 20;
const NO_BYTES = new Uint8Array(0);

const messages = Number(option("messages", "10000000"));
const rounds = Number(option("rounds", "5"));

type Work = (port: number, log: () => string, pid: number) => Promise<void>;

async function withServer(kind: Kind, directory: string, work: Work): Promise<void> {
  const port = freePort();
  const path = `${directory}/server.log`;
  Deno.writeTextFileSync(path, "");
  const process = startServer(kind, port, ["-js", "-sd", directory, "-l", path]);
  try {
    await waitForPort(port, START_MS_MAX);
    await work(port, () => Deno.readTextFileSync(path), process.pid);
  } finally {
    process.kill("SIGINT");
    await process.status;
  }
}

/** Makes the stream with a server, so that its files are a server's, and fills it without one. */
async function fill(directory: string, subjects: number): Promise<void> {
  await withServer("natsts", directory, async (port) => {
    const nc = await connect({ servers: `127.0.0.1:${port}` });
    const config = { name: "S", subjects: ["s.>"], storage: "file", retention: "limits" };
    await nc.request(
      "$JS.API.STREAM.CREATE.S",
      JSON.stringify({ ...config, num_replicas: 1, max_msgs_per_subject: -1 }),
      { timeout: 30_000 },
    );
    await nc.close();
  });
  const env = realEnvironment();
  const nowMs = () => env.clock.nowMs() - MESSAGES_AGE_MS;
  const clock = { ...env.clock, nowMs, nowNs: () => BigInt(Math.floor(nowMs())) * 1_000_000n };
  const store = new FileStore(
    { ...env, clock },
    { storeDir: `${directory}/jetstream/$G/streams/S`, asyncFlush: true },
    streamStoreConfig({ name: "S", subjects: ["s.>"] }),
  );
  const payload = new Uint8Array(128).fill(65);
  for (let i = 0; i < messages; i++) {
    // 7,919 is prime: the subjects come in an order of no help to anybody.
    store.storeMsg(`s.${(i * 7919) % subjects}`, NO_BYTES, payload, 0);
    if (i % BATCH === BATCH - 1) store.flushAllPending();
  }
  await store.stop();
}

function filesIn(directory: string): string[] {
  const path = `${directory}/jetstream/$G/streams/S/msgs`;
  return [...Deno.readDirSync(path)].map(({ name }) => `${path}/${name}`);
}

/** Asks the system to forget what it has of the files. */
async function forget(directory: string): Promise<void> {
  await new Deno.Command("sync").output();
  for (const path of filesIn(directory)) {
    const args = [`if=${path}`, "iflag=nocache", "count=0", "of=/dev/null"];
    await new Deno.Command("dd", { args, stderr: "null" }).output();
  }
}

function readRaw(directory: string): number {
  const piece = new Uint8Array(PIECE_BYTES);
  const start = performance.now();
  for (const path of filesIn(directory).filter((path) => path.endsWith(".blk"))) {
    const file = Deno.openSync(path);
    while (file.readSync(piece) !== null);
    file.close();
  }
  return performance.now() - start;
}

const UNITS: Record<string, number> = { "µs": 0.001, ms: 1, s: 1000 };

/** Milliseconds of a Go duration below an hour: "1m2.5s", "345.6ms". */
function parseMs(text: string): number {
  const [, minutes = "0", value, unit] = /^(?:(\d+)m)?([\d.]+)(µs|ms|s)$/.exec(text)!;
  return Number(minutes) * 60_000 + Number(value) * UNITS[unit!]!;
}

/** How long the stream took, by the server's own log, and the server's memory then. */
async function recover(kind: Kind, directory: string): Promise<{ ms: number; miB: number }> {
  const result = { ms: 0, miB: 0 };
  await withServer(kind, directory, async (_port, log, pid) => {
    while (!log().includes("Server is ready")) await new Promise((done) => setTimeout(done, 50));
    const [, count, time] = /Restored ([\d,]+) messages for stream .* in (\S+)/.exec(log())!;
    if (Number(count!.replaceAll(",", "")) !== messages) throw new Error(`${kind}: ${count}`);
    result.ms = parseMs(time!);
    result.miB = residentMiB(pid);
  });
  return result;
}

function report(subjects: number, what: string, cells: (readonly [number, string])[]): void {
  const values = cells.map(([value, unit]) => `${Math.round(value)} ${unit}`);
  console.log([subjects, what, ...values].join(","));
}

async function measure(subjects: number): Promise<void> {
  using directory = temporaryDirectory();
  await fill(directory.path, subjects);
  const index = `${directory.path}/jetstream/$G/streams/S/msgs/index.db`;
  for (const isCold of [true, false]) {
    const prepare = isCold ? forget : readRaw;
    const cache = isCold ? "cold" : "warm";
    const raw: number[] = [];
    for (let round = 0; round < rounds; round++) {
      await prepare(directory.path);
      raw.push(readRaw(directory.path));
    }
    report(subjects, `raw read ${cache}`, [[median(raw), "ms"]]);
    for (const withIndex of [true, false]) {
      const found = { natsts: [] as number[][], go: [] as number[][] };
      for (let round = 0; round < rounds; round++) {
        for (const kind of ["natsts", "go"] as const) {
          if (!withIndex) Deno.removeSync(index);
          await prepare(directory.path);
          const { ms, miB } = await recover(kind, directory.path);
          found[kind].push([ms, miB]);
        }
      }
      for (const kind of ["natsts", "go"] as const) {
        const ms = median(found[kind].map(([ms]) => ms!));
        const what = `${kind} ${withIndex ? "with" : "without"} index.db ${cache}`;
        report(subjects, what, [
          [ms, "ms"],
          [median(raw) / ms * 100, "% of raw"],
          [median(found[kind].map(([, miB]) => miB!)), "MiB"],
        ]);
      }
    }
  }
}

console.log("subjects,case,time,speed,memory");
for (const subjects of option("subjects", "16,1000000").split(",")) await measure(Number(subjects));
