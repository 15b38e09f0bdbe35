/**
 * Push mode: deliveries go to a subject while somebody is interested in it, and heartbeats when
 * there is nothing to deliver.
 *
 * Reference: updateDeliveryInterest, updateDeliverSubject, hbTimer in server/consumer.go.
 *
 * @module
 */
import type { Consumer } from "./consumer.ts";
import { requestFlowControl } from "./flow_control.ts";
import { deleteAfter } from "./inactivity.ts";
import { LazyTimer } from "./lazy_timer.ts";
import { sendIdleHeartbeat } from "./status.ts";

/** Listens to interest in the deliver subject, which says at once whether there is any. */
export function watchInterest(o: Consumer): void {
  const { deliverSubject, deliverGroup, heartbeat } = o.config;
  o.active = false;
  o.interestListener = (hasInterest) => setInterest(o, hasInterest);
  o.account.sublist.registerQueueNotification(deliverSubject, deliverGroup, o.interestListener);
  if (heartbeat > 0n) startHeartbeat(o, Number(heartbeat) / 1e6);
}

/** Ends {@linkcode watchInterest}. */
export function unwatchInterest(o: Consumer): void {
  if (o.interestListener === null) return;
  const { deliverSubject, deliverGroup } = o.config;
  o.account.sublist.clearQueueNotification(deliverSubject, deliverGroup, o.interestListener);
  o.interestListener = null;
}

/** Interest in the deliver subject came or went. */
export function setInterest(o: Consumer, hasInterest: boolean): void {
  if (o.closed) return;
  const wasActive = o.active;
  o.active = hasInterest;
  if (hasInterest) {
    o.timers.inactive?.clear();
    if (!wasActive) o.signal();
  } else if (o.inactiveMs > 0 && o.timers.inactive?.active !== true) {
    // Its client may come back.
    deleteAfter(o, o.inactiveMs);
  }
}

function startHeartbeat(o: Consumer, intervalMs: number): void {
  const timer = o.timers.heartbeat ??= new LazyTimer(o.loop, o.clock, () => {
    if (o.closed) return;
    if (o.active) {
      sendIdleHeartbeat(o, o.config.deliverSubject);
      const isAckedByFlow = o.config.ackPolicy === "flow_control";
      if (isAckedByFlow && o.pending.size > 0 && o.flowControlId === "") requestFlowControl(o);
    }
    timer.setDelay(intervalMs);
  });
  timer.setDelay(intervalMs);
}
