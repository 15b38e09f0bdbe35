/**
 * What tests of server/jetstream_test.go do on one server, of those that do the same or more on a
 * cluster. These are not the ported tests; each names the one that it will become a part of.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  jetStreamServer,
  type JetStreamTestServer,
  type JsClient,
  type Json,
} from "../../harness/jetstream.ts";
import { until } from "../../harness/server.ts";
import { fetchAll, forBothStores, ns } from "./_jetstream_consumer.ts";
import { messagesOf, publishRaw, refusal, refused, storedMsg } from "./_jetstream_a.ts";

/** A server and a client of it. */
async function withServer(
  use: (js: JsClient, server: JetStreamTestServer) => Promise<void>,
  options: Json = {},
  config = "",
): Promise<void> {
  await using server = await jetStreamServer(options, config);
  await use(await server.jetStream(), server);
}

const increments = (by: string, more: Record<string, string> = {}) => ({
  "Nats-Incr": by,
  ...more,
});

async function expectTotal(js: JsClient, seq: number, total: string): Promise<void> {
  const last = await storedMsg(js, "TEST", { last_by_subj: "foo" });
  assertEquals([last.seq, JSON.parse(last.text).val], [seq, total]);
}

async function increment(js: JsClient, by: string, seq: number, total: string): Promise<void> {
  const ack = await publishRaw(js, "foo", "", increments(by));
  assertEquals([ack.seq, ack.val], [seq, total]);
  await expectTotal(js, seq, total);
}

async function codeOf(call: Promise<unknown>): Promise<number> {
  return (await refused(call)).errCode;
}

Deno.test("one server's part of TestJetStreamAllowMsgCounter", () =>
  withServer(async (js, server) => {
    const config = { name: "TEST", subjects: ["foo"], allow_msg_counter: false };
    await js.addStream(config);
    assertEquals((await js.publish("foo", "", { Key: "Value" })).seq, 1);
    assertEquals(await codeOf(js.publish("foo", "", increments("1"))), 10168);
    config.allow_msg_counter = true;
    assertEquals(
      await refusal(js.updateStream(config)),
      "stream configuration update can not change message counter setting",
    );
    await js.deleteStream("TEST");
    await js.addStream(config);
    assertEquals(await codeOf(js.publish("foo")), 10169);
    assertEquals(await codeOf(js.publish("foo", "", { Key: "Value" })), 10169);
    assertEquals(await codeOf(js.publish("foo", "data", increments("1"))), 10170);
    assertEquals(await codeOf(js.publish("foo", "", increments("bogus"))), 10171);
    await increment(js, "1", 1, "1");
    await increment(js, "2", 2, "3");
    await increment(js, "-3", 3, "0");
    await increment(js, "1", 4, "1");
    await increment(js, "-1", 5, "0");
    const once = () => publishRaw(js, "foo", "", increments("1", { "Nats-Msg-Id": "dedupe" }));
    const first = await once();
    assertEquals([first.duplicate ?? false, first.seq, first.val], [false, 6, "1"]);
    await expectTotal(js, 6, "1");
    const second = await once();
    assertEquals([second.duplicate, second.seq, second.val ?? ""], [true, 6, ""]);
    await expectTotal(js, 6, "1");
    const refusedHeaders = [
      "Nats-Rollup",
      "Nats-Expected-Last-Sequence",
      "Nats-Expected-Last-Subject-Sequence",
      "Nats-Expected-Last-Subject-Sequence-Subject",
      "Nats-Expected-Last-Msg-Id",
    ];
    for (const name of refusedHeaders) {
      assertEquals(await codeOf(js.publish("foo", "", increments("1", { [name]: "1" }))), 10171);
    }
    const none = new Uint8Array(0);
    assertEquals(server.stream("TEST").store.storeMsg("foo", none, none, 0), 7);
    assertEquals(await codeOf(js.publish("foo", "", increments("1"))), 10172);
  }));

Deno.test("one server's part of TestJetStreamAllowMsgCounterMaxPayloadAndSize", () =>
  withServer(async (js) => {
    const config = { name: "TEST", subjects: ["foo"], allow_msg_counter: true };
    await js.addStream(config);
    const tooLarge = "1".repeat(500);
    await increment(js, "1", 1, "1");
    assertEquals(await codeOf(js.publish("foo", "", increments(tooLarge))), 10054);
    await increment(js, "-2", 2, "-1");
    assertEquals(await codeOf(js.publish("foo", "", increments(`-${tooLarge}`))), 10054);
    await increment(js, "1", 3, "0");
    await js.updateStream({ ...config, max_msg_size: 37 });
    await increment(js, "1", 4, "1");
    assertEquals(await codeOf(js.publish("foo", "", increments("10"))), 10054);
  }, { maxPayload: 1024 }));

/** Waits until a stream holds a counter of this value. */
async function counterOf(js: JsClient, stream: string, seq: number, value: string): Promise<void> {
  await messagesOf(js, stream, seq);
  assertEquals(JSON.parse((await storedMsg(js, stream, { seq })).text).val, value);
}

Deno.test("one server's part of TestJetStreamAllowMsgCounterMirror", () =>
  withServer(async (js) => {
    await js.addStream({ name: "O", subjects: ["foo"], allow_msg_counter: true });
    const mirror = { name: "M", mirror: { name: "O" } };
    assertEquals(await codeOf(js.addStream({ ...mirror, allow_msg_counter: true })), 10173);
    await js.addStream(mirror);
    assertEquals((await js.publish("foo", "", increments("1"))).seq, 1);
    await counterOf(js, "M", 1, "1");
    const { headers } = await storedMsg(js, "M", { seq: 1 });
    assert(headers.includes("Nats-Incr: 1\r\n"), headers);
  }));

async function addOrigins(js: JsClient, more: Json = {}): Promise<Json[]> {
  const sources: Json[] = [];
  for (const number of [1, 2]) {
    await js.addStream({
      name: `O${number}`,
      subjects: [`foo.${number}`],
      allow_msg_counter: true,
      ...more,
    });
    sources.push({
      name: `O${number}`,
      subject_transforms: [{ src: "foo.*", dest: "foo" }],
    });
  }
  return sources;
}

Deno.test("one server's part of TestJetStreamAllowMsgCounterSourceAggregates", () =>
  withServer(async (js) => {
    const sources = await addOrigins(js);
    await js.addStream({ name: "M", sources, allow_msg_counter: true });
    assertEquals((await js.publish("foo.1", "", increments("1"))).seq, 1);
    assertEquals((await js.publish("foo.2", "", increments("2"))).seq, 1);
    await counterOf(js, "M", 2, "3");
  }));

Deno.test("one server's part of TestJetStreamAllowMsgCounterSourceStartingAboveZero", () =>
  withServer(async (js) => {
    const sources = await addOrigins(js, { max_msgs_per_subject: 1 });
    for (let seq = 1; seq <= 5; seq++) {
      assertEquals((await js.publish("foo.1", "", increments("1"))).seq, seq);
      assertEquals((await js.publish("foo.2", "", increments("2"))).seq, seq);
    }
    const config = { name: "M", subjects: ["foo"], allow_msg_counter: true };
    await js.addStream(config);
    assertEquals((await js.publish("foo", "", increments("1"))).seq, 1);
    await js.updateStream({ ...config, sources });
    await messagesOf(js, "M", 3);
    assertEquals((await js.publish("foo", "", increments("1"))).seq, 4);
    await counterOf(js, "M", 4, "17");
    const line = (headers: string, name: string) =>
      headers.split("\r\n").find((each) => each.startsWith(`${name}: `))?.slice(name.length + 2);
    const messages = await Promise.all([1, 2, 3, 4].map((seq) => storedMsg(js, "M", { seq })));
    for (const { subject } of messages) assertEquals(subject, "foo");
    const added = messages.map(({ headers }) => line(headers, "Nats-Incr"));
    assertEquals([added[0], added[3]], ["1", "1"]);
    assertEquals(added.slice(1, 3).sort(), ["10", "5"]);
    assertEquals(JSON.parse(line(messages[3]!.headers, "Nats-Counter-Sources")!), {
      O1: { "foo.1": "5" },
      O2: { "foo.2": "10" },
    });
  }));

Deno.test("one server's part of TestJetStreamAllowMsgCounterSourceVerbatim", () =>
  withServer(async (js) => {
    const sources = await addOrigins(js);
    await js.addStream({ name: "M", sources, allow_msg_counter: false });
    await js.publish("foo.1", "", increments("1"));
    await counterOf(js, "M", 1, "1");
    await js.publish("foo.2", "", increments("2"));
    await counterOf(js, "M", 2, "2");
  }));

Deno.test("one server's part of TestJetStreamAuditStreams", () =>
  withServer(async (js) => {
    const noAck = "require no-ack to be true";
    const cases: [string, string][] = [
      ["$JS.>", `subjects that overlap with jetstream api ${noAck}`],
      ["$JS.API.>", `subjects that overlap with jetstream api ${noAck}`],
      ["$JSC.>", `subjects that overlap with jetstream api ${noAck}`],
      ["$SYS.>", `subjects that overlap with system api ${noAck}`],
      [">", "capturing all subjects requires no-ack to be true"],
    ];
    for (const [subject, text] of cases) {
      assertEquals(await refusal(js.addStream({ name: "TEST", subjects: [subject] })), text);
    }
    await js.addStream({ name: "TEST1", subjects: ["$JS.>"], no_ack: true });
    await js.addStream({ name: "TEST2", subjects: ["$JSC.>"], no_ack: true });
    await js.addStream({ name: "TEST3", subjects: ["$SYS.>"], no_ack: true });
    await js.deleteStream("TEST1");
    await js.addStream({ name: "TEST4", subjects: ["$JS.EVENT.>"] });
    await js.deleteStream("TEST3");
    await js.addStream({ name: "TEST5", subjects: ["$SYS.ACCOUNT.>"] });
  }));

Deno.test("one server's part of TestJetStreamGetLastMsgBySubject", (t) =>
  forBothStores(t, (storage) =>
    withServer(async (js) => {
      await js.addStream({ name: "KV", subjects: ["kv.>"], storage, max_msgs_per_subject: 20 });
      const keys = ["foo", "bar", "baz"];
      await js.publishMany(
        3000,
        (i) => `kv.${keys[i % 3]}`,
        (i) => `VAL-${Math.floor(i / 3) + 1}`,
      );
      await refused(js.api("STREAM.MSG.GET.KV", { last_by_subj: "kv.foo", seq: 950 }));
      const cases: [string, number][] = [
        ["kv.foo", 2998],
        ["kv.bar", 2999],
        ["kv.baz", 3000],
        ["kv.*", 3000],
        [">", 3000],
      ];
      for (const [subject, seq] of cases) {
        const msg = await storedMsg(js, "KV", { last_by_subj: subject });
        assertEquals([msg.text, msg.seq], ["VAL-1000", seq]);
      }
    })));

Deno.test("one server's part of TestJetStreamGetLastMsgBySubjectAfterUpdate", () =>
  withServer(async (js) => {
    await js.addStream({ name: "TEST", subjects: ["foo"] });
    await js.updateStream({ name: "TEST", subjects: ["foo", "bar", "baz"] });
    for (const subject of ["foo", "bar", "foo", "bar"]) await js.publish(subject, "OK");
    for (const [subject, seq] of [["foo", 3], ["bar", 4]] as const) {
      const msg = await storedMsg(js, "TEST", { last_by_subj: subject });
      assertEquals([msg.subject, msg.seq], [subject, seq]);
    }
  }));

/** Publishes if the last message of the subject is the one given; whether it was taken. */
async function isTaken(
  js: JsClient,
  subject: string,
  lastSeq: string,
  filter?: string,
): Promise<boolean> {
  const answer = await publishRaw(js, subject, "HELLO", {
    "Nats-Expected-Last-Subject-Sequence": lastSeq,
    ...filter === undefined ? {} : { "Nats-Expected-Last-Subject-Sequence-Subject": filter },
  });
  return answer.error === undefined;
}

Deno.test("one server's part of TestJetStreamLastSequenceBySubject", (t) =>
  forBothStores(t, (storage) =>
    withServer(async (js) => {
      await js.addStream({ name: "KV", subjects: ["kv.>"], storage, max_msgs_per_subject: 1 });
      for (const key of ["foo", "bar", "baz"]) await js.publish(`kv.${key}`);
      assertEquals(await isTaken(js, "kv.foo", "1"), true);
      assertEquals(await isTaken(js, "kv.foo", "1"), false);
      assertEquals(await isTaken(js, "kv.bar", "2"), true);
      assertEquals(await isTaken(js, "kv.bar", "5"), true);
      assertEquals(await isTaken(js, "kv.xxx", "5"), false);
    })));

Deno.test("one server's part of TestJetStreamLastSequenceBySubjectConcurrent", (t) =>
  forBothStores(t, (storage) =>
    withServer(async (js, server) => {
      await js.addStream({ name: "KV", subjects: ["kv.>"], storage });
      const clients = [await server.jetStream(), await server.jetStream()];
      await Promise.all(clients.map(async (client) => {
        for (let i = 0; i < 3; i++) await isTaken(client, "kv.foo", String(i));
      }));
      const { name } = await js.addConsumer("KV", { ack_policy: "explicit" });
      const msgs = await js.fetch("KV", name, 10, { expiresMs: 100 });
      assertEquals(
        msgs.map(({ headers }) => headers?.get("Nats-Expected-Last-Subject-Sequence")),
        ["0", "1", "2"],
      );
    })));

Deno.test("one server's part of TestJetStreamLastSequenceBySubjectWithSubject", (t) =>
  forBothStores(t, (storage) =>
    withServer(async (js) => {
      await js.addStream({ name: "KV", subjects: ["kv.>"], storage, max_msgs_per_subject: 1 });
      const keys = ["1.foo", "1.bar", "2.foo", "3.bar", "1.baz", "1.bar", "2.baz"];
      for (const key of keys) await js.publish(`kv.${key}`);
      const cases: [string, string, string, boolean][] = [
        ["1.foo", "1.*", "0", false],
        ["1.bar", "1.*", "0", false],
        ["1.xxx", "1.*", "0", false],
        ["1.foo", "1.*", "1", false],
        ["1.bar", "1.*", "1", false],
        ["1.xxx", "1.*", "1", false],
        ["2.foo", "2.*", "1", false],
        ["2.bar", "2.*", "1", false],
        ["2.xxx", "2.*", "1", false],
        ["1.bar", "1.*", "2", false],
        ["1.bar", "1.*", "3", false],
        ["1.bar", "1.*", "4", false],
        ["1.bar", "1.*", "5", false],
        ["1.bar", "1.*", "6", true],
        ["1.baz", "1.*", "2", false],
        ["1.bar", "1.*", "7", false],
        ["1.xxx", "1.*", "8", true],
        ["2.foo", "2.*", "2", false],
        ["2.foo", "2.*", "7", true],
        ["xxx", "*", "0", true],
        ["xxx", "*.*", "0", false],
        ["3.xxx", "3.*", "4", true],
        ["3.xyz", "3.*", "12", true],
      ];
      for (const [key, filter, seq, expected] of cases) {
        const what = `${key} ${filter} ${seq}`;
        assertEquals(await isTaken(js, `kv.${key}`, seq, `kv.${filter}`), expected, what);
      }
      const headers = { "Nats-Expected-Last-Subject-Sequence-Subject": "kv.invalid" };
      assertEquals(await codeOf(js.publish("kv.invalid", "HELLO", headers)), 10193);
    })));

Deno.test("one server's part of TestJetStreamLimits", async (t) => {
  const config = (limits: string, account: string) =>
    `jetstream: {
      max_mem_store: 2MB,
      max_file_store: 8MB,
      limits: {${limits} duplicate_window: "1m", max_request_batch: 250}
    }
    no_auth_user: u
    accounts {
      ONE {
        users = [ { user: "u", pass: "s3cr3t!" } ]
        jetstream: ${account}
      }
      $SYS { users = [ { user: "admin", pass: "s3cr3t!" } ] }
    }`;
  const check = async (js: JsClient) => {
    const window = async (config: Json) => (await js.addStream(config)).config.duplicate_window;
    assertEquals(await window({ name: "foo" }), ns(60_000));
    assertEquals(await window({ name: "bar", duplicate_window: ns(1500) }), ns(1500));
    const long = { duplicate_window: ns(120_000) };
    const tooLong = "duplicates window can not be larger then server limit of 1m0s";
    assertEquals(await refusal(js.updateStream({ name: "bar", ...long })), tooLong);
    assertEquals(await refusal(js.addStream({ name: "baz", ...long })), tooLong);
    const add = async (name: string, more: Json = {}) => {
      const durable = { durable_name: name, ack_policy: "explicit", ...more };
      const { config } = await js.addConsumer("foo", durable);
      return [config.max_ack_pending, config.max_batch];
    };
    assertEquals(await add("dur1"), [1000, 250]);
    assertEquals(
      await refusal(add("dur2", { max_batch: 500 })),
      "consumer max request batch exceeds server limit of 250",
    );
    assertEquals(await add("dur2", { max_ack_pending: 500 }), [500, 250]);
    const tooMany = "consumer max ack pending exceeds system limit of 1000";
    const many = { ack_policy: "explicit", max_ack_pending: 2000 };
    assertEquals(
      await refusal(js.updateConsumer("foo", { durable_name: "dur2", ...many })),
      tooMany,
    );
    assertEquals(await refusal(add("dur3", { max_ack_pending: 2000 })), tooMany);
  };
  await t.step(
    "operator",
    () => withServer(check, {}, config("max_ack_pending: 1000,", "enabled")),
  );
  await t.step("account", () => withServer(check, {}, config("", "{max_ack_pending: 1000}")));
});

Deno.test("one server's part of TestJetStreamInvalidRestoreRequests", () =>
  withServer(
    async (js) => {
      const restore = (config: Json) =>
        refusal(js.api("STREAM.RESTORE.fail", { config: { name: "fail", ...config }, state: {} }));
      assertEquals(await restore({ max_bytes: 1024, num_replicas: 6 }), "maximum replicas is 5");
      assertEquals(
        await restore({ max_bytes: 2 * 1012 * 1024, num_replicas: 1 }),
        "insufficient storage resources available",
      );
      await js.addStream({ name: "stream", max_bytes: 1024, num_replicas: 1 });
      assertEquals(await restore({ max_bytes: 1024 }), "maximum number of streams reached");
    },
    {},
    `jetstream: {max_mem_store: 2MB, max_file_store: 8MB}
    no_auth_user: u
    accounts {
      ONE {
        users = [ { user: "u", pass: "s3cr3t!" } ]
        jetstream: { max_store: 1Mb, max_streams: 1 }
      }
      $SYS { users = [ { user: "admin", pass: "s3cr3t!" } ] }
    }`,
  ));

Deno.test("one server's part of TestJetStreamLimitsToInterestPolicy", () =>
  withServer(async (js) => {
    const config = { name: "TEST", subjects: ["foo"], storage: "memory" };
    await js.addStream(config);
    for (let i = 0; i < 10; i++) {
      await js.addConsumer("TEST", { name: `c${i}`, durable_name: `c${i}`, ack_policy: "all" });
    }
    await js.publishMany(20, "foo", "12345");
    for (let i = 0; i < 10; i++) {
      const msgs = await fetchAll(js, "TEST", `c${i}`, 10 + i);
      await js.ackSync(msgs.at(-1)!);
      assertEquals((await js.consumerInfo("TEST", `c${i}`)).ack_floor.consumer_seq, 10 + i);
    }
    await js.updateStream({ ...config, retention: "interest" });
    const { state } = await js.streamInfo("TEST");
    assertEquals([state.first_seq, state.messages], [11, 10]);
  }));

Deno.test("one server's part of TestJetStreamLimitsToInterestPolicyWhileAcking", (t) =>
  forBothStores(t, (storage) =>
    withServer(async (js) => {
      const config = { name: "TEST", subjects: ["foo"], storage };
      await js.addStream(config);
      let isOver = false;
      const work: Promise<void>[] = [];
      work.push((async () => {
        while (!isOver) {
          await js.publish("foo", "A".repeat(128));
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
      })());
      for (let i = 0; i < 5; i++) {
        await js.addConsumer("TEST", { durable_name: `c${i}`, ack_policy: "explicit" });
        work.push((async () => {
          while (!isOver) {
            for (const msg of await js.fetch("TEST", `c${i}`, 1, { expiresMs: 100 })) msg.respond();
          }
        })());
      }
      await until(async () => (await js.streamInfo("TEST")).state.messages > 50);
      await js.updateStream({ ...config, retention: "interest" });
      assertEquals((await js.streamInfo("TEST")).config.retention, "interest");
      isOver = true;
      await Promise.all(work);
      // What all of them have acknowledged is gone.
      const floors = await Promise.all([0, 1, 2, 3, 4].map(async (i) =>
        (await js.consumerInfo("TEST", `c${i}`)).ack_floor.stream_seq
      ));
      await until(async () => {
        const { state } = await js.streamInfo("TEST");
        return state.first_seq === Math.min(...floors) + 1;
      });
    })));
