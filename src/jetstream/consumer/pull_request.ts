/**
 * Reads pull requests: nothing, a number, or JSON. The usual JSON is read from its bytes without
 * making an object; everything unusual goes to the general decoder.
 *
 * Reference: nextReqFromMsg in server/consumer.go.
 *
 * @module
 */
import { byteStringOf } from "../../base/text/byte_string.ts";
import { decodeJson, JsonShapeError, JsonSyntaxError } from "../../base/json/mod.ts";
import { type GetNextRequest, getNextRequestShape } from "../../jsapi/mod.ts";
import type { PriorityRequest } from "./wait_queue.ts";

const NS_PER_MS = 1e6;
const QUOTE = 34;
const PLUS = 43;
const COMMA = 44;
const MINUS = 45;
const ZERO = 48;
const NINE = 57;
const COLON = 58;
const BACKSLASH = 92;
const LOWER_F = 102;
const LOWER_T = 116;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;
const BLANK = 32;
const TILDE = 126;
/** So many digits are always exact. */
const DIGITS_MAX = 15;
/** Whole numbers that a batch may have without being JSON, as Go's Atoi takes them. */
const INTEGER = /^[+-]?\d{1,18}$/;

/** What a pull request asks for. One object is filled again and again. */
export class PullRequest {
  batch = 1;
  maxBytes = 0;
  noWait = false;
  /** 0 for never. */
  expiresMs = 0;
  /** 0 for none. */
  heartbeatMs = 0;
  /** Of requests in JSON only. */
  isJson = false;
  group = "";
  minPending = 0;
  minAckPending = 0;
  id = "";
  priority = 0;
  /** Why the request cannot be served, or empty. */
  error = "";
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #end = 0;

  #clear(): void {
    this.batch = 1;
    this.maxBytes = 0;
    this.noWait = false;
    this.expiresMs = 0;
    this.heartbeatMs = 0;
    this.isJson = false;
    this.group = "";
    this.minPending = 0;
    this.minAckPending = 0;
    this.id = "";
    this.priority = 0;
    this.error = "";
  }

  /** Reads the borrowed `[start, end)` of `bytes`; false, and `error`, when it is no request. */
  parse(bytes: Uint8Array, start: number, end: number): boolean {
    this.#clear();
    while (start < end && isSpace(bytes[start]!)) start++;
    while (end > start && isSpace(bytes[end - 1]!)) end--;
    if (start === end) return true;
    if (bytes[start] !== OPEN_BRACE) {
      const text = byteStringOf(bytes, start, end);
      if (INTEGER.test(text)) this.batch = Number(text);
      return true;
    }
    if (!this.#parseFast(bytes, start, end)) {
      this.#clear();
      if (!this.#parseAny(bytes.subarray(start, end))) return false;
    }
    this.isJson = true;
    if (this.heartbeatMs > 0 && this.heartbeatMs * 2 > this.expiresMs) {
      this.error = "heartbeat value too large";
    }
    return this.error === "";
  }

  /** What the request says about priority groups; null unless it is JSON. */
  priorityRequest(): PriorityRequest | null {
    if (!this.isJson) return null;
    const { group, minPending, minAckPending, id, priority } = this;
    return { group, minPending, minAckPending, id, priority };
  }

  #parseAny(json: Uint8Array): boolean {
    let request: GetNextRequest;
    try {
      request = decodeJson(getNextRequestShape, json);
    } catch (error) {
      if (!(error instanceof JsonShapeError || error instanceof JsonSyntaxError)) throw error;
      this.error = error.message;
      return false;
    }
    this.batch = request.batch;
    this.maxBytes = request.maxBytes;
    this.noWait = request.noWait;
    this.expiresMs = Number(request.expires) / NS_PER_MS;
    this.heartbeatMs = Number(request.heartbeat) / NS_PER_MS;
    this.group = request.group;
    this.minPending = request.minPending;
    this.minAckPending = request.minAckPending;
    this.id = request.id;
    this.priority = request.priority;
    return true;
  }

  /** Reads one flat object; false for whatever is not exactly what clients send. */
  #parseFast(bytes: Uint8Array, start: number, end: number): boolean {
    this.#bytes = bytes;
    this.#at = start + 1;
    this.#end = end;
    this.batch = 0;
    if (this.#peek() === CLOSE_BRACE) return this.#isLast();
    for (;;) {
      const keyAt = this.#string();
      if (keyAt < 0) return false;
      const keyEnd = this.#at - 1;
      if (this.#peek() !== COLON) return false;
      this.#at++;
      if (!this.#field(keyAt, keyEnd)) return false;
      const next = this.#peek();
      if (next === CLOSE_BRACE) return this.#isLast();
      if (next !== COMMA) return false;
      this.#at++;
      this.#peek();
    }
  }

  #isLast(): boolean {
    return this.#at === this.#end - 1;
  }

  /** Skips white space; the next byte or -1. */
  #peek(): number {
    while (this.#at < this.#end && isSpace(this.#bytes[this.#at]!)) this.#at++;
    return this.#at < this.#end ? this.#bytes[this.#at]! : -1;
  }

  /** Passes a string of plain ASCII and returns where its content starts, or -1. */
  #string(): number {
    const bytes = this.#bytes;
    if (this.#peek() !== QUOTE) return -1;
    const start = this.#at + 1;
    for (let i = start; i < this.#end; i++) {
      const byte = bytes[i]!;
      if (byte === QUOTE) {
        this.#at = i + 1;
        return start;
      }
      if (byte === BACKSLASH || byte < BLANK || byte > TILDE) return -1;
    }
    return -1;
  }

  #text(): string | null {
    const start = this.#string();
    return start < 0 ? null : byteStringOf(this.#bytes, start, this.#at - 1);
  }

  /** A whole number that is not negative, or -1. */
  #number(): number {
    const first = this.#peek();
    if (first < ZERO || first > NINE) return -1;
    const start = this.#at;
    let value = 0;
    while (this.#at < this.#end) {
      const byte = this.#bytes[this.#at]!;
      if (byte < ZERO || byte > NINE) break;
      value = value * 10 + byte - ZERO;
      this.#at++;
    }
    const digits = this.#at - start;
    return digits > DIGITS_MAX || (first === ZERO && digits > 1) ? -1 : value;
  }

  #flag(): boolean | null {
    const first = this.#peek();
    if (first === LOWER_T && this.#word("true")) return true;
    if (first === LOWER_F && this.#word("false")) return false;
    return null;
  }

  #word(word: string): boolean {
    for (let i = 0; i < word.length; i++) {
      if (this.#bytes[this.#at + i] !== word.charCodeAt(i)) return false;
    }
    this.#at += word.length;
    return true;
  }

  #isKey(start: number, end: number, key: string): boolean {
    if (end - start !== key.length) return false;
    for (let i = 0; i < key.length; i++) {
      if (this.#bytes[start + i] !== key.charCodeAt(i)) return false;
    }
    return true;
  }

  /** Reads the value of a key; false when either is not as usual. */
  #field(keyAt: number, keyEnd: number): boolean {
    const first = this.#peek();
    if (first === QUOTE) {
      const isGroup = this.#isKey(keyAt, keyEnd, "group");
      if (!isGroup && !this.#isKey(keyAt, keyEnd, "id")) return false;
      const text = this.#text();
      if (text === null) return false;
      if (isGroup) this.group = text;
      else this.id = text;
      return true;
    }
    if (first === LOWER_T || first === LOWER_F) {
      const flag = this.#flag();
      if (flag === null || !this.#isKey(keyAt, keyEnd, "no_wait")) return false;
      this.noWait = flag;
      return true;
    }
    if (first === MINUS || first === PLUS) return false;
    const value = this.#number();
    if (value < 0) return false;
    if (this.#isKey(keyAt, keyEnd, "batch")) this.batch = value;
    else if (this.#isKey(keyAt, keyEnd, "expires")) this.expiresMs = value / NS_PER_MS;
    else if (this.#isKey(keyAt, keyEnd, "max_bytes")) this.maxBytes = value;
    else if (this.#isKey(keyAt, keyEnd, "idle_heartbeat")) this.heartbeatMs = value / NS_PER_MS;
    else if (this.#isKey(keyAt, keyEnd, "min_pending")) this.minPending = value;
    else if (this.#isKey(keyAt, keyEnd, "min_ack_pending")) this.minAckPending = value;
    else if (this.#isKey(keyAt, keyEnd, "priority")) this.priority = value;
    else return false;
    return true;
  }
}

function isSpace(byte: number): boolean {
  return byte === BLANK || (byte >= 9 && byte <= 13);
}
