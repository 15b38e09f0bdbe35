// Ports: server/filestore_test.go: consumer stores, and the files that describe stream and consumer.
import { assert, assertEquals, assertThrows } from "@std/assert";
import { HighwayHash } from "../../../src/base/crypto/mod.ts";
import { emptyConsumerState } from "../../../src/store/consumer_state.ts";
import type { ConsumerStoreConfig } from "../../../src/store/config.ts";
import { StoreError } from "../../../src/store/errors.ts";
import {
  decodeConsumerState,
  encodeConsumerState,
} from "../../../src/store/file/format/consumer_state.ts";
import { sha256 } from "../../../src/store/file/format/record.ts";
import type { ConsumerState, PendingAck, SequencePair } from "../../../src/store/stream_store.ts";
import { highOfNs, lowOfNs } from "../../../src/store/timestamp.ts";
import { eachFileStore, get, put } from "../../sim/store_permutations.ts";
import { VirtualTime } from "../../sim/virtual_time.ts";
import { plainStores } from "./_filestore.ts";

const NO_ACKS: ConsumerStoreConfig = { ackPolicy: "none", maxDeliver: 0, memoryStorage: false };
const EXPLICIT_ACKS: ConsumerStoreConfig = { ...NO_ACKS, ackPolicy: "explicit" };

function pair(consumer: number, stream: number): SequencePair {
  return { consumer, stream };
}

/** A pending entry at a whole second, as the file keeps it. */
function pendingAt(sequence: number, sec: number): PendingAck {
  const ns = BigInt(sec) * 1_000_000_000n;
  return { sequence, tsHigh: highOfNs(ns), tsLow: lowOfNs(ns) };
}

const nowSec = () => Math.floor(Date.now() / 1000);

Deno.test("TestFileStoreMeta", async () => {
  using stores = plainStores();
  const fs = stores.open({ name: "ZZ-22-33", subjects: ["foo.*"], replicas: 22 });
  const hasher = new HighwayHash();
  const checkSum = (dir: string, key: string) => {
    const meta = Deno.readFileSync(`${dir}/meta.inf`);
    hasher.setKey(sha256(key));
    assertEquals(Deno.readTextFileSync(`${dir}/meta.sum`), hasher.hash(meta).toHex());
    return JSON.parse(new TextDecoder().decode(meta));
  };
  const meta = checkSum(stores.dir, "ZZ-22-33");
  assertEquals([meta.name, meta.storage, meta.num_replicas], ["ZZ-22-33", "file", 22]);
  assertEquals(meta.subjects, ["foo.*"]);
  assertEquals([meta.retention, meta.discard, meta.compression], ["limits", "old", "none"]);
  assertEquals([meta.max_msgs, meta.max_bytes, meta.max_age], [-1, -1, 0]);

  const consumer = fs.consumerStore("obs22", 0n, { ...NO_ACKS, ackPolicy: "all" });
  const consumerMeta = checkSum(`${stores.dir}/obs/obs22`, "ZZ-22-33/obs22");
  assertEquals([consumerMeta.Name, consumerMeta.ack_policy], ["obs22", "all"]);
  consumer.stop();
  await fs.stop();

  // What JetStream knows beyond that is its own encoder's: the file has exactly what it gives.
  using others = plainStores();
  const other = others.open({ name: "ZZ-22-33" }, {
    encodeConsumer: (name) =>
      new TextEncoder().encode(
        JSON.stringify({ name, deliver_subject: "d", filter_subject: "foo" }),
      ),
  });
  other.consumerStore("obs22", 0n, NO_ACKS);
  assertEquals(checkSum(`${others.dir}/obs/obs22`, "ZZ-22-33/obs22"), {
    name: "obs22",
    deliver_subject: "d",
    filter_subject: "foo",
  });
  await other.stop();
});

Deno.test("TestFileStoreConsumer", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open();
    const consumer = fs.consumerStore("obs22", 0n, NO_ACKS);
    assertEquals(consumer.state().delivered.consumer, 0);
    const state = emptyConsumerState();
    const accepted = () => {
      consumer.update(state);
      assertEquals(consumer.state(), state);
    };
    const refused = () => assertThrows(() => consumer.update(state), StoreError);
    state.delivered = pair(1, 22);
    accepted();
    state.delivered = pair(100, 122);
    state.ackFloor = pair(50, 123);
    refused();
    state.ackFloor = pair(200, 100);
    refused();
    state.ackFloor = pair(50, 72);
    accepted();
    // Below the floor, above what was delivered, on the floor.
    for (const seq of [70, 140, 72]) {
      state.pending = new Map([[seq, pendingAt(seq, nowSec())]]);
      refused();
    }
    let sec = nowSec() - 30;
    const next = () => pendingAt(0, ++sec);
    const some = () => new Map([75, 80, 83, 90, 111].map((seq) => [seq, next()]));
    state.pending = some();
    accepted();
    state.pending = null;
    state.redelivered = new Map([[22, 3], [44, 8]]);
    accepted();
    state.pending = some();
    accepted();
    state.delivered = pair(10_000, 10_000);
    state.ackFloor = pair(100, 100);
    const many: Map<number, PendingAck> = new Map();
    while (many.size < 8192) {
      const seq = Math.floor(Math.random() * 9890) + 101;
      if (!many.has(seq)) many.set(seq, next());
    }
    state.pending = many;
    accepted();
    state.pending = null;
    state.ackFloor = pair(10_000, 10_000);
    accepted();
    consumer.stop();
    await fs.stop();
  }));

Deno.test("TestFileStoreConsumerEncodeDecodeRedelivered", () => {
  const state: ConsumerState = {
    delivered: pair(100, 100),
    ackFloor: pair(50, 50),
    pending: null,
    redelivered: new Map([[122, 3], [144, 8]]),
  };
  assertEquals(decodeConsumerState(encodeConsumerState(state, Date.now())), state);
});

Deno.test("TestFileStoreConsumerEncodeDecodePendingBelowStreamAckFloor", () => {
  const sec = nowSec() - 10;
  const state: ConsumerState = {
    delivered: pair(1192, 10185),
    ackFloor: pair(1189, 10815),
    pending: new Map([
      [10782, pendingAt(1190, sec)],
      [10810, pendingAt(1191, sec + 1)],
      [10815, pendingAt(1192, sec + 2)],
    ]),
    redelivered: null,
  };
  assertEquals(decodeConsumerState(encodeConsumerState(state, Date.now())), state);
});

Deno.test("TestFileStoreBadConsumerState", () => {
  const bytes = Uint8Array.fromHex("1602010103020198f48a8a0c010386fa0a010001");
  assert(decodeConsumerState(bytes).delivered.consumer >= 0);
});

Deno.test("TestFileStoreConsumerRedeliveredLost", (t) => {
  const time = new VirtualTime();
  return eachFileStore(t, async ({ open }) => {
    const fs = open();
    let consumer = fs.consumerStore("o22", 0n, EXPLICIT_ACKS);
    const restart = () => {
      consumer.stop();
      time.advance(20);
      consumer = fs.consumerStore("o22", 0n, EXPLICIT_ACKS);
      assert((consumer.state().redelivered?.size ?? 0) > 0);
    };
    const ns = BigInt(time.nowMs) * 1_000_000n;
    const delivered = (consumerSeq: number, streamSeq: number, count: number) =>
      consumer.updateDelivered(consumerSeq, streamSeq, count, highOfNs(ns), lowOfNs(ns));
    for (let i = 1; i <= 4; i++) delivered(i, 1, i);
    delivered(5, 2, 1);
    restart();
    delivered(6, 2, 2);
    delivered(7, 3, 1);
    restart();
    assertEquals(consumer.state().pending?.size, 3);
    consumer.updateAcks(7, 3);
    consumer.updateAcks(6, 2);
    restart();
    consumer.updateAcks(4, 1);
    const { pending, redelivered } = consumer.state();
    assertEquals([pending?.size ?? 0, redelivered?.size ?? 0], [0, 0]);
    consumer.stop();
    await fs.stop();
  }, time.environment());
});

Deno.test("TestFileStoreConsumerUpdateAcksFlushesRedelivered", (t) => {
  const time = new VirtualTime();
  return eachFileStore(t, async ({ open }) => {
    const fs = open();
    const config = { ...EXPLICIT_ACKS, maxDeliver: 1 };
    let consumer = fs.consumerStore("o22", 0n, config);
    const restart = () => {
      consumer.stop();
      time.advance(200);
      consumer = fs.consumerStore("o22", 0n, config);
    };
    const ns = BigInt(time.nowMs) * 1_000_000n;
    consumer.updateDelivered(1, 1, 1, highOfNs(ns), lowOfNs(ns));
    // More deliveries than allowed: not pending any more, still known as redelivered.
    consumer.updateDelivered(2, 1, 2, highOfNs(ns), lowOfNs(ns));
    restart();
    let state = consumer.state();
    assertEquals([state.pending?.size ?? 0, state.redelivered?.size ?? 0], [0, 1]);
    const error = assertThrows(() => consumer.updateAcks(2, 1), StoreError);
    assertEquals(error.code, "not_found");
    restart();
    state = consumer.state();
    assertEquals(state.redelivered?.size ?? 0, 0);
    consumer.stop();
    await fs.stop();
  }, time.environment());
});

Deno.test("TestFileStoreConsumerDeliveredUpdates", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open();
    const consumer = fs.consumerStore("o22", 0n, NO_ACKS);
    const ns = BigInt(Date.now()) * 1_000_000n;
    const delivered = (consumerSeq: number, streamSeq: number, count = 1) =>
      consumer.updateDelivered(consumerSeq, streamSeq, count, highOfNs(ns), lowOfNs(ns));
    for (const [consumerSeq, streamSeq] of [[1, 100], [2, 110], [5, 130]] as const) {
      delivered(consumerSeq, streamSeq);
      const state = consumer.state();
      assertEquals(state.delivered, pair(consumerSeq, streamSeq));
      assertEquals(state.ackFloor, pair(consumerSeq, streamSeq));
      assertEquals(state.pending?.size ?? 0, 0);
    }
    for (const refused of [() => consumer.updateAcks(1, 100), () => delivered(5, 130, 2)]) {
      assertEquals(assertThrows(refused, StoreError).code, "no_ack_policy");
    }
    consumer.stop();
    await fs.stop();
  }));

Deno.test("TestFileStoreConsumerDeliveredAndAckUpdates", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open();
    let consumer = fs.consumerStore("o22", 0n, EXPLICIT_ACKS);
    let pending = 0;
    const delivered = (consumerSeq: number, streamSeq: number) => {
      const { tsHigh, tsLow } = pendingAt(0, nowSec());
      consumer.updateDelivered(consumerSeq, streamSeq, 1, tsHigh, tsLow);
      pending++;
      const state = consumer.state();
      assertEquals(state.delivered, pair(consumerSeq, streamSeq));
      assertEquals(state.pending?.size, pending);
    };
    const acked = (consumerSeq: number, streamSeq: number, floor: SequencePair) => {
      consumer.updateAcks(consumerSeq, streamSeq);
      pending--;
      const state = consumer.state();
      assertEquals(state.pending?.size ?? 0, pending);
      assertEquals(state.ackFloor, floor);
    };
    delivered(1, 100);
    delivered(2, 110);
    delivered(3, 130);
    delivered(4, 150);
    delivered(5, 165);
    assertThrows(() => consumer.updateAcks(3, 101), StoreError);
    assertThrows(() => consumer.updateAcks(1, 1), StoreError);
    acked(1, 100, pair(1, 109));
    acked(3, 130, pair(1, 109));
    acked(2, 110, pair(3, 149));
    acked(5, 165, pair(3, 149));
    acked(4, 150, pair(5, 165));
    delivered(6, 170);
    delivered(7, 171);
    delivered(8, 172);
    delivered(9, 173);
    delivered(10, 200);
    acked(7, 171, pair(5, 165));
    acked(8, 172, pair(5, 165));
    const state = consumer.state();
    consumer.stop();
    consumer = fs.consumerStore("o22", 0n, EXPLICIT_ACKS);
    assertEquals(consumer.state(), state);
    consumer.stop();
    await fs.stop();
  }));

Deno.test("TestFileStoreConsumerStoreEncodeAfterRestart", (t) =>
  eachFileStore(t, async ({ open }) => {
    const state: ConsumerState = { ...emptyConsumerState(), delivered: pair(22, 22) };
    state.ackFloor = pair(11, 11);
    let fs = open();
    let consumer = fs.consumerStore("o22", 0n, EXPLICIT_ACKS);
    consumer.update(state);
    consumer.stop();
    await fs.stop();
    fs = open();
    consumer = fs.consumerStore("o22", 0n, EXPLICIT_ACKS);
    assertEquals(consumer.borrowState().delivered, state.delivered);
    assertEquals(consumer.borrowState().ackFloor, state.ackFloor);
    consumer.stop();
    await fs.stop();
  }));

Deno.test("TestFileStoreEncrypted", (t) =>
  eachFileStore(t, async ({ open }) => {
    let fs = open();
    for (let i = 0; i < 50; i++) put(fs, "foo", "aes ftw");
    let consumer = fs.consumerStore("o22", 0n, NO_ACKS);
    const state = { ...emptyConsumerState(), delivered: pair(22, 22), ackFloor: pair(11, 11) };
    consumer.update(state);
    consumer.stop();
    await fs.stop();
    fs = open();
    assertEquals(get(fs, 10)?.payload, "aes ftw");
    consumer = fs.consumerStore("o22", 0n, NO_ACKS);
    assertEquals(consumer.state().delivered, state.delivered);
    assertEquals(consumer.state().ackFloor, state.ackFloor);
    consumer.stop();
    await fs.stop();
  }));
