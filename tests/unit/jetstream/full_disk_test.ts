/**
 * JetStream on a disk that is full: nothing is acknowledged that is not stored, the stream that
 * could not be written freezes alone, and all is well again once there is room.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { SimulatedDisk } from "../../sim/disk.ts";
import { SeededRandom } from "../../sim/random.ts";
import { World } from "./_world.ts";

const DISK_CODES = ["ENOSPC", "EIO"] as const;

for (const failCode of DISK_CODES) {
  Deno.test(`a stream that cannot be written (${failCode}) freezes alone and comes back`, async () => {
    const random = new SeededRandom(7);
    const disk = new SimulatedDisk(random);
    const world = new World("/js", random, { disk });
    const bad = world.addStream({ name: "BAD", subjects: ["bad"] });
    const memory = world.addStream({ name: "MEM", subjects: ["mem"], storage: "memory" });
    const good = world.addStream({ name: "GOOD", subjects: ["good"] });
    const answers = world.listen("answer.>");
    world.publish("bad", "one", "answer.1");
    world.publish("good", "one", "answer.2");
    assertEquals(answers.map(({ subject }) => subject), ["answer.1", "answer.2"]);

    disk.plan = { crashAt: 0, failAt: disk.calls + 1, failCode };
    world.publish("bad", "two", "answer.3");
    assertEquals(answers.length, 2, "what could not be written was acknowledged");
    assert(bad.writeError !== null);
    assert(bad.store.writeError() !== null);
    world.publish("bad", "three", "answer.4");
    assertEquals(answers.length, 2, "a frozen stream acknowledged a message");
    world.publish("good", "two", "answer.5");
    world.publish("mem", "one", "answer.6");
    assertEquals(answers.slice(2).map(({ subject }) => subject), ["answer.5", "answer.6"]);
    assertEquals(good.fastState().msgs, 2);
    assertEquals(memory.fastState().msgs, 1);

    await world.stop();
    disk.reboot(false);
    const again = new World("/js", random, { disk });
    const recovered = again.account.streams.get("BAD")!;
    assert(recovered.fastState().msgs >= 1);
    const later = again.listen("answer.>");
    again.publish("bad", "four", "answer.7");
    assertEquals(later.length, 1);
    assertEquals(recovered.writeError, null);
    await again.stop();
  });
}

Deno.test("a stream that cannot be created on a full disk changes nothing", async () => {
  const random = new SeededRandom(8);
  const calls = await run(0);
  for (let failAt = 1; failAt <= calls; failAt++) await run(failAt);

  /** Creates a stream while call `failAt` fails; returns how many calls it took. */
  async function run(failAt: number): Promise<number> {
    const disk = new SimulatedDisk(random);
    const world = new World("/js", random, { disk });
    const before = disk.calls;
    disk.plan = { crashAt: 0, failAt: failAt === 0 ? 0 : before + failAt, failCode: "ENOSPC" };
    const answers = world.listen("answer");
    const config = JSON.stringify({ name: "S", subjects: ["s"], storage: "file", num_replicas: 1 });
    world.publish("$JS.API.STREAM.CREATE.S", config, "answer");
    world.js.endTurn();
    const taken = disk.calls - before;
    const created = world.account.streams.has("S");
    assertEquals(answers.length, 1);
    assertEquals(JSON.parse(answers[0]!.body).error === undefined, created, answers[0]!.body);
    disk.plan = { crashAt: 0, failAt: 0, failCode: "ENOSPC" };
    if (!created) {
      world.publish("$JS.API.STREAM.CREATE.S", config, "answer");
      assertEquals(JSON.parse(answers[1]!.body).error, undefined, answers[1]!.body);
    }
    world.publish("s", "works", "answer");
    assertEquals(JSON.parse(answers.at(-1)!.body).seq, 1);
    await world.stop();
    return taken;
  }
});
