// Ports: server/jetstream_test.go
/**
 * Limits of accounts and of the server, and what is used of them (server/jetstream_test.go).
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { TierLimits } from "../../../src/jetstream/engine/limits.ts";
import type { JetStreamLimitsInfo } from "../../../src/jsapi/mod.ts";
import {
  ApiFailure,
  jetStreamOf,
  jetStreamServer,
  type JetStreamTestServer,
  jsAccountOf,
  type JsClient,
} from "../../harness/jetstream.ts";
import { refusal, stateOf } from "./_jetstream_b.ts";
import { requestNext } from "./_jetstream_consumer.ts";

/** Limits of one tier; what is not given is 0. */
function limits(given: Partial<JetStreamLimitsInfo>, tier = ""): TierLimits {
  return new Map([[tier, {
    maxMemory: 0,
    maxStore: 0,
    maxStreams: 0,
    maxConsumers: 0,
    maxAckPending: 0,
    memoryMaxStreamBytes: 0,
    storeMaxStreamBytes: 0,
    maxBytesRequired: false,
    ...given,
  }]]);
}

const UNLIMITED_COUNTS = { maxStreams: -1, maxConsumers: -1 };

function setLimits(server: JetStreamTestServer, to: TierLimits): void {
  jsAccountOf(server.test).limits = to;
}

Deno.test("TestJetStreamStreamLimitUpdate", async () => {
  await using server = await jetStreamServer();
  setLimits(server, limits({ maxMemory: 128, maxStore: 128, maxStreams: 1 }));
  const js = await server.jetStream();
  for (const storage of ["memory", "file"]) {
    const config = { name: "TEST", subjects: ["foo"], storage, max_bytes: 32 };
    await js.addStream(config);
    // The same again is the same stream.
    await js.addStream(config);
    await js.updateStream({ ...config, max_bytes: 16 });
    await js.deleteStream("TEST");
  }
});

/** Two streams in use, then one, drained, and filled until the account has no more room. */
async function trackUsage(storage: "memory" | "file", to: TierLimits): Promise<void> {
  await using server = await jetStreamServer();
  setLimits(server, to);
  const js = await server.jetStream();
  const field = storage === "memory" ? "memory" : "storage";
  const usage = async () => {
    const info = await js.api("INFO");
    return { bytes: info[field], streams: info.streams };
  };
  const add = async (name: string) => {
    await js.addStream({ name, storage, retention: "workqueue" });
    await js.publishMany(100, name, "Hello World!");
    return (await stateOf(js, name)).bytes;
  };
  const first = await add("LIMITS");
  assertEquals(await usage(), { bytes: first, streams: 1 });
  const second = await add("NUM22");
  assertEquals(await usage(), { bytes: first + second, streams: 2 });
  await js.deleteStream("NUM22");
  assertEquals(await usage(), { bytes: first, streams: 1 });
  await js.addConsumer("LIMITS", { durable_name: "WQ", ack_policy: "explicit" });
  for (let i = 0; i < 100; i++) await js.ackSync(await requestNext(js, "LIMITS", "WQ"));
  assertEquals((await usage()).bytes, 0);
  const fill = async () => {
    for (let i = 0; i < 200; i++) {
      await js.publish("LIMITS", "The quick brown fox jumped over the...");
    }
  };
  const failure = await assertRejects(fill, ApiFailure);
  assertEquals(failure.data.description, "resource limits exceeded for account");
  const limit = to.get("")!;
  const max = storage === "memory" ? limit.maxMemory : limit.maxStore;
  assert((await usage()).bytes <= max);
  setLimits(server, limits({ maxMemory: -1, maxStore: -1, ...UNLIMITED_COUNTS }));
  await js.publishMany(100, "LIMITS", "Hello World!");
}

Deno.test("TestJetStreamStreamStorageTrackingAndLimits", () =>
  trackUsage("memory", limits({ maxMemory: 8192, maxStore: -1, ...UNLIMITED_COUNTS })));

Deno.test("TestJetStreamStreamFileTrackingAndLimits", () =>
  trackUsage("file", limits({ maxMemory: 8192, maxStore: 9600, ...UNLIMITED_COUNTS })));

Deno.test("TestJetStreamTieredLimits", async () => {
  await using server = await jetStreamServer();
  const given = { maxMemory: 8192, maxStore: 9600, ...UNLIMITED_COUNTS };
  setLimits(server, limits(given, "nottheer"));
  const js = await server.jetStream();
  const failure = await refusal(() => js.addStream({ name: "LIMITS", retention: "workqueue" }));
  assertStringIncludes(
    failure.data.description,
    "no JetStream default or applicable tiered limit present",
  );
  setLimits(server, limits(given, "R1"));
});

Deno.test("TestJetStreamWouldExceedLimits", async () => {
  await using server = await jetStreamServer();
  const jetStream = jetStreamOf(server.test);
  const { memoryUsed, storeUsed } = jetStream;
  jetStream.memoryUsed = jetStream.maxMemory;
  jetStream.storeUsed = jetStream.maxStore;
  assertEquals(jetStream.limitsExceeded("memory"), false);
  assertEquals(jetStream.limitsExceeded("file"), false);
  jetStream.memoryUsed++;
  jetStream.storeUsed++;
  assertEquals(jetStream.limitsExceeded("memory"), true);
  assertEquals(jetStream.limitsExceeded("file"), true);
  jetStream.memoryUsed = memoryUsed;
  jetStream.storeUsed = storeUsed;
});

Deno.test("TestJetStreamUsageSyncDeadlock", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["*"] });
  await js.publish("foo", "hello");
  const account = jsAccountOf(server.test);
  account.trackUsage("", "file", -1000 - account.totals().store);
  await js.publish("foo", "hello");
});

Deno.test("TestJetStreamStorageReservedBytes", async (t) => {
  const system = 1024;
  await using server = await jetStreamServer({
    jetStreamMaxMemory: system,
    jetStreamMaxStore: system,
    httpHost: "127.0.0.1",
    httpPort: -1,
  });
  const js = await server.jetStream();
  const { port } = server.test.server.monitor!;
  const varz = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/varz`);
    return (await response.json()).jetstream;
  };
  const { config } = await varz();
  assertEquals([config.max_memory, config.max_storage], [system, system]);
  const half = system / 2;
  const part = (of: number) => Math.round(of * 0.666);
  const cases: [string, number, number, number, boolean][] = [
    ["reserve 66% of system limit", -1, part(system), part(system) + 1, false],
    ["update past system limit", -1, system, system + 1, true],
    ["update to system limit", -1, system - 1, system, false],
    ["reserve 66% of account limit", half, part(half), part(half) + 1, false],
    ["update past account limit", half, half, half + 1, true],
    ["update to account limit", half, half - 1, half, false],
  ];
  for (const [name, accountLimit, created, updated, isRefused] of cases) {
    for (const storage of ["file", "memory"] as const) {
      await t.step(`${storage} ${name}`, async () => {
        setLimits(server, limits({ maxMemory: accountLimit, maxStore: accountLimit }));
        await reserve(js, storage, { created, updated, isRefused }, async () => {
          const { stats } = await varz();
          return stats[storage === "memory" ? "reserved_memory" : "reserved_storage"];
        });
      });
    }
  }
});

async function reserve(
  js: JsClient,
  storage: string,
  bytes: { created: number; updated: number; isRefused: boolean },
  reserved: () => Promise<number>,
): Promise<void> {
  const config = { name: "TEST", subjects: ["foo"], storage };
  await js.addStream({ ...config, max_bytes: bytes.created });
  const update = () => js.updateStream({ ...config, max_bytes: bytes.updated });
  if (bytes.isRefused) await refusal(update);
  else {
    await update();
    assertEquals(await reserved(), bytes.updated);
  }
  await js.deleteStream("TEST");
  assertEquals(await reserved(), 0);
}
