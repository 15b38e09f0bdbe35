/**
 * A published message on its way through the core, as places in buffers.
 *
 * @module
 */

import { byteStringOf } from "../base/text/byte_string.ts";

/** No buffer at all. */
export const NO_BYTES = new Uint8Array(0);

/**
 * One message being published. The object is reused for the next one, and its buffers are
 * borrowed from the connection's read buffer: whoever keeps a part copies it.
 *
 * ```text
 * args:     … subject … [reply] … [header size] … total size …
 * payload:  [headers] body CR LF
 * ```
 */
export class InboundMessage {
  /** Holds subject, reply and sizes. */
  args: Uint8Array = NO_BYTES;
  subjectStart = 0;
  subjectEnd = 0;
  /** -1 without a reply. */
  replyStart = -1;
  replyEnd = -1;
  /** Where the digits of the total size stand. */
  sizeStart = 0;
  sizeEnd = 0;
  /** Where the digits of the header size stand; meaningless without headers. */
  headerSizeStart = 0;
  headerSizeEnd = 0;
  /** Bytes of headers; -1 for PUB. */
  headerBytes = -1;
  /** Bytes of headers and body. */
  sizeBytes = 0;
  /** Holds headers, body and the closing CR LF. */
  payload: Uint8Array = NO_BYTES;
  payloadStart = 0;
  /** After the CR LF. */
  payloadEnd = 0;
  /**
   * True while everything from `sizeStart` (or the header size) to `payloadEnd` is contiguous in
   * `payload`, exactly as it goes out again: then delivery copies it in one piece.
   */
  contiguous = false;
  /**
   * Where the message goes, a byte string, when its subject is only the one to show, as consumers
   * do with stored messages; empty otherwise.
   */
  target = "";

  /** The queue groups that another server wants the message to go to, byte strings; null elsewhere. */
  queues: string[] | null = null;

  /** Gives the message, whose arguments are its own, another body, which ends with CR LF. */
  replaceBody(body: Uint8Array, headerBytes: number): void {
    this.payload = body;
    this.payloadStart = 0;
    this.payloadEnd = body.length;
    this.headerBytes = headerBytes;
    this.sizeBytes = body.length - 2;
    const subject = byteStringOf(this.args, this.subjectStart, this.subjectEnd);
    const reply = this.replyStart < 0
      ? ""
      : byteStringOf(this.args, this.replyStart, this.replyEnd);
    this.address(subject, reply);
  }

  /**
   * Gives the message its own arguments: subject and reply (byte strings; reply empty for none)
   * and the sizes, which must be set.
   */
  address(subject: string, reply: string): void {
    const header = this.headerBytes < 0 ? "" : this.headerBytes + " ";
    const size = String(this.sizeBytes);
    const line = subject + " " + (reply === "" ? "" : reply + " ") + header + size;
    const args = new Uint8Array(line.length);
    for (let i = 0; i < line.length; i++) args[i] = line.charCodeAt(i);
    this.args = args;
    this.subjectStart = 0;
    this.subjectEnd = subject.length;
    this.replyStart = reply === "" ? -1 : subject.length + 1;
    this.replyEnd = this.replyStart + reply.length;
    this.sizeEnd = line.length;
    this.sizeStart = line.length - size.length;
    this.headerSizeEnd = this.sizeStart - 1;
    this.headerSizeStart = this.headerSizeEnd - header.length + 1;
    this.contiguous = false;
  }

  /** Where the message goes, as a byte string. */
  destination(): string {
    if (this.target !== "") return this.target;
    return byteStringOf(this.args, this.subjectStart, this.subjectEnd);
  }

  /** Forgets the buffers, so that they can be collected. */
  clear(): void {
    this.args = NO_BYTES;
    this.payload = NO_BYTES;
    this.replyStart = -1;
    this.headerBytes = -1;
    this.sizeBytes = 0;
    this.contiguous = false;
    this.queues = null;
    this.target = "";
  }
}
