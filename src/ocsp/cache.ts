/**
 * Keeps what responders have said, in memory and in the reference's file.
 *
 * ```text
 * <local_store>/cache.json: { "<SHA-256 of the certificate>": {
 *   "subject", "cached_at", "resp_status", "resp_expires", "resp": base64 of the answer in S2 } }
 * ```
 *
 * Reference: server/ocsp_responsecache.go.
 *
 * @module
 */
import { compressS2, decompressS2 } from "../base/compress/mod.ts";
import {
  bytes,
  decodeValue,
  encodeJson,
  field,
  indentJson,
  JsonShapeError,
  type JsonType,
  map,
  OMIT,
  parseJsonBytes,
  type Shape,
  shape,
  text,
  time,
  ZERO_TIME_NS,
} from "../base/json/mod.ts";
import { nuid } from "../base/text/nuid.ts";
import type { OcspCacheOptions } from "../config/mod.ts";
import type { Clock, Disk, Logger, Loop, Random, TimerHandle } from "../platform/mod.ts";
import { isNotFound } from "../platform/mod.ts";
import { type OcspResponse, OcspStatus, type OcspStatusText, statusText } from "./response.ts";

const DEFAULT_FOLDER = "_rc_";
const FILE = "cache.json";
const NS_PER_MS = 1_000_000n;

/** Figures of a cache. */
export interface CacheStats {
  readonly responses: number;
  readonly hits: number;
  readonly misses: number;
  readonly revokes: number;
  readonly goods: number;
  readonly unknowns: number;
}

/** Keeps answers by the fingerprint of their certificates. */
export interface ResponseCache {
  readonly type: OcspCacheOptions["type"];
  /** Null when nothing is counted. */
  readonly stats: CacheStats | null;
  put(key: string, response: OcspResponse, subject: string): void;
  /** The answer as it came, in a new array. */
  get(key: string): Uint8Array | null;
  /** Forgets an answer that could not be used: its hit was a miss. */
  delete(key: string): void;
  start(): void;
  /** Writes what is not on disk yet. */
  stop(): Promise<void>;
}

/** Keeps nothing. */
export class NoCache implements ResponseCache {
  readonly type = "none";
  readonly stats = null;

  put(): void {}

  get(): null {
    return null;
  }

  delete(): void {}

  start(): void {}

  stop(): Promise<void> {
    return Promise.resolve();
  }
}

interface CacheItem {
  subject: string;
  cachedAtNs: bigint;
  status: OcspStatusText;
  expiresNs: bigint;
  /** In S2. */
  response: Uint8Array;
}

/** What cannot be read is not taken for good. */
const statusWord: JsonType<OcspStatusText> = {
  goName: "certidp.StatusAssertion",
  zero: () => "good",
  isEmpty: () => false,
  encode: (status) => `"${status}"`,
  decode: (value) => value === "good" || value === "revoked" ? value : "unknown",
};

const itemShape: Shape<CacheItem> = shape(
  "OCSPResponseCacheItem",
  () => ({
    subject: "",
    cachedAtNs: ZERO_TIME_NS,
    status: "unknown",
    expiresNs: ZERO_TIME_NS,
    response: new Uint8Array(0),
  }),
  {
    subject: field("subject", text, OMIT),
    cachedAtNs: field("cached_at", time),
    status: field("resp_status", statusWord),
    expiresNs: field("resp_expires", time),
    response: field("resp", bytes),
  },
);

const itemsShape = map(itemShape);

function readItems(content: Uint8Array): Map<string, CacheItem> {
  const value = parseJsonBytes(content);
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new JsonShapeError("json: the file is no map of responses");
  }
  return new Map(
    Object.entries(value).map(([key, item]) => [key, decodeValue(itemShape, item)]),
  );
}

/** The world of {@linkcode LocalCache}. */
export interface CacheEnvironment {
  readonly clock: Clock;
  readonly disk: Disk;
  readonly log: Logger;
  readonly loop: Loop;
  readonly random: Random;
}

/** Keeps answers in memory, and in a file from time to time. */
export class LocalCache implements ResponseCache {
  readonly type = "local";
  #items = new Map<string, CacheItem>();
  #hits = 0;
  #misses = 0;
  #online = false;
  #dirty = false;
  #timer: TimerHandle | null = null;
  #saving: Promise<void> = Promise.resolve();

  constructor(readonly options: OcspCacheOptions, readonly env: CacheEnvironment) {}

  get stats(): CacheStats | null {
    if (!this.#online) return null;
    const count = (status: OcspStatusText): number =>
      [...this.#items.values()].filter((item) => item.status === status).length;
    return {
      responses: this.#items.size,
      hits: this.#hits,
      misses: this.#misses,
      revokes: count("revoked"),
      goods: count("good"),
      unknowns: count("unknown"),
    };
  }

  put(key: string, response: OcspResponse, subject: string): void {
    if (!this.#online) return;
    const { log, clock } = this.env;
    log.debug(`Caching OCSP response for [${subject}], key [${key}]`);
    const compressed = compressS2(response.der);
    const ratio = (compressed.length / response.der.length).toFixed(6);
    log.debug(`OCSP response compression ratio: [${ratio}]`);
    const { nextUpdateMs } = response;
    this.#items.set(key, {
      subject,
      cachedAtNs: BigInt(Math.round(clock.nowMs() / 1000)) * 1000n * NS_PER_MS,
      status: statusText(response.status),
      expiresNs: nextUpdateMs === null ? ZERO_TIME_NS : BigInt(nextUpdateMs) * NS_PER_MS,
      response: compressed,
    });
    this.#dirty = true;
  }

  get(key: string): Uint8Array | null {
    if (!this.#online) return null;
    const { log } = this.env;
    const item = this.#items.get(key);
    if (item === undefined) {
      this.#misses++;
      log.debug(`OCSP peer cache miss for key [${key}]`);
      return null;
    }
    this.#hits++;
    log.debug(`OCSP peer cache hit for key [${key}]`);
    try {
      return decompressS2(item.response);
    } catch (error) {
      log.error(
        `Unable to decompress OCSP response for key [${key}]: ` +
          `error reading compression reader: ${(error as Error).message}`,
      );
      return null;
    }
  }

  delete(key: string): void {
    const item = this.#items.get(key);
    if (!this.#online || item === undefined) return;
    this.#misses++;
    this.#hits--;
    const { log } = this.env;
    if (item.status === statusText(OcspStatus.Revoked) && this.options.preserveRevoked) {
      log.debug(`Revoked OCSP response for key [${key}] preserved by cache policy`);
      return;
    }
    log.debug(`Deleting OCSP peer cached response for key [${key}]`);
    this.#items.delete(key);
    this.#dirty = true;
  }

  start(): void {
    const { log, loop } = this.env;
    log.debug("Starting OCSP peer cache");
    this.#load();
    this.#online = true;
    this.#timer = loop.setRepeating(() => {
      log.debug("OCSP peer cache save timer expired");
      this.#save();
    }, this.options.saveIntervalMs);
  }

  async stop(): Promise<void> {
    const { log, loop } = this.env;
    log.debug("Stopping OCSP peer cache");
    this.#online = false;
    if (this.#timer !== null) loop.clearTimer(this.#timer);
    this.#timer = null;
    this.#save();
    await this.#saving;
  }

  get #folder(): string {
    return this.options.localStore || DEFAULT_FOLDER;
  }

  #load(): void {
    const { disk, log } = this.env;
    const path = `${this.#folder}/${FILE}`;
    log.debug(`Loading OCSP peer cache [${path}]`);
    this.#items = new Map();
    let content: Uint8Array;
    try {
      content = disk.readFile(path);
    } catch (error) {
      if (isNotFound(error)) log.debug("No OCSP peer cache found, starting with empty cache");
      else log.warn(`Unable to load OCSP peer cache: ${(error as Error).message}`);
      return;
    }
    try {
      this.#items = readItems(content);
      this.#dirty = false;
    } catch (error) {
      log.warn(`Unable to load OCSP peer cache: ${(error as Error).message}`);
      this.#dirty = true;
    }
  }

  #save(): void {
    this.#saving = this.#saving.then(() => this.#saveNow()).catch((error) => {
      this.#dirty = true;
      this.env.log.error(`Unable to save OCSP peer cache: ${(error as Error).message}`);
    });
  }

  /** A reader finds the old file or the new one, and after a crash too. */
  async #saveNow(): Promise<void> {
    if (!this.#dirty) return;
    const { disk, log, random } = this.env;
    const folder = this.#folder;
    const path = `${folder}/${FILE}`;
    log.debug("OCSP peer cache is dirty, saving");
    log.debug(`Saving OCSP peer cache [${path}]`);
    disk.makeDirs(folder);
    const temporary = `${folder}/ocsprc-${nuid(random)}`;
    const content = new TextEncoder().encode(indentJson(encodeJson(itemsShape, this.#items), " "));
    this.#dirty = false;
    const file = disk.open(temporary, "exclusive");
    try {
      file.writeAt(content, 0);
      await file.syncData();
      file.close();
      disk.rename(temporary, path);
    } catch (error) {
      file.close();
      disk.removeTree(temporary);
      throw error;
    }
    log.debug(`Saved OCSP peer cache successfully (${content.length} bytes)`);
  }
}
