/**
 * JWTs in a directory: a file `<public key>.jwt` each, in folders by the last two characters of
 * the key when the store is sharded.
 *
 * Stores of several servers become equal by exchanging packs: lines of `<public key>|<jwt>`.
 *
 * Reference: DirJWTStore in server/dirstore.go.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { decodeGenericClaims, isValidPublicKey, JwtError } from "../identity/mod.ts";
import {
  type Clock,
  type Disk,
  type Loop,
  TIMER_MAX_MS,
  type TimerHandle,
} from "../platform/mod.ts";
import { DiskError, isNotFound } from "../platform/disk.ts";
import { JwtTracker } from "./jwt_tracker.ts";
import { ResolverError } from "./resolver.ts";

/** What happens to the file of a JWT that is deleted. */
export type Deletion = "no" | "rename" | "hard";

/** The store has no JWT of that key. */
export class JwtNotFoundError extends ResolverError {
  override readonly name = "JwtNotFoundError";
}

/** The outside world of a store. */
export interface DirStoreEnvironment {
  readonly clock: Clock;
  readonly disk: Disk;
  readonly loop: Loop;
}

/** How long JWTs stay, and how many. */
export interface ExpiryOptions {
  /** Time between two looks at what has expired; 0 chooses it. */
  readonly checkMs?: number;
  /** Most JWTs that are kept; 0 is any number. */
  readonly limit?: number;
  /** At the limit the JWT that was used least lately goes; else no other is taken. */
  readonly evict?: boolean;
  /** Time to live instead of what the JWTs say; Infinity keeps all for ever, 0 is not set. */
  readonly ttlMs?: number;
}

/** What a store is like. */
export interface DirStoreOptions {
  readonly shard?: boolean;
  /** Make the directory when it is missing. */
  readonly create?: boolean;
  readonly readOnly?: boolean;
  readonly deletion?: Deletion;
  /** Null keeps no index: nothing expires, and all files count. */
  readonly expiry?: ExpiryOptions | null;
}

const EXTENSION = ".jwt";
const CHECK_MAX_MS = 60_000;

function sha256(text: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(text).digest());
}

/** When a JWT expires, ms since the epoch; Infinity for never and for what cannot be read. */
function expiryOf(jwt: string): number {
  try {
    return decodeGenericClaims(jwt).expires * 1000 || Infinity;
  } catch (error) {
    if (!(error instanceof JwtError)) throw error;
    return Infinity;
  }
}

/** A directory of JWTs. */
export class DirStore {
  readonly directory: string;
  readonly readOnly: boolean;
  readonly deletion: Deletion;
  /** Called with the key of a JWT that is new or different. */
  onChanged: (key: string) => void = () => {};
  /** Called with the key of a JWT that was deleted. */
  onDeleted: (key: string) => void = () => {};
  readonly #shard: boolean;
  readonly #tracker: JwtTracker | null;
  #timer: TimerHandle | null = null;

  /** Throws {@linkcode ResolverError} when there is no such directory. */
  constructor(readonly env: DirStoreEnvironment, directory: string, options: DirStoreOptions) {
    const { expiry = null } = options;
    this.directory = directory;
    this.readOnly = options.readOnly ?? false;
    this.deletion = options.deletion ?? "no";
    this.#shard = options.shard ?? false;
    this.#openDirectory(options.create ?? false);
    if (expiry === null) {
      this.#tracker = null;
      return;
    }
    const { ttlMs = 0, limit = 0, evict = false, checkMs = 0 } = expiry;
    this.#tracker = new JwtTracker(ttlMs, limit <= 0 ? Infinity : limit, evict);
    this.#eachJwt((key, jwt) => this.#track(key, jwt));
    const chosenMs = Math.min(CHECK_MAX_MS, ttlMs / 2 || CHECK_MAX_MS);
    const everyMs = Math.min(checkMs > 0 ? checkMs : chosenMs, TIMER_MAX_MS);
    this.#timer = env.loop.setRepeating(() => this.#expire(), everyMs);
  }

  #openDirectory(create: boolean): void {
    const { disk } = this.env;
    if (this.directory === "") throw new ResolverError("path is not specified");
    const stat = this.#onDisk(() => disk.stat(this.directory));
    if (stat === null && !create) {
      throw new ResolverError(`the path [${this.directory}] doesn't exist`);
    }
    if (stat !== null && !stat.isDirectory) {
      throw new ResolverError(`the path [${this.directory}] is not a directory`);
    }
    if (stat === null) this.#onDisk(() => disk.makeDirs(this.directory));
  }

  /** Runs `work`; what the disk refuses, the store refuses. */
  #onDisk<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      const Kind = isNotFound(error) ? JwtNotFoundError : ResolverError;
      throw new Kind(error.message, { cause: error });
    }
  }

  /** Visits all JWTs in the order of their paths. */
  #eachJwt(visit: (key: string, jwt: string) => void): void {
    for (const path of this.#paths(this.directory)) {
      const name = path.slice(path.lastIndexOf("/") + 1, -EXTENSION.length);
      const jwt = this.#readIfThere(path);
      if (jwt !== null) visit(name, jwt);
    }
  }

  #paths(directory: string): string[] {
    const entries = this.#onDisk(() => this.env.disk.list(directory));
    entries.sort((a, b) => a.name < b.name ? -1 : 1);
    return entries.flatMap(({ name, isDirectory }) => {
      const path = `${directory}/${name}`;
      if (isDirectory) return this.#paths(path);
      return name.endsWith(EXTENSION) ? [path] : [];
    });
  }

  #readIfThere(path: string): string | null {
    try {
      return this.#read(path);
    } catch (error) {
      if (!(error instanceof ResolverError)) throw error;
      return null;
    }
  }

  #read(path: string): string {
    return this.#onDisk(() => new TextDecoder().decode(this.env.disk.readFile(path)));
  }

  #track(key: string, jwt: string): void {
    this.#tracker?.track(key, sha256(jwt), expiryOf(jwt), this.env.clock.nowMs());
  }

  /** Path of the file of a key. Throws {@linkcode ResolverError} for what is no public key. */
  #pathOf(key: string): string {
    if (!isValidPublicKey(key)) throw new ResolverError("invalid public key");
    const folder = this.#shard ? `${this.directory}/${key.slice(-2)}` : this.directory;
    return `${folder}/${key}${EXTENSION}`;
  }

  /** Number of JWTs that are indexed. */
  get size(): number {
    return this.#tracker?.size ?? 0;
  }

  /** XOR of the SHA-256 of all JWTs; owned by the caller. */
  get hash(): Uint8Array {
    return (this.#tracker?.hash ?? new Uint8Array(32)).slice();
  }

  /** The JWT of a key. Throws {@linkcode JwtNotFoundError}, {@linkcode ResolverError}. */
  load(key: string): string {
    const jwt = this.#read(this.#pathOf(key));
    this.#tracker?.touch(key, this.env.clock.nowMs());
    return jwt;
  }

  /** Keeps a JWT in place of what was there. Throws {@linkcode ResolverError}. */
  save(key: string, jwt: string): void {
    this.#mayWrite();
    if (this.#write(key, jwt)) this.onChanged(key);
  }

  /** Keeps a JWT unless the one that is there was issued later. Throws {@linkcode ResolverError}. */
  saveIfNewer(key: string, jwt: string): void {
    this.#mayWrite();
    const existing = this.#readIfThere(this.#pathOf(key));
    if (existing !== null && !replaces(key, existing, jwt)) return;
    if (this.#write(key, jwt)) this.onChanged(key);
  }

  #mayWrite(): void {
    if (this.readOnly) throw new ResolverError("store is read-only");
  }

  /** Returns whether anything changed. */
  #write(key: string, jwt: string): boolean {
    const path = this.#pathOf(key);
    if (jwt.length === 0) throw new ResolverError("invalid JWT");
    const tracker = this.#tracker;
    if (tracker !== null) {
      const known = tracker.hashOf(key);
      if (known !== null) {
        tracker.touch(key, this.env.clock.nowMs());
        const hash = sha256(jwt);
        if (hash.every((byte, i) => byte === known[i])) return false;
      } else if (tracker.size >= tracker.limit) this.#makeRoom(tracker);
    }
    this.#onDisk(() => this.#replaceFile(path, jwt));
    this.#track(key, jwt);
    return true;
  }

  #makeRoom(tracker: JwtTracker): void {
    const oldest = tracker.leastUsed;
    if (!tracker.evicts || oldest === null) throw new ResolverError("jwt store is full");
    this.#onDisk(() => this.env.disk.remove(this.#pathOf(oldest)));
    tracker.untrack(oldest);
  }

  /** A crash leaves the old file or the new one, never a part. */
  #replaceFile(path: string, jwt: string): void {
    const { disk } = this.env;
    disk.makeDirs(path.slice(0, path.lastIndexOf("/")));
    const temporary = `${path}.new`;
    const file = disk.open(temporary, "replace");
    try {
      file.writeAt(new TextEncoder().encode(jwt), 0);
      file.syncDataNow();
    } finally {
      file.close();
    }
    disk.rename(temporary, path);
  }

  /** Deletes the JWT of a key, if there is one. Throws {@linkcode ResolverError}. */
  delete(key: string): void {
    this.#mayWrite();
    if (this.deletion === "no") throw new ResolverError("store is not set up to for delete");
    const path = this.#pathOf(key);
    const { disk } = this.env;
    try {
      this.#onDisk(() => {
        if (this.deletion === "hard") disk.remove(path);
        else disk.rename(path, `${path}.deleted`);
      });
    } catch (error) {
      if (error instanceof JwtNotFoundError) return;
      throw error;
    }
    this.#tracker?.untrack(key);
    this.onDeleted(key);
  }

  /** Lines of all JWTs, at most `most` of them; negative is all. */
  pack(most: number): string {
    const lines: string[] = [];
    this.#eachPacked((line) => {
      if (lines.length !== most) lines.push(line);
    });
    return lines.join("\n");
  }

  /** Hands over all JWTs in packs of `most` lines. Throws {@linkcode ResolverError}. */
  packWalk(most: number, take: (pack: string) => void): void {
    if (most <= 0) throw new ResolverError("bad arguments to PackWalk");
    let lines: string[] = [];
    this.#eachPacked((line) => {
      lines.push(line);
      if (lines.length < most) return;
      take(lines.join("\n"));
      lines = [];
    });
    if (lines.length > 0) take(lines.join("\n"));
  }

  /** Visits what is worth telling others: indexed, not empty, not expired. */
  #eachPacked(visit: (line: string) => void): void {
    const nowS = Math.floor(this.env.clock.nowMs() / 1000);
    this.#eachJwt((key, jwt) => {
      const tracker = this.#tracker;
      if (jwt === "" || (tracker !== null && !tracker.has(key))) return;
      if (tracker !== null && expiryOf(jwt) / 1000 < nowS) return;
      visit(`${key}|${jwt}`);
    });
  }

  /** Takes the JWTs of a pack that are newer. Throws {@linkcode ResolverError}. */
  merge(pack: string): void {
    for (const line of pack.split("\n")) {
      if (line === "") continue;
      const parts = line.split("|");
      if (parts.length !== 2) {
        throw new ResolverError(`line in package didn't contain 2 entries: "${parts[0]}"`);
      }
      const [key, jwt] = parts as [string, string];
      if (!isValidPublicKey(key, "A")) {
        throw new ResolverError("key to merge is not a valid public account key");
      }
      this.saveIfNewer(key, jwt);
    }
  }

  /** Looks at the directory anew, and tells of what differs. */
  reload(): void {
    const tracker = this.#tracker;
    if (tracker === null || this.readOnly) return;
    const known = tracker.clear();
    const changed: string[] = [];
    this.#eachJwt((key, jwt) => {
      this.#track(key, jwt);
      const before = known.get(key);
      const hash = tracker.hashOf(key)!;
      // A cache may have evicted what is in use.
      const notify = before === undefined
        ? tracker.evicts
        : !hash.every((byte, i) => byte === before[i]);
      if (notify) changed.push(key);
    });
    for (const key of changed) this.onChanged(key);
  }

  #expire(): void {
    const tracker = this.#tracker!;
    for (const key of tracker.expired(this.env.clock.nowMs())) {
      try {
        this.#onDisk(() => this.env.disk.remove(this.#pathOf(key)));
        tracker.untrack(key);
      } catch (error) {
        // It is tried again at the next look.
        if (!(error instanceof ResolverError)) throw error;
      }
    }
  }

  /** Stops timers. */
  close(): void {
    if (this.#timer !== null) this.env.loop.clearTimer(this.#timer);
    this.#timer = null;
  }
}

/** Whether `jwt` may take the place of `existing`. Throws {@linkcode ResolverError}. */
function replaces(key: string, existing: string, jwt: string): boolean {
  const newer = readGeneric(jwt);
  if (newer instanceof JwtError) throw new ResolverError(newer.message, { cause: newer });
  const older = readGeneric(existing);
  if (older instanceof JwtError) return true;
  if (older.id === newer.id || older.issuedAt > newer.issuedAt) return false;
  if (newer.subject !== key) {
    throw new ResolverError("jwt subject nkey and provided nkey do not match");
  }
  if (older.subject !== newer.subject) {
    throw new ResolverError("subject of existing and new jwt do not match");
  }
  return true;
}

function readGeneric(jwt: string) {
  try {
    return decodeGenericClaims(jwt);
  } catch (error) {
    if (!(error instanceof JwtError)) throw error;
    return error;
  }
}
