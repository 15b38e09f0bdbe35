/**
 * A stream as a plain array: what every store must agree with.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { sublistOf } from "../../src/base/containers/gsl/mod.ts";
import { LoadCode, StoredMsg } from "../../src/store/stored_msg.ts";
import type { StreamStore } from "../../src/store/stream_store.ts";
import { subjectMatchesFilter } from "../../src/subject/mod.ts";
import type { SeededRandom } from "./random.ts";

/** A message of the model. */
export interface ModelMsg {
  readonly seq: number;
  readonly subject: string;
  readonly headers: string;
  readonly payload: string;
}

/** The limits that the model knows. */
export interface ModelLimits {
  readonly maxMsgs: number;
  readonly maxMsgsPerSubject: number;
}

/** Live messages by sequence, and the ends of the stream. */
export class StreamModel {
  msgs: Map<number, ModelMsg> = new Map();
  lastSeq = 0;

  constructor(readonly limits: ModelLimits = { maxMsgs: 0, maxMsgsPerSubject: 0 }) {}

  live(): ModelMsg[] {
    return [...this.msgs.values()].sort((a, b) => a.seq - b.seq);
  }

  firstSeq(): number {
    let first = Infinity;
    for (const seq of this.msgs.keys()) first = Math.min(first, seq);
    return first === Infinity ? this.lastSeq + 1 : first;
  }

  store(subject: string, headers: string, payload: string): number {
    const seq = ++this.lastSeq;
    this.msgs.set(seq, { seq, subject, headers, payload });
    const { maxMsgs, maxMsgsPerSubject } = this.limits;
    if (maxMsgsPerSubject > 0) {
      const same = this.live().filter((msg) => msg.subject === subject);
      for (const msg of same.slice(0, Math.max(0, same.length - maxMsgsPerSubject))) {
        this.msgs.delete(msg.seq);
      }
    }
    if (maxMsgs > 0) { while (this.msgs.size > maxMsgs) this.msgs.delete(this.firstSeq()); }
    return seq;
  }

  purge(filter: string, before: number, keep: number): number {
    let hit = this.live().filter((msg) => matches(msg.subject, filter));
    if (keep > 0) hit = hit.slice(0, Math.max(0, hit.length - keep));
    if (before > 0) hit = hit.filter((msg) => msg.seq < before);
    for (const msg of hit) this.msgs.delete(msg.seq);
    return hit.length;
  }

  /** A copy with the same messages. */
  clone(): StreamModel {
    const copy = new StreamModel(this.limits);
    copy.msgs = new Map(this.msgs);
    copy.lastSeq = this.lastSeq;
    return copy;
  }

  truncate(seq: number): void {
    for (const key of [...this.msgs.keys()]) if (key > seq) this.msgs.delete(key);
    this.lastSeq = seq;
  }
}

/** True when `filter` ("" for all) covers `subject`. */
export function matches(subject: string, filter: string): boolean {
  return filter === "" || filter === ">" || subjectMatchesFilter(subject, filter);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A loaded message in the model's form. */
export function modelMsgOf(msg: StoredMsg): ModelMsg {
  return {
    seq: msg.seq,
    subject: msg.subject(),
    headers: decoder.decode(msg.headers()),
    payload: decoder.decode(msg.payload()),
  };
}

/** Everything a store holds, in order. */
export function contentOf(store: StreamStore): ModelMsg[] {
  const all: ModelMsg[] = [];
  const msg = new StoredMsg();
  let seq = 0;
  while (store.loadNextMsg("", seq, msg) === LoadCode.Found) {
    all.push(modelMsgOf(msg));
    seq = msg.seq + 1;
  }
  return all;
}

/** Fails unless the store has the model's messages and ends. */
export function assertSameContent(store: StreamStore, model: StreamModel, note: string): void {
  const actual = contentOf(store);
  const expected = model.live();
  // Sequences first: a difference there is short to read.
  assertEquals(
    actual.map((msg) => msg.seq).filter((seq) => !model.msgs.has(seq)),
    [],
    `${note}: too many`,
  );
  const present = new Set(actual.map((msg) => msg.seq));
  assertEquals(
    expected.map((msg) => msg.seq).filter((seq) => !present.has(seq)),
    [],
    `${note}: missing`,
  );
  assertEquals(actual, expected, note);
  const state = store.state();
  assertEquals(state.msgs, model.msgs.size, note);
  assertEquals(state.lastSeq, model.lastSeq, note);
  if (model.msgs.size > 0) {
    assertEquals(state.firstSeq, model.firstSeq(), note);
    const deleted: number[] = [];
    for (let seq = model.firstSeq(); seq <= model.lastSeq; seq++) {
      if (!model.msgs.has(seq)) deleted.push(seq);
    }
    assertEquals(state.deleted, deleted, note);
  }
}

const FILTERS = ["", ">", "a.*", "a.1", "b.>", "*.2", "none.*", "c"];

/** Compares all kinds of queries with the model's brute force. */
export function assertSameQueries(
  store: StreamStore,
  model: StreamModel,
  random: SeededRandom,
  note: string,
): void {
  const filter = random.pick(FILTERS);
  const start = random.below(model.lastSeq + 3);
  const context = `${note} filter "${filter}" start ${start}`;
  const live = model.live();
  const hits = live.filter((msg) => matches(msg.subject, filter));
  const from = hits.filter((msg) => msg.seq >= start);
  const msg = new StoredMsg();
  const load = (code: LoadCode) => code === LoadCode.Found ? modelMsgOf(msg) : null;
  assertEquals(load(store.loadNextMsg(filter, start, msg)), from[0] ?? null, context);
  const upTo = hits.filter((hit) => hit.seq <= start);
  assertEquals(load(store.loadPrevMsg(filter, start, msg)), upTo[upTo.length - 1] ?? null, context);
  if (filter !== "" && filter !== ">") {
    assertEquals(load(store.loadLastMsg(filter, msg)), hits[hits.length - 1] ?? null, context);
  }
  assertEquals(store.numPending(start, filter, false).total, from.length, `${context} pending`);
  const lastOf = new Map<string, number>();
  for (const hit of hits) lastOf.set(hit.subject, hit.seq);
  assertEquals(
    store.numPending(start, filter, true).total,
    [...lastOf.values()].filter((seq) => seq >= start).length,
    `${context} last per subject`,
  );
  const totals = new Map<string, number>();
  for (const hit of hits) totals.set(hit.subject, (totals.get(hit.subject) ?? 0) + 1);
  assertEquals(sorted(store.subjectsTotals(filter)), sorted(totals), `${context} totals`);
  const states = sorted(store.subjectsState(filter));
  const expected = [...totals].map(([subject, msgs]) => {
    const seqs = hits.filter((hit) => hit.subject === subject).map((hit) => hit.seq);
    return [subject, { msgs, first: seqs[0]!, last: seqs[seqs.length - 1]! }] as const;
  });
  assertEquals(states, sorted(new Map(expected)), `${context} states`);
  const state = store.filteredState(start, filter);
  assertEquals(state.msgs, from.length, `${context} filtered`);
  if (from.length > 0 && filter !== "" && filter !== ">") {
    assertEquals([state.first, state.last], [from[0]!.seq, from[from.length - 1]!.seq], context);
  }
  const filters = [random.pick(FILTERS.slice(2)), random.pick(FILTERS.slice(2))];
  const list = sublistOf(new Set(filters));
  const multi = live.filter((m) => filters.some((f) => matches(m.subject, f)));
  const multiFrom = multi.filter((m) => m.seq >= start);
  const both = `${context} multi ${filters}`;
  assertEquals(load(store.loadNextMsgMulti(list, start, msg)), multiFrom[0] ?? null, both);
  const multiTo = multi.filter((m) => m.seq <= start);
  assertEquals(
    load(store.loadPrevMsgMulti(list, start, msg)),
    multiTo[multiTo.length - 1] ?? null,
    both,
  );
  assertEquals(store.numPendingMulti(start, list, false).total, multiFrom.length, both);
  const lastSeqs = new Map<string, number>();
  for (const m of multi) if (start === 0 || m.seq <= start) lastSeqs.set(m.subject, m.seq);
  assertEquals(
    store.multiLastSeqs(filters, start, 0),
    [...lastSeqs.values()].sort((a, b) => a - b),
    `${both} last seqs`,
  );
}

function sorted<V>(map: Map<string, V>): [string, V][] {
  return [...map].sort((a, b) => a[0] < b[0] ? -1 : 1);
}

/** A change that can be applied to the model and to a store. */
export interface PlannedChange {
  readonly text: string;
  /** Applies it to the model; returns what the store should return. */
  apply(model: StreamModel): unknown;
  /** Applies it to the store; returns what the store returned. */
  run(store: StreamStore): unknown;
}

const NOTHING: PlannedChange = { text: "nothing", apply: () => 0, run: () => 0 };

/** Decides on a random change that fits the model's present state. */
export function planChange(model: StreamModel, random: SeededRandom): PlannedChange {
  const dice = random.unit();
  const seq = 1 + random.below(model.lastSeq + 1);
  if (dice < 0.6) {
    const subject = random.pick(["a.1", "a.2", "a.3", "b.1", "b.2.x", "c", "d.2"]);
    const headers = random.chance(0.3) ? "NATS/1.0\r\nA: b\r\n\r\n" : "";
    const payload = "x".repeat(random.below(120)) + model.lastSeq;
    return {
      text: `store ${model.lastSeq + 1} ${subject}`,
      apply: (to) => to.store(subject, headers, payload),
      run: (store) => store.storeMsg(subject, encoder.encode(headers), encoder.encode(payload), 0),
    };
  }
  if (dice < 0.84) {
    if (seq > model.lastSeq) return NOTHING;
    const remove = random.chance(0.1) ? "eraseMsg" : "removeMsg";
    return {
      text: `${remove} ${seq}`,
      apply: (to) => to.msgs.delete(seq),
      run: (store) => {
        try {
          return store[remove](seq);
        } catch (error) {
          if ((error as { code?: string }).code !== "not_found") throw error;
          return false;
        }
      },
    };
  }
  if (dice < 0.9) {
    const count = 1 + random.below(4);
    return {
      text: `skip ${count}`,
      apply: (to) => {
        to.lastSeq += count;
      },
      run: (store) => count === 1 ? void store.skipMsg(0) : store.skipMsgs(0, count),
    };
  }
  if (dice < 0.95) {
    const filter = random.pick(["a.1", "a.*", "b.>", "c"]);
    const keep = random.chance(0.3) ? 1 + random.below(3) : 0;
    const before = keep === 0 && random.chance(0.4) ? 2 + random.below(model.lastSeq + 1) : 0;
    return {
      text: `purge ${filter} ${before} ${keep}`,
      apply: (to) => to.purge(filter, before, keep),
      run: (store) => store.purgeEx(filter, before, keep),
    };
  }
  if (dice < 0.985) {
    const low = Math.min(model.lastSeq, model.firstSeq() + random.below(12));
    if (low === 0) return NOTHING;
    return {
      text: `compact ${low}`,
      apply: (to) => to.purge("", low, 0),
      run: (store) => store.compact(low),
    };
  }
  if (dice < 0.995) {
    if (model.lastSeq < 3) return NOTHING;
    const last = Math.max(1, model.lastSeq - random.below(10));
    return {
      text: `truncate ${last}`,
      apply: (to) => to.truncate(last),
      run: (store) => store.truncate(last),
    };
  }
  return { text: "purge", apply: (to) => to.purge("", 0, 0), run: (store) => store.purge() };
}

/** Applies one random change to both; returns what it was. */
export function randomChange(
  store: StreamStore,
  model: StreamModel,
  random: SeededRandom,
): string {
  const change = planChange(model, random);
  const returned = change.run(store);
  assertEquals(returned, change.apply(model), change.text);
  return change.text;
}
