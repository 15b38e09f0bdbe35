/**
 * Sends the same random batches, atomic and fast ones, to natsts and to the real server, and
 * compares every answer and what the streams hold afterwards. Skipped where the real server is not
 * on the path. `BATCH_SEED` repeats a run, `BATCH_ROUNDS` makes it longer.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { headers as makeHeaders, type NatsConnection } from "@nats-io/transport-node";
import { onBothServers, referenceProgram } from "../harness/reference_server.ts";
import { until } from "../harness/server.ts";
import { SeededRandom } from "../sim/random.ts";

const program = referenceProgram("nats-server");
if (program === null) console.log("nats-server is not on the path: comparison skipped");

const OPERATIONS = 120;
const QUIET_MS = 40;

/** One message of a round. */
interface Operation {
  readonly subject: string;
  /** What follows the inbox in the reply subject. */
  readonly reply: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Makes the streams and messages of a round. */
class Generator {
  readonly #random: SeededRandom;
  readonly name: string;
  readonly isCounter: boolean;
  readonly hasConsumer: boolean;
  readonly config: Readonly<Record<string, unknown>>;
  /** Next sequence of each batch, as a publisher that makes few mistakes would count. */
  readonly #atomic = new Map<string, number>();
  readonly #fast = new Map<string, number>();
  #gapOkBatches = 0;

  constructor(seed: number) {
    // The reference may still be removing the files of the stream before.
    this.name = `S${seed}`;
    this.#random = new SeededRandom(seed);
    this.isCounter = this.#chance(0.2);
    this.hasConsumer = this.#chance(0.5);
    const limits = this.#pick([
      {},
      { max_msgs: 20 },
      { discard: "new", max_msgs: 25 },
      { discard: "new", max_bytes: 2000 },
      { discard: "new", max_msgs_per_subject: 8, discard_new_per_subject: true },
      { max_msg_size: 300 },
    ]);
    this.config = {
      name: this.name,
      subjects: ["s.>"],
      storage: this.#pick(["file", "memory"]),
      retention: this.#pick(["limits", "limits", "interest", "workqueue"]),
      allow_atomic: true,
      allow_batched: true,
      ...(this.#chance(0.15) ? { subject_transform: { src: "s.>", dest: "t.>" } } : {}),
      ...(this.isCounter ? { allow_msg_counter: true } : {
        ...limits,
        allow_rollup_hdrs: this.#chance(0.5),
        allow_msg_ttl: this.#chance(0.5),
        allow_msg_schedules: this.#chance(0.3),
      }),
    };
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#random.below(values.length)]!;
  }

  #chance(probability: number): boolean {
    return this.#random.chance(probability);
  }

  #headers(): Record<string, string> {
    const headers: Record<string, string> = {};
    if (this.isCounter && this.#chance(0.95)) headers["Nats-Incr"] = this.#pick(["1", "-2", "+7"]);
    if (this.#chance(0.7)) return headers;
    const expected = String(this.#random.below(30));
    const [name, value] = this.#pick(
      [
        ["Nats-Msg-Id", `m${this.#random.below(20)}`],
        ["Nats-Msg-Id", `m${this.#random.below(20)}`],
        ["Nats-Expected-Last-Sequence", expected],
        ["Nats-Expected-Last-Subject-Sequence", this.#pick(["0", expected])],
        ["Nats-Expected-Last-Subject-Sequence-Subject", "s.1"],

        ["Nats-Expected-Stream", this.#pick([this.name, "T"])],
        ["Nats-Rollup", this.#pick(["sub", "all", "SUB", "x"])],
        ["Nats-TTL", this.#pick(["1h", "never", "x", "0", "-1"])],
        ["Nats-Required-Api-Level", this.#pick(["0", "4", "99", "x"])],
        ["Nats-Incr", "1"],
        ["Nats-Scheduler", this.#pick(["s.0", "s.1", "s.*"])],
        ["Nats-Schedule", "@at 2099-01-01T00:00:00Z"],
      ] as const,
    );
    headers[name] = value;
    if (name === "Nats-Scheduler") headers["Nats-Schedule-Next"] = this.#pick(["purge", "x"]);
    if (name === "Nats-Schedule") headers["Nats-Schedule-Target"] = this.#pick(["s.9", "s.1", "x"]);
    return headers;
  }

  next(): Operation {
    const subject = `s.${this.#random.below(4)}`;
    const headers = this.#headers();
    const body = this.isCounter ? "" : "x".repeat(this.#pick([0, 1, 10, 50, 400]));
    const kind = this.#random.unit();
    if (kind < 0.2) return { subject, reply: "one", headers, body };
    return kind < 0.6
      ? this.#atomicMessage(subject, headers, body)
      : this.#fastMessage(subject, headers, body);
  }

  #atomicMessage(subject: string, headers: Record<string, string>, body: string): Operation {
    const id = `a${this.#random.below(2)}`;
    const right = this.#atomic.get(id) ?? 1;
    // 0 is no sequence that the end of a batch could have: the reference counts down from it.
    const seq = this.#chance(0.96) ? right : this.#pick([1, right + 1, 1001]);
    const commit = this.#chance(0.25) ? this.#pick(["1", "1", "1", "eob", "eob", "0", ""]) : null;
    this.#atomic.set(id, commit === null ? seq + 1 : 1);
    headers["Nats-Batch-Id"] = this.#chance(0.01) ? "i".repeat(65) : id;
    headers["Nats-Batch-Sequence"] = this.#chance(0.01) ? "x" : String(seq);
    if (commit !== null) headers["Nats-Batch-Commit"] = commit;
    return { subject, reply: this.#chance(0.9) ? "atomic" : "", headers, body };
  }

  #fastMessage(subject: string, headers: Record<string, string>, body: string): Operation {
    // After a refused atomic batch the reference expects a sequence that is too high here.
    delete headers["Nats-Expected-Last-Sequence"];
    const isGapOk = this.#chance(0.5);
    const id = isGapOk ? `ok${this.#gapOkBatches}` : "fail";
    const right = this.#fast.get(id) ?? 1;
    // Where gaps are fine the reference leaves a batch open for ever when its sequence goes back
    // after a refused message; natsts ends it.
    const wrong = isGapOk ? [right + 1, right + 3] : [0, 1, 1, 1, right + 1, right - 1];
    const seq = this.#chance(0.92) ? right : Math.max(0, this.#pick(wrong));
    const operation = this.#chance(0.08)
      ? this.#pick([4, 4, 4, 0, 1, 5])
      : this.#chance(0.12)
      ? this.#pick([2, 2, 3])
      : seq === 1
      ? 0
      : 1;
    const isEnd = operation === 2 || operation === 3;
    if (isEnd && isGapOk) this.#gapOkBatches++;
    this.#fast.set(
      id,
      isEnd ? 1 : operation === 4 ? Math.max(right, seq) : seq + 1,
    );
    const gap = isGapOk ? "ok" : "fail";
    const pinged = operation === 4 && this.#chance(0.8) ? Math.max(1, seq - 1) : seq;
    const flow = this.#pick([0, 2, 2, 2, 70_000]);
    return { subject, reply: `${id}.${flow}.${gap}.${pinged}.${operation}.$FI`, headers, body };
  }
}

/** A server under comparison: what it answered. */
class Side {
  readonly answers: string[] = [];
  readonly #inbox: string;

  constructor(readonly connection: NatsConnection) {
    this.#inbox = `_INBOX.${crypto.randomUUID()}`;
    connection.subscribe(`${this.#inbox}.>`, {
      callback: (_error, message) => {
        const rest = message.subject.slice(this.#inbox.length + 1);
        this.answers.push(`${rest} ${message.string()}`);
      },
    });
  }

  async send({ subject, reply, headers, body }: Operation): Promise<void> {
    const all = makeHeaders();
    for (const [name, value] of Object.entries(headers)) all.set(name, value);
    this.connection.publish(subject, body, {
      ...(reply === "" ? {} : { reply: `${this.#inbox}.${reply}` }),
      ...(Object.keys(headers).length === 0 ? {} : { headers: all }),
    });
    await this.connection.flush();
  }

  async request(subject: string, body: unknown = ""): Promise<string> {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const { data } = await this.connection.request(`$JS.API.${subject}`, text, { timeout: 3000 });
    return new TextDecoder().decode(data).replace(
      /"(ts|created|time|first_ts|last_ts)":"[^"]*"/g,
      "",
    );
  }

  /** All that the stream holds. */
  async content(name: string): Promise<string[]> {
    const info = await this.request(`STREAM.INFO.${name}`);
    const { state } = JSON.parse(info.replace(/,+/g, ",").replace(/{,/g, "{").replace(/,}/g, "}"));
    const content = [JSON.stringify(state)];
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
      content.push(await this.request(`STREAM.MSG.GET.${name}`, { seq }));
    }
    return content;
  }
}

async function playRound(seed: number, theirs: Side, ours: Side): Promise<void> {
  const generator = new Generator(seed);
  const { name } = generator;
  const created = await Promise.all(
    [theirs, ours].map((side) => side.request(`STREAM.CREATE.${name}`, generator.config)),
  );
  assertEquals(created[1], created[0], `seed ${seed}`);
  if (created[0]!.includes('"error"')) return;
  const durable_name = "C";
  const consumer = { stream_name: name, config: { durable_name, filter_subject: "s.1" } };
  if (generator.hasConsumer) {
    const subject = `CONSUMER.DURABLE.CREATE.${name}.C`;
    await Promise.all([theirs, ours].map((side) => side.request(subject, consumer)));
  }
  const log: string[] = [];
  for (let i = 0; i < OPERATIONS; i++) {
    const operation = generator.next();
    log.push(JSON.stringify(operation));
    const before = ours.answers.length;
    await Promise.all([theirs.send(operation), ours.send(operation)]);
    const enough = () => theirs.answers.length >= ours.answers.length;
    // Later answers of the reference show up as a difference in the end.
    await until(enough, undefined, 1000).catch(() => {});
    const expected = theirs.answers.slice(before);
    const actual = ours.answers.slice(before);
    assertEquals(
      actual,
      expected,
      `seed ${seed}, ${JSON.stringify(generator.config)}:\n${log.slice(-12).join("\n")}`,
    );
  }
  await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  assertEquals(ours.answers, theirs.answers, `seed ${seed}`);
  const [expected, actual] = await Promise.all([theirs.content(name), ours.content(name)]);
  assertEquals(actual, expected, `seed ${seed}, ${JSON.stringify(generator.config)}`);
  await Promise.all([theirs, ours].map((side) => side.request(`STREAM.DELETE.${name}`)));
}

Deno.test({
  name: "batches are answered and stored as the reference does",
  ignore: program === null,
  async fn() {
    const rounds = Number(Deno.env.get("BATCH_ROUNDS") ?? 8);
    const seed = Number(Deno.env.get("BATCH_SEED") ?? Math.floor(Math.random() * 1e6));
    console.log(`seed ${seed}`);
    await onBothServers(program!, async (theirs, ours) => {
      for (let round = 0; round < rounds; round++) {
        await playRound(seed + round, new Side(theirs), new Side(ours));
      }
    });
  },
});
