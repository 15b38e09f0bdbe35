/**
 * Changes of a consumer that exists: what may be changed, and what follows.
 *
 * Reference: checkNewConsumerConfig, updateConfig in server/consumer.go.
 *
 * @module
 */
import { encodeJson } from "../../base/json/mod.ts";
import { apiError, type ConsumerConfig, consumerConfigShape } from "../../jsapi/mod.ts";
import { checkBackOff } from "./config_check.ts";
import { type Consumer, filtersOf } from "./consumer.ts";
import { deleteAfter, withInactiveThreshold } from "./inactivity.ts";
import { removeUnneeded } from "./interest_cleanup.ts";
import { startPause } from "./pause.ts";
import { recountPending } from "./pending_count.ts";
import { unwatchInterest, watchInterest } from "./push.ts";
import { RateLimit } from "./rate_limit.ts";
import { checkPendingSooner, expireAllPending } from "./redelivery.ts";
import { resetConsumer } from "./reset.ts";

const ACK_WAIT_CHECK_MS = 100;

/** Whether two configurations say the same. */
export function sameConfig(a: ConsumerConfig, b: ConsumerConfig): boolean {
  return encodeJson(consumerConfigShape, a) === encodeJson(consumerConfigShape, b);
}

/** Throws ApiError, or Error with what can not be updated. */
export function checkConfigUpdate(o: Consumer, next: ConsumerConfig): void {
  const { config } = o;
  if (sameConfig(config, next)) return;
  const fixed: [keyof ConsumerConfig, string][] = [
    ["deliverPolicy", "deliver policy"],
    ["memoryStorage", "storage type"],
    ["optStartSeq", "start sequence"],
    ["optStartTime", "start time"],
    ["ackPolicy", "ack policy"],
    ["replayPolicy", "replay policy"],
    ["heartbeat", "heart beats"],
    ["flowControl", "flow control"],
  ];
  for (const [key, what] of fixed) {
    if (config[key] !== next[key]) throw new Error(`${what} can not be updated`);
  }
  if (config.deliverSubject !== next.deliverSubject) {
    if (config.deliverSubject === "") {
      throw new Error("can not update pull consumer to push based");
    }
    if (next.deliverSubject === "") throw new Error("can not update push consumer to pull based");
    if (o.account.sublist.hasInterest(config.deliverSubject)) {
      throw apiError("JSConsumerNameExistErr");
    }
  }
  if (config.maxWaiting !== next.maxWaiting) throw new Error("max waiting can not be updated");
  checkBackOff(next);
}

/** See Consumer.updateConfig. */
export function updateConfig(o: Consumer, given: ConsumerConfig): void {
  if (o.closed) throw apiError("JSConsumerDoesNotExist");
  checkConfigUpdate(o, given);
  const { config: previous } = o;
  let next = given;
  // As it was given: a default of ephemeral consumers is not stored.
  o.store?.updateConfig(next);
  const isMoved = next.deliverSubject !== previous.deliverSubject;
  if (isMoved) {
    if (o.pending.size > 0) expireAllPending(o);
    unwatchInterest(o);
  }
  if (next.ackWait !== previous.ackWait) checkPendingSooner(o, ACK_WAIT_CHECK_MS);
  if (next.inactiveThreshold !== previous.inactiveThreshold) {
    next = withInactiveThreshold(o, next);
    o.timers.inactive?.clear();
    if (o.inactiveMs > 0) deleteAfter(o, o.inactiveMs);
  }
  if (next.pauseUntil !== previous.pauseUntil) {
    startPause(o, next);
    o.js.events.consumerPause(o.address, next.pauseUntil);
  }
  o.setConfig(next);
  o.foundGeneration = -1;
  if (isMoved) watchInterest(o);
  if (next.rateLimit !== previous.rateLimit) setRateLimit(o);
  const filters = filtersOf(next);
  const isRefiltered = !sameFilters(filters, o.filters);
  if (isRefiltered) o.setFilters(filters);
  if (
    isRefiltered || next.direct !== previous.direct || next.sourcing !== previous.sourcing
  ) o.stream.addSignals(o);
  if (next.sourcing) resetConsumer(o, 0);
  if (isRefiltered) {
    if (o.stream.config.retention === "interest") removeUnneeded(o.stream, o.ackFloorStream);
    recountPending(o);
  }
  o.signal();
}

function sameFilters(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((filter) => b.includes(filter));
}

/** Sets or ends the limit of bytes per second. */
export function setRateLimit(o: Consumer): void {
  const { rateLimit } = o.config;
  o.ratePaidSeq = 0;
  if (rateLimit === 0) {
    o.rateLimit = null;
    return;
  }
  const { maxMsgSize } = o.stream.config;
  const { maxPayload } = o.account.limits;
  const burst = maxMsgSize > 0 ? maxMsgSize : maxPayload > 0 ? maxPayload : o.js.options.maxPayload;
  o.rateLimit = new RateLimit(Math.floor(rateLimit / 8), burst, o.clock.monotonicMs());
}
