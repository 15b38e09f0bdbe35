/**
 * What an update of a stream may change.
 *
 * Reference: configUpdateCheck in server/stream.go.
 *
 * @module
 */
import { encodeJson } from "../../base/json/mod.ts";
import { apiError, type StreamConfig, streamSourceShape } from "../../jsapi/mod.ts";
import {
  checkDiscardNewPer,
  checkStreamConfig,
  invalidStream,
  type StreamCheckContext,
} from "./config_check.ts";

/**
 * The configuration that `wanted` makes of `old`, without the check of limits. Throws ApiError
 * when the change is not allowed.
 */
export function checkStreamUpdate(
  old: StreamConfig,
  wanted: StreamConfig,
  context: StreamCheckContext,
  isPedantic: boolean,
): StreamConfig {
  const config = checkStreamConfig(wanted, context, isPedantic);
  const refuse = (text: string) => invalidStream(`stream configuration update can not ${text}`);
  if (config.name !== old.name) {
    throw invalidStream("stream configuration name must match original");
  }
  if (config.storage !== old.storage) throw refuse("change storage type");
  if (
    config.retention !== old.retention &&
    (old.retention === "workqueue" || config.retention === "workqueue")
  ) throw refuse("change retention policy to/from workqueue");
  if (!config.sealed && old.sealed) throw refuse("unseal a sealed stream");
  if (!config.denyDelete && old.denyDelete) throw refuse("cancel deny message deletes");
  if (!config.denyPurge && old.denyPurge) throw refuse("cancel deny purge");
  // A mirror may only be dropped, which promotes the stream.
  if (config.mirror !== null) {
    const same = old.mirror !== null &&
      encodeJson(streamSourceShape, config.mirror) === encodeJson(streamSourceShape, old.mirror);
    if (!same) throw apiError("JSStreamMirrorNotUpdatableErr");
  }
  checkDiscardNewPer(config);
  if (old.allowMsgTtl && !config.allowMsgTtl) {
    throw invalidStream("message TTL status can not be disabled");
  }
  if (config.allowMsgCounter !== old.allowMsgCounter) {
    throw refuse("change message counter setting");
  }
  if (old.allowMsgSchedules && !config.allowMsgSchedules) {
    throw invalidStream("message schedules can not be disabled");
  }
  if (old.persistMode !== config.persistMode) throw refuse("change persist mode");
  if (config.sealed) {
    config.maxAge = 0n;
    config.discard = "new";
    config.denyDelete = true;
    config.denyPurge = true;
    config.allowRollup = false;
  }
  return config;
}
