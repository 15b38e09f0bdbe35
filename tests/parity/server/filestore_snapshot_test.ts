// Ports: server/filestore_test.go: snapshots and what is restored from them.
import { assertEquals, assertRejects } from "@std/assert";
import { StoreError } from "../../../src/store/errors.ts";
import { restoreSnapshot } from "../../../src/store/file/stream/restore.ts";
import { emptyConsumerState } from "../../../src/store/consumer_state.ts";
import { temporaryDirectory } from "../../sim/environment.ts";
import { eachFileStore, get, put } from "../../sim/store_permutations.ts";
import { VirtualTime } from "../../sim/virtual_time.ts";
import { compactByHand } from "./_filestore.ts";

const NO_ACKS = { ackPolicy: "none", maxDeliver: 0, memoryStorage: false } as const;

Deno.test("TestFileStoreSnapshot", (t) => {
  const time = new VirtualTime();
  return eachFileStore(t, async ({ open }) => {
    const config = { subjects: ["foo"] };
    const fs = open(config);
    const count = 2233;
    for (let i = 0; i < count; i++) put(fs, "foo", "Hello Snappy!");
    for (const [name, floor] of [["o22", 22], ["o33", 33]] as const) {
      fs.consumerStore(name, 0n, NO_ACKS).update({
        ...emptyConsumerState(),
        delivered: { consumer: 100, stream: 100 },
        ackFloor: { consumer: floor, stream: floor },
      });
    }
    const verify = async () => {
      using dir = temporaryDirectory();
      const storeDir = `${dir.path}/restored`;
      const { disk } = fs.core.env;
      const { chunks } = fs.snapshot({ checkMsgs: true, includeConsumers: true });
      const files = await restoreSnapshot(chunks, { disk, directory: storeDir });
      assertEquals(files.consumers, ["o22", "o33"]);
      const restored = open(config, { storeDir });
      assertEquals(restored.state(), { ...fs.state(), consumers: 0 });
      const { lastSeq } = fs.state();
      assertEquals(get(restored, lastSeq), get(fs, lastSeq));
      const consumer = restored.consumerStore("o33", 0n, NO_ACKS);
      assertEquals(consumer.state().ackFloor, { consumer: 33, stream: 33 });
      await restored.stop();
    };
    await verify();
    for (let seq = 1; seq <= 100; seq++) fs.removeMsg(seq);
    await verify();
    for (let i = 0; i < 50; i++) fs.removeMsg(Math.floor(Math.random() * (count - 100)) + 101);
    await verify();
    for (const block of fs.core.blocks) {
      if (block !== fs.core.lastBlock) compactByHand(fs, block);
    }
    await verify();

    // Messages can be removed meanwhile, and a reader may give up.
    const first = fs.core.totals.firstSeq;
    const early = fs.snapshot({ checkMsgs: false, includeConsumers: true, deadlineMs: 5000 });
    assertEquals(fs.removeMsg(first), true);
    await early.chunks.return!();
    assertEquals(fs.core.snapshotsRunning, 0);

    // A reader that is too slow gets no more.
    const late = fs.snapshot({ checkMsgs: false, includeConsumers: false, deadlineMs: 25 });
    time.advance(50);
    const error = await assertRejects(() => late.chunks.next(), StoreError);
    assertEquals(error.code, "snapshot_timeout");
    assertEquals(fs.core.snapshotsRunning, 0);
    await fs.stop();
  }, time.environment());
});

Deno.test("TestFileStoreSnapshotAndSyncBlocks", (t) => {
  const time = new VirtualTime();
  return eachFileStore(t, async ({ open }) => {
    const fs = open({ subjects: ["foo"] }, { syncIntervalMs: 100 });
    const pass = async () => {
      const before = fs.core.syncTimer;
      time.advance(100);
      await fs.sync();
      // The pass that just ended plans the next one.
      await new Promise<void>((resolve) => setTimeout(resolve, 0));
      assertEquals(fs.core.syncTimer === null || fs.core.syncTimer === before, false);
    };
    await pass();
    fs.core.snapshotsRunning++;
    await pass();
    fs.core.snapshotsRunning--;
    await fs.stop();
  }, time.environment());
});
