/**
 * What a truncation leaves is what comes back, also from the blocks alone: sequences are used again
 * after it, and nothing may be remembered of the messages that had them before. Each case was found
 * by the random histories of `conformance_test.ts`.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { streamStoreConfig } from "../../../src/store/config.ts";
import { FileStore } from "../../../src/store/file/file_store.ts";
import { compactHalfEmpty } from "../../../src/store/file/stream/syncing.ts";
import { realEnvironment, temporaryDirectory } from "../../sim/environment.ts";
import { contentOf } from "../../sim/stream_model.ts";
import { put } from "../../sim/store_permutations.ts";

const INDEX = "S/msgs/index.db";

function opener(dir: string, maxMsgs = -1): () => FileStore {
  const config = streamStoreConfig({ name: "S", subjects: ["s"], maxMsgs });
  return () => new FileStore(realEnvironment(), { storeDir: `${dir}/S`, blockBytes: 700 }, config);
}

function seqsOf(store: FileStore): number[] {
  return contentOf(store).map(({ seq }) => seq);
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/**
 * A store with the messages 1 and 27 to 34 that was truncated to 35, a deleted one: so many
 * tombstones had to be carried over that they fill a block without messages and more.
 */
function truncated(open: () => FileStore): FileStore {
  const store = open();
  for (let i = 0; i < 40; i++) put(store, "s", `message ${i}`);
  for (const seq of [...range(2, 26), 35]) store.removeMsg(seq);
  store.truncate(35);
  return store;
}

Deno.test("a compaction leaves what tells that the last sequence was used", async () => {
  using dir = temporaryDirectory();
  const open = opener(dir.path);
  let store = truncated(open);
  compactHalfEmpty(store.core);
  assertEquals(store.state().lastSeq, 35);
  await store.stop();
  Deno.removeSync(`${dir.path}/${INDEX}`);
  store = open();
  assertEquals([store.state().lastSeq, seqsOf(store)], [35, [1, ...range(27, 34)]]);
  await store.stop();
});

Deno.test("a truncation knows of blocks with tombstones alone after a restart, too", async () => {
  using dir = temporaryDirectory();
  const open = opener(dir.path);
  let store = truncated(open);
  await store.stop();
  store = open();
  store.truncate(30);
  for (let i = 0; i < 6; i++) put(store, "s", `again ${i}`);
  store.removeMsg(33);
  const live = [1, ...range(27, 32), ...range(34, 36)];
  assertEquals(seqsOf(store), live);
  await store.stop();
  Deno.removeSync(`${dir.path}/${INDEX}`);
  store = open();
  assertEquals([seqsOf(store), store.state().msgs, store.state().lastSeq], [live, 10, 36]);
  await store.stop();
});

Deno.test("what a limit removes after a truncation is written down anew", async () => {
  using dir = temporaryDirectory();
  const open = opener(dir.path, 5);
  let store = open();
  for (let i = 0; i < 10; i++) put(store, "s", `message ${i}`);
  // Before an explicit removal the store writes down what the limit took.
  store.removeMsg(8);
  store.truncate(3);
  for (let i = 0; i < 6; i++) put(store, "s", `again ${i}`);
  store.removeMsg(9);
  assertEquals(seqsOf(store), [5, 6, 7, 8]);
  await store.stop();
  Deno.removeSync(`${dir.path}/${INDEX}`);
  store = open();
  assertEquals(seqsOf(store), [5, 6, 7, 8]);
  await store.stop();
});
