/**
 * What hubs and leaf nodes tell each other of the interest in an account.
 *
 * Each connection counts how many want a subject, or how many members a queue group has, and tells
 * the other end when the first one comes and the last one goes; of groups also each change. A leaf
 * tells its hub of its own interest only, a hub tells a leaf of all but the leaf's own. The subject
 * of loop detection, one for each account, always passes: who gets its own back is in a loop.
 *
 * Reference: initLeafNodeSmapAndSendSubs, updateLeafNodesEx, updateSmap, sendLeafNodeSubUpdate and
 * writeLeafSub in server/leafnode.go.
 *
 * @module
 */
import { nuid } from "../base/text/nuid.ts";
import type { Account, InterestSink } from "../core/account/account.ts";
import type { Connection } from "../core/connection/connection.ts";
import type { LeafLink } from "../core/connection/leaf_link.ts";
import type { Subscription } from "../core/connection/subscription.ts";
import type { Random } from "../platform/mod.ts";

/** Subjects that show loops begin with it. */
export const LOOP_PREFIX = "$LDS.";
/** Replies of services to other accounts, which need no permission. */
const SERVICE_REPLY_PREFIX = "_R_.";

/** The `subject [queue]` under which interest is counted, a byte string. */
export function interestKey({ subject, queue }: Subscription): string {
  return queue === null ? subject : `${subject} ${queue}`;
}

/** Tells the leaf nodes and hubs of one server's accounts of interest. */
export class LeafInterest implements InterestSink {
  readonly #loopSubjects = new WeakMap<Account, string>();

  constructor(readonly random: Random) {}

  /** The subject by which loops in `account` are detected. */
  loopSubject(account: Account): string {
    let subject = this.#loopSubjects.get(account);
    if (subject === undefined) {
      subject = LOOP_PREFIX + nuid(this.random);
      this.#loopSubjects.set(account, subject);
    }
    return subject;
  }

  /** Tells the other end of `connection` of all that it should know, and from then on of changes. */
  introduce(connection: Connection, account: Account): void {
    const leaf = connection.leaf!;
    const counts = new Map<string, number>();
    account.interest = this;
    for (const subscription of account.sublist.all()) {
      if (!concerns(leaf, connection, subscription) || !mayShow(connection, subscription.subject)) {
        continue;
      }
      const key = interestKey(subscription);
      counts.set(key, (counts.get(key) ?? 0) + subscription.queueWeight);
    }
    for (const { source } of account.mapper?.describe() ?? []) {
      if (mayShow(connection, source)) counts.set(source, (counts.get(source) ?? 0) + 1);
    }
    counts.set(this.loopSubject(account), 1);
    leaf.interest = counts;
    for (const [key, count] of counts) send(connection, key, count);
  }

  interestChanged(account: Account, subscription: Subscription, delta: number): void {
    if (account.leafs === null) return;
    const { subject } = subscription;
    for (const connection of account.leafs) {
      const leaf = connection.leaf!;
      if (leaf.interest === null || !concerns(leaf, connection, subscription)) continue;
      if (delta > 0 && !mayShow(connection, subject)) continue;
      change(connection, leaf.interest, interestKey(subscription), delta, subscription.queue);
    }
  }
}

/** Whether the other end of `connection` should hear of `subscription` at all. */
function concerns(leaf: LeafLink, connection: Connection, subscription: Subscription): boolean {
  const from = subscription.connection;
  if (from === null || from.leaf === null) return true;
  if (from === connection || leaf.isolated && !subscription.subject.startsWith(LOOP_PREFIX)) {
    return false;
  }
  const origin = from.leaf.remoteCluster;
  if (origin !== "" && origin === leaf.remoteCluster) return false;
  // A leaf does not tell one hub of what another one wants, but for loops.
  return !leaf.isSpoke || !from.leaf.isSpoke || subscription.subject.startsWith(LOOP_PREFIX);
}

function mayShow({ permissions }: Connection, subject: string): boolean {
  if (permissions === null) return true;
  if (subject.startsWith(LOOP_PREFIX) || subject.startsWith(SERVICE_REPLY_PREFIX)) return true;
  return permissions.mayShowInterest(subject);
}

function change(
  connection: Connection,
  counts: Map<string, number>,
  key: string,
  delta: number,
  queue: string | null,
): void {
  const before = counts.get(key) ?? 0;
  if (delta < 0 && before === 0) return;
  const after = Math.max(0, before + delta);
  if (after > 0) counts.set(key, after);
  else counts.delete(key);
  if (queue !== null || before === 0 || after === 0) send(connection, key, after);
}

function send(connection: Connection, key: string, count: number): void {
  const weight = count > 0 && key.includes(" ") ? ` ${count}` : "";
  const line = `${count > 0 ? "LS+" : "LS-"} ${key}${weight}`;
  if (connection.trace) connection.traceLine(`->> [${line}]`);
  connection.sendLine(`${line}\r\n`);
}
