// Ports: server/jetstream_versioning_test.go
/**
 * API levels in metadata and headers (server/jetstream_versioning_test.go).
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { ZERO_TIME_NS } from "../../../src/base/json/mod.ts";
import { compressS2 } from "../../../src/base/compress/mod.ts";
import {
  API_LEVEL,
  apiError,
  type ConsumerConfig,
  emptyConsumerConfig,
  emptyStreamConfig,
  requiredApiLevel,
  type StreamConfig,
  supportsRequiredApiLevel,
  withDynamicMetadata,
  withStaticConsumerMetadata,
  withStaticStreamMetadata,
  withVersioningOf,
} from "../../../src/jsapi/mod.ts";
import { VERSION } from "../../../src/server/version.ts";
import { TAR_END, tarFile } from "../../../src/store/file/format/tar.ts";
import { jetStreamServer, type JsClient, type Json, statusOf } from "../../harness/jetstream.ts";
import { headersOf } from "./_jetstream_batch.ts";
import { next, ns } from "./_jetstream_consumer.ts";

const REQUIRED = "_nats.req.level";
const DYNAMIC = { "_nats.ver": VERSION, "_nats.level": String(API_LEVEL) };
const PREVIOUS = { [REQUIRED]: "previous-level" };
const STALE = { "_nats.ver": "dynamic-version", "_nats.level": "dynamic-version" };
/** More than any server has. */
const UNREACHABLE = {
  headers: headersOf({ "Nats-Required-Api-Level": "9223372036854775807" }),
  timeout: 2000,
};

function atLevel(level: string): Record<string, string> {
  return { [REQUIRED]: level };
}

function metadata(values: Record<string, string>): Map<string, string> {
  return new Map(Object.entries(values));
}

function plain(map: ReadonlyMap<string, string>): Record<string, string> {
  return Object.fromEntries(map);
}

function stream(values: Partial<StreamConfig> = {}): StreamConfig {
  return { ...emptyStreamConfig(), ...values };
}

function consumer(values: Partial<ConsumerConfig> = {}): ConsumerConfig {
  return { ...emptyConsumerConfig(), ...values };
}

Deno.test("TestGetAndSupportsRequiredApiLevel", () => {
  assertEquals(requiredApiLevel(new Map()), "");
  for (const text of ["1", "text"]) {
    assertEquals(requiredApiLevel(metadata(atLevel(text))), text);
  }
  assert(supportsRequiredApiLevel(new Map()));
  assert(supportsRequiredApiLevel(metadata(atLevel("1"))));
  assert(supportsRequiredApiLevel(metadata(atLevel(String(API_LEVEL)))));
  assert(!supportsRequiredApiLevel(metadata(atLevel("text"))));
});

Deno.test("TestJetStreamSetStaticStreamMetadata", async (t) => {
  const cases: [string, Partial<StreamConfig>, number][] = [
    ["empty", {}, 0],
    ["overwrite-user-provided", { metadata: metadata(PREVIOUS) }, 0],
    ["empty-prev-metadata/delete-user-provided", { metadata: metadata(PREVIOUS) }, 0],
    ["AllowMsgTTL", { allowMsgTtl: true }, 1],
    ["SubjectDeleteMarkerTTL", { subjectDeleteMarkerTtl: 1_000_000_000n }, 1],
    ["AllowMsgCounter", { allowMsgCounter: true }, 2],
    ["AllowAtomicPublish", { allowAtomicPublish: true }, 2],
    ["AllowMsgSchedules", { allowMsgSchedules: true }, 2],
    ["AsyncPersistMode", { persistMode: "async" }, 2],
    ["AllowBatchPublish", { allowBatchPublish: true }, 4],
  ];
  for (const [name, values, level] of cases) {
    await t.step(name, () => {
      const { metadata } = withStaticStreamMetadata(stream(values));
      assertEquals(metadata.get(REQUIRED), String(level));
      assert(level <= API_LEVEL);
    });
  }
});

Deno.test("TestJetStreamSetStaticStreamMetadataRemoveDynamicFields", () => {
  const config = withStaticStreamMetadata(stream({ metadata: metadata(STALE) }));
  assertEquals(plain(config.metadata), atLevel("0"));
});

Deno.test("TestJetStreamSetDynamicStreamMetadata", () => {
  const config = stream({ metadata: metadata(atLevel("0")) });
  const shown = withDynamicMetadata(config, VERSION);
  assertEquals(plain(config.metadata), atLevel("0"));
  assertEquals(plain(shown.metadata), { ...atLevel("0"), ...DYNAMIC });
});

/** Current and previous metadata; without them nothing is noted. */
const COPIES: readonly [string, Record<string, string>, Record<string, string> | null][] = [
  ["no-previous-ignore", atLevel("-1"), null],
  ["nil-previous-metadata-ignore", atLevel("-1"), {}],
  ["nil-current-metadata-ignore", {}, PREVIOUS],
  ["copy-previous", atLevel("-1"), PREVIOUS],
  ["delete-missing-fields", atLevel("-1"), {}],
];

async function checkCopies<T extends { metadata: Map<string, string> }>(
  t: Deno.TestContext,
  config: (values: Record<string, string>) => T,
): Promise<void> {
  for (const [name, current, previous] of COPIES) {
    await t.step(name, () => {
      const before = previous === null ? null : config(previous);
      const copied = withVersioningOf(config(current), before);
      assertEquals(copied.metadata.get(REQUIRED), previous?.[REQUIRED]);
    });
  }
}

function checkCopiesWithoutDynamic<T extends { metadata: Map<string, string> }>(
  config: (values: Record<string, string>) => T,
): void {
  assertEquals(withVersioningOf(config(STALE), null).metadata.size, 0);
  const copied = withVersioningOf(config(STALE), config(atLevel("0")));
  assertEquals(plain(copied.metadata), atLevel("0"));
}

Deno.test("TestJetStreamCopyStreamMetadata", async (t) => {
  await checkCopies(t, (values) => stream({ metadata: metadata(values) }));
});

Deno.test("TestJetStreamCopyStreamMetadataRemoveDynamicFields", () => {
  checkCopiesWithoutDynamic((values) => stream({ metadata: metadata(values) }));
});

Deno.test("TestJetStreamSetStaticConsumerMetadata", async (t) => {
  const cases: [string, Partial<ConsumerConfig>, number][] = [
    ["empty", {}, 0],
    ["overwrite-user-provided", { metadata: metadata(PREVIOUS) }, 0],
    ["PauseUntil/zero", { pauseUntil: ZERO_TIME_NS }, 0],
    ["PauseUntil", { pauseUntil: 0n }, 1],
    ["Pinned", { priorityPolicy: "pinned_client", priorityGroups: ["a"] }, 1],
    ["AckFlowControl", { ackPolicy: "flow_control" }, 4],
  ];
  for (const [name, values, level] of cases) {
    await t.step(name, () => {
      const { metadata } = withStaticConsumerMetadata(consumer(values));
      assertEquals(metadata.get(REQUIRED), String(level));
      assert(level <= API_LEVEL);
    });
  }
});

Deno.test("TestJetStreamSetStaticConsumerMetadataRemoveDynamicFields", () => {
  const config = withStaticConsumerMetadata(consumer({ metadata: metadata(STALE) }));
  assertEquals(plain(config.metadata), atLevel("0"));
});

Deno.test("TestJetStreamSetDynamicConsumerMetadata", () => {
  const config = consumer({ metadata: metadata(atLevel("0")) });
  const shown = withDynamicMetadata(config, VERSION);
  assertEquals(plain(config.metadata), atLevel("0"));
  assertEquals(plain(shown.metadata), { ...atLevel("0"), ...DYNAMIC });
});

Deno.test("TestJetStreamSetDynamicConsumerInfoMetadata", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "STREAM" });
  await js.addConsumer("STREAM", { name: "CONSUMER", ack_policy: "explicit" });
  const { config } = await js.consumerInfo("STREAM", "CONSUMER");
  assertEquals(config.metadata, { ...atLevel("0"), ...DYNAMIC });
  // What is shown is a copy.
  const own = server.consumer("STREAM", "CONSUMER").config.metadata;
  assertEquals(plain(own), atLevel("0"));
  assertNotEquals(plain(own), config.metadata);
});

Deno.test("TestJetStreamCopyConsumerMetadata", async (t) => {
  await checkCopies(t, (values) => consumer({ metadata: metadata(values) }));
});

Deno.test("TestJetStreamCopyConsumerMetadataRemoveDynamicFields", () => {
  checkCopiesWithoutDynamic((values) => consumer({ metadata: metadata(values) }));
});

// The half on one server: the reference does it in a cluster, too.
Deno.test("TestJetStreamMetadataMutations R1", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const check = ({ config }: Json, level: string) =>
    assertEquals(config.metadata, { ...atLevel(level), ...DYNAMIC });
  const config = { name: "STREAM" };
  check(await js.addStream(config), "0");
  check(await js.addStream(config), "0");
  check(await js.streamInfo("STREAM"), "0");
  check(await js.updateStream(config), "0");
  const consumer = { name: "CONSUMER", ack_policy: "explicit" };
  check(await js.addConsumer("STREAM", consumer), "0");
  check(await js.consumerInfo("STREAM", "CONSUMER"), "0");
  check(await js.updateConsumer("STREAM", consumer), "0");
  const pauses = js.subscribe("$JS.EVENT.ADVISORY.CONSUMER.PAUSE.STREAM.CONSUMER");
  await js.nc.flush();
  const pause_until = new Date(Date.now() + 3000).toISOString();
  for (const [request, level] of [[{ pause_until }, "1"], ["", "0"]] as const) {
    await js.api("CONSUMER.PAUSE.STREAM.CONSUMER", request);
    await next(pauses);
    assertEquals(pauses.count, 0);
    check(await js.consumerInfo("STREAM", "CONSUMER"), level);
  }
});

/** Restores a stream from an archive with nothing but its configuration, with `changes` to it. */
async function restoreEmptyStream(js: JsClient, changes: Json = {}): Promise<Json> {
  const config = { name: "STREAM", retention: "limits", storage: "file", num_replicas: 1 };
  const { deliver_subject } = await js.api("STREAM.RESTORE.STREAM", {
    config: { ...config, ...changes },
  });
  const meta = { ...config, created: "0001-01-01T00:00:00Z" };
  const file = tarFile("meta.inf", new TextEncoder().encode(JSON.stringify(meta)), 0);
  const archive = new Uint8Array(file.length + TAR_END.length);
  archive.set(file);
  const chunk = await js.nc.request(deliver_subject, compressS2(archive), { timeout: 5000 });
  if (chunk.data.length > 0) assertEquals(chunk.json<Json>().error, undefined);
  return (await js.nc.request(deliver_subject, "", { timeout: 5000 })).json();
}

Deno.test("TestJetStreamMetadataStreamRestoreAndRestart", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  assertEquals((await restoreEmptyStream(js)).config?.metadata, DYNAMIC);
  assertEquals((await js.streamInfo("STREAM")).config.metadata, DYNAMIC);
  await server.restart();
  js = await server.jetStream();
  assertEquals((await js.streamInfo("STREAM")).config.metadata, DYNAMIC);
});

Deno.test("a stream restored with another configuration has it after a restart, too", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  assertEquals((await restoreEmptyStream(js, { max_msgs: 5 })).config?.max_msgs, 5);
  await server.restart();
  js = await server.jetStream();
  assertEquals((await js.streamInfo("STREAM")).config.max_msgs, 5);
});

Deno.test("TestJetStreamApiErrorOnRequiredApiLevel", async (t) => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  // The reference publishes to the patterns themselves.
  const subjects = `STREAM.CREATE.x STREAM.UPDATE.x STREAM.DELETE.x STREAM.PURGE.x
    STREAM.SNAPSHOT.x STREAM.RESTORE.x STREAM.PEER.REMOVE.x STREAM.LEADER.STEPDOWN.x
    CONSUMER.LEADER.STEPDOWN.x.x STREAM.MSG.DELETE.x STREAM.MSG.GET.x CONSUMER.CREATE.x.x
    CONSUMER.CREATE.x.x.x CONSUMER.CREATE.x CONSUMER.DURABLE.CREATE.x.x CONSUMER.DELETE.x.x
    CONSUMER.PAUSE.x.x CONSUMER.UNPIN.x.x INFO STREAM.NAMES STREAM.LIST STREAM.INFO.x
    CONSUMER.NAMES.x CONSUMER.LIST.x CONSUMER.INFO.x.x`;
  for (const subject of subjects.split(/\s+/)) {
    await t.step(subject, async () => {
      const msg = await js.nc.request(`$JS.API.${subject}`, "", UNREACHABLE);
      const needsCluster = /\.STEPDOWN\.|\.PEER\./.test(subject);
      const { code, errCode, description } = apiError(
        needsCluster ? "JSClusterRequiredErr" : "JSRequiredApiLevelErr",
      );
      assertEquals(msg.json<Json>().error, { code, err_code: errCode, description });
    });
  }
});

Deno.test("TestJetStreamApiErrorOnRequiredApiLevelDirectGet", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"], allow_direct: true });
  for (const subject of ["$JS.API.DIRECT.GET.TEST", "$JS.API.DIRECT.GET.TEST.foo"]) {
    const msg = await js.nc.request(subject, "", UNREACHABLE);
    assertEquals(statusOf(msg), "412 Required Api Level");
  }
});

Deno.test("TestJetStreamApiErrorOnRequiredApiLevelPullConsumerNextMsg", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"], allow_direct: true });
  await js.addConsumer("TEST", {
    durable_name: "CONSUMER",
    ack_policy: "explicit",
    ack_wait: ns(30_000),
  });
  const next = "$JS.API.CONSUMER.MSG.NEXT.TEST.CONSUMER";
  const msg = await js.nc.request(next, "", UNREACHABLE);
  assertEquals(statusOf(msg), "412 Required Api Level");
});
