// Ports: server/sublist_test.go
import { assert, assertEquals, assertFalse } from "@std/assert";
import { matchCacheMax, SublistStats } from "../../../src/sublist/mod.ts";
import {
  groupOf,
  match,
  newQSub,
  newRemoteQSub,
  newSub,
  testBoth,
  type TestSub,
  type TestSublist,
  verifyLen,
  verifyMember,
  verifyQMember,
  withCache,
  withoutCache,
} from "./_sublist.ts";

Deno.test("TestSublistInit", () => {
  assertEquals(withCache().count, 0);
});

testBoth("TestSublistInsertCount", "TestSublistInsertCountNoCache", (s) => {
  s.insert(newSub("foo"));
  s.insert(newSub("bar"));
  s.insert(newSub("foo.bar"));
  assertEquals(s.count, 3);
});

testBoth("TestSublistSimple", "TestSublistSimpleNoCache", (s) => {
  const sub = newSub("foo");
  s.insert(sub);
  const r = match(s, "foo");
  verifyLen(r.psubs, 1);
  verifyMember(r.psubs, sub);
});

testBoth("TestSublistSimpleMultiTokens", "TestSublistSimpleMultiTokensNoCache", (s) => {
  const sub = newSub("foo.bar.baz");
  s.insert(sub);
  const r = match(s, "foo.bar.baz");
  verifyLen(r.psubs, 1);
  verifyMember(r.psubs, sub);
});

testBoth("TestSublistPartialWildcard", "TestSublistPartialWildcardNoCache", (s) => {
  const lsub = newSub("a.b.c");
  const psub = newSub("a.*.c");
  s.insert(lsub);
  s.insert(psub);
  const r = match(s, "a.b.c");
  verifyLen(r.psubs, 2);
  verifyMember(r.psubs, lsub);
  verifyMember(r.psubs, psub);
});

testBoth("TestSublistPartialWildcardAtEnd", "TestSublistPartialWildcardAtEndNoCache", (s) => {
  const lsub = newSub("a.b.c");
  const psub = newSub("a.b.*");
  s.insert(lsub);
  s.insert(psub);
  const r = match(s, "a.b.c");
  verifyLen(r.psubs, 2);
  verifyMember(r.psubs, lsub);
  verifyMember(r.psubs, psub);
});

testBoth("TestSublistFullWildcard", "TestSublistFullWildcardNoCache", (s) => {
  const lsub = newSub("a.b.c");
  const fsub = newSub("a.>");
  s.insert(lsub);
  s.insert(fsub);
  let r = match(s, "a.b.c");
  verifyLen(r.psubs, 2);
  verifyMember(r.psubs, lsub);
  verifyMember(r.psubs, fsub);
  r = match(s, "a.>");
  verifyLen(r.psubs, 1);
  verifyMember(r.psubs, fsub);
});

testBoth("TestSublistRemove", "TestSublistRemoveNoCache", (s) => {
  const subject = "a.b.c.d";
  const sub = newSub(subject);
  s.insert(sub);
  assertEquals(s.count, 1);
  verifyLen(match(s, subject).psubs, 1);
  s.remove(newSub("a.b.c"));
  assertEquals(s.count, 1);
  s.remove(sub);
  assertEquals(s.count, 0);
  verifyLen(match(s, subject).psubs, 0);
});

testBoth("TestSublistRemoveWildcard", "TestSublistRemoveWildcardNoCache", (s) => {
  const subject = "a.b.c.d";
  const sub = newSub(subject);
  const psub = newSub("a.b.*.d");
  const fsub = newSub("a.b.>");
  s.insert(sub);
  s.insert(psub);
  s.insert(fsub);
  assertEquals(s.count, 3);
  verifyLen(match(s, subject).psubs, 3);
  s.remove(sub);
  assertEquals(s.count, 2);
  s.remove(fsub);
  assertEquals(s.count, 1);
  s.remove(psub);
  assertEquals(s.count, 0);
  verifyLen(match(s, subject).psubs, 0);
});

function removesCleanUp(s: TestSublist, subject: string): void {
  const sub = newSub(subject);
  assertEquals(s.levelCount, 0);
  s.insert(sub);
  assertEquals(s.levelCount, subject.split(".").length);
  s.remove(sub);
  assertEquals(s.levelCount, 0);
}

testBoth(
  "TestSublistRemoveCleanup",
  "TestSublistRemoveCleanupNoCache",
  (s) => removesCleanUp(s, "a.b.c.d.e.f"),
);
testBoth(
  "TestSublistRemoveCleanupWildcards",
  "TestSublistRemoveCleanupWildcardsNoCache",
  (s) => removesCleanUp(s, "a.b.*.d.e.>"),
);

testBoth("TestSublistRemoveWithLargeSubs", "TestSublistRemoveWithLargeSubsNoCache", (s) => {
  // From this number on the reference keeps a second list of a node's subscriptions.
  const plistMin = 256;
  for (let i = 0; i < plistMin * 2; i++) s.insert(newSub("foo"));
  const r = match(s, "foo");
  verifyLen(r.psubs, plistMin * 2);
  s.remove(r.psubs[plistMin]!);
  s.remove(r.psubs[0]!);
  s.remove(r.psubs[r.psubs.length - 1]!);
  verifyLen(match(s, "foo").psubs, plistMin * 2 - 3);
});

testBoth("TestSublistInvalidSubjectsInsert", "TestSublistInvalidSubjectsInsertNoCache", (s) => {
  for (const subject of [".foo", "foo.", "foo..bar", "foo.bar..baz", "foo.>.bar"]) {
    assertFalse(s.insert(newSub(subject)), subject);
  }
});

Deno.test("TestSublistNoCacheRemoveBatch", () => {
  const s = withoutCache();
  s.insert(newSub("foo"));
  const sub = newSub("bar");
  s.insert(sub);
  s.removeBatch([sub]);
  for (let i = 0; i < 10; i++) s.match("foo");
  assertFalse(s.cacheEnabled);
});

Deno.test("TestSublistRemoveBatchWithError", () => {
  const s = withoutCache();
  const sub1 = newSub("foo");
  const sub2 = newSub("bar");
  const sub3 = newSub("baz");
  s.insert(sub1);
  s.insert(sub2);
  s.insert(sub3);
  const absent = newSub("not.inserted");
  assertFalse(s.removeBatch([absent, sub1, sub3]));
  assertEquals(s.tryRemove(absent), "not found");
  assertEquals(s.count, 1);
  const r = match(s, "bar");
  verifyLen(r.psubs, 1);
  verifyMember(r.psubs, sub2);
  verifyLen(match(s, "foo").psubs, 0);
  verifyLen(match(s, "baz").psubs, 0);
});

Deno.test("TestSublistCache", () => {
  let s = withCache();
  const subject = "a.b.c.d";
  const sub = newSub(subject);
  const psub = newSub("a.b.*.d");
  const fsub = newSub("a.b.>");
  s.insert(sub);
  verifyLen(match(s, subject).psubs, 1);
  s.insert(psub);
  s.insert(fsub);
  assertEquals(s.count, 3);
  verifyLen(match(s, subject).psubs, 3);
  s.remove(sub);
  assertEquals(s.count, 2);
  s.remove(fsub);
  assertEquals(s.count, 1);
  s.remove(psub);
  assertEquals(s.count, 0);
  assertEquals(s.cacheCount, 0);
  verifyLen(match(s, subject).psubs, 0);

  // Twice each, since a subject that comes once may be kept out.
  for (let i = 0; i < 2 * matchCacheMax; i++) match(s, `foo-${i}\n`);
  assert(s.cacheCount > 0 && s.cacheCount <= matchCacheMax, `${s.cacheCount} results in the cache`);

  s = withCache();
  s.insert(newSub("foo.*"));
  s.insert(newSub("foo.bar"));
  verifyLen(match(s, "foo.baz").psubs, 1);
  verifyLen(match(s, "foo.bar").psubs, 2);
  s.insert(newSub("foo.>"));
  verifyLen(match(s, "foo.bar").psubs, 3);
});

testBoth("TestSublistBasicQueueResults", "TestSublistBasicQueueResultsNoCache", (s) => {
  const subject = "foo";
  const sub = newSub(subject);
  const sub1 = newQSub(subject, "bar");
  const sub2 = newQSub(subject, "baz");

  s.insert(sub1);
  let r = match(s, subject);
  verifyLen(r.psubs, 0);
  verifyLen(r.qsubs, 1);
  verifyLen(r.qsubs[0]!, 1);
  verifyQMember(r.qsubs, sub1);

  s.insert(sub2);
  r = match(s, subject);
  verifyLen(r.psubs, 0);
  verifyLen(r.qsubs, 2);
  verifyLen(r.qsubs[0]!, 1);
  verifyLen(r.qsubs[1]!, 1);
  verifyQMember(r.qsubs, sub1);
  verifyQMember(r.qsubs, sub2);

  s.insert(sub);
  r = match(s, subject);
  verifyLen(r.psubs, 1);
  verifyLen(r.qsubs, 2);
  verifyLen(r.qsubs[0]!, 1);
  verifyLen(r.qsubs[1]!, 1);
  verifyQMember(r.qsubs, sub1);
  verifyQMember(r.qsubs, sub2);
  verifyMember(r.psubs, sub);

  const sub3 = newQSub(subject, "bar");
  const sub4 = newQSub(subject, "baz");
  s.insert(sub3);
  s.insert(sub4);
  r = match(s, subject);
  verifyLen(r.psubs, 1);
  verifyLen(r.qsubs, 2);
  verifyLen(r.qsubs[0]!, 2);
  verifyLen(r.qsubs[1]!, 2);
  for (const member of [sub1, sub2, sub3, sub4]) verifyQMember(r.qsubs, member);
  verifyMember(r.psubs, sub);

  s.remove(sub);
  r = match(s, subject);
  verifyLen(r.psubs, 0);
  verifyLen(r.qsubs, 2);
  verifyLen(r.qsubs[0]!, 2);
  verifyLen(r.qsubs[1]!, 2);
  verifyQMember(r.qsubs, sub1);
  verifyQMember(r.qsubs, sub2);

  s.remove(sub1);
  r = match(s, subject);
  verifyLen(r.psubs, 0);
  verifyLen(r.qsubs, 2);
  verifyLen(groupOf(r.qsubs, sub1.queue), 1);
  verifyLen(groupOf(r.qsubs, sub2.queue), 2);
  for (const member of [sub2, sub3, sub4]) verifyQMember(r.qsubs, member);

  s.remove(sub3);
  r = match(s, subject);
  verifyLen(r.psubs, 0);
  verifyLen(r.qsubs, 1);
  verifyLen(r.qsubs[0]!, 2);
  verifyQMember(r.qsubs, sub2);

  s.remove(sub2);
  s.remove(sub4);
  r = match(s, subject);
  verifyLen(r.psubs, 0);
  verifyLen(r.qsubs, 0);
});

testBoth("TestSublistBadSubjectOnRemove", "TestSublistBadSubjectOnRemoveNoCache", (s) => {
  const sub = newSub("a.b..d");
  assertFalse(s.insert(sub));
  assertEquals(s.tryRemove(sub), "invalid subject");
  assertEquals(s.tryRemove(newSub("a.>.b")), "invalid subject");
});

testBoth(
  "TestSublistTwoTokenPubMatchSingleTokenSub",
  "TestSublistTwoTokenPubMatchSingleTokenSubNoCache",
  (s) => {
    const sub = newSub("foo");
    s.insert(sub);
    const r = match(s, "foo");
    verifyLen(r.psubs, 1);
    verifyMember(r.psubs, sub);
    verifyLen(match(s, "foo.bar").psubs, 0);
  },
);

testBoth(
  "TestSublistInsertWithWildcardsAsLiterals",
  "TestSublistInsertWithWildcardsAsLiteralsNoCache",
  (s) => {
    for (const subject of ["foo.*-", "foo.>-"]) {
      s.insert(newSub(subject));
      verifyLen(match(s, "foo.bar").psubs, 0);
      verifyLen(match(s, subject).psubs, 1);
    }
  },
);

testBoth(
  "TestSublistRemoveWithWildcardsAsLiterals",
  "TestSublistRemoveWithWildcardsAsLiteralsNoCache",
  (s) => {
    for (const subject of ["foo.*-", "foo.>-"]) {
      const sub = newSub(subject);
      s.insert(sub);
      s.remove(newSub("foo.bar"));
      assertEquals(s.count, 1);
      s.remove(sub);
      assertEquals(s.count, 0);
    }
  },
);

/**
 * The reference removes in a second goroutine while it reads a result. On one thread the
 * dangerous order is a change between two reads of the same result.
 */
testBoth("TestSublistRaceOnRemove", "TestSublistRaceOnRemoveNoCache", (s) => {
  const total = 100;
  const check = (
    make: () => TestSub,
    read: (r: ReturnType<typeof match>) => readonly TestSub[],
  ) => {
    const subs = Array.from({ length: total }, make);
    for (let i = 0; i < 2; i++) {
      for (const sub of subs) s.insert(sub);
      // The second time the result comes from the cache.
      if (i === 1) s.match("foo");
      const list = read(s.match("foo"));
      verifyLen(list, total);
      for (let at = 0; at < total; at++) {
        s.remove(subs[at]!);
        assertEquals(list[at]!.subject, "foo");
        assertEquals(list[at]!.queue, subs[at]!.queue);
      }
      verifyLen(list, total);
      assertEquals(s.count, 0);
    }
  };
  check(() => newQSub("foo", "bar"), (r) => r.qsubs[0]!);
  check(() => newSub("foo"), (r) => r.psubs);
});

testBoth("TestSublistRaceOnInsert", "TestSublistRaceOnInsertNoCache", (s) => {
  for (let i = 0; i < 1000; i++) {
    if (i < 100) s.insert(newQSub("foo", "bar"));
    for (const qsub of s.match("foo").qsubs.flat()) assertEquals(qsub.queue, "bar");
  }
  for (let i = 0; i < 1000; i++) {
    if (i < 100) s.insert(newSub("foo"));
    for (const sub of s.match("foo").psubs) assertEquals(sub.subject, "foo");
  }
  const r = s.match("foo");
  verifyLen(r.psubs, 100);
  verifyLen(r.qsubs[0]!, 100);
});

Deno.test("TestSublistRaceOnMatch", () => {
  const s = withoutCache();
  s.insert(newQSub("foo.*", "workers"));
  s.insert(newQSub("foo.bar", "workers"));
  s.insert(newSub("foo.*"));
  s.insert(newSub("foo.bar"));
  const results = Array.from({ length: 20 }, () => match(s, "foo.bar"));
  for (const r of results) {
    verifyLen(r.psubs, 2);
    verifyLen(r.qsubs, 1);
    for (const sub of r.psubs) assert(sub.subject.startsWith("foo."));
    for (const sub of r.qsubs[0]!) assertEquals(sub.queue, "workers");
  }
});

testBoth(
  "TestSublistRemoteQueueSubscriptions",
  "TestSublistRemoteQueueSubscriptionsNoCache",
  (s) => {
    const s1 = newQSub("foo", "bar");
    const s2 = newQSub("foo", "bar");
    s.insert(s1);
    s.insert(s2);
    const rs1 = newRemoteQSub("foo", "bar", 10);
    s.insert(rs1);
    const rs2 = newRemoteQSub("foo", "bar", 10);
    s.insert(rs2);
    // Weights show in results only.
    assertEquals(s.count, 4);
    let r = match(s, "foo");
    verifyLen(r.psubs, 0);
    verifyLen(r.qsubs, 1);
    verifyLen(r.qsubs[0]!, 22);

    s.remove(s1);
    s.remove(rs1);
    assertEquals(s.count, 2);
    r = match(s, "foo");
    verifyLen(r.psubs, 0);
    verifyLen(r.qsubs, 1);
    verifyLen(r.qsubs[0]!, 11);

    rs2.queueWeight = 1;
    s.refresh(rs2);
    r = match(s, "foo");
    verifyLen(r.psubs, 0);
    verifyLen(r.qsubs, 1);
    verifyLen(r.qsubs[0]!, 2);
  },
);

Deno.test("TestSublistSharedEmptyResult", () => {
  const s = withCache();
  const r1 = s.match("foo");
  verifyLen(r1.psubs, 0);
  verifyLen(r1.qsubs, 0);
  const r2 = s.match("bar");
  verifyLen(r2.psubs, 0);
  verifyLen(r2.qsubs, 0);
  assert(r1 === r2);
});

Deno.test("TestSublistNoCacheStats", () => {
  const s = withoutCache();
  for (const subject of ["foo", "bar", "baz", "foo.bar.baz"]) s.insert(newSub(subject));
  s.match("a.b.c");
  s.match("bar");
  assertEquals(s.stats().numCache, 0);
});

Deno.test("TestSublistAll", () => {
  const s = withoutCache();
  const subs = [newSub("foo.bar.baz"), newSub("foo"), newSub("baz")];
  for (const sub of subs) s.insert(sub);
  const all = s.all();
  assertEquals(all.length, subs.length);
  assertEquals(new Set(all), new Set(subs));
  assertEquals(s.localSubs((sub) => sub !== subs[0]).length, 2);
});

Deno.test("TestSublistAddCacheHitRate", () => {
  const hitRate = (subject: string): SublistStats => {
    const s = withCache();
    s.insert(newSub(subject));
    for (let i = 0; i < 4; i++) s.match(subject);
    const stats = s.stats();
    assertEquals(stats.cacheHitRate, 0.75);
    return stats;
  };
  const sum = new SublistStats();
  sum.add(hitRate("foo"));
  sum.add(hitRate("bar"));
  assertEquals(sum.cacheHitRate, 0.75);
});

Deno.test("TestSublistMatchWithEmptyTokens", async (t) => {
  for (const [name, s] of [["cache", withCache()], ["no cache", withoutCache()]] as const) {
    await t.step(name, async (t) => {
      s.insert(newSub(">"));
      s.insert(newQSub(">", "queue"));
      for (const subject of [".foo", "..foo", "foo..", "foo.", "foo..bar", "foo...bar"]) {
        await t.step(subject, () => {
          const r = match(s, subject);
          verifyLen(r.psubs, 0);
          verifyLen(r.qsubs, 0);
        });
      }
    });
  }
});
