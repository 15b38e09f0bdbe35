/**
 * Lame duck mode: who is told, and how fast clients are closed.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { closingPace } from "../../../src/server/lame_duck.ts";
import { testServer } from "../../harness/server.ts";

Deno.test("closingPace() spreads clients over the duration, at most a second apart", () => {
  assertEquals(closingPace(10, 120_000, 10_000), { batch: 1, intervalMs: 1000 });
  assertEquals(closingPace(1000, 120_000, 10_000), { batch: 1, intervalMs: 110 });
  assertEquals(closingPace(4, 10, 100), { batch: 1, intervalMs: 250 });
  assertEquals(closingPace(0, 120_000, 10_000), { batch: 1, intervalMs: 1000 });
  const { batch, intervalMs } = closingPace(50_000, 20_000, 10_000);
  assertEquals(batch, 5);
  assert(Math.abs(intervalMs - 1) < 1e-9);
});

Deno.test("clients that have their first PONG and take INFO at any time are told", async () => {
  await using server = await testServer({
    lameDuckGracePeriodMs: 30,
    lameDuckDurationMs: 60,
  });
  const told = await server.rawLogin({ protocol: 1 });
  await told.flush();
  assertEquals((await told.info()).connect_info, true);
  const early = await server.rawLogin({ protocol: 1 });
  const old = await server.rawLogin({ protocol: 0 });
  await old.flush();
  const { clients } = server.server;
  while (![...clients.values()].every(({ connectReceived }) => connectReceived)) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const leaving = server.server.lameDuckShutdown();
  const info = await told.info();
  assertEquals([info.ldm, info.connect_info], [true, undefined]);
  assertEquals(await early.expectEnd(), "");
  assertEquals(await old.expectEnd(), "");
  assertEquals(await told.expectEnd(), "");
  await leaving;
  const reasons = server.server.closedConnections.all().map(({ reason }) => reason);
  assertEquals(reasons, ["Server Shutdown", "Server Shutdown", "Server Shutdown"]);
});
