/**
 * The API of JetStream: finds the handler of a request and sends what it answers.
 *
 * An account without JetStream gets an error for each request. Subjects under the API that no
 * handler knows get no answer; on those of direct gets and pull requests streams and consumers
 * listen themselves.
 *
 * Reference: apiDispatch, setJetStreamExportSubs in server/jetstream_api.go.
 *
 * @module
 */
import { byteStringOfText } from "../../base/text/byte_string.ts";
import type { Account } from "../../core/account/account.ts";
import { clientInfoJson } from "../../core/connection/client_info.ts";
import type { Connection } from "../../core/connection/connection.ts";
import type { Subscription } from "../../core/connection/subscription.ts";
import type { MessageTrace } from "../../core/trace/message_trace.ts";
import { ApiError, apiError, refusesApiLevel, ResponseType } from "../../jsapi/mod.ts";
import { headerValue } from "../../protocol/mod.ts";
import type { JetStream } from "../engine/jet_stream.ts";
import { MsgHeader } from "../stream/header_names.ts";

import { accountHandlers } from "./account_handlers.ts";
import { accountPurgeHandlers } from "./account_purge.ts";
import { consumerHandlers } from "./consumer_handlers.ts";
import { messageHandlers } from "./message_handlers.ts";
import { ApiRequest, encodeResponse, NoAnswer, type ResponseFields } from "./request.ts";
import { RestoreHandlers } from "./restore_handlers.ts";
import { SnapshotHandlers } from "./snapshot_handlers.ts";
import { streamHandlers } from "./stream_handlers.ts";

/** What a handler answers; a promise where files have to be waited for. */
export type Answer = ResponseFields | Promise<ResponseFields>;

/** Answers one kind of request. */
export interface Handler {
  /** Subject after `$JS.API.`, with `*` for a token and `>` for the rest. */
  readonly pattern: string;
  /** `type` of the response. */
  readonly type: string;
  /** Throws ApiError; {@linkcode NoAnswer} for none at all. */
  handle(request: ApiRequest): Answer;
  /** Fields of an error response besides the error. */
  readonly errorFields?: ResponseFields;
  /** Requests are not reported as audit events, and not counted. */
  readonly quiet?: boolean;
  /** Only clusters do it: refused here, whatever API level the request asks for. */
  readonly clusterOnly?: boolean;
}

const PREFIX = "$JS.API.";
const PREFIX_TOKENS = 2;
/** Requests that are waiting for files; more are dropped, as the reference does. */
const PENDING_MAX_DEFAULT = 10_000;

/** Subjects on which streams and consumers listen themselves. */
const ELSEWHERE = ["DIRECT.GET.", "CONSUMER.MSG.NEXT."];

/** Answers the API requests of one server. */
export class Api {
  readonly #js: JetStream;
  readonly #handlers: readonly { tokens: readonly string[]; handler: Handler }[];
  readonly #subscriptions: { account: Account; subscription: Subscription }[] = [];
  readonly snapshots: SnapshotHandlers;
  readonly restores: RestoreHandlers;
  total = 0;
  errors = 0;
  /** Requests whose answer waits for files. */
  inflight = 0;

  constructor(js: JetStream) {
    this.#js = js;
    this.snapshots = new SnapshotHandlers(js);
    this.restores = new RestoreHandlers(js);
    const all = [
      ...accountHandlers,
      ...accountPurgeHandlers,
      ...streamHandlers,
      ...consumerHandlers,
      ...messageHandlers,
      ...this.snapshots.handlers,
      ...this.restores.handlers,
    ];
    this.#handlers = all.map((handler) => ({ tokens: handler.pattern.split("."), handler }));
  }

  /** Answers requests of `account`, also under the name of the server's domain. */
  listen(account: Account): void {
    const { client, config } = this.#js;
    const prefixes = [PREFIX];
    if (config.domain !== "") prefixes.push(byteStringOfText(`$JS.${config.domain}.API.`));
    for (const prefix of prefixes) {
      const subscription = client.subscribe(
        account,
        `${prefix}>`,
        (_subscription, on, subject, reply, message, headerBytes, from) => {
          const rest = subject.slice(prefix.length);
          const elsewhere = ELSEWHERE.some((start) => rest.startsWith(start));
          const { trace } = this.#js.core;
          if (trace !== null) {
            if (prefix !== PREFIX) trace.addSubjectMapping(PREFIX + rest);
            if (!elsewhere && !this.#mayServe(account, PREFIX + rest, trace)) return false;
          }
          if (prefix !== PREFIX && elsewhere) {
            return client.publish(
              account,
              PREFIX + rest,
              reply,
              message.slice(0, headerBytes),
              message.slice(headerBytes),
            );
          }
          return this.#dispatch(on, PREFIX + rest, reply, message, headerBytes, from);
        },
      );
      this.#subscriptions.push({ account, subscription });
    }
  }

  /**
   * Notes a traced request to `subject` as what it is for the reference: one to a service of the
   * system account that is not traced further. Whether it is to be served.
   */
  #mayServe(account: Account, subject: string, trace: MessageTrace): boolean {
    const { systemAccount } = this.#js.core;
    if (systemAccount === null || systemAccount === account) return true;
    trace.addServiceImport(systemAccount, subject, subject);
    return !trace.only;
  }

  /** Answers requests of `account` no more. */
  unlisten(account: Account): void {
    for (let i = this.#subscriptions.length - 1; i >= 0; i--) {
      const { account: owner, subscription } = this.#subscriptions[i]!;
      if (owner !== account) continue;
      this.#js.client.unsubscribe(account, subscription);
      this.#subscriptions.splice(i, 1);
    }
  }

  /** Answers no more. */
  stop(): void {
    for (const { account, subscription } of this.#subscriptions) {
      this.#js.client.unsubscribe(account, subscription);
    }
    this.#subscriptions.length = 0;
    this.snapshots.stop();
    this.restores.stop();
  }

  #find(subject: string): Handler | null {
    const tokens = subject.split(".");
    for (const { tokens: pattern, handler } of this.#handlers) {
      if (matches(tokens, pattern)) return handler;
    }
    return null;
  }

  #dispatch(
    account: Account,
    subject: string,
    reply: string,
    message: Uint8Array,
    headerBytes: number,
    from: Connection | null,
  ): boolean {
    const rest = subject.slice(PREFIX.length);
    if (ELSEWHERE.some((start) => rest.startsWith(start))) return false;
    const handler = this.#find(subject);
    // The reference takes such a request and never answers it.
    if (handler === null) return true;
    const { host } = this.#js;
    const request = new ApiRequest(
      this.#js,
      account,
      this.#js.accountOf(account),
      subject,
      reply,
      message.slice(headerBytes),
      () => clientInfoJson(from, { name: host.serverName, cluster: host.options.cluster.name }),
    );
    const level = headerBytes === 0
      ? ""
      : headerValue(message, 0, headerBytes, MsgHeader.RequiredApiLevel) ?? "";
    this.#handle(request, handler, level);
    return true;
  }

  #handle(request: ApiRequest, handler: Handler, requiredLevel: string): void {
    try {
      if (handler.clusterOnly !== true && refusesApiLevel(requiredLevel)) {
        throw apiError("JSRequiredApiLevelErr");
      }
      const answer = handler.handle(request);
      if (!(answer instanceof Promise)) {
        this.#answer(request, handler, null, answer);
        return;
      }
      this.#await(request, handler, answer);
    } catch (error) {
      this.#fail(request, handler, error);
    }
  }

  #await(request: ApiRequest, handler: Handler, answer: Promise<ResponseFields>): void {
    this.inflight++;
    const limit = this.#js.options.jetStreamRequestQueueLimit || PENDING_MAX_DEFAULT;
    if (this.inflight > limit) this.#warnOverload();
    answer.then(
      (fields) => this.#answer(request, handler, null, fields),
      (error) => this.#fail(request, handler, error),
    ).finally(() => {
      this.inflight--;
      this.#js.core.scheduleFlush();
    });
  }

  #warnOverload(): void {
    const { core } = this.#js;
    const text = `JetStream API queue limit reached, ${this.inflight} requests are waiting`;
    if (core.mayLog(text)) core.env.log.warn(text);
  }

  #fail(request: ApiRequest, handler: Handler, error: unknown): void {
    if (error instanceof NoAnswer) return;
    if (error instanceof ApiError) {
      this.#answer(request, handler, error, handler.errorFields ?? []);
      return;
    }
    const failure = error instanceof Error ? error : new Error(String(error));
    this.#js.core.env.log.error(
      `JetStream API request ${request.subject} failed: ${failure.stack ?? failure.message}`,
    );
    const general = apiError("JSStreamGeneralErrorF", { err: failure });
    this.#answer(request, handler, general, handler.errorFields ?? []);
  }

  #answer(
    request: ApiRequest,
    handler: Handler,
    error: ApiError | null,
    fields: ResponseFields,
  ): void {
    const { account, reply, owner } = request;
    // Whatever the system account asks for, it has no JetStream of its own.
    const toSystem = error?.id === "JSNotEnabledForAccountErr" &&
      account === this.#js.core.systemAccount && handler.type !== ResponseType.AccountInfo;
    const type = toSystem ? ResponseType.System : handler.type;
    const response = encodeResponse(type, error, toSystem ? [] : fields);
    if (reply !== "") this.#js.client.publishText(account, reply, "", response);
    if (handler.quiet === true && error === null) return;
    this.total++;
    if (owner !== null) owner.apiTotal++;
    if (error !== null) {
      this.errors++;
      if (owner !== null) owner.apiErrors++;
    }
    this.#js.events.apiAudit(account, {
      get client() {
        return request.client();
      },
      on: request.subject,
      get request() {
        return request.text;
      },
      response,
    });
  }
}

function matches(tokens: readonly string[], pattern: readonly string[]): boolean {
  for (let i = 0; i < pattern.length; i++) {
    const wanted = pattern[i]!;
    const token = tokens[i + PREFIX_TOKENS];
    if (wanted === ">") return token !== undefined;
    if (token === undefined || (wanted !== "*" && wanted !== token)) return false;
  }
  return tokens.length === pattern.length + PREFIX_TOKENS;
}
