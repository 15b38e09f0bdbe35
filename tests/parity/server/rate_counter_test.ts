// Ports: server/rate_counter_test.go
import { assert, assertEquals, assertFalse } from "@std/assert";
import { RateCounter } from "../../../src/server/rate_counter.ts";

Deno.test("TestRateCounter", () => {
  let nowMs = 0;
  const counter = new RateCounter(10, () => nowMs);
  for (let i = 0; i < 10; i++) assert(counter.allow(), `iteration ${i}`);
  for (let i = 0; i < 5; i++) assertFalse(counter.allow(), `iteration ${i}`);
  assertEquals(counter.takeBlocked(), 5);
  assertEquals(counter.takeBlocked(), 0);
  nowMs += 1500;
  assert(counter.allow());
});
