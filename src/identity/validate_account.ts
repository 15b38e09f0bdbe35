/**
 * What the claims of an account may say.
 *
 * Reference: nats-io/jwt v2.8, Validate of AccountClaims, Export, Import, Mapping and others.
 *
 * @module
 */
import { goQuote } from "../base/text/go_format.ts";
import {
  type AccountClaims,
  type ExportClaims,
  type ExternalAuthorization,
  type ImportClaims,
  jetStreamLimitsAreEmpty,
  limitsAreEmpty,
  type OperatorLimits,
  type TraceClaim,
  type WeightedMapping,
  weightOf,
} from "./account_claims.ts";
import type { SigningKeys } from "./claims.ts";
import { decodeActivationClaims, JwtError } from "./decode.ts";
import { isValidPublicKey } from "./public_key.ts";
import type { ActivationClaims } from "./user_claims.ts";
import {
  validateActivationClaims,
  validatePermissions,
  validateSubject,
  validateTimesOfClaims,
  ValidationResults,
} from "./validation.ts";

const INFO_LENGTH_MAX = 8 * 1024;

function hasWildcards(subject: string): boolean {
  const tokens = subject.split(".");
  return tokens.includes("*") || tokens.at(-1) === ">";
}

/** Whether all of `subject` is in `other`. */
export function isContainedIn(subject: string, other: string): boolean {
  const outer = other.split(".");
  const inner = subject.split(".");
  if (inner.length > outer.length && outer.at(-1) !== ">") return false;
  if (inner.length < outer.length) return false;
  for (const [i, token] of outer.entries()) {
    if (i === outer.length - 1 && token === ">") return true;
    if (token !== inner[i] && token !== "*") return false;
  }
  return true;
}

function validateInfo(description: string, url: string, results: ValidationResults): void {
  if (description.length > INFO_LENGTH_MAX) results.error("Description is too long");
  if (url === "") return;
  if (url.length > INFO_LENGTH_MAX) results.error("Info URL is too long");
  if (!/^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/(?:[^/?#@]*@)?[^/?#:]+/.test(url)) {
    results.error("error parsing info url: no hostname or scheme");
  }
}

/** A position like `$1` in a subject, or null. */
function placeholder(token: string): number | null {
  return /^\$[+-]?\d+$/.test(token) ? Number(token.slice(1)) : null;
}

function validateLocalSubject(local: string, from: string, results: ValidationResults): void {
  validateSubject(local, results);
  if (from === "") results.error("subject cannot be empty");
  if (local.includes(" ")) results.error(`subject ${goQuote(local)} cannot have spaces`);
  const open = (subject: string): boolean => subject === ">" || subject.endsWith(".>");
  if (open(local) !== open(from)) {
    results.error("both, renaming subject and subject, need to end or not end in >");
  }
  const wildcards = from.split(".").filter((token) => token === "*").length;
  let references = 0;
  for (const token of local.split(".")) {
    const index = placeholder(token);
    if (token === "*") references++;
    else if (index !== null && index > wildcards) {
      results.error(
        `Reference $${index} in ${goQuote(local)} reference * in ${
          goQuote(from)
        } that do not exist`,
      );
    } else if (index !== null) references++;
  }
  if (references !== wildcards) {
    results.error("subject does not contain enough * or reference wildcards $[0-9]");
  }
}

function activationOf(link: ImportClaims, results: ValidationResults): ActivationClaims | null {
  if (link.token === "") return null;
  try {
    return decodeActivationClaims(link.token);
  } catch (error) {
    if (!(error instanceof JwtError)) throw error;
    results.error(`import ${goQuote(link.subject)} contains an invalid activation token`);
    return null;
  }
}

/** Checks one import of the account `importer`. */
export function validateImport(
  link: ImportClaims,
  importer: string,
  results: ValidationResults,
): void {
  const { type, subject, account, to, localSubject, share, allowTrace } = link;
  const shown = goQuote(subject);
  if (type === "") results.error('invalid import type: "unknown"');
  if (type === "service" && allowTrace) {
    results.error("AllowTrace only valid for stream import");
  }
  if (account === "") results.error("account to import from is not specified");
  if (to !== "") results.warn("the field to has been deprecated (use LocalSubject instead)");
  validateSubject(subject, results);
  if (localSubject !== "") {
    validateLocalSubject(localSubject, subject, results);
    if (to !== "") results.error("Local Subject replaces To");
  }
  if (share && type !== "service") {
    results.error(
      `sharing information (for latency tracking) is only valid for services: ${shown}`,
    );
  }
  const activation = activationOf(link, results);
  if (activation === null) return;
  const { issuerAccount, importType, importSubject } = activation.nats;
  if (activation.issuer !== account && issuerAccount !== account) {
    results.error(`activation token doesn't match account for import ${shown}`);
  }
  if (activation.subject !== importer) {
    results.error(`activation token doesn't match account it is being included in, ${shown}`);
  }
  if (importType !== type) {
    results.error(
      `mismatch between token import type ${importType || "unknown"} and type of import ` +
        (type || "unknown"),
    );
  }
  validateActivationClaims(activation, null, results);
  if (!isContainedIn(type === "service" && to !== "" ? to : subject, importSubject)) {
    results.error(
      `activation token import subject ${goQuote(importSubject)} doesn't match import ${shown}`,
    );
  }
}

/** The subject on which requesters reach an imported service. */
function serviceSubject({ to, localSubject, subject }: ImportClaims): string {
  if (to !== "") return to;
  const plain = localSubject.split(".")
    .map((token) => placeholder(token) === null ? token : "*").join(".");
  return plain || subject;
}

function validateImports(
  imports: readonly ImportClaims[],
  importer: string,
  results: ValidationResults,
): void {
  const taken = new Map<string, Set<string>>();
  for (const link of imports) {
    if (link.type === "service") {
      const subject = serviceSubject(link);
      const others = taken.get(link.account) ?? new Set();
      for (const other of others) {
        if (isContainedIn(subject, other) || isContainedIn(other, subject)) {
          results.error(
            `overlapping subject namespace for ${goQuote(subject)} and ${goQuote(other)} in same ` +
              `account ${goQuote(link.account)}`,
          );
        }
      }
      taken.set(link.account, others.add(subject));
    }
    validateImport(link, importer, results);
  }
}

const RESPONSE_TYPES = ["", "Singleton", "Stream", "Chunked"];

function validateExport(link: ExportClaims, results: ValidationResults): void {
  const { type, subject, responseType, latency, responseThreshold } = link;
  const service = type === "service";
  if (type === "") results.error('invalid export type: "unknown"');
  if (service && !RESPONSE_TYPES.includes(responseType)) {
    results.error(`invalid response type for service: ${goQuote(responseType)}`);
  }
  if (type === "stream") {
    if (responseType !== "") {
      results.error(`invalid response type for stream: ${goQuote(responseType)}`);
    }
    if (link.allowTrace) results.error("AllowTrace only valid for service export");
  }
  if (latency !== null) {
    if (!service) results.error("latency tracking only permitted for services");
    if (latency.sampling !== 0 && (latency.sampling < 1 || latency.sampling > 100)) {
      results.error("sampling percentage needs to be between 1-100");
    }
    validateSubject(latency.results, results);
    if (hasWildcards(latency.results)) {
      results.error("results subject can not contain wildcards");
    }
  }
  if (responseThreshold < 0n) results.error("negative response threshold is invalid");
  if (responseThreshold > 0n && !service) {
    results.error("response threshold only valid for services");
  }
  validateSubject(subject, results);
  validateTokenPosition(link, results);
  validateInfo(link.description, link.infoUrl, results);
}

function validateTokenPosition(
  { accountTokenPosition: position, subject }: ExportClaims,
  results: ValidationResults,
): void {
  if (position === 0) return;
  if (!hasWildcards(subject)) {
    results.error(`Account Token Position can only be used with wildcard subjects: ${subject}`);
    return;
  }
  const tokens = subject.split(".");
  const token = tokens[position - 1];
  if (token === undefined) {
    results.error(`Account Token Position ${position} exceeds length of subject '${subject}'`);
  } else if (token !== "*") {
    results.error(
      `Account Token Position ${position} matches '${token}' but must match a * in: ${subject}`,
    );
  }
}

function validateOverlaps(
  kind: "service" | "stream",
  subjects: readonly string[],
  results: ValidationResults,
): void {
  const within = new Map<string, string>();
  for (const [i, inner] of subjects.entries()) {
    for (const [j, outer] of subjects.entries()) {
      if (i !== j && !within.has(outer) && isContainedIn(inner, outer)) within.set(outer, inner);
    }
  }
  for (const [outer, inner] of within) {
    results.error(`${kind} export subject ${goQuote(outer)} already exports ${goQuote(inner)}`);
  }
}

function validateExports(exports: readonly ExportClaims[], results: ValidationResults): void {
  for (const link of exports) validateExport(link, results);
  const of = (service: boolean): string[] =>
    exports.filter(({ type }) => (type === "service") === service).map(({ subject }) => subject);
  validateOverlaps("service", of(true), results);
  validateOverlaps("stream", of(false), results);
}

function validateMappings(
  mappings: ReadonlyMap<string, readonly WeightedMapping[]>,
  results: ValidationResults,
): void {
  for (const [from, destinations] of mappings) {
    validateSubject(from, results);
    const shown = goQuote(from);
    const totals = new Map<string, number>();
    for (const destination of destinations) {
      const { subject, cluster } = destination;
      const weight = weightOf(destination);
      validateSubject(subject, results);
      if (weight > 100) {
        results.error(`Mapping ${shown} has a weight ${weight} that exceeds 100`);
      }
      const total = (totals.get(cluster) ?? 0) + weight;
      totals.set(cluster, total);
      if (cluster !== "" && total > 100) {
        results.error(
          `Mapping ${shown} in cluster ${goQuote(cluster)} exceeds 100% among all of it's ` +
            "weighted to mappings",
        );
      }
    }
    if ((totals.get("") ?? 0) > 100) {
      results.error(`Mapping ${shown} exceeds 100% among all of it's weighted to mappings`);
    }
  }
}

function validateAuthorization(
  { authUsers, allowedAccounts, xkey }: ExternalAuthorization,
  results: ValidationResults,
): void {
  if (allowedAccounts.length > 0 && authUsers.length === 0) {
    results.error("External authorization cannot have accounts without users specified");
  }
  for (const user of authUsers) {
    if (!isValidPublicKey(user, "U")) {
      results.error(`AuthUser ${goQuote(user)} is not a valid user public key`);
    }
  }
  for (const account of allowedAccounts) {
    if (account === "*") {
      if (allowedAccounts.length > 1) {
        results.error('AllowedAccounts can only be a list of accounts or "*"');
      }
    } else if (!isValidPublicKey(account, "A")) {
      results.error(`Account ${goQuote(account)} is not a valid account public key`);
    }
  }
  if (xkey !== "" && !isValidPublicKey(xkey, "X")) {
    results.error(`XKey ${goQuote(xkey)} is not a valid public xkey`);
  }
}

function validateTrace(trace: TraceClaim, results: ValidationResults): void {
  const { destination, sampling } = trace;
  const own = new ValidationResults();
  validateSubject(destination, own);
  const [first] = own.issues;
  if (first !== undefined) results.error(`the account Trace.Destination ${first.description}`);
  if (hasWildcards(destination)) {
    results.error(
      `the account Trace.Destination subject ${
        goQuote(destination)
      } is not a valid publish subject`,
    );
  }
  if (sampling < 0 || sampling > 100) {
    results.error(
      `the account Trace.Sampling value '${sampling}' is not valid, should be in the range [1..100]`,
    );
  }
}

function validateLimitsOf(claims: AccountClaims, results: ValidationResults): void {
  const { limits, imports, exports } = claims.nats;
  const tooManyImports = "the account contains more imports than allowed by the operator";
  if (!limitsAreEmpty(limits) && limits.imports >= 0 && imports.length > limits.imports) {
    results.error(tooManyImports);
  }
  if (limits.imports !== -1 && imports.length > limits.imports) results.error(tooManyImports);
  if (limits.exports === -1) return;
  if (exports.length > limits.exports) {
    results.error("the account contains more exports than allowed by the operator");
  }
  if (limits.wildcardExports) return;
  for (const { subject } of exports) {
    if (!hasWildcards(subject)) continue;
    results.error("the account contains wildcard exports that are not allowed by the operator");
  }
}

function validateTiers(limits: OperatorLimits, results: ValidationResults): void {
  if (limits.tieredLimits.size === 0) return;
  if (!jetStreamLimitsAreEmpty(limits)) {
    results.error("JetStream Limits and tiered JetStream Limits are mutually exclusive");
  }
  if (limits.tieredLimits.has("")) {
    results.error('Tiered JetStream Limits can not contain a blank "" tier name');
  }
}

function validateSigningKeys(keys: SigningKeys, results: ValidationResults): void {
  for (const [key, scope] of keys) {
    if (isValidPublicKey(key, "A")) continue;
    results.error(
      scope === null
        ? `${goQuote(key)} is not a valid account signing key`
        : `${key} is not an account public key`,
    );
  }
}

/** Checks an account's claims at `nowS`, seconds since the epoch. */
export function validateAccountClaims(claims: AccountClaims, nowS: number): ValidationResults {
  const results = new ValidationResults();
  const { nats } = claims;
  validateTimesOfClaims(claims, nowS, results);
  validateImports(nats.imports, claims.subject, results);
  validateExports(nats.exports, results);
  validateTiers(nats.limits, results);
  validatePermissions(nats.defaultPermissions, results);
  validateMappings(nats.mappings, results);
  validateAuthorization(nats.authorization, results);
  if (nats.trace !== null) validateTrace(nats.trace, results);
  validateLimitsOf(claims, results);
  validateSigningKeys(nats.signingKeys, results);
  validateInfo(nats.description, nats.infoUrl, results);
  if (!["", "system", "owner"].includes(nats.clusterTraffic)) {
    results.error(`unknown cluster traffic option: ${goQuote(nats.clusterTraffic)}`);
  }
  if (isValidPublicKey(claims.issuer, "A") && !limitsAreEmpty(nats.limits)) {
    results.warn("self-signed account JWTs shouldn't contain operator limits");
  }
  return results;
}
