// Ports: test/fanout_test.go
/**
 * One publisher, very many subscriptions.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { testServer } from "../../harness/server.ts";

Deno.test("TestNoRaceHighFanoutOrdering", async () => {
  await using server = await testServer({ disableShortFirstPing: false });
  const connections = 100;
  const subscriptions = 100;
  const publishes = 500;
  const subject = `_INBOX.${crypto.randomUUID()}`;
  let open = connections * subscriptions;
  const outOfOrder: string[] = [];
  const allReceived = Promise.withResolvers<void>();
  for (let i = 0; i < connections; i++) {
    const client = await server.connect();
    for (let j = 0; j < subscriptions; j++) {
      let expected = 0;
      client.subscribe(subject, {
        callback: (_error, message) => {
          const number = (message.data[0]! << 8) | message.data[1]!;
          if (number !== expected) outOfOrder.push(`${number} instead of ${expected}`);
          expected++;
          if (expected === publishes && --open === 0) allReceived.resolve();
        },
      });
    }
    await client.flush();
  }
  const publisher = await server.connect();
  for (let i = 0; i < publishes; i++) {
    publisher.publish(subject, new Uint8Array([i >> 8, i & 255]));
    // In the one event loop of this test the receivers must get their turns.
    if (i % 10 === 9) await publisher.flush();
  }
  await allReceived.promise;
  assertEquals(outOfOrder, []);
});
