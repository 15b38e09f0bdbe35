/**
 * Random histories of streams with consumers, compared with a naive account of what each consumer
 * must have at each step: messages to come, deliveries that wait for an acknowledgement, floors,
 * and which messages may leave the stream; also through restarts, resets and changes of filters.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { ConsumerConfig, StreamConfig } from "../../../src/jsapi/mod.ts";
import type { Consumer } from "../../../src/jetstream/consumer/consumer.ts";
import { matchesFilters } from "../../../src/jetstream/consumer/needs.ts";
import { deleteMsg, purgeStream } from "../../../src/jetstream/stream/removal.ts";
import type { Stream } from "../../../src/jetstream/stream/stream.ts";
import { temporaryDirectory } from "../../sim/environment.ts";
import { SeededRandom } from "../../sim/random.ts";
import { type Received, World } from "./_world.ts";

const SUBJECTS = ["m.a", "m.b", "m.c.x", "m.c.y"];
const STEPS = 400;
const SEEDS = 5;

/** What one consumer must be like. */
class Model {
  /** Messages delivered at least once, with the consumer sequence of the first delivery. */
  readonly first: Map<number, number> = new Map();
  /** Delivered and not done with. */
  readonly open: Map<number, { reply: string; count: number }> = new Map();
  /** Delivered as often as is allowed, in vain. */
  readonly givenUp: Set<number> = new Set();
  /** Left behind by a reset. */
  readonly forgotten: Set<number> = new Set();
  /** Messages up to here do not come: they were there before, or are done with. */
  skipped = 0;
  /** They do all the same: the last ones of their subjects. */
  readonly listed: Set<number> = new Set();
  deliveredConsumer = 0;
  deliveredStream = 0;
  /** What the consumer gets, in order. */
  inbox: Received[];

  constructor(public consumer: Consumer, world: World) {
    this.inbox = world.listen(`inbox.${consumer.name}`);
  }

  matches(subject: string): boolean {
    return matchesFilters(this.consumer.filters, subject);
  }

  /** Whether the message has not come yet. */
  isToCome(seq: number, subject: string): boolean {
    if (seq <= this.skipped && !this.listed.has(seq)) return false;
    return this.matches(subject) && !this.first.has(seq);
  }

  /** Whether a stream that keeps what is needed must keep the message. */
  needs(seq: number, subject: string): boolean {
    return this.isToCome(seq, subject) || this.open.has(seq) || this.givenUp.has(seq);
  }

  /** All that was delivered is as if it never was. */
  restartAfter(seq: number): void {
    this.first.clear();
    this.open.clear();
    this.givenUp.clear();
    this.listed.clear();
    this.skipped = this.deliveredStream = seq;
    this.deliveredConsumer = 0;
  }
}

class History {
  /** Messages of the stream: subject by sequence. */
  readonly messages: Map<number, string> = new Map();
  readonly models: Model[] = [];
  lastSeq = 0;
  /** What happened, for failures. */
  readonly log: string[] = [];

  constructor(
    public world: World,
    public stream: Stream,
    readonly random: SeededRandom,
    readonly directory: string,
  ) {}

  addConsumer(config: Partial<ConsumerConfig>): void {
    const name = `c${this.models.length}`;
    const consumer = this.world.addConsumer(this.stream, { durable: name, name, ...config });
    const model = new Model(consumer, this.world);
    if (consumer.config.deliverPolicy !== "all") model.skipped = this.lastSeq;
    if (config.deliverPolicy === "last_per_subject") {
      const last = new Map<string, number>();
      for (const [seq, subject] of this.messages) last.set(subject, seq);
      for (const [subject, seq] of last) if (model.matches(subject)) model.listed.add(seq);
    }
    this.models.push(model);
  }

  /**
   * Takes note of the messages that are gone. By limits and on request any may go; where the
   * stream keeps what is needed, no other that is, and all that are not.
   */
  sync(onRequest: boolean): void {
    const { store, config } = this.stream;
    const keepsNeeded = config.retention !== "limits";
    for (const [seq, subject] of [...this.messages]) {
      const isNeeded = this.models.some((model) => model.needs(seq, subject));
      if (store.subjectForSeq(seq) === null) {
        assert(!keepsNeeded || onRequest || !isNeeded, `message ${seq} is gone`);
        this.messages.delete(seq);
      } else if (keepsNeeded && !isNeeded) {
        // A work queue also keeps what nobody asks for, and until the next start what was forgotten.
        const isClaimed = this.models.some((one) =>
          one.matches(subject) && !one.forgotten.has(seq)
        );
        assert(config.retention === "workqueue" && !isClaimed, `message ${seq} is still there`);
      }
    }
    this.lastSeq = this.stream.fastState().lastSeq;
    for (const { open, givenUp } of this.models) {
      for (const seq of [...open.keys()]) if (!this.messages.has(seq)) open.delete(seq);
      for (const seq of givenUp) if (!this.messages.has(seq)) givenUp.delete(seq);
    }
  }

  /** Takes note of what is not delivered again. */
  giveUp({ consumer, open, givenUp }: Model): void {
    const { maxDeliver } = consumer.config;
    for (const [seq, { count }] of maxDeliver > 0 ? [...open] : []) {
      if (count < maxDeliver || consumer.pending.has(seq)) continue;
      open.delete(seq);
      givenUp.add(seq);
      this.log.push(`${consumer.name} gave up ${seq}`);
    }
  }

  publish(): void {
    const subject = this.random.pick(SUBJECTS);
    const before = this.stream.fastState().lastSeq;
    this.world.publish(subject, "x".repeat(this.random.below(20)));
    const { lastSeq } = this.stream.fastState();
    if (lastSeq > before) this.messages.set(lastSeq, subject);
  }

  pull(model: Model): void {
    const batch = 1 + this.random.below(4);
    const { name } = model.consumer;
    this.world.js.client.publishText(
      this.world.account.account,
      `$JS.API.CONSUMER.MSG.NEXT.${this.stream.name}.${name}`,
      `inbox.${name}`,
      JSON.stringify({ batch, expires: 50_000_000 }),
    );
    this.world.js.endTurn();
  }

  /** Takes note of what was delivered. */
  receive(model: Model): void {
    const { config } = model.consumer;
    for (const { reply, headers, subject } of model.inbox.splice(0)) {
      if (reply === "") {
        assert(headers.startsWith("NATS/1.0 4"), headers);
        continue;
      }
      const [count, streamSeq, consumerSeq] = reply.split(".").slice(4).map(Number) as [
        number,
        number,
        number,
      ];
      assertEquals(this.messages.get(streamSeq) ?? subject, subject);
      assertEquals(consumerSeq, model.deliveredConsumer + 1);
      model.deliveredConsumer = consumerSeq;
      assert(config.maxDeliver <= 0 || count <= config.maxDeliver, `${streamSeq} too often`);
      if (count === 1) {
        assert(model.matches(subject), `${subject} for ${model.consumer.name}`);
        assert(!model.first.has(streamSeq), `${streamSeq} again as the first`);
        assert(streamSeq > model.deliveredStream, "first deliveries are in order");
        model.first.set(streamSeq, consumerSeq);
        model.deliveredStream = streamSeq;
      } else {
        assert(model.open.has(streamSeq), `${streamSeq} again although it is done`);
        assertEquals(count, model.open.get(streamSeq)!.count + 1);
      }
      this.log.push(`${model.consumer.name} got ${count} ${streamSeq} ${consumerSeq}`);
      if (config.ackPolicy !== "none") model.open.set(streamSeq, { reply, count });
    }
  }

  acknowledge(model: Model): void {
    const open = [...model.open];
    if (open.length === 0) return;
    const [seq, { reply }] = this.random.pick(open);
    const { ackPolicy } = model.consumer.config;
    const kind = this.random.below(10);
    const body = kind < 6
      ? this.random.pick(["", "+ACK", "+OK"])
      : this.random.pick(["-NAK", "-NAK 20ms", '-NAK {"delay":30000000}', "+WPI", "+TERM why"]);
    const isDone = kind < 6 || body.startsWith("+TERM");
    if (isDone && ackPolicy === "all") {
      for (const other of [...model.open.keys()]) if (other <= seq) model.open.delete(other);
    } else if (isDone) model.open.delete(seq);
    this.log.push(`${model.consumer.name} ${seq} ${body}`);
    this.world.publish(reply, body);
  }

  change(): void {
    const { random, stream } = this;
    const seqs = [...this.messages.keys()];
    switch (random.below(8)) {
      case 0: {
        const subject = random.pick([...SUBJECTS, "m.c.>"]);
        this.log.push(`purge ${subject}`);
        purgeStream(stream, { subject, sequence: 0, keep: 0 });
        break;
      }
      case 1:
        this.log.push("purge keep");
        purgeStream(stream, { subject: "", sequence: 0, keep: random.below(5) });
        break;
      case 2:
        if (seqs.length > 0) {
          this.log.push("purge seq");
          purgeStream(stream, { subject: "", sequence: random.pick(seqs), keep: 0 });
        }
        break;
      default:
        if (seqs.length > 0) deleteMsg(stream, random.pick(seqs), random.chance(0.5));
    }
    this.world.js.endTurn();
  }

  /** The consumer starts over, somewhere. */
  reset(model: Model): void {
    const { random, stream } = this;
    const seqs = [...this.messages.keys()];
    const isBound = stream.config.retention === "workqueue" ||
      model.consumer.config.deliverPolicy !== "all";
    const seq = isBound || seqs.length === 0 || random.chance(0.5) ? 0 : random.pick(seqs);
    const target = model.consumer.reset(seq);
    this.log.push(`${model.consumer.name} reset to ${target}`);
    for (const seq of this.messages.keys()) if (seq < target) model.forgotten.add(seq);
    model.restartAfter(target - 1);
    this.world.js.endTurn();
  }

  /** The consumer wants something else from now on. */
  refilter(model: Model): void {
    const { consumer, open, givenUp, listed } = model;
    if (this.stream.config.retention === "workqueue") return;
    if (open.size + givenUp.size + listed.size > 0) return;
    const filterSubjects = this.random.pick([[], ["m.a"], ["m.b", "m.c.x"], ["m.c.>", "m.a"]]);
    this.log.push(`${consumer.name} filters ${filterSubjects}`);
    model.skipped = Math.max(model.skipped, consumer.streamSeq - 1);
    consumer.updateConfig({ ...consumer.config, filterSubject: "", filterSubjects });
    this.world.js.endTurn();
  }

  /** The server ends and starts again. */
  async restart(): Promise<void> {
    this.log.push("restart");
    const { nowMs } = this.world.time;
    await this.world.stop();
    this.world = new World(this.directory, this.random, { nowMs });
    this.stream = this.world.account.stream(this.stream.name);
    for (const model of this.models) {
      this.receive(model);
      model.consumer = this.stream.consumers.get(model.consumer.name)!;
      model.inbox = this.world.listen(`inbox.${model.consumer.name}`);
      const passed = model.consumer.streamSeq - 1;
      for (const [seq, subject] of this.messages) {
        assert(seq > passed || !model.isToCome(seq, subject), `${seq} is skipped`);
      }
      model.skipped = passed;
      model.forgotten.clear();
    }
  }

  async step(): Promise<void> {
    const { random } = this;
    const model = random.pick(this.models);
    const kind = random.below(100);
    this.log.push(`${model.consumer.name} ${kind}`);
    if (kind < 40) this.publish();
    else if (kind < 60) this.pull(model);
    else if (kind < 82) this.acknowledge(model);
    else if (kind < 87) this.change();
    else if (kind < 88) this.reset(model);
    else if (kind < 89) this.refilter(model);
    else if (kind < 90 && this.stream.config.storage === "file") await this.restart();
    else this.world.advance(random.pick([1, 10, 60, 300]));
    for (const one of this.models) {
      this.receive(one);
      this.giveUp(one);
    }
    this.sync(kind >= 82 && kind < 87);
    for (const one of this.models) this.check(one);
  }

  check(model: Model): void {
    const { consumer } = model;
    const info = consumer.info();
    let toCome = 0;
    for (const [seq, subject] of this.messages) if (model.isToCome(seq, subject)) toCome++;
    const what = `${consumer.name} ${consumer.config.ackPolicy} [${consumer.filters}]`;
    assertEquals(info.numPending, toCome, `pending of ${what}`);
    if (consumer.config.ackPolicy === "none") return;
    assertEquals(
      [...consumer.pending.keys()].sort((a, b) => a - b),
      [...model.open.keys()].sort((a, b) => a - b),
      `unacknowledged of ${what}`,
    );
    assertEquals(info.numAckPending, model.open.size);
    const { delivered, pending, redelivered } = consumer.store!.state();
    assertEquals(delivered.consumer, model.deliveredConsumer, `stored delivered of ${what}`);
    const stored = [...pending?.keys() ?? []].sort((x, y) => x - y);
    assertEquals(stored, [...consumer.pending.keys()].sort((x, y) => x - y), `stored of ${what}`);
    assertEquals(
      [...redelivered ?? []].sort(([x], [y]) => x - y),
      [...consumer.redelivered].sort(([x], [y]) => x - y),
      `stored redeliveries of ${what}`,
    );
    const floor = consumer.ackFloorConsumer;
    assertEquals(info.delivered.consumer, model.deliveredConsumer, `delivered of ${what}`);
    for (const seq of model.open.keys()) {
      assert(consumer.ackFloorStream < seq, `the floor of ${what} passed ${seq}`);
      assert(floor < model.first.get(seq)!, `the floor of ${what} passed ${seq}`);
    }
    if (consumer.config.ackPolicy !== "explicit") return;
    if (model.open.size === 0) assertEquals(floor, model.deliveredConsumer, `floor of ${what}`);
    else {
      const lowest = Math.min(...model.open.keys());
      assertEquals(floor, model.first.get(lowest)! - 1, `floor of ${what}`);
    }
  }
}

async function run(seed: number, config: Partial<StreamConfig>): Promise<void> {
  using directory = temporaryDirectory();
  const random = new SeededRandom(seed);
  const world = new World(directory.path, random);
  const stream = world.addStream({ name: "M", subjects: ["m.>"], ...config });
  const history = new History(world, stream, random, directory.path);
  const ackWait = 200_000_000n;
  if (config.retention === "workqueue") {
    history.addConsumer({ ackPolicy: "explicit", ackWait, filterSubject: "m.a" });
    history.addConsumer({ ackPolicy: "explicit", ackWait, filterSubject: "m.c.*", maxDeliver: 2 });
  } else {
    history.addConsumer({ ackPolicy: "explicit", ackWait });
    history.addConsumer({ ackPolicy: "explicit", ackWait, filterSubject: "m.a" });
    history.addConsumer({ ackPolicy: "explicit", ackWait, filterSubjects: ["m.b", "m.c.*"] });
    history.addConsumer({ ackPolicy: "all", ackWait, filterSubject: "m.c.>" });
    history.addConsumer({ ackPolicy: "all", ackWait, maxAckPending: 3 });
    history.addConsumer({ ackPolicy: "none", filterSubject: "m.b" });
    history.addConsumer({ ackPolicy: "explicit", ackWait, maxDeliver: 2, filterSubject: "m.>" });
  }
  for (let step = 0; step < STEPS; step++) {
    try {
      // The list of last messages does not outlive a restart.
      if (step % 80 === 40 && config.retention === undefined && config.storage === "memory") {
        const filterSubjects = random.pick([["m.>"], ["m.a", "m.c.*"]]);
        history.addConsumer({
          ackPolicy: "explicit",
          ackWait,
          filterSubjects,
          deliverPolicy: "last_per_subject",
        });
        history.addConsumer({ ackPolicy: "explicit", ackWait, deliverPolicy: "new" });
      }
      await history.step();
    } catch (error) {
      const last = history.log.slice(-20).join("\n");
      const text = `seed ${seed}, step ${step}: ${(error as Error).message}\n${last}`;
      throw new Error(text, { cause: error });
    }
  }
  await history.world.stop();
}

const KINDS: Record<string, Partial<StreamConfig>> = {
  "limits, memory": { storage: "memory" },
  "limits, file": { storage: "file" },
  "few messages, memory": { storage: "memory", maxMsgs: 12 },
  "few per subject, file": { storage: "file", maxMsgsPer: 3 },
  "interest, memory": { storage: "memory", retention: "interest" },
  "interest, file": { storage: "file", retention: "interest" },
  "work queue, memory": { storage: "memory", retention: "workqueue" },
  "work queue, file": { storage: "file", retention: "workqueue" },
};

for (const [name, config] of Object.entries(KINDS)) {
  Deno.test(`consumers agree with a naive account of random histories: ${name}`, async () => {
    for (let seed = 1; seed <= SEEDS; seed++) await run(seed, config);
  });
}
