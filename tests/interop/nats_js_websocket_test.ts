/**
 * The official JavaScript client over WebSocket against natsts.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { type NatsConnection, wsconnect } from "@nats-io/nats-core";
import { testServer } from "../harness/server.ts";

// The client keeps a timer of its own a moment after it was closed.
const relaxed = { sanitizeOps: false, sanitizeResources: false };

async function withClient(
  block: string,
  config: string,
  use: (nc: NatsConnection, connz: () => Record<string, unknown>[]) => Promise<void>,
  login: Record<string, unknown> = {},
): Promise<void> {
  await using server = await testServer(
    {},
    `websocket { host: "127.0.0.1", port: -1, no_tls: true, ${block} }\n${config}`,
  );
  const { url } = server.server.websocket!;
  const nc = await wsconnect({ servers: url, timeout: 10_000, ...login });
  const clients = () =>
    [...server.server.clients.values()].map(({ clientType }) => ({ clientType }));
  try {
    await use(nc, clients);
  } finally {
    await nc.close();
  }
}

for (const compression of [false, true]) {
  Deno.test(
    { name: `wsconnect publishes and requests, compression ${compression}`, ...relaxed },
    async () => {
      await withClient(`compression: ${compression}`, "", async (nc, clients) => {
        nc.subscribe("echo.>", { callback: (_, m) => void m.respond(m.data) });
        for (const size of [0, 1, 60, 200, 5000, 70_000, 1_000_000]) {
          const body = new Uint8Array(size).fill(size % 251);
          const answer = await nc.request(`echo.${size}`, body, { timeout: 10_000 });
          assertEquals(answer.data.length, size);
          assert(answer.data.every((byte) => byte === size % 251));
        }
        assertEquals(clients(), [{ clientType: "websocket" }]);
      });
    },
  );
}

Deno.test({ name: "wsconnect takes a stream's messages", ...relaxed }, async () => {
  const store = await Deno.makeTempDir();
  try {
    await withClient("", `jetstream { store_dir: "${store}" }`, async (nc) => {
      const manager = await jetstreamManager(nc, { timeout: 10_000 });
      await manager.streams.add({ name: "S", subjects: ["s.*"] });
      await manager.consumers.add("S", { durable_name: "c", ack_policy: "explicit" });
      const js = jetstream(nc, { timeout: 10_000 });
      for (let i = 0; i < 20; i++) await js.publish(`s.${i}`, `body ${i}`);
      const consumer = await js.consumers.get("S", "c");
      const seen: string[] = [];
      for await (const m of await consumer.fetch({ max_messages: 20, expires: 10_000 })) {
        seen.push(m.string());
        m.ack();
      }
      assertEquals(seen, Array.from({ length: 20 }, (_, i) => `body ${i}`));
    });
  } finally {
    await Deno.remove(store, { recursive: true });
  }
});

Deno.test(
  { name: "wsconnect logs in with the listener's own credentials", ...relaxed },
  async () => {
    const block = 'authorization { username: "web", password: "pw" }';
    await withClient(block, "", async (nc) => {
      assert(nc.info!.auth_required);
      await nc.flush();
    }, { user: "web", pass: "pw" });
  },
);
