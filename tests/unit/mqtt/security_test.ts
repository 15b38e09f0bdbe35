/**
 * Who may come over MQTT, and what it may publish and subscribe to.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import mqtt, { type MqttClient } from "mqtt";
import { testServer, until } from "../../harness/server.ts";

const CONFIG = (storeDir: string, block = "") => `
  server_name: mqtt_security
  jetstream { store_dir: "${storeDir}" }
  mqtt { host: "127.0.0.1", port: -1, ${block} }
  accounts {
    A { jetstream: enabled, users [
      { user: all, password: pwd }
      { user: some, password: pwd, permissions: {
        publish: { allow: ["open.>"], deny: ["open.secret"] }
        subscribe: { allow: ["open", "open.>", "$MQTT.>"], deny: ["open.secret"] } } }
      { user: plain, password: pwd, allowed_connection_types: ["STANDARD"] }
      { user: mqttonly, password: pwd, allowed_connection_types: ["MQTT"] }
    ] }
    B { jetstream: enabled, users [ { user: other, password: pwd } ] }
  }`;

// Sockets and timers of mqtt.js may outlast the test that has closed them.
const options = { sanitizeOps: false, sanitizeResources: false };

async function connect(port: number, clientId: string, more = {}): Promise<MqttClient> {
  const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
    clientId,
    reconnectPeriod: 0,
    connectTimeout: 10_000,
    ...more,
  });
  await new Promise<void>((resolve, reject) => {
    client.once("connect", () => resolve());
    client.once("error", reject);
    client.once("close", () => reject(new Error("closed")));
  });
  return client;
}

const as = (username: string, password = "pwd") => ({ username, password });

async function withServer(
  block: string,
  use: (port: number, heard: string[], nats: (line: string) => Promise<void>) => Promise<void>,
): Promise<void> {
  const storeDir = await Deno.makeTempDir();
  try {
    await using server = await testServer({}, CONFIG(storeDir, block));
    const nats = await server.connect({ user: "all", pass: "pwd" });
    const heard: string[] = [];
    nats.subscribe(">", {
      callback: (_, m) => {
        if (!m.subject.startsWith("$") && !m.subject.startsWith("_")) heard.push(m.subject);
      },
    });
    await nats.flush();
    await use(server.server.mqtt!.port, heard, async (subject) => {
      nats.publish(subject, "x");
      await nats.flush();
    });
  } finally {
    await Deno.remove(storeDir, { recursive: true });
  }
}

Deno.test("only who may come over MQTT gets in", options, async () => {
  await withServer("", async (port) => {
    const refused = [as("all", "wrong"), as("nobody"), as("plain"), {}, as("all", "")];
    for (const [i, login] of refused.entries()) {
      const error = await assertRejects(() => connect(port, `bad${i}`, login), Error);
      assert(/Not authorized|closed/.test(error.message), error.message);
    }
    for (const user of ["all", "some", "mqttonly", "other"]) {
      await (await connect(port, `good-${user}`, as(user))).endAsync(true);
    }
  });
});

Deno.test("the listener's own credentials replace the general ones", options, async () => {
  await withServer("no_auth_user: mqttonly", async (port) => {
    await (await connect(port, "anonymous")).endAsync(true);
    await assertRejects(() => connect(port, "wrong", as("all", "wrong")), Error);
  });
});

Deno.test("permissions hold for what is published and subscribed to", options, async () => {
  await withServer("", async (port, heard, publish) => {
    const some = await connect(port, "some", as("some"));
    const got: string[] = [];
    some.on("message", (topic) => got.push(topic));
    for (const topic of ["closed/x", "open/secret", "#"]) {
      const granted = await some.subscribeAsync(topic, { qos: 1 }).catch(() => [{ qos: 128 }]);
      assertEquals(granted[0]!.qos, 128, topic);
    }
    assertEquals((await some.subscribeAsync("open/#", { qos: 1 }))[0]!.qos, 1);
    for (const subject of ["open.secret", "closed.x", "open.a"]) await publish(subject);
    await until(() => got.length > 0);
    await some.publishAsync("closed/y", "x", { qos: 0 });
    await some.publishAsync("open/secret", "x", { qos: 0 });
    await some.publishAsync("open/b", "x", { qos: 1 });
    await until(() => heard.includes("open.b"));
    assertEquals(heard.filter((subject) => subject === "closed.y"), []);
    assertEquals(heard.filter((subject) => subject === "open.secret").length, 1);
    assertEquals(got.filter((topic) => topic !== "open/a" && topic !== "open/b"), []);
    await some.endAsync(true);
  });
});

Deno.test(
  "accounts do not see each other's messages, retained ones or sessions",
  options,
  async () => {
    await withServer("", async (port) => {
      const a = await connect(port, "same", { ...as("all"), clean: false });
      await a.publishAsync("open/r", "of A", { qos: 1, retain: true });
      const b = await connect(port, "same", { ...as("other"), clean: false });
      const got: string[] = [];
      b.on("message", (topic, payload) => got.push(`${topic} ${payload}`));
      await b.subscribeAsync("#", { qos: 1 });
      await a.publishAsync("open/s", "of A", { qos: 1 });
      await b.publishAsync("open/t", "of B", { qos: 1 });
      await until(() => got.length > 0);
      assertEquals(got, ["open/t of B"]);
      assert(a.connected, "a client of another account has taken the session over");
      await a.endAsync(true);
      await b.endAsync(true);
    });
  },
);
