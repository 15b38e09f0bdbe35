// Ports: server/jetstream_test.go
/**
 * Lives of messages, what is left of subjects, and rollups (server/jetstream_test.go).
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Msg } from "@nats-io/transport-node";
import { FileStore, type MemoryStore } from "../../../src/store/mod.ts";
import { deliveryInfo, jetStreamServer, type JsClient } from "../../harness/jetstream.ts";
import type { Inbox } from "../../harness/server.ts";
import { until } from "../../harness/server.ts";
import { headerOf, refusal, stateOf } from "./_jetstream_b.ts";
import { fetchAll, forBothStores, next, ns } from "./_jetstream_consumer.ts";

const CONFIG = {
  name: "TEST",
  subjects: ["test"],
  max_age: ns(1000),
  allow_msg_ttl: true,
  subject_delete_marker_ttl: ns(1000),
};

/** A push consumer for `test` and its inbox. */
async function subscribe(js: JsClient): Promise<Inbox> {
  const inbox = js.subscribe("deliver");
  await js.addConsumer("TEST", { deliver_subject: "deliver", ack_policy: "explicit" });
  return inbox;
}

/** Takes three messages. */
async function takeThree(js: JsClient, inbox: Inbox): Promise<void> {
  for (let i = 0; i < 3; i++) await js.ackSync(await next(inbox));
}

function assertMarker(msg: Msg): void {
  assertEquals(headerOf(msg, "Nats-Marker-Reason"), "MaxAge");
  assertEquals(headerOf(msg, "Nats-TTL"), "1s");
}

Deno.test("TestJetStreamSubjectDeleteMarkers", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ ...CONFIG, storage });
    const inbox = await subscribe(js);
    await js.publishMany(3, "test");
    await takeThree(js, inbox);
    assertMarker(await next(inbox, 5000));
  });
});

Deno.test("TestJetStreamSubjectDeleteMarkersAfterRestart", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  await js.addStream(CONFIG);
  await js.addConsumer("TEST", { name: "test_consumer", ack_policy: "explicit" });
  await js.publishMany(3, "test");
  await server.restart();
  js = await server.jetStream();
  for (let i = 0; i < 3; i++) {
    await js.ackSync((await fetchAll(js, "TEST", "test_consumer", 1))[0]!);
  }
  assertMarker((await fetchAll(js, "TEST", "test_consumer", 1))[0]!);
});

/** Rolls `test` up with a message that lives so long, and takes that message. */
async function rollUp(js: JsClient, inbox: Inbox, ttl: string): Promise<Msg> {
  await js.publishMany(3, "test");
  await takeThree(js, inbox);
  await js.publish("test", "", { "Nats-TTL": ttl, "Nats-Rollup": "sub" });
  const state = await stateOf(js, "TEST");
  assertEquals([state.messages, state.first_seq], [1, 4]);
  const msg = await next(inbox, 5000);
  assertEquals([headerOf(msg, "Nats-Rollup"), headerOf(msg, "Nats-TTL")], ["sub", ttl]);
  await js.ackSync(msg);
  return msg;
}

Deno.test("TestJetStreamSubjectDeleteMarkersTTLRollupWithMaxAge", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ ...CONFIG, allow_rollup_hdrs: true });
  const inbox = await subscribe(js);
  // It does not get as old as it might.
  const rolled = await rollUp(js, inbox, "2s");
  const marker = await next(inbox, 5000);
  assert(Date.now() - Number(deliveryInfo(rolled).timeNs / 1_000_000n) >= 1000);
  assertMarker(marker);
});

Deno.test("TestJetStreamSubjectDeleteMarkersTTLRollupWithoutMaxAge", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ ...CONFIG, max_age: 0, allow_rollup_hdrs: true });
  await rollUp(js, await subscribe(js), "1s");
  // A marker took its place, and went as well.
  await until(async () => {
    const state = await stateOf(js, "TEST");
    return state.messages === 0 && state.first_seq === 6;
  });
});

Deno.test("TestJetStreamSubjectDeleteMarkersWithMirror", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "Origin", subjects: ["test"], max_age: ns(1000) });
  await refusal(() =>
    js.addStream({
      name: "Mirror",
      allow_msg_ttl: true,
      subject_delete_marker_ttl: ns(1000),
      mirror: { name: "Origin" },
    })
  );
});

Deno.test("TestJetStreamRemoveTTLOnRemoveMsg", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "TEST", subjects: ["foo"], storage, allow_msg_ttl: true });
    await js.publish("foo", "", { "Nats-TTL": "1h" });
    const { store } = server.stream("TEST");
    const count = () => {
      const wheel = store instanceof FileStore ? store.core.ttls : (store as MemoryStore).ttls;
      return wheel!.count();
    };
    assertEquals(count(), 1);
    await js.deleteMsg("TEST", 1);
    assertEquals(count(), 0);
  });
});

Deno.test("TestJetStreamRollup", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "S", subjects: ["S.*"], allow_rollup_hdrs: true });
  await js.publishMany(20, (index) => index % 2 === 0 ? "S.A" : "S.B", String);
  const messages = async () => (await stateOf(js, "S")).messages;
  assertEquals(await messages(), 20);
  const consume = (letter: string) =>
    js.addConsumer("S", {
      durable_name: `DUR-${letter}`,
      filter_subject: `S.${letter}`,
      ack_policy: "explicit",
    });
  assertEquals((await consume("A")).num_pending, 10);
  await js.publish("S.A", "", { "Nats-Rollup": "sub" });
  assertEquals((await js.consumerInfo("S", "DUR-A")).num_pending, 1);
  assertEquals(await messages(), 11);
  assertEquals((await consume("B")).num_pending, 10);
});

Deno.test("TestJetStreamSuppressAllowDirect", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const config = { name: "TEST", subjects: ["key.*"], max_msgs_per_subject: 1 };
  const created = await js.addStream({ ...config, allow_direct: true });
  assertEquals(created.config.allow_direct, true);
  const updated = await js.updateStream({ ...config, allow_direct: false });
  assertEquals(updated.config.allow_direct, false);
  await js.publish("key.22", "msg");
  await assertRejects(() =>
    js.nc.request("$JS.API.DIRECT.GET.TEST", JSON.stringify({ last_by_subj: "foo" }), {
      timeout: 100,
    })
  );
});
