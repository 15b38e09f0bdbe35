/**
 * HighwayHash-64, the checksum of everything the file store writes, as a small WebAssembly module
 * (`highway_hash.wat`). Records are built or loaded inside the module's memory, so that hashing
 * one costs a single call and no copy (reference: github.com/minio/highwayhash).
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { assert } from "../assert.ts";
import { HIGHWAY_HASH_WASM } from "./highway_hash_wasm.ts";

/** Offset in {@linkcode HighwayHash.bytes} where callers put their input. */
export const HASH_INPUT_AT = 1024;
/** Size of a checksum in bytes. */
export const HASH_BYTES = 8;
/** Size of a key in bytes. */
export const HASH_KEY_BYTES = 32;

/** Why {@linkcode HighwayHash.scan} stopped. */
export const ScanStop = { End: 0, Incomplete: 1, Bad: 2 };

const RESULT_AT = 128;
const SCAN_STOP_AT = 128;
const PAGE_BYTES = 65536;

interface Exports {
  readonly memory: WebAssembly.Memory;
  hashTo(at: number, size: number, to: number): void;
  seal(at: number, length: number, headers: number): void;
  scan(at: number, size: number): number;
}

/**
 * One hasher with its own memory. Calls do not nest and share one input area, so whoever puts
 * bytes there hashes them before anyone else runs: a synchronous step of one event loop.
 */
export class HighwayHash {
  readonly #exports: Exports;
  #key: Uint8Array | null = null;
  /** The module's memory. Replaced by {@linkcode ensure}; do not keep it across calls. */
  bytes: Uint8Array;
  /** The same memory for numbers. */
  view: DataView;

  constructor() {
    const module = new WebAssembly.Module(Buffer.from(HIGHWAY_HASH_WASM, "base64"));
    this.#exports = new WebAssembly.Instance(module).exports as unknown as Exports;
    this.bytes = new Uint8Array(this.#exports.memory.buffer);
    this.view = new DataView(this.#exports.memory.buffer);
  }

  /** Makes room for `size` bytes of input. */
  ensure(size: number): void {
    const missing = HASH_INPUT_AT + size + 64 - this.bytes.length;
    if (missing <= 0) return;
    this.#exports.memory.grow(Math.ceil(missing / PAGE_BYTES));
    this.bytes = new Uint8Array(this.#exports.memory.buffer);
    this.view = new DataView(this.#exports.memory.buffer);
  }

  /** Uses `key` (32 bytes, must not change while in use) for the calls that follow. */
  setKey(key: Uint8Array): void {
    if (this.#key === key) return;
    assert(key.length === HASH_KEY_BYTES, "a HighwayHash key has 32 bytes");
    this.bytes.set(key, 0);
    this.#key = key;
  }

  /** Checksum of `data` (borrowed) under the current key; an owned array of 8 bytes. */
  hash(data: Uint8Array): Uint8Array {
    this.ensure(data.length);
    this.bytes.set(data, HASH_INPUT_AT);
    this.#exports.hashTo(HASH_INPUT_AT, data.length, RESULT_AT);
    return this.bytes.slice(RESULT_AT, RESULT_AT + HASH_BYTES);
  }

  /** Writes the checksum at the end of the record at `at` of {@linkcode bytes}. */
  seal(at: number, length: number, hasHeaders: boolean): void {
    this.#exports.seal(at, length, hasHeaders ? 1 : 0);
  }

  /**
   * Verifies the records in `size` bytes at `at` of {@linkcode bytes} up to the first that is
   * wrong or not whole. Returns the size of the good ones; {@linkcode scanStop} says why it ended.
   */
  scan(at: number, size: number): number {
    return this.#exports.scan(at, size);
  }

  /** One of {@linkcode ScanStop}: why the last scan ended. */
  scanStop(): number {
    return this.view.getUint32(SCAN_STOP_AT, true);
  }
}
