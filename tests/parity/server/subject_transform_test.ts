// Ports: server/subject_transform_test.go
import { assert, assertEquals } from "@std/assert";
import { errorIs } from "../../../src/errors/mod.ts";
import {
  newStrictSubjectTransform,
  newSubjectTransform,
  parsePlaceholder,
  type SubjectTransform,
  untokenizeDestination,
} from "../../../src/subject/mod.ts";

const int32Max = 2 ** 31 - 1;
const random = (bound: number): number => Math.floor(Math.random() * bound);

function make(source: string, destination: string, strict: boolean): SubjectTransform | null {
  return strict
    ? newStrictSubjectTransform(source, destination, random)
    : newSubjectTransform(source, destination, random);
}

Deno.test("TestPlaceHolderIndex", () => {
  const check = (token: string, kind: string, wildcards: number[], number: number): void => {
    const parsed = parsePlaceholder(token);
    assertEquals(parsed.kind as string, kind, token);
    assertEquals(parsed.wildcards, wildcards, token);
    assertEquals(parsed.number, number, token);
  };
  check("$1", "wildcard", [1], -1);
  check("{{partition(10,1,2,3)}}", "partition", [1, 2, 3], 10);
  check("{{ Partition (10,1,2,3) }}", "partition", [1, 2, 3], 10);
  check("{{wildcard(2)}}", "wildcard", [2], -1);
  check("{{SplitFromLeft(2,1)}}", "splitFromLeft", [2], 1);
  check("{{SplitFromRight(3,2)}}", "splitFromRight", [3], 2);
  check("{{SliceFromLeft(2,2)}}", "sliceFromLeft", [2], 2);
  check("{{Left(3,2)}}", "left", [3], 2);
  check("{{Right(3,2)}}", "right", [3], 2);
});

Deno.test("TestSubjectTransformHelpers", () => {
  assertEquals(untokenizeDestination("bar"), { subject: "bar", placeholders: [] });
  assertEquals(untokenizeDestination("foo.$2.$1"), {
    subject: "foo.*.*",
    placeholders: ["$2", "$1"],
  });
  assertEquals(untokenizeDestination("foo.{{wildcard(2)}}.{{wildcard(1)}}"), {
    subject: "foo.*.*",
    placeholders: ["{{wildcard(2)}}", "{{wildcard(1)}}"],
  });
  const transform = make("foo.*.*", "bar.$2.{{Wildcard(1)}}", true)!;
  const transformed = transform.transform("foo.b.a");
  assertEquals(transform.reverse()!.transform(transformed), "foo.b.a");
});

Deno.test("TestSubjectTransforms", () => {
  const shouldError = (source: string, destination: string, strict: boolean): void => {
    try {
      make(source, destination, strict);
    } catch (error) {
      assert(
        errorIs(error, "ErrBadSubject") || errorIs(error, "ErrInvalidMappingDestination"),
        `${error}`,
      );
      return;
    }
    assert(false, `no error for ${source} to ${destination}`);
  };
  shouldError("foo..", "bar", false);
  shouldError("foo.*", "bar.*", false);
  shouldError("foo.*", "bar.$2", false);
  shouldError("foo.*", "bar.$1.>", false);
  shouldError("foo.>", "bar.baz", false);
  shouldError("foo.*.*", "bar.$2", true);
  shouldError("foo.*", "foo.$foo", true);
  shouldError("foo.*", "bar.{{Partition(2,1)}}", true);
  shouldError("foo.*", "foo.{{wildcard(2)}}", false);
  shouldError("foo.*", "foo.{{unimplemented(1)}}", false);
  shouldError("foo.*", "foo.{{partition()}}", false);
  shouldError("foo.*", "foo.{{random()}}", false);
  shouldError("foo.*", "foo.{{wildcard(foo)}}", false);
  shouldError("foo.*", "foo.{{wildcard()}}", false);
  shouldError("foo.*", "foo.{{wildcard(1,2)}}", false);
  shouldError("foo.*", "foo.{{ wildcard5) }}", false);
  shouldError("foo.*", "foo.{{splitLeft(2,2}}", false);
  shouldError("foo", "bla.{{wildcard(1)}}", false);
  shouldError("foo.*", `foo.{{partition(${int32Max + 1})}}`, false);
  shouldError("foo.*", `foo.{{random(${int32Max + 1})}}`, false);

  const shouldBeOk = (source: string, destination: string, strict: boolean) =>
    make(source, destination, strict);
  shouldBeOk("foo.*", "bar.{{Wildcard(1)}}", true);
  shouldBeOk("foo.*.*", "bar.$2", false);
  shouldBeOk("foo.*.*", "bar.{{wildcard(1)}}", false);
  shouldBeOk("foo.*.*", "bar.{{partition(1)}}", false);
  shouldBeOk("foo.*.*", "bar.{{random(5)}}", false);
  shouldBeOk("foo", "bar", false);
  shouldBeOk("foo.*.bar.*.baz", "req.$2.$1", false);
  shouldBeOk("baz.>", "mybaz.>", false);
  shouldBeOk("*", "{{splitfromleft(1,1)}}", false);
  shouldBeOk("", "prefix.>", false);
  shouldBeOk("*.*", "{{partition(10,1,2)}}", false);
  shouldBeOk("foo.*.*", "foo.{{wildcard(1)}}.{{wildcard(2)}}.{{partition(5,1,2)}}", false);
  shouldBeOk("foo.*", `foo.{{partition(${int32Max})}}`, false);
  shouldBeOk("foo.*", `foo.{{random(${int32Max})}}`, false);
  shouldBeOk("foo.bar", `foo.{{random(${int32Max})}}`, false);

  const shouldMatch = (
    source: string,
    destination: string,
    sample: string,
    ...expected: string[]
  ): void => {
    const transform = shouldBeOk(source, destination, false);
    if (transform === null) return;
    const actual = transform.match(sample);
    assert(actual !== null && expected.includes(actual), `${destination}: ${actual}`);
    const bytes = new TextEncoder().encode(sample);
    if (!destination.includes("random")) {
      assertEquals(transform.matchBytes(bytes, 0, bytes.length), actual);
    }
  };
  shouldMatch("", "prefix.>", "foo", "prefix.foo");
  shouldMatch("foo", "", "foo", "foo");
  shouldMatch("foo", "bar", "foo", "bar");
  shouldMatch("foo.*.bar.*.baz", "req.$2.$1", "foo.A.bar.B.baz", "req.B.A");
  shouldMatch(
    "foo.*.bar.*.baz",
    "req.{{wildcard(2)}}.{{wildcard(1)}}",
    "foo.A.bar.B.baz",
    "req.B.A",
  );
  shouldMatch("baz.>", "my.pre.>", "baz.1.2.3", "my.pre.1.2.3");
  shouldMatch("baz.>", "foo.bar.>", "baz.1.2.3", "foo.bar.1.2.3");
  shouldMatch("*", "foo.bar.$1", "foo", "foo.bar.foo");
  shouldMatch("*", "{{splitfromleft(1,3)}}", "12345", "123.45");
  shouldMatch("*", "{{SplitFromRight(1,3)}}", "12345", "12.345");
  shouldMatch("*", "{{SliceFromLeft(1,3)}}", "1234567890", "123.456.789.0");
  shouldMatch("*", "{{SliceFromRight(1,3)}}", "1234567890", "1.234.567.890");
  shouldMatch("*", "{{split(1,-)}}", "-abc-def--ghi-", "abc.def.ghi");
  shouldMatch("*", "{{split(1,-)}}", "abc-def--ghi-", "abc.def.ghi");
  shouldMatch(
    "*.*",
    "{{split(2,-)}}.{{splitfromleft(1,2)}}",
    "foo.-abc-def--ghij-",
    "abc.def.ghij.fo.o",
  );
  shouldMatch("*", "{{right(1,1)}}", "1234", "4");
  shouldMatch("*", "{{right(1,3)}}", "1234", "234");
  shouldMatch("*", "{{right(1,6)}}", "1234", "1234");
  shouldMatch("*", "{{left(1,1)}}", "1234", "1");
  shouldMatch("*", "{{left(1,3)}}", "1234", "123");
  shouldMatch("*", "{{left(1,6)}}", "1234", "1234");
  shouldMatch("*", "bar.{{partition(0)}}", "baz", "bar.0");
  shouldMatch("*", "bar.{{partition(10, 0)}}", "foo", "bar.3");
  shouldMatch("*.*", "bar.{{partition(10)}}", "foo.bar", "bar.6");
  shouldMatch("*", "bar.{{partition(10)}}", "foo", "bar.3");
  shouldMatch("*", "bar.{{partition(10)}}", "baz", "bar.0");
  shouldMatch("*", "bar.{{partition(10)}}", "qux", "bar.9");
  shouldMatch("*", "bar.{{random(0)}}", "qux", "bar.0");
  for (let i = 0; i < 100; i++) {
    const possible = [0, 1, 2, 3, 4, 5].map((n) => `bar.${n}`);
    shouldMatch("*", "bar.{{random(6)}}", "qux", ...possible);
  }
  shouldBeOk("foo.bar", "baz.{{partition(10)}}", false);
  shouldMatch("foo.bar", "baz.{{partition(10)}}", "foo.bar", "baz.6");
  shouldMatch("foo.baz", "qux.{{partition(10)}}", "foo.baz", "qux.4");
  shouldMatch("test.subject", "result.{{partition(5)}}", "test.subject", "result.0");
});

Deno.test("TestSubjectTransformDoesntPanicTransformingMissingToken", () => {
  const transform = newSubjectTransform("foo.*", "one.two.{{wildcard(1)}}", random)!;
  assertEquals(transform.transformTokens(["foo"]), "one.two.");
});
