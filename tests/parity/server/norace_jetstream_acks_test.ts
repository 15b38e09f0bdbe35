// Ports: server/norace_2_test.go: acknowledgements of snapshots and of work queues.
/**
 * Acknowledgements under volume (server/norace_2_test.go).
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { jetStreamServer, statusOf } from "../../harness/jetstream.ts";
import { checkAckFloor } from "../../../src/jetstream/consumer/redelivery.ts";
import { fetchAll } from "./_jetstream_consumer.ts";
import { flood } from "./_jetstream_norace.ts";
import { stateOf } from "./_jetstream_b.ts";

const MIB = 1024 * 1024;

function randomBytes(count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  const most = 65_536;
  for (let at = 0; at < count; at += most) crypto.getRandomValues(bytes.subarray(at, at + most));
  return bytes;
}

Deno.test("TestNoRaceJetStreamSnapshotsWithSlowAckDontSlowConsumer", async () => {
  // 80 MiB in the reference, and 64 MiB that a client may be behind.
  await using server = await jetStreamServer({ maxPending: 12 * MIB });
  const js = await server.jetStream();
  const ackMs = 300;
  server.test.server.jetStream!.api.snapshots.ackMsMax = ackMs;
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  for (let i = 0; i < 16; i++) await js.publish("foo", randomBytes(MIB));
  const deliver_subject = js.inbox();
  const chunks = js.subscribe(deliver_subject);
  await js.api("STREAM.SNAPSHOT.TEST", { deliver_subject, chunk_size: MIB });
  for (;;) {
    const msg = await chunks.next(2000);
    assert(msg !== null, "the end did not come");
    if (msg.data.length > 0) continue;
    assertEquals(statusOf(msg), "408 No Flow Response");
    break;
  }
  assertEquals(js.nc.isClosed(), false);
});

Deno.test("TestNoRaceJetStreamStandaloneDontReplyToAckBeforeProcessingIt", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({
    name: "WQ",
    discard: "new",
    max_msgs_per_subject: 1,
    discard_new_per_subject: true,
    retention: "workqueue",
    subjects: ["queue.>"],
  });
  // 10,000 in the reference.
  const total = 1000;
  await flood(js, "WQ", total, (i) => `queue.${i}`, "hello");
  await js.addConsumer("WQ", {
    durable_name: "cons",
    ack_policy: "explicit",
    max_waiting: 20_000,
    max_ack_pending: -1,
  });
  // As soon as an acknowledgement is answered the subject has room again.
  const again = async () => {
    const subject = "$JS.API.CONSUMER.MSG.NEXT.WQ.cons";
    const reply = js.inbox();
    const inbox = js.subscribe(reply);
    js.nc.publish(subject, JSON.stringify({ batch: 1, expires: 5e9 }), { reply });
    const msg = await inbox.next();
    inbox.subscription.unsubscribe();
    assert(msg !== null && statusOf(msg) === "");
    await js.ackSync(msg);
    await js.publish(msg.subject, "hello");
  };
  for (let round = 0; round < 3; round++) {
    await Promise.all(Array.from({ length: total }, again));
  }
  const { messages, last_seq } = await stateOf(js, "WQ");
  assertEquals([messages, last_seq], [total, 4 * total]);
});

Deno.test("TestNoRaceCheckAckFloorWithVeryLargeFirstSeqAndNewConsumers", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["wq-req"], retention: "workqueue" });
  // Where a walk over the sequences would take so long that the test runs out of time.
  const first = 1_200_000_000;
  await js.purge("TEST", { seq: first });
  assertEquals((await stateOf(js, "TEST")).first_seq, first);
  await js.publish("wq-req", "HELP");
  await js.addConsumer("TEST", {
    durable_name: "dlc",
    filter_subject: "wq-req",
    ack_policy: "explicit",
  });
  const [msg] = await fetchAll(js, "TEST", "dlc", 1);
  await js.ackSync(msg!);
  await js.purge("TEST", { seq: 2 * first });
  assertEquals((await stateOf(js, "TEST")).first_seq, 2 * first);
  await js.publish("wq-req", "MORE HELP");
  const consumer = server.consumer("TEST", "dlc");
  // As if the purge had not moved it.
  consumer.ackFloorStream = first;
  checkAckFloor(consumer);
  assertEquals(consumer.ackFloorStream, 2 * first - 1);
});
