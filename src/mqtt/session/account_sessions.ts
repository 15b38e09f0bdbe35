/**
 * The sessions of an account.
 *
 * While a session is worked on, which takes answers of JetStream, it is locked: nobody else gets
 * it. Clients that keep taking a client id from each other are held for a second each.
 *
 * Reference: mqttAccountSessionManager in server/mqtt.go.
 *
 * @module
 */
import { decodeJson } from "../../base/json/mod.ts";
import { textOfByteString } from "../../base/text/byte_string.ts";
import { goQuote } from "../../base/text/go_format.ts";
import type { Account } from "../../core/account/account.ts";
import { ClosedState } from "../../core/connection/closed_state.ts";
import type { Connection } from "../../core/connection/connection.ts";
import type { Subscription } from "../../core/connection/subscription.ts";
import type { Core } from "../../core/core.ts";
import { ErrorCode, expectRefusal, JsApi } from "./js_api.ts";
import { RetainedMessages } from "./retained_messages.ts";
import { MqttSession, type SessionRecord, sessionRecordShape } from "./session.ts";
import { AccountStreams } from "./streams.ts";

/** How long a client is held whose id was just taken from another one. */
const JAIL_MS = 1000;
/** How often, and how many times, it is tried whether a session is free. */
const LOCKED_WAIT_MS = 100;
const LOCKED_TRIES = 10;

/** The record of a session is that of another client id with the same hash. */
export class SessionCollisionError extends Error {
  override readonly name = "SessionCollisionError";
  readonly code = "MQTT_SESSION_COLLISION";
}

/** Sessions of one account. */
export class AccountSessions {
  readonly retained: RetainedMessages;
  readonly #streams: AccountStreams;
  readonly #persisted: Subscription;
  readonly #sessions = new Map<string, MqttSession>();
  readonly #byHash = new Map<string, MqttSession>();
  readonly #locked = new Set<string>();
  /** When client ids were last taken from a client. */
  readonly #flapping = new Map<string, number>();

  private constructor(readonly api: JsApi, readonly domainToken: string) {
    this.retained = new RetainedMessages(api);
    this.#streams = new AccountStreams(api, domainToken);
    this.#persisted = api.core.internal.subscribe(
      api.account,
      "$MQTT.JSA.*.SP.*.*",
      (_subscription, _account, subject, _reply, message, headerBytes) =>
        this.#onPersisted(subject, message.subarray(headerBytes)),
    );
  }

  /** Makes what MQTT needs in `account`. Rejects when JetStream does not do it. */
  static async open(core: Core, account: Account): Promise<AccountSessions> {
    const { options, env: { log } } = core;
    const ofAccount = options.jsAccDefaultDomain.get(textOfByteString(account.name));
    const domain = ofAccount || options.mqtt.jsDomain;
    const isSet = ofAccount !== undefined || options.mqtt.jsDomain !== "";
    const tokenDomain = isSet ? domain : options.jetStreamDomain;
    const replicas = Math.max(1, options.mqtt.streamReplicas);
    log.notice(
      `Creating MQTT streams/consumers with replicas ${replicas} for account ` +
        goQuote(textOfByteString(account.name)) + (isSet ? ` in domain "${domain}"` : ""),
    );
    const api = new JsApi(core, account, domain, options.jetStream && !isSet);
    const sessions = new AccountSessions(api, tokenDomain === "" ? "" : `${tokenDomain}.`);
    try {
      await sessions.#streams.ensure();
      await sessions.retained.follow().catch((error) => {
        throw new Error(
          `create retained messages consumer for account ${
            goQuote(textOfByteString(account.name))
          }: ${(error as Error).message}`,
          { cause: error },
        );
      });
    } catch (error) {
      sessions.stop();
      throw error;
    }
    return sessions;
  }

  /** Ends what waits for JetStream. */
  stop(): void {
    const { account, core } = this.api;
    core.internal.unsubscribe(account, this.#persisted);
    this.#streams.stop();
    this.retained.stop();
    this.api.stop();
  }

  get all(): Iterable<MqttSession> {
    return this.#sessions.values();
  }

  find(clientId: string): MqttSession | undefined {
    return this.#sessions.get(clientId);
  }

  add(session: MqttSession): void {
    this.#sessions.set(session.id, session);
    this.#byHash.set(session.idHash, session);
  }

  remove(session: MqttSession): void {
    if (this.#sessions.get(session.id) === session) this.#sessions.delete(session.id);
    if (this.#byHash.get(session.idHash) === session) this.#byHash.delete(session.idHash);
  }

  /**
   * Locks the session of `clientId` for a client that has come, which may have to wait for it.
   * False when the client must go because others keep taking its id.
   */
  async lockForConnect(clientId: string, connection: Connection): Promise<boolean> {
    const { clock } = this.api.core.env;
    for (let tried = 0;;) {
      const takenMs = this.#flapping.get(clientId);
      if (takenMs !== undefined && clock.monotonicMs() - takenMs <= JAIL_MS) {
        // Held here, so that whatever it sends on is not read.
        await this.#pause(JAIL_MS, connection);
        return false;
      }
      this.#flapping.delete(clientId);
      if (!this.#locked.has(clientId)) break;
      if (++tried === LOCKED_TRIES) {
        throw new Error(
          `other session with client ID ${goQuote(textOfByteString(clientId))} is in the ` +
            "process of connecting",
        );
      }
      await this.#pause(LOCKED_WAIT_MS, connection);
    }
    this.#locked.add(clientId);
    return true;
  }

  #pause(delayMs: number, connection: Connection): Promise<void> {
    const { loop } = this.api.core.env;
    if (connection.closed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = loop.setTimer(() => {
        connection.closing = null;
        resolve();
      }, delayMs);
      connection.closing = () => {
        loop.clearTimer(timer);
        resolve();
      };
    });
  }

  /** Locks the session that `connection` works with. Throws when it has lost it. */
  lock(session: MqttSession, connection: Connection): void {
    if (this.#locked.has(session.id) || session.connection !== connection) {
      throw new Error(
        `another session is in use with client ID ${goQuote(textOfByteString(session.id))}`,
      );
    }
    this.#locked.add(session.id);
  }

  unlock(clientId: string): void {
    this.#locked.delete(clientId);
  }

  /** Notes that the id was taken from a client. */
  noteTaken(clientId: string): void {
    const nowMs = this.api.core.env.clock.monotonicMs();
    for (const [id, takenMs] of this.#flapping) {
      if (nowMs - takenMs > JAIL_MS) this.#flapping.delete(id);
    }
    this.#flapping.set(clientId, nowMs);
  }

  /** The client that had the id has left. */
  noteLeft(clientId: string): void {
    this.#flapping.delete(clientId);
  }

  /** The stored session of `clientId`, or a new one. Throws {@linkcode SessionCollisionError}. */
  async load(clientId: string): Promise<{ session: MqttSession; existed: boolean }> {
    const session = new MqttSession(this.api, clientId, this.domainToken, 0);
    const stored = await this.api.loadLast("$MQTT_sess", session.recordSubject).catch((error) => {
      try {
        expectRefusal(error, ErrorCode.NoMessageFound);
      } catch (_other) {
        throw new Error(`loading session record: ${(error as Error).message}`, { cause: error });
      }
      return null;
    });
    if (stored === null) return { session, existed: false };
    let record: SessionRecord;
    try {
      record = decodeJson(sessionRecordShape, new TextDecoder().decode(stored.payload));
    } catch (error) {
      throw new Error(
        `unmarshal of session record at sequence ${stored.sequence}: ${(error as Error).message}`,
        { cause: error },
      );
    }
    if (record.id !== textOfByteString(clientId)) {
      throw new SessionCollisionError("stored session does not match client ID");
    }
    session.sequence = stored.sequence;
    session.restore(record);
    this.add(session);
    return { session, existed: true };
  }

  /** Another server has stored a session: its client is there now, no more here. */
  #onPersisted(subject: string, answer: Uint8Array): void {
    const [, , server, , idHash] = subject.split(".");
    if (server === this.api.id) return;
    const session = this.#byHash.get(idHash ?? "");
    if (session === undefined) return;
    let stored: { error?: unknown; seq?: unknown; domain?: unknown };
    try {
      stored = JSON.parse(new TextDecoder().decode(answer)) ?? {};
    } catch (_notJson) {
      return;
    }
    const domain = stored.domain === undefined ? "" : `${stored.domain}.`;
    if (stored.error !== undefined || domain !== this.domainToken) return;
    if (typeof stored.seq !== "number" || stored.seq < session.sequence) return;
    this.remove(session);
    const { connection } = session;
    if (connection === null) return;
    this.noteTaken(session.id);
    this.api.core.env.log.warn(
      `${connection.label} - Closing because a remote connection has started with the same ` +
        `client ID: ${goQuote(textOfByteString(session.id))}`,
    );
    session.connection = null;
    connection.close(ClosedState.DuplicateClientID);
  }
}
