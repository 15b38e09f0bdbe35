// Ports: server/ipqueue_test.go
import { assert, assertEquals, assertFalse } from "@std/assert";
import {
  IpQueue,
  IpQueueLimitError,
  type IpQueueOptions,
  type IpQueueView,
} from "../../../src/base/containers/ip_queue.ts";

type Registry = Map<string, IpQueueView>;

/** A queue with a signal like the Go channel's: present or not. */
class Signalled<T> {
  readonly queue: IpQueue<T>;
  #present = false;

  constructor(options: IpQueueOptions<T> = {}, registry: Registry = new Map(), name = "test") {
    this.queue = new IpQueue<T>(registry, name, {
      ...options,
      onReady: () => this.#present = true,
    });
  }

  /** Whether the signal is there; takes it. */
  take(): boolean {
    const present = this.#present;
    this.#present = false;
    return present;
  }
}

Deno.test("TestIPQueueBasic", () => {
  const registry: Registry = new Map();
  const s = new Signalled<number>({}, registry);
  const s2 = new Signalled<number>({}, registry, "test2");
  assertFalse(s.take());
  assertEquals(s.queue.length, 0);
  assertEquals([...registry.keys()].sort(), ["test", "test2"]);
  s.queue.unregister();
  s2.queue.unregister();
  assertEquals(registry.size, 0);
  s.queue.push(1);
  assertEquals(s.queue.pop(), [1]);
  s2.queue.push(2);
  assertEquals(s2.queue.popOne(), 2);
});

Deno.test("TestIPQueuePush", () => {
  const s = new Signalled<number>();
  s.queue.push(1);
  assertEquals(s.queue.length, 1);
  assert(s.take());
  s.queue.push(2);
  assertEquals(s.queue.length, 2);
  assertFalse(s.take());
});

Deno.test("TestIPQueuePop", () => {
  const s = new Signalled<number>();
  s.queue.push(1);
  assert(s.take());
  const elements = s.queue.pop();
  assertEquals(elements, [1]);
  assertEquals(s.queue.length, 0);
  assertFalse(s.take());
  assertEquals(s.queue.inProgress, 1);
  s.queue.done(elements);
  assertEquals(s.queue.inProgress, 0);
  assertEquals(s.queue.pop(), null);
  assertEquals(s.queue.inProgress, 0);
});

Deno.test("TestIPQueuePopOne", () => {
  const s = new Signalled<number>();
  s.queue.push(1);
  assert(s.take());
  assertEquals(s.queue.popOne(), 1);
  assertEquals(s.queue.length, 0);
  assertEquals(s.queue.inProgress, 0);
  assertFalse(s.take());
  s.queue.push(2);
  s.queue.push(3);
  assertEquals(s.queue.popOne(), 2);
  assertEquals(s.queue.length, 1);
  assert(s.take());
  assertEquals(s.queue.popOne(), 3);
  assertEquals(s.queue.length, 0);
  assertFalse(s.take());
  assertEquals(s.queue.popOne(), undefined);

  const { queue } = new Signalled<number>({}, new Map(), "test2");
  queue.push(1);
  queue.push(2);
  assertEquals(queue.popOne(), 1);
  assertEquals(queue.length, 1);
  const values = queue.pop();
  assertEquals(values, [2]);
  assertEquals(queue.length, 0);
  queue.done(values);
});

Deno.test("TestIPQueueMultiProducers", async () => {
  const s = new Signalled<number>();
  const send = async (from: number, to: number): Promise<void> => {
    for (let i = from; i <= to; i++) {
      s.queue.push(i);
      if (i % 7 === 0) await Promise.resolve();
    }
  };
  const seen = new Set<number>();
  const producers = Promise.all([send(1, 100), send(101, 200), send(201, 300)]);
  for (let turn = 0; turn < 1000 && seen.size < 300; turn++) {
    if (s.take()) {
      const values = s.queue.pop();
      for (const value of values ?? []) seen.add(value);
      s.queue.done(values);
      assertEquals(s.queue.inProgress, 0);
    }
    await Promise.resolve();
  }
  await producers;
  assertEquals(seen.size, 300);
});

Deno.test("TestIPQueueDrain", () => {
  const s = new Signalled<number>();
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < 100; i++) s.queue.push(i + 1);
    s.take();
    assertEquals(s.queue.drain(), 100);
    assertFalse(s.take());
    assertEquals(s.queue.length, 0);
    assertEquals(s.queue.pop(), null);
  }
});

const value = new Uint8Array(16);
const sizeOf = (element: Uint8Array): number => element.length;

Deno.test("TestIPQueueSizeCalculation", () => {
  const { queue } = new Signalled<Uint8Array>({ sizeOf });
  for (let i = 0; i < 10; i++) {
    queue.push(value);
    assertEquals(queue.length, i + 1);
    assertEquals(queue.sizeBytes, (i + 1) * value.length);
  }
  for (let i = 10; i > 5; i--) {
    queue.popOne();
    assertEquals(queue.length, i - 1);
    assertEquals(queue.sizeBytes, (i - 1) * value.length);
  }
  queue.pop();
  assertEquals(queue.length, 0);
  assertEquals(queue.sizeBytes, 0);
});

Deno.test("TestIPQueueSizeCalculationWithLimits", async (t) => {
  const fill = (options: IpQueueOptions<Uint8Array>, message: string): void => {
    const { queue } = new Signalled<Uint8Array>({ sizeOf, ...options });
    for (let i = 0; i < 10; i++) {
      const error = queue.push(value);
      if (i >= 5) {
        assert(error instanceof IpQueueLimitError);
        assertEquals(error.message, message);
      } else {
        assertEquals(error, null);
      }
      assert(queue.length < 6);
    }
  };
  await t.step("LimitByLen", () => fill({ lengthMax: 5 }, "IPQ len limit reached"));
  await t.step("LimitBySize", () => fill({ sizeMaxBytes: 16 * 5 }, "IPQ size limit reached"));
});
