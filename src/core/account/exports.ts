/**
 * What an account lets other accounts import, and who may.
 *
 * Reference: exportMap, setExportAuth, checkAuth, checkStreamExportApproved and
 * checkServiceExportApproved in server/accounts.go.
 *
 * @module
 */
import type { ServiceResponseType } from "../../config/mod.ts";
import type { ImportClaims } from "../../identity/mod.ts";
import { ServerError } from "../../errors/mod.ts";
import {
  isValidPublishSubject,
  isValidSubject,
  partialWildcard,
  subjectIsSubsetMatch,
  tokenizeSubject,
} from "../../subject/mod.ts";
import { SublistError } from "../../sublist/mod.ts";
import type { Account } from "./account.ts";

/** How long a service may take to answer unless its export says otherwise. */
export const RESPONSE_THRESHOLD_DEFAULT_MS = 120_000;

/** Who may import an export. Names are byte strings. */
export interface ExportRule {
  /** Accounts that may import; null is everybody, unless another field says something else. */
  readonly approved: ReadonlySet<string> | null;
  /** An activation token of the exporter is needed. */
  readonly tokenRequired: boolean;
  /** Position, from 1, of the token that must be the importer's name; 0 is none. */
  readonly tokenPosition: number;
  /** When activations of an account (or `*`) were revoked, seconds since the epoch. */
  readonly revoked: ReadonlyMap<string, number> | null;
}

/** An export that everybody may import. */
export const PUBLIC_EXPORT: ExportRule = {
  approved: null,
  tokenRequired: false,
  tokenPosition: 0,
  revoked: null,
};

/** The importer's proof that it may import: the import in its claims, with its activation. */
export type ImportClaim = ImportClaims;

/** Whether `claim` entitles `importer`; `rule` is null when only its expiry is asked for. */
export type ActivationCheck = (
  importer: Account,
  claim: ImportClaim | null,
  rule: ExportRule | null,
) => boolean;

/** Where and how often the latency of a service is measured. */
export interface LatencyTracking {
  /** Percentage of the requests, 1 to 100; 0 leaves it to the requests' headers. */
  readonly sampling: number;
  /** Where measurements are published, in the exporting account. */
  readonly subject: string;
}

/** An exported service. */
export class ServiceExport {
  responseType: ServiceResponseType = "Singleton";
  /** How long replies may take. */
  thresholdMs: number = RESPONSE_THRESHOLD_DEFAULT_MS;
  latency: LatencyTracking | null = null;
  /** Traces of messages go on beyond the border of the account. */
  allowTrace = false;

  constructor(readonly subject: string, public rule: ExportRule) {}
}

/** All exports of one account. */
export class AccountExports {
  readonly streams: Map<string, ExportRule> = new Map();
  readonly services: Map<string, ServiceExport> = new Map();
  /** Judges activation tokens; without operators there are none. */
  activation: ActivationCheck = () => false;

  /**
   * Exports a stream; approvals add up when it is exported already. Throws SublistError for a bad
   * token position.
   */
  addStream(subject: string, rule: ExportRule = PUBLIC_EXPORT): void {
    checkTokenPosition(subject, rule);
    this.streams.set(subject, addedRule(rule, this.streams.get(subject)));
  }

  /**
   * Exports a service; when it is exported already, approvals add up, and many replies stay allowed.
   * Throws SublistError for a bad token position.
   */
  addService(
    subject: string,
    rule: ExportRule = PUBLIC_EXPORT,
    responseType: ServiceResponseType = "Singleton",
  ): ServiceExport {
    checkTokenPosition(subject, rule);
    const known = this.services.get(subject);
    const service = known ?? new ServiceExport(subject, rule);
    service.rule = addedRule(rule, known?.rule);
    if (responseType !== "Singleton") service.responseType = responseType;
    service.thresholdMs = RESPONSE_THRESHOLD_DEFAULT_MS;
    this.services.set(subject, service);
    return service;
  }

  /**
   * Measures the latency of an exported service. Throws ServerError: `ErrBadSampling`,
   * `ErrBadPublishSubject`, `ErrMissingService`, `ErrBadServiceType`.
   */
  trackLatency(subject: string, latency: LatencyTracking): void {
    const { sampling } = latency;
    if (sampling !== 0 && (sampling < 1 || sampling > 100)) throw new ServerError("ErrBadSampling");
    if (!isValidPublishSubject(latency.subject) || this.service(latency.subject) !== null) {
      throw new ServerError("ErrBadPublishSubject");
    }
    const service = this.services.get(subject);
    if (service === undefined) throw new ServerError("ErrMissingService");
    if (service.responseType !== "Singleton") throw new ServerError("ErrBadServiceType");
    service.latency = latency;
  }

  /** Forgets all exports; imports of them stay until they are made anew. */
  clear(): void {
    this.streams.clear();
    this.services.clear();
  }

  /** The service that answers on `subject`, or null. */
  service(subject: string): ServiceExport | null {
    const exact = this.services.get(subject);
    if (exact !== undefined) return exact;
    for (const [exported, service] of this.services) {
      if (subjectIsSubsetMatch(subject, exported)) return service;
    }
    return null;
  }

  /** Whether a stream that is exported has all of `subject`. */
  hasStream(subject: string): boolean {
    for (const exported of this.streams.keys()) {
      if (subjectIsSubsetMatch(subject, exported)) return true;
    }
    return false;
  }

  /** Whether `importer` may import the stream `subject`. */
  authorizesStream(importer: Account, subject: string, claim: ImportClaim | null): boolean {
    if (!isValidSubject(subject)) return false;
    const exact = this.streams.get(subject);
    if (exact !== undefined) return this.#mayImport(exact, importer, claim, []);
    const tokens = tokenizeSubject(subject);
    for (const [exported, rule] of this.streams) {
      if (subjectIsSubsetMatch(subject, exported)) {
        return this.#mayImport(rule, importer, claim, tokens);
      }
    }
    return false;
  }

  /** Whether `importer` may import the service `subject`. */
  authorizesService(importer: Account, subject: string, claim: ImportClaim | null): boolean {
    if (!isValidSubject(subject)) return false;
    const exact = this.services.get(subject);
    if (exact !== undefined) return this.#mayImport(exact.rule, importer, claim, []);
    const tokens = tokenizeSubject(subject);
    for (const [exported, service] of this.services) {
      if (subjectIsSubsetMatch(subject, exported)) {
        return this.#mayImport(service.rule, importer, claim, tokens);
      }
    }
    return false;
  }

  #mayImport(
    rule: ExportRule,
    importer: Account,
    claim: ImportClaim | null,
    tokens: readonly string[],
  ): boolean {
    if (rule.tokenPosition > 0) return tokens[rule.tokenPosition - 1] === importer.name;
    if (rule.tokenRequired) return this.activation(importer, claim, rule);
    return rule.approved === null || rule.approved.has(importer.name);
  }
}

/**
 * What `rule` makes of an earlier export of the same subject: approvals add up, and a token that
 * was needed stays needed.
 */
function addedRule(rule: ExportRule, earlier: ExportRule | undefined): ExportRule {
  if (earlier === undefined) return rule;
  const revoked = rule.revoked ?? earlier.revoked;
  const { approved, tokenRequired, tokenPosition } = rule;
  if (approved === null && !tokenRequired && tokenPosition === 0) return { ...earlier, revoked };
  return {
    approved: approved === null
      ? earlier.approved
      : new Set([...earlier.approved ?? [], ...approved]),
    tokenRequired: tokenRequired || earlier.tokenRequired,
    tokenPosition,
    revoked,
  };
}

function checkTokenPosition(subject: string, { tokenPosition }: ExportRule): void {
  if (tokenPosition <= 0) return;
  if (tokenizeSubject(subject)[tokenPosition - 1] !== partialWildcard) {
    throw new SublistError("ErrInvalidSubject");
  }
}
