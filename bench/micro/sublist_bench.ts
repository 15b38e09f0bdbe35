/**
 * What a match costs: hot, fresh, cached or not, and what it costs to hold a million
 * subscriptions.
 *
 * `deno bench -A bench/micro/sublist_bench.ts` measures matches; each iteration does
 * {@linkcode batch} of them. `deno run -A --v8-flags=--expose-gc bench/micro/sublist_bench.ts`
 * measures the million.
 *
 * @module
 */
import { Sublist, type SublistEntry } from "../../src/sublist/mod.ts";

const batch = 1000;
const million = 1_000_000;

const entry = (subject: string): SublistEntry => ({ subject, queue: null, queueWeight: 1 });

/** Subjects one after the other in one buffer, as they come from a socket. */
class Subjects {
  readonly buffer: Uint8Array;
  readonly ends: Int32Array;
  #next = 0;

  constructor(readonly count: number, subjectOf: (i: number) => string) {
    const subjects = Array.from({ length: count }, (_, i) => subjectOf(i));
    const length = subjects.reduce((sum, subject) => sum + subject.length, 0);
    this.buffer = new Uint8Array(length + 16);
    this.ends = new Int32Array(count);
    let at = 0;
    subjects.forEach((subject, i) => {
      for (let k = 0; k < subject.length; k++) this.buffer[at++] = subject.charCodeAt(k);
      this.ends[i] = at;
    });
  }

  /** Matches the next {@linkcode batch} subjects; returns the plain subscriptions found. */
  match(list: Sublist<SublistEntry>): number {
    let found = 0;
    let i = this.#next;
    for (let n = 0; n < batch; n++) {
      const start = i === 0 ? 0 : this.ends[i - 1]!;
      found += list.matchBytes(this.buffer, start, this.ends[i]!).psubs.length;
      if (++i === this.count) i = 0;
    }
    this.#next = i;
    return found;
  }
}

function listOf(subjects: readonly string[], cache = true): Sublist<SublistEntry> {
  const list = new Sublist<SublistEntry>({ cache });
  for (const subject of subjects) list.insert(entry(subject));
  return list;
}

const orders = (i: number): string => `orders.eu.${(i * 7919) % 100_000}.x${i}.created`;

function benchMatches(): void {
  const fresh = new Subjects(300_000, orders);
  const one = new Subjects(1, orders);
  const hundred = new Subjects(100, orders);
  const wildcard = ["orders.*.*.*.created"];
  const bench = (name: string, subjects: Subjects, list: Sublist<SublistEntry>): void => {
    Deno.bench(name, { group: `${batch} matches` }, () => {
      if (subjects.match(list) < 0) throw new Error("unreachable");
    });
  };
  bench("one subject again and again", one, listOf(wildcard));
  bench("100 subjects in turn", hundred, listOf(wildcard));
  bench("fresh subjects, a wildcard of 5 tokens", fresh, listOf(wildcard));
  bench("fresh subjects, orders.>", fresh, listOf(["orders.>"]));
  bench("fresh, 3 wildcards each", fresh, listOf([...wildcard, "orders.>", "orders.eu.>"]));
  bench("fresh subjects, no interest", fresh, listOf(["other.>"]));
  bench("one subject without cache", one, listOf(wildcard, false));
  // The result of n subscriptions of one node is one object, so that n does not matter…
  for (const n of [1, 10, 100, 1000]) {
    bench(`fresh, ${n} subscribers`, fresh, listOf(new Array<string>(n).fill("orders.>"), false));
  }
  // …until one of them changes: then it is made anew, linear in n.
  for (const n of [1, 10, 100, 1000]) {
    const list = listOf(new Array<string>(n).fill("foo"));
    const added = entry("foo");
    Deno.bench(`a match after a change, ${n} subscribers`, { group: "after a change" }, () => {
      list.insert(added);
      list.match("foo");
      list.remove(added);
    });
  }
}

/** Runs once, since the bench runner would repeat it for minutes. */
function measureMillion(): void {
  const memory = (): number => {
    (globalThis as { gc?: () => void }).gc?.();
    const { heapUsed, external } = Deno.memoryUsage();
    return heapUsed + external;
  };
  const report = (what: string, startMs: number): void => {
    const ns = ((performance.now() - startMs) * 1e6) / million;
    console.log(`${what}: ${ns.toFixed(0)} ns each`);
  };
  const subs = Array.from({ length: million }, (_, i) => entry(`foo.bar.${i % 1000}.x${i}`));
  // Reading a subject flattens its string; that is no cost of the list.
  const subjects = new Subjects(million, (i) => subs[(i * 7919) % million]!.subject);
  const list = new Sublist<SublistEntry>();
  const before = memory();
  let worstMs = 0;
  let startMs = performance.now();
  for (let i = 0; i < million; i++) {
    const beginMs = performance.now();
    list.insert(subs[i]!);
    worstMs = Math.max(worstMs, performance.now() - beginMs);
  }
  report(`insert (worst ${worstMs.toFixed(1)} ms)`, startMs);
  console.log(`memory: ${((memory() - before) / million).toFixed(0)} B each, without the objects`);
  startMs = performance.now();
  for (let n = 0; n < million; n += batch) {
    if (subjects.match(list) !== batch) throw new Error("a subscription was not found");
  }
  report("match in random order", startMs);
  startMs = performance.now();
  for (let i = 0; i < million; i++) list.remove(subs[i]!);
  report("remove", startMs);
}

if (import.meta.main) measureMillion();
else benchMatches();
