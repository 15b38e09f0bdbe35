/**
 * Counting messages by subject while blocks are read one after another: a hash table over bytes, in
 * arrays of numbers, so that neither a string nor an object is made before all is counted. A look
 * into the subject tree for each message would cost several times as much with a million subjects.
 *
 * An entry is a few words with the name behind them, so that one is found with two reaches into
 * memory: its slot and itself.
 *
 * | word | field |
 * |---|---|
 * | 0 | hash of the name |
 * | 1 | size of the name |
 * | 2 | messages |
 * | 3, 4 | index of the first and of the last block |
 * | 5… | the name, filled up with zeros |
 *
 * @module
 */
import { byteStringOf } from "../../../base/text/byte_string.ts";

const SLOTS_MIN = 2048;
const ENTRY_WORDS_MIN = 16 * 1024;
const HEAD_WORDS = 5;
const WORD_BYTES = 4;

/** How many messages each subject has, and in which blocks the first and the last are. */
export class SubjectTally {
  /** Number of subjects. */
  size = 0;
  /** Word of an entry + 1, by hash; 0 where there is none. Never more than half full. */
  #slots = new Uint32Array(SLOTS_MIN);
  #words = new Uint32Array(ENTRY_WORDS_MIN);
  #bytes = new Uint8Array(this.#words.buffer);
  #endWord = 0;

  /** Counts `count` messages of the subject `bytes[start, end)` in block `index`, the last so far. */
  add(bytes: Uint8Array, start: number, end: number, count: number, index: number): void {
    const size = end - start;
    let hash = size;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
    hash = (hash ^ (hash >>> 15)) >>> 0;
    const words = this.#words;
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = hash & mask;
    for (;;) {
      const at = slots[slot]! - 1;
      if (at < 0) break;
      if (words[at] === hash && words[at + 1] === size && this.#isName(at, bytes, start, size)) {
        words[at + 2]! += count;
        words[at + 4] = index;
        return;
      }
      slot = (slot + 1) & mask;
    }
    const at = this.#makeRoom(size);
    slots[slot] = at + 1;
    this.#words.set([hash, size, count, index, index], at);
    const nameAt = (at + HEAD_WORDS) * WORD_BYTES;
    for (let i = 0; i < size; i++) this.#bytes[nameAt + i] = bytes[start + i]!;
    if (++this.size * 2 > slots.length) this.#spread();
  }

  /** Visits all subjects in the order in which they came. */
  each(
    visit: (subject: string, total: number, firstBlock: number, lastBlock: number) => void,
  ): void {
    const words = this.#words;
    for (let at = 0; at < this.#endWord; at += wordsOf(words[at + 1]!)) {
      const nameAt = (at + HEAD_WORDS) * WORD_BYTES;
      const subject = byteStringOf(this.#bytes, nameAt, nameAt + words[at + 1]!);
      visit(subject, words[at + 2]!, words[at + 3]!, words[at + 4]!);
    }
  }

  #isName(at: number, bytes: Uint8Array, start: number, size: number): boolean {
    const own = this.#bytes;
    const nameAt = (at + HEAD_WORDS) * WORD_BYTES;
    for (let i = 0; i < size; i++) if (own[nameAt + i] !== bytes[start + i]) return false;
    return true;
  }

  /** Room for an entry with a name of `size` bytes; returns its first word. */
  #makeRoom(size: number): number {
    const at = this.#endWord;
    this.#endWord += wordsOf(size);
    if (this.#endWord > this.#words.length) {
      const words = new Uint32Array(Math.max(this.#words.length * 2, this.#endWord));
      words.set(this.#words);
      this.#words = words;
      this.#bytes = new Uint8Array(words.buffer);
    }
    return at;
  }

  /** Twice as many slots. */
  #spread(): void {
    const words = this.#words;
    const slots = new Uint32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let at = 0; at < this.#endWord; at += wordsOf(words[at + 1]!)) {
      let slot = words[at]! & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = at + 1;
    }
    this.#slots = slots;
  }
}

function wordsOf(nameSize: number): number {
  return HEAD_WORDS + Math.ceil(nameSize / WORD_BYTES);
}
