/**
 * Requests about the account, and those that only clusters can answer.
 *
 * Reference: jsAccountInfoRequest, jsStreamLeaderStepDownRequest in server/jetstream_api.go.
 *
 * @module
 */
import { accountStatsFields, apiError, ResponseType } from "../../jsapi/mod.ts";
import type { Handler } from "./api.ts";
import { values } from "./request.ts";

const needsCluster = (): never => {
  throw apiError("JSClusterRequiredErr");
};

/** Handlers by pattern. */
export const accountHandlers: readonly Handler[] = [
  {
    pattern: "INFO",
    type: ResponseType.AccountInfo,
    handle: (request) => values(accountStatsFields, request.jsAccount.stats()),
  },
  {
    pattern: "STREAM.PEER.REMOVE.*",
    type: ResponseType.StreamRemovePeer,
    handle: needsCluster,
    clusterOnly: true,
  },
  {
    pattern: "STREAM.LEADER.STEPDOWN.*",
    type: ResponseType.StreamLeaderStepDown,
    handle: needsCluster,
    clusterOnly: true,
  },
  {
    pattern: "CONSUMER.LEADER.STEPDOWN.*.*",
    type: ResponseType.ConsumerLeaderStepDown,
    handle: needsCluster,
    clusterOnly: true,
  },
];
