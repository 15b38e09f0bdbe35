/**
 * Waiting pull requests, compared with arrays.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { WaitingRequest, WaitQueue } from "../../../src/jetstream/consumer/wait_queue.ts";

function request(reply: string, left: number, priority = -1): WaitingRequest {
  const waiting = new WaitingRequest(reply);
  waiting.left = left;
  if (priority >= 0) {
    waiting.group = { group: "A", minPending: 0, minAckPending: 0, id: "", priority };
  }
  return waiting;
}

function replies(queue: WaitQueue): string[] {
  const all: string[] = [];
  for (let at = queue.head; at !== null; at = at.next) all.push(at.reply);
  assertEquals(queue.tail?.reply, all.at(-1));
  assertEquals(queue.size, all.length);
  return all;
}

Deno.test("WaitQueue serves requests in turn until each has what it wants", () => {
  const queue = new WaitQueue(10);
  for (const [reply, left] of [["a", 2], ["b", 1], ["c", 3]] as const) {
    assert(queue.add(request(reply, left)));
  }
  const served: string[] = [];
  while (!queue.isEmpty) served.push(queue.pop()!.reply);
  assertEquals(served, ["a", "b", "c", "a", "c", "c"]);
  assertEquals(queue.pop(), null);
  assertEquals(replies(queue), []);
});

Deno.test("WaitQueue takes no more than it has room for", () => {
  const queue = new WaitQueue(2);
  assert(queue.add(request("a", 1)));
  assert(queue.add(request("b", 1)));
  assert(queue.isFull);
  assert(!queue.add(request("c", 1)));
  assert(!queue.addPrioritized(request("c", 1)));
  assertEquals(replies(queue), ["a", "b"]);
});

Deno.test("WaitQueue counts the requests that do not wait", () => {
  const queue = new WaitQueue(5);
  const first = request("a", 1);
  first.noWait = true;
  queue.add(first);
  queue.add(request("b", 1));
  assertEquals(queue.oneShots, 1);
  queue.cycle();
  assertEquals(queue.oneShots, 1);
  queue.remove(queue.head, first);
  assertEquals(queue.oneShots, 0);
  assertEquals(replies(queue), ["b"]);
});

Deno.test("WaitQueue.cycle() and remove() keep the order and the ends", () => {
  const queue = new WaitQueue(5);
  const all = ["a", "b", "c"].map((reply) => request(reply, 1));
  for (const one of all) queue.add(one);
  queue.cycle();
  assertEquals(replies(queue), ["b", "c", "a"]);
  queue.remove(all[2]!, all[0]!);
  assertEquals(replies(queue), ["b", "c"]);
  queue.removeHead();
  queue.cycle();
  assertEquals(replies(queue), ["c"]);
  queue.removeHead();
  queue.removeHead();
  assertEquals(replies(queue), []);
  queue.add(request("d", 1));
  assertEquals(replies(queue), ["d"]);
});

Deno.test("WaitQueue keeps requests without a priority behind all others", () => {
  const queue = new WaitQueue(9);
  queue.addPrioritized(request("none", 1));
  queue.addPrioritized(request("5", 1, 5));
  queue.addPrioritized(request("0", 1, 0));
  queue.addPrioritized(request("5b", 1, 5));
  assertEquals(replies(queue), ["0", "5", "5b", "none"]);
});
