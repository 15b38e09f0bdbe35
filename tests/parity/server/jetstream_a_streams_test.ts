// Ports: server/jetstream_test.go
/**
 * Creating streams: subjects, names, limits and settings that exclude each other
 * (server/jetstream_test.go).
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { accountReservation } from "../../../src/jetstream/engine/limits.ts";
import { ApiRequest } from "../../../src/jetstream/api/request.ts";
import { createStream } from "../../../src/jetstream/stream/create.ts";
import { ApiError, emptyStreamConfig } from "../../../src/jsapi/mod.ts";
import { resolveOptions } from "../../../src/store/file/stream/options.ts";
import { FileStore } from "../../../src/store/mod.ts";
import { ApiFailure, jetStreamServer, type Json } from "../../harness/jetstream.ts";
import { forBothStores, ns } from "./_jetstream_consumer.ts";
import { accountOf, publishRaw, refusal, refused, STREAM_INVALID_CONFIG } from "./_jetstream_a.ts";

const HOUR = ns(3_600_000);

Deno.test("TestIsJSONObjectOrArray", async (t) => {
  await using server = await jetStreamServer();
  const js = server.test.server.jetStream!;
  const account = js.core.globalAccount;
  const cases: [string, string, boolean][] = [
    ["empty", "", false],
    ["empty_object", "{}", true],
    ["empty object, not trimmed", "\t\n\r{ }", true],
    ["empty_array", "[]", true],
    ["empty array, not trimmed", "\t\n\r[ ]", true],
    ["empty_string", '""', false],
    ["whitespace_only", "   ", false],
    ["object_with_whitespace", "{   }", true],
    ["array_with_whitespace", "[   ]", true],
    ["string_with_whitespace", '   "text"', false],
    ["number", "123", false],
    ["boolean_true", "true", false],
    ["boolean_false", "false", false],
    ["null_value", "null", false],
    ["invalid JSON", "invalid", false],
  ];
  for (const [name, text, expected] of cases) {
    await t.step(name, () => {
      const body = new TextEncoder().encode(text);
      const request = new ApiRequest(js, account, null, "", "", body, () => "");
      assertEquals(request.hasDocument, expected);
    });
  }
});

Deno.test("TestJetStreamAccountReservation", async (t) => {
  const max = 2 ** 63;
  const cases: [string, string, number, number, number][] = [
    ["zero bytes", "", 3, 0, 0],
    ["negative bytes untiered", "", 3, -100, 0],
    ["negative bytes tiered", "R3", 3, -1, 0],
    ["untiered R1", "", 1, 100, 100],
    ["untiered R0 treated as single", "", 0, 100, 100],
    ["untiered R3", "", 3, 100, 300],
    ["untiered R5", "", 5, 100, 500],
    ["tiered R1", "R1", 1, 100, 100],
    ["tiered R3", "R3", 3, 100, 100],
    ["untiered R3 saturates", "", 3, max, max],
    ["untiered R2 saturates", "", 2, max / 2 + 1024, max],
    ["tiered large no multiply", "R3", 3, max, max],
  ];
  for (const [name, tier, replicas, bytes, expected] of cases) {
    await t.step(name, () => assertEquals(accountReservation(tier, replicas, bytes), expected));
  }
});

Deno.test("TestJetStreamAddStream", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "foo", storage, max_age: HOUR, num_replicas: 1 });
    const stream = server.stream("foo");
    await js.publish("foo", "Hello World!");
    assertEquals(stream.fastState().msgs, 1);
    assert(stream.fastState().bytes > 0);
    await js.publish("foo", "Hello World Again!");
    assertEquals(stream.fastState().msgs, 2);
    assertEquals((await js.deleteStream("foo")).success, true);
  });
});

Deno.test("TestJetStreamAddStreamBadSubjects", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  for (const subject of ["foo.bar.", "..", ".*", ".>", " x", "y "]) {
    const { data } = await refused(
      js.addStream({ name: "MyStream", storage: "memory", subjects: [subject] }),
    );
    assertEquals(data.err_code, STREAM_INVALID_CONFIG);
    assertEquals(data.description, "invalid subject");
  }
});

Deno.test("TestJetStreamAddStreamCanonicalNames", async () => {
  await using server = await jetStreamServer();
  const account = accountOf(server);
  for (const name of ["foo.bar", "foo.bar.", "foo.*", "foo.>", "*", ">", "*>"]) {
    const config = { ...emptyStreamConfig(), name };
    const error = assertThrows(
      () => createStream(account, config, { pedantic: false, recoveredNs: null }),
      ApiError,
    );
    assertEquals(error.errCode, STREAM_INVALID_CONFIG);
  }
});

Deno.test("TestJetStreamAddStreamDiscardNew", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({
      name: "foo",
      storage,
      max_msgs: 10,
      max_bytes: 4096,
      discard: "new",
      num_replicas: 1,
    });
    for (let i = 0; i < 10; i++) await js.publish("foo", `MSG: ${i + 1}`);
    let answer = await publishRaw(js, "foo", "discard me");
    assertEquals([answer.error.description, answer.stream], ["maximum messages exceeded", "foo"]);
    await js.purge("foo");
    answer = await publishRaw(js, "foo", new Uint8Array(8192));
    assertEquals([answer.error.description, answer.stream], ["maximum bytes exceeded", "foo"]);
  });
});

Deno.test("TestJetStreamAddStreamMaxMsgSize", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "foo", storage, max_age: HOUR, max_msg_size: 22, num_replicas: 1 });
    await js.publish("foo", "Hello World!");
    assertEquals(
      await refusal(js.publish("foo", "1234567890ABCDEFGHIJKLMNOPQRSTUVWXYZ")),
      "message size exceeds maximum allowed",
    );
  });
});

Deno.test("TestJetStreamAddStreamOverlapWithJSAPISubjects", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const cases: [string, string[]][] = [
    ["a", ["$JS.API.foo", "$JS.API.bar"]],
    ["b", ["$JS.API.>"]],
    ["c", ["$JS.API.*"]],
    ["d", ["$JS.>"]],
    ["e", ["$SYS.>"]],
    ["f", ["*.>"]],
    ["g", [">"]],
  ];
  const reasons = new RegExp(
    "^(subjects that overlap with (jetstream|system) api require|capturing all subjects requires)" +
      " no-ack to be true$",
  );
  for (const [name, subjects] of cases) {
    const text = await refusal(js.addStream({ name, subjects }));
    assert(reasons.test(text), text);
  }
  await js.addStream({ name: "h", subjects: ["$JS.EVENT.>"] });
  await js.addStream({ name: "i", subjects: ["$SYS.ACCOUNT.>"] });
  await js.deleteStream("h");
  await js.deleteStream("i");
  // It answers itself before the answer to this request comes; so the answer is not looked at.
  js.nc.publish("$JS.API.STREAM.CREATE.j", `{"name":"j","subjects":[">"],"no_ack":true}`);
  await js.nc.flush();
  assertEquals(server.stream("j").config.noAck, true);
});

Deno.test("TestJetStreamAddStreamOverlappingSubjects", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({
    name: "ok",
    storage: "memory",
    subjects: ["foo", "bar", "baz.*", "foo.bar.baz.>"],
  });
  const configs: Json[] = [
    { name: "foo" },
    { name: "a", subjects: ["baz", "bar"] },
    { name: "b", subjects: [">"], no_ack: true },
    { name: "c", subjects: ["baz.33"] },
    { name: "d", subjects: ["*.33"], no_ack: true },
    { name: "e", subjects: ["*.>"], no_ack: true },
    { name: "f", subjects: ["foo.bar", "*.bar.>"], no_ack: true },
  ];
  for (const config of configs) {
    const text = await refusal(js.addStream(config));
    assert(text.includes("subjects overlap"), text);
  }
});

Deno.test("TestJetStreamAddStreamSameConfigOK", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const config = {
    name: "ok",
    subjects: ["foo", "bar", "baz.*", "foo.bar.baz.>"],
    storage: "memory",
  };
  await js.addStream(config);
  await js.addStream(config);
});

Deno.test("TestJetStreamAddStreamWithFilestoreFailure", async () => {
  // Block sizes are not for clients to choose; here the store refuses one, and creating a stream
  // fails on what lies in the way of its directory.
  assertThrows(() => resolveOptions({ storeDir: "", blockBytes: 2 ** 30 }, {} as Json));
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const { directory } = server.test.server.jetStream!.accounts.get("$G")!;
  await Deno.mkdir(`${directory}/streams`, { recursive: true });
  await Deno.writeTextFile(`${directory}/streams/TEST`, "in the way");
  const failure = await refused(js.addStream({ name: "TEST" }));
  assertEquals(failure.data, {
    code: 500,
    err_code: 10049,
    description: "error creating store for stream",
  });
  assertEquals((await js.api("STREAM.NAMES")).total, 0);
});

Deno.test("TestJetStreamAllowDirectAfterUpdate", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["*"] });
  await js.publish("foo", "msg");
  const get = () => js.nc.request("$JS.API.DIRECT.GET.TEST", `{"last_by_subj":"foo"}`);
  let info = await js.updateStream({ name: "TEST", subjects: ["*"], allow_direct: true });
  assertEquals(info.config.allow_direct, true);
  assertEquals((await get()).string(), "msg");
  info = await js.updateStream({ name: "TEST", subjects: ["*"], allow_direct: false });
  assertEquals(info.config.allow_direct, false);
  let failure: unknown = null;
  await get().catch((error) => failure = error);
  assert(failure instanceof Error && !(failure instanceof ApiFailure));
});

Deno.test("TestJetStreamAllowMsgCounterIncompatibleSettings", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const cases: [Json, string][] = [
    [{ discard: "new" }, "counter stream cannot use discard new"],
    [{ allow_msg_ttl: true }, "counter stream cannot use message TTLs"],
    [{ allow_msg_schedules: true }, "counter stream cannot use message schedules"],
    [{ retention: "interest" }, "counter stream can only use limits retention"],
    [{ retention: "workqueue" }, "counter stream can only use limits retention"],
  ];
  for (const [settings, text] of cases) {
    const config = { name: "TEST", subjects: ["foo"], allow_msg_counter: true, ...settings };
    const { data } = await refused(js.addStream(config));
    assertEquals([data.err_code, data.description], [STREAM_INVALID_CONFIG, text]);
  }
});

Deno.test("TestJetStreamAutoTuneFSConfig", async () => {
  await using server = await jetStreamServer({
    jetStreamMaxMemory: -1,
    jetStreamMaxStore: 128 * 1024 * 1024,
  });
  const js = await server.jetStream();
  const [min, medium, max] = [32_000, 4 * 1024 * 1024, 8 * 1024 * 1024];
  const cases: [number, number, number][] = [
    [1, 0, min],
    [1, 512, min],
    [1, 1024 * 1024, medium],
    [1, 8 * 1024 * 1024, medium],
    [-1, 32 * 1024 * 1024, max],
  ];
  for (const [i, [maxMsgs, maxBytes, expected]] of cases.entries()) {
    const name = `s${i}`;
    await js.addStream({
      name,
      max_msg_size: 512,
      ...(maxMsgs > 0 ? { max_msgs: maxMsgs } : {}),
      ...(maxBytes > 0 ? { max_bytes: maxBytes } : {}),
    });
    const { store } = server.stream(name);
    assert(store instanceof FileStore);
    assertEquals(store.core.options.blockBytes, expected);
    await js.deleteStream(name);
  }
});

Deno.test("TestJetStreamBadSubjectMappingStream", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "test" });
  const upstream = (src: string, dest: string) => ({
    name: "mapping",
    subject_transforms: [{ src, dest }],
  });
  const cases: [Json, string][] = [
    [
      { sources: [upstream("events.*", "events.{{wildcard(1)}}{{split(3,1)}}")] },
      "source transform: invalid mapping destination: too many arguments passed to the function " +
      "in {{wildcard(1)}}{{split(3,1)}}",
    ],
    [
      { sources: [upstream("events.>.*", "events.{{split(1,1)}}")] },
      "source transform source: invalid subject events.>.*",
    ],
    [
      { mirror: upstream("events.*", "events.{{split(3,1)}}") },
      "mirror transform: invalid mapping destination: wildcard index out of range in " +
      "{{split(3,1)}}: [3]",
    ],
    [
      { mirror: upstream("events.>.*", "events.{{split(1,1)}}") },
      "mirror transform source: invalid subject events.>.*",
    ],
    [
      { subject_transform: { src: "events.*", dest: "events.{{split(3,1)}}" } },
      "stream transform: invalid mapping destination: wildcard index out of range in " +
      "{{split(3,1)}}: [3]",
    ],
    [
      { subject_transform: { src: "events.>.*", dest: "events.{{split(1,1)}}" } },
      "stream transform source: invalid subject events.>.*",
    ],
  ];
  for (const [settings, text] of cases) {
    assertEquals(await refusal(js.updateStream({ name: "test", ...settings })), text);
  }
});

Deno.test("TestJetStreamChangeMaxMessagesPerSubject", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const config = { name: "TEST", subjects: ["one.>"] };
  await js.addStream({ ...config, max_msgs_per_subject: 5 });
  await js.publishMany(10, "one.data", "data");
  const expectMsgs = async (count: number) => {
    const info = await js.addConsumer("TEST", {
      name: `C${Math.random()}`.replace(".", ""),
      filter_subject: "one.>",
      ack_policy: "explicit",
      inactive_threshold: ns(5000),
    });
    const msgs = await js.fetch("TEST", info.name, count + 1, { expiresMs: 100 });
    assertEquals(msgs.length, count);
  };
  await expectMsgs(5);
  await js.updateStream({ ...config, max_msgs_per_subject: 3 });
  const info = await js.streamInfo("TEST");
  assertEquals([info.config.max_msgs_per_subject, info.state.messages], [3, 3]);
  await expectMsgs(3);
  await js.publishMany(10, "one.data", "data");
  await expectMsgs(3);
});

Deno.test("TestJetStreamCreateStreamWithSubjectDeleteMarkersOptions", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const pedantic = async (config: Json) =>
    await refusal(js.api(`STREAM.CREATE.${config.name}`, { ...config, pedantic: true }));
  const config: Json = {
    name: "PEDANTIC",
    subjects: ["pedantic"],
    subject_delete_marker_ttl: ns(-1),
  };
  assertEquals(await pedantic(config), "subject delete marker TTL must not be negative");
  config.subject_delete_marker_ttl = ns(1);
  assertEquals(await pedantic(config), "subject delete marker TTL must be at least 1 second");
  config.subject_delete_marker_ttl = ns(1000);
  assertEquals(
    await pedantic(config),
    "subject delete marker cannot be set if message TTLs are disabled",
  );
  config.allow_msg_ttl = true;
  assertEquals(
    await pedantic(config),
    "subject delete marker cannot be set if roll-ups are disabled",
  );
  config.allow_rollup_hdrs = true;
  config.deny_purge = true;
  assertEquals(await pedantic(config), "roll-ups require the purge permission");
  config.deny_purge = false;
  await js.api("STREAM.CREATE.PEDANTIC", { ...config, pedantic: true });

  const expectSettings = (info: Json, ttl: number | undefined, on: boolean) => {
    assertEquals(info.config.subject_delete_marker_ttl, ttl);
    assertEquals(info.config.allow_msg_ttl ?? false, on);
    assertEquals(info.config.allow_rollup_hdrs ?? false, on);
    assertEquals(info.config.deny_purge, false);
  };
  // What markers need comes with them where nobody is pedantic.
  const auto = { name: "AUTO", subjects: ["auto"], subject_delete_marker_ttl: ns(1000) };
  expectSettings(await js.addStream(auto), ns(1000), true);
  const update = { name: "UPDATE", subjects: ["update"] };
  expectSettings(await js.addStream(update), undefined, false);
  const updated = await js.updateStream({ ...update, subject_delete_marker_ttl: ns(1000) });
  expectSettings(updated, ns(1000), true);
  const off = { ...updated.config, subject_delete_marker_ttl: 0, allow_msg_ttl: false };
  assertEquals(
    await refusal(js.api("STREAM.UPDATE.UPDATE", { ...off, pedantic: true })),
    "message TTL status can not be disabled",
  );
});

Deno.test("TestJetStreamDefaultMaxMsgsPer", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const info = await js.addStream({
    name: "TEST",
    subjects: ["foo.*"],
    storage: "memory",
    max_msgs: 10,
  });
  assertEquals(info.config.max_msgs_per_subject, -1);
});
