/**
 * What becomes of an atomic batch when the server stopped within its commit.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { shortHash } from "../../../src/base/crypto/short_hash.ts";
import { storeConfigOf, storePlace } from "../../../src/jetstream/stream/create.ts";
import { FileStore, LoadCode, StoredMsg } from "../../../src/store/mod.ts";
import type { Stream } from "../../../src/jetstream/stream/stream.ts";
import { temporaryDirectory } from "../../sim/environment.ts";
import { SeededRandom } from "../../sim/random.ts";
import { World } from "./_world.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function headersOf(id: string, seq: number, commit = ""): Uint8Array {
  const end = commit === "" ? "" : `Nats-Batch-Commit: ${commit}\r\n`;
  return encoder.encode(
    `NATS/1.0\r\nNats-Batch-Id: ${id}\r\nNats-Batch-Sequence: ${seq}\r\n${end}\r\n`,
  );
}

function bodies({ store }: Stream): string[] {
  const message = new StoredMsg();
  const all: string[] = [];
  for (let seq = 1; seq <= store.state().lastSeq; seq++) {
    if (store.loadMsg(seq, message) !== LoadCode.Found) continue;
    all.push(decoder.decode(message.payload()));
  }
  return all;
}

/** A stream that ends with two of the messages of batch `b`. */
async function withPartialBatch(directory: string, random: SeededRandom): Promise<void> {
  const world = new World(directory, random);
  const stream = world.addStream({ name: "S", subjects: ["s"], allowAtomicPublish: true });
  world.publish("s", "before");
  for (const seq of [1, 2]) {
    stream.store.storeMsg("s", headersOf("b", seq), encoder.encode(`b${seq}`), 0);
  }
  await world.stop();
}

Deno.test("a part of a batch that was not acknowledged is taken back", async () => {
  using directory = temporaryDirectory();
  const random = new SeededRandom(1);
  await withPartialBatch(directory.path, random);
  const world = new World(directory.path, random);
  const stream = world.account.streams.get("S")!;
  assertEquals(bodies(stream), ["before"]);
  world.publish("s", "after");
  assertEquals(bodies(stream), ["before", "after"]);
  await world.stop();
});

Deno.test("a batch whose commit was removed since stays as it is", async () => {
  using directory = temporaryDirectory();
  const random = new SeededRandom(1);
  await withPartialBatch(directory.path, random);
  {
    const world = new World(directory.path, random);
    const { store } = world.account.streams.get("S")!;
    for (const [seq, commit] of [[1, ""], [2, "1"]] as const) {
      store.storeMsg("s", headersOf("c", seq, commit), encoder.encode(`c${seq}`), 0);
    }
    store.removeMsg(store.state().lastSeq);
    await world.stop();
  }
  const world = new World(directory.path, random);
  assertEquals(bodies(world.account.streams.get("S")!), ["before", "c1"]);
  await world.stop();
});

for (const end of ["1", "eob"]) {
  Deno.test(`a batch that nats-server staged is completed, commit ${end}`, async () => {
    using directory = temporaryDirectory();
    const random = new SeededRandom(1);
    await withPartialBatch(directory.path, random);
    const closed = new World(directory.path, random);
    const { account } = closed;
    const stream = account.streams.get("S")!;
    const { directory: streamDirectory } = stream;
    const name = shortHash("b");
    // The first world has taken the batch back: it is put there again.
    for (const seq of [1, 2]) {
      stream.store.storeMsg("s", headersOf("b", seq), encoder.encode(`b${seq}`), 0);
    }
    const staged = new FileStore(
      closed.js.storeEnv,
      storePlace(account, `${streamDirectory}/batches/${name}`),
      { ...storeConfigOf(stream.config), name, subjects: [] },
    );
    for (let seq = 1; seq <= 4; seq++) {
      const headers = headersOf("b", seq, seq === 4 ? end : "");
      staged.storeMsg("s", headers, encoder.encode(`b${seq}`), 0);
    }
    await staged.stop();
    await closed.stop();
    const world = new World(directory.path, random);
    const expected = end === "eob" ? ["b1", "b2", "b3"] : ["b1", "b2", "b3", "b4"];
    const recovered = world.account.streams.get("S")!;
    assertEquals(bodies(recovered), ["before", ...expected]);
    const last = new StoredMsg();
    recovered.store.loadLastMsg(">", last);
    assertEquals(decoder.decode(last.headers()).includes("Nats-Batch-Commit: 1"), true);
    await world.stop();
    assertEquals(
      [...Deno.readDirSync(streamDirectory)].some((one) => one.name === "batches"),
      false,
    );
  });
}
