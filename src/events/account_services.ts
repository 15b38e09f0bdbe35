/**
 * What can be asked about single accounts: by the system account about each, and by the accounts
 * themselves about themselves.
 *
 * Reference: initEventTracking, addSystemAccountExports, registerSystemImports and userInfoReq in
 * server/events.go.
 *
 * @module
 */
import { JsonShapeError, JsonSyntaxError } from "../base/json/mod.ts";
import { byteStringOfText, textOfByteString } from "../base/text/byte_string.ts";
import { goJson } from "../base/text/go_format.ts";
import type { Permissions, SubjectPermission } from "../config/mod.ts";
import type { Account, AccountSetUp } from "../core/account/account.ts";
import { PUBLIC_EXPORT } from "../core/account/exports.ts";
import { addServiceImport } from "../core/account/imports.ts";
import {
  CLIENT_INFO_HEADER,
  clientInfoShape,
  parseClientInfo,
} from "../core/connection/client_info.ts";
import type { Connection } from "../core/connection/connection.ts";
import {
  accountInfo,
  accountStatz,
  BadRequestError,
  connz,
  jszAccount,
  leafz,
  subsz,
} from "../monitor/mod.ts";
import { sliceHeader } from "../protocol/mod.ts";
import { tokenizeSubject } from "../subject/mod.ts";
import type { AccountConnections } from "./account_connections.ts";
import { answering, readOptions, type ServiceHandler, type ServiceRequest } from "./requests.ts";
import type { SystemSender } from "./sender.ts";
import {
  accountStatzRequest,
  connsRequest,
  connzRequest,
  filterOnly,
  jszRequest,
  leafzRequest,
  stateOf,
  subszRequest,
} from "./service_options.ts";

/** Counts subscribers; exported for whoever wants to import it. */
export const SUBSCRIBERS_SUBJECT = "$SYS.DEBUG.SUBSCRIBERS";
/** Where clients ask what they may do. */
const USER_INFO_SUBJECT = "$SYS.REQ.USER.INFO";
/** Statistics of the accounts of a server, for the system account. */
export const ALL_STATZ_SUBJECT = "$SYS.REQ.ACCOUNT.PING.STATZ";

/** Tokens of `$SYS.REQ.ACCOUNT.<name>.CONNZ`, and which one is the name, from 1. */
const ACCOUNT_TOKENS = 5;
const ACCOUNT_POSITION = 4;
const NS_PER_MS = 1_000_000;

/** Subject of a service about one account; names are byte strings. */
export function accountSubject(name: string, service: string): string {
  return `$SYS.REQ.ACCOUNT.${name}.${service}`;
}

/** Subject under which the system account answers questions of clients of `account`. */
export function userInfoSubject(account: string): string {
  return `$SYS.REQ.USER.${account}.INFO`;
}

function accountIn({ subject }: ServiceRequest): string {
  const tokens = tokenizeSubject(subject);
  if (tokens.length !== ACCOUNT_TOKENS) {
    throw new BadRequestError(`subject ${goJson(textOfByteString(subject))} is malformed`);
  }
  return textOfByteString(tokens[ACCOUNT_POSITION - 1]!);
}

/** The services about accounts, by the last token of their subjects. */
export function accountServices(
  sender: SystemSender,
  connections: AccountConnections,
): ReadonlyMap<string, ServiceHandler> {
  const { server } = sender;
  return new Map<string, ServiceHandler>([
    [
      "SUBSZ",
      answering(sender, subszRequest, (asked, request) => {
        return goJson(
          subsz(server, { ...asked, subscriptions: true, account: accountIn(request) }),
        );
      }),
    ],
    [
      "CONNZ",
      answering(sender, connzRequest, (asked, request) => {
        const state = stateOf(asked);
        return goJson(connz(server, { ...asked, state, account: accountIn(request) }));
      }),
    ],
    [
      "LEAFZ",
      answering(sender, leafzRequest, (asked, request) => {
        return goJson(leafz(server, { ...asked, account: accountIn(request) }));
      }),
    ],
    [
      "JSZ",
      answering(
        sender,
        jszRequest,
        (asked, request) => jszAccount(server, { ...asked, account: accountIn(request) }),
      ),
    ],
    [
      "INFO",
      answering(
        sender,
        filterOnly("AccInfoEventOptions"),
        (_asked, request) => goJson(accountInfo(server, accountIn(request))),
      ),
    ],
    [
      "STATZ",
      answering(sender, accountStatzRequest, ({ unused }, request) => {
        const account = accountIn(request);
        // All servers answer for all their accounts under that name.
        return account === "PING" ? null : statzOf(sender, { unused, accounts: [account] });
      }),
    ],
    ["CONNS", connectionCount(sender, connections)],
  ]);
}

function statzOf(
  { server }: SystemSender,
  asked: { unused: boolean; accounts: readonly string[] },
): string | null {
  const found = accountStatz(server, asked);
  return found.account_statz.length === 0 && !asked.unused ? null : goJson(found);
}

/** Statistics of all accounts of the server. */
export function allAccountStatz(sender: SystemSender): ServiceHandler {
  return answering(sender, accountStatzRequest, (asked) => statzOf(sender, asked));
}

function connectionCount(
  sender: SystemSender,
  connections: AccountConnections,
): ServiceHandler {
  const { log } = sender.server.env;
  return (request) => {
    const account = accountIn(request);
    const wrong = (text: string): void => log.error(`SYSTEM - ${text}`);
    let asked = account;
    if (request.body.length > 0) {
      const read = readOptions(connsRequest, request);
      if ("wrong" in read) {
        return wrong(`Error unmarshalling account connections request message: ${read.wrong}`);
      }
      asked = read.asked.account || account;
    }
    if (asked !== account) return wrong("Error unmarshalled account does not match subject");
    connections.answer(byteStringOfText(account), request.reply);
  };
}

/** Tells clients who they are and what they may do. */
export function userInfo(sender: SystemSender): ServiceHandler {
  return ({ reply, headers, from }) => {
    if (reply === "") return;
    let client = clientInfoShape.create();
    if (headers.length > 0) {
      const json = sliceHeader(headers, CLIENT_INFO_HEADER);
      try {
        client = parseClientInfo(new TextDecoder().decode(json ?? new Uint8Array(0)));
      } catch (error) {
        if (!(error instanceof JsonShapeError || error instanceof JsonSyntaxError)) throw error;
        return sender.answer(reply, { error: { code: 400 } });
      }
    }
    const { user, account } = client;
    const found = sender.server.core.accounts.get(byteStringOfText(account));
    const data = {
      user,
      account,
      account_name: found === undefined ? undefined : textOfByteString(found.nameTag),
      user_name: client.nameTag || undefined,
      permissions: shownPermissions(from),
      expires: from === null ? undefined : expiresNs(from),
    };
    sender.answer(reply, { data: goJson(data) });
  };
}

/** Whole seconds, in ns, until the connection is sent away; undefined without an end. */
function expiresNs({ expiresMs, core }: Connection): number | undefined {
  if (expiresMs === 0) return undefined;
  return Math.trunc((expiresMs - core.env.clock.nowMs()) / 1000) * 1000 * NS_PER_MS || undefined;
}

function shownPermissions(from: Connection | null) {
  if (from === null || from.permissions === null) return undefined;
  const { source, response } = from.permissions;
  const { publish, subscribe }: Permissions = source;
  return {
    publish: shownSubjects(publish),
    subscribe: shownSubjects(subscribe),
    responses: response === null
      ? undefined
      : { max: response.maxMsgs, ttl: Math.round(response.expiresMs * NS_PER_MS) },
  };
}

function shownSubjects(subjects: SubjectPermission | null) {
  const shown = (list: readonly string[] | null | undefined) =>
    list === null || list === undefined || list.length === 0 ? undefined : list;
  return { allow: shown(subjects?.allow), deny: shown(subjects?.deny) };
}

/** Exports what accounts may ask of the system account, unless its operator has done so. */
export function exportSystemServices(system: Account): void {
  const { exports } = system;
  for (const name of ["CONNZ", "STATZ"]) {
    const subject = accountSubject("*", name);
    if (exports.service(subject) !== null) continue;
    // Whoever imports it must have its own name in the subject.
    const added = exports.addService(subject, {
      ...PUBLIC_EXPORT,
      tokenPosition: ACCOUNT_POSITION,
    });
    added.responseType = "Streamed";
  }
  for (const subject of [SUBSCRIBERS_SUBJECT, userInfoSubject("*")]) {
    if (exports.service(subject) === null) exports.addService(subject);
  }
  importService(system, system, USER_INFO_SUBJECT, userInfoSubject(system.name), true);
}

/** Lets the clients of accounts ask about themselves and their account. */
export class SystemServices implements AccountSetUp {
  readonly subscriptionCount = 4;

  constructor(readonly system: Account) {}

  setUp(account: Account): void {
    const { system } = this;
    const { name } = account;
    const connections = accountSubject(name, "CONNZ");
    importService(account, system, accountSubject("PING", "CONNZ"), connections);
    importService(account, system, "$SYS.REQ.SERVER.PING.CONNZ", connections);
    importService(account, system, ALL_STATZ_SUBJECT, accountSubject(name, "STATZ"));
    importService(account, system, USER_INFO_SUBJECT, userInfoSubject(name), true);
  }
}

function importService(
  importer: Account,
  system: Account,
  from: string,
  to: string,
  share = false,
): void {
  const present = importer.serviceImports.find((one) =>
    one.exporter === system && one.from === from
  );
  if (present === undefined) {
    addServiceImport(importer, system, { from, to, share, internal: true });
  } // The system account may have been given other exports.
  else if (present.internal) present.service = system.exports.service(to);
}
