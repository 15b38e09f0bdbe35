// Ports: server/filestore_test.go: purging everything, a subject, or up to a sequence.
import { assert, assertEquals } from "@std/assert";
import { recordSize } from "../../../src/store/file/format/record.ts";
import { writeFullState } from "../../../src/store/file/stream/full_state_io.ts";
import { eachFileStore, put, type Reopenable } from "../../sim/store_permutations.ts";
import { blockCount, indexPath, plainStores } from "./_filestore.ts";

function copyTree(from: string, to: string): void {
  Deno.mkdirSync(to, { recursive: true });
  for (const entry of Deno.readDirSync(from)) {
    Deno.copyFileSync(`${from}/${entry.name}`, `${to}/${entry.name}`);
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

Deno.test("TestFileStorePurge", (t) =>
  eachFileStore(t, async ({ dir, open }) => {
    const blockBytes = 64 * 1024;
    const payload = new Uint8Array(8 * 1024);
    const size = recordSize(3, 0, payload.length);
    // 128 of Go's 1024 messages, 19 blocks.
    const count = 128;
    const fill = () => {
      for (let i = 0; i < count; i++) put(fs, "foo", payload);
      assertEquals([fs.state().msgs, fs.state().bytes], [count, count * size]);
    };
    let fs = open({}, { blockBytes });
    fill();
    assert(blockCount(fs) > Math.floor((size * count) / blockBytes));
    fs.purge();
    assertEquals(blockCount(fs), 1);
    const checkPurged = (stored: number) => {
      const { msgs, bytes, firstSeq, lastSeq } = fs.state();
      assertEquals([msgs, bytes, firstSeq, lastSeq], [0, 0, stored + 1, stored]);
    };
    checkPurged(count);
    await fs.stop();
    fs = open({}, { blockBytes });
    assertEquals(blockCount(fs), 1);
    checkPurged(count);

    // As if the machine stopped before the old directory was removed.
    fill();
    Deno.renameSync(`${dir}/msgs`, `${dir}/ptest`);
    Deno.mkdirSync(`${dir}/msgs`);
    fs.purge();
    checkPurged(2 * count);
    await fs.stop();
    Deno.renameSync(`${dir}/ptest`, `${dir}/__msgs__`);
    fs = open({}, { blockBytes });
    assertEquals(blockCount(fs), 1);
    checkPurged(2 * count);
    assertEquals(exists(`${dir}/__msgs__`), false);
    await fs.stop();
  }));

Deno.test("TestFileStoreEncryptedPurgeRecoveryAfterKeyRename", async (t) => {
  await eachFileStore(t, async ({ dir, open }) => {
    const options = { blockBytes: 64 * 1024 };
    let fs = open({}, options);
    // Only encrypted stores have keys; Go runs this for AES without compression.
    if (fs.core.keys === null || fs.core.compression !== "none") return await fs.stop();
    for (let i = 0; i < 128; i++) put(fs, "foo", new Uint8Array(8 * 1024));
    const before = fs.state();
    copyTree(`${dir}/msgs`, `${dir}/msgs.pre`);
    fs.purge();
    const index = fs.core.lastBlock!.index;
    fs.abandon();

    Deno.renameSync(`${dir}/msgs`, `${dir}/msgs.post`);
    copyTree(`${dir}/msgs.pre`, `${dir}/msgs`);
    if (exists(`${dir}/msgs/index.db`)) Deno.removeSync(`${dir}/msgs/index.db`);
    Deno.renameSync(`${dir}/msgs.post/${index}.blk`, `${dir}/msgs/${index}.blk`);
    // The key was moved to the new directory, the block was not yet.
    Deno.mkdirSync(`${dir}/__new_msgs__`);
    Deno.renameSync(`${dir}/msgs.post/${index}.key`, `${dir}/__new_msgs__/${index}.key`);
    fs = open({}, options);
    const { msgs, bytes, firstSeq, lastSeq } = fs.state();
    assertEquals([msgs, bytes], [before.msgs, before.bytes]);
    assertEquals([firstSeq, lastSeq], [before.firstSeq, before.lastSeq]);
    assertEquals(exists(`${dir}/msgs/${index}.blk`), false);
    assertEquals(exists(`${dir}/__new_msgs__`), false);
    await fs.stop();
  });
});

Deno.test("TestFileStorePurgeExWithSubject", (t) =>
  eachFileStore(t, async (stores) => {
    const open = () => stores.open({ subjects: ["foo.>"] }, { blockBytes: 1000 });
    let fs = open();
    put(fs, "foo.0", new Uint8Array(20));
    for (let i = 0; i < 200; i++) put(fs, "foo.1", new Uint8Array(20));
    put(fs, "foo.2", "xxxxxx");
    writeFullState(fs.core, true);
    const index = Deno.readFileSync(indexPath(stores));
    assert(index.length > 0);
    assertEquals(fs.purgeEx("foo.1", 0, 0), 200);
    const before = fs.state();
    assertEquals([before.msgs, before.firstSeq], [2, 1]);
    await fs.stop();
    fs = open();
    assertEquals(fs.state(), before);
    await fs.stop();

    Deno.removeSync(indexPath(stores));
    fs = open();
    assertEquals(fs.state(), before);
    await fs.stop();

    // A crash after the purge leaves the index from before it.
    Deno.writeFileSync(indexPath(stores), index);
    fs = open();
    assertEquals(fs.state(), before);
    await fs.stop();
  }));

Deno.test("TestFileStorePurgeExNoTombsOnBlockRemoval", (t) =>
  eachFileStore(t, async (stores) => {
    const open = () => stores.open({ subjects: ["foo.>"] }, { blockBytes: 1000 });
    let fs = open();
    for (let i = 0; i < 100; i++) put(fs, "foo.1", new Uint8Array(20));
    put(fs, "foo.2", new Uint8Array(20));
    assertEquals(blockCount(fs), 6);
    writeFullState(fs.core, true);
    const index = Deno.readFileSync(indexPath(stores));
    assert(index.length > 0);
    assertEquals(fs.purgeEx("foo.1", 0, 0), 100);
    assertEquals([fs.state().msgs, fs.state().firstSeq], [1, 101]);
    assertEquals(blockCount(fs), 1);
    await fs.stop();
    Deno.writeFileSync(indexPath(stores), index);
    fs = open();
    assertEquals([fs.state().msgs, fs.state().firstSeq], [1, 101]);
    await fs.stop();
  }));

Deno.test("TestFileStoreKeepWithDeletedMsgsBug", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["*"] });
  for (let i = 0; i < 5; i++) {
    put(fs, "A", "A".repeat(19));
    put(fs, "B", "A".repeat(19));
  }
  assertEquals(fs.purgeEx("A", 0, 0), 5);
  assertEquals(fs.purgeEx("", 0, 2), 3);
  await fs.stop();
});

Deno.test("TestFileStoreWriteFullStateAfterPurgeEx", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["foo.*"] });
  for (let i = 1; i <= 10; i++) put(fs, `foo.${i}`, "abc");
  for (const seq of [8, 9, 10]) fs.removeMsg(seq);
  assertEquals(fs.purgeEx(">", 8, 0), 7);
  assertEquals([fs.state().firstSeq, fs.state().lastSeq], [11, 10]);
  writeFullState(fs.core, false);
  assertEquals([fs.state().firstSeq, fs.state().lastSeq], [11, 10]);
  await fs.stop();
});

async function fullStatePurge(stores: Reopenable, withoutIndex: boolean): Promise<void> {
  const open = () => stores.open({ subjects: ["*"] }, { blockBytes: 132 });
  const payload = "A".repeat(19);
  let fs = open();
  const restartsAs = async () => {
    const before = fs.state();
    await fs.stop();
    if (withoutIndex) Deno.removeSync(indexPath(stores));
    fs = open();
    assertEquals(fs.state(), before);
    if (!withoutIndex) return before;
    fs.core.recount();
    assertEquals(fs.state(), before);
    return before;
  };
  for (let i = 0; i < 10; i++) put(fs, "A", payload);
  assertEquals(fs.purge(), 10);
  await restartsAs();

  for (let i = 0; i < 5; i++) {
    put(fs, "B", payload);
    put(fs, "C", payload);
  }
  assertEquals(fs.purgeEx("B", 0, 0), 5);
  await restartsAs();

  assertEquals(fs.purgeEx("", 0, 2), 3);
  const kept = fs.state();
  assertEquals([kept.msgs, kept.firstSeq, kept.lastSeq], [2, 18, 20]);
  await restartsAs();
  assertEquals(fs.purge(), 2);
  await restartsAs();
  await fs.stop();
}

Deno.test("TestFileStoreFullStatePurge", (t) =>
  eachFileStore(t, (stores) => fullStatePurge(stores, false)));

Deno.test("TestFileStoreFullStatePurgeFullRecovery", (t) =>
  eachFileStore(t, (stores) => fullStatePurge(stores, true)));
