/**
 * MQTT clients of mqtt.js: messages of all qualities of service, retained ones, wills, sessions.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import mqtt, { type MqttClient } from "mqtt";
import { type TestServer, testServer, until } from "../../harness/server.ts";

const TIMEOUT_MS = 10_000;

function startServer(storeDir: string): Promise<TestServer> {
  return testServer(
    { jetStream: true, storeDir },
    'server_name: mqtt_test\nmqtt { host: "127.0.0.1", port: -1 }',
  );
}

interface Client extends AsyncDisposable {
  readonly client: MqttClient;
  /** Topic, payload, quality of service and whether it was retained, of each message. */
  readonly got: string[];
  /** The server has known the session. */
  readonly present: boolean;
}

async function connect(server: TestServer, clientId: string, more = {}): Promise<Client> {
  const client = mqtt.connect(`mqtt://127.0.0.1:${server.server.mqtt!.port}`, {
    clientId,
    reconnectPeriod: 0,
    connectTimeout: TIMEOUT_MS,
    ...more,
  });
  const got: string[] = [];
  client.on("message", (topic, payload, { qos, retain }) => {
    got.push(`${topic} ${payload} ${qos}${retain ? " retained" : ""}`);
  });
  const present = await new Promise<boolean>((resolve, reject) => {
    client.once("connect", ({ sessionPresent }) => resolve(sessionPresent));
    client.once("error", reject);
  });
  return { client, got, present, [Symbol.asyncDispose]: () => client.endAsync(true) };
}

function arrives(client: Client, expected: string[]): Promise<void> {
  return until(
    () => expected.every((line) => client.got.includes(line)),
    () => `expected ${expected}, got ${client.got}`,
  );
}

async function withStore(run: (storeDir: string) => Promise<void>): Promise<void> {
  const storeDir = await Deno.makeTempDir();
  try {
    await run(storeDir);
  } finally {
    await Deno.remove(storeDir, { recursive: true });
  }
}

// Sockets and timers of mqtt.js may outlast the test that has closed them.
const options = { sanitizeOps: false, sanitizeResources: false };

Deno.test(
  "messages arrive with the lower of both qualities of service",
  options,
  () =>
    withStore(async (storeDir) => {
      await using server = await startServer(storeDir);
      await using to = await connect(server, "to");
      await using from = await connect(server, "from");
      for (const qos of [0, 1, 2] as const) await to.client.subscribeAsync(`t${qos}/#`, { qos });
      const expected: string[] = [];
      for (const granted of [0, 1, 2] as const) {
        for (const qos of [0, 1, 2] as const) {
          await from.client.publishAsync(`t${granted}/a`, `${granted}${qos}`, { qos });
          expected.push(`t${granted}/a ${granted}${qos} ${Math.min(granted, qos)}`);
        }
      }
      await from.client.publishAsync("t1", "level above", { qos: 1 });
      expected.push("t1 level above 1");
      await arrives(to, expected);
      assertEquals(to.got.length, expected.length);
    }),
);

Deno.test("MQTT and NATS clients reach each other", options, () =>
  withStore(async (storeDir) => {
    await using server = await startServer(storeDir);
    const nats = await server.connect();
    const subscription = nats.subscribe("a.b");
    await nats.flush();
    await using client = await connect(server, "c");
    await client.client.subscribeAsync("c/+", { qos: 1 });
    nats.publish("c.d", "from NATS");
    await arrives(client, ["c/d from NATS 0"]);
    await client.client.publishAsync("a/b", "from MQTT", { qos: 1 });
    for await (const message of subscription) {
      assertEquals(message.string(), "from MQTT");
      assertEquals(message.headers?.get("Nmqtt-Pub"), "1");
      break;
    }
  }));

Deno.test(
  "retained messages and wills are published",
  options,
  () =>
    withStore(async (storeDir) => {
      await using server = await startServer(storeDir);
      await using to = await connect(server, "to");
      const will = { topic: "will/of", payload: new TextEncoder().encode("bye"), qos: 1 };
      await using from = await connect(server, "from", { will });
      await from.client.publishAsync("kept/a", "one", { qos: 1, retain: true });
      await from.client.publishAsync("kept/b", "two", { qos: 1, retain: true });
      await from.client.publishAsync("kept/b", "", { qos: 1, retain: true });
      await to.client.subscribeAsync("kept/#", { qos: 1 });
      await to.client.subscribeAsync("will/+", { qos: 1 });
      await arrives(to, ["kept/a one 1 retained"]);
      from.client.stream.destroy();
      await arrives(to, ["will/of bye 1"]);
      assert(!to.got.some((line) => line.startsWith("kept/b")), `${to.got}`);
    }),
);

Deno.test(
  "a session keeps what comes while its client is away, also over a restart",
  options,
  () =>
    withStore(async (storeDir) => {
      {
        await using server = await startServer(storeDir);
        const away = await connect(server, "away", { clean: false });
        assert(!away.present);
        await away.client.subscribeAsync("q/+", { qos: 2 });
        await away.client.endAsync();
        await using from = await connect(server, "from");
        await from.client.publishAsync("q/1", "one", { qos: 1 });
        await from.client.publishAsync("q/2", "two", { qos: 2 });
      }
      await using server = await startServer(storeDir);
      await using back = await connect(server, "away", { clean: false });
      assert(back.present);
      await arrives(back, ["q/1 one 1", "q/2 two 2"]);
      assertEquals(back.got.length, 2);
    }),
);

Deno.test("a client takes over the id of another", options, () =>
  withStore(async (storeDir) => {
    await using server = await startServer(storeDir);
    await using first = await connect(server, "same");
    const closed = new Promise<void>((resolve) => first.client.once("close", () => resolve()));
    await using second = await connect(server, "same");
    await closed;
    assert(second.client.connected);
    assertEquals([...server.server.clients.values()].map(({ mqttClientId }) => mqttClientId), [
      "same",
    ]);
  }));
