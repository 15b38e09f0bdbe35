/**
 * Pausing: until some time nothing is delivered.
 *
 * Reference: updatePauseState in server/consumer.go.
 *
 * @module
 */
import { type ConsumerConfig, withStaticConsumerMetadata } from "../../jsapi/mod.ts";
import type { Consumer } from "./consumer.ts";
import { updateConfig } from "./config_update.ts";
import { LazyTimer } from "./lazy_timer.ts";

/** Whether nothing is delivered now. */
export function isPaused({ config, clock }: Consumer): boolean {
  return config.pauseUntil !== null && clock.nowNs() < config.pauseUntil;
}

/** Sets the timer that ends a pause, if there is one. */
export function startPause(o: Consumer, { pauseUntil }: ConsumerConfig = o.config): void {
  o.timers.pause?.clear();
  if (pauseUntil === null) return;
  const leftNs = pauseUntil - o.clock.nowNs();
  if (leftNs <= 0n) return;
  o.timers.pause ??= new LazyTimer(o.loop, o.clock, () => {
    if (o.closed) return;
    o.js.events.consumerPause(o.address, o.config.pauseUntil);
    o.signal();
  });
  // A whole millisecond more, so that the pause is over when the timer comes.
  o.timers.pause.setDelay(Number(leftNs) / 1e6 + 1);
}

/** See Consumer.pause. */
export function pauseConsumer(o: Consumer, untilNs: bigint | null): void {
  updateConfig(o, withStaticConsumerMetadata({ ...o.config, pauseUntil: untilNs }));
}
