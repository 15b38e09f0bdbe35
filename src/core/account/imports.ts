/**
 * What an account imports from other accounts.
 *
 * A stream import gives each subscription that it covers a shadow in the exporter's sublist
 * (`shadow_subscriptions.ts`). A service import is a subscription of the server in the importer's
 * sublist that carries requests over (`deliver/service.ts`).
 *
 * Reference: streamImport, serviceImport, addMappedStreamImportWithClaim, addServiceImport and
 * the checks for cycles in server/accounts.go.
 *
 * @module
 */
import { textOfByteString } from "../../base/text/byte_string.ts";
import { goQuote } from "../../base/text/go_format.ts";
import { ServerError } from "../../errors/mod.ts";
import {
  isLiteralSubject,
  isValidSubject,
  newStrictSubjectTransform,
  subjectHasWildcard,
  subjectIsSubsetMatch,
  subjectsCollide,
  type SubjectTransform,
  tokenizeWildcards,
  untokenizeDestination,
} from "../../subject/mod.ts";
import { SublistError } from "../../sublist/mod.ts";
import { Subscription } from "../connection/subscription.ts";
import type { Account } from "./account.ts";
import type { ImportClaim, ServiceExport } from "./exports.ts";

/** How many accounts a chain of imports may pass. */
const CYCLE_DEPTH_MAX = 1024;

/** An import that cannot be added for another reason than a well-known error. */
export class ImportError extends Error {
  override readonly name = "ImportError";
}

/** A stream of another account. */
export class StreamImport {
  /** The right to import has expired or was taken away. */
  invalid = false;
  #reverse: SubjectTransform | null = null;
  #lastPublished = "";
  #lastLocal = "";

  constructor(
    readonly importer: Account,
    readonly exporter: Account,
    /** The exporter's subject. */
    readonly from: string,
    /** The local subject, wildcards as `*`. */
    readonly to: string,
    readonly transform: SubjectTransform | null,
    /** Messages keep the subject that they were published to. */
    readonly keepsSubject: boolean,
    readonly allowTrace: boolean,
    readonly claim: ImportClaim | null,
  ) {}

  /** The subject that importers see of a message that was published to `subject`. */
  localSubject(subject: string): string {
    if (this.keepsSubject) return subject;
    if (this.transform === null) return this.to;
    // Streams come in bursts of one subject.
    if (subject !== this.#lastPublished) {
      this.#lastLocal = this.transform.transform(subject);
      this.#lastPublished = subject;
    }
    return this.#lastLocal;
  }

  /** The exporter's subject of the local subject `subject`, which may have wildcards. */
  exporterSubject(subject: string): string {
    if (this.transform === null) return this.from;
    this.#reverse ??= this.transform.reverse();
    return this.#reverse?.transform(subject) ?? this.from;
  }
}

/** A service of another account. */
export class ServiceImport {
  invalid = false;
  /** The server's subscription in the importer's sublist; null while it is not listening. */
  subscription: Subscription | null = null;

  constructor(
    readonly exporter: Account,
    /** The local subject, wildcards as `*`. */
    readonly from: string,
    /** The exporter's subject. */
    readonly to: string,
    readonly transform: SubjectTransform | null,
    /** Requests keep the subject that they were published to. */
    readonly keepsSubject: boolean,
    /** Null when the exporter does not export it any more. */
    public service: ServiceExport | null,
    readonly claim: ImportClaim | null,
    /** The exporter is told who asks. */
    public share: boolean,
    /** An import that the server made itself, not its operator. */
    readonly internal: boolean,
  ) {}

  /** The exporter's subject of a request to `subject`. */
  exporterSubject(subject: string): string {
    if (this.transform !== null) return this.transform.transform(subject);
    return this.keepsSubject ? subject : this.to;
  }
}

/** How a stream is imported. Subjects are byte strings. */
export interface StreamImportOptions {
  /** The exporter's subject. */
  readonly from: string;
  /** The local subject; empty keeps the exporter's. */
  readonly to?: string;
  /** Put before the exporter's subject, in place of `to`. */
  readonly prefix?: string;
  readonly allowTrace?: boolean;
  readonly claim?: ImportClaim | null;
}

/** How a service is imported. Subjects are byte strings. */
export interface ServiceImportOptions {
  /** The local subject that requests are published to. */
  readonly from: string;
  /** The exporter's subject; empty is the same. */
  readonly to?: string;
  readonly share?: boolean;
  readonly claim?: ImportClaim | null;
  /** An import of the server itself, which needs nobody's approval. */
  readonly internal?: boolean;
}

/**
 * Imports a stream of `exporter` into `importer`. Subscriptions that exist get their shadows by
 * `refreshShadowSubscriptions`. Throws ServerError or {@linkcode ImportError}.
 */
export function addStreamImport(
  importer: Account,
  exporter: Account,
  options: StreamImportOptions,
): StreamImport {
  const { from, claim = null, prefix = "" } = options;
  if (!exporter.exports.authorizesStream(importer, from, claim)) {
    throw new ServerError("ErrStreamImportAuthorization");
  }
  let to = options.to || from;
  if (prefix !== "") {
    if (!isLiteralSubject(prefix)) throw new ServerError("ErrStreamImportBadPrefix");
    to = (prefix.endsWith(".") ? prefix : `${prefix}.`) + from;
  }
  checkStreamCycle(exporter, to, new Set([importer.name]));
  checkStreamCycle(exporter, from, new Set([importer.name]));
  let transform: SubjectTransform | null = null;
  const wildcards = subjectHasWildcard(from);
  if (wildcards && to !== from) {
    transform = importTransform("stream", from, tokenizeWildcards(to), from, to);
    to = untokenizeDestination(to).subject;
  }
  if (importer.streamImports.some((i) => i.exporter === exporter && i.from === from)) {
    throw new ServerError("ErrStreamImportDuplicate");
  }
  const added = new StreamImport(
    importer,
    exporter,
    from,
    to,
    transform,
    wildcards && transform === null,
    options.allowTrace ?? false,
    claim,
  );
  importer.streamImports.push(added);
  return added;
}

/** Imports a service of `exporter` into `importer`. Throws ServerError or {@linkcode ImportError}. */
export function addServiceImport(
  importer: Account,
  exporter: Account,
  options: ServiceImportOptions,
): ServiceImport {
  const { claim = null, internal = false, share = false } = options;
  if (!internal) exporter.use();
  let { from } = options;
  let to = options.to || from;
  if (!isValidSubject(from) || !isValidSubject(to)) throw new SublistError("ErrInvalidSubject");
  if (!internal && !exporter.exports.authorizesService(importer, to, claim)) {
    throw new ServerError("ErrServiceImportAuthorization");
  }
  const wildcards = subjectHasWildcard(to);
  const plainFrom = wildcards ? untokenizeDestination(from).subject : from;
  checkServiceCycle(exporter, plainFrom, new Set([importer.name]));
  const twin = importer.serviceImports.find((i) => i.exporter === exporter && i.from === from);
  if (twin !== undefined) {
    throw new ImportError(
      `duplicate service import subject ${quoted(from)}, previously used in import for account ` +
        `${quoted(exporter.name)}, subject ${quoted(twin.to)}`,
    );
  }
  const service = exporter.exports.service(to);
  let transform: SubjectTransform | null = null;
  const keepsSubject = wildcards && to === from;
  if (wildcards && !keepsSubject) {
    to = untokenizeDestination(to).subject;
    // Made the other way round, since only `from` may have placeholders.
    const back = importTransform("service", to, tokenizeWildcards(from), from, to);
    from = plainFrom;
    transform = back?.reverse() ?? null;
  }
  const added = new ServiceImport(
    exporter,
    from,
    to,
    transform,
    keepsSubject,
    service,
    claim,
    share,
    internal,
  );
  importer.serviceImports.push(added);
  listen(importer, added);
  return added;
}

/** Ends an import of a service. */
export function removeServiceImport(importer: Account, service: ServiceImport): void {
  const at = importer.serviceImports.indexOf(service);
  if (at < 0) return;
  importer.serviceImports.splice(at, 1);
  const { subscription } = service;
  if (subscription === null) return;
  subscription.closed = true;
  importer.sublist.remove(subscription);
  importer.interest?.interestChanged(importer, subscription, -1);
  service.subscription = null;
}

/** Ends all imports that are not the server's own; shadows stay until they are refreshed. */
export function removeImports(importer: Account): void {
  importer.streamImports = [];
  for (const service of importer.serviceImports.slice()) {
    if (!service.internal) removeServiceImport(importer, service);
  }
}

function listen(importer: Account, service: ServiceImport): void {
  const sid = `si${importer.serviceImports.length}`;
  const subscription = new Subscription(null, service.from, null, sid);
  subscription.serviceImport = service;
  service.subscription = subscription;
  importer.sublist.insert(subscription);
  importer.interest?.interestChanged(importer, subscription, 1);
}

function quoted(subject: string): string {
  return goQuote(textOfByteString(subject));
}

function importTransform(
  kind: "stream" | "service",
  source: string,
  destination: string,
  from: string,
  to: string,
): SubjectTransform | null {
  try {
    // Imports only move tokens, which needs no randomness.
    return newStrictSubjectTransform(source, destination, () => 0);
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    throw new ImportError(
      `failed to create mapping transform for ${kind} import subject from ${quoted(from)} to ` +
        `${quoted(to)}: ${error.message}`,
      { cause: error },
    );
  }
}

/** Throws when a stream that becomes `to` would come back to an account in `visited`. */
function checkStreamCycle(at: Account, to: string, visited: Set<string>): void {
  if (visited.size >= CYCLE_DEPTH_MAX) throw new ServerError("ErrCycleSearchDepth");
  if (at.streamImports.length === 0 || !at.exports.hasStream(to)) return;
  for (const link of at.streamImports) {
    if (!subjectsCollide(to, link.to)) continue;
    if (visited.has(link.exporter.name)) throw new ServerError("ErrImportFormsCycle");
    visited.add(at.name);
    checkStreamCycle(link.exporter, subjectIsSubsetMatch(link.to, to) ? link.to : to, visited);
  }
}

/** Throws when a request to `from` would come back to an account in `visited`. */
function checkServiceCycle(at: Account, from: string, visited: Set<string>): void {
  if (visited.size >= CYCLE_DEPTH_MAX) throw new ServerError("ErrCycleSearchDepth");
  for (const link of at.serviceImports) {
    if (!subjectsCollide(from, link.to)) continue;
    if (visited.has(link.exporter.name)) throw new ServerError("ErrImportFormsCycle");
    visited.add(at.name);
    const next = subjectIsSubsetMatch(link.from, from) ? link.from : from;
    checkServiceCycle(link.exporter, next, visited);
  }
}
