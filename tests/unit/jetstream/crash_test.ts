/**
 * Survival of JetStream as a whole: publishers, atomic batches, work queues and consumers run on a
 * simulated disk until the process is killed at a random write. After the restart
 *
 * - what was acknowledged is there, with its sequence, once; what was not is there at most once;
 * - atomic batches are whole or absent;
 * - a confirmed acknowledgement is never taken back: the message does not come again;
 * - nothing is taken for acknowledged that was not: all other messages come again.
 *
 * `CRASH_SECONDS=600 deno test …` runs longer; `SEED=n` replays one history.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { ConsumerConfig, StreamConfig } from "../../../src/jsapi/mod.ts";
import { LoadCode, StoredMsg } from "../../../src/store/mod.ts";
import type { Stream } from "../../../src/jetstream/stream/stream.ts";
import { SimulatedCrash, SimulatedDisk } from "../../sim/disk.ts";
import { SeededRandom } from "../../sim/random.ts";
import { type Received, World } from "./_world.ts";

const HISTORIES = 150;
const STEPS = 60;
const ACK_WAIT_NS = 1_000_000_000n;
const decoder = new TextDecoder();

const STREAMS: Partial<StreamConfig>[] = [
  { name: "L", subjects: ["L.>"], allowAtomicPublish: true },
  { name: "W", subjects: ["W.>"], retention: "workqueue" },
  { name: "I", subjects: ["I.>"], retention: "interest" },
];

interface Published {
  readonly stream: string;
  readonly body: string;
  readonly batch: string;
  /** Sequence by the acknowledgement; 0 without one. */
  seq: number;
}

/** What one history has promised to its clients. */
class History {
  readonly published: Published[] = [];
  readonly batches = new Map<string, { size: number; committed: boolean }>();
  readonly ackTried = new Set<string>();
  readonly ackConfirmed = new Set<string>();
  #delivered: Received[] = [];

  constructor(readonly world: World, readonly random: SeededRandom, readonly disk: SimulatedDisk) {
    const answers = world.listen("answer.>");
    this.readAnswers = () => {
      const read = answers.splice(0);
      // A stopped machine has told nobody anything.
      if (disk.stopped) return;
      for (const { subject, body } of read) this.#onAnswer(subject, body);
    };
    this.#delivered = world.listen("deliver.>");
  }

  readonly readAnswers: () => void;

  #onAnswer(subject: string, body: string): void {
    const [, kind, ...rest] = subject.split(".");
    if (kind === "ack") {
      this.ackConfirmed.add(rest.join("."));
      return;
    }
    const answer = body === "" ? {} : JSON.parse(body);
    if (kind === "pub") {
      const one = this.published[Number(rest[0])]!;
      assert(answer.error === undefined, body);
      if (answer.duplicate !== true) one.seq = answer.seq;
    } else if (kind === "batch" && answer.seq !== undefined) {
      this.batches.get(rest[0]!)!.committed = true;
      const members = this.published.filter(({ batch }) => batch === rest[0]);
      for (const [index, one] of members.entries()) {
        one.seq = answer.seq - members.length + 1 + index;
      }
    }
  }

  step(): void {
    const { random, world } = this;
    const dice = random.unit();
    if (dice < 0.5) this.#publish();
    else if (dice < 0.6) this.#batch();
    else if (dice < 0.75) this.#pull();
    else if (dice < 0.95) this.#ack();
    else world.advance(random.below(400));
    if (random.chance(0.5)) world.js.endTurn();
    this.readAnswers();
  }

  #publish(): void {
    const { random, world, published } = this;
    const stream = ["L", "W", "I"][random.below(3)]!;
    const index = published.length;
    const body = `m${index}-${"x".repeat(random.below(200))}`;
    published.push({ stream, body, batch: "", seq: 0 });
    const headers: Record<string, string> = random.chance(0.3) ? { "Nats-Msg-Id": `${index}` } : {};
    world.send(`${stream}.${random.below(4)}`, body, `answer.pub.${index}`, headers);
  }

  #batch(): void {
    const { random, world, published } = this;
    const id = `b${published.length}`;
    const size = 1 + random.below(6);
    this.batches.set(id, { size, committed: false });
    for (let i = 1; i <= size; i++) {
      const body = `${id}-${i}-${"y".repeat(random.below(100))}`;
      published.push({ stream: "L", body, batch: id, seq: 0 });
      const headers: Record<string, string> = {
        "Nats-Batch-Id": id,
        "Nats-Batch-Sequence": `${i}`,
      };
      if (i === size) headers["Nats-Batch-Commit"] = "1";
      world.send("L.batch", body, i === size ? `answer.batch.${id}` : "", headers);
    }
  }

  #pull(): void {
    const stream = ["L", "W", "I"][this.random.below(3)]!;
    const request = JSON.stringify({ batch: 1 + this.random.below(5), no_wait: true });
    this.world.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.C`, request, "deliver.me");
  }

  #ack(): void {
    const messages = this.#delivered.filter(({ reply }) => reply.startsWith("$JS.ACK."));
    this.#delivered.length = 0;
    for (const message of messages) {
      if (this.random.chance(0.2)) continue;
      const key = ackKey(message);
      this.ackTried.add(key);
      this.world.send(message.reply, "", `answer.ack.${key}`);
    }
  }
}

/** `stream.seq` of a delivery. */
function ackKey({ reply }: Received): string {
  const tokens = reply.split(".");
  return `${tokens[2]}.${tokens[5]}`;
}

interface Content {
  readonly seq: number;
  readonly body: string;
}

function contentOf(stream: Stream): Content[] {
  const all: Content[] = [];
  const { firstSeq, lastSeq } = stream.fastState();
  const message = new StoredMsg();
  for (let seq = Math.max(1, firstSeq); seq <= lastSeq; seq++) {
    if (stream.store.loadMsg(seq, message) !== LoadCode.Found) continue;
    all.push({ seq, body: decoder.decode(message.payload()) });
  }
  return all;
}

function checkStream(history: History, stream: Stream): void {
  const { name } = stream;
  const content = contentOf(stream);
  const bySeq = new Map(content.map(({ seq, body }) => [seq, body]));
  const bodies = content.map(({ body }) => body);
  assertEquals(new Set(bodies).size, bodies.length, `${name}: a message is there twice`);
  for (const { stream: of, body, seq } of history.published) {
    if (of !== name || seq === 0) continue;
    const mayBeGone = name !== "L" && history.ackTried.has(`${name}.${seq}`);
    if (mayBeGone && !bySeq.has(seq)) continue;
    assertEquals(bySeq.get(seq), body, `${name}: acknowledged message ${seq}`);
  }
  for (const key of history.ackConfirmed) {
    const [of, seq] = key.split(".");
    if (of !== name || name === "L") continue;
    assert(!bySeq.has(Number(seq)), `${name}: ${seq} was acknowledged and is still there`);
  }
  if (name !== "L") return;
  for (const [id, { size, committed }] of history.batches) {
    const there = bodies.filter((body) => body.startsWith(`${id}-`)).length;
    // A power loss can tear a hole into what was not synced; the stream reports it as lost.
    const torn = stream.store.state().lost !== null;
    const may = there === size || (!committed && (there === 0 || torn));
    assert(may, `${name}: ${there} of ${size} of ${id}`);
  }
}

function checkConsumer(history: History, world: World, stream: Stream): void {
  const { name } = stream;
  const left = contentOf(stream).map(({ seq }) => seq);
  const delivered = world.listen("again.>");
  world.advance(Number(ACK_WAIT_NS / 1_000_000n) + 10);
  const request = JSON.stringify({ batch: left.length + 10, no_wait: true });
  world.publish(`$JS.API.CONSUMER.MSG.NEXT.${name}.C`, request, "again.me");
  world.js.endTurn();
  const keys = delivered.filter(({ reply }) => reply.startsWith("$JS.ACK.")).map(ackKey);
  const again = new Set(keys);
  assertEquals(again.size, keys.length, `${name}: a message was delivered twice at once`);
  for (const key of history.ackConfirmed) {
    assert(!again.has(key), `${key} was acknowledged and comes again`);
  }
  for (const seq of left) {
    const key = `${name}.${seq}`;
    if (!history.ackTried.has(key)) assert(again.has(key), `${key} was never acknowledged: lost`);
  }
}

async function run(seed: number, power: boolean): Promise<void> {
  const random = new SeededRandom(seed);
  const disk = new SimulatedDisk(random);
  const options = { disk, syncAlways: power };
  const world = new World("/js", random, options);
  for (const config of STREAMS) {
    const stream = world.addStream(config);
    const consumer: Partial<ConsumerConfig> = {
      durable: "C",
      ackPolicy: "explicit",
      ackWait: ACK_WAIT_NS,
      maxAckPending: 1000,
    };
    world.addConsumer(stream, consumer);
  }
  world.js.endTurn();
  const history = new History(world, random, disk);
  const steps = random.below(STEPS);
  for (let i = 0; i < steps; i++) history.step();
  disk.plan.crashAt = disk.calls + 1 + random.below(40);
  try {
    for (let i = 0; i < STEPS && !disk.stopped; i++) history.step();
  } catch (error) {
    if (!(error instanceof SimulatedCrash)) throw error;
  }
  if (!disk.stopped) history.readAnswers();
  disk.stopped = true;
  // What the stopped process still had on its queue finds the disk gone.
  await new Promise((resolve) => setTimeout(resolve, 0));
  disk.reboot(power);
  const after = new World("/js", random, options);
  after.time.nowMs = world.time.nowMs + 1000;
  for (const { name } of STREAMS) {
    const stream = after.account.streams.get(name!);
    assert(stream !== undefined, `${name} did not come back`);
    checkStream(history, stream);
    checkConsumer(history, after, stream);
  }
  await after.stop();
}

async function histories(power: boolean): Promise<void> {
  const given = Deno.env.get("SEED");
  const seconds = Number(Deno.env.get("CRASH_SECONDS") ?? "0");
  const endMs = Date.now() + seconds * 1000;
  const first = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
  const count = given === undefined ? HISTORIES : 1;
  for (let i = 0; i < count || Date.now() < endMs; i++) {
    try {
      await run(first + i, power);
    } catch (error) {
      console.error(`failed with SEED=${first + i}`);
      throw error;
    }
  }
}

Deno.test("kill -9 loses nothing that JetStream acknowledged", () => histories(false));
Deno.test("a power loss with sync_interval: always loses nothing", () => histories(true));
