/**
 * Publishes stored messages again, for clients that want them as they come.
 *
 * Reference: processJetStreamMsg in server/stream.go, ADR-28.
 *
 * @module
 */
import { bytesOfByteString, byteStringOfText } from "../../base/text/byte_string.ts";
import { encodeTime } from "../../base/json/mod.ts";
import { HEADER_LINE } from "../../protocol/mod.ts";
import { isValidPublishSubject } from "../../subject/mod.ts";
import { lastSeqOf } from "./msg_checks.ts";
import type { Stream } from "./stream.ts";

const NO_BYTES = new Uint8Array(0);
const LINE_END_BYTES = 2;

/** The steps of publishing again; the first two come before the message is stored. */
export const rePublish = {
  /** Where a message of `subject` goes again, or empty. */
  target(stream: Stream, subject: string): string {
    const target = stream.rePublishTransform!.match(subject) ?? "";
    if (target === "" || isValidPublishSubject(target)) return target;
    const text = `Stream '${stream.label}' suppressing republish with invalid subject "${target}"`;
    if (stream.js.core.mayLog(text)) stream.js.core.env.log.warn(text);
    return "";
  },

  /** Sequence of the message before it of the same subject, or 0: shows gaps to receivers. */
  lastSeq(stream: Stream, subject: string): number {
    return lastSeqOf(stream, subject);
  },

  /**
   * Publishes the stored message, with `sync_interval: always` once it is synced. `headers` and
   * `payload` are borrowed.
   */
  send(
    stream: Stream,
    target: string,
    subject: string,
    seq: number,
    lastSeq: number,
    headers: Uint8Array,
    payload: Uint8Array,
  ): void {
    const headersOnly = stream.config.rePublish?.headersOnly ?? false;
    const timeNs = stream.fastState().lastTime.toNs();
    let lines = `Nats-Stream: ${stream.subjectName}\r\nNats-Subject: ${subject}\r\n` +
      `Nats-Sequence: ${seq}\r\nNats-Time-Stamp: ${encodeTime(timeNs)}\r\n` +
      `Nats-Last-Sequence: ${lastSeq}\r\n`;
    if (headersOnly) lines += `Nats-Msg-Size: ${payload.length}\r\n`;
    lines += "\r\n";
    const before = headers.length === 0
      ? bytesOfByteString(byteStringOfText(HEADER_LINE))
      : headers.subarray(0, headers.length - LINE_END_BYTES);
    const all = new Uint8Array(before.length + lines.length);
    all.set(before);
    for (let i = 0; i < lines.length; i++) all[before.length + i] = lines.charCodeAt(i);
    stream.publishAgain(target, all, headersOnly ? NO_BYTES : payload);
  },
};
