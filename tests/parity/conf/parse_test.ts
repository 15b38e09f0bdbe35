// Ports: conf/parse_test.go
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { goJson } from "../../../src/config/go_json.ts";
import {
  type ConfigMap,
  parseConfig,
  parseConfigFile,
  parseConfigFileWithDigest,
} from "../../../src/config/parser.ts";
import { memorySource, plain } from "./_memory_source.ts";

/** natsts parses one way only, with places; the reference compares its two ways here. */
function test(data: string, expected: unknown, env: Record<string, string> = {}): void {
  assertEquals(plain(parseConfig(data, memorySource({}, env))), expected);
}

Deno.test("TestSimpleTopLevel", () => {
  test("foo='1'; bar=2.2; baz=true; boo=22", { foo: "1", bar: 2.2, baz: true, boo: 22n });
});

Deno.test("TestBools", () => {
  for (const value of ["true", "TRUE", "true", "yes", "on"]) test(`foo=${value}`, { foo: true });
});

Deno.test("TestSimpleVariable", () => {
  test("\n  index = 22\n  foo = $index\n", { index: 22n, foo: 22n });
});

Deno.test("TestNestedVariable", () => {
  const sample = `
  index = 22
  nest {
    index = 11
    foo = $index
  }
  bar = $index
`;
  test(sample, { index: 22n, nest: { index: 11n, foo: 11n }, bar: 22n });
});

Deno.test("TestMissingVariable", () => {
  const error = assertThrows(() => parseConfig("foo=$index", memorySource()), Error);
  assert(error.message.startsWith("variable reference"), error.message);
});

Deno.test("TestEnvVariable", () => {
  test("foo = $__UNIQ22__", { foo: 22n }, { __UNIQ22__: "22" });
});

Deno.test("TestEnvVariableString", () => {
  test("foo = $__UNIQ22__", { foo: "xyz" }, { __UNIQ22__: "xyz" });
});

Deno.test("TestEnvVariableStringStartingWithNumber", () => {
  // The Go test asks for a variable named `%s`, which does not exist.
  assertThrows(() => parseConfig("foo = $%s", memorySource({}, { __UNIQ22__: "3xyz" })), Error);
});

Deno.test("TestEnvVariableStringStartingWithNumberAndSizeUnit", () => {
  test("foo = $__UNIQ22__", { foo: "3Gyz" }, { __UNIQ22__: "3Gyz" });
});

Deno.test("TestEnvVariableStringStartingWithNumberUsingQuotes", () => {
  test("foo = $__UNIQ22__", { foo: "3xyz" }, { __UNIQ22__: "'3xyz'" });
});

Deno.test("TestBcryptVariable", () => {
  test("password: $2a$11$ooo", { password: "$2a$11$ooo" });
});

Deno.test("TestConvenientNumbers", () => {
  const easynum = `
k = 8k
kb = 4kb
ki = 3ki
kib = 4ki
m = 1m
mb = 2MB
mi = 2Mi
mib = 64MiB
g = 2g
gb = 22GB
gi = 22Gi
gib = 22GiB
tb = 22TB
ti = 22Ti
tib = 22TiB
pb = 22PB
pi = 22Pi
pib = 22PiB
`;
  test(easynum, {
    k: 8_000n,
    kb: 4n * 1024n,
    ki: 3n * 1024n,
    kib: 4n * 1024n,
    m: 1_000_000n,
    mb: 2n * 1024n ** 2n,
    mi: 2n * 1024n ** 2n,
    mib: 64n * 1024n ** 2n,
    g: 2_000_000_000n,
    gb: 22n * 1024n ** 3n,
    gi: 22n * 1024n ** 3n,
    gib: 22n * 1024n ** 3n,
    tb: 22n * 1024n ** 4n,
    ti: 22n * 1024n ** 4n,
    tib: 22n * 1024n ** 4n,
    pb: 22n * 1024n ** 5n,
    pi: 22n * 1024n ** 5n,
    pib: 22n * 1024n ** 5n,
  });
});

Deno.test("TestParseFileWithChecksDigestPreservesConfigKeyUsedAsVariable", () => {
  const source = memorySource({ "/c/nats.conf": "port = 4222\nmonitor_port = $port\n" });
  assert(parseConfigFileWithDigest("/c/nats.conf", source).map.has("port"));
});

Deno.test("TestSample1", () => {
  const sample = `
foo  {
  host {
    ip   = '127.0.0.1'
    port = 4242
  }
  servers = [ "a.com", "b.com", "c.com"]
}
`;
  test(sample, {
    foo: { host: { ip: "127.0.0.1", port: 4242n }, servers: ["a.com", "b.com", "c.com"] },
  });
});

Deno.test("TestSample2", () => {
  const cluster = `
cluster {
  port: 4244

  authorization {
    user: route_user
    password: top_secret
    timeout: 1
  }

  # A comment of one kind

  // and of the other

  routes = [
    nats-route://foo:bar@apcera.me:4245
    nats-route://foo:bar@apcera.me:4246
  ]
}
`;
  test(cluster, {
    cluster: {
      port: 4244n,
      authorization: { user: "route_user", password: "top_secret", timeout: 1n },
      routes: ["nats-route://foo:bar@apcera.me:4245", "nats-route://foo:bar@apcera.me:4246"],
    },
  });
});

Deno.test("TestSample3", () => {
  const sample = `
foo  {
  expr = '(true == "false")'
  text = 'This is a multi-line
text block.'
}
`;
  test(sample, {
    foo: { expr: '(true == "false")', text: "This is a multi-line\ntext block." },
  });
});

Deno.test("TestSample4", () => {
  test('\n  array [\n    { abc: 123 }\n    { xyz: "word" }\n  ]\n', {
    array: [{ abc: 123n }, { xyz: "word" }],
  });
});

Deno.test("TestSample5", () => {
  test("\n  now = 2016-05-04T18:53:41Z\n  gmt = false\n\n", {
    now: "2016-05-04T18:53:41Z",
    gmt: false,
  });
});

const ALICE = "$2a$10$UHR6GhotWhpLsKtVP0/i6.Nh9.fuY73cWjLoJjb2sKT8KISBcUW5q";
const BOB = "$2a$11$dZM98SpGeI7dCFFGSpt.JObQcix8YHml4TBUZoge9R1uxnMIln5ly";
const PASSWORDS = `# A first line
ALICE_PASS: ${ALICE}
BOB_PASS: ${BOB}
`;

Deno.test("TestIncludes", () => {
  const source = memorySource({
    "/c/simple.conf": `
      listen: 127.0.0.1:4222
      authorization {
        include 'includes/users.conf' # one file in another
        timeout: 0.5
      }`,
    "/c/includes/users.conf": `
      include ./passwords.conf;
      users = [
        {user: alice, password: $ALICE_PASS}
        {user: bob,   password: $BOB_PASS}
      ]`,
    "/c/includes/passwords.conf": PASSWORDS,
  });
  assertEquals(plain(parseConfigFile("/c/simple.conf", source)), {
    listen: "127.0.0.1:4222",
    authorization: {
      ALICE_PASS: ALICE,
      BOB_PASS: BOB,
      users: [{ user: "alice", password: ALICE }, { user: "bob", password: BOB }],
      timeout: 0.5,
    },
  });
});

Deno.test("TestIncludeVariablesWithChecks", () => {
  const sample = `
authorization {

  include "./includes/passwords.conf"

  CAROL_PASS: foo

  users = [
   {user: alice, password: $ALICE_PASS}
   {user: bob,   password: $BOB_PASS}
   {user: carol, password: $CAROL_PASS}
  ]
}
`;
  const map = parseConfig(sample, memorySource({ "includes/passwords.conf": PASSWORDS }));
  const block = map.get("authorization")!.value as ConfigMap;
  const expectKeyVal = (key: string, value: string, line: number, pos: number) => {
    const token = block.get(key)!;
    assertEquals([token.value, token.line, token.pos], [value, line, pos]);
  };
  expectKeyVal("ALICE_PASS", ALICE, 2, 1);
  expectKeyVal("BOB_PASS", BOB, 3, 1);
  expectKeyVal("CAROL_PASS", "foo", 6, 3);
});

Deno.test("TestParserNoInfiniteLoop", () => {
  for (const text of ["A@@Føøøø?˛ø:{øøøø˙˙", 'include "9/\uFFFD']) {
    const error = assertThrows(() => parseConfig(text, memorySource()), Error);
    assertMatch(error.message, /Unexpected EOF/);
  }
});

Deno.test("TestParseWithNoValuesAreInvalid", async (t) => {
  const cases: [name: string, conf: string, error: string][] = [
    [
      "invalid key without values",
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "config is invalid (:1:41)",
    ],
    [
      "invalid untrimmed key without values",
      "              aaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "config is invalid (:1:41)",
    ],
    [
      "invalid untrimmed key without values",
      "     aaaaaaaaaaaaaaaaaaaaaaaaaaa         ",
      "config is invalid (:1:41)",
    ],
    [
      "invalid keys after comments",
      "\n          \t\t# with comments and no spaces to create key values\n" +
      "         \t\t# is also an invalid config.\n" +
      "         \t\taaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n" +
      "                        ",
      "config is invalid (:5:25)",
    ],
    [
      "comma separated without values are invalid",
      "\n                        a,a,a,a,a,a,a,a,a,a,a\n                        ",
      "config is invalid (:3:25)",
    ],
  ];
  for (const [name, conf, expected] of cases) {
    await t.step(name, () => {
      const error = assertThrows(() => parseConfig(conf, memorySource()), Error);
      assert(error.message.includes(expected), error.message);
    });
  }
});

Deno.test("TestParseWithNoValuesEmptyConfigsAreValid", async (t) => {
  const cases = {
    "empty conf": "",
    "empty conf with line breaks": "\n\n\n                        ",
    "just comments with no values": `
                        # just comments with no values
                        # is still valid.
                        `,
  };
  for (const [name, conf] of Object.entries(cases)) {
    await t.step(name, () => test(conf, {}));
  }
});

Deno.test("TestParseWithTrailingBracketsAreValid", async (t) => {
  const cases = {
    "empty conf": "{}",
    "just comments with no values": `
                        {
                        # comments in the body
                        }
                        `,
    "trailing brackets after config": `
                        accounts { users = [{}]}
                        }
                        `,
    "wrapped in brackets": `{
                          accounts { users = [{}]}
                        }
                        `,
  };
  for (const [name, conf] of Object.entries(cases)) {
    await t.step(name, () => void parseConfig(conf, memorySource()));
  }
});

Deno.test("TestParseWithNoValuesIncludes", async (t) => {
  const cases = [
    {
      input: `# includes
			accounts {
                          foo { include 'foo.conf'}
                          bar { users = [{user = "bar"}] }
                          quux { include 'quux.conf'}
                        }
                        `,
      includes: { "/c/foo.conf": "", "/c/quux.conf": "?????????????" },
      error: "error parsing include file 'quux.conf', config is invalid",
      place: "quux.conf:1:1",
    },
    {
      input: `# includes
			accounts {
                          foo { include 'foo.conf'}
                          bar { include 'bar.conf'}
                          quux { include 'quux.conf'}
                        }
                        `,
      includes: {
        "/c/foo.conf": "", // an empty file is fine
        "/c/bar.conf": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "/c/quux.conf": `
                                   # just some comments,
                                   # and no key values also ok.
                                `,
      },
      error: "error parsing include file 'bar.conf', config is invalid",
      place: "bar.conf:1:34",
    },
  ];
  for (const { input, includes, error: expected, place } of cases) {
    await t.step(place, () => {
      const source = memorySource({ ...includes, "/c/nats.conf": input });
      const error = assertThrows(() => parseConfigFile("/c/nats.conf", source), Error);
      assert(error.message.includes(expected) && error.message.includes(place), error.message);
    });
  }
});

Deno.test("TestJSONParseCompat", async (t) => {
  const cases: [input: string, includes: Record<string, string>, expected: unknown][] = [
    [
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
      {},
      {
        http_port: 8227n,
        port: 4227n,
        write_deadline: "1h",
        cluster: {
          port: 6222n,
          routes: ["nats://127.0.0.1:4222", "nats://127.0.0.1:4223", "nats://127.0.0.1:4224"],
        },
      },
    ],
    [
      `{
                          "jetstream": {
                            "store_dir": "/tmp/nats"
                            "max_mem": 1000000,
                          },
                          "port": 4222,
                          "server_name": "nats1"
                        }
                        `,
      {},
      {
        jetstream: { store_dir: "/tmp/nats", max_mem: 1_000_000n },
        port: 4222n,
        server_name: "nats1",
      },
    ],
    ["{}", {}, {}],
    ["\n                        {\n                        }\n                        ", {}, {}],
    [
      `
                        accounts {
                          foo  { include 'foo.json'  }
                          bar  { include 'bar.json'  }
                          quux { include 'quux.json' }
                        }
                        `,
      {
        "/c/foo.json": '{ "users": [ {"user": "foo"} ] }',
        "/c/bar.json": '{\n  "users": [ {"user": "bar"} ]\n}',
        "/c/quux.json": "{}",
      },
      {
        accounts: {
          foo: { users: [{ user: "foo" }] },
          bar: { users: [{ user: "bar" }] },
          quux: {},
        },
      },
    ],
  ];
  for (const [index, [input, includes, expected]] of cases.entries()) {
    await t.step(`case ${index}`, () => {
      const source = memorySource({ ...includes, "/c/nats.conf": input });
      const map = parseConfigFile("/c/nats.conf", source);
      assertEquals(plain(map), expected);
      JSON.parse(goJson(map));
    });
  }
});

Deno.test("TestBlocks", async (t) => {
  const listen = { listen: "0.0.0.0:4222" };
  const cases: [name: string, input: string, expected: unknown][] = [
    ["inline block", "{ listen: 0.0.0.0:4222 }", listen],
    ["newline block", "{\n\t\t\t\tlisten: 0.0.0.0:4222\n\t\t\t }", listen],
    [
      "newline block with trailing comment",
      "\n\t\t\t{\n\t\t\t\tlisten: 0.0.0.0:4222\n\t\t\t}\n\t\t\t# wibble\n\t\t\t",
      listen,
    ],
    [
      "nested newline blocks with trailing comment",
      `
			{
				{
					listen: 0.0.0.0:4222 // random comment
				}
				# wibble1
			}
			# wibble2
			`,
      listen,
    ],
    [
      "top line values in block scope",
      `
			{
			  "debug":              False
			  "prof_port":          8221
			  "server_name":        "aws-useast2-natscj1-1"
			}
			`,
      { debug: false, prof_port: 8221n, server_name: "aws-useast2-natscj1-1" },
    ],
    [
      "comment in block scope after value parse",
      `
			{
			  "debug":              False
			  "server_name":        "gcp-asianortheast3-natscj1-1"

			  # Profile port specification.
			  "prof_port":          8221
			}
			`,
      { debug: false, server_name: "gcp-asianortheast3-natscj1-1", prof_port: 8221n },
    ],
  ];
  for (const [name, input, expected] of cases) {
    await t.step(name, () => {
      const source = memorySource({ "/c/nats.conf": input });
      assertEquals(plain(parseConfigFile("/c/nats.conf", source)), expected);
    });
  }
});
