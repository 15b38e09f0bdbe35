// Ports: server/jetstream_test.go
/**
 * Mirrors and sources, as far as this half of server/jetstream_test.go goes.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { highOfNs, lowOfNs } from "../../../src/store/mod.ts";
import { Mirror } from "../../../src/jetstream/sourcing/mirror.ts";
import { UpstreamLink } from "../../../src/jetstream/sourcing/upstream_link.ts";
import { emptyStreamSource } from "../../../src/jsapi/mod.ts";
import {
  deliveryInfo,
  jetStreamOf,
  jetStreamServer,
  type JetStreamTestServer,
  type JsClient,
  type Json,
  textOf,
} from "../../harness/jetstream.ts";
import { until } from "../../harness/server.ts";
import { fetchAll, next } from "./_jetstream_consumer.ts";
import { messagesOf, pushTo, refusal, refused } from "./_jetstream_a.ts";

/** Lets the server's timers, such as pauses between attempts, run out so many times faster. */
function hurry(server: JetStreamTestServer, factor: number): void {
  const { loop } = server.test.server.core.env;
  const setTimer = loop.setTimer.bind(loop);
  loop.setTimer = (callback, delayMs) => setTimer(callback, delayMs / factor);
}

/** Waits until the information about the upstreams of a stream is as wanted. */
function upstreamError(js: JsClient, stream: string, expected: string): Promise<void> {
  let shown = "";
  return until(
    async () => {
      const { mirror, sources } = await js.streamInfo(stream);
      shown = (mirror ?? sources[0]).error?.description ?? "";
      return shown === expected;
    },
    () => `expected ${expected}, it says ${shown}`,
  );
}

Deno.test("TestJetStreamDurableStreamMirrorAndSourceIncorrectConsumerConfig", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "O", subjects: ["foo"], retention: "workqueue" });
  await js.addConsumer("O", {
    durable_name: "C",
    deliver_subject: "deliver-subject",
    ack_policy: "explicit",
  });
  const consumer = { name: "C", deliver_subject: "deliver-subject" };
  const bad: Json[] = [
    { consumer: { name: "", deliver_subject: "deliver-subject" } },
    { consumer: { name: "C", deliver_subject: "" } },
    { consumer: { name: "C.b", deliver_subject: "deliver-subject" } },
    { consumer: { name: "C", deliver_subject: "deliver.." } },
    { consumer, opt_start_seq: 1 },
    { consumer, opt_start_time: new Date().toISOString() },
    { consumer, filter_subject: "filter" },
  ];
  const codeOf = async (config: Json) => (await refused(js.addStream(config))).errCode;
  for (const settings of bad) {
    assertEquals(await codeOf({ name: "M", mirror: { name: "O", ...settings } }), 10213);
    assertEquals(await codeOf({ name: "S", sources: [{ name: "O", ...settings }] }), 10215);
  }
  await js.addStream({ name: "M", mirror: { name: "O", consumer } });
  await upstreamError(js, "M", "stream mirror consumer requires flow control ack policy");
  const transforms = [{ src: ">", dest: "a.>" }];
  const changed = { name: "O", consumer, subject_transforms: transforms };
  assertEquals((await refused(js.updateStream({ name: "M", mirror: changed }))).errCode, 10055);
  const twice = ["a", "b"].map((deliver) => ({
    name: "O",
    subject_transforms: [{ src: ">", dest: `${deliver}.>` }],
    consumer: { name: "C", deliver_subject: deliver },
  }));
  assertEquals(await codeOf({ name: "S", sources: twice }), 10216);
  await js.addStream({ name: "S", sources: [{ name: "O", consumer }] });
  await upstreamError(js, "S", "stream source consumer requires flow control ack policy");
});

Deno.test("TestJetStreamDurableStreamSourcesWithUniqueConsumerNames", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "O", subjects: ["a", "b"], retention: "workqueue" });
  const sources = ["a", "b"].map((filter) => ({ name: "O", filter_subject: filter }));
  await js.addStream({ name: "S", sources });
  await until(() => server.stream("O").consumers.size === 2);
});

Deno.test("TestJetStreamFilteredSubjectUsesNewConsumerCreateSubject", async (t) => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const extended = js.subscribe("$JS.API.CONSUMER.CREATE.*.>");
  const normal = js.subscribe("$JS.API.CONSUMER.CREATE.*");
  await js.nc.flush();
  const one = { src: "bar.one.>", dest: "bar.two.>" };
  const two = { src: "baz.one.>", dest: "baz.two.>" };
  const cases: [string, boolean, Json][] = [
    ["OneFilterSubject", true, { filter_subject: "bar.>" }],
    ["OneTransform", true, { subject_transforms: [one] }],
    ["TwoTransforms", false, { subject_transforms: [one, two] }],
  ];
  for (const [name, isExtended, settings] of cases) {
    await t.step(name, async () => {
      await js.addStream({
        name,
        storage: "memory",
        subjects: [`foo.${name}`],
        sources: [{ name: "source", ...settings }],
      });
      await until(() => extended.count + normal.count > 0);
      assertEquals([extended.count, normal.count], isExtended ? [1, 0] : [0, 1]);
      await next(isExtended ? extended : normal);
    });
  }
});

Deno.test("TestJetStreamMirrorAndSourcesFilteredConsumers", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo", "bar", "baz.*"] });
  await js.addStream({ name: "M", mirror: { name: "TEST" } });
  const add = async (stream: string, ...filters: string[]) => {
    for (const filter of filters) await pushTo(js, stream, { filter_subject: filter });
  };
  await add("M", "foo", "bar", "baz.foo");
  await js.addStream({ name: "O1", subjects: ["foo.*"] });
  await js.addStream({ name: "O2", subjects: ["bar.*"] });
  await js.addStream({ name: "S", sources: [{ name: "O1" }, { name: "O2" }] });
  await add("S", "foo.1", "bar.1");
  await js.addStream({ name: "M2", mirror: { name: "M" } });
  await add("M2", "foo", "bar", "baz.foo");
});

Deno.test("TestJetStreamMirrorBasics", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const subjects = ["foo", "bar", "baz"];
  const text = await refusal(js.addStream({ name: "M1", subjects, mirror: { name: "S1" } }));
  assert(text.includes("stream mirrors can not"), text);
  await js.addStream({ name: "S1", subjects });
  await js.addStream({ name: "M1", mirror: { name: "S1" } });
  await js.publishMany(100, "foo", "OK");
  await messagesOf(js, "M1", 100);
  await js.purge("S1");
  await js.publishMany(50, "bar", "OK");
  const expectMirror = async (name: string, mirror: Json, messages: number, firstSeq: number) => {
    await js.addStream({ name, mirror: { name: "S1", ...mirror } });
    await messagesOf(js, name, messages);
    assertEquals((await js.streamInfo(name)).state.first_seq, firstSeq);
  };
  await expectMirror("M2", {}, 50, 101);
  await js.publishMany(100, "baz", "OK");
  await expectMirror("M3", { opt_start_seq: 150 }, 101, 150);
  const start = new Date(Date.now() - 2 * 3_600_000).toISOString();
  await expectMirror("M4", { opt_start_time: start }, 150, 101);

  const bad: [Json, number][] = [
    [{ filter_subject: "foo", subject_transforms: [{ src: "foo", dest: "foo3" }] }, 10150],
    [{ subject_transforms: [{ src: ".*.", dest: "foo3" }] }, 10151],
    [{ subject_transforms: [{ src: "*", dest: "{{wildcard(2)}}" }] }, 10154],
    [
      { subject_transforms: [{ src: "foo", dest: "" }, { src: "foo", dest: "bar" }] },
      10152,
    ],
  ];
  for (const [mirror, code] of bad) {
    const failure = await refused(
      js.addStream({ name: "MBAD", mirror: { name: "S1", ...mirror } }),
    );
    assertEquals(failure.errCode, code);
  }
  const transformed = (name: string, ...names: string[]) =>
    js.addStream({
      name,
      mirror: {
        name: "S1",
        subject_transforms: names.map((src) => ({ src, dest: `${src}2` })),
      },
    });
  await transformed("M5", "foo");
  await transformed("M6", "bar", "baz");
  await js.publishMany(100, "foo", "OK");
  const expectSubject = async (
    stream: string,
    subject: string,
    counts: readonly [number, number, number, number],
  ) => {
    await messagesOf(js, stream, counts[1]);
    const { state } = await js.streamInfo(stream, { subjects_filter: subject });
    assertEquals(
      [state.subjects[subject], state.messages, state.first_seq, state.last_seq],
      [...counts],
    );
  };
  await expectSubject("M5", "foo2", [100, 100, 251, 350]);
  await expectSubject("M6", "bar2", [50, 150, 101, 250]);
  await expectSubject("M6", "baz2", [100, 150, 101, 250]);
});

Deno.test("TestJetStreamMirrorConsumerCreatePoisonedReply", async (t) => {
  const cases: [string, string, boolean][] = [
    ["config_null", `{"config":null}`, false],
    ["missing_config_durable", `{"stream_name":"S","name":"MC"}`, true],
  ];
  for (const [name, reply, isDurable] of cases) {
    await t.step(name, async () => {
      await using server = await jetStreamServer();
      hurry(server, 50);
      const js = await server.jetStream();
      let requests = 0;
      js.nc.subscribe("POISON.API.>", {
        callback: (_error, msg) => {
          requests++;
          msg.respond(reply);
        },
      });
      await js.nc.flush();
      const consumer = { name: "MC", deliver_subject: "d.mirror" };
      await js.addStream({
        name: "M",
        storage: "memory",
        mirror: { name: "S", external: { api: "POISON.API" }, ...isDurable ? { consumer } : {} },
      });
      await until(async () => {
        const { mirror } = await js.streamInfo("M");
        return mirror?.error !== undefined && requests >= 2;
      });
    });
  }
});

Deno.test("TestJetStreamMirrorConsumerRetryUsesFreshReplySubject", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const requests = js.subscribe("$FAKE.API.CONSUMER.CREATE.>");
  await js.nc.flush();
  await js.addStream({
    name: "MIRROR",
    mirror: { name: "ORIGIN", external: { api: "$FAKE.API" } },
  });
  const first = await next(requests);
  assertEquals(JSON.parse(textOf(first)).config.sourcing, true);
  const error = { code: 412, err_code: 10185, description: "JetStream minimum api level required" };
  first.respond(JSON.stringify({ error }));
  const second = await next(requests);
  const { config } = JSON.parse(textOf(second));
  assertEquals(config.sourcing ?? false, false);
  assertNotEquals(first.reply, second.reply);
  // A late answer to the first request means nothing any more.
  const notFound = { code: 404, err_code: 10059, description: "stream not found" };
  first.respond(JSON.stringify({ error: notFound }));
  second.respond(JSON.stringify({ name: config.name, config }));
  await js.nc.flush();
  const { mirror } = await js.streamInfo("MIRROR");
  assertEquals(mirror.error, undefined);
  // It takes the messages of that consumer. Only the server may send with such replies.
  const { client, core } = jetStreamOf(server.test);
  const timeNs = BigInt(Date.now()) * 1_000_000n;
  const reply = `$JS.ACK.ORIGIN.${config.name}.1.1.1.${timeNs}.0`;
  client.publishText(core.globalAccount, config.deliver_subject, reply, "hello");
  core.scheduleFlush();
  await messagesOf(js, "MIRROR", 1);
});

Deno.test("TestJetStreamMirrorDeliverByStartTime", async (t) => {
  for (const storage of ["memory", "file"]) {
    await t.step(storage === "memory" ? "Memory" : "File", async () => {
      await using server = await jetStreamServer();
      const js = await server.jetStream();
      await js.addStream({ name: "S", subjects: ["data.>"], storage });
      const stream = server.stream("S");
      const minuteNs = 60_000_000_000n;
      const baseNs = BigInt(Math.floor(Date.now() / 60_000) - 30 * 24 * 60) * minuteNs;
      const payload = new Uint8Array(64 * 1024).fill(65);
      const none = new Uint8Array(0);
      const [units, gap] = [200, 20];
      let seq = 0;
      const storeAt = (subject: string, body: Uint8Array, ns: bigint) =>
        stream.store.storeRawMsg(subject, none, body, ++seq, highOfNs(ns), lowOfNs(ns), 0, false);
      for (let i = 0; i < units; i++) {
        const ns = baseNs + BigInt(i) * minuteNs;
        storeAt("data.one", payload, ns);
        for (let g = 1; g <= gap; g++) {
          storeAt("data.other", new Uint8Array([79]), ns + BigInt(g) * 1_000_000_000n);
        }
      }
      stream.lastSeq = seq;
      await js.addStream({
        name: "M",
        storage,
        mirror: { name: "S", filter_subject: "data.one" },
      });
      await messagesOf(js, "M", units);
      const startAt = 130;
      const startNs = baseNs + BigInt(startAt) * minuteNs;
      const { name } = await js.addConsumer("M", {
        deliver_policy: "by_start_time",
        opt_start_time: new Date(Number(startNs / 1_000_000n)).toISOString(),
        ack_policy: "explicit",
      });
      const [msg] = await fetchAll(js, "M", name, 1);
      const { timeNs, streamSeq } = deliveryInfo(msg!);
      assertEquals(timeNs, startNs);
      assertEquals(streamSeq, startAt * (gap + 1) + 1);
    });
  }
});

Deno.test("TestJetStreamMirrorFirstSeqNotSupported", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "SOURCE" });
  const failure = await refused(
    js.addStream({ name: "M", mirror: { name: "SOURCE" }, first_seq: 123 }),
  );
  assertEquals(failure.errCode, 10143);
});

Deno.test("TestJetStreamMirrorRetriesOnSeqAlreadySeenMismatch", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "M", subjects: ["foo"] });
  await js.publishMany(5, "foo", "seed");
  const stream = server.stream("M");
  const source = { ...emptyStreamSource(), name: "X" };
  const mirror = new Mirror(stream, source);
  const link = new UpstreamLink(stream, mirror, source, "X");
  link.streamSeq = 4;
  // The next one as the link sees it, but the stream has a message of that sequence.
  const isTaken = mirror.onMessage(link, {
    delivery: {
      consumer: "X",
      deliveries: 1,
      streamSeq: 5,
      consumerSeq: 1,
      timeNs: BigInt(Date.now()) * 1_000_000n,
      pending: 0,
    },
    subject: "bar",
    headers: new Uint8Array(0),
    payload: new Uint8Array([120]),
  });
  assertEquals(isTaken, false);
  mirror.stop({ deleteConsumer: false });
  link.stop();
});

Deno.test("TestJetStreamMirrorStripExpectedHeaders", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "S", subjects: ["foo"] });
  await js.addStream({ name: "M", mirror: { name: "S" } });
  assertEquals((await js.publish("foo")).seq, 1);
  await messagesOf(js, "M", 1);
  assertEquals((await js.publish("foo", "", { "Nats-Expected-Stream": "S" })).seq, 2);
  await messagesOf(js, "M", 2);
});

Deno.test("TestJetStreamMirrorUpdatePreventsSubjects", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "ORIGINAL" });
  const config = { name: "MIRROR", mirror: { name: "ORIGINAL" } };
  await js.addStream(config);
  assertEquals(
    await refusal(js.updateStream({ ...config, subjects: ["x"] })),
    "stream mirrors can not contain subjects",
  );
});

Deno.test("TestJetStreamMirrorUpdatesNotSupported", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "SOURCE" });
  await js.addStream({ name: "M", mirror: { name: "SOURCE" } });
  // Becoming a stream of its own is all that a mirror can be changed to.
  await js.updateStream({ name: "M" });
});

Deno.test("TestJetStreamMirroringClipStartSeq", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "ORIGIN", subjects: ["test"] });
  await js.publishMany(10, "test");
  await js.addStream({ name: "MIRRORING", mirror: { name: "ORIGIN", opt_start_seq: 20 } });
  const { consumers } = server.stream("ORIGIN");
  await until(() => consumers.size === 1);
  const [consumer] = consumers.values();
  assertEquals(consumer!.streamSeq, 11);
});
