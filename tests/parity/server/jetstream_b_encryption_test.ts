// Ports: server/jetstream_test.go
/**
 * Streams whose files are encrypted (server/jetstream_test.go).
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { StartOptions } from "../../../src/mod.ts";
import { decodeConsumerState } from "../../../src/store/mod.ts";
import {
  type ConsumerInfoJson,
  deliveryInfo,
  jetStreamServer,
  type JetStreamTestServer,
  type JsClient,
  type Json,
} from "../../harness/jetstream.ts";
import { restoreSnapshot, stateOf, takeSnapshot } from "./_jetstream_b.ts";
import { fetchAll, next } from "./_jetstream_consumer.ts";

const CIPHERS: [string, string][] = [
  ["Default", ""],
  ["ChaCha", ", cipher: chacha"],
  ["AES", ", cipher: aes"],
];

async function forCiphers(
  t: Deno.TestContext,
  test: (server: JetStreamTestServer) => Promise<void>,
): Promise<void> {
  for (const [name, cipher] of CIPHERS) {
    await t.step(name, async () => {
      await using server = await jetStreamServer({}, `jetstream: { key: "s3cr3t!!" ${cipher} }`);
      await test(server);
    });
  }
}

/** Creates ten messages and a consumer that has acknowledged so many of those that it got. */
async function fill(js: JsClient, count: number, received: number, acked: number): Promise<void> {
  await js.publishMany(count, "foo", (index) => `ENCRYPTED PAYLOAD!! ${index}`);
  await js.addConsumer("TEST", {
    durable_name: "dlc",
    ack_policy: "explicit",
    filter_subject: "foo",
  });
  const msgs = await fetchAll(js, "TEST", "dlc", received);
  for (const msg of msgs.slice(0, acked)) await js.ackSync(msg);
}

/** What must be the same after a restart. */
async function infos(js: JsClient): Promise<{ stream: Json; consumer: Partial<ConsumerInfoJson> }> {
  const { config, state, created } = await js.streamInfo("TEST");
  const consumer = { ...await js.consumerInfo("TEST", "dlc") } as Json;
  for (const key of ["created", "cluster", "ts"]) delete consumer[key];
  for (const key of ["delivered", "ack_floor"]) {
    consumer[key] = { ...consumer[key], last_active: undefined };
  }
  return { stream: { config, state, created }, consumer };
}

/** Checks that the files of the stream show nothing. */
async function checkEncrypted({ storeDir }: JetStreamTestServer): Promise<void> {
  const directory = `${storeDir}/jetstream/$G/streams/TEST`;
  const hides = async (path: string, ...texts: string[]) => {
    const bytes = await Deno.readFile(`${directory}/${path}`);
    const content = new TextDecoder("latin1").decode(bytes);
    for (const text of texts) assert(!content.includes(text), `${path} shows ${text}`);
  };
  const hasKey = async (path: string) => {
    assert((await Deno.stat(`${directory}/${path}`)).isFile);
  };
  await hasKey("meta.key");
  await hides("meta.inf", "TEST", "foo", "bar", "baz", "max_msgs", "max_bytes");
  await hasKey("msgs/1.key");
  await hides("msgs/1.blk", "ENCRYPTED PAYLOAD!!", "foo", "bar", "baz");
  await hasKey("obs/dlc/meta.key");
  await hides("obs/dlc/meta.inf", "TEST", "dlc", "foo", "bar", "baz", "max_msgs", "ack_policy");
  const state = await Deno.readFile(`${directory}/obs/dlc/o.dat`);
  assertThrows(() => decodeConsumerState(state));
}

Deno.test("TestJetStreamServerEncryption", async (t) => {
  await forCiphers(t, async (server) => {
    let js = await server.jetStream();
    await js.addStream({ name: "TEST", subjects: ["foo", "bar", "baz"] });
    await fill(js, 10, 10, 5);
    const before = await infos(js);
    await server.stop();
    await checkEncrypted(server);
    await server.restart();
    js = await server.jetStream();
    assertEquals(await infos(js), before);
    await js.publishMany(10, "foo", "ENCRYPTED PAYLOAD!!");
    const state = await stateOf(js, "TEST");
    assertEquals(state.messages, 20);
    const check = async (client: JsClient) => {
      const { messages, first_seq, last_seq } = await stateOf(client, "TEST");
      assertEquals([messages, first_seq, last_seq], [20, state.first_seq, state.last_seq]);
    };
    // Snapshots are in plain text, for servers without the key.
    const snapshot = await takeSnapshot(js, "TEST");
    await using other = await jetStreamServer();
    const js2 = await other.jetStream();
    await restoreSnapshot(js2, snapshot);
    await check(js2);
    await js.deleteStream("TEST");
    await restoreSnapshot(js, snapshot);
    await check(js);
    await checkEncrypted(server);
  });
});

Deno.test("TestJetStreamServerEncryptionServerRestarts", async (t) => {
  await forCiphers(t, async (server) => {
    await (await server.jetStream()).addStream({ name: "TEST", subjects: ["foo"] });
    await server.restart();
    await (await server.jetStream()).publish("foo", "ENCRYPTED PAYLOAD!!");
    await server.restart();
    const js = await server.jetStream();
    const inbox = js.subscribe("deliver");
    await js.addConsumer("TEST", { deliver_subject: "deliver", ack_policy: "explicit" });
    assertEquals(deliveryInfo(await next(inbox)).streamSeq, 1);
  });
});

Deno.test("TestJetStreamServerEncryptionRecoveryWithoutStreamStateFile", async (t) => {
  await forCiphers(t, async (server) => {
    let js = await server.jetStream();
    await js.addStream({ name: "TEST", subjects: ["foo"] });
    await js.publish("foo");
    const before = await stateOf(js, "TEST");
    assertEquals([before.messages, before.first_seq, before.last_seq], [1, 1, 1]);
    for (let i = 0; i < 2; i++) {
      await server.stop();
      if (i === 0) {
        await Deno.remove(`${server.storeDir}/jetstream/$G/streams/TEST/msgs/index.db`);
      }
      await server.restart();
      js = await server.jetStream();
      assertEquals(await stateOf(js, "TEST"), before);
    }
  });
});

// The reference has 1,000 messages.
Deno.test("TestJetStreamServerCipherConvert", async () => {
  const options: StartOptions = { jetStreamKey: "s3cr3t", jetStreamCipher: "aes" };
  await using server = await jetStreamServer(options);
  let js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await fill(js, 500, 100, 100);
  const before = await infos(js);
  await server.restart({ jetStreamCipher: "chacha" });
  js = await server.jetStream();
  assertEquals(await infos(js), before);
});

// The reference has messages of 512 KB; these still fill blocks.
Deno.test("TestJetStreamServerReencryption", async (t) => {
  const count = 30;
  for (const [from, to] of CONVERSIONS) {
    for (const compression of ["none", "s2"]) {
      await t.step(`${from}_to_${to}/${compression}`, async (t) => {
        await using server = await jetStreamServer({
          jetStreamKey: "firstencryptionkey",
          jetStreamCipher: from,
        });
        const check = async () => {
          const js = await server.jetStream();
          assertEquals((await stateOf(js, "TEST")).messages, count);
          const { name } = await js.addConsumer("TEST", {
            ack_policy: "explicit",
            inactive_threshold: 5_000_000_000,
          });
          for (const msg of await fetchAll(js, "TEST", name, count)) await js.ackSync(msg);
        };
        await t.step("setup", async () => {
          const js = await server.jetStream();
          await js.addStream({ name: "TEST", subjects: ["foo"], compression });
          await js.publishMany(count, "foo", "A".repeat(64 * 1024));
          await check();
        });
        const changed: StartOptions = {
          jetStreamKey: "secondencryptionkey",
          jetStreamCipher: to,
        };
        await t.step("reencrypt", async () => {
          await server.restart({ ...changed, jetStreamOldKey: "firstencryptionkey" });
          await check();
        });
        await t.step("restart", async () => {
          await server.restart(changed);
          await check();
        });
      });
    }
  }
});

const CONVERSIONS = [
  ["aes", "aes"],
  ["aes", "chacha"],
  ["chacha", "chacha"],
  ["chacha", "aes"],
] as const;
