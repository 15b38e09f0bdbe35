/**
 * Deletes account JWTs at the operator's request, a JWT that the operator signed for itself.
 *
 * Reference: handleDeleteRequest in server/accounts.go.
 *
 * @module
 */
import { textOfByteString } from "../base/text/byte_string.ts";
import type { Options } from "../config/mod.ts";
import type { ServiceRequest, SystemSender } from "../events/mod.ts";
import {
  decodeGenericClaims,
  type GenericClaims,
  isValidPublicKey,
  JwtError,
} from "../identity/mod.ts";
import type { DirStore } from "../resolver/dir_store.ts";
import { ResolverError } from "../resolver/resolver.ts";
import { respondToUpdate } from "./claim_responses.ts";
import type { OperatorMode } from "./operator_mode.ts";

/** Whether `key` may order deletions: the first operator, or one of its signing keys. */
function mayDelete({ trustedOperators }: Options, key: string): boolean {
  const first = trustedOperators[0];
  if (first === undefined) return false;
  const { subject, nats } = first.claims;
  return nats.signingKeys.includes(key) || (!nats.strictSigningKeyUsage && key === subject);
}

/** Names of the accounts to delete, or why nothing is deleted. */
function accountsOf(
  mode: OperatorMode,
  store: DirStore,
  claims: GenericClaims,
): string[] | string {
  const { options, systemAccount } = mode.core;
  if (store.deletion === "no") return "delete must be enabled in server config";
  if (claims.subject !== claims.issuer) return "not self signed";
  if (!mayDelete(options, claims.issuer)) return "not trusted";
  const { accounts } = claims.data;
  if (!Array.isArray(accounts)) return "malformed request";
  const system = systemAccount === null ? "" : textOfByteString(systemAccount.name);
  const names: string[] = [];
  for (const name of accounts) {
    if (typeof name !== "string" || !isValidPublicKey(name, "A")) return "malformed request";
    if (name === system) return "not allowed to delete system account";
    names.push(name);
  }
  return names;
}

/** Handles one request. */
export function deleteAccounts(
  mode: OperatorMode,
  store: DirStore,
  sender: SystemSender,
  { reply, body }: ServiceRequest,
): void {
  const respond = (message: string, wrong: string | null): void =>
    respondToUpdate(sender, reply, { account: "", message, wrong });
  let claims: GenericClaims;
  try {
    claims = decodeGenericClaims(new TextDecoder().decode(body));
  } catch (error) {
    if (!(error instanceof JwtError)) throw error;
    return respond("delete accounts request by  failed", error.message);
  }
  const names = accountsOf(mode, store, claims);
  if (typeof names === "string") {
    return respond(`delete accounts request by ${claims.subject} failed`, names);
  }
  const errors: string[] = [];
  for (const name of names) {
    try {
      store.delete(name);
    } catch (error) {
      if (!(error instanceof ResolverError)) throw error;
      errors.push(error.message);
    }
  }
  const deleted = `deleted ${names.length - errors.length} accounts`;
  if (errors.length === 0) return respond(deleted, null);
  respond(`${deleted}, failed for ${errors.length}`, errors.join("\n"));
}
