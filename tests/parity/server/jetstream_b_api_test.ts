// Ports: server/jetstream_test.go
/**
 * The requests of the API one after the other (server/jetstream_test.go).
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { jetStreamServer } from "../../harness/jetstream.ts";
import { refusal } from "./_jetstream_b.ts";
import { pendingCount } from "./_jetstream_consumer.ts";

Deno.test("TestJetStreamRequestAPI", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const failsWith = async (errCode: number, attempt: () => Promise<unknown>) => {
    assertEquals((await refusal(attempt)).errCode, errCode);
  };
  const isRecent = (created: string) =>
    assert(Math.abs(Date.now() - Date.parse(created)) < 1000, created);
  assertEquals((await js.api("INFO")).api.level, 4);
  const config = { name: "MSET22", subjects: ["foo", "bar", "baz"], max_msgs: 100 };
  isRecent((await js.addStream(config)).created);
  await failsWith(10056, () => js.api("STREAM.CREATE.BOB", config));
  await js.updateStream({ ...config, max_bytes: 2_222_222 });
  const unknown = await refusal(() =>
    js.updateStream({ name: "UNKNOWN_STREAM", subjects: ["foo"] })
  );
  assertEquals(unknown.data.code, 404);
  assertEquals((await js.api("INFO")).streams, 1);
  const names = await js.api("STREAM.NAMES");
  assertEquals([names.streams, names.total, names.offset, names.limit], [["MSET22"], 1, 0, 1024]);
  const list = await js.api("STREAM.LIST");
  assertEquals([list.streams.length, list.total, list.offset, list.limit], [1, 1, 0, 256]);
  assertEquals(list.streams[0].config.name, "MSET22");

  for (let i = 0; i < 10; i++) await js.publish("foo", "WELCOME JETSTREAM");
  const info = await js.streamInfo("MSET22");
  assertEquals(info.state.messages, 10);
  isRecent(info.created);
  await failsWith(10059, () => js.streamInfo("BOB"));

  const create = (stream: string, more = {}) =>
    js.api(`CONSUMER.${stream}`, {
      stream_name: "MSET22",
      config: { deliver_subject: "deliver", ack_policy: "none", ...more },
    });
  // Nobody listens yet.
  isRecent((await create("CREATE.MSET22")).created);
  const inbox = js.subscribe("deliver");
  await pendingCount(inbox, 10);
  await failsWith(10056, () => create("CREATE.BOB"));
  const { consumers } = await js.api("CONSUMER.NAMES.MSET22");
  assertEquals(consumers.length, 1);
  const consumer = await js.consumerInfo("MSET22", consumers[0]);
  assertEquals(consumer.name.length, 8);
  assertEquals(consumer.config["durable_name"], undefined);
  assertEquals(consumer.config["deliver_subject"], "deliver");
  assertEquals([consumer.delivered.consumer_seq, consumer.ack_floor.consumer_seq], [10, 10]);
  assertEquals((await js.deleteConsumer("MSET22", consumers[0])).success, true);
  const durable = { durable_name: "myd" };
  await failsWith(10020, () => create("CREATE.MSET22", durable));
  assertEquals((await create("DURABLE.CREATE.MSET22.myd", durable)).name, "myd");
  await failsWith(10018, () => create("DURABLE.CREATE.MSET22.myd"));

  assertEquals((await js.deleteMsg("MSET22", 2)).success, true);
  const purged = await js.purge("MSET22");
  assertEquals([purged.success, purged.purged], [true, 9]);
  assertEquals((await js.deleteStream("MSET22")).success, true);
  assertEquals((await js.api("INFO")).streams, 0);
  // No argument may be nothing, or an empty object.
  for (const body of ["", "{}", " {} ", " { } "]) {
    const failure = await refusal(() => js.api("STREAM.DELETE.foo_bar_baz", body));
    assertEquals(failure.data.code, 404);
  }
});
