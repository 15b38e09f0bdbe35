/**
 * With `sync_interval: always` nothing is published again before it is synced.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { StreamConfig } from "../../../src/jsapi/mod.ts";
import { SimulatedDisk } from "../../sim/disk.ts";
import { SeededRandom } from "../../sim/random.ts";
import { until } from "../../harness/server.ts";
import { World } from "./_world.ts";

const STREAM: Partial<StreamConfig> = {
  name: "S",
  subjects: ["s.*"],
  storage: "file",
  rePublish: { source: ">", destination: "again.>", headersOnly: false },
};

Deno.test("a republished message waits until it is synced, in order", async () => {
  const random = new SeededRandom(1);
  const world = new World("/js", random, { disk: new SimulatedDisk(random), syncAlways: true });
  world.addStream(STREAM);
  const again = world.listen("again.>");
  for (let i = 0; i < 5; i++) world.publish(`s.${i}`, `body ${i}`);
  assertEquals(again.length, 0);
  await until(() => again.length === 5);
  assertEquals(again.map(({ body }) => body), [0, 1, 2, 3, 4].map((i) => `body ${i}`));
  await world.stop();
});

Deno.test("a message that could not be synced is not republished", async () => {
  const random = new SeededRandom(1);
  const disk = new SimulatedDisk(random);
  const world = new World("/js", random, { disk, syncAlways: true });
  const stream = world.addStream(STREAM);
  const again = world.listen("again.>");
  world.send("s.1", "body");
  // The next change is the write of the message.
  disk.plan.failAt = disk.calls + 1;
  world.js.endTurn();
  await until(() => stream.writeError !== null);
  assertEquals(again.length, 0);
  await world.stop();
});

Deno.test("without it a message is republished within the turn", async () => {
  const random = new SeededRandom(1);
  const world = new World("/js", random, { disk: new SimulatedDisk(random) });
  world.addStream(STREAM);
  const again = world.listen("again.>");
  world.publish("s.1", "body");
  assertEquals(again.length, 1);
  await world.stop();
});
