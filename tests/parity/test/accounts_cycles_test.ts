// Ports: test/accounts_cycles_test.go
/**
 * Imports that come back to where they started, chains of imports, mapped imports.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { emptyOptions, processConfigText } from "../../../src/config/mod.ts";
import { Account } from "../../../src/core/account/account.ts";
import { addServiceImport, addStreamImport } from "../../../src/core/account/imports.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";
import { Inbox, testServer } from "../../harness/server.ts";

const CYCLE = "import forms a cycle";
const MAX_SEARCH_DEPTH = 1024;

function parse(accounts: string): void {
  processConfigText(emptyOptions(), `accounts { ${accounts} }`, systemConfigSource());
}

function assertCycle(accounts: string): void {
  assertThrows(() => parse(accounts), Error, CYCLE);
}

Deno.test("TestAccountCycleService", () => {
  assertCycle(`
    A { exports [ { service: help } ], imports [ { service { subject: help, account: B } } ] }
    B { exports [ { service: help } ], imports [ { service { subject: help, account: A } } ] }`);
  assertCycle(`
    A { exports [ { service: * } ], imports [ { service { subject: help, account: B } } ] }
    B { exports [ { service: help } ], imports [ { service { subject: *, account: A } } ] }`);
  assertCycle(`
    A { exports [ { service: * } ], imports [ { service { subject: help, account: B } } ] }
    B { exports [ { service: help } ], imports [ { service { subject: help, account: C } } ] }
    C { exports [ { service: * } ], imports [ { service { subject: *, account: A } } ] }`);
});

Deno.test("TestAccountCycleStream", () => {
  assertCycle(`
    A { exports [ { stream: strm } ], imports [ { stream { subject: strm, account: B } } ] }
    B { exports [ { stream: strm } ], imports [ { stream { subject: strm, account: A } } ] }`);
});

Deno.test("TestAccountCycleStreamWithMapping", () => {
  assertCycle(`
    A { exports [ { stream: * } ], imports [ { stream { subject: bar, account: B } } ] }
    B { exports [ { stream: bar } ], imports [ { stream { subject: foo, account: A }, to: bar } ] }`);
});

Deno.test("TestAccountCycleNonCycleStreamWithMapping", () => {
  parse(`
    A { exports [ { stream: foo } ], imports [ { stream { subject: bar, account: B } } ] }
    B { exports [ { stream: bar } ], imports [ { stream { subject: baz, account: C }, to: bar } ] }
    C { exports [ { stream: baz } ], imports [ { stream { subject: foo, account: A }, to: bar } ] }`);
});

Deno.test("TestAccountCycleServiceCycleWithMapping", () => {
  assertCycle(`
    A { exports [ { service: a } ], imports [ { service { subject: b, account: B }, to: a } ] }
    B { exports [ { service: b } ], imports [ { service { subject: a, account: A }, to: b } ] }`);
});

Deno.test("TestAccountCycleServiceNonCycle", () => {
  parse(`
    A { exports [ { service: * } ], imports [ { service { subject: help, account: B } } ] }
    B { exports [ { service: help } ], imports [ { service { subject: nohelp, account: C } } ] }
    C { exports [ { service: * } ], imports [ { service { subject: *, account: A } } ] }`);
});

Deno.test("TestAccountCycleServiceNonCycleChain", () => {
  parse(`
    A { exports [ { service: help } ], imports [ { service { subject: help, account: B } } ] }
    B { exports [ { service: help } ], imports [ { service { subject: help, account: C } } ] }
    C { exports [ { service: help } ], imports [ { service { subject: help, account: D } } ] }
    D { exports [ { service: help } ] }`);
});

/** Asks through a chain of imports of everything. */
async function askThrough(accounts: string): Promise<void> {
  await using server = await testServer({}, `accounts { ${accounts} }\nno_auth_user: d`);
  const service = await server.connect({ user: "x", pass: "x" });
  service.subscribe("foo", { callback: (_error, message) => void message.respond("HELLO") });
  await service.flush();
  assert(server.account("B").sublist.hasInterest("foo"));
  const client = await server.connect();
  assertEquals((await client.request("foo", "", { timeout: 10_000 })).string(), "HELLO");
}

Deno.test("TestServiceImportReplyMatchCycle", () =>
  askThrough(`
    A {
      users: [ {user: d, pass: x} ]
      imports [ {service: {account: B, subject: ">" }} ]
    }
    B {
      users: [ {user: x, pass: x} ]
      exports [ { service: ">" } ]
    }`));

Deno.test("TestServiceImportReplyMatchCycleMultiHops", () =>
  askThrough(`
    A {
      users: [ {user: d, pass: x} ]
      imports [ {service: {account: B, subject: ">" }} ]
    }
    B {
      exports [ { service: ">" } ]
      imports [ {service: {account: C, subject: ">" }} ]
    }
    C {
      users: [ {user: x, pass: x} ]
      exports [ { service: ">" } ]
    }`));

/** Chains so many accounts that the last import is one too many for the search. */
function chain(add: (account: Account, last: Account | null) => void): void {
  let last: Account | null = null;
  for (let i = 1; i <= MAX_SEARCH_DEPTH + 1; i++) {
    const account = new Account(`ACC-${i}`, { cache: true, hashSeed: 1 });
    if (i <= MAX_SEARCH_DEPTH) add(account, last);
    else assertThrows(() => add(account, last), Error, "search cycle depth exhausted");
    last = account;
  }
}

Deno.test("TestAccountCycleDepthLimit", () => {
  chain((account, last) => {
    account.exports.addService("*");
    if (last !== null) addServiceImport(account, last, { from: "foo", to: "foo" });
  });
  chain((account, last) => {
    account.exports.addStream("foo");
    if (last !== null) addStreamImport(account, last, { from: "foo", prefix: "" });
  });
});

Deno.test("TestAccountSubjectMapping", async () => {
  await using server = await testServer(
    {},
    `mappings = { "foo.*.*" : "foo.$1.{{wildcard(2)}}.{{partition(10,1,2)}}" }`,
  );
  const subscriber = await server.connect();
  const inbox = new Inbox(subscriber, "foo.*.*.*");
  await subscriber.flush();
  const publisher = await server.connect();
  const count = 100;
  for (let i = 0; i < 2 * count; i++) {
    publisher.publish(`foo.${i % count}.${count - i % count}`, "HELLO");
  }
  const partitions: number[] = [];
  for (let i = 0; i < count; i++) {
    const tokens = (await inbox.next())!.subject.split(".").slice(1).map(Number);
    assertEquals(tokens.slice(0, 2), [i, count - i]);
    assert(tokens[2]! >= 0 && tokens[2]! <= 9);
    partitions.push(tokens[2]!);
  }
  for (let i = 0; i < count; i++) {
    assertEquals(Number((await inbox.next())!.subject.split(".")[3]), partitions[i]);
  }
});

Deno.test("TestAccountImportSubjectMapping", async () => {
  await using server = await testServer(
    {},
    `accounts {
      A {
        users: [ {user: a, pass: x} ]
        imports [ {stream: {account: B, subject: "foo.*.*"}, to: "foo.$1.{{wildcard(2)}}"} ]
      }
      B {
        users: [ {user: b, pass: x} ]
        exports [ { stream: ">" } ]
      }
    }`,
  );
  const importer = await server.connect({ user: "a", pass: "x" });
  const inbox = new Inbox(importer, "foo.*.*");
  await importer.flush();
  const exporter = await server.connect({ user: "b", pass: "x" });
  const count = 100;
  for (let i = 0; i < count; i++) exporter.publish(`foo.${i}.${count - i}`, "HELLO");
  for (let i = 0; i < count; i++) {
    assertEquals((await inbox.next())!.subject, `foo.${i}.${count - i}`);
  }
});

Deno.test("TestAccountCycleWithRenaming", () => {
  for (const kind of ["service", "stream"]) {
    assertCycle(`
      A { exports [ { ${kind}: * } ], imports [ { ${kind} { subject: foo, account: B }, to: foo } ] }
      B { exports [ { ${kind}: foo } ], imports [ { ${kind} { subject: *, account: A }, to: "$1" } ] }`);
  }
});

Deno.test("TestAccountCycleFalsePositiveSubjectMapping", () => {
  parse(`
    A {
      exports [ { service: "a.*" } ]
      imports [ { service { subject: "a.*", account: B }, to: "b.*" } ]
    }
    B {
      exports [ { service: "a.*" } ]
      imports [ { service { subject: "a.foo", account: A }, to: "c.foo" } ]
    }`);
});

// Go repeats this since its maps have no order; ours keep that of the configuration, so both
// orders of the imports are tried.
Deno.test("TestAccountCycleServiceMissedDueToFromMutation", () => {
  const imports = [
    "{ service { subject: narrow, account: C } }",
    "{ service { subject: other, account: D } }",
  ];
  for (const ordered of [imports, imports.toReversed()]) {
    assertCycle(`
      A { exports [ { service: * } ], imports [ ${ordered.join("\n")} ] }
      C { exports [ { service: narrow } ] }
      D { exports [ { service: other } ], imports [ { service { subject: other, account: E } } ] }
      E { exports [ { service: * } ], imports [ { service { subject: *, account: A } } ] }`);
  }
});

Deno.test("TestAccountCycleStreamMissedDueToToMutation", () => {
  assertCycle(`
    A {
      exports [ { stream: * } ]
      imports [
        { stream { subject: narrow, account: C }, to: narrow }
        { stream { subject: other, account: D }, to: other }
      ]
    }
    C { exports [ { stream: narrow } ] }
    D {
      exports [ { stream: other } ]
      imports [ { stream { subject: other, account: E }, to: other } ]
    }
    E { exports [ { stream: * } ], imports [ { stream { subject: *, account: A } } ] }`);
});
