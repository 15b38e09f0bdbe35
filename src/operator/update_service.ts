/**
 * Takes new account JWTs from the system account where the resolver does not do it itself.
 *
 * Reference: accountClaimUpdate in server/events.go.
 *
 * @module
 */
import { byteStringOfText, textOfByteString } from "../base/text/byte_string.ts";
import type { SystemEvents } from "../events/mod.ts";
import { decodeAccountClaims, JwtError } from "../identity/mod.ts";
import { tokenizeSubject } from "../subject/mod.ts";
import { respondToUpdate } from "./claim_responses.ts";
import type { OperatorMode } from "./operator_mode.ts";

/** Subjects on which accounts are updated: the old one and the new one. */
export const UPDATE_SUBJECTS: readonly string[] = [
  "$SYS.ACCOUNT.*.CLAIMS.UPDATE",
  "$SYS.REQ.ACCOUNT.*.CLAIMS.UPDATE",
];

const OLD_TOKENS = 5;

/** The account in one of {@linkcode UPDATE_SUBJECTS}. */
export function updatedAccount(subject: string): string {
  const tokens = tokenizeSubject(subject);
  return textOfByteString(tokens[tokens.length === OLD_TOKENS ? 2 : 3]!);
}

/** Handles one update of `name`; returns what to answer. */
function handleUpdate(
  mode: OperatorMode,
  name: string,
  jwt: string,
): { message: string; wrong: string | null } {
  const failed = (wrong: string) => ({ message: "jwt update resulted in error", wrong });
  if (jwt === "") return { message: "jwt update error", wrong: "request body is empty" };
  try {
    if (decodeAccountClaims(jwt).subject !== name) {
      return failed("subject does not match jwt content");
    }
  } catch (error) {
    if (!(error instanceof JwtError)) throw error;
    return failed(error.message);
  }
  const account = mode.core.accounts.get(byteStringOfText(name));
  if (account === undefined) return { message: "jwt update skipped", wrong: null };
  const wrong = mode.update(account, jwt);
  return wrong === null ? { message: "jwt updated", wrong: null } : failed(wrong);
}

/** Listens for updates of accounts. */
export function serveUpdates(mode: OperatorMode, events: SystemEvents): void {
  for (const subject of UPDATE_SUBJECTS) {
    events.offer(subject, ({ subject: asked, reply, body }) => {
      const account = updatedAccount(asked);
      const outcome = handleUpdate(mode, account, new TextDecoder().decode(body));
      respondToUpdate(events.sender, reply, { account, ...outcome });
    });
  }
}
