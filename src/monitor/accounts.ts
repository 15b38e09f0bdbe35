/**
 * `/accountz` and `/accstatz`: the accounts, one of them in detail, and their traffic.
 *
 * Reference: Accountz, accountInfo, AccountStatz in server/monitor.go, statz in server/events.go.
 *
 * @module
 */
import { byteStringOfText, textOfByteString } from "../base/text/byte_string.ts";
import type { Account } from "../core/account/account.ts";
import { type ApiService, linkFields, responsesOf, trustFields } from "./account_links.ts";
import { BadRequestError, nsOfMs, omitEmpty, timeText } from "./go_values.ts";
import type { MonitoredServer } from "./source.ts";
import { sublistFields } from "./subsz.ts";

function clientCount(account: Account): number {
  let count = 0;
  for (const { kind } of account.connections) if (kind === "client") count++;
  return count;
}

function mappings(account: Account) {
  const all = account.mapper?.describe() ?? [];
  if (all.length === 0) return undefined;
  const shown = all.map(({ source, destinations }) =>
    [
      textOfByteString(source),
      destinations.map(({ subject, weight, cluster }) => ({
        subject: textOfByteString(subject),
        weight,
        cluster: omitEmpty(cluster),
      })),
    ] as const
  );
  return Object.fromEntries(shown.sort(([a], [b]) => a < b ? -1 : 1));
}

/** JetStream's API as `account` has it; null without JetStream. */
function apiServiceOf({ core, jetStream }: MonitoredServer, account: Account): ApiService | null {
  const { systemAccount } = core;
  if (jetStream === null || systemAccount === null) return null;
  return {
    exporter: systemAccount.name,
    isExporter: account === systemAccount,
    isImporter: jetStream.accountOf(account) !== null,
  };
}

function accountDetail(server: MonitoredServer, account: Account) {
  account.use();
  const name = textOfByteString(account.name);
  const { head, tail } = trustFields(account, server.env.clock.nowMs());
  return {
    account_name: name,
    update_time: timeText(nsOfMs(account.updatedMs)),
    is_system: omitEmpty(account === server.core.systemAccount),
    expired: account.trust?.expired ?? false,
    complete: account.trust?.incomplete !== true,
    jetstream_enabled: server.jetStream?.accountOf(account) != null,
    leafnode_connections: account.leafs?.size ?? 0,
    client_connections: clientCount(account),
    subscriptions: account.subscriptionCount,
    mappings: mappings(account),
    ...linkFields(account, apiServiceOf(server, account)),
    ...head,
    name_tag: textOfByteString(account.nameTag),
    ...tail,
    sublist_stats: sublistFields(account.sublist.stats()),
    responses: responsesOf(account),
  };
}

/** One account in detail. @throws {BadRequestError} */
export function accountInfo(server: MonitoredServer, name: string) {
  const account = server.core.accounts.get(byteStringOfText(name));
  if (account === undefined) throw new BadRequestError(`Account ${name} does not exist`);
  return accountDetail(server, account);
}

/** What `/accountz` shows: all names, or the one account asked for. @throws {BadRequestError} */
export function accountz(server: MonitoredServer, name = "") {
  const { core: { accounts, systemAccount }, env } = server;
  const detail = name === "" ? undefined : accountInfo(server, name);
  return {
    server_id: server.info.server_id,
    now: timeText(env.clock.nowNs()),
    system_account: systemAccount === null ? undefined : textOfByteString(systemAccount.name),
    accounts: name === "" ? [...accounts.keys()].map(textOfByteString) : undefined,
    account_detail: detail,
  };
}

function traffic(msgs: number, bytes: number) {
  const none = () => ({ msgs: 0, bytes: 0 });
  return { msgs, bytes, gateways: none(), routes: none(), leafs: none() };
}

/** The figures of an account, as reports of accounts have them. */
export function accountStatistics(account: Account) {
  const connections = clientCount(account);
  const leafs = account.leafs?.size ?? 0;
  return {
    acc: textOfByteString(account.name),
    name: textOfByteString(account.nameTag),
    conns: connections,
    leafnodes: leafs,
    total_conns: connections + leafs,
    num_subscriptions: account.subscriptionCount,
    sent: traffic(account.outMsgs, account.outBytes),
    received: traffic(account.inMsgs, account.inBytes),
    slow_consumers: account.slowConsumers,
  };
}

/** Which accounts `/accstatz` shows. */
export interface AccountStatzOptions {
  /** Those without connections, too. */
  readonly unused?: boolean;
  /** Only those with these names; all when empty. */
  readonly accounts?: readonly string[];
}

/** What `/accstatz` shows. */
export function accountStatz(server: MonitoredServer, options: AccountStatzOptions = {}) {
  const { accounts } = server.core;
  const asked = (options.accounts ?? []).map((name) => accounts.get(byteStringOfText(name)))
    .filter((account) => account !== undefined);
  const named = (options.accounts ?? []).length > 0;
  const shown = (named ? asked : [...accounts.values()])
    .filter((account) =>
      options.unused === true || clientCount(account) + (account.leafs?.size ?? 0) > 0
    );
  return {
    server_id: server.info.server_id,
    now: timeText(server.env.clock.nowNs()),
    account_statz: shown.map(accountStatistics),
  };
}
