// Ports: server/norace_2_test.go
/**
 * Producers wait a little for receivers that fall behind.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { STALL_MS } from "../../../src/client/mod.ts";
import { connz } from "../../../src/monitor/mod.ts";
import { testServer, until } from "../../harness/server.ts";

Deno.test("TestNoRaceProducerStallLimits", async () => {
  await using server = await testServer();
  const { client: slowClient, connection: slow } = await server.rawWithConnection({ name: "slow" });
  await slowClient.send("SUB foo 1\r\n");
  await slowClient.flush();
  // The receiver's bytes do not leave, and more than a producer waits for is pending.
  const inner = slow.transport;
  const gate = Promise.withResolvers<void>();
  slow.replaceTransport({
    local: inner.local,
    remote: inner.remote,
    tls: inner.tls,
    read: (target) => inner.read(target),
    write: async (bytes) => {
      await gate.promise;
      return await inner.write(bytes);
    },
    close: () => inner.close(),
  });
  const fast = await server.rawLogin({ name: "fast" });
  await fast.flush();
  const megabyte = 1024 * 1000;
  await fast.send(`PUB foo ${megabyte}\r\n${"x".repeat(megabyte)}\r\n`.repeat(4));
  await until(() => slow.out.length > 2 * 1024 * 1024);
  await fast.flush();

  /** How long the producer is held up by a batch of so many messages. */
  const heldUpMs = async (count: number): Promise<number> => {
    const stalls = slow.stalls;
    await fast.send("PUB foo bar 5\r\nHELLO\r\n".repeat(count));
    await until(() => slow.stalls > stalls);
    const startMs = performance.now();
    await fast.flush();
    return performance.now() - startMs;
  };
  // However many messages are read at once, they cost one wait, whose length is bounded.
  for (const count of [1, 10]) {
    const stalls = slow.stalls;
    const elapsedMs = await heldUpMs(count);
    assert(elapsedMs <= STALL_MS + 20, `held up for ${elapsedMs} ms`);
    assertEquals(slow.stalls, stalls + 1);
  }
  assert(slow.stalls > 0);
  const shown = connz(server.server).connections!.find(({ cid }) => cid === slow.id)!;
  assert(shown.stalls! >= 1);
  assert(server.server.core.stats.stalls >= 1);
  gate.resolve();
  await slowClient.messages(4);
});
