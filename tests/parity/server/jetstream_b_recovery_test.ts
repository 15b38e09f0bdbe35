// Ports: server/jetstream_test.go
/**
 * What servers make of the streams and consumers that they find (server/jetstream_test.go).
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { addConsumer } from "../../../src/jetstream/consumer/create.ts";
import { encodeStreamMeta, storeConfigOf } from "../../../src/jetstream/stream/create.ts";
import {
  emptyConsumerConfig,
  emptyStreamConfig,
  emptyStreamSource,
  type StreamConfig,
} from "../../../src/jsapi/mod.ts";
import { FileStore } from "../../../src/store/mod.ts";
import {
  jetStreamServer,
  type JetStreamTestServer,
  jsAccountOf,
  type JsClient,
} from "../../harness/jetstream.ts";
import { realEnvironment } from "../../sim/environment.ts";
import { refused, stateOf } from "./_jetstream_b.ts";
import { fetchAll, nextText } from "./_jetstream_consumer.ts";

function below(limit: number): number {
  return Math.floor(Math.random() * limit);
}

/** Puts an empty stream with this configuration on the disk of a stopped server. */
async function writeStream({ storeDir }: JetStreamTestServer, config: StreamConfig): Promise<void> {
  const store = new FileStore(
    realEnvironment(),
    {
      storeDir: `${storeDir}/jetstream/$G/streams/${config.name}`,
      encodeMeta: (_config, created) => encodeStreamMeta(config, created),
    },
    storeConfigOf(config),
  );
  await store.stop();
}

Deno.test("TestJetStreamRecoverBadMirrorConfigWithSubjects", async () => {
  await using server = await jetStreamServer();
  await (await server.jetStream()).addStream({ name: "S", subjects: ["foo"] });
  await server.stop();
  const upstream = { ...emptyStreamSource(), name: "S" };
  await writeStream(server, {
    ...emptyStreamConfig(),
    name: "M",
    subjects: ["foo", "bar", "baz"],
    mirror: upstream,
  });
  await server.restart();
  const { config } = await (await server.jetStream()).streamInfo("M");
  assertEquals([config.mirror.name, config.subjects], ["S", undefined]);
});

Deno.test("TestJetStreamRecoverBadStreamSubjects", async () => {
  await using server = await jetStreamServer();
  await server.stop();
  await writeStream(server, {
    ...emptyStreamConfig(),
    name: "TEST",
    subjects: ["foo", "bar", " baz "],
  });
  await server.restart();
  const { config } = await (await server.jetStream()).streamInfo("TEST");
  assertEquals(config.subjects.length, 3);
});

Deno.test("TestJetStreamRecoverSealedAfterServerRestart", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "foo" });
  await js.publishMany(100, "foo", "OK");
  await js.updateStream({ name: "foo", sealed: true });
  await server.restart();
  assertEquals((await stateOf(await server.jetStream(), "foo")).messages, 100);
});

/** Cuts a byte off the blocks of a stopped server's stream, so that its index does not fit. */
async function cutBlocks({ storeDir }: JetStreamTestServer): Promise<void> {
  const directory = `${storeDir}/jetstream/$G/streams/TEST/msgs`;
  for await (const { name } of Deno.readDir(directory)) {
    if (!name.endsWith(".blk")) continue;
    const { size } = await Deno.stat(`${directory}/${name}`);
    await Deno.truncate(`${directory}/${name}`, size - 1);
  }
}

async function sequences(js: JsClient): Promise<number[]> {
  const { messages, first_seq, last_seq } = await stateOf(js, "TEST");
  return [messages, first_seq, last_seq];
}

Deno.test("TestJetStreamRecoversStreamFirstSeqWhenNotEmpty", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["test"], retention: "interest" });
  await js.addConsumer("TEST", {
    name: "CONSUMER",
    filter_subject: "test",
    ack_policy: "explicit",
  });
  await js.publishMany(1000, "test");
  assertEquals(await sequences(js), [1000, 1, 1000]);
  for (const msg of await fetchAll(js, "TEST", "CONSUMER", 500)) await js.ackSync(msg);
  assertEquals((await js.consumerInfo("TEST", "CONSUMER")).ack_floor.stream_seq, 500);
  await server.stop();
  await cutBlocks(server);
  await server.restart();
  assertEquals(await sequences(await server.jetStream()), [500, 501, 1000]);
});

Deno.test("TestJetStreamRecoversStreamFirstSeqWhenEmpty", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["test"], retention: "interest" });
  await js.addConsumer("TEST", { durable_name: "CONSUMER", ack_policy: "none" });
  await js.publishMany(1000, "test");
  await js.purge("TEST");
  assertEquals(await sequences(js), [0, 1001, 1000]);
  assertEquals((await js.consumerInfo("TEST", "CONSUMER")).ack_floor.stream_seq, 1000);
  await server.stop();
  await cutBlocks(server);
  await server.restart();
  assertEquals(await sequences(await server.jetStream()), [0, 1001, 1000]);
});

Deno.test("TestJetStreamSimpleFileRecovery", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  const before = new Map<string, { state: unknown; config: unknown; acked: number[] }>();
  for (let i = 1; i <= 10; i++) {
    const name = `MMS-${i}`;
    const subjects = [1, 2, 3].map((part) => `SUBJ.${i}.${part}`);
    await js.addStream({ name, subjects, max_msgs: 100 });
    const count = 1 + below(100);
    await js.publishMany(count, () => subjects[below(3)]!, (index) => `Hello ${index * i}`);
    const acked: number[] = [];
    for (let n = 1; n <= 1 + below(5); n++) {
      await js.addConsumer(name, { durable_name: `WQ-${i}-${n}`, ack_policy: "explicit" });
      const receive = 1 + below(count);
      const msgs = await fetchAll(js, name, `WQ-${i}-${n}`, receive);
      for (const msg of msgs) msg.respond();
      acked.push(receive);
    }
    await js.nc.flush();
    const { state, config } = await js.streamInfo(name);
    before.set(name, { state, config, acked });
  }
  const usage = async () => {
    const { memory, storage, streams, consumers } = await js.api("INFO");
    return { memory, storage, streams, consumers };
  };
  const used = await usage();
  await server.restart();
  js = await server.jetStream();
  assertEquals(await usage(), used);
  for (const [name, { state, config, acked }] of before) {
    const after = await js.streamInfo(name);
    assertEquals([after.state, after.config], [state, config]);
    assertEquals(server.stream(name).consumers.size, acked.length);
    for (const [index, receive] of acked.entries()) {
      const consumer = server.consumer(name, `${name.replace("MMS", "WQ")}-${index + 1}`);
      assertEquals(consumer.streamSeq, receive + 1);
    }
  }
});

// Caches are dropped here; the reference waits for a second until they expire.
Deno.test("TestJetStreamStoredMsgsDontDisappearAfterCacheExpiration", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  // One message in each block.
  await js.addStream({
    name: "MY_STREAM",
    subjects: ["foo.>"],
    retention: "interest",
    max_bytes: 100_000,
  });
  const { store } = server.stream("MY_STREAM");
  assert(store instanceof FileStore);
  const { core } = store;
  const text = (name: string) => name.padEnd(Math.ceil(core.blockBytesMax * 0.6));
  const own = await server.jetStream();
  const inbox = own.subscribe("deliver");
  await own.addConsumer("MY_STREAM", {
    durable_name: "dur",
    deliver_subject: "deliver",
    filter_subject: "foo.bar",
    deliver_policy: "new",
    ack_policy: "explicit",
  });
  await js.publish("foo.bar", text("msg1"));
  await nextText(inbox, text("msg1"));
  await own.nc.close();
  const get = async (seq: number) => {
    const { message } = await js.api("STREAM.MSG.GET.MY_STREAM", { seq });
    assertEquals(atob(message.data), text(`msg${seq}`));
  };
  const forget = () => {
    for (const block of core.blocks) block.dropCache();
  };
  await get(1);
  forget();
  await js.publish("foo.bar", text("msg2"));
  await js.publish("foo.bar", text("msg3"));
  assertEquals(core.blocks.length, 3);
  forget();
  for (const seq of [1, 2, 3]) await get(seq);
});

const TOO_NEW = "9223372036854775807";
const REASON = `unsupported - required API level: ${TOO_NEW}, current API level: 4`;

Deno.test("TestJetStreamOfflineStreamAndConsumerAfterDowngrade", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  const streamName = "DowngradeStreamTest";
  await js.addStream({ name: streamName });
  const metadata = new Map([["_nats.req.level", TOO_NEW]]);
  const made = server.stream(streamName);
  made.config = { ...made.config, metadata };
  made.store.updateConfig(storeConfigOf(made.config));
  await server.restart();
  js = await server.jetStream();
  await refused(() => js.streamInfo(streamName), `stream is offline: ${REASON}`);
  assertEquals((await js.api("STREAM.NAMES")).streams, [streamName]);
  const streams = await js.api("STREAM.LIST");
  assertEquals(streams.streams ?? [], []);
  assertEquals([streams.missing, streams.offline], [[streamName], { [streamName]: REASON }]);
  const offline = jsAccountOf(server.test).stream(streamName);
  assertEquals([offline.closed, offline.offlineReason], [true, REASON]);
  await js.deleteStream(streamName);

  await server.restart();
  js = await server.jetStream();
  const name = "DowngradeConsumerTest";
  await js.addStream({ name });
  addConsumer(
    server.stream(name),
    { ...emptyConsumerConfig(), name, metadata },
    { name, action: "", pedantic: false },
  );
  await server.restart();
  js = await server.jetStream();
  const stream = jsAccountOf(server.test).stream(name);
  assertEquals([stream.closed, stream.offlineReason], [
    true,
    `stopped - unsupported consumer "${name}"`,
  ]);
  const consumers = [...stream.consumers.values()];
  assertEquals(consumers.map((one) => [one.closed, one.offlineReason]), [[true, REASON]]);
  await refused(() => js.consumerInfo(name, name), `consumer is offline: ${REASON}`);
  assertEquals((await js.api(`CONSUMER.NAMES.${name}`)).consumers, [name]);
  const list = await js.api(`CONSUMER.LIST.${name}`);
  assertEquals(list.consumers ?? [], []);
  assertEquals([list.missing, list.offline], [[name], { [name]: REASON }]);
});
