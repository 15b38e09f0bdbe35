// Ports: server/jetstream_test.go
/**
 * Snapshots of streams and their restoration (server/jetstream_test.go).
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { compressS2, decompressS2 } from "../../../src/base/compress/mod.ts";
import { healthz } from "../../../src/monitor/healthz.ts";
import { TAR_END, tarFile } from "../../../src/store/file/format/tar.ts";
import { jetStreamOf, jetStreamServer } from "../../harness/jetstream.ts";
import { joined, refusal, restoreSnapshot, takeSnapshot } from "./_jetstream_b.ts";
import { requestNext } from "./_jetstream_consumer.ts";

function below(limit: number): number {
  return Math.floor(Math.random() * limit);
}

Deno.test("TestJetStreamSnapshots", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const subjects = ["foo", "bar", "baz"];
  await js.addStream({ name: "MY-STREAM", subjects, max_msgs: 1000 });
  const count = 22 + below(200);
  await js.publishMany(count, () => subjects[below(3)]!, (index) => `Hello World ${index + 1}`);
  const acked = new Map<string, number>();
  for (let i = 1; i <= 1 + below(10); i++) {
    await js.addConsumer("MY-STREAM", { durable_name: `WQ-${i}`, ack_policy: "explicit" });
    const receive = 1 + below(count / 2);
    for (let r = 0; r < receive; r++) (await requestNext(js, "MY-STREAM", `WQ-${i}`)).respond();
    acked.set(`WQ-${i}`, receive);
  }
  await js.nc.flush();
  const before = await js.streamInfo("MY-STREAM");
  const snapshot = await takeSnapshot(js, "MY-STREAM");
  const present = await refusal(() => restoreSnapshot(js, snapshot));
  assertStringIncludes(present.data.description, "name already in use");
  const usage = async () => {
    const { memory, storage, streams, consumers } = await js.api("INFO");
    return { memory, storage, streams, consumers };
  };
  const used = await usage();
  await js.deleteStream("MY-STREAM");
  await restoreSnapshot(js, snapshot);
  assertEquals(await usage(), used);
  const after = await js.streamInfo("MY-STREAM");
  assertEquals(after.state, before.state);
  assertEquals(after.config, before.config);
  assertEquals(server.stream("MY-STREAM").consumers.size, acked.size);
  for (const [name, receive] of acked) {
    assertEquals(server.consumer("MY-STREAM", name).streamSeq, receive + 1);
  }
  await using other = await jetStreamServer();
  const js2 = await other.jetStream();
  await restoreSnapshot(js2, snapshot);
  await requestNext(js2, "MY-STREAM", "WQ-1");
});

Deno.test("TestJetStreamSnapshotRejectsWildcardDeliverSubject", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST" });
  for (const deliver_subject of ["snap.*", "snap.>"]) {
    const failure = await refusal(() => js.api("STREAM.SNAPSHOT.TEST", { deliver_subject }));
    assertEquals(failure.errCode, 10015);
  }
});

Deno.test("TestJetStreamSnapshotRestoreStallAndHealthz", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "ORDERS", subjects: ["orders.*"] });
  await js.publishMany(1000, "orders.created", "new order");
  const ok = { code: 200, body: { status: "ok" } };
  assertEquals(healthz(server.test.server), ok);
  // Restores are staged beside the accounts' directories.
  await Deno.mkdir(jetStreamOf(server.test).stagingDirectory, { recursive: true });
  assertEquals(healthz(server.test.server), ok);
});

// Not measured here; the reference takes 10,000 messages of 128 KB and is skipped by default.
Deno.test("TestJetStreamSnapshotsAPIPerf", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "snap-perf" });
  const data = crypto.getRandomValues(new Uint8Array(65_536));
  for (let i = 0; i < 40; i++) await js.publish("snap-perf", data);
  const { bytes } = await takeSnapshot(js, "snap-perf");
  assert(bytes.length >= 40 * data.length);
});

// The reference restores an archive of its own with the same bad paths.
Deno.test("TestJetStreamRestoreBadStream", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.publishMany(10, "foo");
  await js.addConsumer("TEST", { durable_name: "test", ack_policy: "explicit" });
  const snapshot = await takeSnapshot(js, "TEST");
  await js.deleteStream("TEST");
  const archive = decompressS2(snapshot.bytes);
  const good = archive.subarray(0, archive.length - TAR_END.length);
  const text = new TextEncoder().encode("this file must not exist");
  for (const path of ["../../fail1.txt", "obs/test/../../../../fail2.txt"]) {
    const bad = compressS2(joined(good, tarFile(path, text, 0), TAR_END));
    const failure = await refusal(() => restoreSnapshot(js, { ...snapshot, bytes: bad }));
    assertStringIncludes(failure.data.description, "unexpected");
  }
  assertEquals(await filesBelow(server.storeDir, /fail/), []);
});

async function filesBelow(directory: string, name: RegExp): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(directory)) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory) found.push(...await filesBelow(path, name));
    else if (name.test(entry.name)) found.push(path);
  }
  return found;
}
