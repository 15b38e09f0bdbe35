/**
 * The retained messages of an account: where they are in their stream, and those lately used.
 *
 * What the stream's consumer delivers is the order that all servers follow: an empty message takes
 * the one before it away.
 *
 * Reference: processRetainedMsg, loadRetainedMessages and the cache in server/mqtt.go.
 *
 * @module
 */
import { TreeLeaf } from "../../base/containers/stree/node.ts";
import { SubjectTree } from "../../base/containers/stree/subject_tree.ts";
import { textOfByteString } from "../../base/text/byte_string.ts";
import { nuid } from "../../base/text/nuid.ts";
import type { Connection } from "../../core/connection/connection.ts";
import type { Subscription } from "../../core/connection/subscription.ts";
import { emptyConsumerConfig } from "../../jsapi/mod.ts";
import type { TimerHandle } from "../../platform/mod.ts";
import { MqttError } from "../wire/packet.ts";
import { readAckSubject } from "./ack_subject.ts";
import { ErrorCode, type JsApi, JsRequestError } from "./js_api.ts";
import { StreamName, SubjectPrefix } from "./names.ts";
import { readRetained, type RetainedMessage } from "./retained_message.ts";

const CACHE_MS = 120_000;
const CONSUMER_INACTIVE_NS = 300n * 1_000_000_000n;
const DELETE = "\x7f";

/** Where a retained message is in its stream. */
export class StoredAt extends TreeLeaf {
  constructor(readonly sequence: number) {
    super();
  }
}

interface Cached {
  readonly message: RetainedMessage;
  readonly expiresMs: number;
}

/** Retained messages of one account. */
export class RetainedMessages {
  /** Sequences by subject. */
  readonly sequences: SubjectTree<StoredAt> = new SubjectTree<StoredAt>();
  readonly #cache = new Map<string, Cached>();
  readonly #deliverSubject: string;
  readonly #deliveries: Subscription;
  readonly #cleanUp: TimerHandle;

  constructor(readonly api: JsApi) {
    const { env, internal } = api.core;
    this.#deliverSubject = SubjectPrefix.Delivery + nuid(env.random);
    this.#deliveries = internal.subscribe(
      api.account,
      this.#deliverSubject,
      (_subscription, _account, subject, reply, message, headerBytes) =>
        this.#onStored(subject, reply, message, headerBytes),
    );
    this.#cleanUp = env.loop.setRepeating(() => this.#forgetOld(), CACHE_MS);
  }

  /** Follows the stream from its beginning. */
  async follow(): Promise<void> {
    const { random } = this.api.core.env;
    const config = emptyConsumerConfig();
    config.name = `${StreamName.Retained}_${nuid(random)}`;
    config.filterSubject = `${SubjectPrefix.Retained}>`;
    config.deliverSubject = this.#deliverSubject;
    config.inactiveThreshold = CONSUMER_INACTIVE_NS;
    const stream = StreamName.Retained;
    // Old versions had a durable one.
    this.api.deleteConsumerSoon(stream, `${stream}_${this.api.id}`);
    await this.api.createConsumer({ stream, config, action: "", pedantic: false });
  }

  stop(): void {
    const { account, core } = this.api;
    core.internal.unsubscribe(account, this.#deliveries);
    core.env.loop.clearTimer(this.#cleanUp);
  }

  #onStored(subject: string, reply: string, bytes: Uint8Array, headerBytes: number): void {
    const sequence = readAckSubject(reply)?.sequence ?? 0;
    let message: RetainedMessage;
    try {
      message = readRetained(
        subject,
        bytes.subarray(0, headerBytes),
        bytes.subarray(headerBytes),
      );
    } catch (error) {
      if (!(error instanceof MqttError)) throw error;
      return;
    }
    const { api } = this;
    if (message.subject.includes(DELETE)) {
      api.core.env.log.warn(
        `Skipping retained message for subject ${JSON.stringify(message.subject)}: ` +
          "unsupported character 0x7f",
      );
      return;
    }
    if (bytes.length === headerBytes) {
      const removed = this.remove(message.subject, 0);
      if (message.origin !== api.id) return;
      if (removed > 0) this.#tellRemoved(message.subject, removed);
      api.deleteMsgSoon(StreamName.Retained, sequence);
      return;
    }
    this.sequences.insert(message.subject, new StoredAt(sequence));
    if (this.#cache.has(message.subject)) {
      this.#keep({ ...message, payload: message.payload.slice() });
    }
  }

  /** Tells servers of old versions. */
  #tellRemoved(subject: string, sequence: number): void {
    const json = JSON.stringify({ subject: textOfByteString(subject), seq: sequence });
    this.api.send(`${this.api.repliesPrefix}RD`, new TextEncoder().encode(json));
  }

  /** Forgets the message of `subject`, only with `sequence` unless 0. Its sequence, 0 for none. */
  remove(subject: string, sequence: number): number {
    const found = this.sequences.find(subject);
    if (found === null || (sequence > 0 && sequence !== found.sequence)) return 0;
    this.sequences.delete(subject);
    this.#cache.delete(subject);
    return found.sequence;
  }

  #keep(message: RetainedMessage): void {
    const expiresMs = this.api.core.env.clock.monotonicMs() + CACHE_MS;
    this.#cache.set(message.subject, { message, expiresMs });
  }

  #forgetOld(): void {
    const nowMs = this.api.core.env.clock.monotonicMs();
    for (const [subject, { expiresMs }] of this.#cache) {
      if (expiresMs < nowMs) this.#cache.delete(subject);
    }
  }

  /** Adds to `found` the subjects of retained messages that `filter` matches. */
  collect(found: Map<string, number>, filter: string): void {
    this.sequences.match(filter, (subject, { sequence }) => {
      if (!found.has(subject)) found.set(subject, sequence);
    });
  }

  /** Loads the messages of `subjects`; those that cannot be had are logged and left out. */
  async load(
    subjects: ReadonlyMap<string, number>,
    on: Connection,
  ): Promise<Map<string, RetainedMessage>> {
    const loaded = new Map<string, RetainedMessage>();
    const nowMs = this.api.core.env.clock.monotonicMs();
    const missing: Promise<void>[] = [];
    for (const [subject, sequence] of subjects) {
      const cached = this.#cache.get(subject);
      if (cached !== undefined && cached.expiresMs >= nowMs) loaded.set(subject, cached.message);
      else missing.push(this.#load(subject, sequence, loaded, on));
    }
    await Promise.all(missing);
    return loaded;
  }

  async #load(
    subject: string,
    sequence: number,
    loaded: Map<string, RetainedMessage>,
    on: Connection,
  ): Promise<void> {
    const { log } = this.api.core.env;
    const warn = (text: string): void => log.warn(`${on.label} - ${text}`);
    try {
      // By subject rather than sequence, since there may be a newer one by now.
      const stored = await this.api.loadLast(
        StreamName.Retained,
        SubjectPrefix.Retained + subject,
      );
      const message = readRetained(stored.subject, stored.headers, stored.payload);
      this.#keep(message);
      loaded.set(message.subject, message);
    } catch (error) {
      const { message } = error as Error;
      if (error instanceof MqttError) {
        this.remove(subject, sequence);
        warn(`failed to decode retained message for subject "${subject}": ${message}`);
      } else if (error instanceof JsRequestError) {
        if (error.errorCode === ErrorCode.NoMessageFound) this.remove(subject, sequence);
        warn(`failed to load retained message for subject "${subject}": ${message}`);
      } else warn(`error loading retained messages: ${message}`);
    }
  }
}
