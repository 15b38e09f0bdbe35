/**
 * How fast messages are stored, loaded and recovered, beside the raw disk in the same run. Prints
 * medians as CSV: `deno run -A bench/store/append.ts [messages]`.
 *
 * @module
 */
import { streamStoreConfig } from "../../src/store/config.ts";
import { FileStore } from "../../src/store/file/file_store.ts";
import { MemoryStore } from "../../src/store/memory/memory_store.ts";
import { LoadCode, StoredMsg } from "../../src/store/stored_msg.ts";
import type { StreamStore } from "../../src/store/stream_store.ts";
import { realEnvironment, temporaryDirectory } from "../../tests/sim/environment.ts";

const RUNS = 5;
const BATCH = 400;
const count = Number(Deno.args[0] ?? 500_000);
const env = realEnvironment();
const NO_BYTES = new Uint8Array(0);

function report(name: string, results: number[], unit: string): void {
  const median = results.sort((a, b) => a - b)[Math.floor(results.length / 2)]!;
  console.log(`${name},${Math.round(median)},${unit}`);
}

async function measure(
  name: string,
  unit: string,
  run: (dir: string) => number | Promise<number>,
): Promise<void> {
  const results: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    using dir = temporaryDirectory();
    results.push(await run(dir.path));
  }
  report(name, results, unit);
}

function fill(store: StreamStore, messages: number, payload: Uint8Array, subjects: number): void {
  const names = Array.from({ length: subjects }, (_, i) => `bench.subject.${i}`);
  for (let i = 0; i < messages; i++) {
    store.storeMsg(names[i % subjects]!, NO_BYTES, payload, 0);
    if (i % BATCH === BATCH - 1) store.flushAllPending();
  }
  store.flushAllPending();
}

const open = (dir: string, more = {}) =>
  new FileStore(
    env,
    { storeDir: `${dir}/S`, asyncFlush: true, ...more },
    streamStoreConfig({ name: "S", subjects: ["bench.>"] }),
  );

console.log("case,median,unit");
await measure("raw writeSync of 64 KiB", "MB/s", (dir) => {
  const file = Deno.openSync(`${dir}/raw`, { write: true, create: true });
  const piece = new Uint8Array(65536).fill(7);
  const start = performance.now();
  for (let i = 0; i < 1500; i++) file.writeSync(piece);
  const ms = performance.now() - start;
  file.close();
  return 1500 * 65536 / ms / 1000;
});
for (const [size, messages] of [[128, count], [4096, Math.floor(count / 10)]] as const) {
  const payload = new Uint8Array(size).fill(65);
  await measure(`append ${size} B, file`, "messages/s", async (dir) => {
    const store = open(dir);
    const start = performance.now();
    fill(store, messages, payload, 16);
    const ms = performance.now() - start;
    await store.stop();
    return messages / ms * 1000;
  });
}
await measure("append 128 B, memory", "messages/s", async () => {
  const store = new MemoryStore(env, streamStoreConfig({ name: "S", storage: "memory" }));
  const start = performance.now();
  fill(store, count, new Uint8Array(128), 16);
  const ms = performance.now() - start;
  await store.stop();
  return count / ms * 1000;
});
await measure("append 128 B, always, batches of 500", "messages/s", async (dir) => {
  const store = open(dir, { syncAlways: true });
  const payload = new Uint8Array(128);
  const batches = 40;
  const start = performance.now();
  for (let i = 0; i < batches; i++) {
    for (let j = 0; j < 500; j++) store.storeMsg("bench.a", NO_BYTES, payload, 0);
    await store.sync();
  }
  const ms = performance.now() - start;
  await store.stop();
  return batches * 500 / ms * 1000;
});
await measure("sequential read, file", "messages/s", async (dir) => {
  let store = open(dir);
  fill(store, count, new Uint8Array(128), 16);
  await store.stop();
  store = open(dir);
  const msg = new StoredMsg();
  const start = performance.now();
  let seq = 0;
  while (store.loadNextMsg("", seq + 1, msg) === LoadCode.Found) seq = msg.seq;
  const ms = performance.now() - start;
  await store.stop();
  return seq / ms * 1000;
});
await measure("random reads from cache", "messages/s", async (dir) => {
  const store = open(dir);
  fill(store, 40_000, new Uint8Array(128), 16);
  const msg = new StoredMsg();
  const start = performance.now();
  for (let i = 0; i < count; i++) store.loadMsg(1 + (i * 7919) % 40_000, msg);
  const ms = performance.now() - start;
  await store.stop();
  return count / ms * 1000;
});
await measure("last by subject, 200,000 subjects", "messages/s", async (dir) => {
  const store = open(dir);
  fill(store, 200_000, new Uint8Array(16), 200_000);
  const msg = new StoredMsg();
  const names = Array.from({ length: 2000 }, (_, i) => `bench.subject.${(i * 7919) % 200_000}`);
  for (const name of names) store.loadLastMsg(name, msg);
  const start = performance.now();
  for (let i = 0; i < 200_000; i++) store.loadLastMsg(names[i % 2000]!, msg);
  const ms = performance.now() - start;
  await store.stop();
  return 200_000 / ms * 1000;
});
for (const withIndex of [true, false]) {
  await measure(`recovery ${withIndex ? "with" : "without"} index.db`, "ms", async (dir) => {
    let store = open(dir);
    fill(store, count, new Uint8Array(128), 16);
    await store.stop();
    if (!withIndex) Deno.removeSync(`${dir}/S/msgs/index.db`);
    const start = performance.now();
    store = open(dir);
    const ms = performance.now() - start;
    await store.stop();
    return ms;
  });
}
