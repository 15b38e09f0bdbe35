/**
 * Reads and checks what an authorization service has answered.
 *
 * Reference: decodeResponse, getIssuerAccount, getExpirationAndAllowedConnections and
 * assignAccountAndPermissions in server/auth_callout.go.
 *
 * @module
 */
import { byteStringOfText, textOfByteString } from "../../base/text/byte_string.ts";
import { goQuote } from "../../base/text/go_format.ts";
import { CONNECTION_TYPES } from "../../config/mod.ts";
import { ServerError } from "../../errors/mod.ts";
import {
  decodeAuthorizationResponse,
  decodeUserClaims,
  fillTemplate,
  hasEmptyPermissions,
  JWT_PREFIX,
  JwtError,
  SealError,
  TemplateError,
  timesAllowed,
  type UserClaims,
  type UserPermissionLimits,
  validateAuthorizationResponse,
  validateUserClaims,
} from "../../identity/mod.ts";
import type { Account } from "../account/account.ts";
import type { Core } from "../core.ts";
import type { AccountLookup } from "./account_source.ts";

/** Why a service's decision is none. The message goes to the log and to the account's owner. */
export class CalloutError extends Error {
  override readonly name = "CalloutError";

  /** `quiet` ones are nobody's mistake. */
  constructor(message: string, readonly quiet: boolean = false) {
    super(message);
  }
}

/** What an answer must fit. */
export interface AnswerContext {
  readonly core: Core;
  /** Account of the service. */
  readonly account: Account;
  /** The service's curve key; empty when nothing was encrypted. */
  readonly xkey: string;
  /** The user that was asked about. */
  readonly userKey: string;
  /** Public account key that must have signed the user. */
  readonly issuer: string;
  /** Logs about the client. */
  readonly report: (text: string) => void;
  readonly note: (text: string) => void;
}

/** Whom the client shall be. */
export interface Answer {
  readonly claims: UserClaims;
  /** The user's own rights, or those of its scope. */
  readonly rights: UserPermissionLimits;
  readonly account: Account;
  /** Until the end of the time of day; 0 without one. */
  readonly leftMs: number;
}

const decoder = new TextDecoder();

/**
 * Reads an answer; a promise only when its account must be fetched. `checkProxy` hears whether the
 * user must come through a proxy and may throw. Throws {@linkcode CalloutError}.
 */
export function readAnswer(
  context: AnswerContext,
  payload: Uint8Array,
  checkProxy: (required: boolean) => void,
): Answer | Promise<Answer> {
  const claims = userOf(context, payload);
  checkProxy(claims.nats.proxyRequired);
  const nowMs = context.core.env.clock.nowMs();
  const [issue] = validateUserClaims(claims, Math.floor(nowMs / 1000)).issues;
  if (issue !== undefined) {
    throw new CalloutError(`Error validating user JWT: ${issue.description}`);
  }
  const name = textOfByteString(context.account.name);
  if (claims.subject !== context.userKey) {
    throw new CalloutError(
      `Expected authorized user of ${goQuote(context.userKey)} but got ` +
        `${goQuote(claims.subject)} on account ${goQuote(name)}`,
    );
  }
  const { allowed, leftMs } = timesAllowed(claims.nats, nowMs);
  if (!allowed) {
    context.report("Outside connect times");
    throw new CalloutError(
      `authorized user on account ${goQuote(name)} outside of valid connect times`,
    );
  }
  checkConnectionTypes(context, claims);
  const issuer = issuerAccount(context, claims);
  const { operators } = context.core;
  const placement = operators === null ? claims.audience : issuer;
  const found = operators === null
    ? configuredAccount(context.core, placement)
    : operators.lookup(placement);
  const assign = (account: AccountLookup): Answer => {
    if ("failed" in account) {
      throw new CalloutError(
        `no valid account ${goQuote(placement)} for auth callout response on account ` +
          `${goQuote(name)}: ${account.failed}`,
      );
    }
    const rights = operators === null ? claims.nats : rightsIn(account, claims);
    return { claims, rights, account, leftMs };
  };
  return found instanceof Promise ? found.then(assign) : assign(found);
}

function configuredAccount({ accounts }: Core, name: string): AccountLookup {
  return accounts.get(byteStringOfText(name)) ??
    { failed: new ServerError("ErrMissingAccount").message };
}

/** Runs `read`; what is wrong with a JWT is wrong with the answer. */
function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof JwtError) throw new CalloutError(error.message);
    throw error;
  }
}

/** The answer's text and whether the service has encrypted it for this server. */
function opened(
  { core, account, xkey }: AnswerContext,
  payload: Uint8Array,
): { text: string; encrypted: boolean } {
  const name = goQuote(textOfByteString(account.name));
  if (payload.length === 0) {
    throw new CalloutError(`auth callout violation: "no reason supplied" on account ${name}`);
  }
  const text = decoder.decode(payload);
  if (xkey === "" || text.startsWith(JWT_PREFIX)) return { text, encrypted: false };
  try {
    return { text: decoder.decode(core.keys.open(payload, xkey)), encrypted: true };
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    throw new CalloutError(
      `error decrypting auth callout response on account ${name}: ${error.message}`,
    );
  }
}

/** The user in an answer that is right in itself. */
function userOf(context: AnswerContext, payload: Uint8Array): UserClaims {
  const { core, account, userKey } = context;
  const { text, encrypted } = opened(context, payload);
  const response = reading(() => decodeAuthorizationResponse(text));
  const nowS = Math.floor(core.env.clock.nowMs() / 1000);
  const [issue] = validateAuthorizationResponse(response, nowS).issues;
  if (issue !== undefined) {
    throw new CalloutError(
      `authorization response had validation errors: ${issue.description}`,
    );
  }
  if (response.subject !== userKey) {
    throw new CalloutError(
      "auth callout violation: auth callout response is not for expected user",
    );
  }
  if (response.audience !== core.keys.id) {
    throw new CalloutError("auth callout violation: auth callout response is not for server");
  }
  if (response.nats.error !== "") {
    throw new CalloutError(`auth callout service returned an error: ${response.nats.error}`);
  }
  if (core.operators !== null && !encrypted) {
    const owner = textOfByteString(account.name);
    const isKnown = (key: string): boolean =>
      key === owner || account.trust?.signingKeys.has(key) === true;
    const { issuerAccount } = response.nats;
    // The account that is named vouches for nothing: who has signed must be known as well.
    if (!isKnown(response.issuer) || (issuerAccount !== "" && !isKnown(issuerAccount))) {
      throw new CalloutError("auth callout signing key is unknown");
    }
  }
  return reading(() => decodeUserClaims(response.nats.jwt));
}

/** The account that answers for the user. */
function issuerAccount(
  { core, account, issuer }: AnswerContext,
  claims: UserClaims,
): string {
  const name = goQuote(textOfByteString(account.name));
  const isOperatorMode = core.operators !== null;
  if (claims.nats.issuerAccount !== "" && !isOperatorMode) {
    throw new CalloutError(
      `error non operator mode account ${name}: attempted to use issuer_account`,
    );
  }
  const given = claims.nats.issuerAccount || claims.issuer;
  if (given === issuer) return given;
  if (!isOperatorMode) {
    throw new CalloutError(
      `wrong issuer for auth callout response on account ${name}, expected ` +
        `${goQuote(issuer)} got ${goQuote(given)}`,
    );
  }
  const allowed = account.trust?.externalAuthorization?.allowedAccounts ?? [];
  if (!(allowed.length === 1 && allowed[0] === "*") && !allowed.includes(given)) {
    throw new CalloutError(
      `account ${goQuote(claims.issuer)} not permitted as valid account option for auth callout ` +
        `for account ${name}`,
    );
  }
  return given;
}

function rightsIn({ trust }: Account, claims: UserClaims): UserPermissionLimits {
  const scope = trust?.signingKeys.get(claims.issuer);
  if (trust === null || scope === undefined) {
    throw new CalloutError(`user JWT issuer ${goQuote(claims.issuer)} is not known`);
  }
  if (scope === null) return claims.nats;
  if (!hasEmptyPermissions(claims)) {
    throw new CalloutError(
      "user JWT is not valid: scoped users require no permissions or limits set",
    );
  }
  try {
    return fillTemplate(scope.template, claims, trust);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new CalloutError(`user JWT generated invalid permissions: ${error.message}`);
  }
}

/**
 * As in the reference, types that this server knows do not limit the user: the service has seen how
 * the client came.
 */
function checkConnectionTypes({ account, note }: AnswerContext, { nats }: UserClaims): void {
  const names = nats.allowedConnectionTypes.map((name) => name.toUpperCase());
  const unknown = names.filter((name) => !(CONNECTION_TYPES as readonly string[]).includes(name));
  if (unknown.length === 0) return;
  note(`invalid connection types [${unknown.map(goQuote).join(" ")}]`);
  if (unknown.length < names.length) return;
  throw new CalloutError(
    `authorized user on account ${goQuote(textOfByteString(account.name))} using invalid ` +
      "connection type",
  );
}
