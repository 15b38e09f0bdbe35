/**
 * Flow control of push consumers: after so many bytes the receiver is asked to answer, and until
 * it does no more than a window of bytes goes out. Receivers that keep up get a larger window.
 *
 * Reference: needFlowControl, sendFlowControl, processFlowControl in server/consumer.go.
 *
 * @module
 */
import { sliceHeader } from "../../protocol/mod.ts";
import { parseDigits } from "../../base/text/digits.ts";
import { acknowledge } from "./acks.ts";
import type { Consumer } from "./consumer.ts";
import { sendStatus } from "./status.ts";

/** The largest window. */
const WINDOW_BYTES_MAX = 32 * 1024 * 1024;
/** The first window is so much smaller. */
const START_SHARE = 16;
const ID_DIGITS = 4;
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Begins with a small window. */
export function setFlowWindow(o: Consumer, bytesMax: number = WINDOW_BYTES_MAX): void {
  o.windowBytesMax = bytesMax;
  o.windowBytes = Math.max(1, Math.floor(bytesMax / START_SHARE));
}

/** Whether the receiver has to answer first. */
export function isFlowStalled(o: Consumer): boolean {
  return o.windowBytes > 0 && o.outstandingBytes > o.windowBytes;
}

/** Counts a delivery of `sizeBytes` and asks for an answer when it is time. */
export function countFlow(o: Consumer, sizeBytes: number): void {
  if (o.windowBytes === 0) return;
  if (o.flowControlId === "") {
    const { ackPolicy, maxAckPending } = o.config;
    const isFull = ackPolicy === "flow_control" && maxAckPending > 0 &&
      o.pending.size >= maxAckPending;
    if (isFull || o.outstandingBytes > o.windowBytes / 2) requestFlowControl(o);
  } else if (o.outstandingBytes - o.flowControlBytes >= o.windowBytes) {
    o.flowControlBytes += sizeBytes;
  }
}

/** Asks the receiver to answer. */
export function requestFlowControl(o: Consumer): void {
  let id = "";
  for (let i = 0; i < ID_DIGITS; i++) id += DIGITS[o.js.core.env.random.below(DIGITS.length)]!;
  o.flowControlBytes = o.outstandingBytes;
  o.flowControlId = o.flowControlPrefix + id;
  sendStatus(o, o.config.deliverSubject, "100 FlowControl Request", "", o.flowControlId);
}

/** The receiver has answered; with acknowledgement by flow control it says how far it is. */
export function receiveFlowControl(
  o: Consumer,
  subject: string,
  message: Uint8Array,
  headerBytes: number,
): void {
  if (o.closed || subject !== o.flowControlId) return;
  if (o.windowBytes < o.windowBytesMax) {
    o.windowBytes = Math.min(o.windowBytes * 2, o.windowBytesMax);
  }
  o.outstandingBytes = Math.max(0, o.outstandingBytes - o.flowControlBytes);
  o.flowControlId = "";
  o.flowControlBytes = 0;
  o.signal();
  if (o.config.ackPolicy !== "flow_control" || headerBytes === 0) return;
  const headers = message.subarray(0, headerBytes);
  const streamSeq = numberOf(headers, "Nats-Last-Stream");
  if (streamSeq <= 0) return;
  acknowledge(o, streamSeq, Math.max(0, numberOf(headers, "Nats-Last-Consumer")), 1, false);
}

function numberOf(headers: Uint8Array, name: string): number {
  const value = sliceHeader(headers, name);
  return value === null ? -1 : parseDigits(value, 0, value.length);
}
