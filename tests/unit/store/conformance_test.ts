/**
 * The suite that all stores pass: long random histories compared with a model after each step,
 * with the file store closed and opened on the way, with and without its index.
 *
 * @module
 */
import { createHmac } from "node:crypto";
import { type StreamStoreConfig, streamStoreConfig } from "../../../src/store/config.ts";
import { FileStore } from "../../../src/store/file/file_store.ts";
import type { FileStoreOptions } from "../../../src/store/file/stream/options.ts";
import { compactHalfEmpty } from "../../../src/store/file/stream/syncing.ts";
import { MemoryStore } from "../../../src/store/memory/memory_store.ts";
import type { StreamStore } from "../../../src/store/stream_store.ts";
import { realEnvironment, temporaryDirectory } from "../../sim/environment.ts";
import { SeededRandom } from "../../sim/random.ts";
import {
  assertSameContent,
  assertSameQueries,
  randomChange,
  StreamModel,
} from "../../sim/stream_model.ts";

const keyGen = (context: Uint8Array) =>
  new Uint8Array(createHmac("sha256", "secret").update(context).digest());

interface Variant {
  readonly name: string;
  readonly storage: "file" | "memory";
  readonly compression?: "s2";
  readonly options?: Partial<FileStoreOptions>;
}

const VARIANTS: Variant[] = [
  { name: "memory", storage: "memory" },
  { name: "file", storage: "file" },
  { name: "file, flushed at the end of the turn", storage: "file", options: { asyncFlush: true } },
  { name: "file, S2", storage: "file", compression: "s2" },
  { name: "file, ChaCha20", storage: "file", options: { keyGen } },
  {
    name: "file, AES and S2",
    storage: "file",
    compression: "s2",
    options: { keyGen, cipher: "AES-GCM" },
  },
];

const LIMITS = [
  { maxMsgs: 0, maxMsgsPerSubject: 0 },
  { maxMsgs: 40, maxMsgsPerSubject: 0 },
  { maxMsgs: 0, maxMsgsPerSubject: 3 },
  { maxMsgs: 10, maxMsgsPerSubject: 3 },
];

for (const variant of VARIANTS) {
  Deno.test(`random histories agree with the model: ${variant.name}`, async () => {
    const random = new SeededRandom(Number(Deno.env.get("SEED") ?? Date.now()));
    console.log(`seed ${random.seed}`);
    const env = realEnvironment();
    for (const limits of LIMITS) {
      using dir = temporaryDirectory();
      const config: StreamStoreConfig = streamStoreConfig({
        name: "S",
        subjects: ["a.*", "b.>", "c", "d.2"],
        storage: variant.storage,
        compression: variant.compression ?? "none",
        maxMsgs: limits.maxMsgs || -1,
        maxMsgsPerSubject: limits.maxMsgsPerSubject || -1,
      });
      const open = (): StreamStore =>
        variant.storage === "memory" ? new MemoryStore(env, config) : new FileStore(
          env,
          { storeDir: `${dir.path}/S`, blockBytes: 700, ...variant.options },
          config,
        );
      const model = new StreamModel(limits);
      let store = open();
      for (let step = 0; step < 350; step++) {
        const what = `SEED=${random.seed} step ${step} ${randomChange(store, model, random)}`;
        assertSameContent(store, model, what);
        assertSameQueries(store, model, random, what);
        if (store instanceof FileStore && random.chance(0.04)) {
          if (random.chance(0.3)) compactHalfEmpty(store.core);
          // Stopped or killed, each with and without index.db.
          const how = random.below(4);
          if (how < 2) await store.stop();
          else {
            store.flushAllPending();
            store.abandon();
          }
          if (how % 2 === 1) env.disk.removeTree(`${dir.path}/S/msgs/index.db`);
          store = open();
          assertSameContent(store, model, `${what}, opened again (${how})`);
        }
      }
      await store.stop();
    }
  });
}
