// Ports: test/proto_test.go
/**
 * The protocol as a client without a library sees it.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ERR, OK } from "../../harness/raw_client.ts";
import { type TestServer, testServer, until } from "../../harness/server.ts";

function protoServer(): Promise<TestServer> {
  return testServer({ maxControlLine: 256, noSystemAccount: true });
}

const HELLO = { subject: "foo", reply: "", headers: "", body: "hello" };
const MESSAGE = { subject: "foo", reply: "", headers: "", body: "ok" };

Deno.test("TestProtoBasics", async () => {
  await using server = await protoServer();
  const client = await server.rawLogin();
  await client.flush();

  await client.send("SUB foo 1\r\nPUB foo 5\r\nhello\r\n");
  assertEquals(await client.message(), { ...HELLO, sid: "1" });

  await client.send("SUB * 2\r\nPUB foo 2\r\nok\r\n");
  const both = await client.messages(2);
  assertEquals(both.map((message) => message.sid).sort(), ["1", "2"]);
  for (const message of both) assertEquals(message, { ...MESSAGE, sid: message.sid });
});

Deno.test("TestProtoErr", async () => {
  await using server = await protoServer();
  const client = await server.rawLogin();
  await client.send("ZZZ");
  await client.expect(ERR);
});

Deno.test("TestUnsubMax", async () => {
  await using server = await protoServer();
  const client = await server.rawLogin();
  await client.send("SUB foo 22\r\n");
  await client.send("UNSUB 22 2\r\n");
  for (let i = 0; i < 100; i++) await client.send("PUB foo 2\r\nok\r\n");
  assertEquals(await client.messages(2), [
    { ...MESSAGE, sid: "22" },
    { ...MESSAGE, sid: "22" },
  ]);
  await client.flush();
});

/** Publishes 100 times and counts the messages by subscription. */
async function spread(subscriptions: string, wanted: number): Promise<Map<string, number>> {
  await using server = await protoServer();
  const client = await server.rawLogin();
  await client.send(subscriptions);
  for (let i = 0; i < 100; i++) await client.send("PUB foo 2\r\nok\r\n");
  const counts = new Map<string, number>();
  for (const { sid } of await client.messages(wanted)) {
    counts.set(sid, (counts.get(sid) ?? 0) + 1);
  }
  await client.flush();
  return counts;
}

Deno.test("TestQueueSub", async () => {
  const counts = await spread("SUB foo qgroup1 22\r\nSUB foo qgroup1 32\r\n", 100);
  assertEquals(counts.size, 2);
  for (const count of counts.values()) assert(count >= 35, `${count} of 100`);
});

Deno.test("TestMultipleQueueSub", async () => {
  const counts = await spread(
    "SUB foo g1 1\r\nSUB foo g1 2\r\nSUB foo g2 3\r\nSUB foo g2 4\r\n",
    200,
  );
  assertEquals(counts.size, 4);
  for (const count of counts.values()) assert(count >= 35, `${count} of 100`);
});

Deno.test("TestPubToArgState", async () => {
  await using server = await protoServer();
  const client = await server.rawLogin();
  await client.send("PUBS foo 2\r\nok\r\n");
  await client.expect(ERR);
});

Deno.test("TestSubToArgState", async () => {
  await using server = await protoServer();
  const client = await server.rawLogin();
  await client.send("SUBZZZ foo 1\r\n");
  await client.expect(ERR);
});

Deno.test("TestProtoCrash", async () => {
  await using server = await protoServer();
  const client = await server.raw();
  await client.info();
  await client.send(
    'CONNECT {"verbose":true,"tls_required":false,"user":"test","pedantic":true,' +
      '"pass":"password"}',
  );
  await client.expectNothing();
  await client.send("\r\n");
  await client.expect(OK);
});

Deno.test("TestDuplicateProtoSub", async () => {
  await using server = await protoServer();
  const client = await server.rawLogin();
  await client.flush();
  await client.send("SUB foo 1\r\n");
  await client.send("SUB foo 1\r\n");
  await until(() => server.server.subscriptionCount !== 0);
  await client.flush();
  assertEquals(server.server.subscriptionCount, 1);
});

Deno.test("TestIncompletePubArg", async () => {
  await using server = await protoServer();
  const client = await server.rawLogin();
  const size = 10_000;
  const good = "A".repeat(size) + "\r\n";
  const short = "B".repeat(3371);
  const broken = "C".repeat(size) + "\r\n";
  const pub = "PUB example 10000\r\n";
  await client.send(pub + good + pub + good + pub + short + pub + broken);
  await client.expect(ERR);
});

Deno.test("TestControlLineMaximums", async () => {
  await using server = await protoServer();
  const client = await server.rawLogin();
  await client.send("PUB foo " + "2222222222".repeat(32));
  await client.expect(ERR);
});

Deno.test("TestServerInfoWithClientAdvertise", async () => {
  await using server = await testServer({ clientAdvertise: "me:1" });
  const client = await server.raw();
  const info = await client.info();
  assertEquals([info.host, info.port], ["me", 1]);
});
