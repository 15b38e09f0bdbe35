/**
 * The kinds of stores that the reference's tests run over.
 *
 * @module
 */
import { createHmac } from "node:crypto";
import { type StreamStoreConfig, streamStoreConfig } from "../../src/store/config.ts";
import { FileStore } from "../../src/store/file/file_store.ts";
import type { FileStoreOptions } from "../../src/store/file/stream/options.ts";
import { MemoryStore } from "../../src/store/memory/memory_store.ts";
import { LoadCode, StoredMsg } from "../../src/store/stored_msg.ts";
import type { StoreEnvironment, StreamStore } from "../../src/store/stream_store.ts";
import { realEnvironment, temporaryDirectory } from "./environment.ts";

const keyGen = (context: Uint8Array) =>
  new Uint8Array(createHmac("sha256", "dlc22").update(context).digest());

/** No headers, or no payload. */
export const NO_BYTES: Uint8Array = new Uint8Array(0);

/** Opens the same store again and again. */
export interface Reopenable {
  /** Opens it with the given changes to configuration and options. */
  open(config?: Partial<StreamStoreConfig>, options?: Partial<FileStoreOptions>): FileStore;
  readonly dir: string;
}

/** Runs `body` for plain, encrypted and compressed file stores as steps of `t`. */
export async function eachFileStore(
  t: Deno.TestContext,
  body: (stores: Reopenable) => void | Promise<void>,
  env: StoreEnvironment = realEnvironment(),
): Promise<void> {
  for (const cipher of [null, "ChaCha20-Poly1305", "AES-GCM"] as const) {
    for (const compression of ["none", "s2"] as const) {
      await t.step(`${cipher ?? "None"}-${compression}`, async () => {
        using dir = temporaryDirectory();
        await body({
          dir: `${dir.path}/zzz`,
          open: (config = {}, options = {}) =>
            new FileStore(
              env,
              {
                storeDir: `${dir.path}/zzz`,
                ...(cipher === null ? {} : { cipher, keyGen }),
                ...options,
              },
              streamStoreConfig({ name: "zzz", compression, ...config }),
            ),
        });
      });
    }
  }
}

/** Runs `body` for the memory store and all kinds of file stores. */
export async function eachStore(
  t: Deno.TestContext,
  config: Partial<StreamStoreConfig>,
  body: (store: StreamStore, config: StreamStoreConfig) => void | Promise<void>,
  env: StoreEnvironment = realEnvironment(),
): Promise<void> {
  await t.step("Memory", async () => {
    const full = streamStoreConfig({ name: "zzz", ...config, storage: "memory" });
    const store = new MemoryStore(env, full);
    await body(store, full);
    await store.stop();
  });
  await eachFileStore(t, async ({ open }) => {
    const store = open(config);
    await body(store, store.core.config);
    await store.stop();
  }, env);
}

/** A memory store. */
export function memoryStore(
  config: Partial<StreamStoreConfig> = {},
  env: StoreEnvironment = realEnvironment(),
): MemoryStore {
  const full = streamStoreConfig({ name: "zzz", ...config, storage: "memory" });
  return new MemoryStore(env, full);
}

/** Bytes of a text. */
export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Stores a message without headers. */
export function put(
  store: StreamStore,
  subject: string,
  payload: string | Uint8Array = "",
): number {
  const bytes = typeof payload === "string" ? bytesOf(payload) : payload;
  return store.storeMsg(subject, NO_BYTES, bytes, 0);
}

/** Loads a message as texts, or null. */
export function get(
  store: StreamStore,
  seq: number,
): { subject: string; headers: string; payload: string; ns: bigint } | null {
  const msg = new StoredMsg();
  if (store.loadMsg(seq, msg) !== LoadCode.Found) return null;
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return {
    subject: msg.subject(),
    headers: text(msg.headers()),
    payload: text(msg.payload()),
    ns: msg.timeNs(),
  };
}
