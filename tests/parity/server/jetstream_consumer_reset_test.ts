// Ports: server/jetstream_consumer_test.go
/**
 * Resets of consumers and what bounds them (server/jetstream_consumer_test.go).
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { ApiFailure, jetStreamServer, type JsClient, textOf } from "../../harness/jetstream.ts";
import { fetchAll } from "./_jetstream_consumer.ts";

/** Fetches `msg3` and acknowledges it. */
async function consumeThird(js: JsClient): Promise<void> {
  const [msg] = await fetchAll(js, "TEST", "CONSUMER", 1);
  assertEquals(textOf(msg!), "msg3");
  await js.ackSync(msg!);
}

/** The consumer starts at the third message; it cannot be reset to what comes before. */
async function checkResets(js: JsClient, refusal: string): Promise<void> {
  await consumeThird(js);
  const reset = (seq: number) => js.request("$JS.API.CONSUMER.RESET.TEST.CONSUMER", { seq });
  const refused = await reset(2);
  assertEquals(refused.type, "io.nats.jetstream.api.v1.consumer_reset_response");
  assertEquals(refused.error, {
    code: 400,
    err_code: 10204,
    description: `invalid reset: ${refusal}`,
  });
  const response = await reset(3);
  assertEquals(response.type, "io.nats.jetstream.api.v1.consumer_reset_response");
  assertEquals(response.error, undefined);
  assertEquals(response.reset_seq, 3);
  assertEquals(response.delivered, { consumer_seq: 0, stream_seq: 2 });
  assertEquals(response.ack_floor, { consumer_seq: 0, stream_seq: 2 });
  await consumeThird(js);
}

Deno.test("TestJetStreamConsumerResetToSequenceConstraintOnStartSeq", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.addConsumer("TEST", {
    durable_name: "CONSUMER",
    ack_policy: "explicit",
    deliver_policy: "by_start_sequence",
    opt_start_seq: 3,
  });
  for (let i = 1; i <= 4; i++) await js.publish("foo", `msg${i}`);
  await checkResets(js, "below start seq");
});

Deno.test("TestJetStreamConsumerResetToSequenceConstraintOnStartTime", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  for (let i = 1; i <= 2; i++) await js.publish("foo", `msg${i}`);
  // Times of messages are finer than those of the client here.
  await new Promise((resolve) => setTimeout(resolve, 10));
  await js.addConsumer("TEST", {
    durable_name: "CONSUMER",
    ack_policy: "explicit",
    deliver_policy: "by_start_time",
    opt_start_time: new Date(Date.now() - 5).toISOString(),
  });
  for (let i = 3; i <= 4; i++) await js.publish("foo", `msg${i}`);
  await checkResets(js, "below start time");
});

Deno.test("a reset is refused for deliver policies that name no start", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.publishMany(3, "foo");
  for (const policy of ["last", "new", "last_per_subject"]) {
    const filter = policy === "last_per_subject" ? { filter_subject: "foo" } : {};
    await js.addConsumer("TEST", { durable_name: policy, deliver_policy: policy, ...filter });
    const refused = await assertRejects(
      () => js.api(`CONSUMER.RESET.TEST.${policy}`, { seq: 1 }),
      ApiFailure,
    );
    assertEquals(refused.errCode, 10204);
    // Behind the ack floor is always allowed.
    assertEquals(typeof (await js.api(`CONSUMER.RESET.TEST.${policy}`)).reset_seq, "number");
  }
});
