/**
 * Random histories of streams with consumers, compared with a naive account of what each consumer
 * must have at each step: messages to come, deliveries that wait for an acknowledgement, floors.
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
  readonly open: Map<number, { reply: string }> = new Map();
  /** Messages up to here do not come: they were there before. */
  skipped = 0;
  deliveredConsumer = 0;
  deliveredStream = 0;
  /** What the consumer gets, in order. */
  readonly inbox: Received[];

  constructor(readonly consumer: Consumer, world: World) {
    this.inbox = world.listen(`inbox.${consumer.name}`);
  }

  matches(subject: string): boolean {
    return matchesFilters(this.consumer.filters, subject);
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
    readonly world: World,
    readonly stream: Stream,
    readonly random: SeededRandom,
  ) {}

  addConsumer(config: Partial<ConsumerConfig>): void {
    const name = `c${this.models.length}`;
    const consumer = this.world.addConsumer(this.stream, { durable: name, name, ...config });
    const model = new Model(consumer, this.world);
    if (config.deliverPolicy === "new") model.skipped = this.lastSeq;
    this.models.push(model);
  }

  /** Reads the stream anew: removals by limits and acknowledgements are the stream's matter. */
  sync(): void {
    const { store } = this.stream;
    for (const seq of [...this.messages.keys()]) {
      if (store.subjectForSeq(seq) === null) this.messages.delete(seq);
    }
    this.lastSeq = this.stream.fastState().lastSeq;
    for (const model of this.models) {
      for (const seq of [...model.open.keys()]) {
        if (!this.messages.has(seq)) model.open.delete(seq);
      }
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
      assertEquals(this.subjectOf(streamSeq, subject), subject);
      assert(model.matches(subject), `${subject} for ${model.consumer.name}`);
      assertEquals(consumerSeq, model.deliveredConsumer + 1);
      model.deliveredConsumer = consumerSeq;
      if (count === 1) {
        assert(!model.first.has(streamSeq), `${streamSeq} again as the first`);
        assert(streamSeq > model.deliveredStream, "first deliveries are in order");
        model.first.set(streamSeq, consumerSeq);
        model.deliveredStream = streamSeq;
      } else {
        assert(model.open.has(streamSeq), `${streamSeq} again although it is done`);
      }
      this.log.push(`${model.consumer.name} got ${count} ${streamSeq} ${consumerSeq}`);
      if (config.ackPolicy !== "none") model.open.set(streamSeq, { reply });
    }
  }

  subjectOf(seq: number, otherwise: string): string {
    return this.messages.get(seq) ?? otherwise;
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

  step(): void {
    const { random } = this;
    const model = random.pick(this.models);
    const kind = random.below(100);
    this.log.push(`${model.consumer.name} ${kind}`);
    if (kind < 40) this.publish();
    else if (kind < 60) this.pull(model);
    else if (kind < 85) this.acknowledge(model);
    else if (kind < 90) this.change();
    else this.world.advance(random.pick([1, 10, 60, 300]));
    for (const one of this.models) this.receive(one);
    this.sync();
    for (const one of this.models) this.check(one);
  }

  check(model: Model): void {
    const { consumer } = model;
    const info = consumer.info();
    let toCome = 0;
    for (const [seq, subject] of this.messages) {
      if (seq > model.skipped && model.matches(subject) && !model.first.has(seq)) toCome++;
    }
    const what = `${consumer.name} ${consumer.config.ackPolicy} [${consumer.filters}]`;
    assertEquals(info.numPending, toCome, `pending of ${what}`);
    if (consumer.config.ackPolicy === "none") return;
    assertEquals(
      [...consumer.pending.keys()].sort((a, b) => a - b),
      [...model.open.keys()].sort((a, b) => a - b),
      `unacknowledged of ${what}`,
    );
    assertEquals(info.numAckPending, model.open.size);
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
  const history = new History(world, stream, random);
  const ackWait = 200_000_000n;
  if (config.retention === "workqueue") {
    history.addConsumer({ ackPolicy: "explicit", ackWait, filterSubject: "m.a" });
    history.addConsumer({ ackPolicy: "explicit", ackWait, filterSubject: "m.c.*" });
  } else {
    history.addConsumer({ ackPolicy: "explicit", ackWait });
    history.addConsumer({ ackPolicy: "explicit", ackWait, filterSubject: "m.a" });
    history.addConsumer({ ackPolicy: "explicit", ackWait, filterSubjects: ["m.b", "m.c.*"] });
    history.addConsumer({ ackPolicy: "all", ackWait, filterSubject: "m.c.>" });
    history.addConsumer({ ackPolicy: "all", ackWait, maxAckPending: 3 });
    history.addConsumer({ ackPolicy: "none", filterSubject: "m.b" });
  }
  for (let step = 0; step < STEPS; step++) {
    try {
      history.step();
    } catch (error) {
      const last = history.log.slice(-20).join("\n");
      const text = `seed ${seed}, step ${step}: ${(error as Error).message}\n${last}`;
      throw new Error(text, { cause: error });
    }
  }
  await world.stop();
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
