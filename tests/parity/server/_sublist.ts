/**
 * What the ports of server/sublist_test.go share.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Sublist, type SublistEntry } from "../../../src/sublist/mod.ts";

/** A subscription as the tests need it. */
export class TestSub implements SublistEntry {
  constructor(
    readonly subject: string,
    readonly queue: string | null = null,
    public queueWeight = 1,
  ) {}
}

export type TestSublist = Sublist<TestSub>;

export const withCache = (): TestSublist => new Sublist<TestSub>();
export const withoutCache = (): TestSublist => new Sublist<TestSub>({ cache: false });

export const newSub = (subject: string): TestSub => new TestSub(subject);
export const newQSub = (subject: string, queue: string): TestSub => new TestSub(subject, queue);
export const newRemoteQSub = (subject: string, queue: string, weight: number): TestSub =>
  new TestSub(subject, queue, weight);

/** Registers a test once with the cache and once without. */
export function testBoth(
  name: string,
  nameWithoutCache: string,
  run: (s: TestSublist) => void,
): void {
  Deno.test(name, () => run(withCache()));
  Deno.test(nameWithoutCache, () => run(withoutCache()));
}

export function verifyMember(subs: readonly TestSub[], sub: TestSub): void {
  assert(subs.includes(sub), `${sub.subject} : ${sub.queue} not found in the result`);
}

/** The list of the group `queue`. */
export function groupOf(
  qsubs: readonly (readonly TestSub[])[],
  queue: string | null,
): readonly TestSub[] {
  return qsubs.find((group) => group[0]!.queue === queue) ?? [];
}

export function verifyQMember(qsubs: readonly (readonly TestSub[])[], sub: TestSub): void {
  verifyMember(groupOf(qsubs, sub.queue), sub);
}

export function verifyLen(list: readonly unknown[], length: number): void {
  assertEquals(list.length, length);
}

/** Matches by string and by bytes in the middle of a buffer, which must give the same. */
export function match(s: TestSublist, subject: string) {
  const result = s.match(subject);
  const bytes = new Uint8Array(subject.length + 9).fill(0x2e);
  for (let i = 0; i < subject.length; i++) bytes[i + 3] = subject.charCodeAt(i);
  const again = s.matchBytes(bytes, 3, 3 + subject.length);
  assertEquals(new Set(again.psubs), new Set(result.psubs));
  assertEquals(new Set(again.qsubs.flat()), new Set(result.qsubs.flat()));
  return result;
}
