// Ports: server/accounts_test.go, server/norace_1_test.go
/**
 * Exports and imports that change while the server runs: made one by one, taken away, reloaded,
 * expired.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { createInbox } from "@nats-io/transport-node";
import { addServiceImport, removeServiceImport } from "../../../src/core/account/imports.ts";
import { createAccount, encodeActivation, type KeyPair } from "../../harness/jwt.ts";
import { PONG, type RawClient } from "../../harness/raw_client.ts";
import { LISTEN, reloadServer } from "../../harness/reload.ts";
import { Inbox, testServer, until } from "../../harness/server.ts";
import { newAccount, only } from "./_accounts.ts";
import { jwtServer } from "./_jwt.ts";

Deno.test("TestAddServiceExport", () => {
  const [foo, bar, baz] = [newAccount("$foo"), newAccount("$bar"), newAccount("$baz")];
  const approved = () => foo.exports.services.get("test.request")!.rule.approved;
  foo.exports.addService("test.request");
  assertEquals(approved(), null);
  foo.exports.addService("test.request", only(bar));
  assertEquals(approved(), new Set(["$bar"]));
  foo.exports.addService("test.request", only(baz));
  assertEquals(approved(), new Set(["$bar", "$baz"]));
});

Deno.test("TestAddStreamExport", () => {
  const [foo, bar, baz] = [newAccount("$foo"), newAccount("$bar"), newAccount("$baz")];
  const approved = () => foo.exports.streams.get("test.request")!.approved;
  foo.exports.addStream("test.request");
  assertEquals(approved(), null);
  foo.exports.addStream("test.request", only(bar));
  assertEquals(approved(), new Set(["$bar"]));
  foo.exports.addStream("test.request", only(baz));
  assertEquals(approved(), new Set(["$bar", "$baz"]));
});

// Go adds them from a goroutine each, which one thread has no counterpart of, and once more without
// its race detector.
for (const name of ["TestAccountAddServiceImportRace", "TestNoRaceAccountAddServiceImportRace"]) {
  Deno.test(name, () => {
    const [foo, bar] = [newAccount("$foo"), newAccount("$bar")];
    foo.exports.addService("foo.*");
    for (let i = 0; i < 100; i++) addServiceImport(bar, foo, { from: `foo.${i}` });
    assertEquals(bar.serviceImports.length, 100);
    assertEquals(bar.sublist.count, 100);
    // Each has an own id, by which the server's subscriptions are told apart.
    const ids = bar.serviceImports.map(({ subscription }) => subscription!.sid);
    assertEquals(new Set(ids).size, 100);
  });
}

Deno.test("TestAccountRemoveServiceImport", () => {
  const bar = newAccount("bar");
  const exporters = ["foo", "baz", "bat"].map(newAccount);
  for (const exporter of exporters) {
    exporter.exports.addService("remote1");
    addServiceImport(bar, exporter, { from: "foo", to: "remote1" });
  }
  const find = (exporter: string, from: string) =>
    bar.serviceImports.find((link) => link.exporter.name === exporter && link.from === from);
  /** Removes an import if there is one, and looks at what is left. */
  const remove = (exporter: string, from: string, left: string[]): void => {
    const link = find(exporter, from);
    if (link !== undefined) {
      removeServiceImport(bar, link);
      // Once more changes nothing.
      removeServiceImport(bar, link);
    }
    for (const { name } of exporters) {
      assertEquals(find(name, "foo")?.exporter.name, left.includes(name) ? name : undefined);
    }
    assertEquals(bar.sublist.count, left.length);
  };
  assertEquals([find("nonsense", "foo"), find("foo", "nonsense")], [undefined, undefined]);
  remove("nonsense", "foo", ["foo", "baz", "bat"]);
  remove("baz", "nonsense", ["foo", "baz", "bat"]);
  remove("baz", "foo", ["foo", "bat"]);
  remove("bat", "foo", ["foo"]);
  remove("nonsense", "foo", ["foo"]);
  remove("foo", "nonsense", ["foo"]);
  remove("foo", "foo", []);
  assertEquals(bar.serviceImports, []);
});

Deno.test("TestAccountMaxConnectionsDisconnectsNewestFirst", async () => {
  await using server = await jwtServer();
  const pair = createAccount();
  server.addAccount(pair, { limits: { conn: 3 } });
  const clients: RawClient[] = [];
  for (let i = 0; i < 3; i++) {
    const client = await server.client(pair);
    await client.expect(PONG);
    clients.push(client);
  }
  const account = await server.account(pair);
  assertEquals(account.connections.size, 3);
  await server.update(pair, { limits: { conn: 2 } });
  await clients[2]!.expectEnd();
  for (const client of clients.slice(0, 2)) {
    await client.flush();
    assert(!client.ended);
  }
  assertEquals(account.connections.size, 2);
});

Deno.test("TestAccountImportCycle", async () => {
  const config = (more: string[]): string => {
    const subjects = ["q1.>", "q2.>", ...more];
    return `${LISTEN} accounts: {
      CP: {
        users: [ {user: cp, password: cp} ]
        exports: [ ${
      subjects.map((s) => `{service: "${s}", response_type: Singleton}`).join("\n")
    } ]
      }
      A: {
        users: [ {user: a, password: a} ]
        imports: [ ${subjects.map((s) => `{service: {account: CP, subject: "${s}"}}`).join("\n")} ]
      }
    }`;
  };
  await using server = await reloadServer(config([]));
  const responder = await server.connect({ user: "cp", pass: "cp" });
  responder.subscribe("q1.>", { callback: (_error, message) => void message.respond("reply") });
  await responder.flush();
  const requester = await server.connect({ user: "a", pass: "a" });
  // The inbox is itself a subject of an imported service.
  const inbox = new Inbox(requester, "q2.inbox");
  const ask = async (): Promise<void> => {
    requester.publish("q1.a", "test", { reply: "q2.inbox" });
    assertEquals((await inbox.next())?.string(), "reply");
  };
  await ask();
  await server.reload(config(["q3.>"]));
  await ask();
});

// Go reloads 1000 times; fewer reloads with as many requests in between show the same.
Deno.test("TestAccountReloadServiceImportPanic", async () => {
  await using server = await reloadServer(`${LISTEN} accounts {
    A {
      users = [ { user: "a", pass: "p" } ]
      exports [ { service: "HELP" } ]
    }
    B {
      users = [ { user: "b", pass: "p" } ]
      imports [ { service: { account: A, subject: "HELP"} } ]
    }
    $SYS { users = [ { user: "admin", pass: "s3cr3t!" } ] }
  }`);
  const responder = await server.connect({ user: "a", pass: "p" });
  responder.subscribe("HELP", { callback: (_error, message) => void message.respond("OK") });
  await responder.flush();
  const requester = await server.connect({ user: "b", pass: "p" });
  const reply = createInbox();
  const inbox = new Inbox(requester, reply);
  await requester.flush();
  let requests = 0;
  for (let i = 0; i < 50; i++) {
    const reload = server.reload();
    for (let j = 0; j < 20; j++, requests++) requester.publish("HELP", "HELP", { reply });
    await reload;
  }
  await until(
    () => inbox.count === requests,
    () => `of ${requests} requests ${inbox.count} were answered`,
  );
});

Deno.test("TestAccountServiceAndStreamExportDoubleDelivery", async () => {
  await using server = await testServer(
    {},
    `accounts: {
      tenant1: {
        jetstream: enabled
        users: [ { user: "one", password: "one" } ]
        exports: [ { stream: "DW.>" }, { service: "DW.>" } ]
      }
      global: {
        jetstream: enabled
        users: [ { user: "global", password: "global" } ]
        imports: [
          { stream: { account: tenant1, subject: "DW.>" }, prefix: tenant1 }
          { service: { account: tenant1, subject: "DW.>" }, to: "tenant1.DW.>" }
        ]
      }
      $SYS { users = [ { user: "admin", pass: "s3cr3t!" } ] }
    }`,
  );
  const client = await server.connect({ user: "one", pass: "one" });
  const inbox = new Inbox(client, ">");
  client.publish("DW.test.123", "test");
  await client.flush();
  await client.flush();
  assertEquals(inbox.count, 1);
});

// Go calls what its timer calls; here the timer of an import that is gone fires for real, and the
// import of another account, which was made later with an equal token, shows when that has happened.
Deno.test("TestStreamActivationExpiredNoMatchDoesNotInvalidate", async () => {
  await using server = await jwtServer();
  const [exporter, other] = [createAccount(), createAccount()];
  const [importer, witness] = [createAccount(), createAccount()];
  server.addAccount(exporter, {
    exports: [{ subject: "nomatch.subject", type: "stream", token_req: true }],
  });
  server.addAccount(other, { exports: [{ subject: "other.subject", type: "stream" }] });
  const exp = Math.floor(Date.now() / 1000) + 2;
  const expiring = (pair: KeyPair) => ({
    account: exporter.getPublicKey(),
    subject: "nomatch.subject",
    type: "stream",
    token: encodeActivation(pair, exporter, "stream", "nomatch.subject", { exp }),
  });
  await server.update(importer, { imports: [expiring(importer)] });
  const account = await server.account(importer);
  assertEquals(account.streamImports.length, 1);
  await server.update(importer, {
    imports: [{ account: other.getPublicKey(), subject: "other.subject", type: "stream" }],
  });
  const [left] = account.streamImports;
  assertEquals([account.streamImports.length, left!.from], [1, "other.subject"]);
  assertEquals(left!.claim?.token, "");
  await server.update(witness, { imports: [expiring(witness)] });
  const [expired] = (await server.account(witness)).streamImports;
  await until(() => expired!.invalid);
  assert(!left!.invalid);
});
