// Ports: server/jetstream_batching_test.go: checks of batches and counters, recovery.
/**
 * What is checked before a batch is stored, and what becomes of one whose commit was cut off
 * (server/jetstream_batching_test.go).
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { shortHash } from "../../../src/base/crypto/short_hash.ts";
import { StagedMessages } from "../../../src/jetstream/batch/staged.ts";
import { storeConfigOf, storePlace } from "../../../src/jetstream/stream/create.ts";
import { ingest } from "../../../src/jetstream/stream/ingest.ts";
import { checkMessage, MessageNotes } from "../../../src/jetstream/stream/msg_checks.ts";
import { appendHeader } from "../../../src/protocol/mod.ts";
import { FileStore } from "../../../src/store/mod.ts";
import { jetStreamServer } from "../../harness/jetstream.ts";
import { messagesOf, storedMsg } from "./_jetstream_a.ts";
import { stateOf } from "./_jetstream_b.ts";
import { storedHeaders } from "./_jetstream_batch.ts";

const NO_BYTES = new Uint8Array(0);
const encoder = new TextEncoder();

function encodedHeaders(values: Record<string, string>): Uint8Array {
  let headers: Uint8Array | null = null;
  for (const [name, value] of Object.entries(values)) headers = appendHeader(headers, name, value);
  return headers ?? NO_BYTES;
}

function notesOf(values: Record<string, string>, body = ""): MessageNotes {
  const notes = new MessageNotes();
  notes.headers = encodedHeaders(values);
  notes.payload = encoder.encode(body);
  return notes;
}

Deno.test("TestJetStreamCounterNullSourcesHeaderDoesNotPanic", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const counter = { storage: "memory", allow_msg_counter: true };
  await js.addStream({ name: "O1", subjects: ["foo.*"], ...counter });
  await js.publish("foo.1", "", { "Nats-Incr": "5" });
  await js.addStream({ name: "M", subjects: ["foo"], ...counter });
  // Sources of null are stored as they are.
  await js.publish("foo", "", { "Nats-Incr": "1", "Nats-Counter-Sources": '{"O1":null}' });
  assertEquals((await storedHeaders(js, "M", 1))["Nats-Counter-Sources"], '{"O1":null}');
  // A batch reads them.
  const staged = new StagedMessages();
  const notes = notesOf(
    { "Nats-Incr": "5", "Nats-Stream-Source": "O1 1 > > foo.1" },
    '{"val":"5"}',
  );
  assertEquals(
    checkMessage(server.stream("M"), "foo", notes, { sourced: true, staged, batched: true }),
    null,
  );
  const { headers } = staged.counters.get("foo")!;
  assert(new TextDecoder().decode(headers).includes('Nats-Counter-Sources: {"O1":{"foo.1":"5"}}'));
  // So does what comes from the source.
  await js.updateStream({
    name: "M",
    subjects: ["foo"],
    sources: [{ name: "O1", subject_transforms: [{ src: "foo.*", dest: "foo" }] }],
    ...counter,
  });
  await messagesOf(js, "M", 2);
  assertEquals(JSON.parse((await storedMsg(js, "M", { seq: 2 })).text).val, "6");
  const sources = JSON.parse((await storedHeaders(js, "M", 2))["Nats-Counter-Sources"]!);
  assertEquals(sources.O1["foo.1"], "5");
});

Deno.test("TestJetStreamCounterStagingDoesNotCorruptCommittedTotal", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({
    name: "TEST",
    storage: "memory",
    allow_msg_counter: true,
    allow_atomic: true,
    subjects: ["foo"],
  });
  const stream = server.stream("TEST");
  // What is committed is what is stored: a sum of 2 that came from S1.
  const committed = '{"S1":{"foo":"2"}}';
  await js.publish("foo", "", { "Nats-Incr": "2", "Nats-Counter-Sources": committed });
  const staged = new StagedMessages();
  const source = { "Nats-Incr": "3", "Nats-Stream-Source": "S1 1 > > foo" };
  const notes = notesOf(source, '{"val":"5"}');
  assertEquals(checkMessage(stream, "foo", notes, { sourced: true, staged, batched: true }), null);
  const { payload } = staged.counters.get("foo")!;
  assertEquals(new TextDecoder().decode(payload), '{"val":"5"}');
  assertEquals((await storedMsg(js, "TEST", { seq: 1 })).text, '{"val":"2"}');
  assertEquals((await storedHeaders(js, "TEST", 1))["Nats-Counter-Sources"], committed);
  assertEquals((await stateOf(js, "TEST")).messages, 1);
});

for (
  const [name, isEob] of [
    ["TestJetStreamAtomicBatchPublishSingleServerRecovery", false],
    ["TestJetStreamAtomicBatchPublishSingleServerRecoveryCommitEob", true],
  ] as const
) {
  Deno.test(name, async () => {
    await using server = await jetStreamServer();
    let js = await server.jetStream();
    await js.addStream({ name: "TEST", subjects: ["foo"], allow_atomic: true });
    // A batch as nats-server stages it, whose commit stored one message only.
    const stream = server.stream("TEST");
    const headers = (seq: number, commit: string) =>
      encodedHeaders({
        "Nats-Batch-Id": "uuid",
        "Nats-Batch-Sequence": String(seq),
        ...(commit === "" ? {} : { "Nats-Batch-Commit": commit }),
      });
    const id = shortHash("uuid");
    const staged = new FileStore(
      stream.js.storeEnv,
      storePlace(stream.account, `${stream.directory}/batches/${id}`),
      { ...storeConfigOf(stream.config), name: id, subjects: [] },
    );
    staged.storeMsg("foo", headers(1, ""), NO_BYTES, 0);
    staged.storeMsg("foo", headers(2, isEob ? "" : "1"), NO_BYTES, 0);
    if (isEob) staged.storeMsg("foo", headers(3, "eob"), NO_BYTES, 0);
    await staged.stop();
    ingest(stream, "foo", "", headers(1, ""), NO_BYTES, true);
    await server.restart();
    js = await server.jetStream();
    const state = await stateOf(js, "TEST");
    assertEquals([state.messages, state.first_seq, state.last_seq], [2, 1, 2]);
    for (const seq of [1, 2]) {
      assertEquals(await storedHeaders(js, "TEST", seq), {
        "Nats-Batch-Id": "uuid",
        "Nats-Batch-Sequence": String(seq),
        ...(seq === 2 ? { "Nats-Batch-Commit": "1" } : {}),
      });
    }
  });
}
