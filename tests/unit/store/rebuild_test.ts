import { assertEquals } from "@std/assert";
import { FileStore } from "../../../src/store/file/file_store.ts";
import { rebuildBlock } from "../../../src/store/file/block/rebuild.ts";
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
