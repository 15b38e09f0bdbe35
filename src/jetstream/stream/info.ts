/**
 * What the API tells about a stream.
 *
 * Reference: jsStreamInfoRequest in server/jetstream_api.go, stateWithDetail in server/stream.go.
 *
 * @module
 */
import { ZERO_TIME_NS } from "../../base/json/mod.ts";
import { type StreamInfo, type StreamStateInfo, withDynamicMetadata } from "../../jsapi/mod.ts";
import type { Stream } from "./stream.ts";

/** State of a stream; with `detailed`, the deleted sequences too. */
export function streamState(stream: Stream, detailed: boolean): StreamStateInfo {
  const fast = stream.fastState();
  const state: StreamStateInfo = {
    msgs: fast.msgs,
    bytes: fast.bytes,
    firstSeq: fast.firstSeq,
    firstTime: fast.firstTime.isZero() ? ZERO_TIME_NS : fast.firstTime.toNs(),
    lastSeq: fast.lastSeq,
    lastTime: fast.lastTime.isZero() ? ZERO_TIME_NS : fast.lastTime.toNs(),
    numSubjects: fast.numSubjects,
    subjects: new Map(),
    numDeleted: fast.numDeleted,
    deleted: [],
    lost: null,
    consumers: publicConsumers(stream),
  };
  if (detailed) {
    const full = stream.store.state();
    state.deleted = full.deleted;
    state.lost = full.lost;
  }
  return state;
}

function publicConsumers(stream: Stream): number {
  let count = 0;
  for (const { config } of stream.consumers.values()) if (!config.direct) count++;
  return count;
}

/** Configuration and state of a stream, as the API answers them. */
export function streamInfo(stream: Stream, detailed = false): StreamInfo {
  const { js, config } = stream;
  return {
    config: withDynamicMetadata(config, js.version),
    created: stream.createdNs,
    state: streamState(stream, detailed),
    domain: js.config.domain,
    cluster: js.clusterInfo(),
    mirror: stream.upstreams.mirrorInfo(),
    sources: stream.upstreams.sourceInfos(),
    alternates: [],
    timeStamp: js.core.env.clock.nowNs(),
  };
}
