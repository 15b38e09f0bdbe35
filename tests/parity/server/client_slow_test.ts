// Ports: server/client_test.go
/**
 * Receivers that are slow, and what the server makes of them.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Inbox, testServer, until } from "../../harness/server.ts";
import type { Transport } from "../../../src/platform/mod.ts";
import type { Connection } from "../../../src/core/connection/connection.ts";

/** Puts `write` in the place of the connection's own. */
function slowDown(
  connection: Connection,
  write: (inner: Transport, bytes: Uint8Array) => Promise<number>,
): void {
  const inner = connection.transport;
  connection.replaceTransport({
    local: inner.local,
    remote: inner.remote,
    tls: inner.tls,
    read: (target) => inner.read(target),
    write: (bytes) => write(inner, bytes),
    close: () => inner.close(),
  });
}

Deno.test("TestClientNoSlowConsumerIfConnectExpected", async () => {
  // The kernel takes INFO at once, so the write itself must be held up here.
  await using server = await testServer({
    username: "ivan",
    password: "pass",
    writeDeadlineMs: 20,
    authTimeoutMs: 5000,
  });
  const { server: natsts } = server;
  const pair = natsts.connect();
  const connection = [...natsts.clients.values()][0]!;
  const { promise: never, resolve } = Promise.withResolvers<number>();
  slowDown(connection, () => never);
  connection.sendLine("INFO {}\r\n");
  await until(() => connection.closed);
  assertEquals(connection.closeReason, "Slow Consumer (Write Deadline)");
  assertEquals(natsts.core.stats.slowConsumers, 0);
  resolve(0);
  pair.close();
});

Deno.test("TestNoClientLeakOnSlowConsumer", async () => {
  await using server = await testServer();
  const { client, connection } = await server.rawWithConnection({ verbose: false });
  await client.send("SUB foo 1\r\n");
  await client.flush();
  connection.writeDeadlineMs = 1;
  const { promise: never, resolve } = Promise.withResolvers<number>();
  slowDown(connection, () => never);
  const publisher = await server.connect();
  const payload = new Uint8Array(1000);
  for (let i = 0; i < 100; i++) publisher.publish("foo", payload);
  await publisher.flush();
  await publisher.close();
  await server.clientsCount(0);
  resolve(0);
});

Deno.test("TestClientFlushOutboundNoSlowConsumer", async () => {
  // The reference sends 128 MiB at 8 MiB/s; here it is an eighth of the bytes, at no more than
  // 64 KiB per write and turn, which is as much slower than what is published.
  const messageBytes = 2 * 1024 * 1024;
  await using server = await testServer({
    maxPending: 140 * 1024 * 1024,
    maxPayload: messageBytes,
    writeDeadlineMs: 30_000,
  });
  const receiver = await server.connect();
  const inbox = new Inbox(receiver, "test");
  await receiver.flush();
  const connection = server.connection(receiver.info!.client_id);
  let open = false;
  slowDown(connection, async (inner, bytes) => {
    while (!open && !connection.closed) await new Promise((resolve) => setTimeout(resolve, 5));
    return await inner.write(bytes.subarray(0, 64 * 1024));
  });
  const publisher = await server.connect();
  const payload = new Uint8Array(messageBytes);
  for (let i = 0; i < 8; i++) publisher.publish("test", payload);
  await publisher.flush();
  assert(connection.out.pendingBytes > 4 * messageBytes);
  open = true;
  for (let i = 0; i < 8; i++) assertEquals((await inbox.next())!.data.length, messageBytes);
  assertEquals(server.server.core.stats.slowConsumers, 0);
});

Deno.test("TestPingNotSentTooSoon", async () => {
  await using server = await testServer();
  for (let i = 0; i < 20; i++) {
    const client = await server.connect();
    await client.close();
  }
  const { client, connection } = await server.rawWithConnection({ user: "ivan", pass: "bar" });
  await until(() => connection.connectReceived);
  // The client has not sent PING yet, and may be waiting for its PONG.
  assertEquals(connection.sendRttPing(), false);
  await client.expectNothing();
  // Two seconds later, without waiting for them.
  (connection as { startMonotonicMs: number }).startMonotonicMs -= 2001;
  assertEquals(connection.sendRttPing(), true);
  await client.expect(/^PING\r\n/);
});
