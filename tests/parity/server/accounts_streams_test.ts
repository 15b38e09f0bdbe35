/**
 * Ports: server/accounts_test.go, the tests of declared exports and imports and of streams.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import { jwtAuthenticator, type NatsConnection } from "@nats-io/transport-node";
import { emptyOptions, type Options, processConfigText } from "../../../src/config/mod.ts";
import type { Account } from "../../../src/core/account/account.ts";
import { PUBLIC_EXPORT } from "../../../src/core/account/exports.ts";
import { addStreamImport } from "../../../src/core/account/imports.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";
import { createAccount, createUser, encodeUser } from "../../harness/jwt.ts";
import { Inbox, testServer, until } from "../../harness/server.ts";
import { accountServer, newAccount, only, rawOf, send, subscriptions } from "./_accounts.ts";
import { jwtServer } from "./_jwt.ts";

function parsed(config: string): Options {
  const options = emptyOptions();
  processConfigText(options, config, systemConfigSource());
  return options;
}

Deno.test("TestAccountIsolationExportImport", async (t) => {
  const cases = [
    ["export literal, import literal", "foo", "foo", "foo"],
    ["export full wildcard, import literal", "foo.>", "foo.bar", "foo.bar"],
    [
      "export full wildcard, import sublevel full wildcard",
      "foo.>",
      "foo.bar.>",
      "foo.bar.whizz",
    ],
    ["export full wildcard, import full wildcard", "foo.>", "foo.>", "foo.bar"],
    ["export partial wildcard, import partial wildcard", "foo.*", "foo.*", "foo.bar"],
    [
      "export mid partial wildcard, import mid partial wildcard",
      "foo.*.bar",
      "foo.*.bar",
      "foo.whizz.bar",
    ],
  ] as const;
  const check = async (subject: string, exporter: NatsConnection, importer: NatsConnection) => {
    const inbox = new Inbox(importer, ">");
    await importer.flush();
    for (const client of [exporter, importer]) {
      client.publish(subject);
      client.publish("fizz");
      await client.flush();
    }
    await importer.flush();
    const subjects: string[] = [];
    while (inbox.count > 0) subjects.push((await inbox.next())!.subject);
    assertEquals(subjects.sort(), [subject, subject, "fizz"].sort());
  };
  for (const [name, exported, imported, subject] of cases) {
    await t.step(`${name} jwt`, async () => {
      await using server = await jwtServer();
      const [exporter, importer] = [createAccount(), createAccount()];
      const type = "stream";
      server.addAccount(exporter, { exports: [{ subject: exported, type }] }, { name: "E" });
      server.addAccount(importer, {
        imports: [{ subject: imported, type, account: exporter.getPublicKey() }],
      }, { name: "I" });
      const connect = (account: typeof exporter): Promise<NatsConnection> => {
        const user = createUser();
        const authenticator = jwtAuthenticator(encodeUser(user, account), user.getSeed());
        return server.test.connect({ authenticator });
      };
      await check(subject, await connect(exporter), await connect(importer));
    });
    await t.step(`${name} conf`, async () => {
      await using server = await testServer(
        {},
        `accounts {
          accExp {
            users: [ {user: accExp, password: pwd} ]
            exports: [ {stream: "${exported}"} ]
          }
          accImp {
            users: [ {user: accImp, password: pwd} ]
            imports: [ {stream: {account: accExp, subject: "${imported}"}} ]
          }
        }`,
      );
      const exporter = await server.connect({ user: "accExp", pass: "pwd" });
      const importer = await server.connect({ user: "accImp", pass: "pwd" });
      await check(subject, exporter, importer);
    });
  }
});

Deno.test("TestMultiAccountsIsolation", async () => {
  const importer = (name: string) =>
    `${name.toUpperCase()} {
      users: [ {user: ${name}, password: ${name}} ]
      imports: [ { stream: { account: PUBLIC, subject: orders.${name}.stream.> }} ]
    }`;
  await using server = await testServer(
    {},
    `accounts: {
      PUBLIC: {
        users: [ {user: public, password: public} ]
        exports: [ { stream: orders.client.stream.> }, { stream: orders.client2.stream.> } ]
      }
      ${importer("client")}
      ${importer("client2")}
    }`,
  );
  const [client, client2, publisher] = await Promise.all(
    ["client", "client2", "public"].map((user) => server.connect({ user, pass: user })),
  );
  for (const subject of ["orders.>", "orders.*.stream.entry"]) {
    const mine = new Inbox(client!, subject);
    const other = new Inbox(client2!, subject);
    await client!.flush();
    await client2!.flush();
    publisher!.publish("orders.client.stream.entry", subject);
    await publisher!.flush();
    assertEquals((await mine.next())!.string(), subject);
    await client2!.flush();
    assertEquals(other.count, 0);
    mine.subscription.unsubscribe();
    other.subscription.unsubscribe();
  }
});

const CONFIGURED = `accounts: {
  synadia: {
    nkey: ADMHMDX2LEUJRZQHGVSVRWZEJ2CPNHYO6TB4ZCZ37LXAX5SYNEW252GF
    users = [
      {nkey : UC6NLCN7AS34YOJVCYD4PJ3QB7QGLYG5B5IMBT25VW5K4TNUJODM7BOX}
      {nkey : UBAAQWTW6CG2G6ANGNKB5U2B7HRWHSGMZEZX3AQSAJOQDAUGJD46LD2E}
    ]
    exports = [
      {stream: "public.>"}
      {stream: "synadia.private.>", accounts: [cncf, nats.io]}
      {service: "pub.request"}
      {service: "pub.special.request", accounts: [nats.io]}
    ]
    imports = [ {service: {account: "nats.io", subject: "nats.time"}} ]
  }
  nats.io: {
    nkey: AB5UKNPVHDWBP5WODG742274I3OGY5FM3CBIFCYI4OFEH7Y23GNZPXFE
    users = [
      {nkey : UBRYMDSRTC6AVJL6USKKS3FIOE466GMEU67PZDGOWYSYHWA7GSKO42VW}
      {nkey : UDEREK22W43P2NFQCSKGM6BWD23OVWEDR7JE7LSNCD232MZIC4X2MEKZ}
    ]
    imports = [
      {stream: {account: "synadia", subject:"public.synadia"}, prefix: "imports.synadia", allow_trace: true}
      {stream: {account: "synadia", subject:"synadia.private.*"}}
      {service: {account: "synadia", subject: "pub.special.request"}, to: "synadia.request"}
    ]
    exports = [
      {service: "nats.time", response: stream, allow_trace: true}
      {service: "nats.photo", response: chunked}
      {service: "nats.add", response: singleton, accounts: [cncf], allow_trace: true}
      {service: "nats.sub"}
    ]
  }
  cncf: { nkey: ABDAYEV6KZVLW3GSJ3V7IWC542676TFYILXF2C7Z56LCPSMVHJE5BVYO}
}`;

Deno.test("TestAccountParseConfigImportsExports", () => {
  const options = parsed(CONFIGURED);
  assertEquals([options.accounts.length, options.nkeys?.length, options.users?.length ?? 0], [
    3,
    4,
    0,
  ]);
  const nats = options.accounts.find(({ name }) => name === "nats.io")!;
  assertEquals(nats.nkey, "AB5UKNPVHDWBP5WODG742274I3OGY5FM3CBIFCYI4OFEH7Y23GNZPXFE");
  const ivan = options.nkeys!.find(({ nkey }) => nkey.startsWith("UBRYMDSRTC6"))!;
  assertEquals(ivan.account, "nats.io");
  assertEquals(nats.streamImports.map((i) => [i.subject, i.allowTrace]), [
    ["public.synadia", true],
    ["synadia.private.*", false],
  ]);
  assertEquals([nats.serviceImports.length, nats.streamExports.length], [1, 0]);
  assertEquals(nats.serviceExports.map((e) => [e.subject, e.responseType, e.allowTrace]), [
    ["nats.time", "Streamed", true],
    ["nats.photo", "Chunked", false],
    ["nats.add", "Singleton", true],
    ["nats.sub", "Singleton", false],
  ]);
  const synadia = options.accounts.find(({ name }) => name === "synadia")!;
  assertEquals([synadia.streamImports.length, synadia.serviceImports.length], [0, 1]);
  assertEquals([synadia.serviceExports.length, synadia.streamExports.length], [2, 2]);
});

Deno.test("TestImportExportConfigFailures", () => {
  const bad = [
    `imports = [{stream: {account: "synadia", subject:"foo"}}]`,
    `imports = [{service: subject:"foo.*"}]`,
    `imports = [{service: {account: "nats.io", subject:"foo.*"}]`,
    `exports = [{service: "foo.*", wat:true}]`,
    `imports = [{stream: {account: nats.io, subject: "foo.*"}, wat:true}]`,
    `exports = [{service: {account: nats.io, subject:"foo.*"}}]`,
  ];
  for (const declared of bad) assertThrows(() => parsed(`accounts { nats.io { ${declared} } }`));
});

Deno.test("TestImportAuthorized", () => {
  const bar = newAccount("$bar");
  const check = (foo: Account, kind: "stream" | "service", cases: Record<string, boolean>) => {
    for (const [subject, expected] of Object.entries(cases)) {
      const actual = kind === "stream"
        ? foo.exports.authorizesStream(bar, subject, null)
        : foo.exports.authorizesService(bar, subject, null);
      assertEquals(actual, expected, subject);
    }
  };
  let foo = newAccount("$foo");
  check(foo, "stream", { "foo": false, "*": false, ">": false, "foo.*": false, "foo.>": false });
  foo.exports.addStream("foo");
  check(foo, "stream", { "foo": true, "bar": false, "*": false });
  foo.exports.addStream("*", only(bar));
  check(foo, "stream", {
    ...{ "foo": true, "bar": true, "baz": true, "foo.bar": false, ">": false },
    ...{ "*": true, "foo.*": false, "*.*": false, "*.>": false },
  });
  foo = newAccount("$foo");
  foo.exports.addStream(">");
  for (const subject of ["foo", "bar", "baz", "foo.bar", ">", "*", "foo.*", "*.*", "*.>"]) {
    check(foo, "stream", { [subject]: true });
  }
  foo = newAccount("$foo");
  const atPosition = (tokenPosition: number) => ({ ...PUBLIC_EXPORT, tokenPosition });
  foo.exports.addStream("foo.*", atPosition(2));
  foo.exports.addStream("bar.*.foo", atPosition(2));
  assertThrows(() => foo.exports.addStream("baz.*.>", atPosition(3)));
  check(foo, "stream", {
    ...{ "foo.$bar": true, "bar.$bar.foo": true, "baz.foo.$bar": false },
    ...{ "foo.X": false, "bar.X.foo": false, "baz.foo.X": false },
  });
  foo.exports.addService("a.*", atPosition(2));
  foo.exports.addService("b.*.a", atPosition(2));
  assertThrows(() => foo.exports.addService("c.*.>", atPosition(3)));
  check(foo, "service", {
    ...{ "a.$bar": true, "b.$bar.a": true, "c.a.$bar": false },
    ...{ "a.X": false, "b.X.a": false, "c.a.X": false },
  });
  foo = newAccount("$foo");
  foo.exports.addStream("foo.*.baz.>", only(bar));
  check(foo, "stream", {
    ...{ "foo.bar.baz.1": true, "foo.bar.baz.*": true, "foo.*.baz.1.1": true },
    ...{ "foo.22.baz.22": true, "foo.bar.baz": false, "": false, "foo.bar.*.*": false },
  });
  for (const name of ["foobar", "baz"]) {
    assertEquals(foo.exports.authorizesStream(newAccount(name), "foo.bar.baz.1", null), false);
  }
});

Deno.test("TestSimpleMapping", async () => {
  await using server = await accountServer("foo", "bar");
  const [foo, bar] = [server.account("$foo"), server.account("$bar")];
  const importing = () => addStreamImport(bar, foo, { from: "foo", prefix: "import" });
  assertThrows(importing, Error, "stream import not authorized");
  foo.exports.addStream("foo");
  importing();
  const subscriber = await rawOf(server, "bar");
  await send(subscriber, "SUB import.foo 1\r\nSUB import.foo bar 2\r\n");
  const publisher = await rawOf(server, "foo");
  await publisher.send("PUB foo 5\r\nhello\r\n");
  const received = await subscriber.messages(2);
  assertEquals(received.map((m) => [m.subject, m.sid, m.body]).sort(), [
    ["import.foo", "1", "hello"],
    ["import.foo", "2", "hello"],
  ]);
  assertEquals([subscriptions(bar), subscriptions(foo)], [2, 2]);
  await send(subscriber, "UNSUB 1\r\nUNSUB 2\r\n");
  assertEquals([subscriptions(bar), subscriptions(foo)], [0, 0]);
});

Deno.test("TestStreamImportLengthBug", async () => {
  await using server = await accountServer("foo", "bar");
  const [foo, bar] = [server.account("$foo"), server.account("$bar")];
  foo.exports.addStream("client.>");
  assertThrows(() => addStreamImport(bar, foo, { from: "client.>", prefix: "events.>" }));
  addStreamImport(bar, foo, { from: "client.>", prefix: "events" });
  await send(await rawOf(server, "bar"), "SUB events.> 1\r\n");
  assertThrows(() =>
    parsed(`accounts {
      foo { exports = [ {stream: "client.>"} ] }
      bar { imports = [ {stream: {account: "foo", subject:"client.>"}, prefix:"events.>"} ] }
    }`)
  );
});

Deno.test("TestShadowSubsCleanupOnClientClose", async () => {
  await using server = await accountServer("foo", "bar");
  const [foo, bar] = [server.account("$foo"), server.account("$bar")];
  foo.exports.addStream("foo");
  addStreamImport(bar, foo, { from: "foo", prefix: "import" });
  const client = await rawOf(server, "bar");
  await send(client, "SUB import.foo 1\r\nSUB import.foo bar 2\r\n");
  assertEquals(subscriptions(foo), 2);
  client.close();
  await until(() => subscriptions(foo) === 0);
});

/** One subscription in `$bar` to what it imports of `$foo`. */
async function expectMapped(prefix: string, subscribed: string, received: string): Promise<void> {
  await using server = await accountServer("foo", "bar");
  const [foo, bar] = [server.account("$foo"), server.account("$bar")];
  foo.exports.addStream(">", only(bar));
  addStreamImport(bar, foo, { from: "*", prefix });
  const subscriber = await rawOf(server, "bar");
  await send(subscriber, `SUB ${subscribed} 1\r\n`);
  await send(await rawOf(server, "foo"), "PUB foo 5\r\nhello\r\n");
  const { subject, sid, body } = await subscriber.message();
  assertEquals([subject, sid, body], [received, "1", "hello"]);
}

Deno.test("TestNoPrefixWildcardMapping", () => expectMapped("", "foo", "foo"));

Deno.test("TestPrefixWildcardMapping", () =>
  expectMapped("pub.imports.", "pub.imports.*", "pub.imports.foo"));

Deno.test("TestPrefixWildcardMappingWithLiteralSub", () =>
  expectMapped("pub.imports.", "pub.imports.foo", "pub.imports.foo"));

Deno.test("TestMultipleImportsAndSingleWCSub", async () => {
  await using server = await accountServer("foo", "bar");
  const [foo, bar] = [server.account("$foo"), server.account("$bar")];
  for (const from of ["foo", "bar"]) {
    foo.exports.addStream(from, only(bar));
    addStreamImport(bar, foo, { from, prefix: "pub." });
  }
  const subscriber = await rawOf(server, "bar");
  await send(subscriber, "SUB pub.* 1\r\n");
  await send(await rawOf(server, "foo"), "PUB foo 5\r\nhello\r\nPUB bar 5\r\nworld\r\n");
  const received = await subscriber.messages(2);
  assertEquals(received.map((m) => [m.subject, m.sid, m.body]), [
    ["pub.foo", "1", "hello"],
    ["pub.bar", "1", "world"],
  ]);
  assertEquals([subscriptions(foo), subscriptions(bar)], [2, 1]);
  await send(subscriber, "UNSUB 1\r\n");
  assertEquals([subscriptions(foo), subscriptions(bar)], [0, 0]);
});

async function expectBoth(prefixes: readonly string[], subscribed: string): Promise<void> {
  await using server = await accountServer("foo", "bar", "import");
  const importer = server.account("$import");
  for (const [i, name] of ["$foo", "$bar"].entries()) {
    const exporter = server.account(name);
    exporter.exports.addStream("test");
    const options = { from: "test", prefix: prefixes[i]! };
    addStreamImport(importer, exporter, options);
    assertThrows(
      () => addStreamImport(importer, exporter, options),
      Error,
      "stream import already exists",
    );
  }
  const subscriber = await rawOf(server, "import");
  await send(subscriber, `SUB ${subscribed} 1\r\n`);
  for (const user of ["bar", "foo"]) {
    await send(await rawOf(server, user), `PUB test 3\r\n${user}\r\n`);
    assertEquals((await subscriber.message()).body, user);
  }
}

Deno.test("TestMultipleStreamImportsWithSameSubjectDifferentPrefix", () =>
  expectBoth(["foo", "bar"], "*.test"));

Deno.test("TestMultipleStreamImportsWithSameSubject", () => expectBoth(["", ""], "test"));

async function expectOverlaps(
  t: Deno.TestContext,
  subjects: readonly string[],
  { stream, how, published, arrives }: Record<"stream" | "how" | "published" | "arrives", string>,
): Promise<void> {
  await using server = await testServer(
    {},
    `accounts: {
      ACCOUNT_X: { users: [ {user: publisher} ], exports: [ {stream: "${stream}"} ] }
      ACCOUNT_Y: {
        users: [ {user: subscriber} ]
        imports: [ {stream: {account: ACCOUNT_X, subject: "${stream}"}, ${how}} ]
      }
    }`,
  );
  const publisher = await server.connect({ user: "publisher", pass: "" });
  const subscriber = await server.connect({ user: "subscriber", pass: "" });
  for (const subject of subjects) {
    await t.step(subject, async () => {
      const inbox = new Inbox(subscriber, subject);
      await subscriber.flush();
      publisher.publish(published, "hello");
      const message = await inbox.next(1000);
      assertEquals([message?.subject, message?.string()], [arrives, "hello"]);
      inbox.subscription.unsubscribe();
      await subscriber.flush();
    });
  }
}

Deno.test("TestImportSubscriptionPartialOverlapWithPrefix", (t) =>
  expectOverlaps(
    t,
    [">", "myprefix.*", "myprefix.>", "myprefix.test", "*.>", "*.*", "*.test"],
    { stream: ">", how: "prefix: myprefix", published: "test", arrives: "myprefix.test" },
  ));

Deno.test("TestImportSubscriptionPartialOverlapWithTransform", (t) =>
  expectOverlaps(
    t,
    (">  *.*.*.>  *.2.*.>  *.*.1.>  *.2.1.>  *.*.*.*  *.2.1.*  *.*.*.test  *.*.1.test  " +
      "*.2.*.test  *.2.1.test  myprefix.*.*.*  myprefix.>  myprefix.*.>  myprefix.*.*.>  " +
      "myprefix.2.>  myprefix.2.1.>  myprefix.*.1.>  myprefix.2.*.>  myprefix.2.1.*  " +
      "myprefix.*.*.test  myprefix.2.1.test").split("  "),
    {
      stream: "*.*.>",
      how: "to: myprefix.$2.$1.>",
      published: "1.2.test",
      arrives: "myprefix.2.1.test",
    },
  ));
