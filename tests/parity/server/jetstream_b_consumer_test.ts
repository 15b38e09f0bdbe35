// Ports: server/jetstream_test.go
/**
 * Consumers beside those of jetstream_consumer_test.go: filters, flow control, heartbeats,
 * restarts (server/jetstream_test.go).
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { setFlowWindow } from "../../../src/jetstream/consumer/flow_control.ts";
import { deliveryInfo, jetStreamServer, JsClient, statusOf } from "../../harness/jetstream.ts";
import { until } from "../../harness/server.ts";
import { pass, refusal, stateOf } from "./_jetstream_b.ts";
import {
  fetchAll,
  forBothStores,
  next,
  nothing,
  ns,
  pendingCount,
  requestNext,
} from "./_jetstream_consumer.ts";

const TEXT = "Hello World!";

Deno.test("TestJetStreamSubjectFiltering", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "MSET", storage, subjects: ["foo.*"] });
    await js.publishMany(100, (index) => index % 2 === 0 ? "foo.A" : "foo.B", TEXT);
    assertEquals((await stateOf(js, "MSET")).messages, 100);
    const inbox = js.subscribe("deliver");
    await js.addConsumer("MSET", {
      deliver_subject: "deliver",
      filter_subject: "foo.B",
      ack_policy: "none",
    });
    for (let i = 1; i <= 50; i++) {
      const msg = await next(inbox);
      assertEquals([msg.subject, deliveryInfo(msg).consumerSeq], ["foo.B", i]);
      msg.respond();
    }
    await js.nc.flush();
    assertEquals(inbox.count, 0);
  });
});

Deno.test("TestJetStreamWorkQueueSubjectFiltering", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "MY_MSG_SET", storage, subjects: ["foo.*"] });
    await js.publishMany(100, (index) => index % 2 === 0 ? "foo.A" : "foo.B", TEXT);
    assertEquals((await stateOf(js, "MY_MSG_SET")).messages, 100);
    await js.addConsumer("MY_MSG_SET", {
      durable_name: "WQ",
      filter_subject: "foo.A",
      ack_policy: "explicit",
    });
    assertEquals(server.consumer("MY_MSG_SET", "WQ").streamSeq, 1);
    for (let i = 1; i <= 50; i++) {
      const msg = await requestNext(js, "MY_MSG_SET", "WQ");
      assertEquals([msg.subject, deliveryInfo(msg).consumerSeq], ["foo.A", i]);
      msg.respond();
    }
  });
});

Deno.test("TestJetStreamWildcardSubjectFiltering", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "ORDERS", storage, subjects: ["orders.*.*"] });
    await js.publishMany(100, (index) => `orders.${index + 1}.NEW`, "new order");
    const shipped = new Set<number>();
    while (shipped.size < 25) shipped.add(1 + Math.floor(Math.random() * 99));
    const ids = [...shipped];
    await js.publishMany(25, (index) => `orders.${ids[index]}.SHIPPED`, "shipped order");
    assertEquals((await stateOf(js, "ORDERS")).messages, 125);
    const matching = async (filter: string, count: number) => {
      const deliver = js.inbox();
      const inbox = js.subscribe(deliver);
      await js.addConsumer("ORDERS", {
        deliver_subject: deliver,
        filter_subject: filter,
        ack_policy: "none",
      });
      await pendingCount(inbox, count);
    };
    await matching("orders.*.SHIPPED", 25);
    await matching("orders.*.NEW", 100);
    await matching(`orders.${ids[0]}.*`, 2);
  });
});

Deno.test("TestJetStreamPushConsumerFlowControl", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST" });
  const inbox = js.subscribe("deliver");
  await js.addConsumer("TEST", {
    durable_name: "dlc",
    deliver_subject: "deliver",
    flow_control: true,
    idle_heartbeat: ns(5000),
    ack_policy: "none",
  });
  setFlowWindow(server.consumer("TEST", "dlc"), 16 * 1024);
  await js.publishMany(100, "TEST", "x".repeat(1024));
  // One message and the request that holds the rest back, from a slow start.
  await pendingCount(inbox, 2);
  let count = 0;
  while (count < 100) {
    const msg = await next(inbox);
    if (msg.subject === "TEST") count++;
    else {
      assertEquals(statusOf(msg), "100 FlowControl Request");
      msg.respond();
    }
  }
  for (let msg = await inbox.next(50); msg !== null; msg = await inbox.next(50)) {
    assertNotEquals(msg.subject, "TEST");
  }
});

Deno.test("TestJetStreamPushConsumerIdleHeartbeats", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST" });
  const inbox = js.subscribe("deliver");
  const config = { deliver_subject: "deliver", ack_policy: "none" };
  await refusal(() => js.addConsumer("TEST", { ...config, idle_heartbeat: ns(1) }));
  await js.addConsumer("TEST", { ...config, idle_heartbeat: ns(100) });
  await until(() => inbox.count >= 9);
  assertEquals(statusOf(await next(inbox)), "100 Idle Heartbeat");
});

Deno.test("TestJetStreamPushConsumerIdleHeartbeatsWithFilterSubject", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo", "bar"] });
  const inbox = js.subscribe("deliver");
  await js.addConsumer("TEST", {
    deliver_subject: "deliver",
    filter_subject: "bar",
    idle_heartbeat: ns(100),
    ack_policy: "none",
  });
  const endMs = performance.now() + 1000;
  while (inbox.count === 0) {
    assert(performance.now() < endMs, "no heartbeat came");
    await js.publish("foo", "HELLO FOO");
    await pass(10);
  }
  assertEquals(statusOf(await next(inbox)), "100 Idle Heartbeat");
});

Deno.test("TestJetStreamPushConsumerIdleHeartbeatsWithNoInterest", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST" });
  const inbox = js.subscribe("d.>");
  await js.addConsumer("TEST", {
    deliver_subject: "d.22",
    idle_heartbeat: ns(100),
    ack_policy: "none",
  });
  await nothing(inbox, 400);
});

Deno.test("TestJetStreamPushConsumersPullError", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST" });
  await js.publish("TEST", "TSS");
  js.subscribe("deliver");
  const { name } = await js.addConsumer("TEST", {
    deliver_subject: "deliver",
    ack_policy: "explicit",
  });
  assertMatch(statusOf(await requestNext(js, "TEST", name)), /^409/);
});

Deno.test("TestJetStreamRedeliveryAfterServerRestart", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  await js.addStream({ name: "MYQ" });
  await js.publishMany(25, "MYQ", TEXT);
  assertEquals((await stateOf(js, "MYQ")).messages, 25);
  const inbox = js.subscribe("deliver");
  await js.addConsumer("MYQ", {
    durable_name: "TO",
    deliver_subject: "deliver",
    ack_policy: "explicit",
    ack_wait: ns(100),
  });
  await until(() => inbox.count === 25);
  await server.restart();
  js = await server.jetStream();
  const again = js.subscribe("deliver");
  await until(() => again.count === 25);
});

Deno.test("TestJetStreamSubjectBasedFilteredConsumers", async () => {
  await using server = await jetStreamServer(
    {},
    `accounts: { A: { jetstream: enabled, users: [ { user: u, password: p, permissions {
      publish {
        allow: [ 'ID.>', '$JS.API.INFO', '$JS.API.STREAM.>', '$JS.API.CONSUMER.INFO.>',
          '$JS.API.CONSUMER.CREATE.TEST.VIN-xxx.ID.foo.>' ]
        deny: [ '$JS.API.CONSUMER.CREATE.*', '$JS.API.CONSUMER.DURABLE.CREATE.*.*' ]
      } } } ] } }`,
  );
  const js = new JsClient(await server.test.connect({ user: "u", pass: "p" }));
  await js.addStream({ name: "TEST", subjects: ["ID.*.*"] });
  const kinds = ["foo", "bar", "baz"];
  await js.publishMany(300, (index) => `ID.${kinds[index % 3]}.${index}`);
  assertEquals((await stateOf(js, "TEST")).messages, 300);
  const create = (subject: string, filter: string, more = {}) =>
    js.request(`$JS.API.CONSUMER.${subject}`, {
      stream_name: "TEST",
      config: {
        deliver_policy: "last",
        filter_subject: filter,
        ack_policy: "explicit",
        ...more,
      },
    }, 200);
  await assertRejects(() => create("CREATE.TEST", "ID.foo.*"));
  await assertRejects(() => create("DURABLE.CREATE.TEST.dlc", "ID.foo.*", { durable_name: "dlc" }));
  const created = await create("CREATE.TEST.VIN-xxx.ID.foo.*", "ID.foo.*");
  assertEquals(created.error, undefined);
  assertEquals(created.name, "VIN-xxx");
  assert(created.config.inactive_threshold > 0);
  await assertRejects(() => create("CREATE.TEST.VIN-zzz.ID.foo.*", "ID.foo.*"));
  const mismatch = await create("CREATE.TEST.VIN-xxx.ID.foo.*", "ID.bar.*");
  assertEquals(mismatch.error.err_code, 10131);
  await assertRejects(() => create("CREATE.TEST.VIN-xxx.ID.bar.*", "ID.bar.*"));
});

Deno.test("TestJetStreamServerCrashOnPullConsumerDeleteWithInactiveThresholdAfterAck", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.publish("foo", "msg");
  await js.addConsumer("TEST", {
    durable_name: "dlc",
    ack_policy: "explicit",
    inactive_threshold: ns(10_000),
  });
  (await fetchAll(js, "TEST", "dlc", 1))[0]!.respond();
  await js.deleteConsumer("TEST", "dlc");
  await js.streamInfo("TEST");
});

Deno.test("TestJetStreamNoPanicOnRaceBetweenShutdownAndConsumerDelete", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "MY_STREAM", storage });
    const names = Array.from({ length: 100 }, (_, index) => `d${index}`);
    for (const name of names) {
      await js.addConsumer("MY_STREAM", { durable_name: name, ack_policy: "explicit" });
    }
    const stopping = server.test.server.stop();
    for (const consumer of [...server.stream("MY_STREAM").consumers.values()]) {
      consumer.stop({ deleteState: true, advisory: true });
    }
    await stopping;
  });
});

Deno.test("TestJetStreamStreamRetentionUpdatesConsumers", async (t) => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  for (const [from, to] of [["limits", "interest"], ["interest", "limits"]] as const) {
    const name = `${from}To${to}`;
    await t.step(name, async () => {
      const config = { name, subjects: [name], retention: from };
      await js.addStream(config);
      await js.addConsumer(name, { name: "test_consumer", ack_policy: "explicit" });
      const retention = () => server.consumer(name, "test_consumer").stream.config.retention;
      assertEquals(retention(), from);
      await js.updateStream({ ...config, retention: to });
      assertEquals(retention(), to);
    });
  }
});

Deno.test("TestJetStreamStateTimestamps", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "foo", storage, subjects: ["foo.*"] });
    const startMs = Date.now();
    await js.publish("foo.bar", TEXT);
    await pass(250);
    await js.publish("foo.bar", "Hello World Again!");
    const state = await stateOf(js, "foo");
    assert(Date.parse(state.first_ts) >= startMs);
    assert(Date.parse(state.last_ts) >= startMs + 249);
  });
});

Deno.test("TestJetStreamMultiplePullPerf", async () => {
  // A million messages in the reference, which only measures it and is skipped by default.
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "mp22" });
  const [count, pullers, batch] = [2000, 10, 100];
  await js.publishMany(count, "mp22", "OK");
  await js.addConsumer("mp22", {
    durable_name: "d",
    max_ack_pending: 8000,
    ack_policy: "explicit",
  });
  let got = 0;
  await Promise.all(Array.from({ length: pullers }, async () => {
    const own = await server.jetStream();
    for (let i = 0; i < count / (pullers * batch); i++) {
      for (const msg of await fetchAll(own, "mp22", "d", batch)) {
        got++;
        msg.respond();
      }
    }
  }));
  assertEquals(got, count);
});
