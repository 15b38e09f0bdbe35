// Ports: server/jetstream_test.go
/**
 * What the server's configuration and limits mean for JetStream, and what configurations of
 * streams and consumers are refused or set right (server/jetstream_test.go).
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { headers } from "@nats-io/transport-node";
import { checkConsumerConfig } from "../../../src/jetstream/consumer/config_check.ts";
import { withConsumerDefaults } from "../../../src/jetstream/consumer/config_defaults.ts";
import { jetStreamConfig } from "../../../src/jetstream/engine/js_config.ts";
import { checkStreamLimits, unlimitedTiers } from "../../../src/jetstream/engine/limits.ts";
import { checkStreamConfig } from "../../../src/jetstream/stream/config_check.ts";
import {
  ApiError,
  type ConsumerConfig,
  emptyConsumerConfig,
  emptyLimits,
  emptyStreamConfig,
  type StreamConfig,
} from "../../../src/jsapi/mod.ts";
import { jetStreamOf, jetStreamServer, type JsClient, type Json } from "../../harness/jetstream.ts";
import { accountOf, refusal, refused, STREAM_INVALID_CONFIG } from "./_jetstream_a.ts";

const SECOND_NS = 1_000_000_000n;

/** What a call throws. */
function apiErrorOf(call: () => unknown): ApiError {
  return assertThrows(call, ApiError);
}

Deno.test("TestJetStreamBasicNilConfig", async () => {
  await using server = await jetStreamServer();
  const js = jetStreamOf(server.test);
  const machine = { ...js.host.machine, memoryBytes: () => 64_000_000_000 };
  const config = jetStreamConfig(js.options, machine, () => {});
  assertEquals(config.maxMemory, 64_000_000_000 / 4 * 3);
  assert(js.core.systemAccount !== null);
  assert((await Deno.stat(js.config.storeDir)).isDirectory);
});

Deno.test("TestJetStreamBothFiltersSet", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "deliver", subjects: ["events.>"] });
  const failure = await refused(js.addConsumer("deliver", {
    filter_subjects: ["events.one", "events.two"],
    filter_subject: "events.three",
    durable_name: "name",
  }));
  assertEquals(failure.errCode, 10136);
});

Deno.test("TestJetStreamCanNotEnableOnSystemAccount", async () => {
  await using server = await jetStreamServer();
  const js = jetStreamOf(server.test);
  const { systemAccount } = js.core;
  assert(systemAccount !== null);
  assertThrows(() => js.enable(systemAccount, unlimitedTiers()), Error, "system account");
});

Deno.test("TestJetStreamChangeConsumerType", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["test.*"] });
  const config = { ack_policy: "explicit" };
  await js.addConsumer("TEST", { name: "pull", ...config });
  assertMatch(
    await refusal(js.updateConsumer("TEST", { name: "pull", ...config, deliver_subject: "foo" })),
    /can not update pull consumer to push based/,
  );
  await js.addConsumer("TEST", { name: "push", ...config, deliver_subject: "foo" });
  assertMatch(
    await refusal(js.updateConsumer("TEST", { name: "push", ...config })),
    /can not update push consumer to pull based/,
  );
});

Deno.test("TestJetStreamCheckBytesLimitsOverflow", () => {
  const max = 2 ** 63;
  const server = { maxMemory: max, maxStore: max, memoryReserved: 0, storeReserved: 0 };
  const limits = { ...emptyLimits(), maxStore: 1024, maxMemory: 1024 };
  const unlimited = { ...emptyLimits(), maxStore: -1, maxMemory: -1 };
  for (const storage of ["file", "memory"] as const) {
    const config = { ...emptyStreamConfig(), storage, replicas: 1 };
    apiErrorOf(() => checkStreamLimits(limits, "", config, 1, max, server));
    const reserved = { ...server, memoryReserved: max, storeReserved: max };
    apiErrorOf(() => checkStreamLimits(unlimited, "", config, 0, 2, reserved));
  }
});

Deno.test("TestJetStreamConfigExplicitZeroLimits", async () => {
  await using server = await jetStreamServer(
    {},
    "jetstream: {max_mem_store: 0, max_file_store: 0}",
  );
  const { config } = jetStreamOf(server.test);
  assertEquals([config.maxMemory, config.maxStore], [0, 0]);
});

Deno.test("TestJetStreamConfigNegativeLimitsFallBackToDynamic", async () => {
  await using server = await jetStreamServer(
    {},
    "jetstream: {max_mem_store: -1, max_file_store: -1}",
  );
  const { config } = jetStreamOf(server.test);
  assert(config.maxMemory > 0 && config.maxStore > 0);
});

Deno.test("TestJetStreamDisabledLimitsEnforcement", async () => {
  await using server = await jetStreamServer(
    {},
    `jetstream: {max_mem_store: 256MB, max_file_store: 2GB}
    accounts {
      one {
        jetstream: { mem: 1024, disk: 0, streams: 1, consumers: 2 }
        users [{user: one, password: password}]
      }
    }
    no_auth_user: one`,
  );
  const js = await server.jetStream();
  await refused(js.addStream({ name: "disk", subjects: ["disk"] }));
});

Deno.test("TestJetStreamDomainInPubAck", async () => {
  await using server = await jetStreamServer({}, `jetstream: {domain: "HUB"}`);
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", storage: "memory", subjects: ["foo"] });
  assertEquals((await js.request("foo")).domain, "HUB");
});

Deno.test("TestJetStreamDynConfigBothPositive", async () => {
  await using server = await jetStreamServer();
  const js = jetStreamOf(server.test);
  assertEquals([js.options.maxMemSet, js.options.maxStoreSet], [false, false]);
  const [maxStore, maxMemory] = [2 ** 30, 2 ** 31];
  const options = { ...js.options, jetStreamMaxMemory: maxMemory, jetStreamMaxStore: maxStore };
  const config = jetStreamConfig(options, js.host.machine, () => {});
  assertEquals([config.maxStore, config.maxMemory], [maxStore, maxMemory]);
});

Deno.test("TestJetStreamFilteredStreamNames", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const subjects = [["foo"], ["bar"], ["baz"], ["foo.*", "bar.*"], ["foo-1.22", "bar-1.33"]];
  for (const [i, each] of subjects.entries()) {
    await js.addStream({ name: `S-${i + 1}`, subjects: each });
  }
  const cases: [string, number[]][] = [
    ["foo", [1]],
    ["bar", [2]],
    ["baz", [3]],
    ["*", [1, 2, 3]],
    [">", [1, 2, 3, 4, 5]],
    ["*.*", [4, 5]],
    ["*.22", [4, 5]],
  ];
  for (const [subject, numbers] of cases) {
    const { streams } = await js.api("STREAM.NAMES", { subject });
    assertEquals(streams, numbers.map((number) => `S-${number}`));
  }
});

Deno.test("TestJetStreamFlowControlRequiresHeartbeats", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST" });
  const failure = await refused(js.addConsumer("TEST", {
    durable_name: "dlc",
    deliver_subject: js.inbox(),
    flow_control: true,
  }));
  assertEquals(failure.errCode, 10108);
});

Deno.test("TestJetStreamInfoAPIWithHeaders", async () => {
  await using server = await jetStreamServer();
  const { nc } = await server.jetStream();
  const own = headers();
  own.set("Accept-Encoding", "json");
  own.set("Authorization", "s3cr3t");
  const msg = await nc.request("$JS.API.INFO", "HELLO-JS!", { headers: own, timeout: 1000 });
  assertEquals(msg.json<Json>().error, undefined);
});

Deno.test("TestJetStreamInvalidConfigValues", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  // Policies that do not exist do not get through the API; the types leave no others.
  for (const field of ["retention", "discard", "storage", "compression"]) {
    await refused(js.addStream({ name: "TEST", [field]: "bogus" }));
  }
  const account = accountOf(server);
  const check = (config: Partial<StreamConfig>, pedantic = false) =>
    checkStreamConfig(
      { ...emptyStreamConfig(), name: "TEST", ...config },
      account.checks,
      pedantic,
    );
  const negative = apiErrorOf(() => check({ maxAge: -SECOND_NS }));
  assertEquals(negative.errCode, STREAM_INVALID_CONFIG);
  assertEquals(negative.description, "max age can not be negative");
  const streamFields = [
    ["max_msgs", "maxMsgs"],
    ["max_msgs_per_subject", "maxMsgsPer"],
    ["max_bytes", "maxBytes"],
    ["max_msg_size", "maxMsgSize"],
    ["max_consumers", "maxConsumers"],
  ] as const;
  for (const [name, field] of streamFields) {
    assertEquals(
      apiErrorOf(() => check({ [field]: -10 }, true)).description,
      `pedantic mode: ${name} must be set to -1`,
    );
    assertEquals(check({ [field]: 0 }, true)[field], -1);
    assertEquals(check({ [field]: -10 })[field], -1);
  }

  const stream = check({});
  for (const field of ["ack_policy", "replay_policy"]) {
    await refused(js.addConsumer("TEST", { durable_name: "C", [field]: "bogus" }));
  }
  const limits = { server: server.test.server.options.jetStreamLimits, account: emptyLimits() };
  const checkConsumer = (config: Partial<ConsumerConfig>) =>
    checkConsumerConfig({ ...emptyConsumerConfig(), ...config }, stream, limits, false);
  assertEquals(apiErrorOf(() => checkConsumer({ ackWait: -SECOND_NS })).errCode, 10183);
  assertEquals(apiErrorOf(() => checkConsumer({ backOff: [-SECOND_NS] })).errCode, 10184);
  const defaults = (config: Partial<ConsumerConfig>, pedantic = false) =>
    withConsumerDefaults(
      { ...emptyConsumerConfig(), ackPolicy: "explicit", ...config },
      stream,
      limits,
      pedantic,
    );
  const consumerFields = [
    ["max_deliver", "maxDeliver", -1],
    ["max_waiting", "maxWaiting", 512],
    ["max_batch", "maxRequestBatch", 0],
    ["max_expires", "maxRequestExpires", 0n],
    ["max_bytes", "maxRequestMaxBytes", 0],
    ["idle_heartbeat", "heartbeat", 0n],
    ["inactive_threshold", "inactiveThreshold", 0n],
    ["priority_timeout", "pinnedTtl", 0n],
    ["max_ack_pending", "maxAckPending", 1000],
  ] as const;
  for (const [name, field, expected] of consumerFields) {
    const isTime = typeof expected === "bigint";
    const wanted = name === "max_deliver" || name === "max_ack_pending"
      ? `${name} must be set to -1`
      : `${name} must not be negative`;
    const below = { [field]: isTime ? -10n : -10 };
    assertEquals(apiErrorOf(() => defaults(below, true)).description, `pedantic mode: ${wanted}`);
    assertEquals(defaults({ [field]: isTime ? 0n : 0 }, true)[field], expected);
    assertEquals(defaults(below)[field], name === "max_ack_pending" ? -1 : expected);
  }
});

Deno.test("TestJetStreamInvalidDeliverSubject", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST" });
  const failure = await refused(js.addConsumer("TEST", { deliver_subject: " x" }));
  assertEquals(failure.errCode, 10112);
});

Deno.test("TestJetStreamInvalidStreamOrConsumerName", async () => {
  await using server = await jetStreamServer();
  const account = accountOf(server);
  const limits = { server: server.test.server.options.jetStreamLimits, account: emptyLimits() };
  const stream = { ...emptyStreamConfig(), name: "S" };
  for (const name of " \t\r\n\f.*>\\/") {
    const errors = [
      apiErrorOf(() => checkStreamConfig({ ...stream, name }, account.checks, false)),
      apiErrorOf(() =>
        checkConsumerConfig({ ...emptyConsumerConfig(), name }, stream, limits, false)
      ),
      apiErrorOf(() =>
        checkConsumerConfig({ ...emptyConsumerConfig(), durable: name }, stream, limits, false)
      ),
    ];
    for (const error of errors) assertMatch(error.message, /can not contain/);
  }
});

Deno.test("TestJetStreamLongStreamNamesAndPubAck", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const name = "ZABC".repeat(64).slice(0, 255);
  await js.addStream({ name, subjects: ["foo"] });
  assertEquals((await js.publish("foo", "HELLO")).stream, name);
});

Deno.test("TestJetStreamMaxConcurrentIO", async (t) => {
  const cases: [string, number, boolean][] = [
    ["ConfiguredMin", 4, true],
    ["ConfiguredMid", 512, true],
    ["ConfiguredMax", 8192, true],
    ["TooLow", -1, false],
    ["TooHigh", 10_000, false],
  ];
  for (const [name, given, allowed] of cases) {
    await t.step(name, async () => {
      const config = `jetstream: {
        max_mem_store: 2MB
        max_file_store: 8MB
        max_concurrent_io: ${given}
      }`;
      if (!allowed) {
        await assertRejects(() => jetStreamServer({}, config));
        return;
      }
      await using server = await jetStreamServer({}, config);
      assertEquals(server.test.server.options.jetStreamConcurrentIOs, given);
    });
  }
});

/** Creates a consumer as older clients do. */
function durableCreate(js: JsClient, stream: string, name: string, more: Json = {}): Promise<Json> {
  return js.api(`CONSUMER.DURABLE.CREATE.${stream}.${name}`, {
    stream_name: stream,
    config: { durable_name: name, ...more.config },
    action: more.action ?? "",
  });
}

Deno.test("TestJetStreamMaxConsumers", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({
    name: "MAXC",
    storage: "memory",
    subjects: ["in.maxc.>"],
    max_consumers: 2,
  });
  assertEquals((await js.streamInfo("MAXC")).config.max_consumers, 2);
  const config = { filter_subject: "in.maxc.foo", ack_policy: "explicit" };
  for (let i = 0; i < 2; i++) await durableCreate(js, "MAXC", "maxc_foo", { config });
  for (let i = 0; i < 2; i++) await durableCreate(js, "MAXC", "maxc_baz", { action: "create" });
  await refused(js.addConsumer("MAXC", {
    deliver_subject: js.inbox(),
    filter_subject: "in.maxc.bar",
  }));
});

Deno.test("TestJetStreamMaxMsgsPerSubject", async (t) => {
  for (const storage of ["memory", "file"]) {
    await t.step(storage === "memory" ? "MemoryStore" : "FileStore", async () => {
      await using server = await jetStreamServer();
      const js = await server.jetStream();
      await js.addStream({
        name: "TEST",
        subjects: ["foo", "bar", "baz.*"],
        storage,
        max_msgs_per_subject: 5,
      });
      const publish = async (subject: string, count: number, expected: number) => {
        for (let i = 0; i < count; i++) await js.publish(subject, "TSLA");
        assertEquals((await js.streamInfo("TEST")).state.messages, expected);
      };
      await publish("foo", 1, 1);
      await publish("foo", 4, 5);
      await publish("foo", 2, 5);
      await publish("baz.22", 5, 10);
      await publish("baz.33", 5, 15);
      await publish("baz.22", 5, 15);
      await publish("baz.33", 5, 15);
      await js.purge("TEST");
      await publish("foo", 1, 1);
      await publish("foo", 4, 5);
      await publish("baz.22", 5, 10);
      await publish("baz.33", 5, 15);
    });
  }
});

Deno.test("TestJetStreamMaxMsgsPerSubjectWithDiscardNew", async (t) => {
  for (const storage of ["memory", "file"]) {
    await t.step(storage === "memory" ? "MemoryStore" : "FileStore", async () => {
      await using server = await jetStreamServer();
      const js = await server.jetStream();
      await js.addStream({
        name: "TEST",
        subjects: ["foo", "bar", "baz", "x"],
        discard: "new",
        storage,
        max_msgs_per_subject: 4,
        max_msgs: 10,
        max_bytes: 500,
      });
      const publish = async (subject: string, count: number, expected: number) => {
        for (let i = 0; i < count; i++) await js.publish(subject, "TSLA");
        assertEquals((await js.streamInfo("TEST")).state.messages, expected);
      };
      const expectRefusal = async (subject: string, size: number) =>
        assertMatch(
          await refusal(js.publish(subject, "X".repeat(size))),
          /^maximum (bytes|messages) exceeded$/,
        );
      await publish("foo", 1, 1);
      // Within a subject the oldest goes.
      await publish("foo", 4, 4);
      await publish("bar", 8, 8);
      await publish("baz", 2, 10);
      await publish("foo", 1, 10);
      await publish("bar", 1, 10);
      await expectRefusal("bar", 300);
      await expectRefusal("x", 2);
    });
  }
});

Deno.test("TestJetStreamLimitLockBug", async (t) => {
  for (const storage of ["memory", "file"]) {
    await t.step(storage === "memory" ? "MemoryStore" : "FileStore", async () => {
      await using server = await jetStreamServer();
      const js = await server.jetStream();
      await js.addStream({ name: "foo", max_msgs: 10, storage, num_replicas: 1 });
      await js.publishMany(100, "foo", "ok");
      assertEquals(server.stream("foo").fastState().msgs, 10);
    });
  }
});

Deno.test("TestJetStreamMessagePerSubjectKeepBug", async (t) => {
  for (const storage of ["file", "memory"]) {
    await t.step(storage === "file" ? "FileStore" : "MemStore", async (t) => {
      for (const keep of [10, 1]) {
        await t.step(`Keep ${keep}`, async () => {
          await using server = await jetStreamServer();
          const js = await server.jetStream();
          await js.addStream({ name: "TEST", max_msgs_per_subject: keep, storage });
          await js.publishMany(100, "TEST", (i) => `test ${i}`);
          assertEquals((await js.streamInfo("TEST")).state.messages, keep);
        });
      }
    });
  }
});

Deno.test("TestJetStreamMemoryPurgeClearsSubjectsState", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"], storage: "memory" });
  assertEquals((await js.publish("foo")).seq, 1);
  const subjects = async () =>
    (await js.streamInfo("TEST", { subjects_filter: ">" })).state.subjects;
  assertEquals(await subjects(), { foo: 1 });
  await js.purge("TEST", { seq: 100 });
  assertEquals(await subjects(), undefined);
});

Deno.test("TestJetStreamImplicitRePublishAfterSubjectTransform", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const config = {
    name: "TEST",
    subject_transform: { src: "a.>", dest: "b.>" },
    republish: { dest: ">" },
  };
  const cycle = "stream configuration for republish destination forms a cycle";
  assertEquals(await refusal(js.addStream({ ...config, subjects: ["a.>", "c.>"] })), cycle);
  await js.addStream({ ...config, subjects: ["a.>"] });
  const inbox = js.subscribe("b.>");
  await js.publish("a.hello");
  assertEquals((await inbox.next())?.subject, "b.hello");
  assertEquals(await refusal(js.updateStream({ ...config, subjects: ["c.>"] })), cycle);
});

Deno.test("TestJetStreamInputTransform", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({
    name: "T1",
    subjects: ["foo"],
    subject_transform: { src: ">", dest: "transformed.>" },
    storage: "memory",
  });
  await js.publish("foo", "OK");
  const { message } = await js.api("STREAM.MSG.GET.T1", { seq: 1 });
  assertEquals(message.subject, "transformed.foo");
});
