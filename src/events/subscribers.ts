/**
 * `$SYS.DEBUG.SUBSCRIBERS`: how many subscriptions of clients there are for a subject.
 *
 * Reference: debugSubscribers and totalSubs in server/events.go.
 *
 * @module
 */
import { JsonShapeError, JsonSyntaxError } from "../base/json/mod.ts";
import { byteStringOf, byteStringOfText } from "../base/text/byte_string.ts";
import type { Account } from "../core/account/account.ts";
import {
  CLIENT_INFO_HEADER,
  type ClientInfo,
  clientInfoShape,
  parseClientInfo,
} from "../core/connection/client_info.ts";
import type { Subscription } from "../core/connection/subscription.ts";
import { sliceHeader } from "../protocol/mod.ts";
import { isLiteralSubject, subjectIsSubsetMatch } from "../subject/mod.ts";
import type { ServiceHandler, ServiceRequest } from "./requests.ts";
import type { SystemSender } from "./sender.ts";

function ofClient(subscription: Subscription): boolean {
  return subscription.connection?.kind === "client";
}

/** Subscriptions of clients for `subject`, which may have wildcards; all queues when null. */
export function countSubscribers(account: Account, subject: string, queue: string | null): number {
  const wanted = (one: Subscription): boolean =>
    ofClient(one) && (queue === null || one.queue === queue);
  if (!isLiteralSubject(subject)) {
    const inside = (one: Subscription): boolean =>
      wanted(one) && subjectIsSubsetMatch(one.subject, subject);
    return account.sublist.all().filter(inside).length;
  }
  const { psubs, qsubs } = account.match(subject);
  const plain = queue === null ? psubs.filter(wanted).length : 0;
  return qsubs.reduce((count, group) => count + group.filter(wanted).length, plain);
}

/** What the request says of its sender; null when that cannot be read. */
function requester({ headers }: ServiceRequest): ClientInfo | null {
  if (headers.length === 0) return clientInfoShape.create();
  try {
    const json = sliceHeader(headers, CLIENT_INFO_HEADER) ?? new Uint8Array(0);
    return parseClientInfo(new TextDecoder().decode(json));
  } catch (error) {
    if (error instanceof JsonShapeError || error instanceof JsonSyntaxError) return null;
    throw error;
  }
}

/** Counts for clients; the request is a subject and, after a blank, a queue group. */
export function debugSubscribers(sender: SystemSender): ServiceHandler {
  const { accounts } = sender.server.core;
  return (request) => {
    const { from, reply, body } = request;
    if (from === null || from.kind !== "client" || reply === "") return;
    const info = requester(request);
    if (info === null) return;
    const name = info.service || info.account;
    const account = name === "" ? from.account : accounts.get(byteStringOfText(name));
    if (account === undefined || account === null) return;
    const [subject = "", queue = null] = byteStringOf(body, 0, body.length).trim().split(" ");
    sender.send(reply, String(countSubscribers(account, subject, queue)));
  };
}
