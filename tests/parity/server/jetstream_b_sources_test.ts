// Ports: server/jetstream_test.go
/**
 * Streams that take messages from other streams, beside the cluster's (server/jetstream_test.go).
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { Msg } from "@nats-io/transport-node";
import { jetStreamServer, type JsClient, textOf } from "../../harness/jetstream.ts";
import { until } from "../../harness/server.ts";
import { pass, refused, stateOf } from "./_jetstream_b.ts";
import { fetchAll, next, requestNext } from "./_jetstream_consumer.ts";

/** Waits until a stream has so many messages. */
async function messages(js: JsClient, stream: string, count: number): Promise<void> {
  let last = -1;
  await until(
    async () => (last = (await stateOf(js, stream)).messages) === count,
    () => `${stream} has ${last} messages, not ${count}`,
  );
}

/** A stored message: subject, text and the sequence that its source header tells. */
async function stored(
  js: JsClient,
  stream: string,
  seq: number,
): Promise<{ subject: string; text: string; sourceSeq: number }> {
  const { message } = await js.api(`STREAM.MSG.GET.${stream}`, { seq });
  const source = /Nats-Stream-Source: \S+ (\d+)/.exec(atob(message.hdrs ?? ""));
  return {
    subject: message.subject,
    text: atob(message.data ?? ""),
    sourceSeq: Number(source?.[1] ?? 0),
  };
}

Deno.test("TestJetStreamSourceBasics", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await refused(
    () => js.addStream({ name: "test", sources: [{ name: "" }] }),
    "sourced stream name is invalid",
  );
  for (const name of ["foo", "bar", "baz"]) await js.addStream({ name });
  await js.publishMany(10, "foo", "OK");
  await js.publishMany(15, "bar", "OK");
  await js.publishMany(25, "baz", "OK");
  await js.addStream({
    name: "MS",
    sources: [
      { name: "foo", subject_transforms: [{ src: ">", dest: "foo2.>" }] },
      { name: "bar" },
      { name: "baz" },
    ],
  });
  await messages(js, "MS", 50);
  await js.addConsumer("MS", {
    name: "c",
    filter_subject: "foo2.foo",
    ack_policy: "explicit",
  });
  assertEquals((await requestNext(js, "MS", "c")).subject, "foo2.foo");
  await js.updateStream({
    name: "MS",
    sources: [{ name: "foo" }, { name: "bar" }, { name: "dlc" }],
  });
  await js.addStream({ name: "TEST", subjects: ["dlc", "rip", "jnm"] });
  for (const [count, subject] of [[20, "dlc"], [20, "rip"], [10, "dlc"], [10, "jnm"]] as const) {
    await js.publishMany(count, subject, "OK");
  }
  await js.addStream({ name: "FMS", sources: [{ name: "TEST", opt_start_seq: 26 }] });
  await messages(js, "FMS", 35);
  assertEquals((await stored(js, "FMS", 1)).sourceSeq, 26);
  const toDlc2 = { src: "dlc", dest: "dlc2" };
  await js.addStream({
    name: "FMS2",
    sources: [{ name: "TEST", opt_start_seq: 11, subject_transforms: [toDlc2] }],
  });
  await messages(js, "FMS2", 20);
  const { subject, sourceSeq } = await stored(js, "FMS2", 1);
  assertEquals([subject, sourceSeq], ["dlc2", 11]);
  await js.addStream({
    name: "FMS3",
    sources: [{ name: "TEST", subject_transforms: [toDlc2, { src: "rip", dest: "" }] }],
  });
  await messages(js, "FMS3", 50);
  for (const [seq, expected] of [[1, "dlc2"], [21, "rip"]] as const) {
    const msg = await stored(js, "FMS3", seq);
    assertEquals(msg.subject, expected);
    assert(msg.sourceSeq > 0);
  }
  const { subjects } = await stateOf(js, "FMS3", { subjects_filter: ">" });
  assertEquals(subjects.jnm, undefined);
  // What servers before 2.10 noted of the sources of messages.
  await js.addStream({
    name: "A",
    subjects: ["B.*"],
    subject_transform: { src: "B.*", dest: "A.{{Wildcard(1)}}" },
  });
  await js.publish("B.A", "OK");
  await js.publish("B.B", "OK");
  await js.addStream({ name: "B", subjects: ["A.*"] });
  await js.publish("A.A", "OK", { "Nats-Stream-Source": "A 1" });
  await js.updateStream({ name: "B", subjects: ["A.*"], sources: [{ name: "A" }] });
  await messages(js, "B", 2);
});

Deno.test("TestJetStreamSourceConfigValidation", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const msg = await js.nc.request(
    "$JS.API.STREAM.CREATE.crash",
    JSON.stringify({
      name: "crash",
      retention: "limits",
      max_consumers: -1,
      max_msgs_per_subject: -1,
      max_msgs: -1,
      max_bytes: -1,
      max_age: 0,
      max_msg_size: -1,
      storage: "file",
      discard: "old",
      num_replicas: 1,
      duplicate_window: 120_000_000_000,
      sources: [null],
      sealed: false,
      deny_delete: false,
      deny_purge: false,
      allow_rollup_hdrs: false,
      allow_direct: true,
      mirror_direct: false,
      consumer_limits: {},
    }),
  );
  assertEquals(
    textOf(msg),
    '{"type":"io.nats.jetstream.api.v1.stream_create_response","error":' +
      '{"code":400,"err_code":10141,"description":"sourced stream name is invalid"}}',
  );
});

Deno.test("TestJetStreamSourceConsumerRetryUsesFreshReplySubject", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const requests = js.subscribe("$FAKE.API.CONSUMER.CREATE.>");
  await js.nc.flush();
  await js.addStream({
    name: "SOURCE",
    sources: [{ name: "ORIGIN", external: { api: "$FAKE.API" } }],
  });
  const configOf = (msg: Msg) => JSON.parse(textOf(msg)).config;
  const answer = (to: Msg, body: unknown) => js.nc.publish(to.reply!, JSON.stringify(body));
  const first = await next(requests);
  assertEquals(configOf(first).sourcing, true);
  answer(first, {
    type: "io.nats.jetstream.api.v1.consumer_create_response",
    error: { code: 412, err_code: 10185, description: "JetStream minimum api level required" },
  });
  const second = await next(requests);
  const config = configOf(second);
  assertEquals(config.sourcing, undefined);
  assertNotEquals(second.reply, first.reply);
  answer(first, { error: { code: 404, err_code: 10059, description: "stream not found" } });
  answer(second, { name: config.name, config });
  const source = () => server.stream("SOURCE").upstreams.sourceInfos()[0]!;
  await until(() => source().active >= 0n);
  assertEquals(source().error, null);
});

Deno.test("TestJetStreamSourceConsumerCreatePoisonedReply", async (t) => {
  const cases: [string, string, boolean][] = [
    ["config_null", '{"config":null}', false],
    ["missing_config_durable", '{"stream_name":"S","name":"SC"}', true],
  ];
  for (const [name, reply, durable] of cases) {
    await t.step(name, async () => {
      await using server = await jetStreamServer();
      // The second request comes 10 s after the first failed; here time goes faster.
      const { loop } = server.test.server.env;
      const setTimer = loop.setTimer.bind(loop);
      Object.assign(loop, {
        setTimer: (task: () => void, delayMs: number) => setTimer(task, delayMs / 30),
      });
      const js = await server.jetStream();
      let requests = 0;
      js.nc.subscribe("XAPI.>", {
        callback: (_error, msg) => {
          requests++;
          msg.respond(reply);
        },
      });
      await js.nc.flush();
      const consumer = { name: "SC", deliver_subject: "d.source" };
      await js.addStream({
        name: "W",
        storage: "memory",
        sources: [{
          name: "S",
          external: { api: "XAPI", deliver: "" },
          ...(durable ? { consumer } : {}),
        }],
      });
      await until(async () => {
        const { sources } = await js.streamInfo("W");
        return sources.length === 1 && sources[0].error !== undefined && requests >= 2;
      });
    });
  }
});

Deno.test("TestJetStreamSourceRemovalAndReAdd", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "SRC", subjects: ["foo.*"] });
  await js.addStream({ name: "TEST", sources: [{ name: "SRC" }] });
  for (let i = 0; i < 10; i++) await js.publish(`foo.${i}`, "test");
  await messages(js, "TEST", 10);
  await js.updateStream({ name: "TEST" });
  for (let i = 10; i < 20; i++) await js.publish(`foo.${i}`, "test");
  await messages(js, "TEST", 10);
  await js.updateStream({ name: "TEST", sources: [{ name: "SRC" }] });
  await messages(js, "TEST", 20);
  await js.addConsumer("TEST", { durable_name: "d", ack_policy: "explicit" });
  for (const [index, msg] of (await fetchAll(js, "TEST", "d", 20)).entries()) {
    assertEquals(msg.subject, `foo.${index}`);
  }
});

// A third of the reference's messages.
Deno.test("TestJetStreamSourceWorkingQueueWithLimit", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "test", subjects: ["test"] });
  const max = 40;
  await js.addStream({
    name: "wq",
    max_msgs: max,
    discard: "new",
    retention: "workqueue",
    sources: [{ name: "test" }],
  });
  const count = 100;
  await js.publishMany(count, "test", "OK");
  await messages(js, "wq", max);
  await js.addConsumer("wq", {
    durable_name: "wqc",
    filter_subject: "test",
    ack_policy: "explicit",
  });
  const consuming = (async () => {
    for (let i = 0; i < count; i++) {
      const [msg] = await js.fetch("wq", "wqc", 1, { expiresMs: 4000 });
      msg!.respond();
    }
  })();
  let isDone = false;
  void consuming.then(() => isDone = true);
  while (!isDone) {
    assert((await stateOf(js, "wq")).messages <= max);
    await pass(20);
  }
  await consuming;
  await messages(js, "wq", 0);
});

Deno.test("TestJetStreamSourcingClipStartSeq", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "ORIGIN", subjects: ["test"] });
  await js.publishMany(10, "test");
  await js.addStream({ name: "SOURCING", sources: [{ name: "ORIGIN", opt_start_seq: 20 }] });
  const { consumers } = server.stream("ORIGIN");
  await until(() => consumers.size === 1);
  for (const consumer of consumers.values()) assertEquals(consumer.streamSeq, 11);
});

Deno.test("TestJetStreamSourcingIntoDiscardNewPerSubject", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "A", subjects: ["foo.*"], duplicate_window: 100_000_000 });
  await js.addStream({
    name: "B",
    storage: "memory",
    sources: [{ name: "A" }],
    max_msgs_per_subject: 1,
    discard: "new",
    discard_new_per_subject: true,
    duplicate_window: 10_000_000_000,
  });
  await js.publish("foo.1", "1");
  await js.publish("foo.1", "2");
  const expect = async (count: number, seq: number, subject: string, text: string) => {
    await messages(js, "B", count);
    const msg = await stored(js, "B", seq);
    assertEquals([msg.subject, msg.text], [subject, text]);
  };
  await expect(1, 1, "foo.1", "1");
  await js.purge("B");
  await expect(1, 2, "foo.1", "2");
  await js.publish("foo.2", "1", { "Nats-Msg-Id": "1" });
  await expect(2, 3, "foo.2", "1");
  await pass(200);
  await js.publish("foo.3", "1", { "Nats-Msg-Id": "1" });
  await messages(js, "B", 2);
  await js.publish("foo.4", "1");
  await expect(3, 4, "foo.4", "1");
});

Deno.test("TestJetStreamStreamCheckSourcesWithExternal", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "ORIGIN" });
  const check = async (source: Record<string, unknown>, description: string) => {
    for (const external of [undefined, { api: "", deliver: "" }]) {
      const sources = [{ name: "ORIGIN", ...source, external }];
      await refused(() => js.addStream({ name: "SOURCE", sources }), description);
    }
  };
  await check(
    { filter_subject: "filter", subject_transforms: [{ src: "filter", dest: "" }] },
    "source with multiple subject transforms cannot also have a single subject filter",
  );
  await check(
    { subject_transforms: [{ src: ".invalid", dest: "" }] },
    "source transform source: invalid subject .invalid",
  );
  await check(
    { subject_transforms: [{ src: "src", dest: ".invalid" }] },
    "source transform: invalid mapping destination: invalid transform",
  );
  await check(
    { subject_transforms: [{ src: "src", dest: "" }, { src: "src", dest: "" }] },
    "source filters can not overlap",
  );
});

Deno.test("TestJetStreamStreamMirrorIgnoresUpstreamDuplicateMsgIds", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"], duplicate_window: 100_000_000 });
  const publish = async (id: string, seq: number) => {
    const ack = await js.publish("foo", "", { "Nats-Msg-Id": id });
    assertEquals([ack.seq, ack.duplicate ?? false], [seq, false]);
  };
  const mirrored = async (seq: number) => {
    await messages(js, "M", seq);
    assertEquals((await stateOf(js, "M")).last_seq, seq);
  };
  const forgotten = () => until(() => server.stream("TEST").msgIds.size === 0);
  await publish("X", 1);
  await forgotten();
  await publish("X", 2);
  await js.addStream({ name: "M", mirror: { name: "TEST" }, duplicate_window: 120_000_000_000 });
  await mirrored(2);
  await publish("Y", 3);
  await mirrored(3);
  await server.restart();
  js = await server.jetStream();
  await forgotten();
  await publish("X", 4);
  await mirrored(4);
});

/** A stream takes both of two messages with an id that was forgotten meanwhile. */
async function takesForgottenId(upstream: Record<string, unknown>): Promise<void> {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  // A second in the reference.
  await js.addStream({ name: "TEST", subjects: ["foo"], duplicate_window: 200_000_000 });
  const publish = async (seq: number, isDuplicate: boolean) => {
    const ack = await js.publish("foo", "", { "Nats-Msg-Id": "msgId" });
    assertEquals([ack.seq, ack.duplicate ?? false], [seq, isDuplicate]);
  };
  await publish(1, false);
  await publish(1, true);
  await until(() => server.stream("TEST").msgIds.size === 0);
  await publish(2, false);
  await js.addStream({ name: "S", ...upstream, duplicate_window: 0 });
  await messages(js, "S", 2);
  const state = await stateOf(js, "S");
  assertEquals([state.first_seq, state.last_seq], [1, 2]);
}

Deno.test("TestJetStreamStreamMirrorWithoutDuplicateWindow", () =>
  takesForgottenId({ mirror: { name: "TEST" } }));

Deno.test("TestJetStreamStreamSourceWithoutDuplicateWindow", () =>
  takesForgottenId({ sources: [{ name: "TEST" }] }));

Deno.test("TestJetStreamStreamSourceFromKV", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  // What clients make for a bucket.
  await js.addStream({
    name: "KV_test",
    subjects: ["$KV.test.>"],
    max_msgs_per_subject: 1,
    discard: "new",
    allow_rollup_hdrs: true,
    deny_delete: true,
    allow_direct: true,
  });
  await js.addStream({ name: "test", retention: "interest", sources: [{ name: "KV_test" }] });
  await js.addConsumer("test", { durable_name: "durable", ack_policy: "explicit" });
  const put = async (text: string, revision: number) => {
    const last = { "Nats-Expected-Last-Subject-Sequence": String(revision) };
    return (await js.publish("$KV.test.key", text, last)).seq;
  };
  const expect = async (text: string) => {
    const [msg] = await fetchAll(js, "test", "durable", 1);
    await js.ackSync(msg!);
    assertEquals(textOf(msg!), text);
  };
  const first = await put("value1", 0);
  await expect("value1");
  await put("value3", await put("value2", first));
  await expect("value2");
  await expect("value3");
});

// What the reference's check of its health waits for is done here when a server has started.
Deno.test("TestJetStreamWorkQueueSourceNamingRestart", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  await js.addStream({ name: "C1", subjects: ["foo.*"] });
  await js.addStream({ name: "C2", subjects: ["bar.*"] });
  for (let i = 0; i < 10; i++) {
    await js.publish(`foo.${i}`);
    await js.publish(`bar.${i}`);
  }
  const sources = [{ name: "C1" }, { name: "C2" }];
  await js.addStream({ name: "D", retention: "workqueue", sources });
  await js.addConsumer("D", { durable_name: "dur", ack_policy: "explicit" });
  const pending = async () => (await js.consumerInfo("D", "dur")).num_pending;
  await until(async () => (await pending()) === 20);
  for (const msg of await fetchAll(js, "D", "dur", 18)) await js.ackSync(msg);
  assertEquals(await pending(), 2);
  assertEquals((await stateOf(js, "D")).messages, 2);
  await server.restart();
  js = await server.jetStream();
  assertEquals((await stateOf(js, "D")).messages, 2);
  // Nor do more come when the sources are connected.
  await until(() => server.stream("C1").consumers.size + server.stream("C2").consumers.size === 2);
  await js.nc.flush();
  assertEquals((await stateOf(js, "D")).messages, 2);
});

Deno.test("TestJetStreamWorkQueueSourceRestart", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  await js.addStream({ name: "FOO", subjects: ["foo"] });
  await js.publishMany(10, "foo");
  await js.addStream({ name: "TEST", retention: "workqueue", sources: [{ name: "FOO" }] });
  await js.addConsumer("TEST", { durable_name: "dur", ack_policy: "explicit" });
  const pending = async () => (await js.consumerInfo("TEST", "dur")).num_pending;
  await until(async () => (await pending()) === 10);
  for (const msg of await fetchAll(js, "TEST", "dur", 10)) await js.ackSync(msg);
  assertEquals([await pending(), (await stateOf(js, "TEST")).messages], [0, 0]);
  await server.restart();
  js = await server.jetStream();
  assertEquals([await pending(), (await stateOf(js, "TEST")).messages], [0, 0]);
  await until(() => server.stream("FOO").consumers.size === 1);
  assertEquals((await js.fetch("TEST", "dur", 1, { expiresMs: 300 })).length, 0);
});
