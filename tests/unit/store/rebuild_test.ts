/**
 * Blocks whose state is made anew from their records.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { FileStore } from "../../../src/store/file/file_store.ts";
import { rebuildBlock } from "../../../src/store/file/block/rebuild.ts";
import { findDamage } from "../../../src/store/file/block/survey.ts";
import { blockHashKey, recordLength } from "../../../src/store/file/format/record.ts";
import { streamStoreConfig } from "../../../src/store/config.ts";
import { realEnvironment, temporaryDirectory } from "../../sim/environment.ts";
import { put } from "../../sim/store_permutations.ts";

// A crash between erasing a block's last message and removing the block left this behind, with an
// index.db from before: the erased record is not marked as deleted, the one after it is.
Deno.test("rebuildBlock() finds nothing alive when an erased record precedes deleted ones", async () => {
  using dir = temporaryDirectory();
  const options = { storeDir: `${dir.path}/S` };
  const fs = new FileStore(realEnvironment(), options, streamStoreConfig({ name: "S" }));
  for (let i = 0; i < 4; i++) put(fs, "a");
  fs.removeMsg(1);
  fs.removeMsg(2);
  fs.eraseMsg(3);
  const block = fs.core.lastBlock!;
  block.firstSeq = 3;
  block.deleted.empty();
  block.deleted.insert(4);
  rebuildBlock(block);
  assertEquals([block.msgs, block.firstSeq, block.lastSeq, block.deleted.size], [0, 5, 4, 0]);
  block.cache = null;
  assertEquals(block.load().slotCount, 0);
  fs.abandon();
  await Promise.resolve();
});

Deno.test("findDamage() takes no good record for damage where a length reaches over it", async () => {
  using dir = temporaryDirectory();
  const env = realEnvironment();
  const store = new FileStore(
    env,
    { storeDir: `${dir.path}/S` },
    streamStoreConfig({ name: "S" }),
  );
  for (let i = 0; i < 5; i++) put(store, "a", `message ${i}`);
  await store.stop();
  const bytes = Deno.readFileSync(`${dir.path}/S/msgs/1.blk`);
  const view = new DataView(bytes.buffer);
  const size = recordLength(view, 0);
  assertEquals(bytes.length, 5 * size);
  // The second record seems to end with the fourth one, or with the block.
  for (const records of [3, 4]) {
    view.setUint32(size, records * size, true);
    const damage = findDamage(env.hasher, blockHashKey("S", 1), bytes);
    assertEquals(damage, [{ start: size, end: 2 * size, seq: 2, isTail: false }]);
  }
});
