// Ports: server/norace_2_test.go
/**
 * Producers wait a little for receivers that fall behind.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { STALL_MS } from "../../../src/client/mod.ts";
import { connz } from "../../../src/monitor/mod.ts";
import type { Connection } from "../../../src/core/connection/connection.ts";
import { EgressError } from "../../../src/core/trace/message_trace.ts";
import { CapturedLog } from "../../harness/captured_log.ts";
import { LISTEN, reloadServer } from "../../harness/reload.ts";
import { testServer, until } from "../../harness/server.ts";
import { nextTrace, openInbox, traceHeaders } from "./_msgtrace.ts";

/** Keeps what is sent to a client from leaving, until the returned function is called. */
function closeGate(to: Connection): () => void {
  const inner = to.transport;
  const gate = Promise.withResolvers<void>();
  to.replaceTransport({
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
  return gate.resolve;
}

Deno.test("TestNoRaceProducerStallLimits", async () => {
  await using server = await testServer();
  const { client: slowClient, connection: slow } = await server.rawWithConnection({ name: "slow" });
  await slowClient.send("SUB foo 1\r\n");
  await slowClient.flush();
  // The receiver's bytes do not leave, and more than a producer waits for is pending.
  const openGate = closeGate(slow);
  const fast = await server.rawLogin({ name: "fast" });
  await fast.flush();
  const megabyte = 1024 * 1000;
  await fast.send(`PUB foo ${megabyte}\r\n${"x".repeat(megabyte)}\r\n`.repeat(4));
  await until(() => slow.out.bufferedBytes > 2 * 1024 * 1024);
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
  openGate();
  await slowClient.messages(4);
});

Deno.test("TestNoRaceNoFastProducerStall", async () => {
  const log = new CapturedLog({ debug: true });
  const config = (off: boolean): string =>
    `${LISTEN}max_pending: 4MB, no_fast_producer_stall: ${off}`;
  await using server = await reloadServer(config(true), { logger: log });
  const { client: slowClient, connection: slow } = await server.rawWithConnection();
  await slowClient.send("SUB foo 1\r\n");
  await slowClient.flush();
  const traces = await openInbox(await server.connect(), "my.trace.subj");
  const producer = await server.connect();
  // More than a producer waits for is pending, and stays so.
  const openGate = closeGate(slow);
  const size = 800 * 1024;
  for (let i = 0; i < 4; i++) producer.publish("foo", new Uint8Array(size));
  await producer.flush();
  const publish = (): void =>
    producer.publish("foo", new Uint8Array(256), { headers: traceHeaders("my.trace.subj", true) });
  const expectTrace = async (error: string | undefined): Promise<void> => {
    const [egress, ...others] = (await nextTrace(traces)).events("eg");
    assertEquals([egress.cid, egress.error, others], [slow.id, error, []]);
  };
  const stalls = (): number => log.texts("debug", "fast producer stall").length;
  publish();
  await producer.flush();
  assertEquals(stalls(), 0);
  await expectTrace(EgressError.SlowConsumer);
  await server.reload(config(false));
  publish();
  await until(() => stalls() > 0);
  await expectTrace(undefined);
  openGate();
  const received = await slowClient.messages(5);
  assertEquals(received.map(({ body }) => body.length), [size, size, size, size, 256]);
});
