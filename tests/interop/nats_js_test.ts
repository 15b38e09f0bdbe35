/**
 * The official JavaScript client against natsts.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  connect,
  headers,
  type NatsConnection,
  NatsConnectionImpl,
  setTransportFactory,
} from "@nats-io/transport-node";
import { InProcessTransport, startServer } from "../../src/mod.ts";

async function withClient(
  options: Parameters<typeof startServer>[0],
  login: Record<string, unknown>,
  use: (nc: NatsConnection) => Promise<void>,
): Promise<void> {
  const server = await startServer({ ...options, host: "127.0.0.1", port: -1 });
  try {
    const nc = await connect({ servers: `127.0.0.1:${server.port}`, ...login });
    try {
      await use(nc);
    } finally {
      await nc.close();
    }
  } finally {
    await server.stop();
  }
}

// The client keeps a timer of its own a moment after it was closed.
const relaxed = { sanitizeOps: false, sanitizeResources: false };

Deno.test({ name: "nats.js publishes, subscribes and uses headers", ...relaxed }, async () => {
  await withClient({}, {}, async (nc) => {
    const sub = nc.subscribe("greet.*", { max: 2 });
    const head = headers();
    head.set("X-Test", "yes");
    nc.publish("greet.one", "hello");
    nc.publish("greet.two", "again", { headers: head });
    const seen: string[] = [];
    for await (const m of sub) seen.push(`${m.subject} ${m.string()} ${m.headers?.get("X-Test")}`);
    assertEquals(seen, ["greet.one hello undefined", "greet.two again yes"]);
  });
});

Deno.test({ name: "nats.js requests and is told of no responders", ...relaxed }, async () => {
  await withClient({}, {}, async (nc) => {
    nc.subscribe("double", { callback: (_, m) => void m.respond(`${Number(m.string()) * 2}`) });
    const answer = await nc.request("double", "21", { timeout: 2000 });
    assertEquals(answer.string(), "42");
    await assertRejects(() => nc.request("nobody", "", { timeout: 2000 }), Error, "no responders");
  });
});

Deno.test({ name: "nats.js shares work in a queue group", ...relaxed }, async () => {
  await withClient({}, {}, async (nc) => {
    let first = 0;
    let second = 0;
    nc.subscribe("work", { queue: "q", callback: () => void first++ });
    nc.subscribe("work", { queue: "q", callback: () => void second++ });
    for (let i = 0; i < 500; i++) nc.publish("work");
    await nc.flush();
    assertEquals(first + second, 500);
    assert(first > 100 && second > 100, `${first} and ${second}`);
  });
});

Deno.test({ name: "nats.js logs in with name and password, or not", ...relaxed }, async () => {
  const options = { username: "ada", password: "lovelace" };
  await withClient(options, { user: "ada", pass: "lovelace" }, async (nc) => {
    await nc.flush();
    assertEquals(nc.info?.auth_required, true);
  });
  await assertRejects(
    () => withClient(options, { user: "ada", pass: "wrong" }, () => Promise.resolve()),
    Error,
    "Authorization Violation",
  );
});

Deno.test({ name: "nats.js carries a payload of a mebibyte", ...relaxed }, async () => {
  await withClient({}, {}, async (nc) => {
    const payload = new Uint8Array(1024 * 1024);
    for (let i = 0; i < payload.length; i++) payload[i] = i % 251;
    const sub = nc.subscribe("big", { max: 3 });
    for (let i = 0; i < 3; i++) nc.publish("big", payload);
    let count = 0;
    for await (const m of sub) {
      assertEquals(m.data.length, payload.length);
      assertEquals(m.data[777_777], payload[777_777]!);
      count++;
    }
    assertEquals(count, 3);
  });
});

Deno.test("nats.js works inside the process, without a socket", async () => {
  const server = await startServer({ dontListen: true });
  setTransportFactory({ factory: () => new InProcessTransport(server) });
  const client = await NatsConnectionImpl.connect({ reconnect: false });
  assertEquals(client.info!.client_id, [...server.clients.keys()][0]);
  client.subscribe("echo", { callback: (_error, message) => void message.respond(message.data) });
  const data = new Uint8Array(500_000).fill(7);
  const answer = await client.request("echo", data, { timeout: 5000 });
  assertEquals(answer.data.length, data.length);
  await client.drain();
  assertEquals(server.clients.size, 0);

  // The end of the server ends the client.
  const other = await NatsConnectionImpl.connect({ reconnect: false });
  await other.flush();
  const ended = other.closed();
  await server.stop();
  await ended;
});
