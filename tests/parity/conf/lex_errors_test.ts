// Ports: conf/lex_test.go
import { type ExpectedItem, expectItems } from "./_lex_expect.ts";

const nestedWhitespaceMap = `
foo  {
  host  {
    ip = '127.0.0.1'
    port= 4242
  }
}
`;

Deno.test("TestNestedWhitespaceMaps", () => {
  const expected: ExpectedItem[] = [
    ["Key", "foo", 2, 1],
    ["MapStart", "", 2, 7],
    ["Key", "host", 3, 3],
    ["MapStart", "", 3, 10],
    ["Key", "ip", 4, 5],
    ["String", "127.0.0.1", 4, 11],
    ["Key", "port", 5, 5],
    ["Integer", "4242", 5, 11],
    ["MapEnd", "", 6, 4],
    ["MapEnd", "", 7, 2],
    ["EOF", "", 7, 0],
  ];
  expectItems(nestedWhitespaceMap, expected);
});

const semicolons = `
foo = 123;
bar = 'baz';
baz = 'boo'
map {
 id = 1;
}
`;

Deno.test("TestOptionalSemicolons", () => {
  const expected: ExpectedItem[] = [
    ["Key", "foo", 2, 1],
    ["Integer", "123", 2, 7],
    ["Key", "bar", 3, 1],
    ["String", "baz", 3, 8],
    ["Key", "baz", 4, 1],
    ["String", "boo", 4, 8],
    ["Key", "map", 5, 1],
    ["MapStart", "", 5, 6],
    ["Key", "id", 6, 2],
    ["Integer", "1", 6, 7],
    ["MapEnd", "", 7, 2],
    ["EOF", "", 8, 0],
  ];
  expectItems(semicolons, expected);
});

Deno.test("TestSemicolonChaining", () => {
  const expected: ExpectedItem[] = [
    ["Key", "foo", 1, 0],
    ["String", "1", 1, 5],
    ["Key", "bar", 1, 9],
    ["Float", "2.2", 1, 13],
    ["Key", "baz", 1, 18],
    ["Bool", "true", 1, 22],
    ["EOF", "", 1, 0],
  ];
  expectItems("foo='1'; bar=2.2; baz=true;", expected);
});

const noquotes = `
foo = 123
bar = baz
baz=boo
map {
 id:one
 id2 : onetwo
}
t true
f false
tstr "true"
tkey = two
fkey = five # This should be a string
`;

Deno.test("TestNonQuotedStrings", () => {
  const expected: ExpectedItem[] = [
    ["Key", "foo", 2, 1],
    ["Integer", "123", 2, 7],
    ["Key", "bar", 3, 1],
    ["String", "baz", 3, 7],
    ["Key", "baz", 4, 1],
    ["String", "boo", 4, 5],
    ["Key", "map", 5, 1],
    ["MapStart", "", 5, 6],
    ["Key", "id", 6, 2],
    ["String", "one", 6, 5],
    ["Key", "id2", 7, 2],
    ["String", "onetwo", 7, 8],
    ["MapEnd", "", 8, 2],
    ["Key", "t", 9, 1],
    ["Bool", "true", 9, 3],
    ["Key", "f", 10, 1],
    ["Bool", "false", 10, 3],
    ["Key", "tstr", 11, 1],
    ["String", "true", 11, 7],
    ["Key", "tkey", 12, 1],
    ["String", "two", 12, 8],
    ["Key", "fkey", 13, 1],
    ["String", "five", 13, 8],
    ["CommentStart", "", 13, 14],
    ["Text", " This should be a string", 13, 14],
    ["EOF", "", 14, 0],
  ];
  expectItems(noquotes, expected);
});

const danglingquote = `
listen: "localhost:4242

http: localhost:8222
`;

Deno.test("TestDanglingQuotedString", () => {
  const expected: ExpectedItem[] = [["Key", "listen", 2, 1], ["Error", "Unexpected EOF.", 5, 1]];
  expectItems(danglingquote, expected);
});

const keydanglingquote = `
foo = "
listen: "

http: localhost:8222

"
`;

Deno.test("TestKeyDanglingQuotedString", () => {
  const expected: ExpectedItem[] = [
    ["Key", "foo", 2, 1],
    ["String", "\nlisten: ", 3, 8],
    ["Key", "http", 5, 1],
    ["String", "localhost:8222", 5, 7],
    ["Error", "Unexpected EOF.", 8, 1],
  ];
  expectItems(keydanglingquote, expected);
});

const danglingsquote = `
listen: 'localhost:4242

http: localhost:8222
`;

Deno.test("TestDanglingSingleQuotedString", () => {
  const expected: ExpectedItem[] = [["Key", "listen", 2, 1], ["Error", "Unexpected EOF.", 5, 1]];
  expectItems(danglingsquote, expected);
});

const keydanglingsquote = `
foo = '
listen: '

http: localhost:8222

'
`;

Deno.test("TestKeyDanglingSingleQuotedString", () => {
  const expected: ExpectedItem[] = [
    ["Key", "foo", 2, 1],
    ["String", "\nlisten: ", 3, 8],
    ["Key", "http", 5, 1],
    ["String", "localhost:8222", 5, 7],
    ["Error", "Unexpected EOF.", 8, 1],
  ];
  expectItems(keydanglingsquote, expected);
});

const mapdanglingbracket = `
listen = 4222

cluster = {

  foo = bar

`;

Deno.test("TestMapDanglingBracket", () => {
  const expected: ExpectedItem[] = [
    ["Key", "listen", 2, 1],
    ["Integer", "4222", 2, 10],
    ["Key", "cluster", 4, 1],
    ["MapStart", "", 4, 12],
    ["Key", "foo", 6, 3],
    ["String", "bar", 6, 9],
    ["Error", "Unexpected EOF processing map.", 8, 1],
  ];
  expectItems(mapdanglingbracket, expected);
});

const blockdanglingparens = "\nlisten = 4222\n\nquote = (\n\n  foo = bar\n\n";

Deno.test("TestBlockDanglingParens", () => {
  const expected: ExpectedItem[] = [["Key", "listen", 2, 1], ["Integer", "4222", 2, 10], [
    "Key",
    "quote",
    4,
    1,
  ], ["Error", "Unexpected EOF processing block.", 8, 1]];
  expectItems(blockdanglingparens, expected);
});

Deno.test("TestMapQuotedKeys", () => {
  const expected: ExpectedItem[] = [
    ["Key", "foo", 1, 0],
    ["MapStart", "", 1, 7],
    ["Key", "bar", 1, 8],
    ["Integer", "4242", 1, 15],
    ["MapEnd", "", 1, 20],
    ["EOF", "", 1, 0],
  ];
  expectItems("foo = {'bar' = 4242}", expected);
  expectItems('foo = {"bar" = 4242}', expected);
});

Deno.test("TestSpecialCharsMapQuotedKeys", () => {
  const expected: ExpectedItem[] = [
    ["Key", "foo", 1, 0],
    ["MapStart", "", 1, 7],
    ["Key", "bar-1.2.3", 1, 8],
    ["MapStart", "", 1, 22],
    ["Key", "port", 1, 23],
    ["Integer", "4242", 1, 28],
    ["MapEnd", "", 1, 34],
    ["MapEnd", "", 1, 35],
    ["EOF", "", 1, 0],
  ];
  expectItems("foo = {'bar-1.2.3' = { port:4242 }}", expected);
  expectItems('foo = {"bar-1.2.3" = { port:4242 }}', expected);
});

const mlnestedmap = `
systems {
  allinone {
    description: "This is a description."
  }
}
`;

Deno.test("TestDoubleNestedMapsNewLines", () => {
  const expected: ExpectedItem[] = [
    ["Key", "systems", 2, 1],
    ["MapStart", "", 2, 10],
    ["Key", "allinone", 3, 3],
    ["MapStart", "", 3, 13],
    ["Key", "description", 4, 5],
    ["String", "This is a description.", 4, 19],
    ["MapEnd", "", 5, 4],
    ["MapEnd", "", 6, 2],
    ["EOF", "", 7, 0],
  ];
  expectItems(mlnestedmap, expected);
});

const blockexample = "\nnumbers (\n1234567890\n)\n";

Deno.test("TestBlockString", () => {
  const expected: ExpectedItem[] = [["Key", "numbers", 2, 1], ["String", "\n1234567890\n", 4, 10]];
  expectItems(blockexample, expected);
});

Deno.test("TestBlockStringEOF", () => {
  const expected: ExpectedItem[] = [["Key", "numbers", 2, 1], ["String", "\n1234567890\n", 4, 10]];
  const withNul = blockexample.slice(0, -1) + "\0";
  expectItems(withNul, expected);
});

const mlblockexample = `
numbers (
  12(34)56
  (
    7890
  )
)
`;

Deno.test("TestBlockStringMultiLine", () => {
  const expected: ExpectedItem[] = [["Key", "numbers", 2, 1], [
    "String",
    "\n  12(34)56\n  (\n    7890\n  )\n",
    7,
    10,
  ]];
  expectItems(mlblockexample, expected);
});

Deno.test("TestUnquotedIPAddr", () => {
  let expected: ExpectedItem[] = [["Key", "listen", 1, 0], ["String", "127.0.0.1:4222", 1, 8], [
    "EOF",
    "",
    1,
    0,
  ]];
  expectItems("listen: 127.0.0.1:4222", expected);
  expected = [["Key", "listen", 1, 0], ["String", "127.0.0.1", 1, 8], ["EOF", "", 1, 0]];
  expectItems("listen: 127.0.0.1", expected);
  expected = [["Key", "listen", 1, 0], ["String", "apcera.me:80", 1, 8], ["EOF", "", 1, 0]];
  expectItems("listen: apcera.me:80", expected);
  expected = [["Key", "listen", 1, 0], ["String", "nats.io:-1", 1, 8], ["EOF", "", 1, 0]];
  expectItems("listen: nats.io:-1", expected);
  expected = [["Key", "listen", 1, 0], ["Integer", "-1", 1, 8], ["EOF", "", 1, 0]];
  expectItems("listen: -1", expected);
  expected = [["Key", "listen", 1, 0], ["String", ":-1", 1, 8], ["EOF", "", 1, 0]];
  expectItems("listen: :-1", expected);
  expected = [["Key", "listen", 1, 0], ["String", ":80", 1, 9], ["EOF", "", 1, 0]];
  expectItems("listen = :80", expected);
  expected = [
    ["Key", "listen", 1, 0],
    ["ArrayStart", "", 1, 10],
    ["String", "localhost:4222", 1, 10],
    ["String", "localhost:4333", 1, 26],
    ["ArrayEnd", "", 1, 41],
    ["EOF", "", 1, 0],
  ];
  expectItems("listen = [localhost:4222, localhost:4333]", expected);
});

const arrayOfMaps = `
authorization {
    users = [
      {user: alice, password: foo}
      {user: bob,   password: bar}
    ]
    timeout: 0.5
}
`;

Deno.test("TestArrayOfMaps", () => {
  const expected: ExpectedItem[] = [
    ["Key", "authorization", 2, 1],
    ["MapStart", "", 2, 16],
    ["Key", "users", 3, 5],
    ["ArrayStart", "", 3, 14],
    ["MapStart", "", 4, 8],
    ["Key", "user", 4, 8],
    ["String", "alice", 4, 14],
    ["Key", "password", 4, 21],
    ["String", "foo", 4, 31],
    ["MapEnd", "", 4, 35],
    ["MapStart", "", 5, 8],
    ["Key", "user", 5, 8],
    ["String", "bob", 5, 14],
    ["Key", "password", 5, 21],
    ["String", "bar", 5, 31],
    ["MapEnd", "", 5, 35],
    ["ArrayEnd", "", 6, 6],
    ["Key", "timeout", 7, 5],
    ["Float", "0.5", 7, 14],
    ["MapEnd", "", 8, 2],
    ["EOF", "", 9, 0],
  ];
  expectItems(arrayOfMaps, expected);
});

Deno.test("TestInclude", () => {
  let expected: ExpectedItem[] = [["Include", "users.conf", 1, 9], ["EOF", "", 1, 0]];
  expectItems('include "users.conf"', expected);
  expectItems("include 'users.conf'", expected);
  expected = [["Include", "users.conf", 1, 8], ["EOF", "", 1, 0]];
  expectItems("include users.conf", expected);
});

Deno.test("TestMapInclude", () => {
  let expected: ExpectedItem[] = [
    ["Key", "foo", 1, 0],
    ["MapStart", "", 1, 5],
    ["Include", "users.conf", 1, 14],
    ["MapEnd", "", 1, 26],
    ["EOF", "", 1, 0],
  ];
  expectItems("foo { include users.conf }", expected);
  expected = [["Key", "foo", 1, 0], ["MapStart", "", 1, 5], ["Include", "users.conf", 1, 13], [
    "MapEnd",
    "",
    1,
    24,
  ], ["EOF", "", 1, 0]];
  expectItems("foo {include users.conf}", expected);
  expected = [["Key", "foo", 1, 0], ["MapStart", "", 1, 5], ["Include", "users.conf", 1, 15], [
    "MapEnd",
    "",
    1,
    28,
  ], ["EOF", "", 1, 0]];
  expectItems("foo { include 'users.conf' }", expected);
  expected = [["Key", "foo", 1, 0], ["MapStart", "", 1, 5], ["Include", "users.conf", 1, 15], [
    "MapEnd",
    "",
    1,
    27,
  ], ["EOF", "", 1, 0]];
  expectItems('foo { include "users.conf"}', expected);
});

Deno.test("TestJSONCompat", async (t) => {
  await t.step("should omit initial and final brackets at top level with a single item", () => {
    expectItems(
      `
                        {
                          "http_port": 8223
                        }
                        `,
      [["Key", "http_port", 3, 28], ["Integer", "8223", 3, 40], ["Key", "}", 4, 25], [
        "EOF",
        "",
        0,
        0,
      ]],
    );
  });
  await t.step("should omit trailing commas at top level with two items", () => {
    expectItems(
      `
                        {
                          "http_port": 8223,
                          "port": 4223
                        }
                        `,
      [
        ["Key", "http_port", 3, 28],
        ["Integer", "8223", 3, 40],
        ["Key", "port", 4, 28],
        ["Integer", "4223", 4, 35],
        ["Key", "}", 5, 25],
        ["EOF", "", 0, 0],
      ],
    );
  });
  await t.step("should omit trailing commas at top level with multiple items", () => {
    expectItems(
      `
                        {
                          "http_port": 8223,
                          "port": 4223,
                          "max_payload": "5MB",
                          "debug": true,
                          "max_control_line": 1024
                        }
                        `,
      [
        ["Key", "http_port", 3, 28],
        ["Integer", "8223", 3, 40],
        ["Key", "port", 4, 28],
        ["Integer", "4223", 4, 35],
        ["Key", "max_payload", 5, 28],
        ["String", "5MB", 5, 43],
        ["Key", "debug", 6, 28],
        ["Bool", "true", 6, 36],
        ["Key", "max_control_line", 7, 28],
        ["Integer", "1024", 7, 47],
        ["Key", "}", 8, 25],
        ["EOF", "", 0, 0],
      ],
    );
  });
  await t.step("should support JSON not prettified", () => {
    expectItems(
      `{"http_port": 8224,"port": 4224}
                        `,
      [["Key", "http_port", 1, 2], ["Integer", "8224", 1, 14], ["Key", "port", 1, 20], [
        "Integer",
        "4224",
        1,
        27,
      ], ["EOF", "", 0, 0]],
    );
  });
  await t.step("should support JSON not prettified with final bracket after newline", () => {
    expectItems(
      `{"http_port": 8225,"port": 4225
                        }
                        `,
      [
        ["Key", "http_port", 1, 2],
        ["Integer", "8225", 1, 14],
        ["Key", "port", 1, 20],
        ["Integer", "4225", 1, 27],
        ["Key", "}", 2, 25],
        ["EOF", "", 0, 0],
      ],
    );
  });
  await t.step("should support uglified JSON with inner blocks", () => {
    expectItems(
      `{"http_port": 8227,"port": 4227,"write_deadline": "1h","cluster": {"port": 6222,"routes": ["nats://127.0.0.1:4222","nats://127.0.0.1:4223","nats://127.0.0.1:4224"]}}
                        `,
      [
        ["Key", "http_port", 1, 2],
        ["Integer", "8227", 1, 14],
        ["Key", "port", 1, 20],
        ["Integer", "4227", 1, 27],
        ["Key", "write_deadline", 1, 33],
        ["String", "1h", 1, 51],
        ["Key", "cluster", 1, 56],
        ["MapStart", "", 1, 67],
        ["Key", "port", 1, 68],
        ["Integer", "6222", 1, 75],
        ["Key", "routes", 1, 81],
        ["ArrayStart", "", 1, 91],
        ["String", "nats://127.0.0.1:4222", 1, 92],
        ["String", "nats://127.0.0.1:4223", 1, 116],
        ["String", "nats://127.0.0.1:4224", 1, 140],
        ["ArrayEnd", "", 1, 163],
        ["MapEnd", "", 1, 164],
        ["Key", "}", 14, 25],
        ["EOF", "", 0, 0],
      ],
    );
  });
  await t.step("should support prettified JSON with inner blocks", () => {
    expectItems(
      `
                        {
                          "http_port": 8227,
                          "port": 4227,
                          "write_deadline": "1h",
                          "cluster": {
                            "port": 6222,
                            "routes": [
                              "nats://127.0.0.1:4222",
                              "nats://127.0.0.1:4223",
                              "nats://127.0.0.1:4224"
                            ]
                          }
                        }
                        `,
      [
        ["Key", "http_port", 3, 28],
        ["Integer", "8227", 3, 40],
        ["Key", "port", 4, 28],
        ["Integer", "4227", 4, 35],
        ["Key", "write_deadline", 5, 28],
        ["String", "1h", 5, 46],
        ["Key", "cluster", 6, 28],
        ["MapStart", "", 6, 39],
        ["Key", "port", 7, 30],
        ["Integer", "6222", 7, 37],
        ["Key", "routes", 8, 30],
        ["ArrayStart", "", 8, 40],
        ["String", "nats://127.0.0.1:4222", 9, 32],
        ["String", "nats://127.0.0.1:4223", 10, 32],
        ["String", "nats://127.0.0.1:4224", 11, 32],
        ["ArrayEnd", "", 12, 30],
        ["MapEnd", "", 13, 28],
        ["Key", "}", 14, 25],
        ["EOF", "", 0, 0],
      ],
    );
  });
  await t.step("should support JSON with blocks", () => {
    expectItems(
      `{
                          "jetstream": {
                            "store_dir": "/tmp/nats"
                            "max_mem": 1000000,
                          },
                          "port": 4222,
                          "server_name": "nats1"
                        }
                        `,
      [
        ["Key", "jetstream", 2, 28],
        ["MapStart", "", 2, 41],
        ["Key", "store_dir", 3, 30],
        ["String", "/tmp/nats", 3, 43],
        ["Key", "max_mem", 4, 30],
        ["Integer", "1000000", 4, 40],
        ["MapEnd", "", 5, 28],
        ["Key", "port", 6, 28],
        ["Integer", "4222", 6, 35],
        ["Key", "server_name", 7, 28],
        ["String", "nats1", 7, 43],
        ["Key", "}", 8, 25],
        ["EOF", "", 0, 0],
      ],
    );
  });
});
