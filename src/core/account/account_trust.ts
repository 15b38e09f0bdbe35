/**
 * What operator mode knows of an account beyond its traffic: who signed it, who may sign its
 * users, and what was revoked.
 *
 * Reference: the claim fields of Account in server/accounts.go.
 *
 * @module
 */
import type { ExternalAuthorization, SigningKeys } from "../../identity/mod.ts";
import type { JetStreamLimitsInfo } from "../../jsapi/mod.ts";
import type { TimerHandle } from "../../platform/mod.ts";

/** The state of an account that a JWT describes. */
export class AccountTrust {
  /** Public key of the operator, or of one of its signing keys. */
  issuer = "";
  /** The JWT that is in force; empty while the account waits for its own. */
  jwt = "";
  /** Name in the JWT, text; empty without one. */
  nameTag = "";
  tags: readonly string[] = [];
  /** Keys that sign users and activations, the account's own among them unless it is not to. */
  signingKeys: SigningKeys = new Map();
  /** Nobody may connect. */
  expired = false;
  /** Its JWT was deleted; a new one brings it back. */
  removed = false;
  /** Some import could not be made. */
  incomplete = false;
  disallowBearer = false;
  /** What users got up to that second is void; null revokes nothing. */
  revokedUsers: ReadonlyMap<string, number> | null = null;
  /** Who decides about the account's users, or null. */
  externalAuthorization: ExternalAuthorization | null = null;
  /** JetStream limits by tier, "" for all; null without JetStream. */
  jetStream: ReadonlyMap<string, JetStreamLimitsInfo> | null = null;
  expiryTimer: TimerHandle | null = null;
}
