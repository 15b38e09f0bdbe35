/**
 * Compares the sublist with a naive matcher over random histories; the seed is printed.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { Sublist, type SublistEntry } from "../../../src/sublist/mod.ts";
import { isValidSubject, matchLiteral } from "../../../src/subject/mod.ts";

function generator(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

interface Sub extends SublistEntry {
  readonly id: number;
}

const TOKENS = ["a", "b", "foo", "bar", "*", ">", "a*", ">x", "\xc3\xa9", "longer-token-12345"];

Deno.test("matches agree with a naive matcher over random histories", () => {
  const seed = Number(Deno.env.get("SEED") ?? Date.now() % 1_000_000);
  console.log(`seed ${seed}`);
  const below = generator(seed);
  const subject = (): string =>
    Array.from({ length: 1 + below(4) }, () => TOKENS[below(TOKENS.length)]).join(".");
  for (const cache of [true, false]) {
    const list = new Sublist<Sub>({ cache });
    const model: Sub[] = [];
    for (let step = 0; step < 6000; step++) {
      const dice = below(10);
      if (dice < 3) {
        const queue = below(3) === 0 ? `q${below(3)}` : null;
        const sub: Sub = { id: step, subject: subject(), queue, queueWeight: 1 };
        assertEquals(list.insert(sub), isValidSubject(sub.subject));
        if (isValidSubject(sub.subject)) model.push(sub);
      } else if (dice < 5 && model.length > 0) {
        const [sub] = model.splice(below(model.length), 1);
        assertEquals(list.remove(sub!), true);
        assertEquals(list.remove(sub!), false);
      } else {
        const asked = subject();
        const found = list.match(asked);
        const ids = (subs: readonly Sub[]): number[] => subs.map(({ id }) => id).sort();
        const expected = model.filter((sub) => matchLiteral(asked, sub.subject));
        assertEquals(ids(found.psubs), ids(expected.filter(({ queue }) => queue === null)), asked);
        assertEquals(ids(found.qsubs.flat()), ids(expected.filter(({ queue }) => queue !== null)));
        for (const group of found.qsubs) assertEquals(new Set(group.map((s) => s.queue)).size, 1);
        const queues = found.qsubs.map((group) => group[0]!.queue);
        assertEquals(new Set(queues).size, queues.length);
      }
      assertEquals(list.count, model.length);
    }
    assertEquals(list.removeBatch(model), true);
    assertEquals(list.count, 0);
    assertEquals(list.all(), []);
  }
});

Deno.test("subjects with empty tokens match nobody", () => {
  const list = new Sublist<Sub>();
  list.insert({ id: 1, subject: ">", queue: null, queueWeight: 1 });
  for (const subject of ["", ".", "foo.", ".foo", "foo..bar"]) {
    assertEquals(list.match(subject).psubs.length, 0, subject);
  }
  assertEquals(list.match("foo.bar").psubs.length, 1);
});

Deno.test("a result handed out is not changed by later inserts and removes", () => {
  const list = new Sublist<Sub>();
  const first: Sub = { id: 1, subject: "foo.*", queue: null, queueWeight: 1 };
  list.insert(first);
  const before = list.match("foo.bar");
  list.insert({ id: 2, subject: "foo.bar", queue: null, queueWeight: 1 });
  list.remove(first);
  assertEquals(before.psubs, [first]);
  assertEquals(list.match("foo.bar").psubs.map(({ id }) => id), [2]);
});
