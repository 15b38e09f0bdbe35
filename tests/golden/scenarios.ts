/**
 * What is done to the servers that write the golden data directories. Nothing in it depends on when
 * the directories are opened: what expires is gone when the server ends or stays for centuries.
 *
 * @module
 */
import { headers, type NatsConnection } from "@nats-io/transport-node";
import { JsClient, type Json } from "../harness/jetstream.ts";
import { SeededRandom } from "../sim/random.ts";

const SECOND = 1_000_000_000;
/** Longer than anybody opens these directories. */
const DECADES_SEC = 30 * 365 * 24 * 3600;
const DECADES = DECADES_SEC * SECOND;

/** Payload that can be compressed, or not. */
function payload(random: SeededRandom, bytes: number, isDense: boolean): Uint8Array {
  const out = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i++) out[i] = isDense ? random.below(256) : 97 + (i % 7);
  return out;
}

function base(name: string, subjects: string[], more: Json = {}): Json {
  return { name, subjects, storage: "file", retention: "limits", num_replicas: 1, ...more };
}

/** Streams with several blocks, deletes of each kind, limits and headers. */
export async function fillStreams(nc: NatsConnection, compression: string): Promise<void> {
  const js = new JsClient(nc);
  const random = new SeededRandom(1);
  await js.addStream(base("PLAIN", ["plain.>"], { compression, duplicate_window: DECADES }));
  for (let i = 0; i < 20; i++) {
    await js.publish(`plain.${i % 3}`, `message ${i}`, i % 2 === 0 ? {} : { Key: `value ${i}` });
  }
  await js.publish("plain.id", "once", { "Nats-Msg-Id": "id-1" });
  await js.publish("plain.größe", "ünïcode");
  await js.publish("plain.empty");

  // The limit of bytes makes small blocks.
  await js.addStream(base("BLOCKS", ["blocks.*"], { compression, max_bytes: 60_000 }));
  for (let i = 0; i < 75; i++) {
    await js.publish(`blocks.${i % 5}`, payload(random, 1000, i % 10 === 0));
  }

  await js.addStream(base("DELETES", ["deletes.*"], { compression }));
  for (let i = 0; i < 60; i++) await js.publish(`deletes.${i % 4}`, `message ${i}`);
  for (const seq of [1, 2, 7, 8, 9, 30, 60]) await js.deleteMsg("DELETES", seq);
  await js.api("STREAM.MSG.DELETE.DELETES", { seq: 20, no_erase: true });
  await js.purge("DELETES", { filter: "deletes.1", keep: 2 });
  await js.purge("DELETES", { filter: "deletes.2", seq: 30 });
  await js.publish("deletes.0", "after");

  await js.addStream(base("PURGED", ["purged"], { compression }));
  await js.publishMany(15, "purged", "gone");
  await js.purge("PURGED");

  await js.addStream(base("PER", ["per.*"], { compression, max_msgs_per_subject: 2, max_msgs: 7 }));
  for (let i = 0; i < 40; i++) await js.publish(`per.${i % 6}`, `message ${i}`);

  await js.addStream(base("FIRST", ["first"], { compression, first_seq: 5000, discard: "new" }));
  await js.publishMany(3, "first", "message");

  await js.addStream(base("EMPTY", ["empty"], { compression, description: "nothing in it" }));
}

/** Goes on with what {@linkcode fillStreams} made, after a clean stop. */
export async function writeMore(nc: NatsConnection): Promise<void> {
  const js = new JsClient(nc);
  for (let i = 0; i < 10; i++) await js.publish(`plain.${i % 3}`, `more ${i}`);
  for (const seq of [3, 12, 24]) await js.deleteMsg("PLAIN", seq);
  await js.deleteMsg("DELETES", 33);
  for (let i = 0; i < 30; i++) await js.publish(`blocks.${i % 5}`, "x".repeat(1000));
  await js.publish("purged", "back");
  await js.purge("FIRST");
}

/** Counters, TTLs, delete markers, schedules, batches, roll-ups, transforms, KV and objects. */
export async function fillWithFeatures(nc: NatsConnection): Promise<void> {
  const js = new JsClient(nc);
  await js.addStream(base("COUNTER", ["counter.*"], { allow_msg_counter: true }));
  for (const [subject, by] of [["a", "+5"], ["b", "-3"], ["a", "+99999999999999999999"]]) {
    await js.publish(`counter.${subject}`, "", { "Nats-Incr": by! });
  }

  await js.addStream(base("TTL", ["ttl.*"], {
    allow_msg_ttl: true,
    subject_delete_marker_ttl: DECADES,
    max_msgs_per_subject: 5,
  }));
  await js.publish("ttl.never", "kept", { "Nats-TTL": "never" });
  await js.publish("ttl.long", "kept for long", { "Nats-TTL": String(DECADES_SEC) });
  await js.publish("ttl.none", "without");

  await js.addStream(base("EXPIRED", ["expired.*"], { allow_msg_ttl: true }));
  await js.publish("expired.short", "goes", { "Nats-TTL": "1s" });
  await js.publish("expired.both", "stays");
  await js.publish("expired.both", "goes", { "Nats-TTL": "1s" });
  for (let messages = 3; messages > 1;) {
    messages = (await js.streamInfo("EXPIRED")).state.messages;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }

  await js.addStream(base("SCHEDULES", ["schedules.>"], {
    allow_msg_schedules: true,
    allow_msg_ttl: true,
  }));
  for (const [name, when] of [["at", "@at 2199-01-01T00:00:00Z"], ["cron", "0 0 0 29 2 1"]]) {
    await js.publish(`schedules.${name}`, "later", {
      "Nats-Schedule": when!,
      "Nats-Schedule-Target": "schedules.target",
      "Nats-Schedule-TTL": "never",
    });
  }
  await js.publish("schedules.plain", "now");

  await js.addStream(base("BATCH", ["batch.*"], { allow_atomic: true }));
  for (let i = 1; i <= 4; i++) {
    const part = headers();
    part.set("Nats-Batch-Id", "batch-1");
    part.set("Nats-Batch-Sequence", String(i));
    if (i === 4) part.set("Nats-Batch-Commit", "1");
    const answer = await nc.request(`batch.${i}`, `part ${i}`, { timeout: 5000, headers: part });
    if (answer.string().includes("error")) throw new Error(answer.string());
  }

  await js.addStream(base("ROLLUP", ["rollup.*"], { allow_rollup_hdrs: true }));
  for (let i = 0; i < 9; i++) await js.publish(`rollup.${i % 3}`, `message ${i}`);
  await js.publish("rollup.1", "all", { "Nats-Rollup": "sub" });

  await js.addStream(base("TRANSFORM", ["transform.*.*"], {
    subject_transform: { src: "transform.*.*", dest: "turned.{{wildcard(2)}}.{{wildcard(1)}}" },
    republish: { src: ">", dest: "again.>" },
    metadata: { owner: "golden", "with space": 'and "quotes"' },
  }));
  for (let i = 0; i < 4; i++) await js.publish(`transform.${i}.x`, `message ${i}`);

  await js.addStream(base("SEALED", ["sealed"], { deny_delete: true, deny_purge: true }));
  await js.publishMany(3, "sealed", "last words");
  const { config } = await js.streamInfo("SEALED");
  await js.updateStream({ ...config, sealed: true });

  await js.addStream(base("ASYNC", ["async"], { persist_mode: "async" }));
  await js.publishMany(4, "async", "message");

  await js.addStream(base("KV_golden", ["$KV.golden.>"], {
    max_msgs_per_subject: 3,
    discard: "new",
    allow_rollup_hdrs: true,
    deny_delete: true,
    allow_direct: true,
    allow_msg_ttl: true,
    subject_delete_marker_ttl: DECADES,
  }));
  for (let i = 0; i < 5; i++) await js.publish("$KV.golden.key", `value ${i}`);
  await js.publish("$KV.golden.other", "value");
  await js.publish("$KV.golden.other", "", { "KV-Operation": "DEL" });
  await js.publish("$KV.golden.key", "", { "KV-Operation": "PURGE", "Nats-Rollup": "sub" });
}

/** Mirrors and sources of a stream. */
export async function fillWithMirrors(nc: NatsConnection): Promise<void> {
  const js = new JsClient(nc);
  await js.addStream(base("ORIGIN", ["origin.>"]));
  for (let i = 0; i < 25; i++) await js.publish(`origin.${i % 3}`, `message ${i}`);
  await js.deleteMsg("ORIGIN", 5);
  await js.addStream(base("OTHER", ["other"]));
  await js.publishMany(8, "other", "message");
  await js.addStream({ ...base("MIRROR", []), mirror: { name: "ORIGIN" } });
  await js.addStream({ ...base("LATE", []), mirror: { name: "ORIGIN", opt_start_seq: 20 } });
  await js.addStream({
    ...base("SOURCED", ["sourced"]),
    sources: [{
      name: "ORIGIN",
      subject_transforms: [{ src: "origin.1", dest: "one.{{partition(4,0)}}" }],
    }, { name: "OTHER" }],
  });
  await js.publish("sourced", "own");
  const expected: [string, number][] = [["MIRROR", 24], ["LATE", 6], ["SOURCED", 16]];
  for (const [name, count] of expected) {
    for (let messages = 0; messages < count;) {
      messages = (await js.streamInfo(name)).state.messages;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Consumers of all kinds, in the middle of their work. */
export async function fillWithConsumers(nc: NatsConnection): Promise<void> {
  const js = new JsClient(nc);
  await js.addStream(base("S", ["s.*"]));
  for (let i = 0; i < 40; i++) await js.publish(`s.${i % 4}`, `message ${i}`);
  const wait = { ack_wait: DECADES };
  const add = (name: string, more: Json) =>
    js.addConsumer("S", { durable_name: name, name, ack_policy: "explicit", ...wait, ...more });
  await add("FRESH", {});
  await add("PENDING", { filter_subjects: ["s.1", "s.2"], metadata: { kind: "golden" } });
  const some = await js.fetch("S", "PENDING", 8);
  for (const index of [0, 2, 3]) await js.ackSync(some[index]!);
  await js.ackSync(some[5]!, "+TERM because");
  await add("REDELIVERED", { filter_subject: "s.0", max_deliver: 5 });
  const first = await js.fetch("S", "REDELIVERED", 3);
  for (const msg of first) await js.ackSync(msg, "-NAK");
  await js.fetch("S", "REDELIVERED", 2);
  await add("ALL", {
    ack_policy: "all",
    ...wait,
    deliver_policy: "by_start_sequence",
    opt_start_seq: 11,
  });
  await js.ackSync((await js.fetch("S", "ALL", 9))[4]!);
  const { ack_wait: _, ...none } = wait;
  await js.addConsumer("S", {
    durable_name: "NONE",
    ack_policy: "none",
    ...none,
    headers_only: true,
  });
  await js.fetch("S", "NONE", 12);
  await add("LAST", { deliver_policy: "last_per_subject", filter_subject: "s.*" });
  await add("PAUSED", { pause_until: "2199-01-01T00:00:00Z" });
  await add("OVERFLOW", { priority_groups: ["a"], priority_policy: "overflow" });
  await add("PINNED", {
    priority_groups: ["p"],
    priority_policy: "pinned_client",
    priority_timeout: 60 * SECOND,
  });
  await add("BACKOFF", {
    backoff: [3600 * SECOND, DECADES],
    max_deliver: 4,
    ack_wait: 3600 * SECOND,
  });

  const push = js.subscribe("deliver.push");
  await add("PUSH", { deliver_subject: "deliver.push", max_ack_pending: 10 });
  for (let i = 0; i < 6; i++) await js.ackSync((await push.next())!);
  push.subscription.unsubscribe();
  await add("GROUP", { deliver_subject: "deliver.group", deliver_group: "workers" });
  // What an ordered consumer of an old client leaves behind.
  const ordered = js.subscribe("deliver.ordered");
  await js.addConsumer("S", {
    deliver_subject: "deliver.ordered",
    ack_policy: "none",
    max_deliver: 1,
    flow_control: true,
    idle_heartbeat: 5 * SECOND,
    inactive_threshold: DECADES,
  });
  await ordered.next();
  ordered.subscription.unsubscribe();

  await js.addStream(base("WORK", ["work.*"], { retention: "workqueue" }));
  for (let i = 0; i < 20; i++) await js.publish(`work.${i % 2}`, `job ${i}`);
  for (const name of ["0", "1"]) {
    await js.addConsumer("WORK", {
      durable_name: `W${name}`,
      ack_policy: "explicit",
      filter_subject: `work.${name}`,
      ...wait,
    });
    const jobs = await js.fetch("WORK", `W${name}`, 5);
    for (const index of [0, 1, 4]) await js.ackSync(jobs[index]!);
  }

  await js.addStream(base("INTEREST", ["interest.*"], { retention: "interest" }));
  for (const name of ["I1", "I2"]) {
    await js.addConsumer("INTEREST", { durable_name: name, ack_policy: "explicit", ...wait });
  }
  for (let i = 0; i < 12; i++) await js.publish("interest.x", `message ${i}`);
  for (const msg of await js.fetch("INTEREST", "I1", 8)) await js.ackSync(msg);
  for (const msg of (await js.fetch("INTEREST", "I2", 5)).slice(1, 4)) await js.ackSync(msg);
  // The reference writes the state of consumers a moment later.
  await new Promise((resolve) => setTimeout(resolve, 500));
}
