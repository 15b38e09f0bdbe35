// Ports: server/filestore_test.go: what Go skips by default because it measures. The volume is
// scaled down from gigabytes; what the tests assert beside their printed times holds here too. The
// speed itself is measured in bench/.
import { assert, assertEquals } from "@std/assert";
import { ConsumerFileStore } from "../../../src/store/file/consumer/consumer_file_store.ts";
import { decodeConsumerState } from "../../../src/store/file/format/consumer_state.ts";
import { recordSize } from "../../../src/store/file/format/record.ts";
import { BLOCK_BYTES_MIN } from "../../../src/store/file/stream/options.ts";
import { writeFullState } from "../../../src/store/file/stream/full_state_io.ts";
import { LoadCode } from "../../../src/store/stored_msg.ts";
import { highOfNs, lowOfNs } from "../../../src/store/timestamp.ts";
import { eachFileStore, put } from "../../sim/store_permutations.ts";
import { blockCount, indexPath, loadCode, plainStores } from "./_filestore.ts";

const KIB = "D".repeat(1024 - 33);

Deno.test("TestFileStoreCompactPerf", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({}, { blockBytes: 8192, asyncFlush: true });
    for (let i = 0; i < 10_000; i++) put(fs, "foo", "Hello World");
    assertEquals(fs.state().msgs, 10_000);
    assertEquals(fs.compact(9001), 9000);
    assertEquals([fs.state().msgs, fs.state().firstSeq], [1000, 9001]);
    await fs.stop();
  }));

Deno.test("TestFileStorePerf", (t) =>
  eachFileStore(t, async ({ open }) => {
    let fs = open({}, { asyncFlush: true });
    for (let i = 0; i < 5000; i++) put(fs, "foo", KIB);
    await fs.stop();
    fs = open();
    for (let round = 0; round < 2; round++) {
      for (let seq = 1; seq <= 5000; seq++) assertEquals(loadCode(fs, seq), LoadCode.Found);
    }
    await fs.stop();
    fs = open();
    for (let seq = 1; seq <= 5000; seq++) fs.removeMsg(seq);
    await fs.stop();
    fs = open();
    assertEquals([fs.state().msgs, fs.state().bytes], [0, 0]);
    await fs.stop();
  }));

Deno.test("TestFileStoreReadBackMsgPerf", (t) =>
  eachFileStore(t, async ({ open }) => {
    const size = recordSize(3, 0, 8);
    const blockBytes = 256 * 1024;
    const fs = open({}, { blockBytes });
    const count = Math.floor((blockBytes * 2) / size);
    for (let i = 0; i < count; i++) put(fs, "foo", "ABCDEFGH");
    const seq = Math.floor(blockBytes / size) - 22;
    assertEquals(loadCode(fs, seq), LoadCode.Found);
    assertEquals(loadCode(fs, seq + 2), LoadCode.Found);
    await fs.stop();
  }));

Deno.test("TestFileStoreStoreLimitRemovePerf", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open();
    fs.registerStorageUpdates(() => {});
    for (let i = 0; i < 2000; i++) {
      const seq = put(fs, "foo", KIB);
      if (i > 0) assertEquals(fs.removeMsg(seq - 1), true);
    }
    assertEquals(fs.state().msgs, 1);
    await fs.stop();
  }));

Deno.test("TestFileStorePubPerfWithSmallBlkSize", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({}, { blockBytes: BLOCK_BYTES_MIN });
    for (let i = 0; i < 500; i++) put(fs, "foo", KIB);
    assertEquals(fs.state().msgs, 500);
    await fs.stop();
  }));

Deno.test("TestFileStoreConsumerPerf", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open();
    const consumer = fs.consumerStore("o22", 0n, {
      ackPolicy: "explicit",
      maxDeliver: 0,
      memoryStorage: false,
    });
    assert(consumer instanceof ConsumerFileStore);
    const ns = BigInt(Date.now()) * 1_000_000n;
    for (let i = 1; i <= 10_000; i++) consumer.updateDelivered(i, i, 1, highOfNs(ns), lowOfNs(ns));
    const state = decodeConsumerState(consumer.encodedState());
    assertEquals([state.pending?.size, state.delivered.stream], [10_000, 10_000]);
    consumer.stop();
    await fs.stop();
  }));

Deno.test("TestFileStoreFetchPerf", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({ subjects: ["*"] }, { blockBytes: 8192, asyncFlush: true });
    for (let i = 0; i < 150; i++) put(fs, "zzz", "ABC".repeat(600));
    assert(blockCount(fs) > 30);
    for (let seq = 0; seq < 150; seq++) assertEquals(loadCode(fs, seq), LoadCode.Found);
    await fs.stop();
  }));

Deno.test("TestFileStoreWriteFullStateHighSubjectCardinality", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["foo.*"] }, { blockBytes: 4096 });
  for (let i = 0; i < 20_000; i++) put(fs, `subj_${i}`, new Uint8Array([1, 2, 3]));
  writeFullState(fs.core, false);
  assert(Deno.statSync(indexPath(stores)).size > 20_000 * 10);
  await fs.stop();
});
