/**
 * A user who came with a JWT: its rights, which may be those of the scope it was signed with.
 *
 * Reference: buildInternalNkeyUser and buildPermissionsFromJwt in server/accounts.go,
 * applyAccountLimits in server/client.go.
 *
 * @module
 */
import type { Permissions, SubjectPermission } from "../../config/mod.ts";
import type {
  PermissionsClaim,
  SubjectClaim,
  UserClaims,
  UserPermissionLimits,
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
  { claims, signingKey }: JwtUser,
  account: Account,
): { subs: number; payload: number } {
  const scope = signingKey === "" ? null : account.trust?.signingKeys.get(signingKey) ?? null;
  return scope === null ? claims.nats : scope.template;
}
