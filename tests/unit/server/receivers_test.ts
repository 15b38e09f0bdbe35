/**
 * Slow receivers and the choices that an operator has about them.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Connection } from "../../../src/core/connection/connection.ts";
import { CapturedLog } from "../../harness/captured_log.ts";
import { testServer, until } from "../../harness/server.ts";

/** Lets so many writes of `connection` leave, of at most 64 KiB each. */
function gate(connection: Connection): { writes: number } {
  const inner = connection.transport;
  const state = { writes: 0 };
  connection.replaceTransport({
    local: inner.local,
    remote: inner.remote,
    tls: inner.tls,
    read: (target) => inner.read(target),
    write: async (bytes) => {
      while (state.writes === 0 && !connection.closed) {
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      state.writes--;
      return connection.closed ? bytes.length : await inner.write(bytes.subarray(0, 65536));
    },
    close: () => inner.close(),
  });
  return state;
}

const megabyte = "x".repeat(1_000_000);
const publish = (count: number): string => `PUB foo 1000000\r\n${megabyte}\r\n`.repeat(count);

Deno.test("write_timeout: retry keeps a receiver that goes on reading", async () => {
  const logger = new CapturedLog();
  await using server = await testServer({ writeTimeout: "retry", writeDeadlineMs: 60, logger });
  const { client, connection } = await server.rawWithConnection();
  await client.send("SUB foo 1\r\n");
  await client.flush();
  const state = gate(connection);
  const publisher = await server.rawLogin();
  // The first piece leaves, the rest hangs past the deadline: slow, but not dead.
  state.writes = 1;
  const sent = publisher.send(publish(1));
  await until(() => connection.slowConsumer);
  assert(!connection.closed);
  state.writes = Infinity;
  await sent;
  assertEquals((await client.message()).body.length, 1_000_000);
  await until(() => !connection.slowConsumer);
  assertEquals(server.server.core.stats.slowConsumers > 0, true);
  assert(logger.texts("notice", "Slow Consumer Detected: WriteDeadline of 0.06s").length > 0);
  assertEquals(logger.texts("notice", "Slow Consumer Recovered").length, 1);
});

Deno.test("a producer pauses for a crowded receiver, and not with no_fast_producer_stall", async () => {
  for (const noFastProducerStall of [false, true]) {
    await using server = await testServer({
      noFastProducerStall,
      writeDeadlineMs: 60_000,
      maxPending: 4_000_000,
    });
    const { client, connection } = await server.rawWithConnection();
    await client.send("SUB foo 1\r\n");
    await client.flush();
    const state = gate(connection);
    const producer = await server.rawLogin();
    await producer.send(publish(3));
    await producer.flush();
    // Past three quarters of max_pending messages are left out instead of the producer held up.
    await producer.send(publish(3));
    await producer.flush();
    if (noFastProducerStall) {
      assertEquals(connection.stalls, 0);
      assert(!connection.closed);
      state.writes = Infinity;
      await until(() => connection.out.pendingBytes === 0);
      const received = connection.outMsgs;
      assert(received >= 3 && received < 6, `${received} messages`);
    } else {
      assert(connection.stalls > 0);
      await until(() => connection.closed);
      assertEquals(connection.closeReason, "Slow Consumer (Pending Bytes)");
    }
  }
});
