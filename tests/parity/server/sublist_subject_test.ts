// Ports: server/sublist_test.go
import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { errorIs, ServerError } from "../../../src/errors/mod.ts";
import {
  isLiteralSubject,
  isLiteralSubjectBytes,
  isValidLiteralSubject,
  isValidLiteralSubjectBytes,
  isValidSubject,
  isValidSubjectBytes,
  matchLiteral,
  matchLiteralBytes,
  subjectIsSubsetMatch,
  subjectMatchesFilterBytes,
  subjectsCollide,
  tokenAt,
  tokensAreSubsetMatch,
  validateMapping,
} from "../../../src/subject/mod.ts";

const encoder = new TextEncoder();

/** Checks a function of a subject in both its forms. */
function check(
  text: (subject: string) => boolean,
  bytes: (buffer: Uint8Array, start: number, end: number) => boolean,
  subject: string,
  expected: boolean,
): void {
  assertEquals(text(subject), expected, subject);
  const buffer = encoder.encode(`.${subject}.`);
  assertEquals(bytes(buffer, 1, buffer.length - 1), expected, `bytes of ${subject}`);
}

/** Subjects whose wildcard characters are not tokens of their own. */
const wildcardsAsLiterals = [
  "foo*",
  "foo**",
  "foo.**",
  "foo*bar",
  "foo.*bar",
  "foo*.bar",
  "*bar",
  "foo>",
  "foo.>>",
  "foo>bar",
  "foo.>bar",
  "foo>.bar",
  ">bar",
];

Deno.test("TestSublistValidLiteralSubjects", () => {
  const is = (subject: string, expected: boolean): void =>
    check(isValidLiteralSubject, isValidLiteralSubjectBytes, subject, expected);
  is("foo", true);
  for (const bad of [".foo", "foo.", "foo..bar", "foo.bar.*", "foo.bar.>", "*", ">"]) {
    is(bad, false);
  }
  for (const good of wildcardsAsLiterals) is(good, true);
  is("foo>>", true);
});

Deno.test("TestSublistValidSubjects", () => {
  const is = (subject: string, expected: boolean): void =>
    check(isValidSubject, isValidSubjectBytes, subject, expected);
  for (const bad of [".", ".foo", "foo.", "foo..bar", ">.bar", "foo.>.bar"]) is(bad, false);
  for (const good of ["foo", "foo.bar.*", "foo.bar.>", "*", ">"]) is(good, true);
  for (const good of wildcardsAsLiterals) is(good, true);
  assertFalse(isValidSubject("foo.bar.baz.\0", true));
});

Deno.test("TestSublistMatchLiterals", () => {
  const is = (literal: string, pattern: string, expected: boolean): void =>
    check(
      (subject) => matchLiteral(subject, pattern),
      (buffer, start, end) => matchLiteralBytes(buffer, start, end, pattern),
      literal,
      expected,
    );
  is("foo", "foo", true);
  is("foo", "bar", false);
  is("foo", "*", true);
  is("foo", ">", true);
  is("foo.bar", ">", true);
  is("foo.bar", "foo.>", true);
  is("foo.bar", "bar.>", false);
  is("stats.test.22", "stats.>", true);
  is("stats.test.22", "stats.*.*", true);
  is("foo.bar", "foo", false);
  is("stats.test.foos", "stats.test.foos", true);
  is("stats.test.foos", "stats.test.foo", false);
  is("stats.test", "stats.test.*", false);
  is("stats.test.foos", "stats.*", false);
  is("stats.test.foos", "stats.*.*.foos", false);
  for (
    const literal of [
      "*bar",
      "foo*",
      "foo*bar",
      "foo.***.bar",
      ">bar",
      "foo>",
      "foo>bar",
      "foo.>>>.bar",
    ]
  ) is(literal, literal, true);
});

Deno.test("TestSubjectIsLiteral", () => {
  const is = (subject: string, expected: boolean): void =>
    check(isLiteralSubject, isLiteralSubjectBytes, subject, expected);
  for (const literal of ["foo", "foo.bar", "foo*.bar"]) is(literal, true);
  for (const other of ["*", ">", "foo.*", "foo.>", "foo.*.>", "foo.*.bar", "foo.bar.>"]) {
    is(other, false);
  }
});

Deno.test("TestValidateDestinationSubject", () => {
  validateMapping("bar", "foo");
  validateMapping("foo", "foo.bar");
  validateMapping("*", "{{wildcard(1)}}");
  validateMapping("foo.*", "bar.{{wildcard(1)}}");
  validateMapping("foo.>", "bar.>");
  validateMapping("foo.*.>", "bar.{{wildcard(1)}}.>");
  validateMapping("foo.*.bar", "bar.{{wildcard(1)}}.foo");
  validateMapping("foo.bar.>", "foo.bar.foo.>");
  validateMapping("foo.>", ">");
  validateMapping("*", "foo.{{wildcard(1)}}");
  validateMapping("*", "foo.{{ wildcard(1) }}");
  validateMapping("*", "foo.{{wildcard( 1 )}}");
  validateMapping("*", "foo.{{partition(2,1)}}");
  validateMapping("*.*", "foo.{{SplitFromLeft(2,1)}}");
  validateMapping("*.*", "foo.{{SplitFromRight(2,1)}}");
  const errorOf = (source: string, destination: string): ServerError =>
    assertThrows(() => validateMapping(source, destination), ServerError);
  assert(errorIs(errorOf("*", "foo.{{unknown(1)}}"), "ErrInvalidMappingDestination"));
  assert(errorIs(errorOf("foo", "foo..}"), "ErrInvalidMappingDestination"));
  assert(errorIs(errorOf("foo", "foo. bar}"), "ErrInvalidMappingDestinationSubject"));
});

Deno.test("TestSubjectToken", () => {
  ["", "foo", "bar", "baz", "*", ""].forEach((expected, position) => {
    assertEquals(tokenAt("foo.bar.baz.*", position), expected);
  });
});

Deno.test("TestIsSubsetMatch", async (t) => {
  const cases: [subject: string, test: string, result: boolean][] = [
    ["foo.bar", "foo.bar", true],
    ["foo.*", ">", true],
    ["foo.*", "*.*", true],
    ["foo.*", "foo.*", true],
    ["foo.*", "foo.bar", false],
    ["foo.>", ">", true],
    ["foo.>", "*.>", true],
    ["foo.>", "foo.>", true],
    ["foo.>", "foo.bar", false],
    ["foo..bar", "foo.*", false],
    ["foo.*", "foo..bar", false],
  ];
  for (const [subject, test, result] of cases) {
    await t.step(`${subject} of ${test}`, () => {
      assertEquals(subjectIsSubsetMatch(subject, test), result);
      assertEquals(tokensAreSubsetMatch(subject.split("."), test.split(".")), result);
      const bytes = encoder.encode(subject);
      assertEquals(subjectMatchesFilterBytes(bytes, 0, bytes.length, test), result);
    });
  }
});

Deno.test("TestSublistSubjectCollide", () => {
  assertFalse(subjectsCollide("foo.*", "foo.*.bar.>"));
  assertFalse(subjectsCollide("foo.*.bar.>", "foo.*"));
  assert(subjectsCollide("foo.*", "foo.foo"));
  assert(subjectsCollide("foo.*", "*.foo"));
  assert(subjectsCollide("foo.bar.>", "*.bar.foo"));
});
