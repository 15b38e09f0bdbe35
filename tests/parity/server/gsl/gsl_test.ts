// Ports: server/gsl/gsl_test.go
import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import {
  GenericSublist,
  InvalidSublistSubjectError,
  NoMatchesFoundError,
} from "../../../../src/base/containers/gsl/mod.ts";

function matches<T>(list: GenericSublist<T>, subject: string, expected: number): void {
  let count = 0;
  list.match(subject, () => count++);
  assertEquals(count, expected, subject);
}

Deno.test("TestGenericSublistInit", () => {
  assertEquals(new GenericSublist<null>().count(), 0);
});

Deno.test("TestGenericSublistInsertCount", () => {
  const s = new GenericSublist<null>();
  for (const subject of ["foo", "bar", "foo.bar"]) s.insert(subject, null);
  assertEquals(s.count(), 3);
});

Deno.test("TestGenericSublistSimple", () => {
  const s = new GenericSublist<null>();
  s.insert("foo", null);
  matches(s, "foo", 1);
});

Deno.test("TestGenericSublistSimpleMultiTokens", () => {
  const s = new GenericSublist<null>();
  s.insert("foo.bar.baz", null);
  matches(s, "foo.bar.baz", 1);
});

Deno.test("TestGenericSublistPartialWildcard", () => {
  const s = new GenericSublist<null>();
  s.insert("a.b.c", null);
  s.insert("a.*.c", null);
  matches(s, "a.b.c", 2);
});

Deno.test("TestGenericSublistPartialWildcardAtEnd", () => {
  const s = new GenericSublist<null>();
  s.insert("a.b.c", null);
  s.insert("a.b.*", null);
  matches(s, "a.b.c", 2);
});

Deno.test("TestGenericSublistFullWildcard", () => {
  const s = new GenericSublist<null>();
  s.insert("a.b.c", null);
  s.insert("a.>", null);
  matches(s, "a.b.c", 2);
  matches(s, "a.>", 1);
});

Deno.test("TestGenericSublistRemove", () => {
  const s = new GenericSublist<null>();
  s.insert("a.b.c.d", null);
  assertEquals(s.count(), 1);
  matches(s, "a.b.c.d", 1);
  s.remove("a.b.c.d", null);
  assertEquals(s.count(), 0);
  matches(s, "a.b.c.d", 0);
});

Deno.test("TestGenericSublistRemoveWildcard", () => {
  const s = new GenericSublist<number>();
  s.insert("a.b.c.d", 11);
  s.insert("a.b.*.d", 22);
  s.insert("a.b.>", 33);
  assertEquals(s.count(), 3);
  matches(s, "a.b.c.d", 3);
  s.remove("a.b.*.d", 22);
  assertEquals(s.count(), 2);
  matches(s, "a.b.c.d", 2);
  s.remove("a.b.>", 33);
  assertEquals(s.count(), 1);
  matches(s, "a.b.c.d", 1);
  s.remove("a.b.c.d", 11);
  assertEquals(s.count(), 0);
  matches(s, "a.b.c.d", 0);
});

Deno.test("TestGenericSublistRemoveCleanup", () => {
  const s = new GenericSublist<null>();
  assertEquals(s.levelCount(), 0);
  s.insert("a.b.c.d.e.f", null);
  assertEquals(s.levelCount(), 6);
  s.remove("a.b.c.d.e.f", null);
  assertEquals(s.levelCount(), 0);
});

Deno.test("TestGenericSublistRemoveCleanupWildcards", () => {
  const s = new GenericSublist<null>();
  assertEquals(s.levelCount(), 0);
  s.insert("a.b.*.d.e.>", null);
  assertEquals(s.levelCount(), 6);
  s.remove("a.b.*.d.e.>", null);
  assertEquals(s.levelCount(), 0);
});

Deno.test("TestGenericSublistInvalidSubjectsInsert", () => {
  const s = new GenericSublist<null>();
  for (const subject of [".foo", "foo.", "foo..bar", "foo.bar..baz", "foo.>.baz"]) {
    assertThrows(() => s.insert(subject, null), InvalidSublistSubjectError, "gsl: invalid subject");
  }
});

Deno.test("TestGenericSublistBadSubjectOnRemove", () => {
  const s = new GenericSublist<null>();
  assertThrows(() => s.insert("a.b..d", null), InvalidSublistSubjectError);
  assertThrows(() => s.remove("a.b..d", null), InvalidSublistSubjectError);
  assertThrows(() => s.remove("a.>.b", null), InvalidSublistSubjectError);
});

Deno.test("TestGenericSublistTwoTokenPubMatchSingleTokenSub", () => {
  const s = new GenericSublist<null>();
  s.insert("foo", null);
  matches(s, "foo", 1);
  matches(s, "foo.bar", 0);
});

Deno.test("TestGenericSublistInsertWithWildcardsAsLiterals", () => {
  const s = new GenericSublist<number>();
  for (const [i, subject] of ["foo.*-", "foo.>-"].entries()) {
    s.insert(subject, i);
    matches(s, "foo.bar", 0);
    matches(s, subject, 1);
  }
});

Deno.test("TestGenericSublistRemoveWithWildcardsAsLiterals", () => {
  const s = new GenericSublist<number>();
  for (const [i, subject] of ["foo.*-", "foo.>-"].entries()) {
    s.insert(subject, i);
    matches(s, "foo.bar", 0);
    matches(s, subject, 1);
    assertThrows(() => s.remove("foo.bar", i), NoMatchesFoundError, "gsl: no matches found");
    assertEquals(s.count(), 1);
    s.remove(subject, i);
    assertEquals(s.count(), 0);
  }
});

Deno.test("TestGenericSublistMatchWithEmptyTokens", async (t) => {
  const s = new GenericSublist<null>();
  s.insert(">", null);
  for (const subject of [".foo", "..foo", "foo..", "foo.", "foo..bar", "foo...bar"]) {
    await t.step(subject, () => matches(s, subject, 0));
  }
});

const interestSteps: [string, [string, boolean][]][] = [
  ["foo", [["foo", true], ["bar", false]]],
  ["foo.*", [["foo", false], ["foo.bar", true], ["foo.bar.baz", false]]],
  ["foo.>", [["foo", false], ["foo.bar", true], ["foo.bar.baz", true]]],
  ["*.>", [["foo", false], ["foo.bar", true], ["foo.baz", true]]],
  ["*.bar", [["foo", false], ["foo.bar", true], ["foo.baz", false]]],
  ["*", [["foo", true], ["foo.bar", false]]],
];

Deno.test("TestGenericSublistHasInterest", () => {
  const s = new GenericSublist<number>();
  for (const [filter, checks] of interestSteps) {
    s.insert(filter, 11);
    for (const [subject, expected] of checks) assertEquals(s.hasInterest(subject), expected);
    s.remove(filter, 11);
    for (const [subject] of checks) assertFalse(s.hasInterest(subject));
  }
});

Deno.test("TestGenericSublistHasInterestOverlapping", () => {
  const s = new GenericSublist<number>();
  s.insert("stream.A.child", 11);
  s.insert("stream.*", 11);
  assert(s.hasInterest("stream.A.child"));
  assert(s.hasInterest("stream.A"));
});

Deno.test("TestGenericSublistMatchesFullWildcard", () => {
  const s = new GenericSublist<number>();
  s.insert("stream.A.child", 11);
  s.insert("stream.*", 11);
  assert(s.hasInterest("stream.A.child"));
  assert(s.hasInterest("stream.A"));
  assertFalse(s.matchesFullWildcard());
  s.insert(">", 11);
  assert(s.matchesFullWildcard());
});

Deno.test("TestGenericSublistSingleFilter", () => {
  const s = new GenericSublist<number>();
  assertEquals(s.singleFilter(), null);
  s.insert("stream.A.child", 11);
  assertEquals(s.singleFilter(), "stream.A.child");
  s.insert("stream.A.child", 22);
  assertEquals(s.singleFilter(), "stream.A.child");
  s.insert("stream.A.other", 22);
  assertEquals(s.singleFilter(), null);
  s.insert("stream.*", 33);
  assertEquals(s.singleFilter(), null);
  const s2 = new GenericSublist<number>();
  for (const [i, filter] of ["foo", "foo.bar", "foo.baz"].entries()) s2.insert(filter, i);
  assertEquals(s2.singleFilter(), null);
  const s3 = new GenericSublist<number>();
  for (const [i, filter] of ["foo.bar", "foo.baz"].entries()) s3.insert(filter, i);
  assertEquals(s3.singleFilter(), null);
});

Deno.test("TestGenericSublistNumInterest", () => {
  const s = new GenericSublist<number>();
  for (const [filter, checks] of interestSteps) {
    s.insert(filter, 11);
    for (const [subject, expected] of checks) {
      matches(s, subject, expected ? 1 : 0);
      assertEquals(s.numInterest(subject), expected ? 1 : 0);
    }
    s.remove(filter, 11);
    for (const [subject] of checks) assertEquals(s.numInterest(subject), 0);
  }
});

Deno.test("hasInterestStartingIn() sees what could still match below", () => {
  const s = new GenericSublist<number>();
  s.insert("foo.*.baz", 1);
  assert(s.hasInterestStartingIn("foo"));
  assert(s.hasInterestStartingIn("foo.bar"));
  assert(s.hasInterestStartingIn("foo.bar.baz"));
  assertFalse(s.hasInterestStartingIn("other.subject"));
});
