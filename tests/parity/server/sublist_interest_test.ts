// Ports: server/sublist_test.go
import { assert, assertEquals, assertFalse, assertStrictEquals, assertThrows } from "@std/assert";
import { SublistError } from "../../../src/sublist/mod.ts";
import {
  match,
  newQSub,
  newSub,
  type TestSub,
  type TestSublist,
  verifyLen,
  verifyMember,
  withCache,
} from "./_sublist.ts";

/** Subjects asked about after each change, in the order of the rows below. */
const asked = ["foo", "foo.bar", "foo.baz", "foo.bar.baz"];

/** Patterns and which of {@linkcode asked} they match. */
const patterns: Record<string, readonly boolean[]> = {
  "foo": [true, false, false, false],
  "foo.*": [false, true, true, false],
  "foo.>": [false, true, true, true],
  "*.>": [false, true, true, true],
  "*.bar": [false, true, false, false],
  "*": [true, false, false, false],
};

const none: readonly boolean[] = [false, false, false, false];

function hasInterest(s: TestSublist, subject: string): boolean {
  const bytes = new TextEncoder().encode(` ${subject}`);
  const has = s.hasInterest(subject);
  assertEquals(s.hasInterestBytes(bytes, 1, bytes.length), has);
  return has;
}

Deno.test("TestSublistHasInterest", () => {
  const s = withCache();
  const is = (expected: readonly boolean[]): void => {
    asked.forEach((subject, i) => assertEquals(hasInterest(s, subject), expected[i]!, subject));
  };
  const fooSub = newSub("foo");
  s.insert(fooSub);
  assert(s.hasInterest("foo"));
  assertFalse(s.hasInterest("bar"));
  assertEquals(s.cacheHits, 0);

  s.match("foo");
  assertEquals(s.cacheHits, 0);
  for (let i = 1; i <= 5; i++) {
    assert(s.hasInterest("foo"));
    assertEquals(s.cacheHits, i);
  }
  // That there is no interest is remembered as well.
  const hits = s.cacheHits;
  s.match("bar");
  assertFalse(s.hasInterest("bar"));
  assertEquals(s.cacheHits, hits + 1);

  s.remove(fooSub);
  is(none);
  for (const [pattern, matched] of Object.entries(patterns)) {
    const sub = newSub(pattern);
    s.insert(sub);
    is(matched);
    s.remove(sub);
    is(none);

    const q1 = newQSub(pattern, "bar");
    s.insert(q1);
    is(matched);
    const q2 = newQSub(pattern, "baz");
    s.insert(q2);
    is(matched);
    s.remove(q1);
    is(matched);
    s.remove(q2);
    is(none);
  }
});

Deno.test("TestSublistHasInterestOverlapping", () => {
  const s = withCache();
  assert(s.insert(newSub("stream.A.child")));
  assert(s.insert(newSub("stream.*")));
  assert(hasInterest(s, "stream.A.child"));
  assert(hasInterest(s, "stream.A"));
});

Deno.test("TestSublistNumInterest", () => {
  const s = withCache();
  const is = (matched: readonly boolean[], plain: number, queue: number): void => {
    asked.forEach((subject, i) => {
      const expected = matched[i] ? { plain, queue } : { plain: 0, queue: 0 };
      assertEquals(s.numInterest(subject), expected, subject);
    });
  };
  const fooSub = newSub("foo");
  s.insert(fooSub);
  assertEquals(s.numInterest("foo"), { plain: 1, queue: 0 });
  assertEquals(s.numInterest("bar"), { plain: 0, queue: 0 });
  assertEquals(s.cacheHits, 0);

  s.match("foo");
  assertEquals(s.cacheHits, 0);
  for (let i = 1; i <= 5; i++) {
    assertEquals(s.numInterest("foo"), { plain: 1, queue: 0 });
    assertEquals(s.cacheHits, i);
  }
  const hits = s.cacheHits;
  s.match("bar");
  assertEquals(s.numInterest("bar"), { plain: 0, queue: 0 });
  assertEquals(s.cacheHits, hits + 1);

  s.remove(fooSub);
  is(none, 0, 0);
  for (const [pattern, matched] of Object.entries(patterns)) {
    const sub = newSub(pattern);
    s.insert(sub);
    is(matched, 1, 0);
    s.remove(sub);
    is(none, 0, 0);

    const q1 = newQSub(pattern, "bar");
    s.insert(q1);
    is(matched, 0, 1);
    const q2 = newQSub(pattern, "baz");
    s.insert(q2);
    is(matched, 0, 2);
    const q3 = newQSub(pattern, "baz");
    s.insert(q3);
    is(matched, 0, 3);
    s.remove(q1);
    is(matched, 0, 2);
    s.remove(q2);
    is(matched, 0, 1);
    s.remove(q3);
    is(none, 0, 0);
  }
});

/** A listener with the memory of a Go channel with room for one value. */
class Channel {
  #value: boolean | null = null;

  readonly send = (hasInterest: boolean): void => {
    // A full channel drops what comes, as the reference does.
    this.#value ??= hasInterest;
  };

  expect(expected: boolean): void {
    assertStrictEquals(this.#value, expected);
    this.#value = null;
  }

  expectNone(): void {
    assertStrictEquals(this.#value, null);
  }
}

Deno.test("TestSublistRegisterInterestNotification", async (t) => {
  const s = withCache();
  const ch = new Channel();
  const register = (subject: string): void => s.registerNotification(subject, ch.send);
  const insert = (sub: TestSub): void => assert(s.insert(sub));
  const remove = (sub: TestSub): void => assert(s.remove(sub));

  await t.step("only literals can be registered, and only registered ones cleared", () => {
    for (const subject of ["foo.*", ">"]) {
      const error = assertThrows(() => register(subject), SublistError);
      assertEquals(error.code, "ErrInvalidSubject");
      assertEquals(error.message, "sublist: invalid subject");
    }
    assertFalse(s.clearNotification("foo", ch.send));
  });

  const sub = newSub("foo");
  const sub2 = newSub("foo");
  const sub3 = newSub("foo");
  await t.step("the first insert and the last remove notify", () => {
    register("foo");
    ch.expect(false);
    const error = assertThrows(() => register("foo"), SublistError);
    assertEquals(error.code, "ErrAlreadyRegistered");
    insert(sub);
    ch.expect(true);
    insert(sub2);
    ch.expectNone();
    register("bar");
    ch.expect(false);
    insert(sub3);
    ch.expectNone();
    remove(sub);
    ch.expectNone();
    remove(sub2);
    ch.expectNone();
    remove(sub3);
    ch.expect(false);
  });

  await t.step("longer subjects do not matter", () => {
    register("test.node");
    ch.expect(false);
    const longer = newSub("test.node.already.exist");
    insert(longer);
    ch.expectNone();
    const exact1 = newSub("test.node");
    insert(exact1);
    ch.expect(true);
    const exact2 = newSub("test.node");
    insert(exact2);
    ch.expectNone();
    remove(longer);
    ch.expectNone();
    remove(exact1);
    ch.expectNone();
    remove(exact2);
    ch.expect(false);
    assert(s.clearNotification("test.node", ch.send));
  });

  const sub4 = newSub("bar");
  await t.step("nothing is left after clearing", () => {
    insert(sub4);
    ch.expect(true);
    assert(s.clearNotification("bar", ch.send));
    assertEquals(s.notifications!.satisfiedCount, 0);
    assert(s.clearNotification("foo", ch.send));
    assertEquals(s.notifications, null);
  });

  const subpwc = newSub("*");
  const subfwc = newSub(">");
  await t.step("wildcards do not notify", () => {
    insert(subpwc);
    ch.expectNone();
    register("foo");
    ch.expect(false);
    insert(sub);
    ch.expect(true);
    remove(sub);
    ch.expect(false);
    remove(subpwc);
    ch.expectNone();
    insert(subfwc);
    ch.expectNone();
    insert(subpwc);
    ch.expectNone();
    remove(subpwc);
    ch.expectNone();
    remove(subfwc);
    ch.expectNone();
  });

  await t.step("a batch notifies", () => {
    const subs = [sub, sub2, sub3, sub4, subpwc, subfwc];
    for (const each of subs) s.insert(each);
    ch.expect(true);
    s.removeBatch(subs);
    ch.expect(false);
  });

  await t.step("queue subscriptions do not notify those who wait for plain ones", () => {
    const qsub = newQSub("foo.bar.baz", "1");
    insert(qsub);
    ch.expectNone();
    register("foo.bar.baz");
    ch.expect(false);
    const wcqsub = newQSub("foo.bar.>", "1");
    insert(wcqsub);
    ch.expectNone();
    remove(qsub);
    ch.expectNone();
    remove(wcqsub);
    ch.expectNone();
    insert(wcqsub);
    ch.expectNone();
  });

  await t.step("a queue group has to match", () => {
    s.registerQueueNotification("queue.test.node", "q22", ch.send);
    ch.expect(false);
    const qsub1 = newQSub("queue.test.node.already.exist", "queue");
    const qsub2 = newQSub("queue.test.node", "q22");
    const qsub3 = newQSub("queue.test.node", "otherqueue");
    const qsub4 = newQSub("queue.different.node", "q22");
    const qsub5 = newQSub("queue.test.node", "q22");
    insert(qsub1);
    ch.expectNone();
    insert(qsub2);
    ch.expect(true);
    for (const each of [qsub3, qsub4, qsub5]) {
      insert(each);
      ch.expectNone();
    }
    for (const each of [qsub3, qsub1, qsub2, qsub4]) {
      remove(each);
      ch.expectNone();
    }
    remove(qsub5);
    ch.expect(false);
    assert(s.clearQueueNotification("queue.test.node", "q22", ch.send));
  });

  await t.step("groups of one subject notify their own listeners", () => {
    const ch2 = new Channel();
    s.registerQueueNotification("some.subject", "queue1", ch.send);
    ch.expect(false);
    const qsub1 = newQSub("some.subject", "queue1");
    insert(qsub1);
    ch.expect(true);
    s.registerQueueNotification("some.subject", "queue2", ch2.send);
    ch2.expect(false);
    const qsub2 = newQSub("some.subject", "queue2");
    insert(qsub2);
    ch2.expect(true);
    ch.expectNone();
    remove(qsub1);
    ch.expect(false);
    remove(qsub2);
    ch2.expect(false);
    assert(s.clearQueueNotification("some.subject", "queue1", ch.send));
    assert(s.clearQueueNotification("some.subject", "queue2", ch2.send));
  });

  await t.step("a listener that is busy holds nobody up", () => {
    register("bar");
    register("baz");
    insert(newSub("baz"));
    insert(newSub("bar"));
    insert(subpwc);
    ch.expect(false);
    ch.expectNone();
  });
});

Deno.test("TestSublistReverseMatch", () => {
  const s = withCache();
  const subs: Record<string, TestSub> = {};
  for (const subject of ["foo", "bar", "foo.bar", "foo.baz", "foo.bar.baz"]) {
    s.insert(subs[subject] = newSub(subject));
  }
  const is = (subject: string, ...expected: string[]): void => {
    const r = s.reverseMatch(subject);
    verifyLen(r.psubs, expected.length);
    for (const each of expected) verifyMember(r.psubs, subs[each]!);
  };
  is("foo", "foo");
  is("bar", "bar");
  is("*", "foo", "bar");
  is("baz");
  is("foo.*", "foo.bar", "foo.baz");
  is("*.*", "foo.bar", "foo.baz");
  is("*.bar", "foo.bar");
  is("*.baz", "foo.baz");
  is("bar.*");
  is("*.bat");
  is("foo.>", "foo.bar", "foo.baz", "foo.bar.baz");
  is(">", "foo", "bar", "foo.bar", "foo.baz", "foo.bar.baz");
});

Deno.test("TestSublistReverseMatchWider", () => {
  const s = withCache();
  const sub = newSub("uplink.*.*.>");
  s.insert(sub);
  for (const subject of ["uplink.1.*.*.>", "uplink.1.2.3.>"]) {
    const r = s.reverseMatch(subject);
    verifyLen(r.psubs, 1);
    verifyMember(r.psubs, sub);
  }
  verifyLen(match(s, "uplink.1.2.3").psubs, 1);
});
