// Ports: server/jetstream_test.go
/**
 * Configurations of streams: what may be asked for, overlaps, updates, versions
 * (server/jetstream_test.go).
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { PullRequest } from "../../../src/jetstream/consumer/pull_request.ts";
import { jetStreamServer, type JsClient, type Json } from "../../harness/jetstream.ts";
import { until } from "../../harness/server.ts";
import { refusal, stateOf } from "./_jetstream_b.ts";
import { forBothStores, ns } from "./_jetstream_consumer.ts";

const MINUTE = ns(60_000);

/** Asserts that the refusal says `part`. */
async function refusedWith(attempt: () => Promise<unknown>, part: string): Promise<void> {
  assertStringIncludes((await refusal(attempt)).data.description, part);
}

Deno.test("TestJetStreamStreamCreatePedanticMode", async (t) => {
  await using server = await jetStreamServer(
    { jetStreamMaxStore: 100 * 1024 * 1024, maxStoreSet: true },
    `jetstream: { limits: { duplicate_window: "1m", max_request_batch: 250 } }
     accounts: { myacc: { jetstream: enabled, users: [ { user: user, password: pass } ] } }
     no_auth_user: user`,
  );
  const js = await server.jetStream();
  const config = (max_age: number, duplicate_window: number, pedantic: boolean) => ({
    name: "TEST",
    max_age,
    duplicate_window,
    pedantic,
  });
  await t.step("too_high_duplicate", async () => {
    await refusal(() => js.addStream(config(MINUTE, 60 * MINUTE, true)));
  });
  await t.step("duplicate_over_limits", async () => {
    await refusal(() => js.addStream(config(3600 * MINUTE, 60 * MINUTE, false)));
  });
  await t.step("duplicate_window_within_limits", async () => {
    await js.addStream(config(3600 * MINUTE, MINUTE / 2, false));
  });
  await t.step("update_too_high_duplicate", async () => {
    await refusal(() => js.updateStream(config(MINUTE, 60 * MINUTE, true)));
  });
});

Deno.test("TestJetStreamStrictMode", async (t) => {
  await using server = await jetStreamServer(
    {},
    'jetstream: { strict: true, limits: { duplicate_window: "1m", max_request_batch: 250 } }',
  );
  const js = await server.jetStream();
  const extra = { extra_field: "unexpected" };
  const stream = { name: "TEST_STREAM", subjects: ["test.>"], ...extra };
  const empty = "expected an empty request payload";
  const cases: [string, string, Json, string][] = [
    ["Stream Create", "STREAM.CREATE.TEST_STREAM", stream, "invalid JSON"],
    ["Stream Update", "STREAM.UPDATE.TEST_STREAM", stream, "invalid JSON"],
    ["Stream Delete", "STREAM.DELETE.TEST_STREAM", extra, empty],
    ["Stream Info", "STREAM.INFO.TEST_STREAM", extra, "invalid JSON"],
    [
      "Consumer Create",
      "CONSUMER.CREATE.TEST_STREAM.TEST_CONSUMER",
      { durable_name: "TEST_CONSUMER", ack_policy: "explicit", ...extra },
      "invalid JSON",
    ],
    ["Consumer Delete", "CONSUMER.DELETE.TEST_STREAM.TEST_CONSUMER", extra, empty],
    ["Consumer Info", "CONSUMER.INFO.TEST_STREAM.TEST_CONSUMER", extra, empty],
    ["Stream List", "STREAM.LIST", extra, "invalid JSON"],
    ["Consumer List", "CONSUMER.LIST.TEST_STREAM", extra, "invalid JSON"],
  ];
  for (const [name, verb, body, expected] of cases) {
    await t.step(name, () => refusedWith(() => js.api(verb, body), expected));
  }
});

Deno.test("TestJetStreamTemplatedErrorsBug", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  // What a client without a name for its consumer asks for.
  const response = await js.request("$JS.API.CONSUMER.CREATE.TEST", {
    stream_name: "TEST",
    config: { ack_policy: "explicit", max_waiting: -5, max_deliver: -3, filter_subject: "foo" },
  });
  assert(!JSON.stringify(response).includes("{err}"), JSON.stringify(response));
});

Deno.test("TestJetStreamNextReqFromMsg", () => {
  const request = new PullRequest();
  const body = new TextEncoder().encode('{"expires":5000000000}');
  assert(request.parse(body, 0, body.length));
  assertEquals(request.expiresMs, 5000);
});

Deno.test("TestJetStreamStreamSubjectsOverlap", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const config = (...subjects: string[]) => ({ name: "TEST", subjects });
  await refusedWith(() => js.addStream(config("foo.*", "foo.A")), "overlaps");
  await js.addStream(config("foo.*"));
  await refusedWith(() => js.updateStream(config("foo.*", "foo.A")), "overlaps");
  await refusedWith(() => js.updateStream(config("foo.bar.*", "foo.*.bar")), "overlaps");
});

Deno.test("TestJetStreamStreamTransformOverlap", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo.>"] });
  await refusedWith(() =>
    js.addStream({
      name: "MIRROR",
      mirror: {
        name: "TEST",
        subject_transforms: [
          { src: "foo.*.bar", dest: "baz" },
          { src: "foo.bar.*", dest: "baz" },
        ],
      },
    }), "overlap");
});

Deno.test("TestJetStreamStreamUpdateSubjectsOverlapOthers", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["TEST"] });
  await js.updateStream({ name: "TEST", subjects: ["TEST", "foo.a"] });
  await js.addStream({ name: "TEST2", subjects: ["TEST2"] });
  await refusedWith(
    () => js.updateStream({ name: "TEST2", subjects: ["TEST2", "foo.*"] }),
    "overlap",
  );
});

/** Number of messages of each subject, and of subjects. */
async function subjectsOf(
  js: JsClient,
  filter: string,
): Promise<{ subjects: Record<string, number>; count: number }> {
  const state = await stateOf(js, "TEST", { subjects_filter: filter });
  return { subjects: state.subjects ?? {}, count: state.num_subjects ?? 0 };
}

Deno.test("TestJetStreamStreamInfoSubjectsDetails", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "TEST", subjects: ["*"], storage });
    const all = { foo: 22, bar: 33, baz: 44 };
    for (const [subject, count] of Object.entries(all)) await js.publishMany(count, subject, "ok");
    assertEquals(await subjectsOf(js, ">"), { subjects: all, count: 3 });
    assertEquals(await subjectsOf(js, "*"), { subjects: all, count: 3 });
    assertEquals(await subjectsOf(js, "foo"), { subjects: { foo: 22 }, count: 3 });
  });
});

Deno.test("TestJetStreamStreamInfoSubjectsDetailsWithDeleteAndPurge", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "TEST", subjects: ["*"], storage });
    const check = async (subjects: Record<string, number>) => {
      const count = Object.keys(subjects).length;
      assertEquals(await subjectsOf(js, ">"), { subjects, count });
    };
    for (const subject of ["foo", "foo", "bar", "baz", "baz", "bar", "bar"]) {
      await js.publish(subject, "ok");
    }
    await check({ foo: 2, bar: 3, baz: 2 });
    await js.deleteMsg("TEST", 6);
    await check({ foo: 2, bar: 2, baz: 2 });
    await js.deleteMsg("TEST", 5);
    await js.publish("baz", "ok");
    await check({ foo: 2, bar: 2, baz: 2 });
    await js.purge("TEST", { filter: "bar" });
    await check({ foo: 2, baz: 2 });
    await js.purge("TEST");
    await check({});
  });
});

Deno.test("TestJetStreamStreamInfoSubjectsDetailsAfterRestart", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["*"] });
  for (const subject of ["foo", "foo", "bar", "baz", "baz"]) await js.publish(subject, "ok");
  assertEquals((await subjectsOf(js, ">")).count, 3);
  await server.restart();
  assertEquals((await subjectsOf(await server.jetStream(), ">")).count, 3);
});

Deno.test("TestJetStreamUpdateStream", async (t) => {
  const count = 100;
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    let js = await server.jetStream();
    const config = { name: "foo", max_age: 60 * MINUTE, storage, num_replicas: 1 };
    await js.addStream(config);
    const update = (more: Json) => js.updateStream({ ...config, ...more });
    await refusedWith(() => js.api("STREAM.UPDATE.foo", { ...config, name: "bar" }), "match");
    await refusedWith(() => update({ storage: storage === "file" ? "memory" : "file" }), "change");
    await refusedWith(() => update({ num_replicas: 10 }), "maximum replicas");
    await refusedWith(() => update({ retention: "workqueue" }), "can not change");
    await js.publishMany(count, "foo", "0123456789");
    const { bytes } = await stateOf(js, "foo");
    const check = async (part: number) => {
      const state = await stateOf(js, "foo");
      assertEquals([state.messages, state.bytes], [count * part, bytes * part]);
    };
    await check(1);
    const updateLimit = async (limit: Record<string, number>, part: number) => {
      const { config: updated } = await update(limit);
      const [[key, value]] = Object.entries(limit) as [[string, number]];
      assertEquals(updated[key], value);
      await check(part);
    };
    await updateLimit({ max_msgs: count * 2 }, 1);
    await updateLimit({ max_msgs: count / 2 }, 0.5);
    await updateLimit({ max_bytes: bytes / 4 }, 0.25);
    const { config: aging } = await update({ max_age: ns(1000) });
    assertEquals(aging.max_age, ns(1000));
    await until(async () => (await stateOf(js, "foo")).messages === 0);
    await check(0);
    await update({});
    await js.publishMany(count, "foo", "0123456789");
    await update({ subjects: ["foo", "bar"] });
    await js.publish("foo", "0123456789");
    await js.publish("bar", "0123456789");
    await update({ subjects: ["baz"] });
    for (const subject of ["foo", "bar"]) {
      await assertRejects(() => js.nc.request(subject, "", { timeout: 25 }));
    }
    await js.publish("baz", "0123456789");
    assertEquals((await stateOf(js, "foo")).messages, count + 3);
    if (storage === "memory") return;
    const { config: last } = await update({
      subjects: ["foo", "bar"],
      max_msgs: 2222,
      max_bytes: 3_333_333,
      max_age: 22 * 60 * MINUTE,
    });
    await server.restart();
    js = await server.jetStream();
    assertEquals((await js.streamInfo("foo")).config, last);
  });
});

/** Keys of metadata that servers add to answers only. */
const DYNAMIC = ["_nats.ver", "_nats.level"];

function withoutDynamic(metadata: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).filter(([key]) => !DYNAMIC.includes(key)));
}

/** What servers of today note in the metadata of what they create. */
const CREATED_NOW = { "_nats.req.level": "0", "_nats.ver": "2.14.5", "_nats.level": "4" };

Deno.test("TestJetStreamUpgradeStreamVersioning", async (t) => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const config = { name: "TEST", subjects: ["foo"] };
  await js.addStream(config);
  // As an earlier server made it.
  const stream = server.stream("TEST");
  stream.config = { ...stream.config, metadata: new Map() };
  await t.step("create", async () => {
    const created = await js.addStream({ ...config, metadata: CREATED_NOW });
    assertEquals(withoutDynamic(created.config.metadata), {});
  });
  await t.step("update", async () => {
    const updated = await js.updateStream(config);
    assertEquals(Object.keys(updated.config.metadata).length, 3);
  });
});

Deno.test("TestJetStreamUpgradeConsumerVersioning", async (t) => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  const config = { durable_name: "CONSUMER", ack_policy: "none" };
  await js.addConsumer("TEST", config);
  const consumer = server.consumer("TEST", "CONSUMER");
  consumer.config = { ...consumer.config, metadata: new Map() };
  const request = (action: string, metadata = {}) =>
    js.api("CONSUMER.DURABLE.CREATE.TEST.CONSUMER", {
      stream_name: "TEST",
      config: { ...config, metadata },
      action,
    });
  await t.step("create", async () => {
    const created = await request("create", CREATED_NOW);
    assertEquals(withoutDynamic(created.config.metadata), {});
  });
  await t.step("update", async () => {
    const updated = await request("update");
    assertEquals(Object.keys(updated.config.metadata).length, 3);
  });
});
