/**
 * The sessions of all accounts of a server.
 *
 * @module
 */
import type { Account } from "../../core/account/account.ts";
import type { Core } from "../../core/core.ts";
import { AccountSessions } from "./account_sessions.ts";
import { MAX_ACK_PENDING_DEFAULT } from "./names.ts";

/** Opens the sessions of an account when its first client comes. */
export class MqttSessions {
  readonly #opening = new Map<Account, Promise<AccountSessions>>();
  readonly #open = new Map<Account, AccountSessions>();
  #stopped = false;

  constructor(readonly core: Core) {}

  /** Rejects when JetStream does not give what MQTT needs; the next client tries again. */
  of(account: Account): Promise<AccountSessions> {
    let opening = this.#opening.get(account);
    if (opening === undefined) {
      opening = this.#openFor(account);
      this.#opening.set(account, opening);
    }
    return opening;
  }

  async #openFor(account: Account): Promise<AccountSessions> {
    try {
      const sessions = await AccountSessions.open(this.core, account);
      this.#open.set(account, sessions);
      if (this.#stopped) sessions.stop();
      return sessions;
    } catch (error) {
      this.#opening.delete(account);
      throw error;
    }
  }

  /** Sessions of accounts whose clients have come. */
  get opened(): Iterable<AccountSessions> {
    return this.#open.values();
  }

  /** Takes over a new limit of unacknowledged messages. */
  limitsChanged(): void {
    const maxAckPending = this.core.options.mqtt.maxAckPending || MAX_ACK_PENDING_DEFAULT;
    for (const sessions of this.#open.values()) {
      for (const session of sessions.all) session.maxAckPending = maxAckPending;
    }
  }

  /** Ends what waits for JetStream. */
  stop(): void {
    this.#stopped = true;
    for (const sessions of this.#open.values()) sessions.stop();
  }
}
