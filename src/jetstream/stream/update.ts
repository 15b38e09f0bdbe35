/**
 * Changes the configuration of a stream.
 *
 * Reference: updateWithAdvisory in server/stream.go.
 *
 * @module
 */
import { apiError, type StreamConfig, withStaticStreamMetadata } from "../../jsapi/mod.ts";
import { checkStreamLimits } from "../engine/limits.ts";
import { checkStreamUpdate } from "./config_update.ts";
import { storeConfigOf, transformOf } from "./create.ts";
import { StreamError } from "./errors.ts";

import { checkInterestState } from "../consumer/mod.ts";
import type { Stream } from "./stream.ts";

/** Applies `wanted` to the stream. Throws ApiError or StreamError, and then nothing changed. */
export function updateStream(stream: Stream, wanted: StreamConfig, isPedantic: boolean): void {
  const { account, js, config: old } = stream;
  const config = withStaticStreamMetadata(
    checkStreamUpdate(old, wanted, account.checks, isPedantic),
  );
  const { limits, tier } = account.select(config.replicas);
  const grown = Math.max(config.maxBytes, 0) - Math.max(old.maxBytes, 0);
  const addition = Math.max(grown, 0);
  const reserved = account.reservedByOthers(tier, config) + config.maxBytes - addition;
  checkStreamLimits(limits, tier, config, Math.max(reserved, 0), addition, js);
  checkConsumerLimits(stream, config);
  if (account.subjectsOverlap(config.subjects, stream)) {
    throw apiError("JSStreamSubjectOverlapErr");
  }
  account.reconfigureStream(stream, config);
  if (!config.allowAtomicPublish) stream.atomicBatches.clear();
  if (!config.allowBatchPublish) stream.fastBatches.clear();
  stream.inputTransform = transformOf(config.subjectTransform);
  stream.rePublishTransform = transformOf(config.rePublish);
  stream.listen();
  stream.directGet.configure();
  stream.upstreams.update(config);
  stream.msgIds.setWindow(Number(config.duplicates) / 1e6);
  if (old.retention !== config.retention && config.retention === "interest") {
    // What nobody has acknowledged stays, even if nobody is interested.
    for (const consumer of [...stream.consumers.values()]) checkInterestState(consumer);
  }
  if (grown > 0) js.reserve(config.storage, grown);
  else if (grown < 0) js.release(config.storage, -grown);
  stream.store.updateConfig(storeConfigOf(config));
  js.markStreamDirty(stream);
  js.events.streamAction(stream.address, "modify");
}

/** The stream's limits for consumers may not fall below what present consumers have. */
function checkConsumerLimits(stream: Stream, config: StreamConfig): void {
  const { inactiveThreshold, maxAckPending } = config.consumerLimits;
  const before = stream.config.consumerLimits;
  const changed = (inactiveThreshold > 0n && inactiveThreshold !== before.inactiveThreshold) ||
    (maxAckPending > 0 && maxAckPending !== before.maxAckPending);
  if (!changed) return;
  const beyond = [...stream.consumers.values()].filter(({ config: own }) =>
    (inactiveThreshold > 0n && own.inactiveThreshold > inactiveThreshold) ||
    (maxAckPending > 0 && own.maxAckPending > maxAckPending)
  );
  if (beyond.length === 0) return;
  const names = beyond.map(({ name }) => name).join(", ");
  throw new StreamError(`change to limits violates consumers: ${names}`);
}
