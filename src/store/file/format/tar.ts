/**
 * The tar archives of stream snapshots, as Go's archive/tar writes and reads them: ustar heads with
 * PAX records where a name does not fit.
 *
 * | offset | size | field of a head |
 * |---|---|---|
 * | 0 | 100 | name |
 * | 100 | 8 + 8 + 8 | mode, owner, group (octal) |
 * | 124 | 12 | size (octal) |
 * | 136 | 12 | time in seconds (octal) |
 * | 148 | 8 | sum of all bytes of the head, with spaces in this field |
 * | 156 | 1 | type: `0` or NUL a file, `x` PAX records for the next entry |
 * | 257 | 8 | `ustar`, NUL, `00` |
 * | 265 | 32 + 32 | names of owner and group |
 * | 345 | 155 | what comes before the name, without the slash between |
 *
 * Content follows in blocks of 512 bytes; two blocks of zeros end the archive. A PAX record is
 * `<length> <key>=<value>\n`.
 *
 * @module
 */
import { StoreError } from "../../errors.ts";

/** Heads are this long, and content is padded to a multiple of it. */
export const TAR_BLOCK_BYTES = 512;
const NAME_BYTES_MAX = 100;
/** Most bytes of PAX records for one entry, as in Go. */
const PAX_BYTES_MAX = 1 << 20;
const TYPE_FILE = 0x30;
const TYPE_PAX = 0x78;

/** The end of an archive. */
export const TAR_END: Uint8Array = new Uint8Array(2 * TAR_BLOCK_BYTES);

function corrupt(what: string): StoreError {
  return new StoreError("bad_snapshot", `invalid tar archive: ${what}`);
}

function paddedSize(size: number): number {
  return Math.ceil(size / TAR_BLOCK_BYTES) * TAR_BLOCK_BYTES;
}

/** One file of an archive: head, content (borrowed) and padding, in a new array. */
export function tarFile(name: string, content: Uint8Array, mtimeSec: number): Uint8Array {
  const nameBytes = new TextEncoder().encode(name);
  const pax = nameBytes.length > NAME_BYTES_MAX ? paxRecord("path", name) : null;
  const paxBytes = pax === null ? 0 : TAR_BLOCK_BYTES + paddedSize(pax.length);
  const out = new Uint8Array(paxBytes + TAR_BLOCK_BYTES + paddedSize(content.length));
  if (pax !== null) {
    const label = new TextEncoder().encode("PaxHeaders.0/path");
    putHead(out.subarray(0, TAR_BLOCK_BYTES), label, pax.length, mtimeSec, TYPE_PAX);
    out.set(pax, TAR_BLOCK_BYTES);
  }
  const head = out.subarray(paxBytes, paxBytes + TAR_BLOCK_BYTES);
  putHead(head, nameBytes.subarray(0, NAME_BYTES_MAX), content.length, mtimeSec, TYPE_FILE);
  out.set(content, paxBytes + TAR_BLOCK_BYTES);
  return out;
}

/** The length at the front counts itself. */
function paxRecord(key: string, value: string): Uint8Array {
  const rest = new TextEncoder().encode(` ${key}=${value}\n`);
  let size = rest.length;
  while (String(size).length + rest.length !== size) size = String(size).length + rest.length;
  const out = new Uint8Array(size);
  const digits = new TextEncoder().encode(String(size));
  out.set(digits);
  out.set(rest, digits.length);
  return out;
}

function putHead(
  head: Uint8Array,
  name: Uint8Array,
  size: number,
  mtimeSec: number,
  type: number,
): void {
  const put = (text: string, at: number) => {
    for (let i = 0; i < text.length; i++) head[at + i] = text.charCodeAt(i);
  };
  const octal = (value: number, width: number) => value.toString(8).padStart(width - 1, "0");
  head.set(name);
  put(octal(0o600, 8), 100);
  put(octal(0, 8), 108);
  put(octal(0, 8), 116);
  put(octal(size, 12), 124);
  put(octal(mtimeSec, 12), 136);
  head[156] = type;
  put("ustar\0" + "00", 257);
  put("nats", 265);
  put("nats", 297);
  put(octal(headSum(head), 7) + "\0 ", 148);
}

/** Sum of a head's bytes with spaces in place of the sum itself. */
function headSum(head: Uint8Array): number {
  let sum = 8 * 0x20;
  for (let i = 0; i < TAR_BLOCK_BYTES; i++) if (i < 148 || i >= 156) sum += head[i]!;
  return sum;
}

/** What a reader does with the files that it finds. */
export interface TarSink {
  /** A file begins. May throw to refuse it. */
  file(name: string, sizeBytes: number): void;
  /** Content of the present file, borrowed. */
  content(bytes: Uint8Array): void;
  /** The present file is complete. */
  fileEnd(): void;
}

/** Reads an archive as it comes. */
export class TarReader {
  readonly #sink: TarSink;
  readonly #head = new Uint8Array(TAR_BLOCK_BYTES);
  #headLength = 0;
  /** What is left of the present entry's content, and of the padding after it. */
  #contentLeft = 0;
  #paddingLeft = 0;
  /** PAX records being collected; null while the entry is a file. */
  #pax: Uint8Array | null = null;
  /** Name and size from PAX records for the next file. */
  #paxName: string | null = null;
  #paxSize = -1;
  #ended = false;

  constructor(sink: TarSink) {
    this.#sink = sink;
  }

  /** Takes the next piece (borrowed). Throws `bad_snapshot`, and what the sink throws. */
  write(piece: Uint8Array): void {
    for (let at = 0; at < piece.length && !this.#ended;) {
      if (this.#contentLeft > 0) {
        const end = Math.min(piece.length, at + this.#contentLeft);
        this.#takeContent(piece.subarray(at, end));
        at = end;
      } else if (this.#paddingLeft > 0) {
        const skipped = Math.min(piece.length - at, this.#paddingLeft);
        this.#paddingLeft -= skipped;
        at += skipped;
      } else {
        const end = Math.min(piece.length, at + TAR_BLOCK_BYTES - this.#headLength);
        this.#head.set(piece.subarray(at, end), this.#headLength);
        this.#headLength += end - at;
        at = end;
        if (this.#headLength === TAR_BLOCK_BYTES) {
          this.#headLength = 0;
          this.#takeHead();
        }
      }
    }
  }

  /** Ends the archive. Throws `bad_snapshot` when it ends inside a file. */
  end(): void {
    if (this.#headLength > 0 || this.#contentLeft > 0 || this.#pax !== null) {
      throw corrupt("unexpected end");
    }
  }

  #takeContent(bytes: Uint8Array): void {
    if (this.#pax === null) this.#sink.content(bytes);
    else this.#pax.set(bytes, this.#pax.length - this.#contentLeft);
    this.#contentLeft -= bytes.length;
    if (this.#contentLeft === 0) this.#entryEnd();
  }

  #entryEnd(): void {
    const pax = this.#pax;
    this.#pax = null;
    if (pax === null) this.#sink.fileEnd();
    else this.#readPax(pax);
  }

  #takeHead(): void {
    const head = this.#head;
    if (head.every((byte) => byte === 0)) {
      this.#ended = true;
      return;
    }
    if (octalOf(head, 148, 8) !== headSum(head)) throw corrupt("wrong checksum of a head");
    const type = head[156]!;
    let size = octalOf(head, 124, 12);
    if (type === TYPE_PAX) {
      if (size > PAX_BYTES_MAX) throw corrupt("too many PAX records");
      this.#pax = new Uint8Array(size);
    } else if (type === TYPE_FILE || type === 0) {
      const name = this.#paxName ?? nameOf(head);
      if (this.#paxSize >= 0) size = this.#paxSize;
      this.#paxName = null;
      this.#paxSize = -1;
      this.#sink.file(name, size);
    } else throw new StoreError("bad_snapshot", "unexpected content");
    this.#contentLeft = size;
    this.#paddingLeft = paddedSize(size) - size;
    if (size === 0) this.#entryEnd();
  }

  #readPax(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const space = bytes.indexOf(0x20, at);
      const size = space < 0 ? NaN : Number(textOf(bytes, at, space));
      const end = at + size;
      if (!Number.isSafeInteger(size) || end <= space || end > bytes.length) {
        throw corrupt("bad PAX record");
      }
      const equals = bytes.indexOf(0x3d, space);
      if (equals < 0 || equals >= end || bytes[end - 1] !== 0x0a) throw corrupt("bad PAX record");
      const key = textOf(bytes, space + 1, equals);
      const value = textOf(bytes, equals + 1, end - 1);
      if (key === "path") this.#paxName = value;
      else if (key === "size") {
        this.#paxSize = Number(value);
        if (!/^\d+$/.test(value) || !Number.isSafeInteger(this.#paxSize)) {
          throw corrupt("bad PAX size");
        }
      }
      at = end;
    }
  }
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  return new TextDecoder().decode(bytes.subarray(start, end));
}

/** Text of a field up to its first NUL. */
function fieldOf(head: Uint8Array, at: number, size: number): string {
  const nul = head.subarray(at, at + size).indexOf(0);
  return textOf(head, at, at + (nul < 0 ? size : nul));
}

function nameOf(head: Uint8Array): string {
  const name = fieldOf(head, 0, NAME_BYTES_MAX);
  const before = fieldOf(head, 257, 6) === "ustar" ? fieldOf(head, 345, 155) : "";
  return before === "" ? name : `${before}/${name}`;
}

function octalOf(head: Uint8Array, at: number, size: number): number {
  const text = fieldOf(head, at, size).trim();
  if (!/^[0-7]*$/.test(text)) throw corrupt("bad number in a head");
  return text === "" ? 0 : parseInt(text, 8);
}
