/**
 * Random operations on a stream, for comparing natsts with the real server.
 *
 * @module
 */
import { headers, type Msg, type NatsConnection } from "@nats-io/transport-node";
import { SeededRandom } from "../sim/random.ts";

/** What no two servers share, and what natsts counts exactly (see its README of consumers). */
const MASK = /"(created|ts|time|first_ts|last_ts|last_active|leader|num_pending)":("[^"]*"|\d+)/g;

/** One request: its subject, body and headers, and whether several messages answer it. */
export interface Operation {
  readonly subject: string;
  readonly body?: unknown;
  readonly msgId?: string;
  readonly many?: boolean;
}

/** Makes the operations of a round. */
export class Generator {
  readonly #random: SeededRandom;
  readonly #root: string;
  config: Record<string, unknown>;

  /** The stream's subjects are below `subject`. */
  constructor(seed: number, readonly name: string, { subject = "s" } = {}) {
    this.#random = new SeededRandom(seed);
    this.#root = subject;
    this.config = {
      name,
      subjects: [`${subject}.>`],
      storage: this.#pick(["file", "memory"]),
      retention: this.#pick(["limits", "limits", "interest", "workqueue"]),
      allow_direct: true,
      ...this.#limits(),
    };
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#random.below(values.length)]!;
  }

  #limits(): Record<string, unknown> {
    return {
      max_msgs: this.#pick([-1, -1, 20, 40]),
      max_msgs_per_subject: this.#pick([-1, -1, -1, 3, 10]),
      max_bytes: this.#pick([-1, -1, 3000]),
      discard: this.#pick(["old", "old", "new"]),
    };
  }

  #subject(): string {
    return `${this.#root}.${this.#pick(["1", "2", "3", "1.x", "2.x"])}`;
  }

  #filter(): string {
    return this.#pick([
      ">",
      "t",
      ...["1", "2", "*", ">", "*.x"].map((end) => `${this.#root}.${end}`),
    ]);
  }

  #seq(): number {
    return this.#random.below(90);
  }

  #purge(): Record<string, unknown> {
    const filter = this.#random.chance(0.6) ? { filter: this.#filter() } : {};
    const limit = this.#pick([{}, { seq: this.#seq() }, { keep: this.#random.below(6) }]);
    return { ...filter, ...limit };
  }

  #read(): Operation {
    const name = this.name;
    const get = `$JS.API.STREAM.MSG.GET.${name}`;
    const direct = `$JS.API.DIRECT.GET.${name}`;
    const seq = this.#seq();
    const subject = this.#subject();
    const filter = this.#filter();
    const batch = 1 + this.#random.below(8);
    // The reference's file store finds nothing at all up to a sequence that is not there yet.
    const upTo = this.config["storage"] === "memory" ? { up_to_seq: seq } : {};
    return this.#pick<Operation>([
      { subject: get, body: { seq } },
      { subject: get, body: { last_by_subj: filter } },
      { subject: get, body: { next_by_subj: filter, seq } },
      { subject: direct, body: { seq } },
      { subject: direct, body: { last_by_subj: filter } },
      { subject: direct, body: { next_by_subj: filter, seq } },
      { subject: `${direct}.${subject}` },
      { subject: direct, body: { seq: Math.max(1, seq), batch }, many: true },
      { subject: direct, body: { seq: Math.max(1, seq), next_by_subj: filter, batch }, many: true },
      { subject: direct, body: { batch, max_bytes: 100, seq: 1 }, many: true },
      { subject: direct, body: { multi_last: [filter], ...upTo, batch }, many: true },
      { subject: direct, body: { multi_last: [`${this.#root}.1`, filter] }, many: true },
    ]);
  }

  #info(): Operation {
    return {
      subject: `$JS.API.STREAM.INFO.${this.name}`,
      body: this.#pick([
        { deleted_details: true },
        { subjects_filter: this.#filter() },
        {},
      ]),
    };
  }

  #consumer(): Operation {
    const name = this.#pick(["C", "D"]);
    const kind = this.#random.below(4);
    const stream = this.name;
    if (kind === 0) return { subject: `$JS.API.CONSUMER.DELETE.${stream}.${name}` };
    if (kind === 1) return { subject: `$JS.API.CONSUMER.INFO.${stream}.${name}` };
    const start = this.#pick([
      {},
      { deliver_policy: "last" },
      { deliver_policy: "new" },
      { deliver_policy: "by_start_sequence", opt_start_seq: 1 },
    ]);
    const config = {
      name,
      durable_name: name,
      ack_policy: this.#pick(["explicit", "explicit", "none", "all"]),
      // Histories of consumers are in reference_consumer_test.ts.
      filter_subject: `${this.#root}.${name === "C" ? "*" : "1.x"}`,
      ...start,
    };
    return {
      subject: `$JS.API.CONSUMER.CREATE.${stream}.${name}.${config.filter_subject}`,
      body: { stream_name: stream, config, action: "" },
    };
  }

  next(): Operation {
    const kind = this.#random.unit();
    const name = this.name;
    if (kind < 0.5) {
      const body = "x".repeat(this.#pick([0, 1, 20, 200]));
      const id = this.#random.chance(0.1) ? { msgId: `m${this.#random.below(10)}` } : {};
      return { subject: this.#subject(), body, ...id };
    }
    if (kind < 0.6) {
      const no_erase = this.#random.chance(0.5);
      return { subject: `$JS.API.STREAM.MSG.DELETE.${name}`, body: { seq: this.#seq(), no_erase } };
    }
    if (kind < 0.65) return { subject: `$JS.API.STREAM.PURGE.${name}`, body: this.#purge() };
    if (kind < 0.68) {
      this.config = { ...this.config, ...this.#limits() };
      return { subject: `$JS.API.STREAM.UPDATE.${name}`, body: this.config };
    }
    if (kind < 0.75) return this.#info();
    return kind < 0.83 ? this.#consumer() : this.#read();
  }
}

function shown(message: Msg): string {
  const all = [...message.headers ?? []]
    .map(([name, values]) => `${name}: ${name === "Nats-Time-Stamp" ? "" : values}`);
  const status = message.headers === undefined
    ? ""
    : `${message.headers.code} ${message.headers.description} `;
  return `${status}${all.join("; ")} ${message.string().replace(MASK, '"$1":""')}`;
}

/** All answers to a request, as text. */
export async function answers(connection: NatsConnection, operation: Operation): Promise<string> {
  const { subject, body = "", msgId, many } = operation;
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const sent = headers();
  if (msgId !== undefined) sent.set("Nats-Msg-Id", msgId);
  const more = msgId === undefined ? {} : { headers: sent };
  if (many !== true) {
    return shown(await connection.request(subject, text, { timeout: 3000, ...more }));
  }
  const collected: string[] = [];
  // The end of a batch has no body and a status.
  const options = { strategy: "sentinel", maxWait: 3000 } as const;
  for await (const message of await connection.requestMany(subject, text, options)) {
    collected.push(shown(message));
  }
  return collected.join("\n");
}
