/**
 * How many connections an account has: told when that changes, and every now and then while it has
 * any.
 *
 * Reference: sendAccConnsUpdate, accConnsUpdate and connsRequest in server/events.go.
 *
 * @module
 */
import { goJson } from "../base/text/go_format.ts";
import type { Account } from "../core/account/account.ts";
import { accountStatistics } from "../monitor/mod.ts";
import type { TimerHandle } from "../platform/mod.ts";
import type { SystemSender } from "./sender.ts";

const HEARTBEAT_MS = 30_000;

/** Reports the connections of all accounts but the global one. */
export class AccountConnections {
  readonly #timers = new Map<Account, TimerHandle>();

  /** Time between two reports when nothing changes. */
  heartbeatMs: number = HEARTBEAT_MS;

  constructor(readonly sender: SystemSender) {}

  /** Accounts that will report again on their own. */
  get tracked(): ReadonlySet<Account> {
    return new Set(this.#timers.keys());
  }

  /** Reports an account after a connection has come or left. */
  changed(account: Account): void {
    const { core } = this.sender.server;
    if (account === core.globalAccount) return;
    this.#report(account, [
      `$SYS.SERVER.ACCOUNT.${account.name}.CONNS`,
      `$SYS.ACCOUNT.${account.name}.SERVER.CONNS`,
    ]);
  }

  /** Answers whoever asks about the account with the byte string `name`. */
  answer(name: string, reply: string): void {
    const account = this.sender.server.core.accounts.get(name);
    if (account !== undefined && isUsed(account)) this.#report(account, [reply]);
  }

  #report(account: Account, subjects: readonly string[]): void {
    const { loop } = this.sender.server.env;
    const timer = this.#timers.get(account);
    if (timer !== undefined) loop.clearTimer(timer);
    this.#timers.delete(account);
    if (isUsed(account)) {
      this.#timers.set(account, loop.setTimer(() => this.changed(account), this.heartbeatMs));
    }
    const interested = subjects.filter((subject) => this.sender.hasInterest(subject));
    if (interested.length === 0) return;
    const head = this.sender.eventHead("account_connections");
    const statistics = accountStatistics(account);
    for (const subject of interested) {
      const server = this.sender.serverInfo();
      this.sender.send(subject, goJson({ ...head, server, ...statistics }));
    }
  }

  /** Stops timers. */
  stop(): void {
    for (const timer of this.#timers.values()) this.sender.server.env.loop.clearTimer(timer);
    this.#timers.clear();
  }
}

function isUsed({ connections, leafs }: Account): boolean {
  return connections.size + (leafs?.size ?? 0) > 0;
}
