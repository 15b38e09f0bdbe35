/**
 * What reloads do beyond the reference's tests.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { connect as connectTcp } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { ReloadError } from "../../../src/reload/mod.ts";
import { CapturedLog } from "../../harness/captured_log.ts";
import { withCertificates } from "../../harness/certs.ts";
import { jsAccountOf, JsClient } from "../../harness/jetstream.ts";
import { expectViolation, LISTEN, reloadServer } from "../../harness/reload.ts";
import { Inbox, until } from "../../harness/server.ts";

const ANN = { user: "ann", pass: "a" };
const USERS = LISTEN + "authorization { users = [ {user: ann, password: a} ] }";

Deno.test("what is refused changes nothing of the rest", async () => {
  const log = new CapturedLog();
  await using server = await reloadServer(LISTEN, { logger: log });
  const { options } = server.server;
  const before = JSON.stringify(options);
  const count = log.lines.length;
  await assertRejects(
    () => server.reload(`${USERS}\nmax_payload: 10\ndebug: true\nmax_sub_tokens: 3`),
    ReloadError,
    "config reload not supported for MaxSubTokens: old=0, new=3",
  );
  assertEquals(JSON.stringify(options), before);
  assertEquals(log.lines.length, count);
  await server.accepted();
});

Deno.test("no secret is in the text of a refusal", async () => {
  const config = (key: string) => (folder: string) =>
    LISTEN + `jetstream { store_dir: "${folder}/js", key: "${key}", cipher: aes }`;
  await using server = await reloadServer(config("hush-one"));
  const error = await assertRejects(
    () => server.reload(config("hush-two")(server.folder)),
    ReloadError,
  );
  assertStringIncludes(error.message, "not supported for JetStreamKey");
  assert(!error.message.includes("hush"), error.message);
});

Deno.test("reloads that come together are taken one after the other", async () => {
  await using server = await reloadServer(LISTEN);
  await server.write(LISTEN + "max_payload: 100");
  await Promise.all([
    server.reload(),
    server.server.reloadOptions({ host: "127.0.0.1", port: -1, maxPayload: 200 }),
    server.server.reloadOptions({ host: "127.0.0.1", port: -1, maxPayload: 300 }),
  ]);
  assertEquals(server.server.options.maxPayload, 300);
});

Deno.test("a reload while the server stops does nothing", async () => {
  await using server = await reloadServer(LISTEN);
  const stopped = server.server.stop();
  await server.reload(LISTEN + "max_payload: 100");
  await stopped;
  assertEquals(server.server.options.maxPayload, 1024 * 1024);
});

Deno.test("users are gone when a single user takes their place", async () => {
  await using server = await reloadServer(USERS);
  const client = await server.accepted(ANN);
  await server.reload(LISTEN + "authorization { user: bob, password: b }");
  assertEquals(await client.expectEnd(), "");
  await server.refused(ANN);
  await server.accepted({ user: "bob", pass: "b" });
});

Deno.test("who has not sent CONNECT has no rights of former times", async () => {
  await using server = await reloadServer(LISTEN);
  const silent = await server.raw();
  await silent.info();
  await silent.send("PING\r\n");
  await silent.expect(/^PONG\r\n/);
  await server.reload(USERS);
  await expectViolation(silent);
  // Who comes now must say who it is, and is asked when it does.
  const late = await server.raw();
  const { auth_required } = await late.info();
  assertEquals(auth_required, true);
  await server.reload(USERS.replace("password: a", "password: b"));
  await late.send(`CONNECT {"user":"ann","pass":"b","verbose":false}\r\n`);
  await late.flush();
});

Deno.test("an embedder is asked again and may send clients away", async () => {
  let admitted = true;
  await using server = await reloadServer(LISTEN, {
    authenticate: () => admitted ? {} : null,
  });
  const client = await server.accepted({ user: "x" });
  await server.reload();
  await client.flush();
  admitted = false;
  await server.reload();
  await expectViolation(client);
});

Deno.test("clients whose certificates are not pinned any more are closed", () =>
  withCertificates(async ({ factory, ca, server: pair, client: own }) => {
    const other = await factory.issue("other", { subject: "CN=other" }, ca);
    const config = (more: string) =>
      LISTEN + `tls { cert_file: "${pair.certFile}", key_file: "${pair.keyFile}"
        ca_file: "${ca.certFile}", verify: true, ${more} }`;
    const pins = (...certificates: { keyId: string }[]) =>
      `pinned_certs: [${certificates.map(({ keyId }) => `"${keyId}"`).join()}]`;
    await using server = await reloadServer(config(pins(own, other)));
    const open = async (certificate: typeof own): Promise<TLSSocket> => {
      const socket = connectTcp(server.port, "127.0.0.1");
      await new Promise((resolve) => socket.once("data", resolve));
      const tls = connectTls({
        socket,
        rejectUnauthorized: false,
        cert: certificate.certPem,
        key: certificate.keyPem,
      });
      tls.on("error", () => {});
      await new Promise<void>((resolve) => tls.once("secureConnect", () => resolve()));
      return tls;
    };
    const sockets = [await open(own), await open(other)];
    await server.clientsCount(2);
    await until(() =>
      [...server.server.clients.values()].every(({ transport }) => transport.tls !== null)
    );
    // Nothing of the pins has changed: nobody is looked at.
    await server.reload(config(`${pins(own, other)}, timeout: 3`));
    assertEquals(server.server.clients.size, 2);
    await server.reload(config(pins(own)));
    await server.clientsCount(1);
    for (const socket of sockets) socket.destroy();
    await server.clientsCount(0);
  }));

Deno.test("JetStream is turned off and on, and its streams are there again", async () => {
  const log = new CapturedLog();
  const on = (folder: string) => LISTEN + `jetstream { store_dir: "${folder}/js" }`;
  await using server = await reloadServer(on, { logger: log });
  const js = new JsClient(await server.connect());
  await js.addStream({ name: "S", subjects: ["s"] });
  await js.request("s", "1");
  await server.reload(LISTEN);
  await assertRejects(() => js.nc.request("$JS.API.INFO", "", { timeout: 500 }));
  assertEquals(server.server.info.jetstream, false);
  await server.reload(on(server.folder));
  assertEquals((await js.streamInfo("S")).state.messages, 1);
  assertEquals((await js.request("s", "2")).seq, 2);
  assertEquals(log.texts("notice", "Restarting JetStream").length, 1);
});

Deno.test("JetStream comes to accounts, changes its limits there, and goes", async () => {
  const config = (jetStream: string) => (folder: string) =>
    LISTEN + `jetstream { store_dir: "${folder}/js" }
    accounts { A { users: [ {user: ann, password: a} ]\n ${jetStream} } }`;
  await using server = await reloadServer(config(""));
  const js = new JsClient(await server.connect(ANN));
  const refused = () => assertRejects(() => js.api("INFO"));
  await refused();
  await server.reload(config("jetstream: {max_streams: 1}")(server.folder));
  await js.addStream({ name: "S", subjects: ["s"] });
  await assertRejects(() => js.addStream({ name: "T", subjects: ["t"] }), Error, "maximum");
  await server.reload(config("jetstream: {max_streams: 2}")(server.folder));
  await js.addStream({ name: "T", subjects: ["t"] });
  assertEquals(jsAccountOf(server, "A").streams.size, 2);
  assertEquals((await js.request("s", "1")).seq, 1);
  await server.reload(config("")(server.folder));
  await refused();
});

Deno.test("limits of accounts come and go", async () => {
  const config = (limits: string) =>
    LISTEN + `accounts { A { users: [ {user: ann, password: a} ]\n ${limits} } }`;
  await using server = await reloadServer(config("limits { max_payload: 4, max_subs: 2 }"));
  const client = await server.accepted(ANN);
  await server.reload(config(""));
  await client.send("SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nPUB a 5\r\nhello\r\n");
  assertEquals((await client.message()).body, "hello");
  await server.reload(config("limits { max_payload: 4 }"));
  await client.send("PUB a 5\r\nhello\r\n");
  assertStringIncludes(await client.expectEnd(), "-ERR 'Maximum Payload Violation'");
});

Deno.test("what a user may publish changes also where a subject was published before", async () => {
  const config = (allow: string) =>
    LISTEN + `authorization { users = [
      {user: ann, password: a, permissions: { publish: "${allow}", subscribe: ">" }} ] }`;
  await using server = await reloadServer(config("x.>"));
  const client = await server.accepted(ANN);
  await client.send("SUB > 1\r\nPUB x.1 0\r\n\r\n");
  await client.message();
  await server.reload(config("y.>"));
  await client.send("PUB x.1 0\r\n\r\n");
  assertEquals(await client.line(), `-ERR 'Permissions Violation for Publish to "x.1"'`);
  await server.reload(config("x.>"));
  await client.send("PUB x.1 0\r\n\r\n");
  await client.message();
});

Deno.test("accounts that come and go leave nothing behind", async () => {
  const linked = LISTEN + `accounts {
    A { users: [ {user: ann, password: a} ], exports: [ {service: "help"}, {stream: "news"} ] }
    B { users: [ {user: bob, password: b} ], imports: [
      {service: {account: A, subject: "help"}}, {stream: {account: A, subject: "news"}} ] }
  }`;
  const alone = LISTEN + `accounts { A { users: [ {user: ann, password: a} ] } }`;
  await using server = await reloadServer(alone);
  const ann = await server.connect(ANN);
  ann.subscribe("help", { callback: (_, message) => void message.respond("yes") });
  await ann.flush();
  const counts = new Set<number>();
  for (let i = 0; i < 3; i++) {
    await server.reload(linked);
    const bob = await server.connect({ user: "bob", pass: "b" });
    const news = new Inbox(bob, "news");
    await bob.flush();
    assertEquals((await bob.request("help", "", { timeout: 10_000 })).string(), "yes");
    ann.publish("news", "new");
    assertEquals((await news.next())?.string(), "new");
    await server.reload(alone);
    await bob.closed();
    assertEquals(server.server.core.accounts.has("B"), false);
    counts.add(server.server.subscriptionCount);
  }
  assertEquals(counts.size, 1, `${[...counts]}`);
});
