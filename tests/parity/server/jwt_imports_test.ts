/**
 * Ports: server/jwt_test.go, the tests of exports, imports and their activations.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Account } from "../../../src/core/account/account.ts";
import { createAccount, encodeActivation, type KeyPair, nowS } from "../../harness/jwt.ts";
import { ERR, PONG, type RawClient } from "../../harness/raw_client.ts";
import { until } from "../../harness/server.ts";
import { type JwtServer, jwtServer } from "./_jwt.ts";

/** Imports that the account's own JWT states. */
function stated({ serviceImports }: Account): number {
  return serviceImports.filter(({ internal }) => !internal).length;
}

/** Shadows of the only subscription of an account's only client. */
function shadowsOf(server: JwtServer, account: KeyPair): number {
  const [connection] = server.test.account(account.getPublicKey()).connections;
  return connection!.subscriptions.get("1")!.shadows?.length ?? 0;
}

async function expectPong(client: RawClient): Promise<void> {
  await client.send("PING\r\n");
  assertEquals(await client.line(), "PONG");
}

async function expectMsg(client: RawClient, subject: string, payload: string): Promise<void> {
  await client.send("PING\r\n");
  const message = await client.message();
  assertEquals([message.subject, message.body], [subject, payload]);
  assertEquals(await client.line(), "PONG");
}

async function publish(client: RawClient, subject: string, payload: string): Promise<void> {
  await client.send(`PUB ${subject} ${payload.length}\r\n${payload}\r\n`);
  await expectPong(client);
}

Deno.test("TestJWTAccountBasicImportExport", async () => {
  await using server = await jwtServer();
  const foo = createAccount();
  const bar = createAccount();
  const account = foo.getPublicKey();
  server.addAccount(foo, {
    exports: [
      { subject: "foo", type: "stream" },
      { subject: "private", type: "stream", token_req: true },
      { subject: "req.echo", type: "service", token_req: true },
      { subject: "req.add", type: "service", token_req: true },
    ],
  });
  const { exports } = await server.account(foo);
  assertEquals(exports.streams.size, 2);
  assertEquals(exports.services.size, 2);
  assert(exports.streams.has("foo"));
  assert(exports.services.get("req.echo")!.rule.tokenRequired);

  const service = { account, subject: "req.echo", type: "service" };
  server.addAccount(bar, {
    imports: [{ account, subject: "foo", to: "import.foo", type: "stream" }, service],
  });
  const live = await server.account(bar);
  assertEquals(live.streamImports.length, 1);
  assertEquals(stated(live), 0);

  // A JWT with a token that is none does not pass validation, so that nothing of it is taken over.
  const bad = server.addAccount(bar, { imports: [{ ...service, token: "not a token" }] });
  assert(server.test.server.operators!.update(live, bad) !== null);
  assertEquals(stated(live), 0);

  const token = encodeActivation(bar, foo, "service", "req.echo");
  await server.update(bar, { imports: [{ ...service, token }] });
  assertEquals(stated(live), 1);

  const stream = { account, subject: "private", to: "import.private", type: "stream" };
  await server.update(bar, { imports: [stream] });
  assertEquals(live.streamImports.length, 0);
  const streamToken = encodeActivation(bar, foo, "stream", "private");
  await server.update(bar, { imports: [{ ...stream, token: streamToken }] });
  assertEquals(live.streamImports.length, 1);
});

Deno.test("TestJWTAccountExportWithResponseType", async () => {
  await using server = await jwtServer();
  const foo = createAccount();
  const type = "service";
  server.addAccount(foo, {
    exports: [
      { subject: "test.stream", type, response_type: "Stream" },
      { subject: "test.chunk", type, response_type: "Chunked" },
      { subject: "test.single", type, response_type: "Singleton", token_req: true },
      { subject: "test.def", type, token_req: true },
      { subject: "test.old", type },
    ],
  });
  const { services } = (await server.account(foo)).exports;
  assertEquals(
    [...services].map(([subject, one]) => [subject, one.rule.tokenRequired, one.responseType])
      .sort(),
    [
      ["test.chunk", false, "Chunked"],
      ["test.def", true, "Singleton"],
      ["test.old", false, "Singleton"],
      ["test.single", true, "Singleton"],
      ["test.stream", false, "Streamed"],
    ],
  );
  assertEquals(services.get("test.old")!.rule.approved, null);
});

Deno.test("TestJWTAccountImportExportUpdates", async () => {
  await using server = await jwtServer();
  const foo = createAccount();
  const bar = createAccount();
  const open = { exports: [{ subject: "foo", type: "stream" }] };
  const importing = {
    imports: [
      { account: foo.getPublicKey(), subject: "foo", to: "import", type: "stream" },
    ],
  };
  server.addAccount(foo, open);
  server.addAccount(bar, importing);
  const client = await server.client(bar);
  await client.expect(PONG);
  await client.send("SUB import.foo 1\r\n");
  await expectPong(client);
  const check = (expected: number): void => assertEquals(shadowsOf(server, bar), expected);
  check(1);
  await server.update(bar, {});
  check(0);
  await server.update(bar, importing);
  check(1);
  await server.update(foo, {});
  check(0);
  await server.update(foo, { exports: [{ subject: "foo", type: "stream", token_req: true }] });
  check(0);
  await server.update(foo, open);
  check(1);
});

Deno.test("TestJWTAccountImportActivationExpires", async () => {
  await using server = await jwtServer();
  const foo = createAccount();
  const bar = createAccount();
  server.addAccount(foo, { exports: [{ subject: "foo", type: "stream", token_req: true }] });
  await server.account(foo);
  const token = encodeActivation(bar, foo, "stream", "foo", { iat: nowS() - 10, exp: nowS() + 2 });
  server.addAccount(bar, {
    imports: [
      { account: foo.getPublicKey(), subject: "foo", to: "import.", type: "stream", token },
    ],
  });
  await server.account(bar);
  const client = await server.client(bar);
  await client.expect(PONG);
  await client.send("SUB import.foo 1\r\n");
  await expectPong(client);
  assertEquals(shadowsOf(server, bar), 1);
  await until(() => shadowsOf(server, bar) === 0);
});

Deno.test("TestJWTAccountServiceImportAuthSwitch", async () => {
  await using server = await jwtServer();
  const foo = createAccount();
  const bar = createAccount();
  const open = { exports: [{ subject: "ngs.usage.*", type: "service" }] };
  server.addAccount(foo, open);
  server.addAccount(bar, {
    imports: [
      {
        account: foo.getPublicKey(),
        subject: "ngs.usage",
        to: "ngs.usage.DEREK",
        type: "service",
      },
    ],
  });
  const requester = await server.client(bar);
  await requester.expect(PONG);
  const responder = await server.client(foo);
  await responder.expect(PONG);
  await responder.send("SUB ngs.usage.* 1\r\n");
  await expectPong(responder);
  await publish(requester, "ngs.usage", "hi");
  await expectMsg(responder, "ngs.usage.DEREK", "hi");
  await server.update(foo, {
    exports: [{ subject: "ngs.usage.*", type: "service", token_req: true }],
  });
  await publish(requester, "ngs.usage", "hi");
  await expectPong(responder);
  await server.update(foo, open);
  await publish(requester, "ngs.usage", "hi");
  await expectMsg(responder, "ngs.usage.DEREK", "hi");
});

Deno.test("TestJWTAccountServiceImportExpires", async () => {
  await using server = await jwtServer();
  const foo = createAccount();
  const bar = createAccount();
  const link = { account: foo.getPublicKey(), subject: "foo", type: "service" };
  server.addAccount(foo, { exports: [{ subject: "foo", type: "service" }] });
  server.addAccount(bar, { imports: [link] });
  const requester = await server.client(bar);
  await requester.expect(PONG);
  const responder = await server.client(foo);
  await responder.expect(PONG);
  await responder.send("SUB foo 1\r\n");
  await expectPong(responder);
  await publish(requester, "foo", "hi");
  await expectMsg(responder, "foo", "hi");
  await server.update(foo, { exports: [{ subject: "foo", type: "service", token_req: true }] });
  await publish(requester, "foo", "hi");
  await expectPong(responder);

  const exp = nowS() + 2;
  const token = encodeActivation(bar, foo, "service", "foo", { iat: nowS() - 10, exp });
  const live = await server.update(bar, { imports: [{ ...link, token }] });
  await publish(requester, "foo", "hi2");
  await expectMsg(responder, "foo", "hi2");
  await until(() => live.serviceImports.some(({ internal, invalid }) => !internal && invalid));
  await publish(requester, "foo", "hi3");
  await expectPong(responder);
});

/** An exporter with a signing key, and an importer with that key's activations for both exports. */
async function signedImports(
  server: JwtServer,
  issuer: (keys: { own: KeyPair; other: KeyPair }) => KeyPair,
) {
  const [exporter, signer, importer] = [createAccount(), createAccount(), createAccount()];
  const exports = [
    { subject: "foo", type: "service", token_req: true },
    { subject: "bar", type: "stream", token_req: true },
  ];
  server.addAccount(exporter, { exports, signing_keys: [signer.getPublicKey()] });
  const issuer_account = issuer({ own: exporter, other: importer }).getPublicKey();
  const link = (subject: string, type: "stream" | "service") => ({
    account: exporter.getPublicKey(),
    subject,
    type,
    token: encodeActivation(importer, signer, type, subject, {}, { issuer_account }),
  });
  server.addAccount(importer, { imports: [link("foo", "service"), link("bar", "stream")] });
  return { exporter, importer, exports, client: await server.client(importer) };
}

Deno.test("TestJWTAccountImportSignerRemoved", async () => {
  await using server = await jwtServer();
  const { exporter, importer, exports, client } = await signedImports(server, ({ own }) => own);
  await client.expect(PONG);
  const responder = await server.client(exporter);
  await responder.expect(PONG);
  await responder.send("SUB foo 1\r\n");
  await expectPong(responder);
  await publish(client, "foo", "hi");
  await expectMsg(responder, "foo", "hi");
  await client.send("SUB bar 1\r\n");
  await expectPong(client);
  assertEquals(shadowsOf(server, importer), 1);
  await publish(responder, "bar", "hi");
  await expectMsg(client, "bar", "hi");
  await server.update(exporter, { exports });
  await publish(client, "foo", "hi");
  await expectPong(responder);
  await publish(responder, "bar", "hi");
  await expectPong(client);
  assertEquals(shadowsOf(server, importer), 0);
});

Deno.test("TestJWTAccountImportWrongIssuerAccount", async () => {
  await using server = await jwtServer();
  const { client } = await signedImports(server, ({ other }) => other);
  assertEquals((await client.expect(ERR))[1], "'Authorization Violation'");
});

/** Streams that an account imports whose activation the exporter has revoked. */
async function revokedImports(storedBefore: boolean): Promise<number> {
  await using server = await jwtServer();
  const [foo, bar] = [createAccount(), createAccount()];
  const link = { subject: "foo.private", type: "stream", token_req: true };
  if (storedBefore) server.addAccount(foo, { exports: [link] });
  server.addAccount(bar, {
    imports: [{
      account: foo.getPublicKey(),
      subject: "foo.private",
      type: "stream",
      token: encodeActivation(bar, foo, "stream", "foo.private"),
    }],
  });
  server.addAccount(foo, { exports: [{ ...link, revocations: { [bar.getPublicKey()]: nowS() } }] });
  await server.account(foo);
  return (await server.account(bar)).streamImports.length;
}

Deno.test("TestJWTImportTokenRevokedAfter", async () => {
  assertEquals(await revokedImports(true), 0);
});

Deno.test("TestJWTImportTokenRevokedBefore", async () => {
  assertEquals(await revokedImports(false), 0);
});

Deno.test("TestJWTCircularAccountServiceImport", async () => {
  await using server = await jwtServer();
  const [foo, bar] = [createAccount(), createAccount()];
  const circular = (own: string, account: KeyPair, subject: string) => ({
    exports: [{ subject: own, type: "service", token_req: true }],
    imports: [{ account: account.getPublicKey(), subject, type: "service" }],
  });
  server.addAccount(foo, circular("foo", bar, "bar"));
  server.addAccount(bar, circular("bar", foo, "foo"));
  const client = await server.client(foo);
  await client.expect(PONG);
  await client.send("SUB foo 1\r\n");
  await expectPong(client);
});

Deno.test("TestJWTActivationRevocation", async (t) => {
  for (const all of [false, true]) {
    await t.step(all ? "all-key" : "specific-key", async (t) => {
      const [exporter, importer] = [createAccount(), createAccount()];
      const token = encodeActivation(importer, exporter, "stream", "foo");
      const link = { subject: "foo", type: "stream", token_req: true };
      const open = { exports: [link] };
      const key = all ? "*" : importer.getPublicKey();
      const revoked = { exports: [{ ...link, revocations: { [key]: nowS() } }] };
      const imports = [
        { account: exporter.getPublicKey(), subject: "foo", type: "stream", token },
      ];
      const start = async (first: Record<string, unknown>) => {
        const server = await jwtServer();
        server.addAccount(exporter, first);
        server.addAccount(importer, { imports });
        const publisher = await server.client(exporter);
        await publisher.expect(PONG);
        const subscriber = await server.client(importer);
        await subscriber.expect(PONG);
        await subscriber.send("SUB foo 1\r\n");
        await expectPong(subscriber);
        return { server, publisher, subscriber };
      };
      await t.step("token-expired-on-connect", async () => {
        const { server, publisher, subscriber } = await start(revoked);
        await using _server = server;
        await publish(publisher, "foo", "1");
        await expectPong(subscriber);
      });
      await t.step("token-expired-on-update", async () => {
        const { server, publisher, subscriber } = await start(open);
        await using _server = server;
        await publish(publisher, "foo", "1");
        await expectMsg(subscriber, "foo", "1");
        await server.update(exporter, revoked);
        await publish(publisher, "foo", "2");
        await expectPong(subscriber);
        await server.update(exporter, open);
        await publish(publisher, "foo", "3");
        await expectMsg(subscriber, "foo", "3");
      });
    });
  }
});
