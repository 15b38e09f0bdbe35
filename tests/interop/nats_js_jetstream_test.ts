/**
 * The official JavaScript clients of JetStream, key-value and object store, and of services,
 * against natsts.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  AckPolicy,
  DeliverPolicy,
  jetstream,
  JetStreamApiError,
  jetstreamManager,
  type JsMsg,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { Objm } from "@nats-io/obj";
import { Svcm } from "@nats-io/services";
import type { NatsConnection } from "@nats-io/transport-node";
import { jetStreamServer } from "../harness/jetstream.ts";

// The clients keep timers of their own a moment after they were closed.
const relaxed = { sanitizeOps: false, sanitizeResources: false };
const encoder = new TextEncoder();

function clientTest(name: string, use: (nc: NatsConnection) => Promise<void>): void {
  Deno.test({ name: `nats.js ${name}`, ...relaxed }, async () => {
    await using server = await jetStreamServer();
    const { nc } = await server.jetStream();
    await use(nc);
  });
}

/** Collects `count` items of an endless list. */
async function take<T>(list: AsyncIterable<T>, count: number): Promise<T[]> {
  const all: T[] = [];
  for await (const item of list) if (all.push(item) === count) break;
  return all;
}

clientTest("manages streams", async (nc) => {
  const jsm = await jetstreamManager(nc);
  const created = await jsm.streams.add({
    name: "ORDERS",
    subjects: ["orders.>"],
    storage: StorageType.File,
    max_msgs: 100,
  });
  assertEquals(created.config.max_msgs, 100);
  const js = jetstream(nc);
  for (let i = 1; i <= 10; i++) await js.publish(`orders.${i % 2}`, `${i}`, { msgID: `${i}` });
  assert((await js.publish("orders.1", "again", { msgID: "1" })).duplicate);
  const info = await jsm.streams.info("ORDERS", { subjects_filter: ">" });
  assertEquals(info.state.messages, 10);
  assertEquals(info.state.subjects, { "orders.0": 5, "orders.1": 5 });
  assertEquals((await jsm.streams.getMessage("ORDERS", { seq: 3 }))?.string(), "3");
  assert(await jsm.streams.deleteMessage("ORDERS", 3));
  await jsm.streams.update("ORDERS", { max_msgs: 5 });
  assertEquals((await jsm.streams.info("ORDERS")).state.messages, 5);
  assertEquals((await jsm.streams.purge("ORDERS", { filter: "orders.0" })).purged, 3);
  const names: string[] = [];
  for await (const name of jsm.streams.names()) names.push(name);
  assertEquals(names, ["ORDERS"]);
  const error = await assertRejects(() => jsm.streams.info("NONE"), JetStreamApiError);
  assertEquals((error as JetStreamApiError).code, 10059);
  const account = await jsm.getAccountInfo();
  assertEquals(account.streams, 1);
  assert(await jsm.streams.delete("ORDERS"));
});

clientTest("publishes with expectations", async (nc) => {
  const jsm = await jetstreamManager(nc);
  await jsm.streams.add({ name: "S", subjects: ["s.>"] });
  const js = jetstream(nc);
  assertEquals((await js.publish("s.1", "a", { expect: { lastSequence: 0 } })).seq, 1);
  await assertRejects(
    () => js.publish("s.1", "b", { expect: { lastSequence: 9 } }),
    Error,
    "wrong last sequence: 1",
  );
  await assertRejects(
    () => js.publish("s.1", "b", { expect: { lastSubjectSequence: 7 } }),
    Error,
    "wrong last sequence: 1",
  );
  await assertRejects(() => js.publish("nobody", "x"), Error);
});

clientTest("consumes, fetches and acknowledges", async (nc) => {
  const jsm = await jetstreamManager(nc);
  await jsm.streams.add({ name: "W", subjects: ["w.>"], retention: RetentionPolicy.Workqueue });
  const js = jetstream(nc);
  for (let i = 1; i <= 20; i++) await js.publish("w.job", `${i}`);
  await jsm.consumers.add("W", { durable_name: "C", ack_policy: AckPolicy.Explicit });
  const consumer = await js.consumers.get("W", "C");
  const fetched: JsMsg[] = [];
  for await (const m of await consumer.fetch({ max_messages: 5, expires: 2000 })) fetched.push(m);
  assertEquals(fetched.map((m) => m.string()), ["1", "2", "3", "4", "5"]);
  fetched[0]!.nak();
  for (const m of fetched.slice(1)) assert(await m.ackAck());
  const again = await consumer.next();
  assertEquals(again?.string(), "1");
  assertEquals(again?.info.deliveryCount, 2);
  again?.ack();
  const messages = await consumer.consume({ max_messages: 7 });
  const rest: string[] = [];
  for await (const m of messages) {
    rest.push(m.string());
    await m.ackAck();
    if (rest.length === 15) break;
  }
  assertEquals(rest, Array.from({ length: 15 }, (_, i) => `${i + 6}`));
  assertEquals((await jsm.streams.info("W")).state.messages, 0);
  assertEquals((await consumer.info()).num_ack_pending, 0);
  assertEquals(await consumer.next({ expires: 1000 }), null);
});

clientTest("reads in order, also where consumers vanish", async (nc) => {
  const jsm = await jetstreamManager(nc);
  await jsm.streams.add({ name: "S", subjects: ["s.>"], allow_direct: true });
  const js = jetstream(nc);
  for (let i = 1; i <= 50; i++) await js.publish(`s.${i % 5}`, `${i}`);
  const ordered = await js.consumers.get("S", { filter_subjects: ["s.1", "s.2"] });
  const seen: string[] = [];
  for await (const m of await ordered.consume()) {
    seen.push(m.string());
    if (seen.length === 10) {
      await (await js.consumers.get("S", (await ordered.info()).name)).delete();
    }
    if (seen.length === 20) break;
  }
  const expected = Array.from({ length: 50 }, (_, i) => i + 1).filter((i) =>
    [1, 2].includes(i % 5)
  );
  assertEquals(seen, expected.map(String));
  const direct = await jsm.direct.getMessage("S", { last_by_subj: "s.3" });
  assertEquals(direct?.string(), "48");
  const batch: string[] = [];
  for await (const m of await jsm.direct.getBatch("S", { seq: 10, batch: 3 })) {
    batch.push(m.string());
  }
  assertEquals(batch, ["10", "11", "12"]);
  const last: string[] = [];
  for await (const m of await jsm.direct.getLastMessagesFor("S", { multi_last: ["s.*"] })) {
    last.push(m.string());
  }
  assertEquals(last, ["46", "47", "48", "49", "50"]);
});

clientTest("pushes to subscribers", async (nc) => {
  const jsm = await jetstreamManager(nc);
  await jsm.streams.add({ name: "S", subjects: ["s"] });
  const js = jetstream(nc);
  for (let i = 1; i <= 5; i++) await js.publish("s", `${i}`);
  await jsm.consumers.add("S", {
    durable_name: "P",
    deliver_subject: "to.me",
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: 2,
    flow_control: true,
    idle_heartbeat: 1_000_000_000,
  });
  const push = await js.consumers.getPushConsumer("S", "P");
  const messages = await push.consume();
  const seen: string[] = [];
  for await (const m of messages) {
    seen.push(m.string());
    m.ack();
    if (seen.length === 4) break;
  }
  assertEquals(seen, ["2", "3", "4", "5"]);
});

clientTest("keeps keys and values", async (nc) => {
  const kv = await new Kvm(nc).create(
    "CONFIG",
    { history: 5, ttl: 0, allow_msg_ttl: true } as never,
  );
  assertEquals(await kv.put("a.b", "1"), 1);
  assertEquals(await kv.put("a.b", "2"), 2);
  assertEquals((await kv.get("a.b"))?.string(), "2");
  assertEquals(await kv.create("c", "first"), 3);
  await assertRejects(() => kv.create("c", "second"), Error, "wrong last sequence");
  assertEquals(await kv.update("c", "second", 3), 4);
  await assertRejects(() => kv.update("c", "third", 3), Error, "wrong last sequence");
  const watched = take(await kv.watch({ key: "a.>" }), 2);
  await kv.put("a.d", "seen");
  assertEquals((await watched).map((entry) => entry.key), ["a.b", "a.d"]);
  const history: string[] = [];
  for await (const entry of await kv.history({ key: "a.b" })) history.push(entry.string());
  assertEquals(history, ["1", "2"]);
  await kv.delete("c");
  assertEquals((await kv.get("c"))?.operation, "DEL");
  const keys: string[] = [];
  for await (const key of await kv.keys()) keys.push(key);
  assertEquals(keys.toSorted(), ["a.b", "a.d"]);
  await kv.purge("a.b");
  assertEquals((await kv.get("a.b"))?.operation, "PURGE");
  const status = await kv.status();
  assertEquals(status.history, 5);
  const listed: string[] = [];
  for await (const { bucket } of new Kvm(nc).list()) listed.push(bucket);
  assertEquals(listed, ["CONFIG"]);
  assert(await kv.destroy());
});

clientTest("keeps objects", async (nc) => {
  const store = await new Objm(nc).create("FILES", { description: "files" });
  const big = new Uint8Array(700_000).map((_, i) => i % 251);
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < big.length; at += 50_000) {
        controller.enqueue(big.subarray(at, at + 50_000));
      }
      controller.close();
    },
  });
  const info = await store.put({ name: "big", options: { max_chunk_size: 64 * 1024 } }, stream);
  assertEquals(info.size, big.length);
  await store.putBlob({ name: "small" }, encoder.encode("hello"));
  const read = await store.getBlob("big");
  assertEquals(read, big);
  assertEquals((await store.list()).map(({ name }) => name).toSorted(), ["big", "small"]);
  await store.update("small", { name: "little" });
  assertEquals(new TextDecoder().decode((await store.getBlob("little"))!), "hello");
  await store.delete("big");
  assertEquals(await store.getBlob("big"), null);
  await store.seal();
  await assertRejects(() => store.putBlob({ name: "more" }, encoder.encode("x")), Error);
  assert(await store.destroy());
});

clientTest("runs services", async (nc) => {
  // The newest release of the package declares an older core, which works with this connection.
  const services = new Svcm(nc as unknown as ConstructorParameters<typeof Svcm>[0]);
  const service = await services.add({ name: "math", version: "1.0.0" });
  service.addEndpoint("double", (error, m) => {
    assertEquals(error, null);
    m.respond(`${Number(m.string()) * 2}`);
  });
  assertEquals((await nc.request("double", "21")).string(), "42");
  const client = services.client();
  const infos = [];
  for await (const info of await client.info("math")) infos.push(info.name);
  assertEquals(infos, ["math"]);
  const stats = [];
  for await (const one of await client.stats("math")) stats.push(one.endpoints?.[0]?.num_requests);
  assertEquals(stats, [1]);
  await service.stop();
});
