/**
 * Ports: server/jwt_test.go, the tests of JetStream limits by tier.
 *
 * The reference's configurations also listen for leaf nodes, which these tests do not use.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { NatsConnection } from "@nats-io/transport-node";
import { createAccount } from "../../harness/jwt.ts";
import type { Json } from "../../harness/jetstream.ts";
import { api, OperatorWorld } from "./_jwt_jetstream.ts";

const MIB = 1024 * 1024;
const STORES = { jetStreamMaxMemory: 256 * MIB, jetStreamMaxStore: 2048 * MIB };

function tier(limits: Record<string, unknown>) {
  return { limits: { tiered_limits: { R1: limits } } };
}

async function createStream(
  client: NatsConnection,
  name: string,
  more: Record<string, unknown> = {},
): Promise<string | undefined> {
  const config = { name, num_replicas: 1, subjects: [name], ...more };
  return (await api(client, `STREAM.CREATE.${name}`, config)).error?.description;
}

function consumer(
  client: NatsConnection,
  stream: string,
  durable: string,
  more: Record<string, unknown> = {},
): Promise<Json> {
  const config = { durable_name: durable, ack_policy: "explicit", ...more };
  return api(client, `CONSUMER.DURABLE.CREATE.${stream}.${durable}`, {
    stream_name: stream,
    config,
  });
}

async function publish(client: NatsConnection, subject: string, size: number) {
  const answer = await client.request(subject, new Uint8Array(size).fill(65));
  return answer.json<Json>().error?.description;
}

async function stored(client: NatsConnection): Promise<number> {
  return (await api(client, "INFO")).tiers.R1.storage;
}

const NO_MORE_STREAMS = "maximum number of streams reached";
const NO_MORE_CONSUMERS = "maximum consumers limit reached";
const NO_MORE_ROOM = "resource limits exceeded for account";

Deno.test("TestJWTJetStreamTiers", async () => {
  using world = new OperatorWorld();
  await using server = await world.start(STORES);
  const account = createAccount();
  const limits = { disk_storage: 1100, mem_storage: 0, consumer: 2, streams: 2 };
  await world.push(server, account, tier(limits), { name: "acc" });
  const client = await world.connect(server, account);
  assertEquals(await createStream(client, "testR1-1"), undefined);
  assertEquals(await createStream(client, "testR1-2"), undefined);
  assertEquals(await createStream(client, "testR1-3"), NO_MORE_STREAMS);
  for (const name of ["dur1", "dur3"]) {
    assertEquals((await consumer(client, "testR1-1", name)).error, undefined);
  }
  for (const name of ["dur4", "dur5"]) {
    assertEquals((await consumer(client, "testR1-1", name)).error.description, NO_MORE_CONSUMERS);
  }
  assertEquals(await publish(client, "testR1-1", 512), undefined);
  assertEquals(await publish(client, "testR1-2", 512), undefined);
  assertEquals(await stored(client), 1100);
  assertEquals(await publish(client, "testR1-1", 1), NO_MORE_ROOM);
  assertEquals(await stored(client), 1100);

  const more = { disk_storage: 1650, mem_storage: 0, consumer: 1, streams: 3 };
  await world.push(server, account, tier(more), { name: "acc" });
  assertEquals(await createStream(client, "testR1-3"), undefined);
  assertEquals(await createStream(client, "testR1-4"), NO_MORE_STREAMS);
  assertEquals((await consumer(client, "testR1-3", "dur6")).error, undefined);
  assertEquals((await consumer(client, "testR1-3", "dur7")).error.description, NO_MORE_CONSUMERS);
  assertEquals(await publish(client, "testR1-3", 512), undefined);
  assertEquals(await stored(client), 1650);
  assertEquals(await publish(client, "testR1-3", 1), NO_MORE_ROOM);
  assertEquals(await stored(client), 1650);
});

Deno.test("TestJWTJetStreamMaxAckPending", async () => {
  using world = new OperatorWorld();
  await using server = await world.start(STORES);
  const account = createAccount();
  const limits = (max_ack_pending: number) =>
    tier({ disk_storage: -1, mem_storage: -1, consumer: -1, streams: -1, max_ack_pending });
  await world.push(server, account, limits(1000), { name: "acc" });
  const client = await world.connect(server, account);
  assertEquals(await createStream(client, "foo"), undefined);
  const ask = (name: string, max_ack_pending: number): Promise<Json> =>
    consumer(client, "foo", name, { ack_policy: "all", max_ack_pending });
  const tooMany = "consumer max ack pending exceeds system limit of 1000";
  assertEquals((await ask("dur1", 2000)).error.description, tooMany);
  assertEquals((await ask("dur2", 500)).config.max_ack_pending, 500);
  assertEquals((await ask("dur2", 2000)).error.description, tooMany);
  await world.push(server, account, limits(2000), { name: "acc" });
  assertEquals((await ask("dur2", 2000)).config.max_ack_pending, 2000);
});

Deno.test("TestJWTJetStreamMaxStore", async () => {
  using world = new OperatorWorld();
  await using server = await world.start(STORES);
  const account = createAccount();
  const unlimited = { mem_storage: -1, consumer: -1, streams: -1 };
  await world.push(
    server,
    account,
    tier({ ...unlimited, disk_storage: 1024, disk_max_stream_bytes: 1024 }),
    { name: "acc" },
  );
  const client = await world.connect(server, account);
  const tooBig = "insufficient storage resources available";
  assertEquals(await createStream(client, "foo", { max_bytes: 2048 }), tooBig);
  assertEquals(await createStream(client, "foo", { max_bytes: 1024 }), undefined);
  assertEquals(await publish(client, "foo", 900), undefined);
  assertEquals(await publish(client, "foo", 900), NO_MORE_ROOM);
  await world.push(
    server,
    account,
    tier({
      ...unlimited,
      disk_storage: 3072,
      disk_max_stream_bytes: 2048,
      max_bytes_required: true,
    }),
    { name: "acc" },
  );
  assertEquals(await createStream(client, "bar", { max_bytes: 3000 }), tooBig);
  assertEquals(await createStream(client, "bar", { max_bytes: 2048 }), undefined);
  assertEquals(await stored(client), 933);
  assertEquals(await publish(client, "foo", 991), undefined);
  assertEquals(await stored(client), 1024);
  assertEquals(await publish(client, "bar", 2015), undefined);
  assertEquals(await stored(client), 3072);
  assertEquals(await publish(client, "bar", 1), NO_MORE_ROOM);
  assertEquals(await stored(client), 3072);
  const update = { name: "bar", num_replicas: 1, subjects: ["bar"] };
  assertEquals(
    (await api(client, "STREAM.UPDATE.bar", update)).error.description,
    "account requires a stream config to have max bytes set",
  );
});
