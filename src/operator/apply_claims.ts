/**
 * Makes an account what its JWT says.
 *
 * Reference: updateAccountClaimsWithRefresh in server/accounts.go.
 *
 * @module
 */
import { byteStringOfText } from "../base/text/byte_string.ts";
import type { Account } from "../core/account/account.ts";
import type { AccountTrust } from "../core/account/account_trust.ts";
import { permissionsOfClaim } from "../core/auth/jwt_user.ts";
import { ClosedState } from "../core/connection/closed_state.ts";
import type { Connection } from "../core/connection/connection.ts";
import type { Core } from "../core/core.ts";
import { recheckSubscriptions } from "../core/permission/recheck.ts";
import { ServerError } from "../errors/mod.ts";
import {
  type AccountClaims,
  encodeSigningKeys,
  isJetStreamEnabled,
  isRevoked,
  type JetStreamLimitsClaim,
  type OperatorLimits,
  type SigningKeys,
  weightOf,
} from "../identity/mod.ts";
import type { JetStreamLimitsInfo } from "../jsapi/mod.ts";
import { TIMER_MAX_MS } from "../platform/mod.ts";
import { isValidPublishSubject, SubjectMappings } from "../subject/mod.ts";

const INT32_MAX = 2 ** 31 - 1;

/** Which of an account's signing keys differ from before. */
export interface SignerChanges {
  readonly any: boolean;
  /** Keys whose scope is another one now. */
  readonly altered: ReadonlySet<string>;
}

/** Locks everybody out of an account and sends its clients away. */
export function expireAccount(account: Account): void {
  account.trust!.expired = true;
  for (const connection of [...account.connections]) {
    connection.sendError("Account Authentication Expired");
    connection.debug("Account Authentication Expired");
    connection.close(ClosedState.AuthenticationExpired);
  }
}

/** Stops the timer of the account's expiry. */
export function clearExpiry(core: Core, trust: AccountTrust): void {
  if (trust.expiryTimer !== null) core.env.loop.clearTimer(trust.expiryTimer);
  trust.expiryTimer = null;
}

/** Takes over when the account ends; `expires` is in seconds since the epoch, 0 is never. */
export function applyExpiry(core: Core, account: Account, expires: number): void {
  const trust = account.trust!;
  clearExpiry(core, trust);
  const { clock, loop } = core.env;
  const leftS = expires - Math.floor(clock.nowMs() / 1000);
  trust.expired = expires !== 0 && leftS <= 0;
  if (expires === 0 || trust.expired) return;
  const leftMs = leftS * 1000;
  trust.expiryTimer = loop.setTimer(() => {
    trust.expiryTimer = null;
    if (leftMs > TIMER_MAX_MS) applyExpiry(core, account, expires);
    else expireAccount(account);
  }, Math.min(leftMs, TIMER_MAX_MS));
}

/** Takes over name, tags, traces, signers, mappings. Returns what changed about the signers. */
export function applyIdentity(
  core: Core,
  account: Account,
  claims: AccountClaims,
  strict: boolean,
): SignerChanges {
  const trust = account.trust!;
  const { nats } = claims;
  trust.nameTag = claims.name;
  trust.tags = nats.tags;
  account.nameTag = claims.name === "" ? account.name : byteStringOfText(claims.name);
  applyTrace(account, claims);
  trust.externalAuthorization = nats.authorization.authUsers.length === 0
    ? null
    : nats.authorization;
  const before = trust.signingKeys;
  trust.signingKeys = new Map(nats.signingKeys);
  if (!strict) trust.signingKeys.set(claims.subject, null);
  applyMappings(core, account, claims);
  return signerChanges(before, trust.signingKeys);
}

function applyTrace(account: Account, { nats: { trace } }: AccountClaims): void {
  const destination = byteStringOfText(trace?.destination ?? "");
  const sampling = trace?.sampling ?? 0;
  account.traceDestination = isValidPublishSubject(destination) ? destination : "";
  account.traceSampling = sampling <= 0 || sampling > 100 ? 100 : sampling;
}

function signerChanges(before: SigningKeys, after: SigningKeys): SignerChanges {
  const altered = new Set<string>();
  let any = before.size !== after.size;
  for (const [key, scope] of after) {
    const old = before.get(key);
    if (old === undefined) any = true;
    else if (encodeSigningKeys([[key, old]]) !== encodeSigningKeys([[key, scope]])) {
      any = true;
      altered.add(key);
    }
  }
  return { any, altered };
}

function applyMappings(core: Core, account: Account, { nats }: AccountClaims): void {
  if (nats.mappings.size === 0) {
    account.mapper = null;
    return;
  }
  const mappings = new SubjectMappings(core.env.random.below, core.options.cluster.name);
  for (const [source, destinations] of nats.mappings) {
    try {
      mappings.add(
        byteStringOfText(source),
        destinations.map((destination) => ({
          subject: byteStringOfText(destination.subject),
          weight: weightOf(destination),
          cluster: destination.cluster,
        })),
      );
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
      core.env.log.debug(`Mapping of ${source} cannot be used: ${error.message}`);
    }
  }
  account.mapper = mappings;
}

function clamp(limit: number): number {
  return Math.max(-1, Math.min(limit, INT32_MAX));
}

function jetStreamLimits(claim: JetStreamLimitsClaim): JetStreamLimitsInfo {
  const unlimited = (value: number): number => value > 0 ? value : -1;
  return {
    maxMemory: claim.memoryStorage,
    maxStore: claim.diskStorage,
    maxStreams: claim.streams,
    maxConsumers: claim.consumer,
    memoryMaxStreamBytes: unlimited(claim.memoryMaxStreamBytes),
    storeMaxStreamBytes: unlimited(claim.diskMaxStreamBytes),
    maxBytesRequired: claim.maxBytesRequired,
    maxAckPending: unlimited(claim.maxAckPending),
  };
}

function jetStreamTiers(limits: OperatorLimits): ReadonlyMap<string, JetStreamLimitsInfo> | null {
  if (!isJetStreamEnabled(limits)) return null;
  if (limits.diskStorage !== 0 || limits.memoryStorage !== 0) {
    return new Map([["", jetStreamLimits(limits)]]);
  }
  return new Map([...limits.tieredLimits].map(([tier, one]) => [tier, jetStreamLimits(one)]));
}

/** Takes over limits, revocations and default permissions. Returns whether the latter changed. */
export function applyLimits(account: Account, { nats }: AccountClaims): boolean {
  const trust = account.trust!;
  const { limits, revocations } = nats;
  account.limits = {
    maxConnections: clamp(limits.conn),
    maxLeafNodes: clamp(limits.leafNodeConn),
    maxSubscriptions: clamp(limits.subs),
    maxPayload: clamp(limits.payload),
  };
  trust.disallowBearer = limits.disallowBearer;
  trust.revokedUsers = revocations.size === 0 ? null : revocations;
  trust.jetStream = jetStreamTiers(limits);
  const before = JSON.stringify(account.defaultPermissions);
  account.defaultPermissions = permissionsOfClaim(nats.defaultPermissions);
  return JSON.stringify(account.defaultPermissions) !== before;
}

/** Sends those away who may not stay under the new claims, and limits the others anew. */
export function applyToClients(
  account: Account,
  changes: { permissions: boolean; signers: SignerChanges },
): void {
  const { limits: { maxConnections } } = account;
  // Who came first stays.
  const clients = [...account.connections]
    .filter(({ kind }) => kind === "client")
    .sort((a, b) => a.startMs - b.startMs || a.id - b.id);
  let count = 0;
  for (const connection of clients) {
    if (maxConnections >= 0 && count >= maxConnections) {
      connection.maxAccountConnectionsExceeded();
      continue;
    }
    count++;
    connection.applyLimits();
    if (changes.permissions) applyDefaultPermissions(connection, account);
    if (!mayStay(connection, account.trust!)) continue;
    evictForSigner(connection, account.trust!, changes.signers);
  }
}

function applyDefaultPermissions(connection: Connection, account: Account): void {
  if (connection.jwtUser?.hasDefaultPermissions !== true) return;
  connection.setPermissions(account.defaultPermissions);
  recheckSubscriptions(connection);
}

/** Ends the connection when its user was revoked or may not come with a bearer token. */
function mayStay(connection: Connection, trust: AccountTrust): boolean {
  const { jwtUser } = connection;
  if (jwtUser === null) return true;
  const { subject, issuedAt, nats } = jwtUser.claims;
  if (nats.bearerToken && trust.disallowBearer) {
    connection.debug("Bearer User JWT not allowed");
    connection.error(`authentication error - ${connection.authUserText}`);
    connection.sendError("Authorization Violation");
    connection.close(ClosedState.AuthenticationViolation);
    return false;
  }
  const { revokedUsers } = trust;
  if (revokedUsers === null) return true;
  if (issuedAt !== 0 && !isRevoked(revokedUsers, subject, issuedAt)) return true;
  connection.sendError("User Authentication Revoked");
  connection.debug("User Authentication Revoked");
  connection.close(ClosedState.Revocation);
  return false;
}

function evictForSigner(
  connection: Connection,
  trust: AccountTrust,
  { any, altered }: SignerChanges,
): void {
  const { jwtUser } = connection;
  if (!any || jwtUser === null || jwtUser.signingKey === "") return;
  if (altered.has(jwtUser.signingKey) || !trust.signingKeys.has(jwtUser.signingKey)) {
    connection.close(ClosedState.AuthenticationViolation);
  }
}
