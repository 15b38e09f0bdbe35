// Ports: server/jetstream_consumer_test.go
/**
 * Priority groups of consumers (server/jetstream_consumer_test.go). Where the reference waits a
 * second for nothing to come, these wait less; times to live are scaled alike.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { Msg } from "@nats-io/transport-node";
import { isValidGroupName } from "../../../src/jetstream/consumer/config_check.ts";
import { WaitingRequest, WaitQueue } from "../../../src/jetstream/consumer/wait_queue.ts";
import {
  jetStreamServer,
  type JetStreamTestServer,
  type JsClient,
  statusOf,
  textOf,
} from "../../harness/jetstream.ts";
import { type Inbox, until } from "../../harness/server.ts";
import { next, nextStatus, nothing, ns } from "./_jetstream_consumer.ts";

const NOTHING_MS = 150;

function pinOf(msg: Msg): string {
  return msg.headers?.get("Nats-Pin-Id") ?? "";
}

function ask(js: JsClient, reply: string, request: Record<string, unknown>): Inbox {
  const inbox = js.subscribe(reply);
  js.pull("TEST", "C", reply, request);
  return inbox;
}

async function pinnedConsumer(
  server: JetStreamTestServer,
  pinnedTtlMs: number,
  subjects = ["foo.>"],
): Promise<JsClient> {
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects });
  await js.addConsumer("TEST", {
    durable_name: "C",
    filter_subject: subjects[0],
    priority_groups: ["A"],
    priority_policy: "pinned_client",
    ack_policy: "explicit",
    priority_timeout: ns(pinnedTtlMs),
  });
  return js;
}

Deno.test("TestJetStreamConsumerPinned", async () => {
  await using server = await jetStreamServer();
  const js = await pinnedConsumer(server, 1000, ["foo.>", "bar", "baz"]);
  for (let i = 0; i < 100; i++) {
    const headers: Record<string, string> = i % 2 === 0 ? { "Some-Header": "Value" } : {};
    await js.publish(`foo.${i}`, `msg-${i}`, headers);
  }
  const plain = { batch: 3, expires: ns(5000), group: "A" };
  const one = ask(js, "ONE", plain);
  const two = ask(js, "TWO", plain);
  const pinned = pinOf(await next(one));
  assertNotEquals(pinned, "");
  // The other request idles, while the pinned one goes on.
  await nothing(two, NOTHING_MS);
  await next(one);
  await nothing(two, NOTHING_MS);
  const bad = { batch: 3, expires: ns(250), group: "A", id: "WRONG" };
  const three = js.subscribe("ONE");
  js.pull("TEST", "C", "ONE", bad);
  await nextStatus(three, "423 Nats-Pin-Id mismatch");
  const four = ask(js, "FOUR", { batch: 3, expires: ns(250), group: "A", id: pinned });
  await next(four);
  const advisories = js.subscribe("$JS.EVENT.ADVISORY.CONSUMER.*.TEST.C");
  // Without an id, once the time of the pinned client is over.
  const five = ask(js, "FIVE", { batch: 3, expires: ns(50_000), group: "A" });
  await next(five, 5000);
  const unpinned = "$JS.EVENT.ADVISORY.CONSUMER.UNPINNED.TEST.C";
  assertEquals((await next(advisories)).subject, unpinned);
  assertEquals((await next(advisories)).subject, "$JS.EVENT.ADVISORY.CONSUMER.PINNED.TEST.C");
  await js.api("CONSUMER.UNPIN.TEST.C", { group: "A" });
  assertEquals((await next(advisories)).subject, unpinned);
  const six = js.subscribe("FIVE");
  js.pull("TEST", "C", "FIVE", bad);
  await next(six, 5000);
});

Deno.test("TestJetStreamConsumerPinnedPlainRequestNoPanic", async () => {
  await using server = await jetStreamServer();
  const js = await pinnedConsumer(server, 10_000, ["foo"]);
  await js.publish("foo", "msg");
  const inbox = js.subscribe("PLAIN");
  js.pull("TEST", "C", "PLAIN", 1);
  assertEquals(textOf(await next(inbox)), "msg");
  await js.nc.flush();
});

Deno.test("TestJetStreamConsumerPinnedUnsetsAfterAtMostPinnedTTL", async (t) => {
  const test = async (publish: boolean): Promise<void> => {
    await using server = await jetStreamServer();
    const js = await pinnedConsumer(server, 300, ["foo"]);
    if (publish) await js.publish("foo");
    const inbox = ask(js, "ONE", { batch: 2, expires: ns(700), group: "A" });
    await js.nc.flush();
    const consumer = server.consumer("TEST", "C");
    let pinned = "";
    for (const start = performance.now(); performance.now() - start < 200;) {
      const { pinnedId } = consumer;
      if (pinned === "") pinned = pinnedId;
      else assertEquals(pinnedId, pinned);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assertEquals(pinned !== "", publish);
    // The pin goes although the request is still there.
    await until(() => consumer.pinnedId === "");
    if (publish) {
      const msg = await next(inbox);
      assertEquals(pinOf(msg), pinned);
      assertEquals(msg.subject, "foo");
    }
    await nextStatus(inbox, "408 Request Timeout");
  };
  await t.step("Publish", () => test(true));
  await t.step("NoMessages", () => test(false));
});

Deno.test("TestJetStreamConsumerPinnedUnsubscribeOnPinned", async () => {
  await using server = await jetStreamServer();
  const js = await pinnedConsumer(server, 500, ["foo.>", "bar", "baz"]);
  await js.publish("foo.1", "hello");
  const request = { batch: 3, expires: ns(5000), idle_heartbeat: ns(100), group: "A" };
  const one = ask(js, "ONE", request);
  const two = ask(js, "TWO", request);
  assertNotEquals(pinOf(await next(one)), "");
  one.subscription.unsubscribe();
  await js.publish("foo.1", "hello");
  assert(statusOf(await next(two)).startsWith("100"));
  for (;;) {
    const msg = await next(two);
    if (statusOf(msg).startsWith("100")) continue;
    assertNotEquals(pinOf(msg), "");
    break;
  }
});

Deno.test("TestJetStreamConsumerUnpinNoMessages", async () => {
  await using server = await jetStreamServer();
  const js = await pinnedConsumer(server, 30_000, ["foo"]);
  const request = { batch: 30, expires: ns(60_000), group: "A" };
  const one = ask(js, "ONE", request);
  const two = ask(js, "TWO", request);
  await js.publish("foo", "data");
  await js.publish("foo", "data");
  const pinned = pinOf(await next(one));
  assertNotEquals(pinned, "");
  await next(one);
  await nothing(two, NOTHING_MS);
  await js.api("CONSUMER.UNPIN.TEST.C", { group: "A" });
  await js.publish("foo", "data");
  await js.publish("foo", "data");
  await nextStatus(one, "423 Nats-Wrong-Pin-Id");
  const msg = await next(two);
  assertEquals(textOf(msg), "data");
  assertNotEquals(pinOf(msg), pinned);
});

Deno.test("TestJetStreamConsumerUnpinPickDifferentRequest", async () => {
  await using server = await jetStreamServer();
  const js = await pinnedConsumer(server, 30_000, ["foo"]);
  await js.publish("foo", "data");
  const request = { batch: 5, expires: ns(15_000), group: "A" };
  const first = ask(js, "FIRST", request);
  const pinned = pinOf(await next(first));
  assertNotEquals(pinned, "");
  const second = ask(js, "SECOND", request);
  await nothing(second, NOTHING_MS);
  await js.api("CONSUMER.UNPIN.TEST.C", { group: "A" });
  // The client is told only when there is something to send.
  await nothing(first, NOTHING_MS);
  await js.publish("foo", "data");
  assertEquals(pinOf(await nextStatus(first, "423 Nats-Wrong-Pin-Id")), "");
  const msg = await next(second);
  assertNotEquals(pinOf(msg), pinned);
  assertNotEquals(pinOf(msg), "");
});

Deno.test("TestJetStreamConsumerPinnedTTL", async () => {
  await using server = await jetStreamServer();
  const js = await pinnedConsumer(server, 500, ["foo"]);
  await js.publishMany(10, "foo", "data");
  const request = { batch: 1, expires: ns(10_000), group: "A" };
  const pinned = pinOf(await next(ask(js, "FIRST", request)));
  assertNotEquals(pinned, "");
  const second = ask(js, "SECOND", request);
  await nothing(second, NOTHING_MS);
  const newPinned = pinOf(await next(second, 5000));
  assertNotEquals(newPinned, pinned);
  assertNotEquals(newPinned, "");
  const third = pinOf(await next(ask(js, "THIRD", request), 5000));
  assertNotEquals(third, pinned);
  assertNotEquals(third, newPinned);
});

Deno.test("TestJetStreamConsumerPinnedStandbyMaxBytesNotEroded", async () => {
  await using server = await jetStreamServer();
  const js = await pinnedConsumer(server, 30_000);
  const pinned = ask(js, "RA", { batch: 100_000, expires: ns(30_000), group: "A" });
  const standby = ask(js, "RB", { batch: 100, max_bytes: 500, expires: ns(30_000), group: "A" });
  const { queue } = server.consumer("TEST", "C").pulls!;
  await until(() => queue.size === 2);
  const payload = "\0".repeat(200);
  for (let i = 0; i < 50; i++) await js.publish("foo.bar", payload);
  for (let i = 0; i < 50; i++) await next(pinned);
  await nothing(standby, NOTHING_MS);
});

Deno.test("TestJetStreamConsumerPinnedMaxBytesRejectDoesNotOrphanPin", async () => {
  await using server = await jetStreamServer();
  const js = await pinnedConsumer(server, 30_000);
  await js.publish("foo.bar", "\0".repeat(200));
  const first = ask(js, "RA", { batch: 1, max_bytes: 10, expires: ns(30_000), group: "A" });
  assert(statusOf(await next(first)).startsWith("409"));
  const msg = await next(ask(js, "RB", { batch: 1, expires: ns(30_000), group: "A" }));
  assertEquals(msg.subject, "foo.bar");
  assertEquals(statusOf(msg), "");
  assertEquals(msg.data.length, 200);
});

Deno.test("TestJetStreamConsumerPriorityPullRequests", async (t) => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["pinned.>", "overflow.>"] });
  await js.addConsumer("TEST", { durable_name: "STANDARD" });
  await js.addConsumer("TEST", {
    durable_name: "PINNED",
    filter_subject: "pinned.>",
    priority_groups: ["A"],
    priority_policy: "pinned_client",
    ack_policy: "explicit",
    priority_timeout: ns(10_000),
  }, { action: "create" });
  await js.addConsumer("TEST", {
    durable_name: "OVERFLOW",
    filter_subject: "overflow.>",
    priority_groups: ["A"],
    priority_policy: "overflow",
    ack_policy: "explicit",
    priority_timeout: ns(5000),
  }, { action: "create" });
  for (let i = 0; i < 50; i++) {
    await js.publish("pinned.1", `msg-${i}`);
    await js.publish("overflow.1", `msg-${i}`);
  }
  const notPinned = "400 Bad Request - Not a Pinned Client Priority consumer";
  const notOverflow = "400 Bad Request - Not a Overflow Priority consumer";
  const pinned = { group: "A", id: "PINNED-ID" };
  const cases: [string, string, Record<string, unknown>, string][] = [
    ["Pinned Pull Request", "PINNED", { group: "A" }, ""],
    [
      "Pinned Pull Request, no group",
      "PINNED",
      {},
      "400 Bad Request - Priority Group missing",
    ],
    [
      "Pinned Pull Request, bad group",
      "PINNED",
      { group: "Bad" },
      "400 Bad Request - Invalid Priority Group",
    ],
    ["Pinned Pull Request, against Overflow", "OVERFLOW", pinned, notPinned],
    ["Pinned Pull Request, against standard consumer", "STANDARD", pinned, notPinned],
    [
      "Overflow Pull Request, overflow below threshold",
      "OVERFLOW",
      { group: "A", min_pending: 1000 },
      "408 Request Timeout",
    ],
    [
      "Overflow Pull Request, overflow above threshold",
      "OVERFLOW",
      { group: "A", min_pending: 10 },
      "",
    ],
    [
      "Overflow Pull Request, minPending OR minAckPending above threshold",
      "OVERFLOW",
      { group: "A", min_pending: 10, min_ack_pending: 5 },
      "",
    ],
    [
      "Overflow Pull Request, against pinned",
      "PINNED",
      { group: "A", min_pending: 10 },
      notOverflow,
    ],
    [
      "Overflow Pull Request, against standard consumer",
      "STANDARD",
      { group: "A", min_pending: 10 },
      notOverflow,
    ],
  ];
  for (const [name, consumer, request, status] of cases) {
    await t.step(name, async () => {
      const inbox = js.pullInbox("TEST", consumer, { batch: 1, expires: ns(500), ...request });
      assertEquals(statusOf(await next(inbox)), status);
    });
  }
});

Deno.test("TestJetStreamConsumerInvalidPriorityGroupRequestNotServed", async (t) => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo.>"] });
  await js.publishMany(10, "foo.bar", "hello");
  const cases: [string, Record<string, unknown>, string][] = [
    ["overflow", { min_pending: 1 }, "Not a Overflow Priority consumer"],
    ["pinned_request", { id: "PINNED-ID" }, "Not a Pinned Client Priority consumer"],
    ["priority_outside_range", { priority: 10 }, "Priority must be between 0 and 9"],
  ];
  for (const [index, [name, request, text]] of cases.entries()) {
    await t.step(name, async () => {
      const durable = `C-${index}`;
      await js.addConsumer("TEST", {
        durable_name: durable,
        filter_subject: "foo.>",
        ack_policy: "explicit",
      });
      const inbox = js.pullInbox("TEST", durable, { batch: 1, expires: ns(2000), ...request });
      await nextStatus(inbox, `400 Bad Request - ${text}`);
      await nothing(inbox, NOTHING_MS);
      assertEquals(server.consumer("TEST", durable).pulls!.queue.size, 0);
    });
  }
});

Deno.test("TestJetStreamConsumerOverflow", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo.>", "bar", "baz"] });
  await js.addConsumer("TEST", {
    durable_name: "C",
    filter_subject: "foo.>",
    priority_groups: ["A"],
    priority_policy: "overflow",
    ack_policy: "explicit",
  });
  await js.publish("foo.1", "msg-1");
  const expires = ns(90_000);
  // Nothing waits for acknowledgement.
  const ackPending = ask(js, "ackPending", { batch: 1, expires, min_ack_pending: 1, group: "A" });
  await nothing(ackPending, NOTHING_MS);
  await next(ask(js, "singleOverflow", { batch: 1, expires, min_pending: 1, group: "A" }));
  await js.publish("foo.1", "msg-2");
  await js.publish("foo.1", "msg-3");
  const overflow = ask(js, "overflow", { batch: 1, expires, min_pending: 10, group: "A" });
  await nothing(overflow, NOTHING_MS);
  // A status: the consumer wants a group.
  await next(ask(js, "without_overflow", { batch: 1, expires }));
  await js.publishMany(100, "foo.1", "msg-1");
  await next(overflow);
  const manyAcks = ask(js, "maxAckPending", { batch: 1, expires, min_ack_pending: 50, group: "A" });
  await nothing(manyAcks, NOTHING_MS);
  await next(ask(js, "without_overflow", { batch: 200, expires, group: "A" }));
  await next(manyAcks);
});

Deno.test("TestPriorityGroupNameRegex", async (t) => {
  const cases: [string, string, boolean][] = [
    ["valid-short", "A", true],
    ["valid-with-accepted-special-chars", "group/consumer=A", true],
    ["empty", "", false],
    ["with-space", "A B", false],
    ["with-tab", "A   B", false],
    ["too-long-name", "group-name-that-is-too-long", false],
    ["line-termination", "\r\n", false],
  ];
  for (const [name, group, valid] of cases) {
    await t.step(name, () => assertEquals(isValidGroupName(group), valid));
  }
});

function waiting(priority: number, reply = "", left = 1): WaitingRequest {
  const request = new WaitingRequest(reply);
  request.left = left;
  request.group = { group: "A", minPending: 0, minAckPending: 0, id: "", priority };
  return request;
}

Deno.test("TestSortingConsumerPullRequests", async (t) => {
  const cases: [string, [number, string][], [number, string][]][] = [
    [
      "sort",
      [[1, ""], [2, ""], [1, ""], [3, ""]],
      [[1, ""], [1, ""], [2, ""], [3, ""]],
    ],
    [
      "test if sort is stable",
      [[1, "1a"], [2, "2a"], [1, "1b"], [2, "2b"], [1, "1c"], [3, "3a"], [2, "2c"]],
      [[1, "1a"], [1, "1b"], [1, "1c"], [2, "2a"], [2, "2b"], [2, "2c"], [3, "3a"]],
    ],
  ];
  for (const [name, requests, expected] of cases) {
    await t.step(name, () => {
      const queue = new WaitQueue(100);
      for (const [priority, reply] of requests) {
        assert(queue.addPrioritized(waiting(priority, reply)));
      }
      assertEquals(queue.size, expected.length);
      for (const [priority, reply] of expected) {
        assertEquals([queue.head!.group!.priority, queue.head!.reply], [priority, reply]);
        queue.removeHead();
      }
    });
  }
});

Deno.test("TestWaitQueuePopAndRequeue", async (t) => {
  await t.step("basic requeue with batches", () => {
    const queue = new WaitQueue(100);
    for (const priority of [1, 2, 3]) {
      for (const letter of ["a", "b", "c"]) {
        assert(queue.addPrioritized(waiting(priority, `${priority}${letter}`, 3)));
      }
    }
    for (let done = 0, round = 1; done < 2; round++) {
      for (const letter of ["a", "b", "c"]) {
        assertEquals(queue.popAndRequeue()!.reply, `${done + 1}${letter}`);
      }
      if (round % 3 === 0) done++;
      assertEquals(queue.size, 9 - done * 3);
    }
  });
  await t.step("request removal when fully served", () => {
    const queue = new WaitQueue(100);
    for (const request of [waiting(1, "1a", 2), waiting(1, "1b", 1), waiting(2, "2a", 3)]) {
      assert(queue.addPrioritized(request));
    }
    for (const [reply, left, size] of [["1a", 1, 3], ["1b", 0, 2], ["1a", 0, 1]] as const) {
      const request = queue.popAndRequeue()!;
      assertEquals([request.reply, request.left, queue.size], [reply, left, size]);
    }
    assertEquals([queue.head!.reply, queue.head!.left], ["2a", 3]);
  });
  await t.step("single element lifecycle", () => {
    const queue = new WaitQueue(10);
    assert(queue.add(waiting(1, "single", 2)));
    for (const [left, size] of [[1, 1], [0, 0]] as const) {
      const request = queue.popAndRequeue()!;
      assertEquals([request.reply, request.left, queue.size], ["single", left, size]);
    }
    assertEquals(queue.head, null);
  });
});

Deno.test("TestJetStreamConsumerPrioritized", async (t) => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.addConsumer("TEST", {
    durable_name: "CONSUMER",
    ack_policy: "none",
    filter_subject: "foo",
    priority_groups: ["A"],
    priority_policy: "prioritized",
  });
  const { queue } = server.consumer("TEST", "CONSUMER").pulls!;
  const pull = (priority: number, batch: number) =>
    js.pullInbox("TEST", "CONSUMER", { batch, expires: ns(10_000), group: "A", priority });
  const publish = () => js.publish("foo", "message");
  await t.step("invalid priority number", async () => {
    for (const priority of [10, -5]) {
      assert(statusOf(await next(pull(priority, 1))).startsWith("400"));
    }
  });
  await t.step("priority ordering", async () => {
    const third = pull(3, 1);
    const first = pull(1, 1);
    const second = pull(2, 2);
    await until(() => queue.size === 3);
    await publish();
    await nothing(third, 50);
    await nothing(second, 50);
    await next(first);
    await publish();
    await nothing(third, 50);
    await next(second);
    await publish();
    await next(second);
    await nothing(third, 50);
    await publish();
    await next(third);
  });
  await t.step("dynamic priority interruption", async () => {
    const third = pull(3, 3);
    await until(() => queue.size === 1);
    await publish();
    await next(third);
    // Whoever has a higher priority takes over from one that is not done.
    const second = pull(2, 2);
    await until(() => queue.size === 2);
    await publish();
    await next(second);
    const first = pull(1, 1);
    await until(() => queue.size === 3);
    for (let i = 0; i < 3; i++) await publish();
    await next(first);
    await next(second);
    await next(third);
  });
});
