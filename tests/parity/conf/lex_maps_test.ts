// Ports: conf/lex_test.go
import { type ExpectedItem, expectItems } from "./_lex_expect.ts";

const nestedMap = `
foo = {
  host = {
    ip = '127.0.0.1'
    port= 4242
  }
}
`;

Deno.test("TestNestedMaps", () => {
  const expected: ExpectedItem[] = [
    ["Key", "foo", 2, 1],
    ["MapStart", "", 2, 8],
    ["Key", "host", 3, 3],
    ["MapStart", "", 3, 11],
    ["Key", "ip", 4, 5],
    ["String", "127.0.0.1", 4, 11],
    ["Key", "port", 5, 5],
    ["Integer", "4242", 5, 11],
    ["MapEnd", "", 6, 4],
    ["MapEnd", "", 7, 2],
    ["EOF", "", 7, 0],
  ];
  expectItems(nestedMap, expected);
});

Deno.test("TestQuotedKeys", () => {
  let expected: ExpectedItem[] = [["Key", "foo", 1, 0], ["Integer", "123", 1, 6], [
    "EOF",
    "",
    1,
    0,
  ]];
  expectItems("foo : 123", expected);
  expected = [["Key", "foo", 1, 1], ["Integer", "123", 1, 8], ["EOF", "", 1, 0]];
  expectItems("'foo' : 123", expected);
  expectItems('"foo" : 123', expected);
});

Deno.test("TestQuotedKeysWithSpace", () => {
  let expected: ExpectedItem[] = [["Key", " foo", 1, 1], ["Integer", "123", 1, 9], [
    "EOF",
    "",
    1,
    0,
  ]];
  expectItems("' foo' : 123", expected);
  expected = [["Key", " foo", 1, 1], ["Integer", "123", 1, 9], ["EOF", "", 1, 0]];
  expectItems('" foo" : 123', expected);
});

Deno.test("TestColonKeySep", () => {
  let expected: ExpectedItem[] = [["Key", "foo", 1, 0], ["Integer", "123", 1, 6], [
    "EOF",
    "",
    1,
    0,
  ]];
  expectItems("foo : 123", expected);
  expected = [["Key", "foo", 1, 0], ["Integer", "123", 1, 4], ["EOF", "", 1, 0]];
  expectItems("foo:123", expected);
  expected = [["Key", "foo", 1, 0], ["Integer", "123", 1, 5], ["EOF", "", 1, 0]];
  expectItems("foo: 123", expected);
  expected = [["Key", "foo", 1, 0], ["Integer", "123", 1, 6], ["EOF", "", 1, 0]];
  expectItems("foo:  123\r\n", expected);
});

Deno.test("TestWhitespaceKeySep", () => {
  let expected: ExpectedItem[] = [["Key", "foo", 1, 0], ["Integer", "123", 1, 4], [
    "EOF",
    "",
    1,
    0,
  ]];
  expectItems("foo 123", expected);
  expectItems("foo 123", expected);
  expectItems("foo\t123", expected);
  expected = [["Key", "foo", 1, 0], ["Integer", "123", 1, 5], ["EOF", "", 1, 0]];
  expectItems("foo\t\t123\r\n", expected);
});

const escString = `
foo  = \\t
bar  = \\r
baz  = \\n
q    = \\"
bs   = \\\\
`;

Deno.test("TestEscapedString", () => {
  const expected: ExpectedItem[] = [
    ["Key", "foo", 2, 1],
    ["String", "\t", 2, 9],
    ["Key", "bar", 3, 1],
    ["String", "\r", 3, 9],
    ["Key", "baz", 4, 1],
    ["String", "\n", 4, 9],
    ["Key", "q", 5, 1],
    ["String", '"', 5, 9],
    ["Key", "bs", 6, 1],
    ["String", "\\", 6, 9],
    ["EOF", "", 6, 0],
  ];
  expectItems(escString, expected);
});

Deno.test("TestCompoundStringES", () => {
  const expected: ExpectedItem[] = [["Key", "foo", 1, 0], ["String", "\\end", 1, 8], [
    "EOF",
    "",
    2,
    0,
  ]];
  expectItems('foo = "\\\\end"', expected);
});

Deno.test("TestCompoundStringSE", () => {
  const expected: ExpectedItem[] = [["Key", "foo", 1, 0], ["String", "start\\", 1, 8], [
    "EOF",
    "",
    2,
    0,
  ]];
  expectItems('foo = "start\\\\"', expected);
});

Deno.test("TestCompoundStringEE", () => {
  const expected: ExpectedItem[] = [["Key", "foo", 1, 0], ["String", "Eq", 1, 12], [
    "EOF",
    "",
    2,
    0,
  ]];
  expectItems("foo = \\x45\\x71", expected);
});

Deno.test("TestCompoundStringSEE", () => {
  const expected: ExpectedItem[] = [["Key", "foo", 1, 0], ["String", "startEq", 1, 12], [
    "EOF",
    "",
    2,
    0,
  ]];
  expectItems("foo = start\\x45\\x71", expected);
});

Deno.test("TestCompoundStringSES", () => {
  const expected: ExpectedItem[] = [["Key", "foo", 1, 0], ["String", "start|end", 1, 9], [
    "EOF",
    "",
    2,
    0,
  ]];
  expectItems("foo = start\\x7Cend", expected);
});

Deno.test("TestCompoundStringEES", () => {
  const expected: ExpectedItem[] = [["Key", "foo", 1, 0], ["String", "<>end", 1, 12], [
    "EOF",
    "",
    2,
    0,
  ]];
  expectItems("foo = \\x3c\\x3eend", expected);
});

Deno.test("TestCompoundStringESE", () => {
  const expected: ExpectedItem[] = [["Key", "foo", 1, 0], ["String", "<middle>", 1, 12], [
    "EOF",
    "",
    2,
    0,
  ]];
  expectItems("foo = \\x3cmiddle\\x3E", expected);
});

Deno.test("TestBadStringEscape", () => {
  const expected: ExpectedItem[] = [["Key", "foo", 1, 0], [
    "Error",
    "Invalid escape character 'y'. Only the following escape characters are allowed: \\xXX, \\t, \\n, \\r, \\\", \\\\.",
    1,
    8,
  ], ["EOF", "", 2, 0]];
  expectItems("foo = \\y", expected);
});

Deno.test("TestNonBool", () => {
  const expected: ExpectedItem[] = [["Key", "foo", 1, 0], ["String", "\\true", 1, 7], [
    "EOF",
    "",
    2,
    0,
  ]];
  expectItems("foo = \\\\true", expected);
});

Deno.test("TestNonVariable", () => {
  const expected: ExpectedItem[] = [["Key", "foo", 1, 0], ["String", "\\$var", 1, 7], [
    "EOF",
    "",
    2,
    0,
  ]];
  expectItems("foo = \\\\$var", expected);
});

Deno.test("TestEmptyStringDQ", () => {
  const expected: ExpectedItem[] = [["Key", "foo", 1, 0], ["String", "", 1, 7], ["EOF", "", 2, 0]];
  expectItems('foo = ""', expected);
});

Deno.test("TestEmptyStringSQ", () => {
  const expected: ExpectedItem[] = [["Key", "foo", 1, 0], ["String", "", 1, 7], ["EOF", "", 2, 0]];
  expectItems("foo = ''", expected);
});
