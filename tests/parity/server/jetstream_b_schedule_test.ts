// Ports: server/jetstream_test.go
/**
 * Messages that are published at their time (server/jetstream_test.go).
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { nextTime } from "../../../src/jetstream/schedule/pattern.ts";
import { TimeZone } from "../../../src/jetstream/schedule/zone.ts";
import { ApiFailure, jetStreamServer, type JsClient } from "../../harness/jetstream.ts";
import { until } from "../../harness/server.ts";
import { pass, refused } from "./_jetstream_b.ts";
import { forBothStores } from "./_jetstream_consumer.ts";

const CONFIG = { name: "TEST", subjects: ["foo.>"], allow_msg_schedules: true };

/** Schedules a message on `subject` for `target` so long from now. */
async function schedule(
  js: JsClient,
  subject: string,
  target: string,
  delayMs: number,
): Promise<number> {
  const at = new Date(Date.now() + delayMs).toISOString();
  const headers = { "Nats-Schedule": `@at ${at}`, "Nats-Schedule-Target": target };
  return (await js.publish(subject, "", headers)).seq;
}

/** Whether the stream has a message that the request is for. */
async function has(js: JsClient, request: Record<string, unknown>): Promise<boolean> {
  try {
    await js.api("STREAM.MSG.GET.TEST", request);
    return true;
  } catch (error) {
    if (error instanceof ApiFailure && error.errCode === 10037) return false;
    throw error;
  }
}

// The second schedule is 2 s later in the reference.
Deno.test("TestJetStreamScheduledMessageDeliveryPreservesTargetSchedule", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ ...CONFIG, storage });
    await schedule(js, "foo.A", "foo.B", 300);
    await schedule(js, "foo.B", "foo.C", 1000);
    await until(async () => !(await has(js, { last_by_subj: "foo.A" })));
    assert(await has(js, { last_by_subj: "foo.B" }));
    await until(() => has(js, { last_by_subj: "foo.C" }));
  });
});

Deno.test("TestJetStreamScheduledMessageIncompatibleSettings", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const config = { name: "TEST", subjects: ["foo"], allow_msg_schedules: true };
  await refused(
    () => js.addStream({ ...config, discard: "new" }),
    "message scheduling cannot use discard new",
  );
  await refused(
    () => js.addStream({ ...config, allow_rollup_hdrs: false, pedantic: true }),
    "message scheduling cannot be set if roll-ups are disabled",
  );
});

Deno.test("TestJetStreamScheduledMessageNotDeactivated", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ ...CONFIG, storage });
    await schedule(js, "foo.schedule", "foo.msg1", 300);
    await until(() => has(js, { last_by_subj: "foo.msg1" }));
    await schedule(js, "foo.schedule", "foo.msg2", 300);
    await js.publish("foo.schedule");
    await pass(500);
    assertEquals(await has(js, { last_by_subj: "foo.msg2" }), false);
  });
});

Deno.test("TestJetStreamScheduledMessageNotTriggering", async (t) => {
  const hourMs = 3_600_000;
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ ...CONFIG, storage });
    await schedule(js, "foo.schedule.first", "foo.msg", hourMs);
    // Others that are scheduled meanwhile do not put it off.
    let isDone = false;
    const publishing = (async () => {
      for (let i = 1; !isDone; i++) {
        await pass(50);
        await schedule(js, `foo.schedule.${i}`, "foo.msg", hourMs);
      }
    })();
    await schedule(js, "foo.schedule.validate", "foo.msg", 500);
    const seq = await schedule(js, "foo.schedule.validate", "foo.msg", 500);
    await until(async () => !(await has(js, { seq })), undefined, 2000);
    isDone = true;
    await publishing;
  });
});

Deno.test("TestJetStreamScheduledMessageParse", async (t) => {
  const SECOND = 1_000_000_000n;
  const nowNs = BigInt(Math.round(Date.now() / 1000)) * SECOND;
  const parse = (pattern: string, afterNs: bigint, zone: TimeZone | null = null) =>
    nextTime(pattern, zone, afterNs, nowNs);
  const rounded = (ns: bigint) => (ns + SECOND / 2n) / SECOND * SECOND;
  await t.step("@at", () => {
    const at = new Date();
    const ns = BigInt(at.getTime()) * 1_000_000n;
    assertEquals(parse(`@at ${at.toISOString()}`, 0n), { ns, repeats: false });
  });
  await t.step("@every", () => {
    assertEquals(parse("@every 5s", nowNs), { ns: nowNs + 5n * SECOND, repeats: true });
    // Not once for each time that is over.
    const late = parse("@every 5s", 0n)!;
    assert(late.repeats && late.ns >= nowNs + 5n * SECOND);
    assertEquals(parse("@every 999ms", 0n), null);
    const anchor = nowNs + SECOND + 1_300_000n;
    const interval = 1_500_000_000n;
    const first = parse("@every 1500ms", anchor)!;
    assertEquals(first, { ns: rounded(anchor) + interval, repeats: true });
    const second = parse("@every 1500ms", first.ns);
    assertEquals(second, { ns: rounded(first.ns) + interval, repeats: true });
  });
  await t.step("cron", async (t) => {
    const every = "* * * * * *";
    assertEquals(parse(every, nowNs), { ns: nowNs + SECOND, repeats: true });
    assertEquals(parse(every, nowNs + SECOND - 1n), { ns: nowNs + SECOND, repeats: true });
    const late = parse(every, 0n)!;
    assert(late.repeats && late.ns >= nowNs + SECOND);
    const year = new Date().getUTCFullYear() + 2;
    const firstOf = (y: number, month: number, day: number, hour = 0) =>
      BigInt(Date.UTC(y, month, day, hour)) * 1_000_000n;
    let sunday = 1;
    while (new Date(Date.UTC(year, 0, sunday)).getUTCDay() !== 0) sunday++;
    const cases: [string, bigint, bigint][] = [
      ["@yearly", firstOf(year, 0, 1), firstOf(year + 1, 0, 1)],
      ["@annually", firstOf(year, 0, 1), firstOf(year + 1, 0, 1)],
      ["@monthly", firstOf(year, 0, 1), firstOf(year, 1, 1)],
      ["@weekly", firstOf(year, 0, sunday), firstOf(year, 0, sunday + 7)],
      ["@daily", firstOf(year, 0, 1), firstOf(year, 0, 2)],
      ["@midnight", firstOf(year, 0, 1), firstOf(year, 0, 2)],
      ["@hourly", firstOf(year, 0, 1), firstOf(year, 0, 1, 1)],
    ];
    for (const [pattern, after, ns] of cases) {
      await t.step(pattern, () => assertEquals(parse(pattern, after), { ns, repeats: true }));
    }
  });
  await t.step("cron_tz", () => {
    const amsterdam = TimeZone.find("Europe/Amsterdam")!;
    const expected = { ns: nowNs + SECOND, repeats: true };
    assertEquals(parse("* * * * * *", nowNs, amsterdam), expected);
  });
});

Deno.test("TestJetStreamScheduledPurgeHeadersRequiresSchedulingEnabled", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo.*"] });
  await js.publish("foo.victim", "OK");
  const headers = { "Nats-Schedule-Next": "purge", "Nats-Scheduler": "foo.victim" };
  await refused(() => js.publish("foo.attacker", "", headers), "message schedules is disabled");
});
