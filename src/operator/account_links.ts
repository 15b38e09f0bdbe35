/**
 * Makes the exports and imports of an account what its claims say.
 *
 * Reference: updateAccountClaimsWithRefresh in server/accounts.go.
 *
 * @module
 */
import { byteStringOfText, textOfByteString } from "../base/text/byte_string.ts";
import { goQuote } from "../base/text/go_format.ts";
import type { ServiceResponseType } from "../config/mod.ts";
import type { Account } from "../core/account/account.ts";
import type { ExportRule } from "../core/account/exports.ts";
import {
  addServiceImport,
  addStreamImport,
  ImportError,
  removeImports,
} from "../core/account/imports.ts";
import { refreshShadowSubscriptions } from "../core/account/shadow_subscriptions.ts";
import type { Core } from "../core/core.ts";
import { ServerError } from "../errors/mod.ts";
import type { AccountClaims, ExportClaims, ImportClaims } from "../identity/mod.ts";
import { SublistError } from "../sublist/mod.ts";
import type { Activations } from "./activations.ts";

const NS_PER_MS = 1e6;
const RESPONSE_TYPES: ReadonlyMap<string, ServiceResponseType> = new Map([
  ["Stream", "Streamed"],
  ["Chunked", "Chunked"],
]);

/** The account as log lines name it. */
export function accountLabel(account: Account): string {
  const name = textOfByteString(account.name);
  const tag = account.trust?.nameTag ?? "";
  return tag === "" ? name : `${name}/${tag}`;
}

/** Runs `link`; false when the account may not be linked that way, which `what` then says. */
function linked(core: Core, what: string, link: () => void): boolean {
  try {
    link();
    return true;
  } catch (error) {
    if (
      !(error instanceof ServerError || error instanceof ImportError ||
        error instanceof SublistError)
    ) throw error;
    core.env.log.debug(`${what}: ${error.message}`);
    return false;
  }
}

function ruleOf(claims: ExportClaims): ExportRule {
  return {
    approved: null,
    tokenRequired: claims.tokenReq,
    tokenPosition: claims.accountTokenPosition,
    revoked: claims.revocations.size === 0 ? null : claims.revocations,
  };
}

function addService(core: Core, account: Account, claims: ExportClaims): void {
  const subject = byteStringOfText(claims.subject);
  const responseType = RESPONSE_TYPES.get(claims.responseType);
  const service = account.exports.addService(subject, ruleOf(claims), responseType);
  if (claims.responseThreshold !== 0n) {
    service.thresholdMs = Number(claims.responseThreshold) / NS_PER_MS;
  }
  service.allowTrace = claims.allowTrace;
  const { latency } = claims;
  if (latency === null) return;
  const note = latency.sampling === 0 ? " (using headers)" : "";
  linked(
    core,
    `Error adding latency tracking${note} for service export to account [${accountLabel(account)}]`,
    () =>
      account.exports.trackLatency(subject, {
        sampling: latency.sampling,
        subject: byteStringOfText(latency.results),
      }),
  );
}

/** Replaces the exports of `account`. */
export function replaceExports(
  core: Core,
  activations: Activations,
  account: Account,
  claims: AccountClaims,
): void {
  const { exports } = claims.nats;
  if (exports.length === 0 && !account.hasExports) return;
  account.exports.clear();
  account.exports.activation = (importer, claim, rule) =>
    activations.check(account, importer, claim, rule);
  const label = accountLabel(account);
  for (const one of exports) {
    core.env.log.debug(`Adding ${one.type} export ${goQuote(one.subject)} for ${label}`);
    linked(core, `Error adding ${one.type} export to account [${label}]`, () => {
      if (one.type === "service") addService(core, account, one);
      else account.exports.addStream(byteStringOfText(one.subject), ruleOf(one));
    });
  }
}

function addImport(
  core: Core,
  account: Account,
  exporter: Account,
  claim: ImportClaims,
): boolean {
  const { type, subject, to, localSubject } = claim;
  const label = accountLabel(account);
  const adding = (from: string, into: string): void =>
    core.env.log.debug(
      `Adding ${type} import ${accountLabel(exporter)}:${goQuote(from)} for ${label}:` +
        goQuote(into),
    );
  const what = `Error adding ${type} import to account [${label}]`;
  if (type === "service") {
    const [from, into] = localSubject === "" ? [subject, to] : [localSubject, subject];
    adding(from, into);
    return linked(core, what, () =>
      addServiceImport(account, exporter, {
        from: byteStringOfText(from),
        to: byteStringOfText(into),
        share: claim.share,
        claim,
      }));
  }
  adding(subject, localSubject || to);
  return linked(core, what, () =>
    addStreamImport(account, exporter, {
      from: byteStringOfText(subject),
      to: byteStringOfText(localSubject),
      prefix: localSubject === "" ? byteStringOfText(to) : "",
      allowTrace: claim.allowTrace,
      claim,
    }));
}

/**
 * Replaces the imports of `account`; `find` gives the exporters. Returns the names of those of
 * which something could not be imported.
 */
export function replaceImports(
  core: Core,
  account: Account,
  claims: AccountClaims,
  find: (name: string) => Account | string,
): string[] {
  const had = account.streamImports.length > 0;
  removeImports(account);
  const incomplete: string[] = [];
  for (const claim of claims.nats.imports) {
    const exporter = find(claim.account);
    if (typeof exporter === "string") {
      core.env.log.error(
        `Can't locate account [${claim.account}] for import of [${claim.subject}] ${claim.type} ` +
          `(err=${exporter})`,
      );
      incomplete.push(claim.account);
    } else if (!addImport(core, account, exporter, claim)) incomplete.push(claim.account);
  }
  if (had || account.streamImports.length > 0) refreshShadowSubscriptions(account);
  return incomplete;
}

/** Looks again at who may import what from `exporter`, after its exports or signers changed. */
export function recheckImporters(core: Core, exporter: Account): void {
  for (const importer of core.accounts.values()) {
    if (importer === exporter) continue;
    let streams = false;
    for (const link of importer.streamImports) {
      if (link.exporter !== exporter) continue;
      link.invalid = !exporter.exports.authorizesStream(importer, link.from, link.claim);
      streams = true;
    }
    if (streams) refreshShadowSubscriptions(importer);
    for (const link of importer.serviceImports) {
      if (link.exporter !== exporter || link.internal) continue;
      link.invalid = !exporter.exports.authorizesService(importer, link.to, link.claim);
      link.service = exporter.exports.service(link.to);
    }
  }
}
