// Ports: server/reload_test.go, server/accounts_test.go
/**
 * Reloads that change accounts, their users, mappings, exports and imports.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import type { NatsConnection } from "@nats-io/transport-node";
import { fromSeed } from "@nats-io/nkeys";
import { OK } from "../../harness/raw_client.ts";
import { LISTEN, type ReloadServer, reloadServer } from "../../harness/reload.ts";
import { Inbox, until } from "../../harness/server.ts";

/** Subscriptions of each account by which its clients can ask about themselves. */
const OWN_SERVICES = 4;

function matches(server: ReloadServer, account: string, subject: string): number {
  return server.account(account).sublist.match(subject).psubs.length;
}

Deno.test("TestConfigReloadAccountUsers", async () => {
  await using server = await reloadServer(
    LISTEN + `accounts {
      synadia { users = [ {user: derek, password: derek}, {user: foo, password: foo} ] }
      nats.io { users = [ {user: ivan, password: ivan}, {user: bar, password: bar} ] }
      acc_deleted_after_reload {
        users = [ {user: gone, password: soon}, {user: baz, password: baz}, {user: bat, password: bat} ]
      }
    }`,
  );
  const stays = await server.accepted({ user: "derek", pass: "derek" });
  const leaves = [
    await server.accepted({ user: "ivan", pass: "ivan" }),
    await server.accepted({ user: "gone", pass: "soon" }),
  ];
  // These users move to other accounts: they are sent away and come back.
  const names = ["foo", "bar", "baz", "bat"];
  const moving = await Promise.all(names.map(async (name) => {
    const client = await server.connect({
      user: name,
      pass: name,
      reconnect: true,
      reconnectTimeWait: 10,
      reconnectJitter: 0,
    });
    client.subscribe(name, { callback: () => {} });
    await client.flush();
    return client;
  }));
  const back = moving.map(async (client) => {
    for await (const { type } of client.status()) if (type === "reconnect") return;
  });
  assertEquals(server.account("synadia").sublist.count, OWN_SERVICES + 1);
  assertEquals(server.account("nats.io").sublist.count, OWN_SERVICES + 1);

  await server.reload(
    LISTEN + `
    authorization { users = [ {user: foo, password: foo}, {user: baz, password: baz} ] }
    accounts {
      synadia { users = [ {user: derek, password: derek}, {user: bar, password: bar} ] }
      nats.io { users = [ {user: bat, password: bat} ] }
    }`,
  );
  for (const client of leaves) await client.expectEnd();
  await stays.flush();
  assertEquals(server.server.core.accounts.has("acc_deleted_after_reload"), false);
  await Promise.all(back);
  const state = () => [
    server.account("$G").sublist.count,
    matches(server, "$G", "foo"),
    matches(server, "$G", "baz"),
    server.account("synadia").sublist.count,
    matches(server, "synadia", "bar"),
    server.account("nats.io").sublist.count,
    matches(server, "nats.io", "bat"),
  ];
  const expected = [OWN_SERVICES + 2, 1, 1, OWN_SERVICES + 1, 1, OWN_SERVICES + 1, 1];
  await until(
    () => state().join() === expected.join(),
    () => `expected ${expected}, there are ${state()}`,
  );
});

Deno.test("TestConfigReloadAccountWithNoChanges", async () => {
  await using server = await reloadServer(
    LISTEN + `
    system_account: sys
    accounts {
      A { users = [{ user: a }] }
      B { users = [{ user: b }] }
      C { users = [{ user: c }] }
      sys { users = [{ user: sys }] }
    }`,
  );
  const client = await server.connect({ user: "a", pass: "" });
  const asks = async (subject: string, part: string): Promise<void> => {
    const answer = await client.request(subject, "", { timeout: 10_000 });
    assert(answer.string().includes(part), answer.string());
  };
  for (let i = 0; i < 3; i++) {
    await asks("$SYS.REQ.ACCOUNT.PING.CONNZ", `"num_connections":1`);
    await asks("$SYS.REQ.SERVER.PING.CONNZ", `"num_connections":1`);
    await asks("$SYS.REQ.ACCOUNT.PING.STATZ", `"conns":1`);
    const before = server.server.subscriptionCount;
    await server.reload();
    assertEquals(server.server.subscriptionCount, before);
  }
});

const DEREK = "UCNGL4W5QX66CFX6A6DCBVDH5VOHMI7B2UZZU7TXAUQQSI2JPHULCKBR";
const IVAN = "UDPGQVFIWZ7Q5UH4I5E6DBCZULQS6VTVBG6CYBD7JV3G3N2GMQOMNAUH";

Deno.test("TestConfigReloadAccountNKeyUsers", async () => {
  await using server = await reloadServer(
    LISTEN + `accounts {
      synadia { users = [ {nkey: ${DEREK}} ] }
      nats.io { users = [ {nkey: ${IVAN}} ] }
    }`,
  );
  const accountOf = async (seed: string): Promise<string> => {
    const pair = fromSeed(new TextEncoder().encode(seed));
    const client = await server.raw();
    const { nonce, client_id } = await client.info();
    assertNotEquals(nonce ?? "", "");
    const signature = pair.sign(new TextEncoder().encode(nonce));
    const sig = signature.toBase64({ alphabet: "base64url", omitPadding: true });
    const connect = { nkey: pair.getPublicKey(), sig, verbose: true, pedantic: true };
    await client.send(`CONNECT ${JSON.stringify(connect)}\r\nPING\r\n`);
    await client.expect(OK);
    return server.connection(client_id).account!.name;
  };
  const derekSeed = "SUAPM67TC4RHQLKBX55NIQXSMATZDOZK6FNEOSS36CAYA7F7TY66LP4BOM";
  const ivanSeed = "SUAIS5JPX4X4GJ7EIIJEQ56DH2GWPYJRPWN5XJEDENJOZHCBLI7SEPUQDE";
  assertEquals(await accountOf(derekSeed), "synadia");
  assertEquals(await accountOf(ivanSeed), "nats.io");
  await server.reload(
    LISTEN + `
    authorization { users = [ {nkey: ${IVAN}} ] }
    accounts { nats.io { users = [ {nkey: ${DEREK}} ] } }`,
  );
  assertEquals(server.server.options.nkeys?.length, 2);
  assertEquals(await accountOf(derekSeed), "nats.io");
  assertEquals(await accountOf(ivanSeed), "$G");
  assertEquals(server.server.core.accounts.has("synadia"), false);
});

Deno.test("TestConfigReloadAccountStreamsImportExport", async () => {
  const config = (exported: string, denied: string, imported: string, prefix: string) =>
    LISTEN + `
    accounts {
      synadia {
        users [{user: derek, password: foo}]
        exports = [ {stream: "private.>", accounts: [nats.io]}, {stream: "${exported}"} ]
      }
      nats.io {
        users [ {user: ivan, password: bar, permissions: {subscribe: {deny: "${denied}"}}} ]
        imports = [
          {stream: {account: "synadia", subject: "${imported}"}}
          {stream: {account: "synadia", subject: "private.natsio.*"}, prefix: "${prefix}"}
        ]
      }
    }
    no_sys_acc: true`;
  await using server = await reloadServer(config("foo.*", "xxx", "foo.*", "ivan"));
  const derek = await server.connect({ user: "derek", pass: "foo" });
  const ivan = await server.connect({ user: "ivan", pass: "bar" });
  const errors: string[] = [];
  void (async () => {
    for await (const status of ivan.status()) {
      if (status.type === "error") errors.push(status.error.message);
    }
  })();
  const inboxes = {
    bar: new Inbox(ivan, "foo.bar"),
    baz: new Inbox(ivan, "foo.baz"),
    bat: new Inbox(ivan, "foo.bat"),
    private: new Inbox(ivan, "ivan.private.natsio.*"),
    ivan: new Inbox(ivan, "ivan.sub"),
    derek: new Inbox(derek, "derek.sub"),
  };
  await Promise.all([derek.flush(), ivan.flush()]);
  type Name = keyof typeof inboxes;
  const check = async (
    from: NatsConnection,
    subject: string,
    name: Name,
    arrives: boolean,
  ): Promise<void> => {
    from.publish(subject, "hello");
    await from.flush();
    await ivan.flush();
    assertEquals((await inboxes[name].next(arrives ? 1000 : 20)) !== null, arrives, subject);
    if (from !== derek || name === "derek") return;
    assertEquals(matches(server, "synadia", subject), arrives ? 1 : 0, subject);
  };
  const checkAll = async (bar: boolean, baz: boolean, bat: boolean, priv: boolean) => {
    await check(derek, "foo.bar", "bar", bar);
    await check(derek, "foo.baz", "baz", baz);
    await check(derek, "foo.bat", "bat", bat);
    await check(derek, "private.natsio.foo", "private", priv);
    await check(ivan, "ivan.sub", "ivan", true);
    await check(derek, "derek.sub", "derek", true);
  };
  await checkAll(true, true, true, true);
  // foo.baz alone is imported, foo.bat is denied, and the prefix is another.
  await server.reload(config("foo.*", "foo.bat", "foo.baz", "yyyy"));
  await checkAll(false, true, false, false);
  await until(() => errors.some((text) => /permissions violation/i.test(text)));
  // Nothing of foo.* is exported any more; the prefix is back.
  await server.reload(config("xxx", "foo.bat", "xxx", "ivan"));
  await checkAll(false, false, false, true);
});

Deno.test("TestConfigReloadAccountServicesImportExport", async () => {
  // The reference has a second server whose route is there while accounts change; nothing is
  // asked of it.
  const config = (exported: string, imported: string) =>
    LISTEN + `accounts {
      synadia {
        users [{user: derek, password: foo}]
        exports = [
          {service: "pub.request"}
          {service: "pub.special.request", accounts: [nats.io]}
          ${exported}
        ]
      }
      nats.io {
        users [{user: ivan, password: bar}]
        imports = [
          {service: {account: "synadia", subject: "pub.special.request"}, to: "foo"}
          ${imported}
        ]
      }
    }`;
  await using server = await reloadServer(
    config("", `{service: {account: "synadia", subject: "pub.request"}, to: "bar"}`),
  );
  const derek = await server.connect({ user: "derek", pass: "foo" });
  const ivan = await server.connect({ user: "ivan", pass: "bar" });
  await server.clientsCount(2);
  const answer = (client: NatsConnection, subject: string, text: string) =>
    client.subscribe(subject, { callback: (_error, message) => void message.respond(text) });
  answer(derek, "pub.special.request", "reply1");
  answer(derek, "pub.request", "reply2");
  answer(derek, "pub.special.request.new", "reply3");
  // Within their own accounts.
  answer(derek, "derek.sub", "private");
  await derek.flush();
  answer(ivan, "ivan.sub", "private");
  ivan.subscribe("bar", { callback: () => {} });
  await ivan.flush();

  const expectReply = async (client: NatsConnection, subject: string, text: string) => {
    const reply = await client.request(subject, "request", { timeout: 10_000 });
    assertEquals(reply.string(), text);
  };
  const expectSilence = (subject: string) =>
    assertRejects(() => ivan.request(subject, "request", { timeout: 100 }));
  const expectPrivate = async () => {
    await expectReply(ivan, "ivan.sub", "private");
    await expectReply(derek, "derek.sub", "private");
  };
  await expectReply(ivan, "foo", "reply1");
  await expectReply(ivan, "bar", "reply2");
  await expectSilence("baz");
  await expectPrivate();

  await server.reload(
    config(
      `{service: "pub.special.request.new", accounts: [nats.io]}`,
      `{service: {account: "synadia", subject: "pub.special.request.new"}, to: "baz"}`,
    ),
  );
  await expectReply(ivan, "foo", "reply1");
  await expectSilence("bar");
  await expectReply(ivan, "baz", "reply3");
  await expectPrivate();
});

Deno.test("TestConfigReloadAccounts", async () => {
  const config = (more: string) =>
    LISTEN + `
    system_account: SYS
    accounts {
      SYS { users = [ {user: sys, password: pwd} ] }
      ACC { users = [ {user: usr, password: pwd} ] }
      ${more}
    }`;
  await using server = await reloadServer(
    config(`acc_deleted_after_reload_will_trigger_reload_of_all_accounts {
      users = [ {user: notused, password: soon} ]
    }`),
  );
  const before = server.account("SYS");
  const checkState = (): void => {
    const { core, options } = server.server;
    assertStrictEquals(core.systemAccount, before);
    assertStrictEquals(server.account(options.systemAccount), before);
    assertEquals(options.systemAccount, "SYS");
  };
  const listen = async (name: string): Promise<Inbox[]> => {
    const client = await server.connect({ user: "sys", pass: "pwd", name });
    const inboxes = ["CONNECT", "DISCONNECT"].map((event) =>
      new Inbox(client, `$SYS.ACCOUNT.ACC.${event}`)
    );
    await client.flush();
    return inboxes;
  };
  const comeAndGo = async (name: string, inboxes: readonly Inbox[]): Promise<void> => {
    const client = await server.connect({ user: "usr", pass: "pwd", name });
    await client.close();
    for (const inbox of inboxes) {
      const message = await inbox.next(1000);
      assertEquals(message?.json<{ client: { name: string } }>().client.name, name);
      assertEquals(inbox.count, 0);
    }
  };
  checkState();
  const first = await listen("SYS1");
  await comeAndGo("BEFORE1", first);
  await comeAndGo("BEFORE2", first);
  await server.reload(config(""));
  checkState();
  const both = [...first, ...await listen("SYS2")];
  await comeAndGo("AFTER1", both);
  await comeAndGo("AFTER2", both);
});

Deno.test("TestConfigReloadDefaultSystemAccount", async () => {
  await using server = await reloadServer(
    LISTEN + `accounts { ACC { users = [ {user: usr, password: pwd} ] } }`,
  );
  const { core } = server.server;
  const system = core.systemAccount!;
  const { count } = system.sublist;
  assertStrictEquals(core.accounts.get(system.name), system);
  await server.reload();
  assertStrictEquals(core.systemAccount, system);
  assertEquals(system.sublist.count, count);
  assertStrictEquals(core.accounts.get(system.name), system);
});

Deno.test("TestConfigReloadAccountMappings", async () => {
  const config = (mappings: string) =>
    LISTEN + `accounts { ACC { users = [{user: usr, password: pwd}]\n ${mappings} } }`;
  await using server = await reloadServer(config("mappings = { foo: bar }"));
  await server.reload(config("mappings = { foo: baz }"));
  const client = await server.accepted({ user: "usr", pass: "pwd" });
  await client.send("SUB foo foo\r\nSUB baz baz\r\nPUB foo 0\r\n\r\n");
  assertEquals((await client.message()).sid, "baz");
  await client.flush();
  await server.reload(config(""));
  await client.send("PUB foo 0\r\n\r\n");
  assertEquals((await client.message()).sid, "foo");
  await client.flush();
});

Deno.test("TestConfigReloadWithSysAccountOnly", async () => {
  await using server = await reloadServer(
    LISTEN + `accounts {
      $SYS { users = [{user: "system", pass: "password"}, {user: "system2", pass: "password2"}] }
    }`,
  );
  const client = await server.accepted();
  await server.reload();
  // Whoever is sent away is sent away by now.
  await client.flush();
});

Deno.test("TestAccountReloadServiceImportPanic", async () => {
  await using server = await reloadServer(
    LISTEN + `accounts {
      A { users = [ { user: "a", pass: "p" } ], exports [ { service: "HELP" } ] }
      B {
        users = [ { user: "b", pass: "p" } ]
        imports [ { service: { account: A, subject: "HELP"} } ]
      }
      $SYS { users = [ { user: "admin", pass: "s3cr3t!" } ] }
    }`,
  );
  const service = await server.connect({ user: "a", pass: "p" });
  service.subscribe("HELP", { callback: (_, message) => void message.respond("OK") });
  await service.flush();
  const client = await server.connect({ user: "b", pass: "p" });
  let requests = 0;
  let responses = 0;
  client.subscribe("reply", { callback: () => void responses++ });
  let done = false;
  const publishing = (async () => {
    while (!done) {
      for (let i = 0; i < 10; i++, requests++) client.publish("HELP", "HELP", { reply: "reply" });
      await client.flush();
    }
  })();
  // The Go test reloads 1000 times, to meet its locks in each state.
  for (let i = 0; i < 100; i++) await server.reload();
  done = true;
  await publishing;
  await until(() => responses === requests, () => `${requests} requests, ${responses} responses`);
});
