/**
 * The small parts of consumers: pending deliveries, the redeliver queue, timers, the rate limit.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { LazyTimer } from "../../../src/jetstream/consumer/lazy_timer.ts";
import { PendingAcks } from "../../../src/jetstream/consumer/pending_acks.ts";
import { RateLimit } from "../../../src/jetstream/consumer/rate_limit.ts";
import { RedeliverQueue } from "../../../src/jetstream/consumer/redeliver_queue.ts";
import { VirtualTime } from "../../sim/virtual_time.ts";

Deno.test("PendingAcks.lowest() is the least key after any history", () => {
  let seed = 7;
  const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
  const pending = new PendingAcks();
  const model = new Set<number>();
  let next = 1;
  for (let step = 0; step < 5000; step++) {
    const kind = random(10);
    if (kind < 5) {
      next += 1 + random(3);
      pending.add(next, { sequence: next, timeMs: 0 });
      model.add(next);
    } else if (kind < 9 && model.size > 0) {
      const keys = [...model];
      const seq = keys[random(2) === 0 ? 0 : random(keys.length)]!;
      assert(pending.delete(seq));
      model.delete(seq);
    } else if (random(50) === 0) {
      // Out of order, as after a reset.
      const late = 1 + random(next);
      if (!model.has(late)) {
        pending.add(late, { sequence: late, timeMs: 0 });
        model.add(late);
      }
    } else if (random(200) === 0) {
      pending.clear();
      model.clear();
      next = 1;
    }
    assertEquals(pending.lowest(), model.size === 0 ? 0 : Math.min(...model));
    assertEquals(pending.size, model.size);
  }
});

Deno.test("RedeliverQueue keeps the order, without duplicates and what was taken out", () => {
  const queue = new RedeliverQueue();
  for (const seq of [5, 3, 9, 3, 7]) queue.add(seq);
  assertEquals(queue.size, 4);
  queue.remove(9);
  assertEquals(queue.take(), 5);
  queue.putBack(5);
  assert(queue.has(5));
  queue.add(5);
  assertEquals(queue.size, 3);
  assertEquals([queue.take(), queue.take()], [5, 3]);
  queue.add(3);
  queue.add(7);
  assertEquals([queue.take(), queue.take(), queue.take()], [7, 3, 0]);
  queue.add(1);
  assertEquals(queue.take(), 1);
  queue.putBack(1);
  queue.remove(1);
  assertEquals(queue.size, 0);
  queue.add(2);
  queue.clear();
  assertEquals(queue.take(), 0);
});

Deno.test("LazyTimer fires once, at the last deadline that it was given", () => {
  const time = new VirtualTime();
  const fired: number[] = [];
  const { loop, clock } = time.environment();
  const timer = new LazyTimer(loop, clock, () => fired.push(time.nowMs));
  const startMs = time.nowMs;
  timer.setDelay(100);
  time.advance(60);
  timer.setDelay(100);
  time.advance(60);
  assertEquals(fired, []);
  timer.setDelay(10);
  time.advance(20);
  assertEquals(fired.map((ms) => ms - startMs), [130]);
  assert(!timer.active);
  time.advance(500);
  assertEquals(fired.length, 1);
  timer.setDelay(5);
  timer.clear();
  time.advance(500);
  assertEquals(fired.length, 1);
});

Deno.test("RateLimit lets the burst through, then paces", () => {
  const limit = new RateLimit(1000, 500, 0);
  assertEquals(limit.reserve(500, 0), 0);
  assertEquals(limit.reserve(100, 0), 100);
  assertEquals(limit.reserve(100, 0), 200);
  assertEquals(limit.reserve(100, 1000), 0);
  // What no bucket can hold must not wait for ever.
  assertEquals(limit.reserve(501, 1000), 0);
});
