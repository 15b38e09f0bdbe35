/**
 * Priority groups: which of the waiting clients is served (ADR-42).
 *
 * - overflow: a client may ask to be served only while much is pending;
 * - pinned client: one client is served until it stays away for some time, the others stand by;
 * - prioritized: the waiting requests are in the order of their priority.
 *
 * Reference: the priority parts of processNextMsgRequest and nextWaiting in server/consumer.go.
 *
 * @module
 */
import { nuid } from "../../base/text/nuid.ts";
import type { Consumer } from "./consumer.ts";
import { LazyTimer } from "./lazy_timer.ts";
import type { PullRequest } from "./pull_request.ts";
import type { WaitingRequest } from "./wait_queue.ts";

const PRIORITY_MAX = 9;

/** Whether a request may have the next message. */
export const Claim = {
  Serve: 0,
  /** Yes, and its client was pinned just now. */
  ServePinned: 1,
  /** Others come first. */
  Later: 2,
  /** It believes to be pinned and is not. */
  WrongPin: 3,
} as const;
/** One of {@linkcode Claim}. */
export type Claim = typeof Claim[keyof typeof Claim];

/** Why a request does not fit the consumer's policy, as a status; empty when it does. */
export function admitRequest(o: Consumer, request: PullRequest): string {
  if (!request.isJson) return "";
  const { priorityPolicy, priorityGroups } = o.config;
  const { group, id, priority } = request;
  if (
    (request.minPending !== 0 || request.minAckPending !== 0) && priorityPolicy !== "overflow"
  ) return "400 Bad Request - Not a Overflow Priority consumer";
  if (id !== "" && priorityPolicy !== "pinned_client") {
    return "400 Bad Request - Not a Pinned Client Priority consumer";
  }
  if (priority < 0 || priority > PRIORITY_MAX) {
    return "400 Bad Request - Priority must be between 0 and 9";
  }
  if (priorityPolicy === "none") return "";
  if (group === "") return "400 Bad Request - Priority Group missing";
  if (!priorityGroups.includes(group)) return "400 Bad Request - Invalid Priority Group";
  if (o.pinnedId === "") return "";
  if (id === o.pinnedId) keepPin(o, group);
  else if (id !== "") return "423 Nats-Pin-Id mismatch";
  return "";
}

/** Whether `request` may have the next message; pins its client if none is pinned. */
export function claimFor(o: Consumer, request: WaitingRequest): Claim {
  const { group } = request;
  switch (o.config.priorityPolicy) {
    case "pinned_client":
      if (o.pinnedId === "") {
        if (group !== null && group.id !== "") return Claim.WrongPin;
        return pin(o, request) ? Claim.ServePinned : Claim.Serve;
      }
      if (group === null || group.id === "") return Claim.Later;
      return group.id === o.pinnedId ? Claim.Serve : Claim.WrongPin;
    case "overflow": {
      if (group === null || (group.minPending <= 0 && group.minAckPending <= 0)) return Claim.Serve;
      // The message at hand is not counted as pending any more.
      const isOver = (group.minPending > 0 && group.minPending <= o.pendingCount + 1) ||
        (group.minAckPending > 0 && group.minAckPending <= o.pending.size);
      return isOver ? Claim.Serve : Claim.Later;
    }
    default:
      return Claim.Serve;
  }
}

function pin(o: Consumer, { group }: WaitingRequest): boolean {
  if (group === null || group.group === "") return false;
  o.pinnedId = nuid(o.js.core.env.random);
  o.pinnedNs = o.clock.nowNs();
  group.id = o.pinnedId;
  keepPin(o, group.group);
  o.js.events.consumerPinned(o.address, group.group, o.pinnedId);
  return true;
}

/** The pinned client was heard of: its time counts anew. */
function keepPin(o: Consumer, group: string): void {
  o.timers.pin ??= new LazyTimer(o.loop, o.clock, () => {
    if (o.pinnedId === "") return;
    releasePin(o);
    o.js.events.consumerUnpinned(o.address, group, "timeout");
    o.signal();
  });
  o.timers.pin.setDelay(Number(o.config.pinnedTtl) / 1e6);
}

/** Nobody is pinned any more. */
export function releasePin(o: Consumer): void {
  o.pinnedId = "";
  o.pinnedNs = 0n;
  o.timers.pin?.clear();
}

/** An operator wants another client to be pinned. */
export function unpinByAdmin(o: Consumer, group: string): void {
  releasePin(o);
  o.js.events.consumerUnpinned(o.address, group, "admin");
  o.signal();
}
