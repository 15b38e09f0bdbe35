// Ports: server/jetstream_consumer_test.go
/**
 * Filters of consumers (server/jetstream_consumer_test.go).
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Msg } from "@nats-io/transport-node";
import { isFiltered, matchesFilters } from "../../../src/jetstream/consumer/needs.ts";
import {
  ApiFailure,
  deliveryInfo,
  jetStreamServer,
  type JsClient,
  textOf,
} from "../../harness/jetstream.ts";
import { until } from "../../harness/server.ts";
import { fetchAll, next, nextText, ns } from "./_jetstream_consumer.ts";

Deno.test("TestJetStreamConsumerMultipleFiltersRemoveFilters", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["one", "two", "three"], max_age: ns(90_000) });
  await js.addConsumer("TEST", { durable_name: "consumer", filter_subjects: ["one", "two"] });
  for (const subject of ["one", "two", "three"]) await js.publish(subject, "data");
  await fetchAll(js, "TEST", "consumer", 1);
  await js.addConsumer("TEST", { durable_name: "consumer", filter_subjects: [] });
  await fetchAll(js, "TEST", "consumer", 1);
  await fetchAll(js, "TEST", "consumer", 1);
});

// 10,000 messages per subject in the reference.
Deno.test("TestJetStreamConsumerMultipleFiltersRace", async () => {
  const perSubject = 500;
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const subjects = ["one", "two", "three", "four"];
  await js.addStream({ name: "TEST", subjects, max_age: ns(90_000) });
  await Promise.all(subjects.map((subject) => js.publishMany(perSubject, subject, "data")));
  await js.addConsumer("TEST", {
    durable_name: "consumer",
    filter_subjects: ["one", "two", "three"],
    ack_policy: "explicit",
  });
  const seqs: number[] = [];
  let done = false;
  const fetchers = Array.from({ length: 10 }, async () => {
    while (!done) {
      for (const msg of await js.fetch("TEST", "consumer", 10, { expiresMs: 100 })) {
        seqs.push(deliveryInfo(msg).consumerSeq);
        msg.respond();
      }
    }
  });
  await until(() => seqs.length >= 3 * perSubject);
  done = true;
  await Promise.all(fetchers);
  assertEquals(
    seqs.toSorted((a, b) => a - b),
    Array.from({ length: 3 * perSubject }, (_, index) => index + 1),
  );
});

async function deliversToEach(
  subjects: { subject: string; messages: number; wildcard?: boolean }[],
  consumers: { name: string; filters: string[]; expected: number }[],
): Promise<void> {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({
    name: "TEST",
    subjects: ["one", "two", "three", "four", "five.>"],
    max_age: ns(90_000),
  });
  const delivered = new Map<string, number>();
  for (const { name, filters } of consumers) {
    const deliverSubject = js.inbox();
    await js.addConsumer("TEST", {
      durable_name: name,
      filter_subjects: filters,
      ack_policy: "explicit",
      ack_wait: ns(30_000),
      deliver_subject: deliverSubject,
    });
    delivered.set(name, 0);
    js.nc.subscribe(deliverSubject, {
      callback: (_error, msg: Msg) => {
        msg.respond();
        delivered.set(name, delivered.get(name)! + 1);
      },
    });
  }
  // While the consumers are active, and each subject by a client of its own.
  await Promise.all(subjects.map(async ({ subject, messages, wildcard }) => {
    const publisher: JsClient = await server.jetStream();
    const on = (index: number) => wildcard === true ? `${subject}.${index % 10}` : subject;
    for (let i = 0; i < messages; i += 50) {
      await publisher.publishMany(Math.min(50, messages - i), on, "data");
    }
  }));
  for (const { name, expected } of consumers) {
    await until(async () => {
      const info = await js.consumerInfo("TEST", name);
      return info.delivered.consumer_seq === expected && info.ack_floor.consumer_seq === expected;
    }, () => `${name}: ${delivered.get(name)} of ${expected}`);
    assertEquals(delivered.get(name), expected);
  }
}

// A tenth of the reference's messages.
Deno.test("TestJetStreamConsumerMultipleConsumersSingleFilter", async () => {
  await deliversToEach([
    { subject: "one", messages: 500 },
    { subject: "two", messages: 750 },
    { subject: "three", messages: 250 },
    { subject: "four", messages: 100 },
    { subject: "five", messages: 300, wildcard: true },
  ], [
    { name: "C1", filters: ["one"], expected: 500 },
    { name: "C2", filters: ["two"], expected: 750 },
    { name: "C3", filters: ["one"], expected: 500 },
    { name: "C4", filters: ["one"], expected: 500 },
  ]);
});

Deno.test("TestJetStreamConsumerMultipleConsumersMultipleFilters", async () => {
  await deliversToEach([
    { subject: "one", messages: 50 },
    { subject: "two", messages: 75 },
    { subject: "three", messages: 250 },
    { subject: "four", messages: 10 },
    { subject: "five", messages: 300, wildcard: true },
  ], [
    { name: "C1", filters: ["one", "two"], expected: 125 },
    { name: "C2", filters: ["two", "three"], expected: 325 },
    { name: "C3", filters: ["one", "three"], expected: 300 },
    { name: "C4", filters: ["one", "five.>"], expected: 350 },
  ]);
});

Deno.test("TestJetStreamConsumerMultipleFiltersSequence", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const deliverSubject = js.inbox();
  await js.addStream({
    name: "TEST",
    subjects: ["one", "two", "three", "four", "five.>"],
    max_age: ns(90_000),
  });
  await js.addConsumer("TEST", {
    durable_name: "DUR",
    filter_subjects: ["one", "two"],
    ack_policy: "explicit",
    ack_wait: ns(30_000),
    deliver_subject: deliverSubject,
  });
  for (let i = 0; i < 60; i++) {
    await js.publish(i < 20 || i >= 40 ? "one" : "two", String(i));
  }
  const inbox = js.subscribe(deliverSubject);
  for (let i = 0; i < 60; i++) await nextText(inbox, String(i));
});

function filterSubjects(count: number): string[] {
  const filters: string[] = [];
  for (let round = 0;; round++) {
    const literals = ["foo", "bar", `nuid${round}`, "xyz", "abcdef"];
    filters.push(literals.join("."));
    if (filters.length === count) return filters;
    for (let i = 0; i < literals.length; i++) {
      filters.push(literals.map((token, at) => at === i ? "*" : token).join("."));
      if (filters.length === count) return filters;
    }
  }
}

Deno.test("TestJetStreamConsumerIsFilteredMatch", async (t) => {
  const cases: [string, string[], string, boolean][] = [
    ["no filter", [], "foo.bar", true],
    ["literal match", ["foo.baz", "foo.bar"], "foo.bar", true],
    ["literal mismatch", ["foo.baz", "foo.bar"], "foo.ban", false],
    ["wildcard > match", ["bar.>", "foo.>"], "foo.bar", true],
    ["wildcard > match", ["bar.>", "foo.>"], "bar.foo", true],
    ["wildcard > mismatch", ["bar.>", "foo.>"], "baz.foo", false],
    ["wildcard * match", ["bar.*", "foo.*"], "foo.bar", true],
    ["wildcard * match", ["bar.*", "foo.*"], "bar.foo", true],
    ["wildcard * mismatch", ["bar.*", "foo.*"], "baz.foo", false],
    ["wildcard * match", ["foo.*.x", "foo.*.y"], "foo.bar.x", true],
    ["wildcard * match", ["foo.*.x", "foo.*.y", "foo.*.z"], "foo.bar.z", true],
    ["many mismatch", filterSubjects(100), "foo.bar.do.not.match.any.filter.subject", false],
    ["many match", filterSubjects(100), "foo.bar.12345.xyz.abcdef", true],
  ];
  for (const [name, filters, subject, expected] of cases) {
    await t.step(name, () => assertEquals(matchesFilters(filters, subject), expected));
  }
});

Deno.test("TestJetStreamConsumerWorkQueuePolicyOverlap", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo.*.*"], retention: "workqueue" });
  await js.addConsumer("TEST", {
    durable_name: "ConsumerA",
    filter_subject: "foo.bar.*",
    ack_policy: "explicit",
  });
  await assertRejects(
    () =>
      js.addConsumer("TEST", {
        durable_name: "ConsumerB",
        filter_subject: "foo.*.bar",
        ack_policy: "explicit",
      }),
    ApiFailure,
    "unique",
  );
});

Deno.test("TestJetStreamConsumerLongSubjectHang", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["a1.>", "a2.>"], allow_rollup_hdrs: true });
  const prefix = "a".repeat(22);
  for (let i = 0; i < 2; i++) {
    await js.publish(`a1.${prefix}${i}`, "hello");
    await js.publish(`a2.${i}`, "contents");
  }
  await js.purge("TEST", { filter: "a2.>" });
  assertEquals((await js.streamInfo("TEST")).state.messages, 2);
  // What an ordered consumer asks for.
  const deliverSubject = js.inbox();
  const inbox = js.subscribe(deliverSubject);
  await js.addConsumer("TEST", {
    deliver_policy: "last_per_subject",
    ack_policy: "none",
    max_deliver: 1,
    flow_control: true,
    idle_heartbeat: ns(5000),
    mem_storage: true,
    filter_subject: "a1.>",
    deliver_subject: deliverSubject,
  });
  await nextText(inbox, "hello");
  await nextText(inbox, "hello");
});

Deno.test("TestJetStreamConsumerActions", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["one", "two", "three", "four", "five.>"] });
  const config = (filters: string[], more = {}) => ({
    durable_name: "DUR",
    filter_subjects: filters,
    ack_policy: "explicit",
    ack_wait: ns(30_000),
    ...more,
  });
  const create = { action: "create" } as const;
  await js.addConsumer("TEST", config(["one", "two"]), create);
  // The same again is fine, something else is not.
  await js.addConsumer("TEST", config(["one", "two"]), create);
  await assertRejects(() => js.addConsumer("TEST", config(["one"]), create), ApiFailure);
  await js.updateConsumer("TEST", config(["one"]));
  await assertRejects(
    () => js.updateConsumer("TEST", config(["one"], { durable_name: "NEW" })),
    ApiFailure,
  );
  const ephemeral = { ...config(["one"]), durable_name: undefined, name: "EPH" };
  await js.addConsumer("TEST", ephemeral, create);
  // Its threshold was filled in, so that the same is not the same.
  await assertRejects(() => js.addConsumer("TEST", ephemeral, create), ApiFailure);
});

Deno.test("TestJetStreamConsumerActionsOnWorkQueuePolicyStream", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({
    name: "TEST",
    subjects: ["one", "two", "three", "four", "five.>"],
    retention: "workqueue",
  });
  const add = (durable: string, filters: string[], action: "create" | "update") =>
    js.addConsumer("TEST", {
      durable_name: durable,
      filter_subjects: filters,
      ack_policy: "explicit",
    }, { action });
  await add("C1", ["one", "two"], "create");
  await add("C2", ["three", "four"], "create");
  await add("C3", ["five.*"], "create");
  await add("C1", ["one"], "update");
  await add("C2", ["three", "four", "two"], "update");
  const all = ["one", "two", "three", "four"];
  for (const refused of [() => add("C4", all, "create"), () => add("C3", all, "update")]) {
    const error = await assertRejects(refused, ApiFailure);
    assertEquals(error.errCode, 10100);
  }
});

Deno.test("TestJetStreamConsumerActionsViaAPI", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["one"], max_age: ns(90_000) });
  const ask = async (verb: string, action: string, config: Record<string, unknown>) =>
    (await js.request(`$JS.API.CONSUMER.${verb}`, { stream_name: "TEST", action, config })).error;
  const durable = "DURABLE.CREATE.TEST.hello";
  assert(await ask(durable, "update", { durable_name: "hello" }) !== undefined);
  assertEquals(await ask(durable, "create", { durable_name: "hello" }), undefined);
  const filtered = { durable_name: "hello", filter_subject: "one" };
  assert(await ask(durable, "create", filtered) !== undefined);
  const ephemeral = { name: "ephemeral", filter_subject: "one" };
  assertEquals(await ask("CREATE.TEST.ephemeral", "create", ephemeral), undefined);
  assert(await ask("CREATE.TEST.ephemeral", "create", ephemeral) !== undefined);
});

Deno.test("TestJetStreamConsumerMultipleSubjectsWithEmpty", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "name", subjects: ["events.>"] });
  for (let i = 0; i < 10; i++) await js.publish("events.created", String(i));
  await js.addConsumer("name", {
    durable_name: "durable",
    deliver_subject: "deliver",
    filter_subject: "",
    ack_policy: "explicit",
  });
  const inbox = js.subscribe("deliver");
  for (let i = 0; i < 9; i++) await js.ackSync(await nextText(inbox, String(i)));
  const info = await js.consumerInfo("name", "durable");
  assertEquals(info.delivered.stream_seq, 10);
  assertEquals(info.delivered.consumer_seq, 10);
  assertEquals(info.ack_floor.stream_seq, 9);
  assertEquals(info.ack_floor.consumer_seq, 9);
  assertEquals(info.num_ack_pending, 1);
  const refused = await assertRejects(
    () =>
      js.addConsumer("name", {
        durable_name: "multiple",
        filter_subjects: [""],
        deliver_subject: "multiple",
        ack_policy: "explicit",
      }),
    ApiFailure,
  );
  assertEquals(refused.errCode, 10139);
});

Deno.test("TestJetStreamConsumerMultipleFitersWithStartDate", async (t) => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["events.>"] });
  for (const [index, subject] of ["foo", "bar", "baz", "biz", "faz", "foo", "biz"].entries()) {
    await js.publish(`events.${subject}`, `msg-${index + 1}`);
  }
  const past = new Date(Date.now() - 90_000).toISOString();
  const future = new Date(Date.now() + 60_000).toISOString();
  const cases: [string, string[], string, number, number][] = [
    ["Single-Filter-first-sequence", ["events.foo"], past, 2, 0],
    ["Multiple-Filter-first-sequence", ["events.foo", "events.bar", "events.baz"], past, 4, 0],
    ["Multiple-Filters-second-subject", ["events.bar", "events.baz"], past, 2, 1],
    ["Multiple-Filters-first-last-subject", ["events.foo", "events.biz"], past, 4, 0],
    ["Multiple-Filters-in-future", ["events.foo", "events.biz"], future, 0, 7],
  ];
  for (const [name, filters, start, pending, delivered] of cases) {
    await t.step(name, async () => {
      const info = await js.addConsumer("TEST", {
        durable_name: name,
        filter_subjects: filters,
        deliver_policy: "by_start_time",
        opt_start_time: start,
      });
      assertEquals(info.delivered.stream_seq, delivered);
      assertEquals(info.num_pending, pending);
    });
  }
});

Deno.test("TestJetStreamConsumerOverlappingSubjects", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "deliver", subjects: ["events.>"] });
  const error = await assertRejects(
    () =>
      js.addConsumer("deliver", {
        filter_subjects: ["events.one", "events.*"],
        durable_name: "name",
      }),
    ApiFailure,
  );
  assertEquals(error.errCode, 10138);
});

Deno.test("TestJetStreamConsumerMultipleSubjectsAck", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "deliver", subjects: ["events", "data", "other"] });
  await js.addConsumer("deliver", {
    filter_subjects: ["events", "data"],
    durable_name: "name",
    ack_policy: "explicit",
    num_replicas: 1,
  });
  const subjects = ["events", "data", "data", "data", "events", "data", "data"];
  for (const [index, subject] of subjects.entries()) await js.publish(subject, String(index + 1));
  const msgs = await fetchAll(js, "deliver", "name", 3);
  await js.ackSync(msgs[0]!);
  await js.ackSync(msgs[1]!);
  const info = await js.consumerInfo("deliver", "name");
  assertEquals(info.ack_floor.consumer_seq, 2);
  assertEquals(info.ack_floor.stream_seq, 2);
  assertEquals(info.num_pending, 4);
});

Deno.test("TestJetStreamConsumerMultipleSubjectAndNewAPI", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "deliver", subjects: ["data", "events"] });
  const { error } = await js.request("$JS.API.CONSUMER.CREATE.deliver.name.data.>", {
    stream_name: "deliver",
    config: { filter_subjects: ["events", "data"], name: "name", durable_name: "name" },
  });
  assertEquals(error.err_code, 10137);
});

Deno.test("TestJetStreamConsumerMultipleSubjectsWithAddedMessages", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "deliver", subjects: ["events.>"] });
  await js.addConsumer("deliver", {
    deliver_subject: "deliver",
    filter_subjects: ["events.created", "events.processed"],
    durable_name: "durable",
    ack_policy: "explicit",
  });
  for (const body of ["0", "1", "2", "3"]) await js.publish("events.created", body);
  await js.publish("events.other", "BAD");
  for (const body of ["4", "5", "6"]) await js.publish("events.processed", body);
  await js.publish("events.other", "BAD");
  for (const body of ["7", "8"]) await js.publish("events.processed", body);
  const inbox = js.subscribe("deliver");
  for (let i = 0; i < 10; i++) {
    if (i === 5) await js.publish("events.created", "9");
    if (i === 9) {
      await js.publish("events.other", "BAD");
      await js.publish("events.created", "11");
    }
    if (i === 7) await js.publish("events.processed", "10");
    await js.ackSync(await nextText(inbox, String(i)));
  }
  const info = await js.consumerInfo("deliver", "durable");
  assertEquals(info.delivered.consumer_seq, 12);
  assertEquals(info.delivered.stream_seq, 15);
  assertEquals(info.ack_floor.stream_seq, 12);
  assertEquals(info.ack_floor.consumer_seq, 10);
});

Deno.test("TestJetStreamConsumerThreeFilters", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["events", "data", "other", "ignored"] });
  const sent = [
    ["ignored", "100"],
    ["events", "0"],
    ["events", "1"],
    ["data", "2"],
    ["ignored", "100"],
    ["data", "3"],
    ["other", "4"],
    ["data", "5"],
    ["other", "6"],
    ["data", "7"],
    ["ignored", "100"],
  ];
  for (const [subject, body] of sent) await js.publish(subject!, body);
  await js.addConsumer("TEST", {
    filter_subjects: ["events", "data", "other"],
    durable_name: "multi",
    ack_policy: "explicit",
  });
  for (const [index, msg] of (await fetchAll(js, "TEST", "multi", 6)).entries()) {
    assertEquals(textOf(msg), String(index));
    await js.ackSync(msg);
  }
  const info = await js.consumerInfo("TEST", "multi");
  assertEquals(info.delivered.stream_seq, 8);
  assertEquals(info.delivered.consumer_seq, 6);
  assertEquals(info.num_pending, 2);
  assertEquals(info.num_ack_pending, 0);
  assertEquals(info.ack_floor.consumer_seq, 6);
  assertEquals(info.ack_floor.stream_seq, 8);
});

Deno.test("TestJetStreamConsumerUpdateFilterSubjects", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["events", "data", "other"] });
  const sent = [
    ["other", "100"],
    ["events", "0"],
    ["events", "1"],
    ["data", "2"],
    ["data", "3"],
    ["other", "4"],
    ["data", "5"],
  ];
  for (const [subject, body] of sent) await js.publish(subject!, body);
  let expected = 0;
  for (const filters of [["events", "data"], ["events", "data", "other"]]) {
    await js.addConsumer("TEST", {
      filter_subjects: filters,
      durable_name: "multi",
      ack_policy: "explicit",
    });
    for (const msg of await fetchAll(js, "TEST", "multi", 3)) {
      assertEquals(textOf(msg), String(expected++));
      await js.ackSync(msg);
    }
  }
});

Deno.test("TestJetStreamConsumerFilterUpdate", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo.>", "bar.>"] });
  await js.publishMany(3, "foo.data", "OK");
  const inbox = js.subscribe("deliver");
  const config = { durable_name: "consumer", deliver_subject: "deliver" };
  await js.addConsumer("TEST", { ...config, filter_subject: "foo.data" });
  for (let i = 0; i < 3; i++) await next(inbox);
  await js.updateConsumer("TEST", { ...config, filter_subject: "foo.>" });
  await js.publish("foo.other", "data");
  await next(inbox);
  // The reference counts consumers with filters; here the stream asks the filters themselves.
  const { signals } = server.stream("TEST");
  assert(!signals.hasInterest("bar.data"));
  await js.updateConsumer("TEST", { ...config, filter_subject: "" });
  assert(signals.hasInterest("bar.data"));
  await js.deleteConsumer("TEST", "consumer");
  assert(!signals.hasInterest("foo.data") && !signals.hasInterest("bar.data"));
});

Deno.test("TestJetStreamConsumerIsFiltered", async (t) => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const cases: [string, string[], string[], boolean][] = [
    ["single_subject", ["one"], ["one"], false],
    ["single_subject_filtered", ["one.>"], ["one.filter"], true],
    ["multi_subject_non_filtered", ["multi", "foo", "bar.>"], ["multi", "bar.>", "foo"], false],
    ["multi_subject_filtered_wc", ["events", "data"], ["data"], true],
    ["multi_subject_filtered", ["machines", "floors"], ["machines"], true],
  ];
  for (const [name, subjects, filters, filtered] of cases) {
    await t.step(name, async () => {
      await js.addStream({ name, subjects });
      await js.addConsumer(name, { filter_subjects: filters, durable_name: name });
      assertEquals(isFiltered(server.consumer(name, name)), filtered);
    });
  }
});

async function overlapping(filters: string[], received: number): Promise<void> {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["stream.>"] });
  await js.publishMany(10, "stream.A");
  const { name } = await js.addConsumer("TEST", {
    deliver_policy: "all",
    filter_subjects: filters,
    ack_policy: "explicit",
  });
  assertEquals((await js.consumerInfo("TEST", name)).num_pending, received);
  for (const msg of await fetchAll(js, "TEST", name, received)) msg.respond();
}

// https://github.com/nats-io/nats-server/issues/6824
Deno.test("TestJetStreamConsumerDeliverAllOverlappingFilterSubjects", async () => {
  await overlapping(["stream.A", "stream.A.>"], 10);
});

// https://github.com/nats-io/nats-server/issues/6844
Deno.test("TestJetStreamConsumerDeliverAllNonOverlappingFilterSubjects", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["stream.>"] });
  await js.publishMany(10, "stream.subject");
  const info = await js.addConsumer("TEST", {
    filter_subjects: ["stream.subject.A", "stream.subject.A.>"],
    ack_policy: "explicit",
  });
  assertEquals((await js.consumerInfo("TEST", info.name)).num_pending, 0);
});

// https://github.com/nats-io/nats-server/issues/7336
Deno.test("TestJetStreamConsumerDeliverPartialOverlappingFilterSubjects", async () => {
  await overlapping(["stream.A", "stream.*.A"], 10);
});

// https://github.com/nats-io/nats-server/issues/7779
Deno.test("TestJetStreamConsumerAllowOverlappingSubjectsIfNotSubset", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["event.>"] });
  const parts = ["foo", "bar", "baz", "oth"];
  const expected: string[] = [];
  for (const start of parts) {
    for (const end of parts) {
      await js.publish(`event.${start}.${end}`);
      if (start === "foo" || end === "foo") expected.push(`event.${start}.${end}`);
    }
  }
  const error = await assertRejects(
    () =>
      js.addConsumer("TEST", {
        durable_name: "OVERLAP",
        filter_subjects: ["event.>", "event.*.foo"],
      }),
    ApiFailure,
  );
  assertEquals(error.errCode, 10138);
  await js.addConsumer("TEST", {
    durable_name: "DURABLE",
    filter_subjects: ["event.foo.*", "event.*.foo"],
  });
  const msgs = await js.fetch("TEST", "DURABLE", 16, { expiresMs: 200 });
  assertEquals(msgs.map(({ subject }) => subject), expected);
  assertEquals(msgs.length, 7);
});
