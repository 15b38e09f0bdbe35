/**
 * Survival: the same store on a simulated disk that stops at any call, loses what was not synced,
 * or fails the n-th call. After each accident the store is opened again and compared with what it
 * had promised: what was synced is there, what was removed stays away, nothing else appears.
 *
 * `CRASH_SECONDS=600 deno test …` runs longer; `SEED=n` replays one history.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { createHmac } from "node:crypto";
import { HighwayHash } from "../../../src/base/crypto/mod.ts";
import { DiskError } from "../../../src/platform/disk.ts";
import { streamStoreConfig } from "../../../src/store/config.ts";
import { FileStore } from "../../../src/store/file/file_store.ts";
import { compactHalfEmpty } from "../../../src/store/file/stream/syncing.ts";
import { writeFullState } from "../../../src/store/file/stream/full_state_io.ts";
import { SimulatedCrash, SimulatedDisk } from "../../sim/disk.ts";
import { simulatedEnvironment } from "../../sim/environment.ts";
import { SeededRandom } from "../../sim/random.ts";
import { contentOf, type ModelMsg, planChange, StreamModel } from "../../sim/stream_model.ts";

const HISTORIES = 10_000;
/** With a seed given, each step is printed. */
const TRACE = Deno.env.has("SEED");
const hasher = new HighwayHash();
const keyGen = (context: Uint8Array) =>
  new Uint8Array(createHmac("sha256", "secret").update(context).digest());

/** What must hold after an accident. */
interface Promised {
  /** Messages that were live and synced, and are not touched since. */
  msgs: Map<number, ModelMsg>;
  lastSeq: number;
}

interface History {
  readonly seed: number;
  readonly disk: SimulatedDisk;
  readonly open: () => FileStore;
  readonly random: SeededRandom;
}

function historyOf(seed: number): History {
  const random = new SeededRandom(seed);
  const disk = new SimulatedDisk(random);
  const env = simulatedEnvironment(disk, random, hasher);
  const encrypted = random.chance(0.2);
  const config = streamStoreConfig({
    name: "S",
    subjects: ["a.*", "b.>", "c", "d.2"],
    compression: random.chance(0.25) ? "s2" : "none",
  });
  const open = () =>
    new FileStore(env, {
      storeDir: "/js/S",
      blockBytes: 600,
      syncAlways: true,
      ...(encrypted ? { keyGen } : {}),
    }, config);
  return { seed, disk, open, random };
}

interface Outcome {
  promised: Promised;
  /** Every message that was there at some time since the promise, by sequence. */
  mayBe: Map<number, ModelMsg[]>;
  stopped: boolean;
}

/** Runs changes until `steps` are done or the disk stops the machine. */
async function live(
  history: History,
  store: FileStore,
  model: StreamModel,
  steps: number,
): Promise<Outcome> {
  const { random } = history;
  const outcome: Outcome = {
    promised: { msgs: new Map(), lastSeq: 0 },
    mayBe: new Map(),
    stopped: false,
  };
  const note = (msgs: Map<number, ModelMsg>) => {
    for (const [seq, msg] of msgs) {
      const known = outcome.mayBe.get(seq);
      if (known === undefined) outcome.mayBe.set(seq, [msg]);
      else if (!known.includes(msg)) known.push(msg);
    }
  };
  const promise = () => {
    outcome.promised = { msgs: new Map(model.msgs), lastSeq: model.lastSeq };
    outcome.mayBe.clear();
    note(model.msgs);
  };
  promise();
  try {
    for (let step = 0; step < steps; step++) {
      const change = planChange(model, random);
      // Whether a step that is cut short took effect cannot be known: both states are allowed.
      const after = model.clone();
      change.apply(after);
      note(after.msgs);
      for (const seq of outcome.promised.msgs.keys()) {
        if (!after.msgs.has(seq)) outcome.promised.msgs.delete(seq);
      }
      outcome.promised.lastSeq = Math.min(outcome.promised.lastSeq, after.lastSeq);
      if (TRACE) console.log(change.text);
      change.run(store);
      change.apply(model);
      if (random.chance(0.1)) compactHalfEmpty(store.core);
      if (random.chance(0.1)) writeFullState(store.core, true);
      if (random.chance(0.35)) {
        await store.sync();
        if (TRACE) console.log("synced");
        promise();
      }
    }
  } catch (error) {
    if (!(error instanceof SimulatedCrash || error instanceof DiskError)) throw error;
    if (TRACE) console.log(`${error}`);
    outcome.stopped = true;
  }
  return outcome;
}

/** Checks the promises against the opened store. */
function check(history: History, store: FileStore, outcome: Outcome): void {
  const note = `SEED=${history.seed}`;
  const { promised, mayBe } = outcome;
  const found = new Map(contentOf(store).map((msg) => [msg.seq, msg]));
  for (const [seq, msg] of promised.msgs) {
    assertEquals(found.get(seq), msg, `${note}: message ${seq} was promised`);
  }
  for (const [seq, msg] of found) {
    const known = mayBe.get(seq) ?? [];
    assert(known.some((other) => other.payload === msg.payload), `${note}: ${seq} came back`);
  }
  const state = store.state();
  assertEquals(state.msgs, found.size, note);
  assert(state.lastSeq >= promised.lastSeq, `${note}: sequences are used again`);
  store.storeMsg("a.1", new Uint8Array(0), new Uint8Array(3), 0);
  assertEquals(contentOf(store).length, found.size + 1, `${note}: writable again`);
}

async function crashHistory(seed: number): Promise<void> {
  const history = historyOf(seed);
  const { disk, random } = history;
  let store = history.open();
  await store.sync();
  disk.syncDirNow("/js");
  const model = new StreamModel();
  const warm = await live(history, store, model, random.below(12));
  assert(!warm.stopped);
  await store.sync();
  disk.plan.crashAt = disk.calls + 1 + random.below(40);
  const power = random.chance(0.7);
  const outcome = await live(history, store, model, 12);
  store.abandon();
  disk.reboot(power);
  try {
    store = history.open();
  } catch (error) {
    throw new Error(`SEED=${seed}: cannot be opened`, { cause: error });
  }
  check(history, store, outcome);
  store.abandon();
}

Deno.test("nothing promised is lost and nothing removed comes back after a crash at any call", async () => {
  const only = Deno.env.get("SEED");
  if (only !== undefined) return await crashHistory(Number(only));
  const first = Date.now() * 1000;
  const deadlineMs = performance.now() + 1000 * Number(Deno.env.get("CRASH_SECONDS") ?? 25);
  let count = 0;
  const endless = Deno.env.get("CRASH_SECONDS") !== undefined;
  while (performance.now() < deadlineMs && (endless || count < HISTORIES)) {
    await crashHistory(first + count++);
  }
  console.log(`${count} histories from seed ${first}`);
});

Deno.test("the n-th call failing freezes the store and costs nothing that was promised", async () => {
  for (const failCode of ["EIO", "ENOSPC"] as const) {
    const seed = Date.now() * 1000;
    console.log(`seed ${seed}`);
    for (let n = 1; n < 150; n++) {
      const history = historyOf(seed + n);
      const { disk } = history;
      let store = history.open();
      await store.sync();
      const model = new StreamModel();
      disk.plan.failAt = disk.calls + n;
      disk.plan.failCode = failCode;
      const outcome = await live(history, store, model, 14);
      if (outcome.stopped && store.writeError() !== null) {
        let refused = false;
        try {
          store.storeMsg("a.1", new Uint8Array(0), new Uint8Array(0), 0);
        } catch {
          refused = true;
        }
        assert(refused, `SEED=${history.seed}: accepted a message after ${failCode}`);
      }
      store.abandon();
      disk.reboot(true);
      store = history.open();
      check(history, store, outcome);
      store.abandon();
    }
  }
});

Deno.test("a flipped bit costs the damaged record and is reported", () => {
  const random = new SeededRandom(Number(Deno.env.get("SEED") ?? Date.now()));
  console.log(`seed ${random.seed}`);
  for (let round = 0; round < 300; round++) {
    const disk = new SimulatedDisk(random);
    const env = simulatedEnvironment(disk, random, hasher);
    const config = streamStoreConfig({ name: "S", subjects: [">"] });
    const options = { storeDir: "/js/S", blockBytes: 2000 };
    const store = new FileStore(env, options, config);
    const model = new StreamModel();
    for (let i = 0; i < 60; i++) {
      const payload = "p".repeat(random.below(60)) + i;
      store.storeMsg(`s.${i % 5}`, new Uint8Array(0), new TextEncoder().encode(payload), 0);
      model.store(`s.${i % 5}`, "", payload);
    }
    writeFullState(store.core, true);
    store.abandon();
    const path = random.pick(disk.files().filter((file) => file.includes("/msgs/")));
    disk.flipBit(path, random.below(disk.stat(path)!.sizeBytes * 8));
    disk.reboot(false);
    const again = new FileStore(env, options, config);
    const found = contentOf(again);
    const lost = 60 - found.length;
    const note = `round ${round} ${path}`;
    assert(lost <= (path.endsWith(".blk") ? 1 : 0), `${note}: lost ${lost}`);
    // The checksum does not say where the subject ends, only what follows: compare both as one.
    for (const msg of found) {
      const stored = model.msgs.get(msg.seq)!;
      assertEquals(msg.subject + msg.payload, stored.subject + stored.payload, note);
    }
    assertEquals(again.state().lastSeq, 60, note);
    if (lost > 0) {
      assert(again.state().lost !== null, `${note}: not reported`);
      assert(disk.files().some((file) => file.includes("/lost/")), `${note}: not kept`);
    }
    again.abandon();
  }
});
