/**
 * Comparing the pending counts of a store with counts made message by message.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { subjectIsSubsetMatch } from "../../../src/subject/mod.ts";
import { LoadCode, StoredMsg } from "../../../src/store/stored_msg.ts";
import type { StreamStore } from "../../../src/store/stream_store.ts";
import { put } from "../../sim/store_permutations.ts";

const STARTS = [0, 1, 2, 200, 444, 555, 2222, 8888, 12_345, 28_222, 33_456, 44_400, 49_999];
const FILTERS = ["foo.>", "*.bar.>", "foo.bar.*.baz", "*.bar.>", "*.foo.bar.*", "foo.foo.bar.baz"];

/** `count` different subjects below `prefix`. */
export function numberedSubjects(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}.${(i * 7919).toString(36)}X${i}`);
}

/** Fills the store with 50,000 messages on random subjects of four tokens and compares. */
export function checkPending(store: StreamStore): void {
  const tokens = ["foo", "bar", "baz"];
  const token = () => tokens[Math.floor(Math.random() * tokens.length)]!;
  for (let i = 0; i < 50_000; i++) {
    put(store, `${token()}.${token()}.${token()}.${token()}`, "Hello World");
  }
  const { lastSeq } = store.state();
  const subjects: string[] = [""];
  const msg = new StoredMsg();
  for (let seq = 1; seq <= lastSeq; seq++) {
    assertEquals(store.loadMsg(seq, msg), LoadCode.Found);
    subjects.push(msg.subject());
  }
  for (const filter of FILTERS) {
    const matches = subjects.map((subject) => subjectIsSubsetMatch(subject, filter));
    for (const start of STARTS) {
      const expected = { msgs: 0, first: 0, last: 0 };
      const seen = new Set<string>();
      for (let seq = lastSeq; seq >= Math.max(start, 1); seq--) {
        if (!matches[seq]) continue;
        expected.msgs++;
        expected.first = seq;
        expected.last ||= seq;
        seen.add(subjects[seq]!);
      }
      assertEquals(store.filteredState(start, filter), expected);
      assertEquals(store.numPending(start, filter, false), {
        total: expected.msgs,
        validThrough: lastSeq,
      });
      assertEquals(store.numPending(start, filter, true), {
        total: seen.size,
        validThrough: lastSeq,
      });
    }
  }
}
