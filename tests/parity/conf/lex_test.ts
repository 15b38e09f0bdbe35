// Ports: conf/lex_test.go
import { type ExpectedItem, expectItems } from "./_lex_expect.ts";

Deno.test("TestPlainValue", () => {
  const expected: ExpectedItem[] = [["Key", "foo", 1, 0], ["EOF", "", 1, 0]];
  expectItems("foo", expected);
});

Deno.test("TestSimpleKeyStringValues", () => {
  let expected: ExpectedItem[] = [["Key", "foo", 1, 0], ["String", "bar", 1, 7], ["EOF", "", 1, 0]];
  expectItems('foo = "bar"', expected);
  expected = [["Key", "foo", 1, 0], ["String", "bar", 1, 7], ["EOF", "", 1, 0]];
  expectItems("foo = 'bar'", expected);
  expected = [["Key", "foo", 1, 0], ["String", "bar", 1, 5], ["EOF", "", 1, 0]];
  expectItems("foo='bar'", expected);
  expected = [["Key", "foo", 1, 0], ["String", "bar", 1, 5], ["EOF", "", 1, 0]];
  expectItems("foo='bar'\r\n", expected);
  expected = [["Key", "foo", 1, 0], ["String", "bar", 1, 6], ["EOF", "", 1, 0]];
  expectItems("foo=\t'bar'\t", expected);
});

Deno.test("TestComplexStringValues", () => {
  const expected: ExpectedItem[] = [["Key", "foo", 1, 0], ["String", "bar\\r\\n  \\t", 1, 7], [
    "EOF",
    "",
    2,
    0,
  ]];
  expectItems("foo = 'bar\\r\\n  \\t'", expected);
});

Deno.test("TestStringStartingWithNumber", () => {
  let expected: ExpectedItem[] = [["Key", "foo", 1, 0], ["String", "3xyz", 1, 6], [
    "EOF",
    "",
    2,
    0,
  ]];
  expectItems("foo = 3xyz", expected);
  expectItems("foo = 3xyz,", expected);
  expectItems("foo = 3xyz;", expected);
  expected = [["Key", "foo", 2, 9], ["String", "3xyz", 2, 15], ["EOF", "", 2, 0]];
  expectItems("\n        foo = 3xyz\n        ", expected);
  expected = [
    ["Key", "map", 2, 9],
    ["MapStart", "", 2, 14],
    ["Key", "foo", 3, 11],
    ["String", "3xyz", 3, 17],
    ["MapEnd", "", 3, 22],
    ["EOF", "", 2, 0],
  ];
  expectItems(
    `
        map {
          foo = 3xyz}
        `,
    expected,
  );
  expected = [
    ["Key", "map", 2, 9],
    ["MapStart", "", 2, 14],
    ["Key", "foo", 3, 11],
    ["String", "3xyz", 3, 17],
    ["MapEnd", "", 4, 10],
    ["EOF", "", 2, 0],
  ];
  expectItems(
    `
        map {
          foo = 3xyz;
        }
        `,
    expected,
  );
  expected = [
    ["Key", "map", 2, 9],
    ["MapStart", "", 2, 14],
    ["Key", "foo", 3, 11],
    ["String", "3xyz", 3, 17],
    ["Key", "bar", 4, 11],
    ["String", "4wqs", 4, 17],
    ["MapEnd", "", 5, 10],
    ["EOF", "", 2, 0],
  ];
  expectItems(
    `
        map {
          foo = 3xyz,
          bar = 4wqs
        }
        `,
    expected,
  );
});

Deno.test("TestBinaryString", () => {
  const expected: ExpectedItem[] = [["Key", "foo", 1, 0], ["String", "e", 1, 9], ["EOF", "", 1, 0]];
  expectItems("foo = \\x65", expected);
});

Deno.test("TestBinaryStringLatin1", () => {
  const expected: ExpectedItem[] = [["Key", "foo", 1, 0], ["String", "\u00e9", 1, 9], [
    "EOF",
    "",
    1,
    0,
  ]];
  expectItems("foo = \\xe9", expected);
});

Deno.test("TestSimpleKeyIntegerValues", () => {
  let expected: ExpectedItem[] = [["Key", "foo", 1, 0], ["Integer", "123", 1, 6], [
    "EOF",
    "",
    1,
    0,
  ]];
  expectItems("foo = 123", expected);
  expected = [["Key", "foo", 1, 0], ["Integer", "123", 1, 4], ["EOF", "", 1, 0]];
  expectItems("foo=123", expected);
  expectItems("foo=123\r\n", expected);
});

Deno.test("TestSimpleKeyNegativeIntegerValues", () => {
  let expected: ExpectedItem[] = [["Key", "foo", 1, 0], ["Integer", "-123", 1, 6], [
    "EOF",
    "",
    1,
    0,
  ]];
  expectItems("foo = -123", expected);
  expected = [["Key", "foo", 1, 0], ["Integer", "-123", 1, 4], ["EOF", "", 1, 0]];
  expectItems("foo=-123", expected);
  expectItems("foo=-123\r\n", expected);
});

Deno.test("TestConvenientIntegerValues", () => {
  let expected: ExpectedItem[] = [["Key", "foo", 1, 0], ["Integer", "1k", 1, 6], ["EOF", "", 1, 0]];
  expectItems("foo = 1k", expected);
  expected = [["Key", "foo", 1, 0], ["Integer", "1K", 1, 6], ["EOF", "", 1, 0]];
  expectItems("foo = 1K", expected);
  expected = [["Key", "foo", 1, 0], ["Integer", "1m", 1, 6], ["EOF", "", 1, 0]];
  expectItems("foo = 1m", expected);
  expected = [["Key", "foo", 1, 0], ["Integer", "1M", 1, 6], ["EOF", "", 1, 0]];
  expectItems("foo = 1M", expected);
  expected = [["Key", "foo", 1, 0], ["Integer", "1g", 1, 6], ["EOF", "", 1, 0]];
  expectItems("foo = 1g", expected);
  expected = [["Key", "foo", 1, 0], ["Integer", "1G", 1, 6], ["EOF", "", 1, 0]];
  expectItems("foo = 1G", expected);
  expected = [["Key", "foo", 1, 0], ["Integer", "1MB", 1, 6], ["EOF", "", 1, 0]];
  expectItems("foo = 1MB", expected);
  expected = [["Key", "foo", 1, 0], ["Integer", "1Gb", 1, 6], ["EOF", "", 1, 0]];
  expectItems("foo = 1Gb", expected);
  expected = [["Key", "foo", 1, 0], ["Integer", "-1m", 1, 6], ["EOF", "", 1, 0]];
  expectItems("foo = -1m", expected);
  expected = [["Key", "foo", 1, 0], ["Integer", "-1GB", 1, 6], ["EOF", "", 1, 0]];
  expectItems("foo = -1GB ", expected);
  expected = [["Key", "foo", 1, 0], ["String", "1Ghz", 1, 6], ["EOF", "", 1, 0]];
  expectItems("foo = 1Ghz", expected);
  expected = [["Key", "foo", 1, 0], ["String", "2Pie", 1, 6], ["EOF", "", 1, 0]];
  expectItems("foo = 2Pie", expected);
  expected = [["Key", "foo", 1, 0], ["String", "3Mbs", 1, 6], ["EOF", "", 1, 0]];
  expectItems("foo = 3Mbs,", expected);
  expected = [["Key", "foo", 1, 0], ["Integer", "4Gb", 1, 6], ["Key", "bar", 1, 11], [
    "String",
    "5G\u00c3\u00b8",
    1,
    17,
  ], ["EOF", "", 1, 0]];
  expectItems("foo = 4Gb, bar = 5G\u00c3\u00b8", expected);
});

Deno.test("TestSimpleKeyFloatValues", () => {
  let expected: ExpectedItem[] = [["Key", "foo", 1, 0], ["Float", "22.2", 1, 6], ["EOF", "", 1, 0]];
  expectItems("foo = 22.2", expected);
  expected = [["Key", "foo", 1, 0], ["Float", "22.2", 1, 4], ["EOF", "", 1, 0]];
  expectItems("foo=22.2", expected);
  expectItems("foo=22.2\r\n", expected);
});

Deno.test("TestBadBinaryStringEndingAfterZeroHexChars", () => {
  const expected: ExpectedItem[] = [["Key", "foo", 1, 0], [
    "Error",
    "Expected two hexadecimal digits after '\\x', but hit end of line",
    2,
    1,
  ], ["EOF", "", 1, 0]];
  expectItems("foo = xyz\\x\n", expected);
});

Deno.test("TestBadBinaryStringEndingAfterOneHexChar", () => {
  const expected: ExpectedItem[] = [["Key", "foo", 1, 0], [
    "Error",
    "Expected two hexadecimal digits after '\\x', but hit end of line",
    2,
    1,
  ], ["EOF", "", 1, 0]];
  expectItems("foo = xyz\\xF\n", expected);
});

Deno.test("TestBadBinaryStringWithZeroHexChars", () => {
  const expected: ExpectedItem[] = [["Key", "foo", 1, 0], [
    "Error",
    "Expected two hexadecimal digits after '\\x', but got ']\"'",
    1,
    12,
  ], ["EOF", "", 1, 0]];
  expectItems('foo = "[\\x]"', expected);
});

Deno.test("TestBadBinaryStringWithOneHexChar", () => {
  const expected: ExpectedItem[] = [["Key", "foo", 1, 0], [
    "Error",
    "Expected two hexadecimal digits after '\\x', but got 'e]'",
    1,
    12,
  ], ["EOF", "", 1, 0]];
  expectItems('foo = "[\\xe]"', expected);
});

Deno.test("TestBadFloatValues", () => {
  const expected: ExpectedItem[] = [["Key", "foo", 1, 0], [
    "Error",
    "Floats must start with a digit",
    1,
    7,
  ], ["EOF", "", 1, 0]];
  expectItems("foo = .2", expected);
});

Deno.test("TestBadKey", () => {
  const expected: ExpectedItem[] = [["Error", "Unexpected key separator ':'", 1, 1], [
    "EOF",
    "",
    1,
    0,
  ]];
  expectItems(" :foo = 22", expected);
});

Deno.test("TestSimpleKeyBoolValues", () => {
  let expected: ExpectedItem[] = [["Key", "foo", 1, 0], ["Bool", "true", 1, 6], ["EOF", "", 1, 0]];
  expectItems("foo = true", expected);
  expected = [["Key", "foo", 1, 0], ["Bool", "true", 1, 4], ["EOF", "", 1, 0]];
  expectItems("foo=true", expected);
  expectItems("foo=true\r\n", expected);
});

Deno.test("TestComments", () => {
  let expected: ExpectedItem[] = [
    ["CommentStart", "", 1, 1],
    ["Text", " This is a comment", 1, 1],
    ["EOF", "", 1, 0],
  ];
  expectItems("# This is a comment", expected);
  expectItems("# This is a comment\r\n", expected);
  expected = [["CommentStart", "", 1, 2], ["Text", " This is a comment", 1, 2], ["EOF", "", 1, 0]];
  expectItems("// This is a comment\r\n", expected);
});

Deno.test("TestTopValuesWithComments", () => {
  let expected: ExpectedItem[] = [
    ["Key", "foo", 1, 0],
    ["Integer", "123", 1, 6],
    ["CommentStart", "", 1, 12],
    ["Text", " This is a comment", 1, 12],
    ["EOF", "", 1, 0],
  ];
  expectItems("foo = 123 // This is a comment", expected);
  expected = [["Key", "foo", 1, 0], ["Integer", "123", 1, 4], ["CommentStart", "", 1, 12], [
    "Text",
    " This is a comment",
    1,
    12,
  ], ["EOF", "", 1, 0]];
  expectItems("foo=123    # This is a comment", expected);
});

Deno.test("TestRawString", () => {
  const expected: ExpectedItem[] = [["Key", "foo", 1, 0], ["String", "bar", 1, 6], [
    "EOF",
    "",
    1,
    0,
  ]];
  expectItems("foo = bar", expected);
  expectItems("foo = bar' ", expected);
});

Deno.test("TestDateValues", () => {
  const expected: ExpectedItem[] = [["Key", "foo", 1, 0], [
    "DateTime",
    "2016-05-04T18:53:41Z",
    1,
    6,
  ], ["EOF", "", 1, 0]];
  expectItems("foo = 2016-05-04T18:53:41Z", expected);
});

Deno.test("TestVariableValues", () => {
  let expected: ExpectedItem[] = [["Key", "foo", 1, 0], ["Variable", "bar", 1, 7], [
    "EOF",
    "",
    1,
    0,
  ]];
  expectItems("foo = $bar", expected);
  expected = [["Key", "foo", 1, 0], ["Variable", "bar", 1, 6], ["EOF", "", 1, 0]];
  expectItems("foo =$bar", expected);
  expected = [["Key", "foo", 1, 0], ["Variable", "bar", 1, 5], ["EOF", "", 1, 0]];
  expectItems("foo $bar", expected);
});

Deno.test("TestArrays", () => {
  let expected: ExpectedItem[] = [
    ["Key", "foo", 1, 0],
    ["ArrayStart", "", 1, 7],
    ["Integer", "1", 1, 7],
    ["Integer", "2", 1, 10],
    ["Integer", "3", 1, 13],
    ["String", "bar", 1, 17],
    ["ArrayEnd", "", 1, 22],
    ["EOF", "", 1, 0],
  ];
  expectItems("foo = [1, 2, 3, 'bar']", expected);
  expected = [
    ["Key", "foo", 1, 0],
    ["ArrayStart", "", 1, 7],
    ["Integer", "1", 1, 7],
    ["Integer", "2", 1, 9],
    ["Integer", "3", 1, 11],
    ["String", "bar", 1, 14],
    ["ArrayEnd", "", 1, 19],
    ["EOF", "", 1, 0],
  ];
  expectItems("foo = [1,2,3,'bar']", expected);
  expected = [
    ["Key", "foo", 1, 0],
    ["ArrayStart", "", 1, 7],
    ["Integer", "1", 1, 7],
    ["Integer", "2", 1, 10],
    ["Integer", "3", 1, 12],
    ["String", "bar", 1, 15],
    ["ArrayEnd", "", 1, 20],
    ["EOF", "", 1, 0],
  ];
  expectItems("foo = [1, 2,3,'bar']", expected);
});

const mlArray = `
# top level comment
foo = [
 1, # One
 2, // Two
 3 # Three
 'bar'     ,
 "bar"
]
`;

Deno.test("TestMultilineArrays", () => {
  const expected: ExpectedItem[] = [
    ["CommentStart", "", 2, 2],
    ["Text", " top level comment", 2, 2],
    ["Key", "foo", 3, 1],
    ["ArrayStart", "", 3, 8],
    ["Integer", "1", 4, 2],
    ["CommentStart", "", 4, 6],
    ["Text", " One", 4, 6],
    ["Integer", "2", 5, 2],
    ["CommentStart", "", 5, 7],
    ["Text", " Two", 5, 7],
    ["Integer", "3", 6, 2],
    ["CommentStart", "", 6, 5],
    ["Text", " Three", 6, 5],
    ["String", "bar", 7, 3],
    ["String", "bar", 8, 3],
    ["ArrayEnd", "", 9, 2],
    ["EOF", "", 9, 0],
  ];
  expectItems(mlArray, expected);
});

const mlArrayNoSep = `
# top level comment
foo = [
 1 // foo
 2
 3
 'bar'
 "bar"
]
`;

Deno.test("TestMultilineArraysNoSep", () => {
  const expected: ExpectedItem[] = [
    ["CommentStart", "", 2, 2],
    ["Text", " top level comment", 2, 2],
    ["Key", "foo", 3, 1],
    ["ArrayStart", "", 3, 8],
    ["Integer", "1", 4, 2],
    ["CommentStart", "", 4, 6],
    ["Text", " foo", 4, 6],
    ["Integer", "2", 5, 2],
    ["Integer", "3", 6, 2],
    ["String", "bar", 7, 3],
    ["String", "bar", 8, 3],
    ["ArrayEnd", "", 9, 2],
    ["EOF", "", 9, 0],
  ];
  expectItems(mlArrayNoSep, expected);
});

Deno.test("TestSimpleMap", () => {
  const expected: ExpectedItem[] = [
    ["Key", "foo", 1, 0],
    ["MapStart", "", 1, 7],
    ["Key", "ip", 1, 7],
    ["String", "127.0.0.1", 1, 11],
    ["Key", "port", 1, 23],
    ["Integer", "4242", 1, 30],
    ["MapEnd", "", 1, 35],
    ["EOF", "", 1, 0],
  ];
  expectItems("foo = {ip='127.0.0.1', port = 4242}", expected);
});

const mlMap = `
foo = {
  ip = '127.0.0.1' # the IP
  port= 4242 // the port
}
`;

Deno.test("TestMultilineMap", () => {
  const expected: ExpectedItem[] = [
    ["Key", "foo", 2, 1],
    ["MapStart", "", 2, 8],
    ["Key", "ip", 3, 3],
    ["String", "127.0.0.1", 3, 9],
    ["CommentStart", "", 3, 21],
    ["Text", " the IP", 3, 21],
    ["Key", "port", 4, 3],
    ["Integer", "4242", 4, 9],
    ["CommentStart", "", 4, 16],
    ["Text", " the port", 4, 16],
    ["MapEnd", "", 5, 2],
    ["EOF", "", 5, 0],
  ];
  expectItems(mlMap, expected);
});
