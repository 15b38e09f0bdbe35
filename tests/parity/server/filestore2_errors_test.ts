// Ports: server/filestore_test.go (write errors, damage in memory, work that overlaps)
import { assert, assertEquals, assertThrows } from "@std/assert";
import { HASH_INPUT_AT } from "../../../src/base/crypto/mod.ts";
import { systemDisk } from "../../../src/platform/deno/disk.ts";
import { type Disk, DiskError } from "../../../src/platform/disk.ts";
import { StoreError, type StoreErrorCode } from "../../../src/store/errors.ts";
import { appendMessage, flushBlock } from "../../../src/store/file/block/append.ts";
import { decompressBlock } from "../../../src/store/file/format/compression.ts";
import { buildRecord, isSaneRecord, RecordMark } from "../../../src/store/file/format/record.ts";
import { expireMsgs } from "../../../src/store/file/stream/expiry.ts";
import { writeFullState } from "../../../src/store/file/stream/full_state_io.ts";
import { backgroundPass, GroupCommit } from "../../../src/store/file/stream/syncing.ts";
import { LoadCode, StoredMsg } from "../../../src/store/stored_msg.ts";
import { realEnvironment } from "../../sim/environment.ts";
import { bytesOf, eachFileStore, get, NO_BYTES, put } from "../../sim/store_permutations.ts";
import { VirtualTime } from "../../sim/virtual_time.ts";
import { blockCount, loadCode, plainStores } from "./_filestore.ts";
import { dropBlockCache, rebuildFromFile } from "./_filestore2.ts";

/** The machine's disk; while `isReadOnly` it may not be written to, whoever runs the test. */
class ReadOnlyDisk {
  isReadOnly = false;

  disk(): Disk {
    const real = systemDisk();
    const refuse = (operation: string, path: string): void => {
      if (this.isReadOnly) throw new DiskError("EACCES", operation, path, "permission denied");
    };
    return {
      ...real,
      open: (path, mode) => {
        if (mode === "replace" || real.stat(path) === null) refuse("open", path);
        return real.open(path, mode);
      },
      rename: (from, to) => {
        refuse("rename", from);
        real.rename(from, to);
      },
    };
  }
}

function assertDenied(run: () => unknown): void {
  const error = assertThrows(run, DiskError, "permission denied");
  assertEquals(error.code, "EACCES");
}

Deno.test("TestFileStoreStoreRawMessageThrowsPermissionErrorIfFSModeReadOnly", () => {
  const readOnly = new ReadOnlyDisk();
  using stores = plainStores({ ...realEnvironment(), disk: readOnly.disk() });
  const fs = stores.open({ subjects: ["ev.1"] }, { blockBytes: 1024 });
  readOnly.isReadOnly = true;
  assertDenied(() => {
    for (let i = 0; i < 10_000; i++) put(fs, "ev.1", new Uint8Array(1024));
  });
  fs.abandon();
});

Deno.test("TestFileStoreWriteFullStateThrowsPermissionErrorIfFSModeReadOnly", async () => {
  const readOnly = new ReadOnlyDisk();
  using stores = plainStores({ ...realEnvironment(), disk: readOnly.disk() });
  const fs = stores.open({ subjects: ["ev.1"] }, { asyncFlush: true });
  for (let i = 0; i < 10_000; i++) put(fs, "ev.1", new Uint8Array(1024));
  readOnly.isReadOnly = true;
  assertDenied(() => writeFullState(fs.core, false));
  readOnly.isReadOnly = false;
  await fs.stop();
});

Deno.test("TestFileStoreSetWriteErrIgnoresReadErrors", () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: [">"] });
  const structural: StoreErrorCode[] = [
    "no_block_data",
    "deleted",
    "not_found",
    "eof",
    "corrupt_state",
    "bad_msg",
    "msg_too_large",
  ];
  for (const code of structural) {
    fs.core.freeze(new StoreError(code));
    assertEquals(fs.writeError(), null);
  }
  // A compressed block that ends too early.
  const head = new Uint8Array([...bytesOf("cmp"), 1, 40, 7, 7, 7, 0, 0, 0, 0, 0, 0, 0, 0]);
  fs.core.freeze(assertThrows(() => decompressBlock(head), StoreError));
  assertEquals(fs.writeError(), null);
  const short = new DiskError("EIO", "write", "1.blk", "short write");
  fs.core.freeze(short);
  assertEquals(fs.writeError(), short);
  fs.abandon();
});

Deno.test("TestFileStoreMsgBlockWErrNotSetOnReadErrors", () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["foo"], maxMsgsPerSubject: 1 });
  put(fs, "foo", "hello");
  const block = fs.core.lastBlock!;
  // Memory that contradicts itself, met by the removal that the next message leads to.
  block.cache!.bytes.fill(0);
  block.subjects = null;
  put(fs, "foo", "world");
  assertEquals(fs.writeError(), null);
  put(fs, "foo", "again");
  assertEquals(fs.writeError(), null);
  assertEquals(get(fs, 3)?.payload, "again");
  const short = new DiskError("EIO", "write", block.path, "short write");
  fs.core.freeze(short);
  assertThrows(() => put(fs, "foo", "again"), DiskError, "short write");
  assertEquals(fs.writeError(), short);
  fs.abandon();
});

Deno.test("TestFileStoreCorruptionSetsHbitWithoutHeaders", async (t) => {
  for (const kind of ["msgFromBuf", "indexCacheBuf", "rebuildState"]) {
    await t.step(kind, (t) =>
      eachFileStore(t, async ({ open }) => {
        const fs = open({ subjects: [">"] });
        const block = fs.core.blocks[0]!;
        const { hasher } = fs.core.env;
        hasher.setKey(block.hashKey);
        const size = buildRecord(hasher, 1, RecordMark.None, 0, 1, "", NO_BYTES, NO_BYTES);
        const record = hasher.bytes.slice(HASH_INPUT_AT, HASH_INPUT_AT + size);
        const view = new DataView(record.buffer);
        view.setUint32(0, (size | 0x80000000) >>> 0, true);
        if (kind === "msgFromBuf") assertEquals(isSaneRecord(view, 0, size), false);
        else if (kind === "indexCacheBuf") {
          block.firstSeq = block.lastSeq = block.msgs = 1;
          assertEquals(block.indexRecords(record), false);
          block.firstSeq = 1;
          block.lastSeq = block.msgs = 0;
        } else {
          const content = block.cipher === null ? record : block.cipher.apply(record, 0);
          Deno.writeFileSync(block.path, content);
          const { lost } = rebuildFromFile(block);
          assertEquals(lost, { msgs: [], bytes: size });
          assertEquals(block.msgs, 0);
        }
        await fs.stop();
      }));
  }
});

Deno.test("TestFileStoreCorruptedNonOrderedSequences", async (t) => {
  for (
    const [title, seqs, msgs, deleted] of [
      ["Unordered", [1, 3, 2, 4], 3, 1],
      ["Duplicated", [1, 2, 2, 3], 3, 0],
    ] as const
  ) {
    await t.step(title, (t) =>
      eachFileStore(t, ({ open }) => {
        const fs = open({ subjects: ["foo"] });
        const block = fs.core.lastBlock!;
        for (const seq of seqs) appendMessage(block, seq, 0, 0, "", NO_BYTES, NO_BYTES);
        flushBlock(block);
        assertEquals([block.msgs, block.deleted.size], [4, 0]);
        block.firstSeq = 0;
        rebuildFromFile(block);
        assertEquals([block.msgs, block.deleted.size], [msgs, deleted]);
        block.dropCache();
        assertEquals(block.cache, null);
        assert(block.indexRecords(block.readRecords()));
        assert(block.cache !== null);
        fs.abandon();
      }));
  }
});

Deno.test("TestFileStoreDontExpireCacheWithRecentWrite", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: [">"] });
  put(fs, "foo");
  const block = fs.core.blocks[0]!;
  const msg = new StoredMsg();
  const load = () => {
    block.lastLoadedSeq = 0;
    assertEquals(fs.loadNextMsg(">", 0, msg), LoadCode.Found);
    return block.cache !== null;
  };
  assert(block.cache !== null);
  assertEquals(load(), true);
  block.recentlyWritten = false;
  assertEquals(load(), false);
  await fs.stop();
});

Deno.test("TestFileStoreSyncBlocksFlushesAndSyncsMessages", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({}, { asyncFlush: true });
    const block = fs.core.lastBlock!;
    assertEquals(put(fs, "foo"), 1);
    assert(block.pendingBytes() > 0);
    const passing = backgroundPass(fs.core, new GroupCommit(fs.core));
    assertEquals(block.pendingBytes(), 0);
    await passing;
    assertEquals(block.needSync, false);
    dropBlockCache(block);
    assertEquals([get(fs, 1)?.subject, loadCode(fs, 1)], ["foo", LoadCode.Found]);
    await fs.stop();
  }));

Deno.test("TestFileStoreEncryptionKeyFileSyncedBySyncBlocks", async (t) => {
  const keyGen = () => new Uint8Array(32).fill(9);
  for (const syncAlways of [false, true]) {
    await t.step(`SyncAlways=${syncAlways}`, async () => {
      using stores = plainStores();
      const fs = stores.open({}, { cipher: "AES-GCM", keyGen, syncAlways });
      put(fs, "foo", "Hello World");
      const block = fs.core.lastBlock!;
      Deno.statSync(block.keyPath);
      assertEquals(block.needKeySync, !syncAlways);
      await fs.sync();
      assertEquals(block.needKeySync, false);
      await fs.stop();
    });
  }
});

Deno.test("TestFileStoreConvertToEncryptedDoesNotResurrectXoredCache", async () => {
  const keyGen = () => new Uint8Array(32).fill(9);
  using stores = plainStores();
  let fs = stores.open({ subjects: ["foo"] }, { blockBytes: 8192 });
  const payload = "MARKER-PLAINTEXT-PAYLOAD-".repeat(32);
  put(fs, "foo", payload);
  await fs.stop();
  fs = stores.open({ subjects: ["foo"] }, { blockBytes: 8192, cipher: "AES-GCM", keyGen });
  const block = fs.core.lastBlock!;
  // What is read and written after the conversion is the block as it was, not its encrypted form.
  assertEquals(get(fs, 1)?.payload, payload);
  assert(block.cipher !== null);
  const file = new TextDecoder("latin1").decode(Deno.readFileSync(block.path));
  assertEquals(file.includes("MARKER"), false);
  put(fs, "foo", "after");
  dropBlockCache(block);
  assertEquals([get(fs, 1)?.payload, get(fs, 2)?.payload], [payload, "after"]);
  await fs.stop();
});

Deno.test("TestFileStoreResetConsumerToStreamState", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["foo.*"] });
  for (let i = 1; i <= 30; i++) put(fs, `foo.${i}`, "abc");
  writeFullState(fs.core, false);
  const consumer = fs.consumerStore("c1", BigInt(Date.now()) * 1_000_000n, {
    ackPolicy: "none",
    maxDeliver: 0,
    memoryStorage: false,
  });
  const pair = (sequence: number) => ({ consumer: sequence, stream: sequence });
  const state = { delivered: pair(5), ackFloor: pair(5), pending: null, redelivered: null };
  consumer.update(state);
  assertEquals(consumer.state(), state);
  assertEquals([fs.state().lastSeq, fs.state().firstSeq], [30, 1]);
  fs.core.totals.firstSeq = 0;
  fs.core.totals.lastSeq = 0;
  const older = {
    delivered: { consumer: 1, stream: 4 },
    ackFloor: { consumer: 1, stream: 3 },
    pending: null,
    redelivered: null,
  };
  assertThrows(() => consumer.update(older), StoreError, "old update ignored");
  consumer.forceUpdate(older);
  assertEquals(consumer.state(), older);
  await fs.stop();
});

Deno.test("TestFileStoreNoDirectoryNotEmptyError", async () => {
  using stores = plainStores();
  const fs = stores.open({ name: "TEST_DELETE", subjects: ["foo"] });
  for (let i = 0; i < 100; i++) {
    const name = `delcons_${i}`;
    const consumer = fs.consumerStore(name, 0n, {
      ackPolicy: "explicit",
      maxDeliver: 0,
      memoryStorage: false,
    });
    let calls = 0;
    const starting = (async () => {
      for (;;) {
        await Promise.resolve();
        try {
          consumer.setStarting(++calls);
        } catch {
          return;
        }
      }
    })();
    for (let turn = 0; turn < i % 10; turn++) await Promise.resolve();
    consumer.delete();
    await starting;
    assertThrows(() => Deno.statSync(`${stores.dir}/obs/${name}`), Deno.errors.NotFound);
  }
  await fs.stop();
});

Deno.test("TestFileStoreStoreRawMsgVsConcurrentBlockRemovalNoWriteErr", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["foo.>"], maxMsgsPerSubject: 1 }, { blockBytes: 256 });
  const payload = new Uint8Array(128);
  let lastSeq = 0;
  let running = 4;
  // Go runs writers, removers and readers for two seconds; here 500 messages a writer, interleaved
  // at every message, with syncs on their way all the time.
  const write = async (subject: string) => {
    for (let i = 0; i < 500; i++) {
      const seq = lastSeq = put(fs, subject, payload);
      await Promise.resolve();
      if (i % 2 === 0) fs.removeMsg(seq);
      await Promise.resolve();
    }
    running--;
  };
  const read = async () => {
    const msg = new StoredMsg();
    while (running > 0) {
      if (lastSeq > 2) fs.loadMsg(lastSeq - 2, msg);
      await Promise.resolve();
    }
  };
  const sync = async () => {
    while (running > 0) await fs.sync();
  };
  await Promise.all([0, 1, 2, 3].map((i) => write(`foo.${i}`)).concat(read(), read(), sync()));
  assertEquals(fs.writeError(), null);
  put(fs, "foo.healthy", payload);
  await fs.stop();
});

Deno.test("TestFileStoreStoreRawMsgVsAgeExpiryNoWriteErr", async () => {
  const time = new VirtualTime();
  using stores = plainStores(time.environment());
  const fs = stores.open(
    { subjects: ["foo.>"], maxMsgsPerSubject: 1, maxAgeNs: 1_000_000n },
    { blockBytes: 256 },
  );
  const payload = new Uint8Array(128);
  const msg = new StoredMsg();
  const last: number[] = [];
  for (let round = 0; round < 200; round++) {
    for (let writer = 0; writer < 16; writer++) {
      last[writer] = put(fs, `foo.${writer}`, payload);
      if (writer % 4 === 0) time.advance(0.3);
      if (writer % 3 === 0) expireMsgs(fs.core);
      fs.loadMsg(last[(writer + round) % 16] ?? 1, msg);
    }
    if (round % 50 === 0) await fs.sync();
    assertEquals(fs.writeError(), null);
  }
  assert(blockCount(fs) >= 1);
  put(fs, "foo.healthy", payload);
  await fs.stop();
});
