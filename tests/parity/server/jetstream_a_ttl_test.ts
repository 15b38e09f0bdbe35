// Ports: server/jetstream_test.go
/**
 * Times to live of messages (server/jetstream_test.go). They are whole seconds, the least is one;
 * the tests wait for what they expect in place of two seconds.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  jetStreamServer,
  type JetStreamTestServer,
  type JsClient,
} from "../../harness/jetstream.ts";
import { until } from "../../harness/server.ts";
import { fetchAll, ns } from "./_jetstream_consumer.ts";
import { header, messagesOf, refused } from "./_jetstream_a.ts";

const SECOND = { "Nats-TTL": "1s" };

// Steps that wait run at the same time; the test as a whole is looked through for leaks.
const concurrent = { sanitizeExit: false, sanitizeOps: false, sanitizeResources: false };

/** Runs a test for both kinds of storage, under the names that the reference gives them here. */
async function forFileAndMemory(
  t: Deno.TestContext,
  test: (
    server: JetStreamTestServer,
    js: JsClient,
    storage: string,
    t: Deno.TestContext,
  ) => Promise<void>,
): Promise<void> {
  const run = (name: string, storage: string) =>
    t.step({
      name,
      ...concurrent,
      fn: async (t) => {
        await using server = await jetStreamServer();
        await test(server, await server.jetStream(), storage, t);
      },
    });
  await Promise.all([run("File", "file"), run("Memory", "memory")]);
}

async function expectState(
  js: JsClient,
  messages: number,
  firstSeq: number,
  lastSeq: number,
): Promise<void> {
  const { state } = await js.streamInfo("TEST");
  assertEquals([state.messages, state.first_seq, state.last_seq], [messages, firstSeq, lastSeq]);
}

async function publishTen(js: JsClient, headers: Record<string, string> = SECOND): Promise<void> {
  for (let i = 0; i < 10; i++) await js.publish("test", "", headers);
}

Deno.test("TestJetStreamMessageTTL", async (t) => {
  await forFileAndMemory(t, async (_server, js, storage) => {
    await js.addStream({ name: "TEST", storage, subjects: ["test"], allow_msg_ttl: true });
    await publishTen(js);
    await expectState(js, 10, 1, 10);
    await messagesOf(js, "TEST", 0);
    await expectState(js, 0, 11, 10);
  });
});

Deno.test("TestJetStreamMessageTTLDisabled", async (t) => {
  await forFileAndMemory(t, async (_server, js, storage) => {
    await js.addStream({ name: "TEST", storage, subjects: ["test"] });
    await refused(js.publish("test", "", SECOND));
  });
});

Deno.test("TestJetStreamMessageTTLInvalid", async (t) => {
  await forFileAndMemory(t, async (_server, js, storage) => {
    await js.addStream({ name: "TEST", storage, subjects: ["test"], allow_msg_ttl: true });
    await refused(js.publish("test", "", { "Nats-TTL": "500ms" }));
    await refused(js.publish("test", "", { "Nats-TTL": "something" }));
  });
});

Deno.test("TestJetStreamMessageTTLNeverExpire", async (t) => {
  await forFileAndMemory(t, async (_server, js, storage) => {
    await js.addStream({
      name: "TEST",
      storage,
      subjects: ["test"],
      allow_msg_ttl: true,
      max_age: ns(1000),
      duplicate_window: ns(1000),
    });
    await js.publish("test", "", { "Nats-TTL": "never" });
    await publishTen(js, {});
    await expectState(js, 11, 1, 11);
    await messagesOf(js, "TEST", 1);
    await expectState(js, 1, 1, 11);
  });
});

Deno.test("TestJetStreamMessageTTLNotExpiring", async (t) => {
  await forFileAndMemory(t, async (server, js, storage) => {
    await js.addStream({ name: "TEST", subjects: ["foo"], storage, allow_msg_ttl: true });
    await js.publish("foo", "", { "Nats-TTL": "3600s" });
    const { store } = server.stream("TEST");
    const none = new Uint8Array(0);
    const timer = setInterval(() => store.storeMsg("foo", none, none, 3600), 100);
    try {
      const { seq } = await js.publish("foo", "", SECOND);
      await until(
        async () => {
          const response = await js.request("$JS.API.STREAM.MSG.GET.TEST", { seq });
          if (response.error === undefined) return false;
          assertEquals(response.error.err_code, 10037);
          return true;
        },
        undefined,
        3000,
      );
    } finally {
      clearInterval(timer);
    }
  });
});

Deno.test("TestJetStreamMessageTTLNotUpdatable", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const config = { name: "TEST", subjects: ["test"] };
  await js.addStream({ ...config, allow_msg_ttl: true });
  await refused(js.updateStream({ ...config, allow_msg_ttl: false }));
});

async function expiresAfterRestart(damage: (directory: string) => Promise<void>): Promise<void> {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["test"], allow_msg_ttl: true });
  await publishTen(js);
  await expectState(js, 10, 1, 10);
  const { directory } = server.stream("TEST");
  await server.stop();
  await damage(`${directory}/msgs`);
  await server.restart();
  js = await server.jetStream();
  await expectState(js, 10, 1, 10);
  await messagesOf(js, "TEST", 0);
  await expectState(js, 0, 11, 10);
}

Deno.test("TestJetStreamMessageTTLRecovered", () =>
  expiresAfterRestart((directory) => Deno.remove(`${directory}/thw.db`)));

Deno.test("TestJetStreamMessageTTLRestart", () => expiresAfterRestart(() => Promise.resolve()));

/** Copies of a stream, with and without times to live, made through `upstream`. */
async function expireCopies(t: Deno.TestContext, upstream: object): Promise<void> {
  await forFileAndMemory(t, async (_server, js, storage, t) => {
    await js.addStream({ name: "Origin", storage, subjects: ["test"], allow_msg_ttl: true });
    const config = { storage, ...upstream };
    await js.addStream({ name: "TTLEnabled", ...config, allow_msg_ttl: true });
    await js.addStream({ name: "TTLDisabled", ...config, allow_msg_ttl: false });
    await js.publish("test", "", SECOND);
    const follow = async (stream: string) => {
      await js.addConsumer(stream, {
        durable_name: "consumer",
        filter_subject: "test",
        ack_policy: "explicit",
      });
      const [msg] = await fetchAll(js, stream, "consumer", 1);
      assertEquals(header(msg!, "Nats-TTL"), "1s");
      if (stream === "TTLEnabled") {
        await messagesOf(js, stream, 0);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 1000));
      assertEquals((await js.streamInfo(stream)).state.messages, 1);
      await js.updateStream({ name: stream, ...config, allow_msg_ttl: true });
      assertEquals((await js.streamInfo(stream)).state.messages, 0);
    };
    await Promise.all(
      ["TTLEnabled", "TTLDisabled"].map((name) =>
        t.step({ name, ...concurrent, fn: () => follow(name) })
      ),
    );
  });
}

Deno.test("TestJetStreamMessageTTLWhenMirroring", (t) =>
  expireCopies(t, { mirror: { name: "Origin" } }));

Deno.test("TestJetStreamMessageTTLWhenSourcing", (t) =>
  expireCopies(t, { sources: [{ name: "Origin" }] }));
