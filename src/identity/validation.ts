/**
 * What claims may say: issues that block their use, times that do not fit, and warnings.
 *
 * Reference: nats-io/jwt v2.8 validation.go and the Validate methods of types.go, exports.go,
 * imports.go, account_claims.go, user_claims.go, operator_claims.go, activation_claims.go.
 *
 * @module
 */
import { goQuote } from "../base/text/go_format.ts";
import type { ClaimsData, PermissionsClaim, UserLimits } from "./claims.ts";
import { isValidPublicKey } from "./public_key.ts";
import { isTimeOfDay, isTimeZone, parseNetwork } from "./restrictions.ts";
import type { ActivationClaims, UserClaims } from "./user_claims.ts";

/** Something about claims that is not as it should be. */
export interface ValidationIssue {
  readonly description: string;
  readonly blocking: boolean;
  readonly timeCheck: boolean;
}

/** All issues of some claims. */
export class ValidationResults {
  readonly issues: ValidationIssue[] = [];

  error(description: string): void {
    this.issues.push({ description, blocking: true, timeCheck: false });
  }

  timeCheck(description: string): void {
    this.issues.push({ description, blocking: false, timeCheck: true });
  }

  warn(description: string): void {
    this.issues.push({ description, blocking: false, timeCheck: false });
  }

  /** Whether the claims cannot be used. */
  isBlocking(includeTimeChecks: boolean): boolean {
    return this.issues.some(({ blocking, timeCheck }) =>
      blocking || (includeTimeChecks && timeCheck)
    );
  }

  /** Texts of what blocks. */
  get errors(): string[] {
    return this.issues.filter(({ blocking }) => blocking).map(({ description }) => description);
  }
}

/** Checks the times of claims at `nowS`, seconds since the epoch. */
export function validateTimesOfClaims(
  claims: ClaimsData,
  nowS: number,
  results: ValidationResults,
): void {
  if (claims.expires > 0 && nowS > claims.expires) results.timeCheck("claim is expired");
  if (claims.notBefore > 0 && claims.notBefore > nowS) {
    results.timeCheck("claim is not yet valid");
  }
}

/** Checks a subject, loosely. */
export function validateSubject(subject: string, results: ValidationResults): void {
  if (subject === "") {
    results.error("subject cannot be empty");
    return;
  }
  const shown = goQuote(subject);
  if (subject.includes(" ")) results.error(`subject ${shown} cannot have spaces`);
  if (subject.startsWith(".") || subject.endsWith(".")) {
    results.error(`subject ${shown} cannot start or end with a \`.\``);
  }
  if (subject.includes("..")) {
    results.error(`subject ${shown} cannot contain consecutive \`.\``);
  }
}

function validatePermissionSubject(
  subject: string,
  permitQueue: boolean,
  results: ValidationResults,
): void {
  const tokens = subject.split(" ");
  if (tokens.length > 2) {
    results.error(`Permission Subject "${subject}" contains too many spaces`);
    return;
  }
  for (const token of tokens) validateSubject(token, results);
  if (tokens.length === 2 && !permitQueue) {
    results.error(`Permission Subject "${subject}" is not allowed to contain queue`);
  }
}

/** Checks what may be published and subscribed to. */
export function validatePermissions(
  { pub, sub }: PermissionsClaim,
  results: ValidationResults,
): void {
  for (const subject of [...sub.allow, ...sub.deny]) {
    validatePermissionSubject(subject, true, results);
  }
  for (const subject of [...pub.allow, ...pub.deny]) {
    validatePermissionSubject(subject, false, results);
  }
}

function validateLimits({ src, times, locale }: UserLimits, results: ValidationResults): void {
  for (const cidr of src) {
    if (parseNetwork(cidr) === null) {
      results.error(`invalid cidr ${goQuote(cidr)} in user src limits`);
    }
  }
  for (const { start, end } of times) {
    if (start === "") results.error("time ranges start must contain a start");
    else if (!isTimeOfDay(start)) {
      results.error(`start in time range is invalid ${goQuote(start)}`);
    }
    if (end === "") results.error("time ranges end must contain an end");
    else if (!isTimeOfDay(end)) results.error(`end in time range is invalid ${goQuote(end)}`);
  }
  if (locale !== "" && !isTimeZone(locale)) {
    results.error(`could not parse iana time zone by name: unknown time zone ${locale}`);
  }
}

function validateIssuerAccount(account: string, results: ValidationResults): void {
  if (account !== "" && !isValidPublicKey(account, "A")) {
    results.error("account_id is not an account public key");
  }
}

/** Checks a user's claims at `nowS`. */
export function validateUserClaims(claims: UserClaims, nowS: number): ValidationResults {
  const results = new ValidationResults();
  validateTimesOfClaims(claims, nowS, results);
  validatePermissions(claims.nats, results);
  validateLimits(claims.nats, results);
  validateIssuerAccount(claims.nats.issuerAccount, results);
  return results;
}

/** Checks an activation; `nowS` null leaves its times alone. */
export function validateActivationClaims(
  claims: ActivationClaims,
  nowS: number | null,
  results: ValidationResults = new ValidationResults(),
): ValidationResults {
  if (nowS !== null) validateTimesOfClaims(claims, nowS, results);
  const { importType, importSubject, issuerAccount } = claims.nats;
  if (importType === "") results.error('invalid import type: "unknown"');
  validateSubject(importSubject, results);
  validateIssuerAccount(issuerAccount, results);
  return results;
}
