/**
 * Weighted subject mappings and the parts of transforms that the reference's tests leave out.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import { MappingDestinationError, ServerError } from "../../../src/errors/mod.ts";
import {
  MappingWeightError,
  newSubjectTransform,
  SubjectMappings,
  tokenizeWildcards,
  validateMapping,
} from "../../../src/subject/mod.ts";

const to = (subject: string, weight: number, cluster = "") => ({ subject, weight, cluster });

/** Gives each dice from 0 to 99 in turn. */
function dices(): (bound: number) => number {
  let next = 0;
  return (bound) => next++ % bound;
}

function share(mappings: SubjectMappings, subject: string): Record<string, number> {
  const shares: Record<string, number> = {};
  for (let i = 0; i < 100; i++) {
    const mapped = String(mappings.map(subject));
    shares[mapped] = (shares[mapped] ?? 0) + 1;
  }
  return shares;
}

Deno.test("weights share out the messages and leave the rest at the source", () => {
  const mappings = new SubjectMappings(dices());
  mappings.add("foo", [to("bar", 50), to("baz", 30)]);
  assertEquals(share(mappings, "foo"), { foo: 20, baz: 30, bar: 50 });
});

Deno.test("weights below 100 lose messages when the source is a destination", () => {
  const mappings = new SubjectMappings(dices());
  mappings.add("foo", [to("foo", 50), to("baz", 30)]);
  assertEquals(share(mappings, "foo"), { baz: 30, foo: 50, "": 20 });
});

Deno.test("cluster destinations count in their cluster alone", () => {
  const mappings = new SubjectMappings(dices(), "east");
  mappings.add("foo.*", [to("here.$1", 100, "east"), to("there.$1", 10, "west")]);
  assertEquals(mappings.map("foo.a"), "here.a");
  mappings.clusterName = "west";
  assertEquals(share(mappings, "foo.a"), { "there.a": 10, "foo.a": 90 });
  mappings.clusterName = "";
  assertEquals(mappings.map("foo.a"), "foo.a");
});

Deno.test("the first mapping that matches decides, and the last one fills a gap", () => {
  const mappings = new SubjectMappings(dices());
  mappings.add("a.*", [to("first.$1", 100)]);
  mappings.add("a.b", [to("second", 100)]);
  mappings.add("a.>", [to("third.>", 100)]);
  assertEquals(mappings.map("a.b"), "first.b");
  assertEquals(mappings.map("a.b.c"), "third.b.c");
  assertEquals(mappings.map("b"), null);
  assertEquals(mappings.remove("a.*"), true);
  assertEquals(mappings.remove("a.*"), false);
  assertEquals(mappings.sources(), ["a.>", "a.b"]);
  assertEquals(mappings.map("a.b"), "third.b");
  mappings.add("a.>", [to("new.>", 100)]);
  assertEquals(mappings.map("a.b"), "new.b");
  assertEquals(mappings.size, 2);
  const bytes = new TextEncoder().encode("PUB a.b 2");
  assertEquals(mappings.mapBytes(bytes, 4, 7), "new.b");
  assertEquals(mappings.mapBytes(bytes, 0, 3), null);
});

Deno.test("bad weights, subjects and duplicates have the reference's texts", () => {
  const mappings = new SubjectMappings(dices());
  const fails = (text: string, ...destinations: ReturnType<typeof to>[]): void => {
    const error = assertThrows(() => mappings.add("foo", destinations), MappingWeightError);
    assertEquals(error.message, text);
  };
  fails("individual weights need to be <= 100", to("bar", 150));
  fails('duplicate entry for "bar"', to("bar", 50), to("bar", 50));
  fails("total weight needs to be <= 100", to("bar", 50), to("baz", 60));
  assertThrows(() => mappings.add("foo..bar", []), ServerError, "invalid subject");
  assertThrows(() => mappings.add("foo", [to("a.{{wildcard(1)}}", 1)]), MappingDestinationError);
  assertEquals(mappings.size, 0);
});

Deno.test("validateMapping() names what is wrong where", () => {
  const message = (source: string, destination: string): string =>
    assertThrows(() => validateMapping(source, destination), ServerError).message;
  const invalid = "invalid mapping destination: ";
  assertEquals(message("foo", "foo..}"), `${invalid}invalid transform`);
  assertEquals(message("foo", "foo.>.bar"), `${invalid}invalid transform in bar`);
  assertEquals(message("foo", "a b"), `${invalid}invalid transform`);
  assertEquals(message("*", "{{what(1)}}"), `${invalid}unknown function in {{what(1)}}`);
  assertEquals(message("*", "{{left(1,1)}}"), `${invalid}unknown function in {{left(1,1)}}`);
  assertEquals(
    message("*", "{{wildcard(2)}}"),
    `${invalid}wildcard index out of range in {{wildcard(2)}}: [2]`,
  );
  assertEquals(
    message("*", "{{wildcard(1,2)}}"),
    `${invalid}too many arguments passed to the function in {{wildcard(1,2)}}`,
  );
  assertEquals(
    message("*", "{{splitfromleft(1)}}"),
    `${invalid}not enough arguments passed to the function in {{splitfromleft(1)}}`,
  );
  assertEquals(
    message("*", "{{split(1,a b)}}"),
    `${invalid}function argument is invalid or in the wrong format in {{split(1,a b)}}`,
  );
  validateMapping("foo", "");
});

Deno.test("split keeps the empty token that the reference keeps", () => {
  const split = newSubjectTransform("*", "{{split(1,-)}}", dices())!;
  assertEquals(split.match("--a"), ".a");
  assertEquals(split.match("-a"), "a");
  assertEquals(split.match("a--b-"), "a.b");
});

Deno.test("tokenizeWildcards() counts the wildcards", () => {
  assertEquals(tokenizeWildcards("a.*.b.*.>"), "a.$1.b.$2.>");
});
