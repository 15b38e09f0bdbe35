// Ports: server/jetstream_consumer_test.go
/**
 * Creating consumers, and where they start (server/jetstream_consumer_test.go).
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { decodeJson } from "../../../src/base/json/mod.ts";
import {
  ApiError,
  createConsumerRequestShape,
  emptyConsumerConfig,
} from "../../../src/jsapi/mod.ts";
import { addConsumer } from "../../../src/jetstream/consumer/create.ts";
import { ApiFailure, deliveryInfo, jetStreamServer, type Json } from "../../harness/jetstream.ts";
import { until } from "../../harness/server.ts";
import { forBothStores, next, requestNext } from "./_jetstream_consumer.ts";

Deno.test("TestJetStreamConsumerActionsUnmarshal", async (t) => {
  const cases: [string, string, string, boolean][] = [
    ["action create", '{"action": "create"}', "create", false],
    ["action update", '{"action": "update"}', "update", false],
    ["no action", "{}", "", false],
    ["unknown", '{"action": "unknown"}', "", true],
  ];
  for (const [name, given, expected, refused] of cases) {
    await t.step(name, () => {
      let action: string = "";
      let error: Error | null = null;
      try {
        action = decodeJson(createConsumerRequestShape, given).action;
      } catch (caught) {
        error = caught as Error;
      }
      assertEquals(error !== null, refused);
      assertEquals(action, expected);
    });
  }
});

Deno.test("TestJetStreamConsumerCreate", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "foo", storage, subjects: ["foo", "bar"], retention: "workqueue" });
    const now = new Date().toISOString();
    const wrong: Json[] = [
      {},
      { deliver_subject: "foo.*" },
      { deliver_subject: "foo" },
      { deliver_subject: "bar" },
      { deliver_subject: "*" },
      { deliver_subject: "A", opt_start_seq: 1, opt_start_time: now },
      { deliver_subject: "A", opt_start_time: now },
    ];
    for (const config of wrong) {
      await assertRejects(() => js.addConsumer("foo", config), ApiFailure);
    }
    const nothing = await js.request("$JS.API.CONSUMER.CREATE.foo", { stream_name: "foo" });
    assert(nothing.error !== undefined);
    const deliverSubject = js.inbox();
    let inbox = js.subscribe(deliverSubject);
    const { name } = await js.addConsumer("foo", {
      deliver_subject: deliverSubject,
      ack_policy: "explicit",
    });
    await js.deleteConsumer("foo", name);
    const durable = {
      durable_name: "ddd",
      deliver_subject: deliverSubject,
      ack_policy: "explicit",
    };
    await js.addConsumer("foo", durable);
    await js.addConsumer("foo", durable);
    // Another deliver subject is fine while nobody listens on the old one.
    inbox.subscription.unsubscribe();
    inbox = js.subscribe("d.d.d");
    await js.nc.flush();
    await js.addConsumer("foo", { ...durable, deliver_subject: "d.d.d" });
  });
});

Deno.test("TestJetStreamConsumerAndStreamDescriptions", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "foo", description: "foo asset" });
  assertEquals(server.stream("foo").config.description, "foo asset");
  const { config } = await js.addConsumer("foo", {
    description: "analytics",
    deliver_subject: "to",
    ack_policy: "none",
  });
  assertEquals(config.description, "analytics");
  const description = "x".repeat(4 * 1024 + 1);
  await assertRejects(
    () => js.addStream({ name: "bar", description }),
    ApiFailure,
    "description is too long",
  );
  await assertRejects(
    () => js.addConsumer("foo", { description, deliver_subject: "to", ack_policy: "none" }),
    ApiFailure,
    "description is too long",
  );
});

Deno.test("TestJetStreamConsumerWithNameAndDurable", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "foo", description: "foo asset" });
  assertEquals(server.stream("foo").config.description, "foo asset");
  const config = { deliver_subject: "to", ack_policy: "none" };
  await js.addConsumer("foo", { ...config, durable_name: "consumer", name: "consumer" });
  // The API compares the names with its subject before, so past it.
  const wrong = {
    ...emptyConsumerConfig(),
    deliverSubject: "to",
    durable: "durable",
    name: "name",
  };
  assertThrows(
    () => addConsumer(server.stream("foo"), wrong, { name: "", action: "", pedantic: false }),
    ApiError,
    "Consumer Durable and Name have to be equal",
  );
});

Deno.test("TestJetStreamConsumerWithStartTime", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "my_stream", subjects: ["my_stream"], storage });
    const count = 250;
    await js.publishMany(count, "my_stream", (index) => `MSG: ${index + 1}`);
    const beforeMs = Date.now();
    await until(() => Date.now() > beforeMs + 5);
    const startTime = new Date().toISOString();
    await js.publishMany(count, "my_stream", (index) => `MSG: ${index + 1}`);
    assertEquals((await js.streamInfo("my_stream")).state.messages, 2 * count);
    await js.addConsumer("my_stream", {
      durable_name: "d",
      deliver_policy: "by_start_time",
      opt_start_time: startTime,
      ack_policy: "explicit",
    });
    const info = deliveryInfo(await requestNext(js, "my_stream", "d"));
    assertEquals(info.consumerSeq, 1);
    assertEquals(info.streamSeq, count + 1);
  });
});

// https://github.com/nats-io/jetstream/issues/143
Deno.test("TestJetStreamConsumerWithMultipleStartOptions", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "my_stream", subjects: ["foo.>"], storage });
    // The old request has no durable name; what matters is that it is answered.
    await js.request("$JS.API.CONSUMER.CREATE.my_stream", {
      stream_name: "my_stream",
      config: {
        durable_name: "d",
        deliver_policy: "last",
        filter_subject: "foo.22",
        ack_policy: "explicit",
      },
    });
  });
});

Deno.test("TestJetStreamConsumerSingleTokenSubject", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  const { error } = await js.request("$JS.API.CONSUMER.CREATE.TEST.name.not_filter_subject", {
    stream_name: "TEST",
    config: { filter_subject: "foo", name: "name" },
  });
  assertEquals(error.err_code, 10131);
});

Deno.test("TestJetStreamConsumerPullDelayedFirstPullWithReplayOriginal", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "MY_WQ", subjects: ["MY_WQ"], storage });
    await js.publish("MY_WQ", "Hello World!");
    await js.addConsumer("MY_WQ", {
      durable_name: "d",
      ack_policy: "explicit",
      replay_policy: "original",
    });
    const startMs = performance.now();
    await until(() => performance.now() > startMs + 100);
    await requestNext(js, "MY_WQ", "d");
  });
});

// 10 MiB at 100 Mbit/s in the reference; a fifth of both here.
Deno.test("TestJetStreamConsumerRateLimit", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "RATELIMIT", subjects: ["RATELIMIT"] });
  const msg = crypto.getRandomValues(new Uint8Array(64 * 1024));
  const count = 32;
  for (let i = 0; i < count; i++) await js.publish("RATELIMIT", msg);
  const rateLimit = 20 * 1024 * 1024;
  await assertRejects(
    () =>
      js.addConsumer("RATELIMIT", {
        durable_name: "to",
        ack_policy: "explicit",
        rate_limit_bps: rateLimit,
      }),
    ApiFailure,
  );
  await js.addConsumer("RATELIMIT", {
    durable_name: "rate",
    deliver_subject: "to",
    rate_limit_bps: rateLimit,
    ack_policy: "none",
  });
  const startMs = performance.now();
  const inbox = js.subscribe("to");
  for (let i = 0; i < count; i++) await next(inbox, 5000);
  const bitsPerSecond = (8 * count * msg.length) / ((performance.now() - startMs) / 1000);
  // The burst of one maximum payload, a MiB, comes at once.
  const burst = 8 * 1024 * 1024 / ((performance.now() - startMs) / 1000);
  assert(bitsPerSecond - burst < rateLimit * 1.25, `${bitsPerSecond}`);
});

Deno.test("TestJetStreamConsumerLegacyDurableCreateSetsConsumerName", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  for (const verb of ["CREATE.TEST.CONSUMER", "DURABLE.CREATE.TEST.CONSUMER"]) {
    const { config } = await js.api(`CONSUMER.${verb}`, {
      stream_name: "TEST",
      config: { durable_name: "CONSUMER", ack_policy: "explicit", num_replicas: 1 },
      action: "create",
    });
    assertEquals(config.durable_name, "CONSUMER");
    assertEquals(config.name, "CONSUMER");
  }
});

// https://github.com/nats-io/nats-server/issues/7852
Deno.test("TestJetStreamConsumerSingleFilterSubjectInFilterSubjects", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.addConsumer("TEST", { durable_name: "CONSUMER", filter_subjects: ["foo"] });
  const { filters, filterList } = server.consumer("TEST", "CONSUMER");
  assertEquals(filters.length, 1);
  assertEquals(filterList, null);
});

Deno.test("TestJetStreamConsumerBadCreateErr", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo.*"], storage: "memory" });
  await assertRejects(
    () =>
      js.addConsumer("TEST", { durable_name: "nowcerr", deliver_subject: "X", max_waiting: 100 }),
    ApiFailure,
    "push mode can not set max waiting",
  );
});

Deno.test("TestJetStreamConsumerAndStreamNamesWithPathSeparators", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  for (const name of ["usr/bin", "Documents\\readme"]) {
    const { error } = await js.request(`$JS.API.STREAM.CREATE.${name}`, { name });
    assertEquals(error.err_code, 10128);
  }
  await js.addStream({ name: "T", subjects: ["T"] });
  for (const durable of ["a/b", "a\\b"]) {
    const { error } = await js.request(`$JS.API.CONSUMER.DURABLE.CREATE.T.${durable}`, {
      stream_name: "T",
      config: { durable_name: durable, ack_policy: "explicit" },
    });
    assertEquals(error.err_code, 10127);
  }
});

Deno.test("TestJetStreamConsumerAndStreamMetadata", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const metadata = { key: "value", "_nats_created_version": "2.9.11" };
  const has = (shown: Map<string, string>) =>
    Object.entries(metadata).every(([key, value]) => shown.get(key) === value);
  await js.addStream({ name: "foo", metadata });
  assert(has(server.stream("foo").config.metadata));
  const { name } = await js.addConsumer("foo", {
    metadata,
    deliver_subject: "to",
    ack_policy: "none",
  });
  assert(has(server.consumer("foo", name).config.metadata));
  const large: Record<string, string> = {};
  for (let i = 0; i < 101; i++) large[`key${i}`] = "x".repeat(Math.ceil(128 * 1024 / 100 * 4 / 3));
  await assertRejects(
    () => js.addStream({ name: "bar", metadata: large }),
    ApiFailure,
    "stream metadata exceeds",
  );
  await assertRejects(
    () => js.addConsumer("foo", { metadata: large, deliver_subject: "to", ack_policy: "none" }),
    ApiFailure,
    "consumer metadata exceeds",
  );
});

Deno.test("TestJetStreamConsumerWithFormattingSymbol", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "Test%123", subjects: ["foo"] });
  await js.publishMany(10, "foo", "OK");
  await js.addConsumer("Test%123", {
    durable_name: "Test%123",
    filter_subject: "foo",
    deliver_subject: "bar",
  });
  await next(js.subscribe("bar"));
});

Deno.test("TestJetStreamConsumerDefaultsFromStream", async (t) => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const second = 1_000_000_000;
  const stream = (name: string, maxAckPending: number, inactiveMs: number): Json => ({
    name,
    subjects: [`${name}.*`],
    consumer_limits: {
      ...(maxAckPending > 0 ? { max_ack_pending: maxAckPending } : {}),
      ...(inactiveMs > 0 ? { inactive_threshold: inactiveMs * 1_000_000 } : {}),
    },
  });
  await js.addStream(stream("test", 15, 1000));
  await t.step("InheritDefaultsFromStream", async () => {
    const { config } = await js.addConsumer("test", {
      name: "InheritDefaultsFromStream",
      ack_policy: "explicit",
    });
    assertEquals(config.inactive_threshold, second);
    assertEquals(config.max_ack_pending, 15);
  });
  const refused = async (config: Json): Promise<number> =>
    (await assertRejects(() => js.addConsumer("test", config), ApiFailure)).errCode;
  await t.step("CreateConsumerErrorOnExceedMaxAckPending", async () => {
    assertEquals(await refused({ name: "a", max_ack_pending: 30 }), 10121);
  });
  await t.step("CreateConsumerErrorOnExceedInactiveThreshold", async () => {
    assertEquals(await refused({ name: "b", inactive_threshold: 2 * second }), 10153);
  });
  await t.step("UpdateStreamErrorOnViolateConsumerMaxAckPending", async () => {
    await js.addConsumer("test", { name: "c", max_ack_pending: 15 });
    await assertRejects(() => js.updateStream(stream("test", 10, 0)), ApiFailure);
  });
  await t.step("UpdateStreamErrorOnViolateConsumerInactiveThreshold", async () => {
    await js.addConsumer("test", { name: "d", inactive_threshold: second });
    await assertRejects(() => js.updateStream(stream("test", 0, 500)), ApiFailure);
  });
  await t.step("UpdateStreamSpuriousMaxAckPending", async () => {
    await js.addStream(stream("spurious-maxack", 0, 0));
    await js.addConsumer("spurious-maxack", { name: "consumer", ack_policy: "explicit" });
    await js.updateStream(stream("spurious-maxack", 0, 10_000));
  });
  await t.step("UpdateStreamClearInactiveThreshold", async () => {
    await js.addStream(stream("spurious-inactive", 1000, 10_000));
    await js.addConsumer("spurious-inactive", {
      name: "consumer",
      ack_policy: "explicit",
      inactive_threshold: 5 * second,
      max_ack_pending: 500,
    });
    await js.updateStream(stream("spurious-inactive", 2000, 0));
  });
});
