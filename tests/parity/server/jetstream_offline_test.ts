// Ports: server/jetstream_test.go
/**
 * Streams and consumers that ask for a newer server (server/jetstream_test.go).
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { API_LEVEL, consumerConfigShape, streamConfigShape } from "../../../src/jsapi/mod.ts";
import { addConsumer } from "../../../src/jetstream/consumer/mod.ts";
import { createStream } from "../../../src/jetstream/stream/create.ts";
import { stopStream } from "../../../src/jetstream/stream/stop.ts";
import { ApiFailure, jetStreamServer, jsAccountOf } from "../../harness/jetstream.ts";

const TOO_NEW = new Map([["_nats.req.level", "9223372036854775807"]]);
const REASON = "unsupported - required API level: 9223372036854775807, " +
  `current API level: ${API_LEVEL}`;

Deno.test("TestJetStreamOfflineStreamAndConsumerAfterDowngrade", async () => {
  await using server = await jetStreamServer();
  // As found on disk: whoever creates a stream writes down what it needs.
  createStream(
    jsAccountOf(server.test),
    { ...streamConfigShape.create(), name: "DowngradeStreamTest", replicas: 1, metadata: TOO_NEW },
    { pedantic: false, recoveredNs: BigInt(Date.now()) * 1_000_000n },
  );
  await server.restart();
  let js = await server.jetStream();
  const noStream = await assertRejects(() => js.streamInfo("DowngradeStreamTest"), ApiFailure);
  assertEquals(noStream.data, {
    code: 500,
    err_code: 10194,
    description: `stream is offline: ${REASON}`,
  });
  assertEquals((await js.api("STREAM.NAMES")).streams, ["DowngradeStreamTest"]);
  const streams = await js.api("STREAM.LIST");
  assertEquals(streams.streams, []);
  assertEquals(streams.missing, ["DowngradeStreamTest"]);
  assertEquals(streams.offline, { DowngradeStreamTest: REASON });
  const kept = server.stream("DowngradeStreamTest");
  assert(kept.closed);
  assertEquals(kept.offlineReason, REASON);
  assert((await Deno.stat(kept.directory)).isDirectory);
  await stopStream(kept, { deleteState: true, advisory: true });
  assertEquals(jsAccountOf(server.test).streams.size, 0);
  await assertRejects(() => Deno.stat(kept.directory), Deno.errors.NotFound);

  await server.restart();
  assertEquals(jsAccountOf(server.test).streams.size, 0);
  js = await server.jetStream();
  const name = "DowngradeConsumerTest";
  await js.addStream({ name, subjects: [name] });
  await js.publish(name, "kept");
  addConsumer(
    server.stream(name),
    { ...consumerConfigShape.create(), name, metadata: TOO_NEW },
    { name: "", action: "", pedantic: false },
  );
  await server.restart();
  js = await server.jetStream();
  const stream = server.stream(name);
  assert(stream.closed);
  assertEquals(stream.offlineReason, `stopped - unsupported consumer "${name}"`);
  assertEquals([...stream.consumers.keys()], [name]);
  const consumer = server.consumer(name, name);
  assert(consumer.closed);
  assertEquals(consumer.offlineReason, REASON);
  const noConsumer = await assertRejects(() => js.consumerInfo(name, name), ApiFailure);
  assertEquals(noConsumer.data, {
    code: 500,
    err_code: 10195,
    description: `consumer is offline: ${REASON}`,
  });
  assertEquals((await js.api(`CONSUMER.NAMES.${name}`)).consumers, [name]);
  const consumers = await js.api(`CONSUMER.LIST.${name}`);
  assertEquals(consumers.consumers, []);
  assertEquals(consumers.missing, [name]);
  assertEquals(consumers.offline, { [name]: REASON });
  // Nothing of it was touched.
  assert((await Deno.stat(`${stream.directory}/obs/${name}/meta.inf`)).isFile);
  assert((await Deno.stat(`${stream.directory}/msgs/1.blk`)).size > 0);
});
