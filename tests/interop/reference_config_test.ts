/**
 * Creates and updates streams and consumers with the same random configurations on natsts and on
 * the real server, and compares every answer. Skipped where the real server is not on the path.
 * `CONFIG_SEED` repeats a run, `CONFIG_ROUNDS` makes it longer.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { NatsConnection } from "@nats-io/transport-node";
import { onBothServers, referenceProgram } from "../harness/reference_server.ts";
import { SeededRandom } from "../sim/random.ts";

const program = referenceProgram("nats-server");
if (program === null) console.log("nats-server is not on the path: comparison skipped");

const SECOND = 1_000_000_000;
/** What no two servers share. */
const MASK = /"(created|ts|first_ts|last_ts)":"[^"]*"|"(pause_remaining)":\d+/g;

type Fields = Record<string, readonly unknown[]>;

const STREAM_FIELDS: Fields = {
  subjects: [
    ["a"],
    ["a", "b.*"],
    ["a.>"],
    [">"],
    ["a", "a"],
    ["a.*", "a.b"],
    ["$JS.x"],
    ["a b"],
    [],
  ],
  retention: ["limits", "interest", "workqueue"],
  storage: ["file", "memory"],
  discard: ["old", "new"],
  max_consumers: [-1, 0, 1],
  max_msgs: [-1, 0, 10, -5],
  max_bytes: [-1, 0, 1000, -5],
  max_age: [0, SECOND, SECOND / 20, -1, 60 * SECOND],
  max_msgs_per_subject: [-1, 0, 1, 5],
  max_msg_size: [-1, 0, 100, 2 ** 31 - 1],
  num_replicas: [0, 1, 2, 3, 6, -1],
  no_ack: [true],
  duplicate_window: [0, SECOND, SECOND / 20, 1000 * SECOND, -1],
  description: ["text", "x".repeat(5000)],
  sealed: [true],
  deny_delete: [true],
  deny_purge: [true],
  allow_rollup_hdrs: [true],
  allow_direct: [true],
  mirror_direct: [true],
  discard_new_per_subject: [true],
  first_seq: [0, 5],
  compression: ["none", "s2"],
  subject_transform: [
    { src: "a", dest: "c" },
    { src: ">", dest: "c.>" },
    { src: "a.*", dest: "c.{{wildcard(1)}}" },
    { src: "a", dest: "c.*" },
    { src: "", dest: "" },
  ],
  republish: [
    { src: "a", dest: "r" },
    { src: ">", dest: "r.>" },
    { src: ">", dest: "a" },
    { src: "b", dest: "r.*" },
  ],
  mirror: [{ name: "KEEP" }, { name: "NONE" }, { name: "KEEP", filter_subject: "keep" }],
  sources: [
    [{ name: "KEEP" }],
    [{ name: "KEEP" }, { name: "KEEP" }],
    [{ name: "" }],
    [{ name: "KEEP", filter_subject: "x", subject_transforms: [{ src: "x", dest: "y" }] }],
    [{ name: "KEEP", subject_transforms: [{ src: "keep.>", dest: "y.>" }] }],
  ],
  consumer_limits: [{ inactive_threshold: SECOND }, { max_ack_pending: 10 }],
  allow_msg_ttl: [true],
  subject_delete_marker_ttl: [SECOND, SECOND / 2, -1],
  allow_msg_counter: [true],
  allow_atomic: [true],
  allow_batched: [true],
  allow_msg_schedules: [true],
  persist_mode: ["default", "async"],
  metadata: [{ a: "b" }, { "_nats.x": "y" }],
};

const CONSUMER_FIELDS: Fields = {
  durable_name: ["C", "D", "a.b"],
  name: ["C", "D", "a b"],
  description: ["text", "x".repeat(5000)],
  deliver_policy: ["all", "last", "new", "by_start_sequence", "by_start_time", "last_per_subject"],
  opt_start_seq: [1, 5],
  opt_start_time: ["2024-01-01T00:00:00Z"],
  ack_policy: ["none", "all", "explicit", "flow_control"],
  ack_wait: [SECOND, -1, 1000],
  max_deliver: [-1, 0, 1, 5],
  backoff: [[SECOND], [SECOND, 2 * SECOND, 3 * SECOND], [0]],
  filter_subject: ["a", "b.x", ">", "x", "a b"],
  filter_subjects: [["a"], ["a", "b.x"], ["a", "a"], ["a", ">"], [""]],
  replay_policy: ["instant", "original"],
  rate_limit_bps: [1000],
  sample_freq: ["50%", "100", "x"],
  max_waiting: [0, 5, -1],
  max_ack_pending: [-1, 0, 5],
  idle_heartbeat: [SECOND, SECOND / 20],
  flow_control: [true],
  headers_only: [true],
  max_batch: [5, -1],
  max_expires: [SECOND, 1000],
  max_bytes: [100, -1],
  deliver_subject: ["d", "d.*", "a"],
  deliver_group: ["g", "g g"],
  inactive_threshold: [60 * SECOND, -1],
  num_replicas: [0, 1, 3, -1],
  mem_storage: [true],
  metadata: [{ a: "b" }],
  pause_until: ["2099-01-01T00:00:00Z", "2020-01-01T00:00:00Z"],
  priority_groups: [["a"], ["a", "b"], ["x".repeat(17)], [""]],
  priority_policy: ["none", "overflow", "pinned_client", "prioritized"],
  priority_timeout: [SECOND],
};

/** Few random fields; `always` are there in any case. */
function randomConfig(
  random: SeededRandom,
  fields: Fields,
  always: Record<string, unknown>,
): Record<string, unknown> {
  const config: Record<string, unknown> = { ...always };
  const names = Object.keys(fields);
  for (let count = 1 + random.below(5); count > 0; count--) {
    const name = names[random.below(names.length)]!;
    const values = fields[name]!;
    config[name] = values[random.below(values.length)];
  }
  return config;
}

/** A request and both answers. */
class Comparison {
  readonly #sides: readonly NatsConnection[];
  readonly differences: string[] = [];

  constructor(sides: readonly NatsConnection[]) {
    this.#sides = sides;
  }

  /** Returns whether the reference took it. */
  async ask(verb: string, body: unknown): Promise<boolean> {
    const text = JSON.stringify(body);
    const [expected, actual] = await Promise.all(this.#sides.map(async (side) => {
      const { data } = await side.request(`$JS.API.${verb}`, text, { timeout: 3000 });
      return new TextDecoder().decode(data).replace(MASK, '"$1$2":""');
    }));
    if (expected !== actual) {
      this.differences.push(`${verb} ${text}\n  go: ${expected}\n  ts: ${actual}`);
    }
    return !expected!.includes('"error":');
  }
}

async function playRound(seed: number, comparison: Comparison): Promise<void> {
  const random = new SeededRandom(seed);
  const pedantic = random.chance(0.3) ? { pedantic: true } : {};
  const name = `S${seed}`;
  const own = random.chance(0.8) ? { name, subjects: ["a", "b.*"] } : { name };
  const config = randomConfig(random, STREAM_FIELDS, own);
  if (!(await comparison.ask(`STREAM.CREATE.${name}`, { ...config, ...pedantic }))) return;
  for (let i = 0; i < 4; i++) {
    const consumer = randomConfig(random, CONSUMER_FIELDS, random.chance(0.5) ? { name: "C" } : {});
    const verb = consumer["name"] === undefined
      ? `CONSUMER.CREATE.${name}`
      : `CONSUMER.CREATE.${name}.${consumer["name"]}`;
    if (consumer["name"] === undefined && consumer["durable_name"] === undefined) continue;
    if (/[ .]/.test(String(consumer["name"] ?? ""))) continue;
    const action = ["", "", "create", "update"][random.below(4)]!;
    await comparison.ask(verb, { stream_name: name, config: consumer, action, ...pedantic });
  }
  for (let i = 0; i < 2; i++) {
    const changed = randomConfig(random, STREAM_FIELDS, config);
    await comparison.ask(`STREAM.UPDATE.${name}`, { ...changed, ...pedantic });
  }
  await comparison.ask(`STREAM.DELETE.${name}`, "");
}

Deno.test({
  name: "configurations are taken and refused as the reference does",
  ignore: program === null,
  async fn() {
    const rounds = Number(Deno.env.get("CONFIG_ROUNDS") ?? 100);
    const seed = Number(Deno.env.get("CONFIG_SEED") ?? Math.floor(Math.random() * 1e6));
    console.log(`seed ${seed}`);
    await onBothServers(program!, async (theirs, ours) => {
      const comparison = new Comparison([theirs, ours]);
      for (let round = 0; round < rounds; round++) await playRound(seed + round, comparison);
      assertEquals(comparison.differences, []);
    });
  },
});
