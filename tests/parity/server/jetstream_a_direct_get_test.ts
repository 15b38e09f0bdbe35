// Ports: server/jetstream_test.go
/**
 * Direct gets: one message, batches, several subjects at once (server/jetstream_test.go).
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Msg } from "@nats-io/transport-node";
import { jetStreamServer, type Json, textOf } from "../../harness/jetstream.ts";
import { type Inbox, until } from "../../harness/server.ts";
import { forBothStores, next, ns } from "./_jetstream_consumer.ts";
import { ask, clientOf, header, refused, storedMsg, takeAll } from "./_jetstream_a.ts";

const DIRECT = "$JS.API.DIRECT.GET.TEST";
const EOB = "";

function expectStatus(msg: Msg, code: number, description: string): void {
  assertEquals([msg.data.length, msg.headers?.code, msg.headers?.description], [
    0,
    code,
    description,
  ]);
}

/** Expects messages of these subjects (and sequences), or the end of the batch. */
async function expectBatch(
  inbox: Inbox,
  pendingAtStart: number,
  expected: readonly (readonly [string, number] | readonly [string])[],
): Promise<void> {
  let pending = pendingAtStart;
  let last = "0";
  const msgs = await takeAll(inbox, expected.length);
  for (const [i, msg] of msgs.entries()) {
    const [subject, seq] = expected[i]!;
    if (subject === EOB) expectStatus(msg, 204, "EOB");
    else {
      assertEquals(header(msg, "Nats-Subject"), subject);
      if (seq !== undefined) assertEquals(header(msg, "Nats-Sequence"), String(seq));
      assert(msg.data.length > 0);
      if (pending > 0) pending--;
    }
    assertEquals(header(msg, "Nats-Num-Pending"), String(pending));
    assertEquals(header(msg, "Nats-Last-Sequence"), last);
    last = header(msg, "Nats-Sequence");
  }
}

Deno.test("TestJetStreamDirectGetBatch", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo.*"] });
  const subjects = ["foo.foo", "foo.bar", "foo.baz"];
  const load = (rounds: number) =>
    js.publishMany(rounds * 3, (i) => subjects[i % 3]!, (i) => ["HELLO", "WORLD", "AGAIN"][i % 3]!);
  await load(333);
  const { data } = await refused(js.api("STREAM.MSG.GET.TEST", { seq: 1, batch: 10 }));
  assertEquals(data.code, 400);
  await js.updateStream({ name: "TEST", subjects: ["foo.*"], allow_direct: true });
  const expectSubjects = (request: Json, pending: number, ...expected: string[]) =>
    expectBatch(ask(js, DIRECT, request), pending, expected.map((subject) => [subject]));
  await expectSubjects({ seq: 1, batch: 2 }, 999, "foo.foo", "foo.bar", EOB);
  await expectSubjects({ seq: 1, batch: 3 }, 999, ...subjects, EOB);
  await expectSubjects({ seq: 1, batch: 3, next_by_subj: "foo.*" }, 999, ...subjects, EOB);
  await expectSubjects(
    { seq: 1, batch: 3, next_by_subj: "foo.baz" },
    333,
    ...["foo.baz", "foo.baz", "foo.baz", EOB],
  );
  await expectSubjects({ seq: 997, batch: 10, next_by_subj: "foo.*" }, 3, ...subjects, EOB);
  await js.purge("TEST");
  await load(1);
  await expectSubjects({ seq: 1, batch: 10 }, 3, ...subjects, EOB);
  expectStatus(await next(ask(js, DIRECT, { seq: 1 })), 404, "Message Not Found");
});

Deno.test("TestJetStreamDirectGetBatchMaxBytes", async () => {
  // An eighth of the reference's sizes, also of the bytes that may be pending.
  const maxPending = 8 * 1024 * 1024;
  await using server = await jetStreamServer({ maxPending });
  const js = await server.jetStream();
  await js.addStream({
    name: "TEST",
    subjects: ["foo.*"],
    allow_direct: true,
    compression: "s2",
  });
  const data = "Z".repeat(64 * 1024);
  const subjects = ["foo.foo", "foo.bar", "foo.baz"];
  await js.publishMany(333, (i) => subjects[i % 3]!, data);
  const msgBytes = data.length + "foo.foo".length;
  await takeAll(ask(js, DIRECT, { seq: 1, batch: 3, max_bytes: msgBytes }), 2);
  const request = { seq: 1, next_by_subj: "foo.bar", batch: 3, max_bytes: 2 * msgBytes };
  await takeAll(ask(js, DIRECT, request), 3);
  const expected = Math.floor(maxPending / msgBytes) + 1;
  await takeAll(ask(js, DIRECT, { seq: 1, batch: 200 }), expected + 1);
});

Deno.test("TestJetStreamDirectGetBySubject", async () => {
  await using server = await jetStreamServer(
    {},
    `jetstream: {max_mem_store: 64GB, max_file_store: 10TB}
    ONLYME = {
      publish = { allow = "$JS.API.DIRECT.GET.KV.vid.22.>"}
    }
    accounts: {
      A: {
        jetstream: enabled
        users: [
          { user: admin, password: s3cr3t },
          { user: user, password: pwd, permissions: $ONLYME},
        ]
      },
    }`,
  );
  const js = await clientOf(server, "admin", "s3cr3t");
  await js.addStream({
    name: "KV",
    storage: "memory",
    subjects: ["vid.*.>"],
    max_msgs_per_subject: 1,
    allow_direct: true,
  });
  await js.addStream({
    name: "M",
    storage: "memory",
    mirror: { name: "KV" },
    mirror_direct: true,
  });
  await js.publish("vid.22.speed", "100");
  await js.publish("vid.33.speed", "55");
  const restricted = await clientOf(server, "user", "pwd");
  const violations: string[] = [];
  void (async () => {
    for await (const status of restricted.nc.status()) {
      if (status.type === "error") violations.push(status.error.message);
    }
  })();
  const get = (subject: string) =>
    restricted.nc.request(`$JS.API.DIRECT.GET.KV.${subject}`, "", { timeout: 200 });
  assertEquals(textOf(await get("vid.22.speed")), "100");
  await assertRejects(() => get("vid.33.speed"));
  await until(() => violations.length > 0);
  assert(/^permissions violation/i.test(violations[0]!), violations[0]);
  // The mirror answers, too, as soon as it has the message.
  await until(async () => header(await get("vid.22.speed"), "Nats-Stream") === "M");
});

Deno.test("TestJetStreamDirectGetMulti", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "TEST", subjects: ["foo.*"], allow_direct: true, storage });
    const subjects = ["foo.foo", "foo.bar", "foo.baz"];
    await js.publishMany(99, (i) => subjects[i % 3]!, (i) => `HELLO-${i}`);
    const get = (multi_last: string[], more = {}) => ask(js, DIRECT, { multi_last, ...more });
    await expectBatch(get(["foo.*"]), 3, [
      ["foo.foo", 97],
      ["foo.bar", 98],
      ["foo.baz", 99],
      [EOB],
    ]);
    await expectBatch(get(["foo.*"], { up_to_seq: 3 }), 3, [
      ["foo.foo", 1],
      ["foo.bar", 2],
      ["foo.baz", 3],
      [EOB],
    ]);
    await expectBatch(get(["foo.foo", "foo.baz"]), 2, [["foo.foo", 97], ["foo.baz", 99], [EOB]]);
    const [msg] = await takeAll(get(["bar.*"]), 1);
    expectStatus(msg!, 404, "No Results");
  });
});

Deno.test("TestJetStreamDirectGetMultiMaxAllowed", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo.*"], allow_direct: true });
  await js.publishMany(1025, (i) => `foo.${i + 1}`, "OK");
  const msg = await js.nc.request(DIRECT, `{"seq":1,"multi_last":["foo.*"]}`);
  expectStatus(msg, 413, "Too Many Results");
});

Deno.test("TestJetStreamDirectGetMultiPaging", async () => {
  // An eighth of the reference's sizes, also of the bytes that may be pending.
  await using server = await jetStreamServer({ maxPending: 8 * 1024 * 1024 });
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo.*"], allow_direct: true });
  const sent = 500;
  await js.publishMany(sent, (i) => `foo.${i + 1}`, "Z".repeat(64 * 1024));
  let [start, seq, pending, batch] = [1, 1, sent, 0];
  const takePart = async (count: number) => {
    const inbox = ask(js, DIRECT, { seq: start, batch, multi_last: ["foo.*"] });
    const msgs = await takeAll(inbox, count);
    const end = msgs.pop()!;
    for (const msg of msgs) {
      assertEquals(header(msg, "Nats-Sequence"), String(seq++));
      assertEquals(header(msg, "Nats-Num-Pending"), String(--pending));
    }
    expectStatus(end, 204, "EOB");
    assertEquals(header(end, "Nats-Num-Pending"), String(pending));
    assertEquals(header(end, "Nats-Last-Sequence"), String(seq - 1));
    assertEquals(header(end, "Nats-UpTo-Sequence"), String(sent));
    start = seq;
  };
  for (let i = 0; i < 3; i++) await takePart(128 + 1);
  await takePart(116 + 1);
  [start, seq, pending, batch] = [1, 1, sent, 100];
  for (let i = 0; i < 5; i++) await takePart(batch + 1);
});

Deno.test("TestJetStreamDirectGetMultiUpToTime", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo.*"], allow_direct: true });
  const subjects = ["foo.foo", "foo.bar", "foo.baz"];
  const times: string[] = [];
  for (const value of ["1", "2", "3"]) {
    await js.publishMany(3, (i) => subjects[i]!, value);
    // Shorter than the reference's seconds; times are of milliseconds.
    await new Promise((resolve) => setTimeout(resolve, 20));
    times.push(new Date().toISOString());
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const request = { seq: 1, multi_last: ["foo.*"] };
  const [msg] = await takeAll(
    ask(js, DIRECT, { ...request, up_to_seq: 3, up_to_time: times[0] }),
    1,
  );
  expectStatus(msg!, 408, "Bad Request");
  for (const [i, time] of times.entries()) {
    const msgs = await takeAll(ask(js, DIRECT, { ...request, up_to_time: time }), 4);
    assertEquals(msgs.slice(0, 3).map((msg) => header(msg, "Nats-Subject")), subjects);
    for (const msg of msgs.slice(0, 3)) assertEquals(textOf(msg), String(i + 1));
  }
});

Deno.test("TestJetStreamDirectGetStartTimeSingleMsg", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "TEST", subjects: ["foo"], allow_direct: true, storage });
    await js.publish("foo", "message");
    const { time } = await storedMsg(js, "TEST", { seq: 1 });
    const future = new Date(Date.parse(time) + 10_000).toISOString();
    const msg = await next(ask(js, DIRECT, { start_time: future, next_by_subj: "foo", batch: 1 }));
    assertEquals(msg.headers?.code, 404);
  });
});

Deno.test("TestJetStreamDirectGetSubjectDeleteMarker", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({
      name: "TEST",
      subjects: ["test"],
      storage,
      subject_delete_marker_ttl: ns(1000),
      allow_msg_ttl: true,
      allow_direct: true,
    });
    await js.publish("test", "", { "Nats-TTL": "1s" });
    const sequence = async () =>
      header(await js.nc.request(DIRECT, `{"last_by_subj":"test"}`), "Nats-Sequence");
    assertEquals(await sequence(), "1");
    await until(async () => await sequence() === "2");
  });
});

Deno.test("TestJetStreamDirectGetUpToTime", async (t) => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"], allow_direct: true });
  for (let i = 1; i <= 10; i++) await js.publish("foo", `message ${i}`);
  const expectTexts = async (time: string, ...expected: string[]) => {
    const inbox = ask(js, DIRECT, { multi_last: ["foo"], up_to_time: time });
    for (const text of expected) {
      const msg = await next(inbox);
      assertEquals([header(msg, "Nats-Subject"), textOf(msg)], ["foo", text]);
    }
    assertEquals((await next(inbox)).headers?.code, expected.length === 0 ? 404 : 204);
  };
  const timeOf = async (seq: number) => (await storedMsg(js, "TEST", { seq })).time;
  await t.step("DistantPast", () => expectTexts("0001-01-01T00:00:00Z"));
  await t.step("DistantFuture", () => expectTexts("2262-04-11T23:47:16.854775807Z", "message 10"));
  await t.step("BeforeFirstSeq", async () => await expectTexts(await timeOf(1)));
  await t.step("BeforeFifthSeq", async () => await expectTexts(await timeOf(5), "message 4"));
});

Deno.test("TestJetStreamDirectMsgGet", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({
    name: "DSMG",
    storage: "memory",
    subjects: ["foo", "bar", "baz"],
    max_msgs_per_subject: 1,
    allow_direct: true,
  });
  const get = (request: Json = "") =>
    js.nc.request(
      "$JS.API.DIRECT.GET.DSMG",
      typeof request === "string" ? request : JSON.stringify(request),
    );
  for (const subject of ["foo", "bar", "baz"]) await js.publish(subject, subject);
  for (const [i, subject] of ["foo", "bar", "baz"].entries()) {
    const msg = await get({ last_by_subj: subject });
    assertEquals(textOf(msg), subject);
    assertEquals(header(msg, "Nats-Stream"), "DSMG");
    assertEquals(header(msg, "Nats-Sequence"), String(i + 1));
    assertEquals(header(msg, "Nats-Subject"), subject);
    assert(msg.subject !== subject);
    assert(header(msg, "Nats-Time-Stamp") !== "");
  }
  expectStatus(await get(), 408, "Empty Request");
  expectStatus(await get({}), 408, "Empty Request");
  expectStatus(await get({ seq: 1, last_by_subj: "foo" }), 408, "Bad Request");
  expectStatus(await get({ last_by_subj: "foobar" }), 404, "Message Not Found");
  expectStatus(await get({ seq: 22 }), 404, "Message Not Found");
});

Deno.test("TestJetStreamDirectMsgGetNext", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({
    name: "DSMG",
    storage: "memory",
    subjects: ["foo", "bar", "baz"],
    allow_direct: true,
  });
  const subjects = ["foo", ..."bar ".repeat(10).trim().split(" ")];
  subjects.push(..."baz ".repeat(10).trim().split(" "), "foo");
  for (const subject of subjects) await js.publish(subject, subject);
  const cases: [number, string, string][] = [
    [0, "foo", "1"],
    [1, "foo", "1"],
    [2, "foo", "22"],
    [2, "bar", "2"],
    [5, "baz", "12"],
    [14, "baz", "14"],
  ];
  for (const [seq, subject, expected] of cases) {
    const request = JSON.stringify({ seq, next_by_subj: subject });
    const msg = await js.nc.request("$JS.API.DIRECT.GET.DSMG", request);
    assertEquals(header(msg, "Nats-Sequence"), expected);
    assertEquals(header(msg, "Nats-Subject"), subject);
  }
});

Deno.test("TestJetStreamGetNoHeaders", async (t) => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"], allow_direct: true });
  const data = new Uint8Array([1, 2, 3, 4, 5]);
  await js.publish("foo", data, { test: "something" });
  await t.step("MsgGet", async () => {
    let msg = await storedMsg(js, "TEST", { seq: 1, no_hdr: false });
    assertEquals(msg.text, "\x01\x02\x03\x04\x05");
    assertEquals(msg.headers, "NATS/1.0\r\ntest: something\r\n\r\n");
    msg = await storedMsg(js, "TEST", { seq: 1, no_hdr: true });
    assertEquals(msg.text, "\x01\x02\x03\x04\x05");
    assertEquals(msg.headers, "");
  });
  const direct = async (subject: string, request: Json) => {
    let msg = await js.nc.request(subject, JSON.stringify({ ...request, no_hdr: false }));
    assertEquals([...msg.data], [...data]);
    assertEquals(header(msg, "test"), "something");
    msg = await js.nc.request(subject, JSON.stringify({ ...request, no_hdr: true }));
    assertEquals([...msg.data], [...data]);
    for (const name of ["test", "Nats-Stream", "Nats-Sequence", "Nats-Time-Stamp"]) {
      assertEquals(header(msg, name), "");
    }
  };
  await t.step("DirectGet", () => direct(DIRECT, { seq: 1 }));
  await t.step("DirectGetLastFor", () => direct(`${DIRECT}.foo`, {}));
});
