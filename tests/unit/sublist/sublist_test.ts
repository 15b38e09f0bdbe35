/**
 * The sublist's inside: cache, merges, pool of tokens, large levels and shared scratch, against
 * a naive matcher and one by one.
 *
 * @module
 */
import { assert, assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import { MatchScratch, Sublist, type SublistResult } from "../../../src/sublist/mod.ts";
import { ModelSub, naiveMatch, randomFrom } from "./_model.ts";

let nextId = 0;
const sub = (subject: string, queue: string | null = null, weight = 1): ModelSub =>
  new ModelSub(nextId++, subject, queue, weight);

const ids = (subs: readonly ModelSub[]): number[] => subs.map(({ id }) => id).sort((a, b) => a - b);

/** Tokens of all lengths around a word, bytes beyond ASCII, and near wildcards. */
const tokens = [
  ..."a b ab abc abcd abcde abcdefg abcdefgh abcdefghi".split(" "),
  "\xff",
  "\xc3\xa9t\xc3\xa9",
  "\x80\x80\x80\x80",
  "**",
  "*a",
  ">>",
  "x".repeat(150),
];

function bufferOf(subject: string, before: number, after: number): Uint8Array {
  const bytes = new Uint8Array(before + subject.length + after).fill(0x2e);
  for (let i = 0; i < subject.length; i++) bytes[before + i] = subject.charCodeAt(i);
  return bytes;
}

Deno.test("all questions agree with a naive matcher, in all forms, over random histories", () => {
  const seed = Number(Deno.env.get("SEED") ?? Date.now() % 1_000_000);
  console.log(`seed ${seed}`);
  const below = randomFrom(seed);
  const scratch = new MatchScratch<ModelSub>();
  const token = (): string => tokens[below(below(2) === 0 ? 4 : tokens.length)]!;
  const subject = (wildcards: boolean): string => {
    const parts = Array.from(
      { length: 1 + below(5) },
      () => wildcards && below(4) === 0 ? "*" : token(),
    );
    if (wildcards && below(5) === 0) parts.push(">");
    return parts.join(".");
  };
  for (const cache of [true, false]) {
    const lists = [
      new Sublist<ModelSub>({ cache, scratch, hashSeed: below(2 ** 31) }),
      new Sublist<ModelSub>({ cache, scratch }),
    ];
    const models: ModelSub[][] = [[], []];
    const kept: { result: SublistResult<ModelSub>; psubs: number[]; qsubs: number[] }[] = [];
    for (let step = 0; step < 4000; step++) {
      const which = below(2);
      const list = lists[which]!;
      const model = models[which]!;
      const generation = list.generation;
      const dice = below(12);
      if (dice < 4) {
        const added = new ModelSub(
          step,
          subject(true),
          below(3) === 0 ? `q${below(3)}` : null,
          below(4),
        );
        assert(list.insert(added));
        model.push(added);
        assert(list.generation > generation);
      } else if (dice < 6 && model.length > 0) {
        const [gone] = model.splice(below(model.length), 1);
        assertEquals(list.tryRemove(gone!), "removed");
        assert(list.generation > generation);
      } else if (dice === 6 && model.length > 20) {
        assert(list.removeBatch(model.splice(below(10), 10)));
      } else if (dice === 7 && model.length > 0) {
        const changed = model[below(model.length)]!;
        changed.queueWeight = below(4);
        list.refresh(changed);
      } else {
        const asked = subject(below(8) === 0);
        const expected = model.filter((each) => naiveMatch(asked, each.subject));
        const psubs = ids(expected.filter(({ queue }) => queue === null));
        const qsubs = ids(
          expected.filter(({ queue }) => queue !== null).flatMap((each) =>
            Array.from({ length: Math.max(1, each.queueWeight) }, () => each)
          ),
        );
        const bytes = bufferOf(asked, below(5), below(6));
        const start = bytes.length === 0 ? 0 : bytes.findIndex((b) => b !== 0x2e);
        const results = [list.match(asked), list.matchBytes(bytes, start, start + asked.length)];
        for (const result of results) {
          assertEquals(ids(result.psubs), psubs, asked);
          assertEquals(ids(result.qsubs.flat()), qsubs, asked);
          const groups = result.qsubs.map((members) => new Set(members.map(({ queue }) => queue)));
          assert(groups.every(({ size }) => size === 1));
          assertEquals(new Set(groups.map((group) => [...group][0])).size, groups.length);
        }
        assertEquals(list.hasInterest(asked), expected.length > 0);
        assertEquals(
          list.hasInterestBytes(bytes, start, start + asked.length),
          expected.length > 0,
        );
        assertEquals(list.numInterest(asked), { plain: psubs.length, queue: qsubs.length });
        if (below(50) === 0) kept.push({ result: results[0]!, psubs, qsubs });
      }
      assertEquals(list.count, model.length);
    }
    for (const { result, psubs, qsubs } of kept) {
      assertEquals(ids(result.psubs), psubs);
      assertEquals(ids(result.qsubs.flat()), qsubs);
    }
    for (const [i, list] of lists.entries()) {
      assertEquals(ids(list.all()), ids(models[i]!));
      for (const each of models[i]!) assert(list.remove(each));
      assertEquals(list.levelCount, 0);
    }
  }
});

Deno.test("a fresh subject gives the very result that the same subscriptions gave before", () => {
  const list = new Sublist<ModelSub>({ cache: false });
  list.insert(sub("foo.*"));
  assertStrictEquals(list.match("foo.1"), list.match("foo.2"));
  list.insert(sub("foo.>"));
  list.insert(sub("*.*", "q"));
  const merged = list.match("foo.1");
  assertStrictEquals(list.match("foo.2"), merged);
  assertEquals(merged.psubs.length, 2);
  assertEquals(merged.qsubs.length, 1);
});

Deno.test("a level of many tokens grows and shrinks without losing one", () => {
  const list = new Sublist<ModelSub>();
  const subs = Array.from({ length: 5000 }, (_, i) => sub(`foo.${i}.bar`));
  for (const each of subs) list.insert(each);
  for (const each of subs) assertStrictEquals(list.match(each.subject).psubs[0], each);
  for (let i = 0; i < 4990; i++) assert(list.remove(subs[i]!));
  for (let i = 0; i < 4990; i += 100) assertEquals(list.match(subs[i]!.subject).psubs.length, 0);
  for (let i = 4990; i < 5000; i++) {
    assertStrictEquals(list.match(subs[i]!.subject).psubs[0], subs[i]);
  }
  for (let i = 0; i < 4990; i++) assert(list.insert(subs[i]!));
  for (const each of subs) assertStrictEquals(list.match(each.subject).psubs[0], each);
});

Deno.test("tokens that come and go do not fill the memory", () => {
  const list = new Sublist<ModelSub>();
  const stays = sub("stays.here");
  list.insert(stays);
  const before = Deno.memoryUsage().external;
  for (let i = 0; i < 50_000; i++) {
    const each = sub(`${"t".repeat(40)}${i}.x`);
    list.insert(each);
    list.remove(each);
  }
  assert(Deno.memoryUsage().external - before < 1_000_000);
  assertStrictEquals(list.match("stays.here").psubs[0], stays);
});

Deno.test("subjects of many tokens and of many bytes match", () => {
  const list = new Sublist<ModelSub>();
  const long = Array.from({ length: 3000 }, (_, i) => `t${i}`).join(".");
  const literal = sub(long);
  const stars = sub(Array.from({ length: 3000 }, () => "*").join("."));
  for (const each of [literal, stars, sub("t0.>")]) assert(list.insert(each));
  for (let i = 0; i < 3; i++) assertEquals(list.match(long).psubs.length, 3);
  assertEquals(list.match(`${long}.more`).psubs.length, 1);
  const wide = sub("w".repeat(100_000));
  list.insert(wide);
  for (let i = 0; i < 3; i++) assertEquals(list.match(wide.subject).psubs, [wide]);
  for (const each of [literal, stars, wide]) assert(list.remove(each));
  assertEquals(list.match(long).psubs.length, 1);
});

Deno.test("the cache forgets exactly what a change concerns", () => {
  const list = new Sublist<ModelSub>();
  list.insert(sub(">"));
  const subjects = ["foo.a", "foo.b", "bar.a", "foo.a.b", "other"];
  const warm = (): void => subjects.forEach((subject) => list.match(subject));
  const counts = (): number => list.cacheCount;
  warm();
  assertEquals(counts(), 5);
  const literal = sub("foo.a");
  list.insert(literal);
  assertEquals(counts(), 4);
  warm();
  list.insert(sub("foo.*"));
  assertEquals(counts(), 3);
  warm();
  list.insert(sub("*.a"));
  assertEquals(counts(), 3);
  warm();
  list.insert(sub("foo.>"));
  assertEquals(counts(), 2);
  warm();
  list.remove(literal);
  assertEquals(counts(), 4);
  warm();
  list.removeBatch(list.all().slice(0, 2));
  assertEquals(counts(), 0);
  const stats = list.stats();
  assertEquals([stats.numSubs, stats.numInserts, stats.numRemoves], [2, 5, 3]);
});

Deno.test("subjects that come once do not push out those that come again", () => {
  const list = new Sublist<ModelSub>();
  list.insert(sub("foo.>"));
  const hot = Array.from({ length: 100 }, (_, i) => `foo.hot.${i}`);
  for (let i = 0; i < 3; i++) hot.forEach((subject) => list.match(subject));
  for (let i = 0; i < 50_000; i++) list.match(`foo.once.${i}`);
  assert(list.cacheCount < 512, `${list.cacheCount} results in the cache`);
  const hits = list.cacheHits;
  hot.forEach((subject) => list.match(subject));
  assert(list.cacheHits - hits >= 95, `${list.cacheHits - hits} of 100 hits`);
});

Deno.test("a hot set that comes late gets in", () => {
  const list = new Sublist<ModelSub>();
  list.insert(sub("foo.>"));
  for (let i = 0; i < 10_000; i++) list.match(`foo.once.${i}`);
  const hot = Array.from({ length: 600 }, (_, i) => `foo.hot.${i}`);
  for (let i = 0; i < 8; i++) hot.forEach((subject) => list.match(subject));
  const hits = list.cacheHits;
  hot.forEach((subject) => list.match(subject));
  assert(list.cacheHits - hits > 500, `${list.cacheHits - hits} of 600 hits`);
});

Deno.test("results handed out stay as they are when subscriptions of all sizes change", () => {
  for (const size of [1, 2, 300]) {
    const list = new Sublist<ModelSub>();
    const subs = Array.from({ length: size }, () => sub("foo"));
    for (const each of subs) list.insert(each);
    const before = list.match("foo");
    list.insert(sub("foo"));
    list.remove(subs[0]!);
    assertEquals(before.psubs.length, size);
    assertNotStrictEquals(list.match("foo"), before);
    assertEquals(list.match("foo").psubs.length, size);
    assert(!list.match("foo").psubs.includes(subs[0]!));
  }
});

Deno.test("a weight from a leaf node cannot take all the memory", () => {
  const list = new Sublist<ModelSub>();
  list.insert(sub("foo", "q", 2 ** 31 - 1));
  assertEquals(list.match("foo").qsubs[0]!.length, 65_536);
});

Deno.test("listeners may use the sublist while they are told", () => {
  const list = new Sublist<ModelSub>();
  const seen: [boolean, number][] = [];
  const listener = (hasInterest: boolean): void => {
    seen.push([hasInterest, list.match("foo").psubs.length]);
    if (hasInterest) list.insert(sub("bar"));
  };
  list.registerNotification("foo", listener);
  const foo = sub("foo");
  list.insert(foo);
  list.removeBatch([foo, sub("none")]);
  assertEquals(seen, [[false, 0], [true, 1], [false, 0]]);
  assertEquals(list.match("bar").psubs.length, 1);
  assertEquals(list.match("foo").psubs.length, 0);
});
