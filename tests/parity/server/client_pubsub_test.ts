// Ports: server/client_test.go
/**
 * Publishing, subscribing and unsubscribing.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { PONG } from "../../harness/raw_client.ts";
import { Inbox, testServer, until } from "../../harness/server.ts";

const HELLO = { subject: "foo", sid: "1", reply: "", headers: "", body: "hello" };

Deno.test("TestClientSimplePubSub", async () => {
  await using server = await testServer();
  const client = await server.rawLogin();
  await client.send("SUB foo 1\r\nPUB foo 5\r\nhello\r\nPING\r\n");
  assertEquals(await client.message(), HELLO);
});

Deno.test("TestClientPubSubNoEcho", async () => {
  await using server = await testServer();
  const client = await server.rawLogin({ echo: false });
  await client.send("SUB foo 1\r\nPUB foo 5\r\nhello\r\nPING\r\n");
  await client.expect(PONG);
  await client.expectNothing();
});

Deno.test("TestClientSimplePubSubWithReply", async () => {
  await using server = await testServer();
  const client = await server.rawLogin();
  await client.send("SUB foo 1\r\nPUB foo bar 5\r\nhello\r\nPING\r\n");
  assertEquals(await client.message(), { ...HELLO, reply: "bar" });
});

Deno.test("TestClientNoBodyPubSubWithReply", async () => {
  await using server = await testServer();
  const client = await server.rawLogin();
  await client.send("SUB foo 1\r\nPUB foo bar 0\r\n\r\nPING\r\n");
  assertEquals(await client.message(), { ...HELLO, reply: "bar", body: "" });
});

Deno.test("TestClientPubWithQueueSub", async () => {
  await using server = await testServer();
  const client = await server.rawLogin();
  const publishes = "PUB foo bar 5\r\nhello\r\n".repeat(100);
  await client.send(`SUB foo g1 1\r\nSUB foo g1 2\r\n${publishes}`);
  const sids = (await client.messages(100)).map((message) => message.sid);
  await client.flush();
  for (const sid of ["1", "2"]) {
    assert(sids.filter((each) => each === sid).length >= 20, `sid ${sid}`);
  }
});

Deno.test("TestClientPubWithQueueSubNoEcho", async () => {
  await using server = await testServer();
  const silent = await server.connect();
  server.connection(silent.info!.client_id).echo = false;
  const own = new Inbox(silent, "foo", "bar");
  await silent.flush();
  const other = await server.connect();
  const inbox = new Inbox(other, "foo", "bar");
  await other.flush();
  for (let i = 0; i < 100; i++) silent.publish("foo", "Hello");
  await silent.flush();
  await other.flush();
  await until(() => inbox.count === 100);
  assertEquals(own.count, 0);
});

Deno.test("TestClientUnSub", async () => {
  await using server = await testServer();
  const client = await server.rawLogin();
  await client.send("SUB foo 1\r\nSUB foo 2\r\nUNSUB 1\r\nPUB foo bar 5\r\nhello\r\n");
  assertEquals(await client.message(), { ...HELLO, sid: "2", reply: "bar" });
  await client.flush();
});

Deno.test("TestClientUnSubMax", async () => {
  await using server = await testServer();
  const client = await server.rawLogin();
  const publishes = "PUB foo bar 5\r\nhello\r\n".repeat(10);
  await client.send(`SUB foo 1\r\nUNSUB 1 5\r\n${publishes}`);
  for (const message of await client.messages(5)) assertEquals(message.sid, "1");
  await client.flush();
});

Deno.test("TestClientAutoUnsubExactReceived", async () => {
  await using server = await testServer();
  const { client, connection } = await server.rawWithConnection();
  await client.send("SUB foo 1\r\nUNSUB 1 1\r\nPUB foo bar 2\r\nok\r\n");
  await client.message();
  await client.flush();
  assertEquals(connection.subscriptions.size, 0);
});

Deno.test("TestClientUnsubAfterAutoUnsub", async () => {
  await using server = await testServer();
  const { client, connection } = await server.rawWithConnection();
  await client.send("SUB foo 1\r\nUNSUB 1 1\r\nUNSUB 1\r\n");
  await client.flush();
  assertEquals(connection.subscriptions.size, 0);
});

Deno.test("TestClientRemoveSubsOnDisconnect", async () => {
  await using server = await testServer({ noSystemAccount: true });
  const client = await server.rawLogin();
  await client.send("SUB foo 1\r\nSUB bar 2\r\n");
  await client.flush();
  assertEquals(server.server.subscriptionCount, 2);
  client.close();
  await until(() => server.server.subscriptionCount === 0);
});

Deno.test("TestClientDoesNotAddSubscriptionsWhenConnectionClosed", async () => {
  await using server = await testServer({ noSystemAccount: true });
  const { client, connection } = await server.rawWithConnection();
  await client.flush();
  const sent = client.send("SUB foo 1\r\nSUB bar 2\r\n");
  connection.close("Client Closed");
  await sent;
  await client.expectEnd();
  assertEquals(server.server.core.globalAccount.sublist.count, 0);
});

Deno.test("TestTwoTokenPubMatchSingleTokenSub", async () => {
  await using server = await testServer();
  const client = await server.rawLogin();
  const publish = "PUB foo.bar 5\r\nhello\r\n";
  await client.send(`${publish}SUB foo 1\r\nPING\r\n${publish}PING\r\n`);
  await client.expect(PONG);
  await client.expect(PONG);
});

Deno.test("TestUnsubRace", async () => {
  await using server = await testServer();
  const receiver = await server.connect();
  const sender = await server.connect();
  const subscription = receiver.subscribe("foo", { callback: () => {} });
  await receiver.flush();
  for (let i = 0; i < 10_000; i++) {
    sender.publish("foo", "hello");
    if (i === 5000) {
      void sender.flush();
      subscription.unsubscribe();
    }
  }
  await sender.flush();
  await receiver.flush();
});

Deno.test("TestWildcardCharsInLiteralSubjectWorks", async () => {
  await using server = await testServer();
  const client = await server.connect();
  const subject = "foo.bar,*,>,baz";
  for (let i = 0; i < 2; i++) {
    const inbox = new Inbox(client, subject);
    await client.flush();
    client.publish(subject, "msg");
    assert((await inbox.next(1000)) !== null);
    inbox.subscription.unsubscribe();
  }
});

Deno.test("TestClientMaxPending", async () => {
  await using server = await testServer({ maxPending: 2 ** 31 });
  const client = await server.connect();
  const inbox = new Inbox(client, "foo");
  client.publish("foo", "msg");
  assert((await inbox.next()) !== null);
});

Deno.test("TestClientCheckUseOfGWReplyPrefix", async () => {
  await using server = await testServer();
  const client = await server.rawLogin();
  await client.send("PUB _GR_.anything 11\r\nshould fail\r\n");
  await client.expect(/^-ERR 'Permissions Violation for Publish to "_GR_\.anything"'\r\n/);
  await client.send("PUB foo _GR_.anything 11\r\nshould fail\r\n");
  await client.expect(
    /^-ERR 'Permissions Violation for Publish with Reply of "_GR_\.anything"'\r\n/,
  );
});

Deno.test("TestClientRejectsNRGSubjects", async (t) => {
  await using server = await testServer(
    {},
    `accounts: {
       A: { users: [ { user: nat, password: pass } ] }
       $SYS { users = [ { user: "admin", pass: "s3cr3t!" } ] }
     }
     no_auth_user: nat`,
  );
  await t.step("System", async () => {
    const client = await server.rawLogin({ user: "admin", pass: "s3cr3t!" });
    await client.send("PUB $NRG.foo 0\r\n\r\n");
    await client.flush();
  });
  await t.step("Normal", async () => {
    const client = await server.rawLogin();
    await client.send("PUB $NRG.foo 0\r\n\r\n");
    await client.expect(/^-ERR 'Permissions Violation for Publish to "\$NRG\.foo"'\r\n/);
  });
});
