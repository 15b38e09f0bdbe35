// Ports: server/norace_1_test.go
/**
 * Receivers that do not read, receivers that do, and the memory of many of them.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { usedBytes } from "../../harness/memory.ts";
import { type TestServer, testServer, until } from "../../harness/server.ts";

const encoder = new TextEncoder();

/** A subscriber of `foo` that never reads. */
async function silentSubscriber(server: TestServer): Promise<Deno.TcpConn> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  await connection.write(encoder.encode("CONNECT {}\r\nPING\r\nSUB foo 1\r\n"));
  await until(() => server.server.subscriptionCount > 0);
  return connection;
}

/** Publishes until the only other connection is closed; returns why it was. */
async function floodUntilClosed(server: TestServer): Promise<string> {
  const silent = await silentSubscriber(server);
  const sender = await server.connect();
  const payload = new Uint8Array(1024 * 1024);
  for (let i = 0; i < 100 && server.server.closedConnections.total === 0; i++) {
    sender.publish("foo", payload);
    await sender.flush();
  }
  await until(() => server.server.closedConnections.total === 1, undefined, 2000);
  const [closed] = server.server.closedConnections.all();
  silent.close();
  return closed!.reason;
}

Deno.test("TestNoRaceClosedSlowConsumerPendingBytes", async () => {
  await using server = await testServer({
    noSystemAccount: true,
    writeDeadlineMs: 30_000,
    maxPending: 1024 * 1024,
  });
  assertEquals(await floodUntilClosed(server), "Slow Consumer (Pending Bytes)");
});

Deno.test("TestNoRaceClosedSlowConsumerWriteDeadline", async () => {
  await using server = await testServer({
    noSystemAccount: true,
    writeDeadlineMs: 10,
    maxPending: 500 * 1024 * 1024,
  });
  assertEquals(await floodUntilClosed(server), "Slow Consumer (Write Deadline)");
});

/** Whether writing to a connection that the server should have closed fails. */
async function writingFails(connection: Deno.TcpConn): Promise<boolean> {
  for (let i = 0; i < 100; i++) {
    try {
      await connection.write(encoder.encode("PUB bar 5\r\nhello\r\n"));
    } catch (_closed) {
      return true;
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return false;
}

async function expectCutOff(options: { writeDeadlineMs: number; maxPending?: number }) {
  await using server = await testServer({ noSystemAccount: true, ...options });
  const silent = await silentSubscriber(server);
  const sender = await server.connect();
  const payload = new Uint8Array(1_000_000);
  // The reference sends 100 to 1,000 of them whether the receiver is still there or not.
  for (let i = 0; i < 100 && server.server.closedConnections.total === 0; i++) {
    sender.publish("foo", payload);
    await sender.flush();
  }
  assert(await writingFails(silent));
  silent.close();
}

Deno.test("TestNoRaceSlowConsumerPendingBytes", () =>
  expectCutOff({ writeDeadlineMs: 30_000, maxPending: 1024 * 1024 }));

Deno.test("TestNoRaceWriteDeadline", () => expectCutOff({ writeDeadlineMs: 30 }));

Deno.test("TestNoRaceAvoidSlowConsumerBigMessages", async () => {
  // A fifth of the reference's 500 MiB: as much again as fits `max_pending`.
  const count = 100;
  await using server = await testServer({ noSystemAccount: true });
  const receiver = await server.connect();
  let received = 0;
  let failed = false;
  receiver.subscribe("slow.consumer", {
    callback: (error) => {
      if (error !== null) failed = true;
      else received++;
    },
  });
  await receiver.flush();
  const sender = await server.connect();
  const payload = crypto.getRandomValues(new Uint8Array(65536));
  const data = new Uint8Array(1024 * 1024);
  for (let at = 0; at < data.length; at += payload.length) data.set(payload, at);
  for (let i = 0; i < count; i++) sender.publish("slow.consumer", data);
  await sender.flush();
  await until(() => received === count, () => `received ${received} of ${count}`, 10_000);
  assert(!failed);
  assertEquals(server.server.core.stats.slowConsumers, 0);
});

Deno.test("TestNoRaceQueueAutoUnsubscribe", async () => {
  await using server = await testServer();
  const client = await server.connect();
  const total = 1000;
  const received = { bar: 0, baz: 0 };
  for (let i = 0; i < total; i++) {
    for (const queue of ["bar", "baz"] as const) {
      client.subscribe("foo", { queue, max: 1, callback: () => void received[queue]++ });
    }
  }
  await client.flush();
  for (let i = 0; i < total; i++) client.publish("foo", "Don't Drop Me!");
  await client.flush();
  await until(
    () => received.bar === total && received.baz === total,
    () => JSON.stringify(received),
  );
});

Deno.test("TestNoRaceClientOutboundQueueMemory", async () => {
  // 2,000 in-process clients for the reference's 50,000.
  const count = 2000;
  await using server = await testServer();
  const ends = Array.from({ length: count + 1 }, () => server.server.connect());
  const login = encoder.encode('CONNECT {"verbose":false}\r\nSUB test 1\r\nPING\r\n');
  const buffer = new Uint8Array(65536);
  const decoder = new TextDecoder();
  /** Reads until `size` bytes came, or a text did. */
  const read = async (index: number, done: (bytes: number, text: string) => boolean) => {
    let bytes = 0;
    let text = "";
    while (!done(bytes, text)) {
      const got = await ends[index]!.read(buffer);
      assert(got !== null);
      bytes += got;
      text = (text + decoder.decode(buffer.subarray(0, got))).slice(-200);
    }
  };
  for (let i = 0; i < count; i++) {
    await ends[i]!.write(login);
    await read(i, (_bytes, text) => text.endsWith("PONG\r\n"));
  }
  await read(count, (_bytes, text) => text.endsWith("\r\n"));
  const before = usedBytes();
  const payload = "x".repeat(48_000);
  const message = encoder.encode(`PUB test ${payload.length}\r\n${payload}\r\n`);
  for (let at = 0; at < message.length;) at += await ends[count]!.write(message.subarray(at));
  for (let i = 0; i < count; i++) {
    await read(i, (bytes) => bytes >= payload.length + "MSG test 1 48000\r\n\r\n".length);
  }
  assert([...server.server.clients.values()].every(({ out }) => out.pendingBytes === 0));
  const after = usedBytes();
  assert(after <= before * 1.1, `${before} bytes before, ${after} after`);
  for (const end of ends) end.close();
});
