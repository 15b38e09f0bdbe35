/**
 * Working memory of a match, so that matching allocates nothing.
 *
 * A sublist is busy with one subject at a time, so all sublists of a server can share one
 * scratch: give it in their options. Between calls nothing in it has a meaning.
 *
 * @module
 */
import { splitTokens, wordPadding } from "./bytes.ts";
import type { Level } from "./level.ts";
import type { Node } from "./node.ts";
import type { MatchResult } from "./result.ts";
import type { SublistEntry } from "./types.ts";

const tokensMin = 32;
const ownBytesMin = 64;

/** Working memory for the sublists of one server. */
export class MatchScratch<S extends SublistEntry> {
  /** View of the buffer that {@linkcode viewOf} or {@linkcode load} took last. */
  view: DataView;
  /** Number of tokens found by {@linkcode split}. */
  tokenCount = 0;
  /** End of each token; a token starts one past the end of the one before. */
  ends: Int32Array = new Int32Array(tokensMin);
  /** Results of the nodes that the current match has met. */
  readonly pieces: MatchResult<S>[] = [];
  /** Levels that the current walk still has to visit. */
  readonly levels: (Level<S> | null)[] = [];
  /** Index of the token at which each of {@linkcode levels} starts. */
  readonly levelTokens: number[] = [];
  /** Nodes on the way to a subscription, for pruning. */
  readonly path: (Node<S> | null)[] = [];
  #buffer: Uint8Array;
  #own: Uint8Array = new Uint8Array(ownBytesMin);
  #ownView: DataView = new DataView(this.#own.buffer);

  constructor() {
    this.#buffer = this.#own;
    this.view = this.#ownView;
  }

  /**
   * Makes {@linkcode view} look at the borrowed `buffer`. Returns false if the buffer ends too
   * soon after `end` for reading whole words; {@linkcode loadBytes} then helps.
   */
  viewOf(buffer: Uint8Array, end: number): boolean {
    if (end + wordPadding > buffer.length) return false;
    if (buffer !== this.#buffer) {
      this.#buffer = buffer;
      this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    }
    return true;
  }

  /** Copies the byte string `subject` to the start of the scratch's own buffer and views it. */
  load(subject: string): void {
    const own = this.#reserve(subject.length);
    for (let i = 0; i < subject.length; i++) own[i] = subject.charCodeAt(i);
  }

  /** As {@linkcode load} for the borrowed bytes `[start, end)` of `buffer`. */
  loadBytes(buffer: Uint8Array, start: number, end: number): void {
    const own = this.#reserve(end - start);
    for (let i = start, to = 0; i < end; i++, to++) own[to] = buffer[i]!;
  }

  /** Finds the tokens of `[start, end)` in {@linkcode view}. False if one is empty. */
  split(start: number, end: number): boolean {
    let count = splitTokens(this.view, start, end, this.ends);
    while (count < 0) {
      this.ends = new Int32Array(this.ends.length * 4);
      count = splitTokens(this.view, start, end, this.ends);
    }
    this.tokenCount = count;
    return count > 0;
  }

  #reserve(length: number): Uint8Array {
    if (length + wordPadding > this.#own.length) {
      this.#own = new Uint8Array(2 * length + wordPadding);
      this.#ownView = new DataView(this.#own.buffer);
    }
    this.#buffer = this.#own;
    this.view = this.#ownView;
    return this.#own;
  }
}
