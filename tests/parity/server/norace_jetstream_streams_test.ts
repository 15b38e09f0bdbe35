// Ports: server/norace_1_test.go: streams of many messages, and many streams; server/norace_2_test.go.
/**
 * Streams under volume (server/norace_1_test.go, server/norace_2_test.go). The reference's numbers of messages are scaled
 * down, where a test says so.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { jetStreamServer, jsAccountOf, JsClient, type Json } from "../../harness/jetstream.ts";
import { pass, stateOf } from "./_jetstream_b.ts";
import { elapsed, flood } from "./_jetstream_norace.ts";

/** Longest page of names. */
const NAMES_MAX = 1024;
/** Longest page of a stream's subjects. */
const SUBJECTS_MAX = 100_000;

Deno.test("TestNoRaceJetStreamAPIStreamListPaging", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const total = 2 * NAMES_MAX;
  const nameOf = (number: number) => `STREAM-${String(number).padStart(6, "0")}`;
  const create = (_: unknown, i: number) =>
    js.addStream({ name: nameOf(i + 1), storage: "memory" });
  await Promise.all(Array.from({ length: total }, create));
  const check = async (offset: number, count: number, shown: number) => {
    const names = await js.api("STREAM.NAMES", offset > 0 ? { offset } : "");
    const streams = names.streams ?? [];
    assertEquals([streams.length, names.total, names.offset], [count, total, shown]);
    if (count > 0) assertEquals(streams[0], nameOf(shown + 1));
  };
  await check(0, NAMES_MAX, 0);
  await check(NAMES_MAX, NAMES_MAX, NAMES_MAX);
  await check(total, 0, total);
  await check(total - 22, 22, total - 22);
  await check(total + 22, 0, total);
});

Deno.test("TestNoRaceJetStreamEncryptionEnabledOnRestartWithExpire", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  // A tenth of the reference's messages.
  const max_msgs = 1000;
  await js.addStream({ name: "TEST", subjects: ["foo", "bar"], max_msgs });
  const data = crypto.getRandomValues(new Uint8Array(4 * 1024));
  await flood(js, "TEST", 2 * max_msgs, (i) => i % 2 === 0 ? "foo" : "bar", data);
  await js.addConsumer("TEST", { durable_name: "dlc", ack_policy: "explicit" });
  const ms = await elapsed(() => server.restart({ jetStreamKey: "s3cr3t!" }));
  assert(ms < 5000, `${ms} ms`);
  js = await server.jetStream();
  const { messages, last_seq } = await stateOf(js, "TEST");
  assertEquals([messages, last_seq], [max_msgs, 2 * max_msgs]);
});

Deno.test("TestNoRaceJetStreamSlowRestartWithManyExpiredMsgs", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  // 100,000 messages that live for 2 s in the reference.
  const ageMs = 1000;
  await js.addStream({ name: "ORDERS", subjects: ["orders.*"], max_age: ageMs * 1e6 });
  await js.addConsumer("ORDERS", {
    durable_name: "c22",
    filter_subject: "orders.*",
    ack_policy: "explicit",
  });
  await flood(js, "ORDERS", 20_000, (i) => `orders.${i + 1}`, "OK");
  await server.stop();
  // They get too old while nobody looks.
  await pass(ageMs + 100);
  const ms = await elapsed(() => server.restart());
  assert(ms < 2000, `${ms} ms`);
  js = await server.jetStream();
  assertEquals((await stateOf(js, "ORDERS")).messages, 0);
});

Deno.test("TestNoRaceJetStreamStreamInfoSubjectDetailsLimits", async () => {
  await using server = await jetStreamServer(
    {},
    `accounts: {
      default: {
        jetstream: true
        users: [ {user: me, password: pwd} ]
        limits { max_payload: 512 }
      }
    }`,
  );
  const js = new JsClient(await server.test.connect({ user: "me", pass: "pwd" }));
  // The client has come to know the account's limit.
  await js.nc.flush();
  assertThrows(() => js.nc.publish("foo", "A".repeat(600)));
  await js.addStream({ name: "TEST", subjects: ["*", "X.*"] });
  await flood(js, "TEST", SUBJECTS_MAX, (i) => `X.${i}`, "OK");
  const some = await stateOf(js, "TEST", { subjects_filter: "X.*" });
  assertEquals(Object.keys(some.subjects).length, SUBJECTS_MAX);
  await js.publish("foo", "TOO MUCH");
  const rest = await stateOf(js, "TEST", { offset: SUBJECTS_MAX, subjects_filter: ">" });
  assertEquals(Object.keys(rest.subjects).length, 1);
});

Deno.test("TestNoRaceParallelStreamAndConsumerCreation", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const created = js.subscribe("$JS.EVENT.ADVISORY.*.CREATED.>");
  await js.nc.flush();
  // A thousand in the reference.
  const count = 200;
  /** All at once; each is answered as if it was the first, and one is. */
  const createAll = async (create: () => Promise<Json>): Promise<void> => {
    const before = created.count;
    await Promise.all(Array.from({ length: count }, create));
    await js.nc.flush();
    assertEquals(created.count, before + 1);
  };
  const config = {
    name: "TEST",
    subjects: ["foo", "bar"],
    max_msgs: 10,
    storage: "file",
    num_replicas: 1,
  };
  await createAll(() => js.addStream(config));
  assertEquals([...jsAccountOf(server.test).streams.keys()], ["TEST"]);
  const consumer = { name: "DLC", deliver_subject: "to", ack_policy: "explicit" };
  await createAll(() => js.addConsumer("TEST", consumer));
  assertEquals([...server.stream("TEST").consumers.keys()], ["DLC"]);
});

// What the reference counts, goroutines that stay behind, are timers and operations here: Deno
// fails a test that leaves any.
Deno.test({
  name: "TestNoRaceAccessTimeLeakCheck",
  sanitizeOps: true,
  sanitizeResources: true,
}, async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.publish("foo", "Hello World");
  await js.nc.close();
});
