/**
 * What counts and removals cost in file stores of 10,000 to 10,000,000 messages: they have to cost
 * what their result costs, not the size of the stream. Prints CSV; each figure is the first call
 * after the store was opened, so that nothing is in memory yet:
 *
 * ```sh
 * deno run -A bench/store/curves.ts [--max=10000000]
 * ```
 *
 * The stream holds 1,000 subjects `all.N` in turn, 100 messages of `near` one after another in the
 * middle, and 100 messages of `far`, evenly spread.
 *
 * @module
 */
import { streamStoreConfig } from "../../src/store/config.ts";
import { FileStore } from "../../src/store/file/file_store.ts";
import { realEnvironment, temporaryDirectory } from "../../tests/sim/environment.ts";
import { option } from "../harness.ts";

const SIZES = [10_000, 100_000, 1_000_000, 10_000_000];
const SUBJECTS = 1000;
const RARE = 100;
const BATCH = 400;
const NO_BYTES = new Uint8Array(0);
const env = realEnvironment();

function open(dir: string): FileStore {
  const config = streamStoreConfig({ name: "S", subjects: [">"] });
  return new FileStore(env, { storeDir: `${dir}/S`, asyncFlush: true }, config);
}

function subjectOf(i: number, size: number): string {
  const middle = size / 2;
  if (i >= middle && i < middle + RARE) return "near";
  return i % (size / RARE) === 1 ? "far" : `all.${i % SUBJECTS}`;
}

async function fill(dir: string, size: number): Promise<void> {
  const store = open(dir);
  const payload = new Uint8Array(128);
  for (let i = 0; i < size; i++) {
    store.storeMsg(subjectOf(i, size), NO_BYTES, payload, 0);
    if (i % BATCH === BATCH - 1) store.flushAllPending();
  }
  await store.stop();
}

/** Returns how many messages the result is made of. */
type Operation = (store: FileStore, size: number) => number;

/** In this order on one stream: the counts change nothing, each removal leaves enough. */
const OPERATIONS: readonly (readonly [string, Operation])[] = [
  ["pending, all, from the middle", (store, size) => store.numPending(size / 2, "", false).total],
  ["pending, near, from the start", (store) => store.numPending(1, "near", false).total],
  ["pending, near, from 50 before it", (store, n) => store.numPending(n / 2, "near", false).total],
  ["pending, far, from the start", (store) => store.numPending(1, "far", false).total],
  ["pending, far, from the middle", (store, n) => store.numPending(n / 2, "far", false).total],
  ["pending, all.*, from the start", (store) => store.numPending(1, "all.*", false).total],
  ["pending, all.*, the last 1,000", (store, n) => store.numPending(n - 999, "all.*", false).total],
  ["pending, last per subject", (store) => store.numPending(1, "all.*", true).total],
  ["state, near", (store) => store.filteredState(1, "near").msgs],
  ["state, all.*", (store) => store.filteredState(1, "all.*").msgs],
  ["purge of subject near", (store) => store.purgeEx("near", 0, 0)],
  ["purge of subject far", (store) => store.purgeEx("far", 0, 0)],
  ["purge below sequence 1,001", (store) => store.purgeEx("", 1001, 0)],
  ["purge of far's rest, keeping 1", (store) => store.purgeEx("far", 0, 1)],
  ["compact to 2,001", (store) => store.compact(2001)],
  ["compact to three quarters", (store, size) => store.compact(size * 3 / 4)],
  ["purge of all", (store) => store.purge()],
];

console.log("operation,stream,result,ms");
const largest = Number(option("max", "10000000"));
for (const size of SIZES.filter((size) => size <= largest)) {
  using dir = temporaryDirectory();
  await fill(dir.path, size);
  for (const [name, operation] of OPERATIONS) {
    const store = open(dir.path);
    const start = performance.now();
    const result = operation(store, size);
    const ms = performance.now() - start;
    await store.stop();
    console.log([name.replaceAll(",", ""), size, result, ms.toFixed(2)].join(","));
  }
}
