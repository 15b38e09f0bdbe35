/**
 * Answers to updates of account JWTs.
 *
 * Reference: respondToUpdate in server/accounts.go.
 *
 * @module
 */
import { goJson } from "../base/text/go_format.ts";
import type { SystemSender } from "../events/mod.ts";

const OK = 200;
const FAILED = 500;

/** Says what became of an update; `wrong` null is success. An empty `reply` only logs it. */
export function respondToUpdate(
  sender: SystemSender,
  reply: string,
  about: { account: string; message: string; wrong: string | null },
): void {
  const { account, message, wrong } = about;
  const { log } = sender.server.env;
  if (wrong === null) log.debug(account === "" ? message : `${message} - ${account}`);
  else {
    log.error(account === "" ? `${message} - ${wrong}` : `${message} - ${account} - ${wrong}`);
  }
  if (reply === "") return;
  const named = account === "" ? undefined : account;
  sender.send(
    reply,
    goJson({
      server: sender.serverInfo(),
      data: wrong === null ? { account: named, code: OK, message } : undefined,
      error: wrong === null
        ? undefined
        : { account: named, code: FAILED, description: `${message} - ${wrong}` },
    }),
  );
}
