/**
 * What the server publishes in its own name: events and answers, in their order, at the end of the
 * turn in which they came up. Nothing is delivered while something else is being delivered.
 *
 * Reference: internalSendLoop and sendInternalMsg in server/events.go.
 *
 * @module
 */
import { type ContentEncoding, encodeContent } from "../base/compress/mod.ts";
import { encodeTime } from "../base/json/mod.ts";
import { textOfByteString } from "../base/text/byte_string.ts";
import { goJson, goQuote } from "../base/text/go_format.ts";
import { nuid } from "../base/text/nuid.ts";
import type { Account } from "../core/account/account.ts";
import type { Subscription } from "../core/connection/subscription.ts";
import { InternalClient } from "../core/internal/internal_client.ts";
import { appendHeader } from "../protocol/mod.ts";
import { type EventServer, type ServerInfo, serverInfo } from "./server_info.ts";

interface Outgoing {
  readonly account: Account;
  readonly subject: string;
  readonly text: string;
  readonly encoding: ContentEncoding | null;
}

/** The fields with which each event begins. */
export interface EventHead {
  readonly type: string;
  readonly id: string;
  readonly timestamp: string;
  readonly server: ServerInfo;
}

/** What is wrong with a request. */
export interface ServiceError {
  readonly code: number;
  readonly description?: string;
}

/** An answer of a service. */
export interface Answer {
  /** JSON; empty leaves the field out. */
  readonly data?: string;
  readonly error?: ServiceError;
  readonly encoding?: ContentEncoding | null;
}

const NO_HEADERS = new Uint8Array(0);
const encoder = new TextEncoder();

/** Publishes in the name of one server. Subjects are byte strings. */
export class SystemSender {
  readonly client: InternalClient;
  #sequence = 0;
  #queue: Outgoing[] = [];
  #scheduled = false;
  #closed = false;
  readonly #end = Promise.withResolvers<void>();
  /** Subscriptions by which the server hears of other servers. */
  readonly remoteSubscriptions: Set<Subscription> = new Set();
  /** The server is delivering what it says itself, which its own services do not hear. */
  speaking = false;

  constructor(readonly server: EventServer, readonly systemAccount: Account) {
    this.client = new InternalClient(server.core);
  }

  /** The server as it names itself in the next message. */
  serverInfo(): ServerInfo {
    return serverInfo(this.server, ++this.#sequence);
  }

  /** Whether anybody else listens to `subject`, or the log shows all that is said. */
  hasInterest(subject: string, account: Account = this.systemAccount): boolean {
    if (this.#tracing) return true;
    if (!account.sublist.hasInterest(subject)) return false;
    const { psubs, qsubs } = account.match(subject);
    return qsubs.length > 0 || psubs.some((one) => !this.remoteSubscriptions.has(one));
  }

  get #tracing(): boolean {
    const { env, options } = this.server;
    return options.traceVerbose && env.log.traceEnabled;
  }

  /** The fields with which each event of `type` begins. */
  eventHead(type: string): EventHead {
    const { clock, random } = this.server.env;
    return {
      type: `io.nats.server.advisory.v1.${type}`,
      id: nuid(random),
      timestamp: encodeTime(clock.nowNs()),
      server: this.serverInfo(),
    };
  }

  /** Publishes `text` on `subject`. */
  send(subject: string, text: string, account: Account = this.systemAccount): void {
    this.#push({ account, subject, text, encoding: null });
  }

  /** Publishes an answer on `reply`. */
  answer(reply: string, { data = "", error, encoding = null }: Answer): void {
    let text = `{"server":${goJson(this.serverInfo())}`;
    if (data !== "") text += `,"data":${data}`;
    if (error !== undefined) text += `,"error":${goJson(error)}`;
    this.#push({ account: this.systemAccount, subject: reply, text: `${text}}`, encoding });
  }

  #push(message: Outgoing): void {
    if (this.#closed) return;
    this.#queue.push(message);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.server.env.loop.endOfTurn(() => this.flush());
  }

  /** Delivers what is waiting. */
  flush(): void {
    this.#scheduled = false;
    const queue = this.#queue;
    this.#queue = [];
    this.speaking = true;
    try {
      for (const message of queue) this.#deliver(message);
    } finally {
      this.speaking = false;
    }
  }

  #deliver({ account, subject, text, encoding }: Outgoing): void {
    const body = encoder.encode(text);
    this.#trace(subject, text, body.length);
    if (encoding === null) {
      this.client.publish(account, subject, "", NO_HEADERS, body);
      return;
    }
    const headers = appendHeader(null, "Content-Encoding", encoding);
    this.client.publish(account, subject, "", headers, encodeContent(body, encoding));
  }

  /** `trace_verbose` shows also what the server says itself. */
  #trace(subject: string, text: string, sizeBytes: number): void {
    const { env, options } = this.server;
    if (!this.#tracing) return;
    env.log.trace(`SYSTEM - <<- [PUB ${textOfByteString(subject)}  ${sizeBytes}]`);
    const { maxTracedMsgLen: longest } = options;
    if (options.traceHeaders || text === "") return;
    env.log.trace(
      longest > 0 && sizeBytes > longest
        ? `SYSTEM - <<- MSG_PAYLOAD: [${goQuote(text.slice(0, longest)).slice(0, -1)}..."]`
        : `SYSTEM - <<- MSG_PAYLOAD: [${goQuote(text)}]`,
    );
  }

  /** Delivers what is waiting; nothing is sent any more. */
  close(): void {
    this.flush();
    this.#closed = true;
    this.#end.resolve();
  }

  /** Waits so long, or until nothing is sent any more. */
  async pause(delayMs: number): Promise<void> {
    const { loop } = this.server.env;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = loop.setTimer(resolve, delayMs);
    await Promise.race([promise, this.#end.promise]);
    loop.clearTimer(timer);
  }
}
