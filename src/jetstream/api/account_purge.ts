/**
 * The system account removes all that an account has stored.
 *
 * Reference: jsLeaderAccountPurgeRequest in server/jetstream_api.go.
 *
 * @module
 */
import { bool, field, OMIT } from "../../base/json/mod.ts";
import { ApiError, apiError, ResponseType, toApiError } from "../../jsapi/mod.ts";
import { stopStream } from "../stream/stop.ts";
import type { Handler } from "./api.ts";
import { type ApiRequest, NoAnswer, type ResponseFields, value } from "./request.ts";

/** Token of `$JS.API.ACCOUNT.PURGE.<account>` that names the account, from 0. */
const ACCOUNT = 4;

const initiated = field("initiated", bool, OMIT);

async function purgeAccount(request: ApiRequest): Promise<ResponseFields> {
  const { js, account } = request;
  const { core } = js;
  // Nobody else learns whether there is such an account.
  if (account !== core.systemAccount) throw new NoAnswer();
  const name = request.token(ACCOUNT);
  if (/[\\/]/.test(name)) {
    const err = new Error("account name can not contain path separators");
    throw apiError("JSStreamGeneralErrorF", { err });
  }
  const found = core.accounts.get(request.tokens[ACCOUNT]!);
  const streams = found === undefined ? [] : [...js.accountOf(found)?.streams.values() ?? []];
  core.env.log.notice(
    `Purge request for account ${name} (streams: ${streams.length}, ` +
      `hasAccount: ${found !== undefined})`,
  );
  for (const stream of streams) {
    try {
      await stopStream(stream, { deleteState: true, advisory: true });
    } catch (error) {
      throw toApiError(error, "JSStreamDeleteErrF");
    }
  }
  try {
    js.storeEnv.disk.removeTree(`${js.config.storeDir}/${name}`);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw apiError("JSStreamGeneralErrorF", { err: error as Error });
  }
  return [value(initiated, true)];
}

/** Handlers by pattern. */
export const accountPurgeHandlers: readonly Handler[] = [
  { pattern: "ACCOUNT.PURGE.*", type: ResponseType.AccountPurge, handle: purgeAccount },
];
