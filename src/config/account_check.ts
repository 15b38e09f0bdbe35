/**
 * Checks that exports and imports between the accounts of a configuration fit together: exports
 * are well formed, importers are allowed, and imports form no circle.
 *
 * Reference: the end of parseAccounts in server/opts.go and the functions of server/accounts.go
 * that it calls.
 *
 * @module
 */
import { byteStringOfText } from "../base/text/byte_string.ts";
import {
  isLiteralSubject,
  isValidPublishSubject,
  isValidSubject,
  subjectHasWildcard,
  subjectIsSubsetMatch,
  subjectsCollide,
} from "../subject/mod.ts";
import type {
  AccountOptions,
  ServiceExport,
  ServiceImport,
  StreamExport,
  StreamImport,
} from "./account_options.ts";
import {
  checkTransform,
  MappingError,
  tokenizeWildcards,
  untokenizeWildcards,
} from "./mapping_check.ts";
import { quoteText } from "./url.ts";

/** How many accounts a chain of imports may pass. */
const CYCLE_DEPTH_MAX = 1024;

/** An export or import cannot be added; the message is the reference's. */
class LinkError extends Error {
  override readonly name = "LinkError";
}

/** What of an account's links has been accepted so far. */
interface Linked {
  readonly account: AccountOptions;
  readonly streamExports: Map<string, StreamExport>;
  readonly serviceExports: Map<string, ServiceExport>;
  readonly streamImports: { from: Linked; subject: string; to: string }[];
  readonly serviceImports: { exporter: Linked; from: string; to: string }[];
}

/** How the checks are to be made and where errors go. */
export interface LinkRules {
  noSystemAccount: boolean;
  report: (message: string) => void;
}

/** Checks all exports and imports of `accounts`. */
export function checkAccountLinks(accounts: readonly AccountOptions[], rules: LinkRules): void {
  const linked = new Map<string, Linked>();
  for (const account of accounts) {
    linked.set(account.name, {
      account,
      streamExports: new Map(),
      serviceExports: new Map(),
      streamImports: [],
      serviceImports: [],
    });
  }
  const check = (what: string, body: () => void) => {
    try {
      body();
    } catch (error) {
      if (!(error instanceof LinkError || error instanceof MappingError)) throw error;
      rules.report(`${what}: ${error.message}`);
    }
  };
  const each = (body: (own: Linked) => void) => {
    for (const own of linked.values()) body(own);
  };
  each((own) => {
    for (const stream of own.account.streamExports) {
      reportMissing(stream, linked, "stream", rules);
      check(`Error adding stream export ${quoteText(stream.subject)}`, () => {
        checkTokenPosition(stream);
        own.streamExports.set(
          stream.subject,
          addedExport(stream, own.streamExports.get(stream.subject)),
        );
      });
    }
  });
  each((own) => {
    for (const service of own.account.serviceExports) {
      reportMissing(service, linked, "service", rules);
      check(`Error adding service export ${quoteText(service.subject)}`, () => {
        checkTokenPosition(service);
        const earlier = own.serviceExports.get(service.subject);
        // Where many replies are allowed already, they stay allowed.
        const responseType = service.responseType === "Singleton" && earlier !== undefined
          ? earlier.responseType
          : service.responseType;
        own.serviceExports.set(service.subject, {
          ...addedExport(service, earlier),
          responseType,
        });
        checkLatency(own, { ...service, responseType }, rules);
      });
    }
  });
  each((own) => {
    for (const stream of own.account.streamImports) {
      const exporter = linked.get(stream.account);
      if (exporter === undefined) {
        rules.report(`${quoteText(stream.account)} account not defined for stream import`);
        continue;
      }
      check(
        `Error adding stream import ${quoteText(stream.subject)}`,
        () => addStreamImport(own, exporter, stream),
      );
    }
  });
  each((own) => {
    for (const service of own.account.serviceImports) {
      const exporter = linked.get(service.account);
      if (exporter === undefined) {
        rules.report(`${quoteText(service.account)} account not defined for service import`);
        continue;
      }
      check(
        `Error adding service import ${quoteText(service.subject)}`,
        () => addServiceImport(own, exporter, service),
      );
    }
  });
}

/** What `link` makes of an earlier export of the same subject: approvals add up. */
function addedExport<T extends StreamExport>(link: T, earlier: T | undefined): T {
  if (earlier === undefined) return link;
  const { accounts, accountTokenPosition } = link;
  if (accounts === null && accountTokenPosition === 0) return earlier;
  const approved = accounts === null ? earlier.accounts : [...earlier.accounts ?? [], ...accounts];
  return { ...link, accounts: approved };
}

function reportMissing(
  link: StreamExport | ServiceExport,
  linked: ReadonlyMap<string, Linked>,
  kind: string,
  rules: LinkRules,
): void {
  for (const name of link.accounts ?? []) {
    if (linked.has(name)) continue;
    rules.report(`${quoteText(name)} account not defined for ${kind} export`);
  }
}

function checkTokenPosition(link: StreamExport | ServiceExport): void {
  const position = link.accountTokenPosition;
  if (position <= 0) return;
  if (link.subject.split(".")[position - 1] !== "*") {
    throw new LinkError("sublist: invalid subject");
  }
}

function checkLatency(own: Linked, service: ServiceExport, rules: LinkRules): void {
  if (service.latency === null) return;
  const name = quoteText(service.subject);
  if (rules.noSystemAccount) {
    rules.report(`Error adding service latency sampling for ${name}: system account not setup`);
    return;
  }
  const { subject } = service.latency;
  let wrong: string | null = null;
  const isOwnService = () =>
    [...own.serviceExports.keys()].some((exported) => isSubset(subject, exported));
  if (!isValidPublishSubject(byteStringOfText(subject)) || isOwnService()) {
    wrong = "invalid publish subject";
  } else if (service.responseType !== "Singleton") wrong = "bad service response type";
  if (wrong !== null) {
    rules.report(
      `Error adding service latency sampling for ${name} on subject ${
        quoteText(subject)
      }: ${wrong}`,
    );
  }
}

function isSubset(subject: string, of: string): boolean {
  return subjectIsSubsetMatch(byteStringOfText(subject), byteStringOfText(of));
}

function collide(a: string, b: string): boolean {
  return subjectsCollide(byteStringOfText(a), byteStringOfText(b));
}

function isValid(subject: string): boolean {
  return isValidSubject(byteStringOfText(subject));
}

/** Whether one of `exports` lets the account `importer` import `subject`. */
function isAuthorized(
  exports: ReadonlyMap<string, StreamExport>,
  importer: string,
  subject: string,
): boolean {
  const direct = exports.get(subject);
  if (direct !== undefined) return mayImport(direct, importer, []);
  for (const [exported, link] of exports) {
    if (isSubset(subject, exported)) return mayImport(link, importer, subject.split("."));
  }
  return false;
}

function mayImport(link: StreamExport, importer: string, tokens: readonly string[]): boolean {
  if (link.accountTokenPosition > 0) return tokens[link.accountTokenPosition - 1] === importer;
  return link.accounts === null || link.accounts.includes(importer);
}

function addStreamImport(own: Linked, exporter: Linked, link: StreamImport): void {
  const { subject } = link;
  const name = own.account.name;
  if (!isValid(subject) || !isAuthorized(exporter.streamExports, name, subject)) {
    throw new LinkError("stream import not authorized");
  }
  let to = link.to === "" ? subject : link.to;
  if (link.prefix !== "") {
    if (!isLiteralSubject(byteStringOfText(link.prefix))) {
      throw new LinkError("stream import prefix can not contain wildcard tokens");
    }
    to = (link.prefix.endsWith(".") ? link.prefix : link.prefix + ".") + subject;
  }
  checkStreamCycle(exporter, to, new Set([name]));
  checkStreamCycle(exporter, subject, new Set([name]));
  if (subjectHasWildcard(byteStringOfText(subject)) && to !== subject) {
    try {
      checkTransform(subject, tokenizeWildcards(to), true);
    } catch (error) {
      if (!(error instanceof MappingError)) throw error;
      throw new LinkError(
        `failed to create mapping transform for stream import subject from ${
          quoteText(subject)
        } to ${quoteText(to)}: ${error.message}`,
      );
    }
    to = untokenizeWildcards(to);
  }
  if (
    own.streamImports.some(({ from, subject: other }) => from === exporter && other === subject)
  ) throw new LinkError("stream import already exists");
  own.streamImports.push({ from: exporter, subject, to });
}

function checkStreamCycle(at: Linked, to: string, visited: Set<string>): void {
  if (visited.size >= CYCLE_DEPTH_MAX) throw new LinkError("search cycle depth exhausted");
  if (![...at.streamExports.keys()].some((exported) => isSubset(to, exported))) return;
  for (const link of at.streamImports) {
    if (!collide(to, link.to)) continue;
    if (visited.has(link.from.account.name)) throw new LinkError("import forms a cycle");
    visited.add(at.account.name);
    checkStreamCycle(link.from, isSubset(link.to, to) ? link.to : to, visited);
  }
}

/** `link.to` is what requesters here use, `link.subject` what the exporter listens to. */
function addServiceImport(own: Linked, exporter: Linked, link: ServiceImport): void {
  const from = link.to;
  const to = link.subject;
  const name = own.account.name;
  if (!isValid(from) || !isValid(to)) throw new LinkError("sublist: invalid subject");
  if (!isAuthorized(exporter.serviceExports, name, to)) {
    throw new LinkError("service import not authorized");
  }
  const wildcards = subjectHasWildcard(byteStringOfText(to));
  const plainFrom = wildcards ? untokenizeWildcards(from) : from;
  checkServiceCycle(exporter, plainFrom, new Set([name]));
  if (own.serviceImports.some((other) => other.exporter === exporter && other.from === from)) {
    throw new LinkError(
      `duplicate service import subject ${quoteText(from)}, previously used in import for ` +
        `account ${quoteText(exporter.account.name)}, subject ${quoteText(to)}`,
    );
  }
  if (wildcards && to !== from) {
    try {
      checkTransform(untokenizeWildcards(to), tokenizeWildcards(from), true);
    } catch (error) {
      if (!(error instanceof MappingError)) throw error;
      throw new LinkError(
        `failed to create mapping transform for service import subject from ${quoteText(from)} to ${
          quoteText(to)
        }: ${error.message}`,
      );
    }
  }
  own.serviceImports.push({ exporter, from: plainFrom, to });
}

function checkServiceCycle(at: Linked, from: string, visited: Set<string>): void {
  if (visited.size >= CYCLE_DEPTH_MAX) throw new LinkError("search cycle depth exhausted");
  for (const link of at.serviceImports) {
    if (!collide(from, link.to)) continue;
    if (visited.has(link.exporter.account.name)) throw new LinkError("import forms a cycle");
    visited.add(at.account.name);
    checkServiceCycle(link.exporter, isSubset(link.from, from) ? link.from : from, visited);
  }
}
