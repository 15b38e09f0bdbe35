/**
 * Messages without a body that tell receivers what is going on.
 *
 * @module
 */
import { bytesOfByteString, byteStringOfText } from "../../base/text/byte_string.ts";
import type { Consumer } from "./consumer.ts";
import type { WaitingRequest } from "./wait_queue.ts";

const NO_BYTES = new Uint8Array(0);

/** Sends `NATS/1.0 <status>` and header lines, each with its line end, to `target`. */
export function sendStatus(
  o: Consumer,
  target: string,
  status: string,
  lines = "",
  reply = "",
): void {
  const headers = bytesOfByteString(byteStringOfText(`NATS/1.0 ${status}\r\n${lines}\r\n`));
  o.js.client.publish(o.account, target, reply, headers, NO_BYTES);
}

/** Ends a pull request, and says what it did not get. */
export function sendEnd(o: Consumer, request: WaitingRequest, status: string): void {
  sendStatus(
    o,
    request.reply,
    status,
    `Nats-Pending-Messages: ${request.left}\r\nNats-Pending-Bytes: ${request.bytesLeft}\r\n`,
  );
}

/** Says that the consumer is alive, and how far it is. */
export function sendIdleHeartbeat(o: Consumer, target: string): void {
  const stalled = o.flowControlId === "" ? "" : `Nats-Consumer-Stalled: ${o.flowControlId}\r\n`;
  sendStatus(
    o,
    target,
    "100 Idle Heartbeat",
    `Nats-Last-Consumer: ${o.consumerSeq - 1}\r\nNats-Last-Stream: ${
      o.streamSeq - 1
    }\r\n${stalled}`,
  );
}
