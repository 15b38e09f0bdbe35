/**
 * Pull requests: who gets the next message, and what those are told who get none.
 *
 * | status | when |
 * |---|---|
 * | 100 | heartbeat |
 * | 400 | the request makes no sense |
 * | 404 | no messages, and the request does not wait |
 * | 408 | its time is over, or earlier requests take all there is |
 * | 409 | over a limit; message larger than wanted; bytes left after the batch; consumer deleted |
 * | 412 | it wants a newer server |
 * | 423 | the client is not the pinned one |
 *
 * Reference: processNextMsgRequest, nextWaiting, processWaiting in server/consumer.go.
 *
 * @module
 */
import { formatDurationNs } from "../../base/text/duration.ts";
import { requesterOf } from "../../core/account/service_replies.ts";
import { headerValue } from "../../protocol/mod.ts";
import { refusesApiLevel } from "../../jsapi/mod.ts";
import type { Consumer } from "./consumer.ts";
import { LazyTimer } from "./lazy_timer.ts";
import { numPending } from "./pending_count.ts";
import { admitRequest, Claim, claimFor, releasePin } from "./priority_groups.ts";
import { PullRequest } from "./pull_request.ts";
import { sendEnd, sendIdleHeartbeat, sendStatus } from "./status.ts";
import { WaitingRequest, WaitQueue } from "./wait_queue.ts";

/** A full queue is looked through at most so often. */
const FULL_CHECK_MS = 1000;

/** What a consumer in pull mode has. */
export interface PullState {
  readonly queue: WaitQueue;
  /** Filled anew by each request. */
  readonly request: PullRequest;
  /** When the queue was looked through last, monotonic ms. */
  checkedMs: number;
  /** When a request expires or wants a heartbeat, or earlier; monotonic ms. */
  dueMs: number;
}

/** The state without any request. */
export function pullState(maxWaiting: number): PullState {
  return {
    queue: new WaitQueue(maxWaiting),
    request: new PullRequest(),
    checkedMs: 0,
    dueMs: Infinity,
  };
}

/** Handles a message on `$JS.API.CONSUMER.MSG.NEXT`. `message` is borrowed. */
export function receivePull(
  o: Consumer,
  reply: string,
  message: Uint8Array,
  headerBytes: number,
): void {
  if (reply === "" || o.closed) return;
  if (o.pulls !== null && headerBytes > 0) {
    const level = headerValue(message, 0, headerBytes, "Nats-Required-Api-Level");
    if (level !== null && refusesApiLevel(level)) {
      return sendStatus(o, reply, "412 Required Api Level");
    }
  }
  receiveNext(o, reply, message, headerBytes);
}

/** Handles the request `[start, end of message)`, which is borrowed. */
export function receiveNext(
  o: Consumer,
  reply: string,
  message: Uint8Array,
  start: number,
): void {
  const { pulls } = o;
  if (pulls === null) return sendStatus(o, reply, "409 Consumer is push based");
  const { queue, request } = pulls;
  if (!request.parse(message, start, message.length)) {
    return sendStatus(o, reply, `400 Bad Request - ${request.error}`);
  }
  const { config } = o;
  if (config.maxRequestBatch > 0 && request.batch > config.maxRequestBatch) {
    return sendStatus(o, reply, `409 Exceeded MaxRequestBatch of ${config.maxRequestBatch}`);
  }
  const expiresMax = config.maxRequestExpires;
  if (expiresMax > 0n && request.expiresMs > Number(expiresMax) / 1e6) {
    const limit = formatDurationNs(expiresMax);
    return sendStatus(o, reply, `409 Exceeded MaxRequestExpires of ${limit}`);
  }
  if (config.maxRequestMaxBytes > 0 && request.maxBytes > config.maxRequestMaxBytes) {
    return sendStatus(o, reply, `409 Exceeded MaxRequestMaxBytes of ${config.maxRequestMaxBytes}`);
  }
  const refusal = admitRequest(o, request);
  if (refusal !== "") return sendStatus(o, reply, refusal);
  const nowMs = o.clock.monotonicMs();
  if (queue.isFull && nowMs - pulls.checkedMs > FULL_CHECK_MS) checkWaiting(o, false);
  if (request.noWait) {
    const nothing = refuseOneShot(o, request);
    if (nothing !== "") {
      queue.lastMs = nowMs;
      return sendStatus(o, reply, nothing);
    }
  }
  const waiting = new WaitingRequest(reply);
  waiting.left = request.batch;
  waiting.bytesLeft = request.maxBytes;
  waiting.noWait = request.noWait;
  waiting.receivedMs = nowMs;
  if (request.expiresMs > 0) waiting.expiresMs = nowMs + request.expiresMs;
  if (request.heartbeatMs > 0) {
    waiting.heartbeatMs = request.heartbeatMs;
    waiting.heartbeatDueMs = nowMs + request.heartbeatMs;
  }
  waiting.group = request.priorityRequest();
  waiting.requester = requesterOf(o.account, reply);
  const added = config.priorityPolicy === "prioritized"
    ? queue.addPrioritized(waiting)
    : queue.add(waiting);
  if (!added) {
    // Who listens to heartbeats misses them; an answer would make it ask again at once.
    if (request.heartbeatMs === 0) sendStatus(o, reply, "409 Exceeded MaxWaiting");
    return;
  }
  if (waiting.expiresMs !== 0) pulls.dueMs = Math.min(pulls.dueMs, waiting.expiresMs);
  if (waiting.heartbeatDueMs !== 0) pulls.dueMs = Math.min(pulls.dueMs, waiting.heartbeatDueMs);
  armWaiting(o);
  o.signal();
}

/** Why a request that does not wait gets nothing; empty when it may get something. */
function refuseOneShot(o: Consumer, request: PullRequest): string {
  const count = numPending(o) + o.redeliverQueue.size;
  if (count === 0) return request.expiresMs === 0 ? "404 No Messages" : "";
  return count < checkWaiting(o, false) ? "408 Requests Pending" : "";
}

function armWaiting(o: Consumer): void {
  const { dueMs } = o.pulls!;
  if (dueMs === Infinity) {
    o.timers.waiting?.clear();
    return;
  }
  o.timers.waiting ??= new LazyTimer(o.loop, o.clock, () => {
    if (o.closed) return;
    checkWaiting(o, true);
    o.signal();
  });
  o.timers.waiting.setDeadline(dueMs);
}

/** Whether somebody is still interested in the answers to a request. */
function isInterested(o: Consumer, request: WaitingRequest): boolean {
  const { sublist } = o.account;
  const { requester } = request;
  // Replies to other accounts always go somewhere; what counts is who listens there.
  if (requester !== null && !requester.account.sublist.hasInterest(requester.subject)) return false;
  if (request.found === null || request.foundGeneration !== sublist.generation) {
    request.found = sublist.match(request.reply);
    request.foundGeneration = sublist.generation;
  }
  return request.found.psubs.length > 0 || request.found.qsubs.length > 0;
}

/**
 * Looks through all waiting requests: ends those whose time is over or whose client went, sends
 * heartbeats. `atEnd` says that there are no messages now, which ends requests that do not wait.
 * Returns how many messages the others want.
 */
export function checkWaiting(o: Consumer, atEnd: boolean): number {
  const pulls = o.pulls!;
  const { queue } = pulls;
  const nowMs = o.clock.monotonicMs();
  pulls.checkedMs = nowMs;
  let dueMs = Infinity;
  let wanted = 0;
  let before: WaitingRequest | null = null;
  for (let request = queue.head; request !== null;) {
    const next: WaitingRequest | null = request.next;
    if (endsNow(o, request, nowMs, atEnd) || !isInterested(o, request)) {
      queue.remove(before, request);
      request = next;
      continue;
    }
    wanted += request.left;
    if (request.heartbeatDueMs !== 0) {
      if (nowMs > request.heartbeatDueMs) {
        sendIdleHeartbeat(o, request.reply);
        request.heartbeatDueMs = nowMs + request.heartbeatMs;
      }
      dueMs = Math.min(dueMs, request.heartbeatDueMs);
    }
    if (request.expiresMs !== 0) dueMs = Math.min(dueMs, request.expiresMs);
    before = request;
    request = next;
  }
  pulls.dueMs = dueMs;
  armWaiting(o);
  return wanted;
}

function endsNow(
  o: Consumer,
  request: WaitingRequest,
  nowMs: number,
  atEnd: boolean,
): boolean {
  if (request.expiresMs !== 0 && nowMs >= request.expiresMs) {
    sendEnd(o, request, "408 Request Timeout");
    return true;
  }
  if (!atEnd || !request.noWait) return false;
  if (request.expiresMs !== 0 && request.delivered === 0) return false;
  sendStatus(o, request.reply, "404 No Messages");
  return true;
}

/** The deliveries of this turn are over: looks through the requests if that can change anything. */
export function endPulls(o: Consumer, atEnd: boolean): void {
  const { queue, dueMs } = o.pulls!;
  if (queue.isEmpty) return;
  if ((atEnd && queue.oneShots > 0) || dueMs <= o.clock.monotonicMs()) checkWaiting(o, atEnd);
}

/** Ends all requests of a consumer that was deleted. */
export function releaseRequests(o: Consumer): void {
  const { queue } = o.pulls!;
  for (let request = queue.head; request !== null; request = queue.head) {
    sendStatus(o, request.reply, "409 Consumer Deleted");
    queue.removeHead();
  }
}

/** Ends all requests with a status that says what they did not get; false when there are none. */
export function endRequests(o: Consumer, status: string): boolean {
  const { queue } = o.pulls!;
  if (queue.isEmpty) return false;
  for (let request = queue.head; request !== null; request = queue.head) {
    sendEnd(o, request, status);
    queue.removeHead();
  }
  return true;
}

/** The request that gets a message of `sizeBytes`; null when there is none. */
export function nextWaiting(o: Consumer, sizeBytes: number): WaitingRequest | null {
  const { queue } = o.pulls!;
  const { priorityPolicy } = o.config;
  const nowMs = o.clock.monotonicMs();
  let cycled = 0;
  for (let request = queue.head; request !== null; request = queue.head) {
    if (request.expiresMs !== 0 && nowMs >= request.expiresMs) {
      sendEnd(o, request, "408 Request Timeout");
      queue.removeHead();
      continue;
    }
    const claim = priorityPolicy === "none" ? Claim.Serve : claimFor(o, request);
    if (claim === Claim.WrongPin) {
      sendEnd(o, request, "423 Nats-Wrong-Pin-Id");
      queue.removeHead();
      continue;
    }
    if (claim === Claim.Later) {
      queue.cycle();
      if (++cycled >= queue.size) return null;
      continue;
    }
    if (request.bytesLeft > 0) {
      if (sizeBytes > request.bytesLeft) {
        sendEnd(o, request, "409 Message Size Exceeds MaxBytes");
        if (claim === Claim.ServePinned) releasePin(o);
        queue.removeHead();
        continue;
      }
      request.bytesLeft -= sizeBytes;
      if (request.bytesLeft === 0) request.left = 1;
    }
    if (isInterested(o, request)) return queue.take(priorityPolicy);
    if (claim === Claim.ServePinned) releasePin(o);
    queue.removeHead();
  }
  return null;
}

/** Gives back to a request what was counted for a delivery that failed. */
export function creditRequest(o: Consumer, reply: string): void {
  for (let request = o.pulls!.queue.head; request !== null; request = request.next) {
    if (request.reply !== reply) continue;
    request.left++;
    request.delivered--;
    return;
  }
}
