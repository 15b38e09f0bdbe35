/**
 * What `/accountz` shows of the exports, the imports and the JWT of an account.
 *
 * Reference: ExtExport, ExtImport and accountInfo in server/monitor.go.
 *
 * @module
 */
import { encodeJson } from "../base/json/mod.ts";
import { textOfByteString } from "../base/text/byte_string.ts";
import type { Account } from "../core/account/account.ts";
import type { ExportRule, LatencyTracking } from "../core/account/exports.ts";
import {
  type AccountClaims,
  accountClaimsShape,
  decodeAccountClaims,
  JwtError,
  validateAccountClaims,
} from "../identity/mod.ts";
import { nsOfMs, omitEmpty, omitEmptyList, timeText } from "./go_values.ts";

function revocations(revoked: ReadonlyMap<string, number> | null) {
  if (revoked === null || revoked.size === 0) return undefined;
  const shown = [...revoked].sort(([a], [b]) => a < b ? -1 : 1)
    .map(([key, seconds]) => [key, timeText(nsOfMs(seconds * 1000))] as const);
  return Object.fromEntries(shown);
}

function latency(tracking: LatencyTracking | null) {
  if (tracking === null) return undefined;
  const { sampling, subject } = tracking;
  return { sampling: sampling === 0 ? "headers" : sampling, results: textOfByteString(subject) };
}

function ruleFields({ approved, revoked }: ExportRule) {
  return {
    approved_accounts: omitEmptyList([...approved ?? []].map(textOfByteString)),
    revoked_activations: revocations(revoked),
  };
}

function exportsOf({ exports }: Account) {
  const services = [...exports.services].map(([subject, service]) => ({
    subject: textOfByteString(subject),
    type: "service",
    token_req: omitEmpty(service.rule.tokenRequired),
    response_type: service.responseType,
    service_latency: latency(service.latency),
    ...ruleFields(service.rule),
  }));
  const streams = [...exports.streams].map(([subject, rule]) => ({
    subject: textOfByteString(subject),
    type: "stream",
    token_req: omitEmpty(rule.tokenRequired),
    ...ruleFields(rule),
  }));
  return [...services, ...streams];
}

function importsOf(account: Account) {
  const streams = account.streamImports.map((link) => ({
    subject: textOfByteString(link.from),
    account: textOfByteString(link.exporter.name),
    local_subject: textOfByteString(link.to),
    type: "stream",
    invalid: link.invalid,
    share: false,
    tracking: false,
  }));
  const services = account.serviceImports.map((link) => ({
    subject: textOfByteString(link.to),
    account: textOfByteString(link.exporter.name),
    to: textOfByteString(link.from),
    local_subject: textOfByteString(link.from),
    type: "service",
    invalid: link.invalid,
    share: link.share,
    tracking: false,
    latency: latency(link.service?.latency ?? null),
  }));
  return [...streams, ...services];
}

/** The reference writes the kind of those, a service, as its number. */
const RESPONSE_TYPE = 2;

/** Replies that services of the account owe, by the subjects that they are sent to; or nothing. */
export function responsesOf(account: Account) {
  const shown = [...account.owedReplies].map((owed) => {
    const { subject, reply, importer, share, tracked } = owed;
    return [textOfByteString(subject), {
      subject: textOfByteString(reply),
      account: textOfByteString(importer.name),
      to: textOfByteString(subject),
      local_subject: textOfByteString(subject),
      type: RESPONSE_TYPE,
      invalid: false,
      share,
      tracking: tracked !== null,
      tracking_header: tracked?.header ?? undefined,
      latency: latency(tracked?.latency ?? null),
    }] as const;
  });
  if (shown.length === 0) return undefined;
  return Object.fromEntries(shown.sort(([a], [b]) => a < b ? -1 : 1));
}

/** Who offers JetStream's API to whom, which accounts have without importing it. */
export interface ApiService {
  /** The system account's name. */
  readonly exporter: string;
  readonly isExporter: boolean;
  readonly isImporter: boolean;
}

const API_SUBJECT = "$JS.API.>";

function apiExport(api: ApiService | null) {
  if (api?.isExporter !== true) return [];
  return [{ subject: API_SUBJECT, type: "service", response_type: "Singleton" }];
}

function apiImport(api: ApiService | null) {
  if (api?.isImporter !== true) return [];
  return [{
    subject: API_SUBJECT,
    account: textOfByteString(api.exporter),
    to: API_SUBJECT,
    local_subject: API_SUBJECT,
    type: "service",
    invalid: false,
    share: true,
    tracking: false,
  }];
}

/** Exports and imports; accounts without have neither field. `api` is null without JetStream. */
export function linkFields(account: Account, api: ApiService | null) {
  const exported = account.hasExports ? exportsOf(account) : [];
  return {
    exports: omitEmptyList([...exported, ...apiExport(api)]),
    imports: omitEmptyList([...importsOf(account), ...apiImport(api)]),
  };
}

function readClaims(jwt: string): AccountClaims | null {
  if (jwt === "") return null;
  try {
    return decodeAccountClaims(jwt);
  } catch (error) {
    if (!(error instanceof JwtError)) throw error;
    return null;
  }
}

/** What operator mode knows of the account: before and after its name tag. */
export function trustFields({ trust }: Account, nowMs: number) {
  if (trust === null) return { head: {}, tail: {} };
  const claims = readClaims(trust.jwt);
  const issues = claims === null
    ? []
    : validateAccountClaims(claims, Math.floor(nowMs / 1000)).issues;
  return {
    head: { jwt: omitEmpty(trust.jwt), issuer_key: omitEmpty(trust.issuer) },
    tail: {
      tags: omitEmptyList([...trust.tags]),
      decoded_jwt: claims === null ? undefined : JSON.parse(encodeJson(accountClaimsShape, claims)),
      validation_result_jwt: omitEmptyList(
        issues.map(({ description, blocking, timeCheck }) => ({
          description,
          blocking,
          time_check: timeCheck,
        })),
      ),
      revoked_user: revocations(trust.revokedUsers),
    },
  };
}
