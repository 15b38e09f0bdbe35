/**
 * With `sync_interval: always` no get shows a message before it is synced.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { StreamConfig } from "../../../src/jsapi/mod.ts";
import { until } from "../../harness/server.ts";
import { SimulatedDisk } from "../../sim/disk.ts";
import { SeededRandom } from "../../sim/random.ts";
import { World } from "./_world.ts";

const STREAM: Partial<StreamConfig> = {
  name: "S",
  subjects: ["s.*"],
  storage: "file",
  maxMsgsPer: 1,
  allowDirect: true,
};

function world(syncAlways = true): { world: World; disk: SimulatedDisk } {
  const random = new SeededRandom(1);
  const disk = new SimulatedDisk(random);
  const made = new World("/js", random, { disk, syncAlways });
  made.js.options.maxPending = 1 << 20;
  return { world: made, disk };
}

const REQUESTS: readonly [name: string, subject: string, body: string, answers: number][] = [
  ["last by subject", "$JS.API.DIRECT.GET.S.s.1", "", 1],
  ["by sequence", "$JS.API.DIRECT.GET.S", '{"seq":2}', 1],
  ["next", "$JS.API.DIRECT.GET.S", '{"next_by_subj":"s.1"}', 1],
  ["batch", "$JS.API.DIRECT.GET.S", '{"seq":1,"batch":5}', 4],
  ["several subjects", "$JS.API.DIRECT.GET.S", '{"multi_last":["s.*"]}', 4],
  ["the API's get", "$JS.API.STREAM.MSG.GET.S", '{"last_by_subj":"s.1"}', 1],
];

for (const [name, subject, body, count] of REQUESTS) {
  Deno.test(`${name}: a message is shown when it is synced, as it was when asked`, async () => {
    const { world: w } = world();
    w.addStream(STREAM);
    const answers = w.listen("answer");
    const acks = w.listen("ack");
    w.publish("s.0", "zero");
    w.publish("s.1", "one", "ack");
    w.publish("s.2", "two");
    w.publish(subject, body, "answer");
    // A batch shows at most what was synced before.
    assertEquals(answers.length, 0);
    w.publish("s.1", "later");
    await until(() => answers.length === count);
    assertEquals(acks.length, 1, "shown before it was acknowledged");
    const shown = answers.map((answer) => answer.body).join(" ");
    if (count === 1) assertStringIncludes(shown, name.includes("API") ? btoa("one") : "one");
    else assertEquals(shown, "zero one two ");
    await w.stop();
  });
}

Deno.test("what is synced is shown within the turn", async () => {
  const { world: w } = world();
  w.addStream(STREAM);
  const acks = w.listen("ack");
  const answers = w.listen("answer");
  w.publish("s.1", "one", "ack");
  await until(() => acks.length === 1);
  w.publish("s.2", "two");
  w.publish("$JS.API.DIRECT.GET.S.s.1", "", "answer");
  assertEquals(answers.map((answer) => answer.body), ["one"]);
  await w.stop();
});

Deno.test("without it a message is shown within the turn", async () => {
  const { world: w } = world(false);
  w.addStream(STREAM);
  const answers = w.listen("answer");
  w.publish("s.1", "one");
  for (const [, subject, body] of REQUESTS) w.publish(subject, body, "answer");
  assert(answers.length >= REQUESTS.length);
  await w.stop();
});

Deno.test("a message that cannot be synced is never shown", async () => {
  for (const [name, subject, body] of REQUESTS) {
    const { world: w, disk } = world();
    const stream = w.addStream(STREAM);
    const answers = w.listen("answer");
    w.send("s.0", "zero");
    w.send("s.1", "one");
    w.send(subject, body, "answer");
    // The next change is the write of the messages.
    disk.plan.failAt = disk.calls + 1;
    w.js.endTurn();
    await until(() => stream.writeError !== null);
    for (let i = 0; i < 5; i++) await Promise.resolve();
    assertEquals(answers.map((answer) => answer.body), [], name);
    await w.stop();
  }
});

Deno.test("more than may wait is refused", async () => {
  const { world: w } = world();
  w.js.options.maxPending = 1500;
  w.addStream(STREAM);
  const answers = w.listen("answer");
  w.publish("s.1", "x".repeat(900));
  for (let i = 0; i < 3; i++) w.publish("$JS.API.DIRECT.GET.S.s.1", "", "answer");
  assertEquals(answers.map(({ headers }) => headers), ["NATS/1.0 429 Too Many Requests\r\n\r\n"]);
  await until(() => answers.length === 3);
  w.publish("$JS.API.DIRECT.GET.S.s.1", "", "answer");
  assertEquals(answers.length, 4);
  await w.stop();
});
