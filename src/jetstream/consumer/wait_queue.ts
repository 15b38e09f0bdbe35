/**
 * Pull requests that wait for messages.
 *
 * ```text
 * head ─▶ request ─▶ request ─▶ … ─▶ tail     served from the head; who has more to get goes
 *                                             to the end (of those with the same priority)
 * ```
 *
 * Reference: waitQueue, waitingRequest in server/consumer.go.
 *
 * @module
 */
import type { Requester } from "../../core/account/service_replies.ts";
import type { Subscription } from "../../core/connection/subscription.ts";
import type { PriorityPolicy } from "../../jsapi/mod.ts";
import type { SublistResult } from "../../sublist/mod.ts";

/** Of requests that name none. */
const PRIORITY_MAX = 2 ** 31 - 1;

/** What a request says about priority groups. */
export interface PriorityRequest {
  group: string;
  minPending: number;
  minAckPending: number;
  id: string;
  priority: number;
}

/** One pull request. Times are monotonic milliseconds. */
export class WaitingRequest {
  next: WaitingRequest | null = null;
  /** Messages still to deliver. */
  left = 1;
  delivered = 0;
  /** Bytes still to deliver; 0 for no limit. */
  bytesLeft = 0;
  /** 0 for never. */
  expiresMs = 0;
  receivedMs = 0;
  /** Between heartbeats; 0 for none. */
  heartbeatMs = 0;
  /** When the next heartbeat is due; 0 for none. */
  heartbeatDueMs = 0;
  noWait = false;
  group: PriorityRequest | null = null;
  /** Who is interested in `reply`, as of the sublist's generation. */
  found: SublistResult<Subscription> | null = null;
  foundGeneration = -1;
  /** Who waits in another account; null for requests of the consumer's own. */
  requester: Requester | null = null;

  /** `reply` is a byte string. */
  constructor(readonly reply: string) {}
}

function priorityOf(request: WaitingRequest): number {
  return request.group === null ? PRIORITY_MAX : request.group.priority;
}

/** The waiting requests of one consumer. */
export class WaitQueue {
  head: WaitingRequest | null = null;
  tail: WaitingRequest | null = null;
  size = 0;
  /** Requests that do not want to wait. */
  oneShots = 0;
  /** When the last request came, or something else showed that somebody is there. */
  lastMs = 0;

  constructor(readonly max: number) {}

  get isFull(): boolean {
    return this.size === this.max;
  }

  get isEmpty(): boolean {
    return this.size === 0;
  }

  /** Adds a request at the end; false when the queue is full. */
  add(request: WaitingRequest): boolean {
    if (this.isFull) return false;
    this.#append(request);
    this.#added(request);
    return true;
  }

  /** Adds a request behind those of the same priority; false when the queue is full. */
  addPrioritized(request: WaitingRequest): boolean {
    if (this.isFull) return false;
    this.#insertByPriority(request);
    this.#added(request);
    return true;
  }

  #added(request: WaitingRequest): void {
    this.size++;
    if (request.noWait) this.oneShots++;
    this.lastMs = request.receivedMs;
  }

  #append(request: WaitingRequest): void {
    request.next = null;
    if (this.tail === null) this.head = request;
    else this.tail.next = request;
    this.tail = request;
  }

  #insertByPriority(request: WaitingRequest): void {
    const priority = priorityOf(request);
    let before: WaitingRequest | null = null;
    let at = this.head;
    while (at !== null && priorityOf(at) <= priority) {
      before = at;
      at = at.next;
    }
    request.next = at;
    if (before === null) this.head = request;
    else before.next = request;
    if (at === null) this.tail = request;
  }

  /** Moves the head to the end. */
  cycle(): void {
    const { head } = this;
    if (head === null || head === this.tail) return;
    this.head = head.next;
    this.#append(head);
  }

  /** Counts a message for the head, and moves it to where its turn comes again, or out. */
  take(policy: PriorityPolicy): WaitingRequest | null {
    return policy === "prioritized" ? this.popAndRequeue() : this.pop();
  }

  /** {@linkcode take} where all requests are equal. */
  pop(): WaitingRequest | null {
    const { head } = this;
    if (head === null) return null;
    head.delivered++;
    head.left--;
    if (head.left <= 0) this.removeHead();
    else this.cycle();
    return head;
  }

  /** {@linkcode take} by priority. */
  popAndRequeue(): WaitingRequest | null {
    const { head } = this;
    if (head === null) return null;
    head.delivered++;
    head.left--;
    if (head.left <= 0) this.removeHead();
    else if (head !== this.tail) {
      this.head = head.next;
      this.#insertByPriority(head);
    }
    return head;
  }

  removeHead(): void {
    if (this.head !== null) this.remove(null, this.head);
  }

  /** Takes out `request`, which stands behind `before`, or at the head. */
  remove(before: WaitingRequest | null, request: WaitingRequest): void {
    if (before === null) this.head = request.next;
    else before.next = request.next;
    if (request === this.tail) this.tail = before;
    request.next = null;
    this.size--;
    if (request.noWait) this.oneShots--;
  }
}
