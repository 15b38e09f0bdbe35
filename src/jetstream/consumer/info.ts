/**
 * What the API tells about a consumer.
 *
 * Reference: infoWithSnap in server/consumer.go.
 *
 * @module
 */
import { ZERO_TIME_NS } from "../../base/json/mod.ts";
import type { ConsumerInfo } from "../../jsapi/mod.ts";
import type { Consumer } from "./consumer.ts";
import { checkNumPending } from "./pending_count.ts";
import { checkWaiting } from "./pulls.ts";

/** See Consumer.info. */
export function consumerInfo(o: Consumer): ConsumerInfo {
  const { config, pulls, store } = o;
  const nowNs = o.clock.nowNs();
  const state = store?.borrowState();
  const ackFloor = state?.ackFloor ??
    { consumer: o.ackFloorConsumer, stream: o.ackFloorStream };
  // Before the first delivery the store does not know what was passed over.
  const delivered = state !== undefined && store?.hasState()
    ? state.delivered
    : { consumer: o.consumerSeq - 1, stream: Math.max(0, o.streamSeq - 1) };
  const pauseLeftNs = config.pauseUntil === null ? 0n : config.pauseUntil - nowNs;
  if (pulls !== null && !pulls.queue.isEmpty) checkWaiting(o, false);
  const [group] = config.priorityGroups;
  return {
    stream: o.stream.name,
    name: o.name,
    created: o.createdNs,
    config,
    delivered: { ...delivered, last: timeOf(o, o.lastDeliveredMs, nowNs) },
    ackFloor: { ...ackFloor, last: timeOf(o, o.lastAckedMs, nowNs) },
    numAckPending: o.pending.size,
    // With one delivery there are no others, although those that got it are noted.
    numRedelivered: config.maxDeliver === 1 ? 0 : o.redelivered.size,
    numWaiting: pulls === null ? 0 : pulls.queue.size,
    numPending: checkNumPending(o),
    cluster: null,
    pushBound: o.isPush && o.active,
    paused: pauseLeftNs > 0n,
    pauseRemaining: pauseLeftNs > 0n ? pauseLeftNs : 0n,
    timeStamp: nowNs,
    priorityGroups: group === undefined ? [] : [{
      group,
      pinnedClientId: o.pinnedId,
      pinnedTime: o.pinnedId === "" ? ZERO_TIME_NS : o.pinnedNs,
    }],
  };
}

/** Time of the wall clock at a monotonic time; null for never. */
function timeOf(o: Consumer, monotonicMs: number, nowNs: bigint): bigint | null {
  if (monotonicMs === 0) return null;
  const agoMs = o.clock.monotonicMs() - monotonicMs;
  return nowNs - BigInt(Math.round(agoMs * 1e6));
}
