// Ports: server/filestore_test.go (truncating, skipping, flushing at the end of the turn)
import { assert, assertEquals } from "@std/assert";
import { firstSeqOf } from "../../../src/store/file/stream/removal.ts";
import { writeFullState } from "../../../src/store/file/stream/full_state_io.ts";
import { LoadCode } from "../../../src/store/stored_msg.ts";
import { eachFileStore, put } from "../../sim/store_permutations.ts";
import { blockCount, loadCode } from "./_filestore.ts";
import { dropBlockCache, figures, isCompressed } from "./_filestore2.ts";

Deno.test("TestFileStoreAsyncTruncate", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({}, { blockBytes: 8192, asyncFlush: true });
    for (const seq of [1, 2]) assertEquals(put(fs, "foo", new Uint8Array(100)), seq);
    // Nothing ends the turn: what was stored is still to be written.
    assert(fs.core.lastBlock!.pendingBytes() > 0);
    fs.truncate(1);
    assertEquals(figures(fs), [1, 1, 1]);
    for (const block of fs.core.blocks) assertEquals(block.pendingBytes(), 0);
    await fs.stop();
  }));

Deno.test("TestFileStoreAsyncFlushOnSkipMsgs", async (t) => {
  for (const turnsEnd of [true, false]) {
    await t.step(`NoFlushLoop=${!turnsEnd}`, (t) =>
      eachFileStore(t, async ({ open }) => {
        const fs = open({}, { blockBytes: 8192, asyncFlush: true });
        const first = fs.core.lastBlock!;
        assertEquals(first.pendingBytes(), 0);
        put(fs, "foo");
        if (turnsEnd) await Promise.resolve();
        else assertEquals(first.pendingBytes(), 33);
        fs.skipMsgs(2, 100_000);
        assertEquals(blockCount(fs), 2);
        assertEquals(first.pendingBytes(), 0);
        await Promise.resolve();
        await Promise.resolve();
        assertEquals(fs.core.blocks[1]!.pendingBytes(), 0);
        await fs.stop();
      }));
  }
});

Deno.test("TestFileStoreCompressionAfterTruncate", async (t) => {
  // Go's third action, removing with a tombstone, is what every removal is here.
  for (const action of ["RemoveMsg", "EraseMsg"] as const) {
    await t.step(action, (t) =>
      eachFileStore(t, async ({ open }) => {
        const fs = open({ subjects: ["foo"] });
        const compresses = fs.core.compression === "s2";
        put(fs, "foo");
        put(fs, "foo");
        const block = fs.core.blocks[0]!;
        assertEquals(isCompressed(fs, block), false);
        fs.core.newBlock();
        assertEquals(isCompressed(fs, block), compresses);
        put(fs, "foo");
        assert(action === "RemoveMsg" ? fs.removeMsg(2) : fs.eraseMsg(2));
        assertEquals(figures(fs), [2, 1, 3]);
        assertEquals(fs.state().numDeleted, 1);
        fs.truncate(2);
        assertEquals(figures(fs), [1, 1, 2]);
        assertEquals(fs.state().numDeleted, 1);
        const last = fs.core.lastBlock!;
        const check = () => {
          assertEquals(isCompressed(fs, last), false);
          if (block !== last) assertEquals(isCompressed(fs, block), compresses);
        };
        check();
        writeFullState(fs.core, true);
        assertEquals(put(fs, "foo"), 3);
        writeFullState(fs.core, true);
        dropBlockCache(block);
        block.load();
        check();
        await fs.stop();
      }));
  }
});

Deno.test("TestFileStoreTruncateRemovedBlock", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({ subjects: ["foo"] });
    for (let i = 0; i < 3; i++) {
      if (i > 0) fs.core.newBlock();
      put(fs, "foo");
    }
    assertEquals(blockCount(fs), 3);
    assertEquals([...figures(fs), fs.state().numDeleted], [3, 1, 3, 0]);
    assert(fs.removeMsg(2));
    assertEquals(blockCount(fs), 2);
    assertEquals([...figures(fs), fs.state().numDeleted], [2, 1, 3, 1]);
    fs.truncate(2);
    assertEquals([...figures(fs), fs.state().numDeleted], [1, 1, 2, 1]);
    assertEquals(firstSeqOf(fs.core, "foo"), 1);
    await fs.stop();
  }));

Deno.test("TestFileStoreCorrectChecksumAfterTruncate", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open();
    let third = new Uint8Array(0);
    for (let i = 0; i < 5; i++) {
      put(fs, "foo");
      if (i === 2) third = fs.core.blocks[0]!.lastChecksum().slice();
    }
    assertEquals(third.length, 8);
    fs.truncate(3);
    assertEquals(fs.core.blocks[0]!.lastChecksum(), third);
    dropBlockCache(fs.core.blocks[0]!);
    assertEquals(fs.core.blocks[0]!.lastChecksum(), third);
    await fs.stop();
  }));

Deno.test("TestFileStoreCacheLookupOnEmptyBlock", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({ subjects: ["foo"] });
    const block = fs.core.lastBlock!;
    block.dropCache();
    assertEquals(block.cache, null);
    assertEquals(loadCode(fs, block.firstSeq), LoadCode.Eof);
    assertEquals(block.cache, null);
    await fs.stop();
  }));
