/**
 * Random configurations of streams and consumers, and random changes of them, for comparing natsts
 * with the real server. Most values are valid, so that requests get far.
 *
 * @module
 */
import { SeededRandom } from "../sim/random.ts";

/** A configuration as a request carries it. */
export type Config = Record<string, unknown>;

const SECOND = 1e9;
const MS = 1e6;
const SUBJECTS = ["a", "a.*", "a.>", "b", "b.1", "c.*.d", "*.e", "f.>"];
const ODD_SUBJECTS = [">", "*", "a..b", "", "$JS.API.x", "$SYS.a", "$JS.EVENT.x", "a b", "a.>.b"];
const NAMES = ["S1", "S2", "S3", "KEEP"];
const TEXTS = ["", "x", "some text"];
/** Stands for a field that is left out. */
const NONE = undefined;

/** Makes configurations. */
export class ConfigGenerator {
  readonly random: SeededRandom;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.random.below(values.length)]!;
  }

  chance(probability: number): boolean {
    return this.random.chance(probability);
  }

  subject(): string {
    return this.pick(this.chance(0.06) ? ODD_SUBJECTS : SUBJECTS);
  }

  #list<T>(make: () => T, most: number): T[] {
    return Array.from({ length: 1 + this.random.below(most) }, make);
  }

  #transform(): Config {
    const src = this.pick(["", "a.*", "a.>", "b", "x", ">", "a.*.*", "b..c"]);
    const dest = this.pick([
      "z.$1",
      "z.{{wildcard(1)}}",
      "z.>",
      "z",
      "z.{{partition(3,1)}}",
      "z.{{random(3)}}",
      "z.{{nothing(1)}}",
      "z.*",
    ]);
    return { src, dest };
  }

  #external(): Config {
    return {
      api: this.pick(["$JS.other.API", "remote.API", "$JS.API", "x.>", ""]),
      deliver: this.pick(["", "", "deliver.here", "a.b", "x.*"]),
    };
  }

  /** A mirror or a source. */
  upstream(): Config {
    const start = this.pick([{}, {}, {}, { opt_start_seq: 3 }, {
      opt_start_time: "2024-01-01T00:00:00Z",
    }, { opt_start_seq: 3, opt_start_time: "2024-01-01T00:00:00Z" }]);
    const filter = this.pick([
      {},
      {},
      { filter_subject: this.subject() },
      { subject_transforms: [this.#transform()] },
      { subject_transforms: [this.#transform(), this.#transform()] },
      { filter_subject: "a", subject_transforms: [this.#transform()] },
    ]);
    const external = this.chance(0.2) ? { external: this.#external() } : {};
    const consumer = this.chance(0.1)
      ? {
        consumer: {
          name: this.pick(["C", "", "a.b"]),
          deliver_subject: this.pick(["", "d.x", "d.*"]),
        },
      }
      : {};
    return {
      name: this.pick([...NAMES, "NONE", "a.b", ""]),
      ...start,
      ...filter,
      ...external,
      ...consumer,
    };
  }

  #metadata(): Config {
    return this.pick<Config>([
      { a: "1" },
      { _nats: "x" },
      { "_nats.req.level": "0" },
      { "_nats.req.level": "99" },
      { "_nats.level": "3", b: "2" },
    ]);
  }

  /** One field of a stream's configuration, by name. */
  readonly #streamFields: Readonly<Record<string, () => unknown>> = {
    description: () => this.pick(TEXTS),
    subjects: () =>
      this.pick<unknown>([NONE, this.#list(() => this.subject(), 3), [this.subject()]]),
    retention: () =>
      this.pick(["limits", "interest", "workqueue", "nothing"].slice(0, this.chance(0.05) ? 4 : 3)),
    max_consumers: () => this.pick([-1, 0, 1, 2, -5]),
    max_msgs: () => this.pick([-1, 0, 10, -2]),
    max_bytes: () => this.pick([-1, 0, 1024, 4096, -3, 1e15]),
    max_age: () => this.pick([0, SECOND, 3600 * SECOND, 50 * MS, 100 * MS, -SECOND]),
    max_msgs_per_subject: () => this.pick([-1, 0, 1, 5, -2]),
    max_msg_size: () => this.pick([-1, 0, 512, -2]),
    discard: () => this.pick(["old", "new"]),
    storage: () => this.pick(["file", "memory"]),
    num_replicas: () => this.pick([0, 1, 1, 1, 1, 3, 6, -1]),
    no_ack: () => this.chance(0.5),
    duplicate_window: () => this.pick([0, SECOND, 120 * SECOND, 7200 * SECOND, 50 * MS, -1]),
    placement: () =>
      this.pick<unknown>([NONE, {}, { tags: ["x"] }, { cluster: "c" }, { preferred: "p" }]),
    mirror: () => this.pick<unknown>([NONE, this.upstream()]),
    sources: () => this.pick<unknown>([NONE, this.#list(() => this.upstream(), 2)]),
    compression: () => this.pick(["none", "s2"]),
    first_seq: () => this.pick([0, 1, 22, 2 ** 40]),
    subject_transform: () => this.pick<unknown>([NONE, this.#transform()]),
    republish: () =>
      this.pick<unknown>([NONE, { ...this.#transform(), headers_only: this.chance(0.5) }]),
    allow_direct: () => this.chance(0.5),
    mirror_direct: () => this.chance(0.5),
    discard_new_per_subject: () => this.chance(0.5),
    sealed: () => this.chance(0.2),
    deny_delete: () => this.chance(0.5),
    deny_purge: () => this.chance(0.5),
    allow_rollup_hdrs: () => this.chance(0.5),
    consumer_limits: () =>
      this.pick<unknown>([NONE, {}, { max_ack_pending: 10 }, { inactive_threshold: 100 * SECOND }, {
        max_ack_pending: -1,
        inactive_threshold: -1,
      }]),
    allow_msg_ttl: () => this.chance(0.5),
    subject_delete_marker_ttl: () => this.pick([0, SECOND, 10 * SECOND, 500 * MS, -SECOND]),
    allow_msg_counter: () => this.chance(0.3),
    allow_atomic: () => this.chance(0.5),
    allow_msg_schedules: () => this.chance(0.4),
    allow_batched: () => this.chance(0.5),
    persist_mode: () => this.pick(["default", "async", ""]),
    metadata: () => this.#metadata(),
  };

  /** One field of a consumer's configuration, by name. */
  readonly #consumerFields: Readonly<Record<string, () => unknown>> = {
    description: () => this.pick(TEXTS),
    deliver_policy: () =>
      this.pick(["all", "last", "new", "by_start_sequence", "by_start_time", "last_per_subject"]),
    opt_start_seq: () => this.pick([NONE, 0, 1, 5]),
    opt_start_time: () => this.pick([NONE, "2024-01-01T00:00:00Z"]),
    ack_policy: () => this.pick(["none", "all", "explicit", "explicit", "flow_control"]),
    ack_wait: () => this.pick([0, SECOND, 30 * SECOND, -SECOND, 5]),
    max_deliver: () => this.pick([-1, 0, 1, 3, -5]),
    backoff: () =>
      this.pick<unknown>([NONE, [SECOND], [SECOND, 5 * SECOND], [
        SECOND,
        2 * SECOND,
        3 * SECOND,
        4 * SECOND,
      ], [-1]]),
    filter_subject: () => this.pick([NONE, "", this.subject(), this.subject()]),
    filter_subjects: () =>
      this.pick<unknown>([NONE, this.#list(() => this.subject(), 3), ["a", ""]]),
    replay_policy: () => this.pick(["instant", "original"]),
    rate_limit_bps: () => this.pick([0, 1024]),
    sample_freq: () => this.pick(["", "100", "50%", "x", "-1", "200"]),
    max_waiting: () => this.pick([0, 1, 10, -1]),
    max_ack_pending: () => this.pick([0, 1, 5, 100, -1, -2]),
    flow_control: () => this.chance(0.4),
    headers_only: () => this.chance(0.5),
    max_batch: () => this.pick([0, 5, 200, -1]),
    max_expires: () => this.pick([0, SECOND, 5 * MS, 60 * SECOND, -1]),
    max_bytes: () => this.pick([0, 1024, -1]),
    deliver_subject: () => this.pick([NONE, "", "d.x", "d.y", "d.*", "a.1", "$JS.x", "d..x"]),
    deliver_group: () => this.pick([NONE, "", "q", "q r", "q.*"]),
    idle_heartbeat: () => this.pick([0, SECOND, 100 * MS, 10 * MS, -SECOND]),
    // Nothing may go by itself while answers are compared.
    inactive_threshold: () => this.pick([60 * SECOND, 5 * 60 * SECOND, -SECOND]),
    num_replicas: () => this.pick([0, 1, 3, -1, 6]),
    mem_storage: () => this.chance(0.5),
    direct: () => this.chance(0.1),
    sourcing: () => this.chance(0.1),
    metadata: () => this.#metadata(),
    pause_until: () =>
      this.pick([NONE, "2024-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "0001-01-01T00:00:00Z"]),
    priority_groups: () =>
      this.pick<unknown>([NONE, ["A"], ["A", "B"], [""], ["a b"], ["A.B"], ["12345678901234567"]]),
    priority_policy: () =>
      this.pick(["none", "overflow", "pinned_client", "prioritized", "nothing"]),
    priority_timeout: () => this.pick([0, SECOND, 120 * SECOND, -1]),
  };

  #change(config: Config, fields: Readonly<Record<string, () => unknown>>, count: number): Config {
    const changed = { ...config };
    const names = Object.keys(fields);
    for (let i = 0; i < count; i++) {
      const name = this.pick(names);
      const value = fields[name]!();
      if (value === NONE) delete changed[name];
      else changed[name] = value;
    }
    return changed;
  }

  /** A new stream. */
  stream(name: string): Config {
    const subject = name.slice(1);
    const base: Config = {
      name,
      subjects: [`${subject}.>`],
      storage: this.pick(["file", "memory"]),
    };
    const special = this.random.unit();
    if (special < 0.1) {
      delete base["subjects"];
      base["mirror"] = this.upstream();
    } else if (special < 0.2) base["sources"] = [this.upstream()];
    return this.#change(base, this.#streamFields, this.random.below(5));
  }

  /** Another form of a stream. */
  changedStream(config: Config): Config {
    return this.#change(config, this.#streamFields, 1 + this.random.below(2));
  }

  /** A new consumer. */
  consumer(name: string): Config {
    const base: Config = { name, ack_policy: this.pick(["explicit", "none", "all"]) };
    if (name === "C1") base["durable_name"] = name;
    else base["inactive_threshold"] = 60 * SECOND;
    if (this.chance(0.4)) base["deliver_subject"] = this.pick(["d.x", "d.y"]);
    return this.#change(base, this.#consumerFields, this.random.below(5));
  }

  /** Another form of a consumer. */
  changedConsumer(config: Config): Config {
    return this.#change(config, this.#consumerFields, 1 + this.random.below(2));
  }

  /** A configuration with something in it that does not belong there. */
  spoiled(config: Config): Config {
    const names = Object.keys(config);
    if (names.length === 0) return { unknown: 1 };
    const name = this.pick(names);
    const spoiled: Config = { ...config };
    switch (this.random.below(5)) {
      case 0:
        spoiled["unknown"] = this.pick<unknown>([1, "x", null, {}]);
        break;
      case 1: {
        delete spoiled[name];
        spoiled[this.pick([name.toUpperCase(), name[0]!.toUpperCase() + name.slice(1)])] =
          config[name];
        break;
      }
      default:
        spoiled[name] = this.pick<unknown>([
          null,
          "x",
          "",
          1,
          -1,
          1.5,
          2 ** 33,
          true,
          [],
          ["x"],
          [1],
          {},
          { x: 1 },
          "1s",
          1e30,
        ]);
    }
    return spoiled;
  }
}
