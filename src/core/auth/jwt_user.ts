/**
 * A user who came with a JWT: its rights, which may be those of the scope it was signed with.
 *
 * Reference: buildInternalNkeyUser and buildPermissionsFromJwt in server/accounts.go,
 * applyAccountLimits in server/client.go.
 *
 * @module
 */
import type { Permissions, SubjectPermission } from "../../config/mod.ts";
import {
  NO_LIMIT,
  type PermissionsClaim,
  type SubjectClaim,
  type UserClaims,
  type UserPermissionLimits,
} from "../../identity/mod.ts";
import type { Account } from "../account/account.ts";

const NS_PER_MS = 1e6;

/** The user of a connection. */
export interface JwtUser {
  readonly claims: UserClaims;
  /** What the JWT or the scope grants. */
  readonly rights: UserPermissionLimits;
  /** The signing key of the account that signed the user; empty when it was the account itself. */
  readonly signingKey: string;
  /** Has no permissions of its own, and so the account's default ones. */
  readonly hasDefaultPermissions: boolean;
  /**
   * The claims of CONNECT's own JWT, whose name and tags are shown; null when somebody else has
   * said who the client is.
   */
  readonly shown: UserClaims | null;
  /** The limits of the JWT count; as in the reference, not when a service has made it. */
  readonly limited: boolean;
}

function subjectsOf({ allow, deny }: SubjectClaim): SubjectPermission | null {
  if (allow.length + deny.length === 0) return null;
  return { allow: allow.length === 0 ? null : allow, deny: deny.length === 0 ? null : deny };
}

/** Permissions that claims state, or null when they state none. */
export function permissionsOfClaim({ pub, sub, resp }: PermissionsClaim): Permissions | null {
  const publish = subjectsOf(pub);
  const subscribe = subjectsOf(sub);
  if (publish === null && subscribe === null && resp === null) return null;
  const response = resp === null
    ? null
    : { maxMsgs: resp.max, expiresMs: Number(resp.ttl) / NS_PER_MS };
  return { publish, subscribe, response };
}

/**
 * Subscriptions and payload that the user may have in `account`. The scope counts as it is now:
 * whose scope has changed is sent away.
 */
export function limitsOfUser(
  { claims, signingKey, limited }: JwtUser,
  account: Account,
): { subs: number; payload: number } {
  if (!limited) return { subs: NO_LIMIT, payload: NO_LIMIT };
  const scope = signingKey === "" ? null : account.trust?.signingKeys.get(signingKey) ?? null;
  return scope === null ? claims.nats : scope.template;
}

/**
 * When a user must go who came at `nowMs`: its JWT expires or its hours end, which they do in
 * `leftMs` unless that is 0. Infinity is never.
 */
export function endOfUser(claims: UserClaims, leftMs: number, nowMs: number): number {
  // The reference counts the whole seconds that are left.
  const expiresMs = claims.expires === 0
    ? Infinity
    : nowMs + Math.max(0, claims.expires - Math.floor(nowMs / 1000)) * 1000;
  return Math.min(expiresMs, leftMs === 0 ? Infinity : nowMs + leftMs);
}
