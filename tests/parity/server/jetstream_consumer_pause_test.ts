// Ports: server/jetstream_consumer_test.go
/**
 * Pausing consumers (server/jetstream_consumer_test.go). Pauses are shorter than the reference's.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { jetStreamServer, type JsClient, type Json, statusOf } from "../../harness/jetstream.ts";
import { next, ns } from "./_jetstream_consumer.ts";

function inFuture(ms: number): string {
  return new Date(Date.now() + ms).toISOString();
}

async function pause(js: JsClient, consumer: string, until: string): Promise<void> {
  const response = await js.api(`CONSUMER.PAUSE.TEST.${consumer}`, { pause_until: until });
  assertEquals(Date.parse(response.pause_until), Date.parse(until));
}

const NEVER = "0001-01-01T00:00:00Z";

Deno.test("TestJetStreamConsumerPauseViaConfig", async (t) => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  const create = { action: "create" } as const;
  await t.step("CreateShouldSucceed", async () => {
    const deadline = inFuture(3_600_000);
    const info = await js.addConsumer(
      "TEST",
      { name: "my_consumer_1", pause_until: deadline },
      create,
    );
    assertEquals(Date.parse(info.config.pause_until), Date.parse(deadline));
  });
  await t.step("UpdateShouldFail", async () => {
    const info = await js.addConsumer("TEST", { name: "my_consumer_2" }, create);
    assertEquals(info.config.pause_until, undefined);
    const updated = await js.updateConsumer("TEST", {
      ...info.config,
      pause_until: inFuture(3_600_000),
    });
    assertEquals(updated.config.pause_until, undefined);
  });
});

Deno.test("TestJetStreamConsumerPauseViaEndpoint", async (t) => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["push", "pull"] });
  await t.step("PullConsumer", async () => {
    await js.addConsumer("TEST", { name: "pull_consumer", filter_subject: "pull" });
    const send = () => js.publishMany(10, "pull", "OK");
    const fetched = async (expiresMs: number) =>
      (await js.fetch("TEST", "pull_consumer", 10, { expiresMs })).length;
    await send();
    assertEquals(await fetched(1000), 10);
    const deadline = inFuture(400);
    await pause(js, "pull_consumer", deadline);
    await send();
    assertEquals(await fetched(150), 0);
    assertEquals(await fetched(2000), 10);
    assert(Date.now() >= Date.parse(deadline));
    await send();
    assertEquals(await fetched(1000), 10);
    await pause(js, "pull_consumer", NEVER);
    await send();
    assertEquals(await fetched(1000), 10);
  });
  await t.step("PushConsumer", async () => {
    const inbox = js.subscribe("to");
    await js.addConsumer("TEST", {
      name: "push_consumer",
      filter_subject: "push",
      deliver_subject: "to",
      ack_policy: "explicit",
    });
    const round = async (earliestMs: number): Promise<void> => {
      await js.publishMany(10, "push", "OK");
      for (let i = 0; i < 10; i++) {
        await next(inbox);
        assert(Date.now() >= earliestMs);
      }
    };
    await round(0);
    const deadline = inFuture(400);
    await pause(js, "push_consumer", deadline);
    await round(Date.parse(deadline));
    await round(0);
    await pause(js, "push_consumer", NEVER);
    await round(0);
  });
});

Deno.test("TestJetStreamConsumerPauseResumeViaEndpoint", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["TEST"] });
  await js.addConsumer("TEST", { name: "CONSUMER" });
  const isPaused = async () => (await js.consumerInfo("TEST", "CONSUMER")).paused ?? false;
  assert(!await isPaused());
  await pause(js, "CONSUMER", inFuture(30_000));
  assert(await isPaused());
  await js.api("CONSUMER.PAUSE.TEST.CONSUMER");
  assert(!await isPaused());
});

// 32 clients with 50 requests in the reference, to show a race of Go's maps.
Deno.test("TestJetStreamConsumerPauseMetadataRace", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.addConsumer("TEST", { durable_name: "CONSUMER" });
  const deadline = inFuture(60_000);
  await Promise.all(Array.from({ length: 32 }, async () => {
    for (let i = 0; i < 5; i++) await pause(js, "CONSUMER", deadline);
  }));
});

Deno.test("TestJetStreamConsumerPauseHeartbeats", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  const deadline = inFuture(3_600_000);
  const info = await js.addConsumer("TEST", {
    name: "my_consumer",
    pause_until: deadline,
    idle_heartbeat: ns(100),
    deliver_subject: "deliver_subj",
  }, { action: "create" });
  assertEquals(Date.parse(info.config.pause_until), Date.parse(deadline));
  const inbox = js.subscribe("deliver_subj");
  for (let i = 0; i < 8; i++) assertEquals(statusOf(await next(inbox, 200)), "100 Idle Heartbeat");
});

Deno.test("TestJetStreamConsumerPauseAdvisories", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  const advisories = js.subscribe("$JS.EVENT.ADVISORY.CONSUMER.PAUSE.TEST.my_consumer");
  const check = async (paused: boolean, deadline: string): Promise<void> => {
    const advisory: Json = (await next(advisories)).json();
    assertEquals(advisory.type, "io.nats.jetstream.advisory.v1.consumer_pause");
    assertEquals(advisory.stream, "TEST");
    assertEquals(advisory.consumer, "my_consumer");
    assertEquals(advisory.paused, paused);
    assertEquals(Date.parse(advisory.pause_until), Date.parse(deadline));
  };
  let deadline = inFuture(300);
  await js.addConsumer("TEST", { name: "my_consumer", pause_until: deadline }, {
    action: "create",
  });
  await check(true, deadline);
  await check(false, deadline);
  deadline = inFuture(300);
  await pause(js, "my_consumer", deadline);
  await check(true, deadline);
  await check(false, deadline);
});

Deno.test("TestJetStreamConsumerSurvivesRestart", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.addConsumer("TEST", { name: "my_consumer", pause_until: inFuture(3_600_000) }, {
    action: "create",
  });
  await server.restart();
  assert(server.consumer("TEST", "my_consumer").timers.pause?.active === true);
});
