// Ports: server/jetstream_test.go
/**
 * Getting stored messages by time, and what a server tells of its streams
 * (server/jetstream_test.go).
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { jetStreamServer } from "../../harness/jetstream.ts";
import { headerOf, pass, timestamp } from "./_jetstream_b.ts";
import { nextText } from "./_jetstream_consumer.ts";

/** Asks as of times before, between and after two messages. */
async function asOfTimes(
  publish: (subject: string) => Promise<unknown>,
  check: (request: Record<string, unknown>, seq: number, why: "" | "bad" | "none") => Promise<void>,
): Promise<void> {
  const now = async () => {
    const time = timestamp();
    await pass(2);
    return time;
  };
  const t0 = await now();
  await check({ start_time: t0, last_by_subj: "foo.1" }, 0, "bad");
  await check({ start_time: t0, seq: 1 }, 0, "bad");
  await check({ start_time: t0 }, 0, "none");
  await publish("foo.1");
  await check({ start_time: t0 }, 1, "");
  await pass(2);
  const t1 = await now();
  await publish("foo.2");
  await check({ start_time: t0 }, 1, "");
  await check({ start_time: t0, next_by_subj: "foo.2" }, 2, "");
  await check({ start_time: t1 }, 2, "");
  await pass(2);
  await check({ start_time: await now() }, 0, "none");
}

Deno.test("TestJetStreamMsgGetAsOfTime", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo.*"], allow_direct: true });
  await asOfTimes((subject) => js.publish(subject), async (request, seq, why) => {
    const response = await js.request("$JS.API.STREAM.MSG.GET.TEST", request);
    if (why === "") assertEquals(response.message.seq, seq);
    else assertEquals(response.error.err_code, why === "bad" ? 10003 : 10037);
  });
});

Deno.test("TestJetStreamMsgDirectGetAsOfTime", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo.*"], allow_direct: true });
  await asOfTimes((subject) => js.publish(subject), async (request, seq, why) => {
    const msg = await js.nc.request("$JS.API.DIRECT.GET.TEST", JSON.stringify(request));
    if (why === "") assertEquals(headerOf(msg, "Nats-Sequence"), String(seq));
    else {
      const expected = why === "bad" ? "Bad Request" : "Message Not Found";
      assertEquals(msg.headers?.description, expected);
    }
  });
});

Deno.test("TestJetStreamMultipleSubjectsBasic", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "deliver", subjects: ["events", "data", "other"] });
  await js.addConsumer("deliver", {
    durable_name: "name",
    filter_subjects: ["events", "data"],
    ack_policy: "none",
  });
  for (const [subject, text] of MIXED) await js.publish(subject, text);
  const msgs = await js.fetch("deliver", "name", 6);
  assertEquals(msgs.map((msg) => msg.string()), ["0", "1", "2", "3", "4", "5"]);
  await js.consumerInfo("deliver", "name");
});

const MIXED = [
  ["other", "10"],
  ["events", "0"],
  ["data", "1"],
  ["events", "2"],
  ["events", "3"],
  ["other", "10"],
  ["data", "4"],
  ["data", "5"],
] as const;

Deno.test("TestJetStreamMultipleSubjectsPushBasic", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "deliver", subjects: ["events", "data", "other"] });
  await js.addConsumer("deliver", {
    durable_name: "name",
    filter_subjects: ["events", "data"],
    deliver_subject: "push",
    ack_policy: "none",
  });
  const inbox = js.subscribe("push");
  for (const [subject, text] of MIXED) await js.publish(subject, text);
  for (let i = 0; i < 6; i++) await nextText(inbox, String(i));
  const info = await js.consumerInfo("deliver", "name");
  assertEquals([info.ack_floor.consumer_seq, info.ack_floor.stream_seq], [6, 8]);
  assert(info.push_bound);
});
