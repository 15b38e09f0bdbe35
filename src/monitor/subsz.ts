/**
 * `/subsz`: counters of the sublists, and the subscriptions themselves by pages.
 *
 * Reference: Subsz, HandleSubsz in server/monitor.go.
 *
 * @module
 */
import { byteStringOfText, textOfByteString } from "../base/text/byte_string.ts";
import type { Account } from "../core/account/account.ts";
import { isValidLiteralSubject, matchLiteral } from "../subject/mod.ts";
import { SublistStats } from "../sublist/mod.ts";
import { subscriptionDetail } from "./connection_info.ts";
import { BadRequestError, omitEmptyList, page, type Query, timeText } from "./go_values.ts";
import type { MonitoredServer } from "./source.ts";

/** Subscriptions on a page when nothing is said. */
export const DEFAULT_SUBSCRIPTION_LIMIT = 1024;

/** Shown for subscriptions of the server itself; no connection has this id. */
const OWN_CLIENT_ID = 0;

/** A question to {@linkcode subsz}. */
export interface SubszOptions {
  /** List the subscriptions. */
  readonly subscriptions?: boolean;
  readonly offset?: number;
  readonly limit?: number;
  readonly account?: string;
  /** Only subscriptions that a message to this subject would reach. */
  readonly test?: string;
}

/** Reads the question from a request. @throws {BadRequestError} */
export function subszOptions(query: Query): SubszOptions {
  return {
    subscriptions: query.bool("subs"),
    offset: query.int("offset"),
    limit: query.int("limit"),
    test: query.text("test"),
    account: query.text("acc"),
  };
}

/** Counters of a sublist in the reference's names and order. */
export function sublistFields(stats: SublistStats) {
  return {
    num_subscriptions: stats.numSubs,
    num_cache: stats.numCache,
    num_inserts: stats.numInserts,
    num_removes: stats.numRemoves,
    num_matches: stats.numMatches,
    cache_hit_rate: stats.cacheHitRate,
    max_fanout: stats.maxFanout,
    avg_fanout: stats.avgFanout,
  };
}

function details(account: Account, test: string) {
  const found = [];
  for (const subscription of account.sublist.localSubs(() => true)) {
    const { connection, subject } = subscription;
    if (test !== "" && !matchLiteral(test, subject)) continue;
    const detail = subscriptionDetail(subscription, connection?.id ?? OWN_CLIENT_ID);
    // Who imports a stream is shown where it is exported, too.
    const { name, nameTag } = connection?.account ?? account;
    found.push({
      account: textOfByteString(name),
      account_tag: textOfByteString(nameTag),
      ...detail,
    });
  }
  return found;
}

/** What `/subsz` shows. @throws {BadRequestError} */
export function subsz(server: MonitoredServer, options: SubszOptions = {}) {
  const test = byteStringOfText(options.test ?? "");
  if (test !== "" && !isValidLiteralSubject(test)) {
    throw new BadRequestError(
      `invalid test subject, must be valid publish subject: ${options.test}`,
    );
  }
  const offset = Math.max(0, options.offset ?? 0);
  const asked = options.limit ?? 0;
  const limit = asked > 0 ? asked : DEFAULT_SUBSCRIPTION_LIMIT;
  const only = byteStringOfText(options.account ?? "");
  const accounts = [...server.core.accounts.values()]
    .filter(({ name }) => only === "" || name === only);
  const stats = new SublistStats();
  for (const account of accounts) {
    account.use();
    stats.add(account.sublist.stats());
  }
  const found = options.subscriptions === true
    ? accounts.flatMap((account) => details(account, test))
    : [];
  return {
    server_id: server.info.server_id,
    now: timeText(server.env.clock.nowNs()),
    ...sublistFields(stats),
    total: found.length,
    offset,
    limit,
    subscriptions_list: omitEmptyList(page(found, offset, limit)),
  };
}
