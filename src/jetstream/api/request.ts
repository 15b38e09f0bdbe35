/**
 * One request to the API: who asks, what for, and the answer.
 *
 * Reference: getRequestInfo, sendAPIResponse, unmarshalRequest in server/jetstream_api.go.
 *
 * @module
 */
import { textOfByteString } from "../../base/text/byte_string.ts";
import {
  decodeJson,
  type Field,
  JsonShapeError,
  JsonSyntaxError,
  type JsonType,
  parseJsonBytes,
  type Shape,
} from "../../base/json/mod.ts";
import { goJsonString } from "../../base/text/go_format.ts";
import { type ApiError, apiError, apiErrorShape, toApiError } from "../../jsapi/mod.ts";
import type { Account } from "../../core/account/account.ts";
import type { JsAccount } from "../engine/js_account.ts";
import type { JetStream } from "../engine/jet_stream.ts";
import type { Consumer } from "../consumer/consumer.ts";
import type { Stream } from "../stream/stream.ts";

const decoder = new TextDecoder();
const OPENING_BRACE = 123;
const OPENING_BRACKET = 91;

/** A handler has no answer: the request times out, as it does at the reference. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
}

/** Values of a response with their fields, in order. */
export type ResponseFields = readonly (readonly [Field<never>, unknown])[];

/** A field of a response with its value. */
export function value<T>(field: Field<T>, content: T): readonly [Field<never>, unknown] {
  return [field as Field<unknown> as Field<never>, content];
}

/** All fields of `content`, as `fields` name them. */
export function values<T>(
  fields: { readonly [K in keyof T]-?: Field<T[K]> },
  content: T,
): ResponseFields {
  const names = Object.keys(fields) as (keyof T)[];
  return names.map((name) => value(fields[name], content[name]));
}

/** JSON of a response of type `type` with `error`, or with `fields`. */
export function encodeResponse(
  type: string,
  error: ApiError | null,
  fields: ResponseFields,
): string {
  let json = `{"type":"${type}"`;
  if (error !== null) json += `,"error":${apiErrorShape.encode(error)}`;
  for (const [{ key, type: fieldType, omit }, content] of fields) {
    const valueType = fieldType as JsonType<unknown>;
    if (omit && valueType.isEmpty(content)) continue;
    json += `,${goJsonString(key)}:${valueType.encode(content)}`;
  }
  return `${json}}`;
}

/** A request of a client. `body` is owned. */
export class ApiRequest {
  /** Tokens of the subject. */
  readonly tokens: readonly string[];

  constructor(
    readonly js: JetStream,
    readonly account: Account,
    /** JetStream of the account; null when it has none. */
    readonly owner: JsAccount | null,
    /** Byte string. */
    readonly subject: string,
    /** Byte string; empty when nobody waits for an answer. */
    readonly reply: string,
    readonly body: Uint8Array,
    /** JSON of the client, for events. */
    readonly client: () => string,
  ) {
    this.tokens = subject.split(".");
  }

  /** The token at `index` as text. */
  token(index: number): string {
    return textOfByteString(this.tokens[index] ?? "");
  }

  get text(): string {
    return decoder.decode(this.body);
  }

  /** JetStream of the account. Throws ApiError when it has none. */
  get jsAccount(): JsAccount {
    if (this.owner === null) throw apiError("JSNotEnabledForAccountErr");
    return this.owner;
  }

  /** The stream that the subject names at `index`. Throws ApiError. */
  streamAt(index: number): Stream {
    return this.jsAccount.stream(this.token(index));
  }

  /** The consumer of `stream` that the subject names at `index`. Throws ApiError. */
  consumerAt(stream: Stream, index: number): Consumer {
    const consumer = stream.consumers.get(this.token(index));
    if (consumer === undefined) throw apiError("JSConsumerNotFoundErr");
    return consumer;
  }

  /** Whether the body is an object or an array; other bodies count as none in some requests. */
  get hasDocument(): boolean {
    for (const byte of this.body) {
      if (byte === 32 || byte === 9 || byte === 10 || byte === 13) continue;
      return byte === OPENING_BRACE || byte === OPENING_BRACKET;
    }
    return false;
  }

  /** Whether the body says nothing. */
  get isEmpty(): boolean {
    if (this.body.length === 0) return true;
    try {
      const document = parseJsonBytes(this.body);
      return document !== null && typeof document === "object" && !Array.isArray(document) &&
        Object.keys(document).length === 0;
    } catch (error) {
      if (error instanceof JsonSyntaxError) return false;
      throw error;
    }
  }

  /** Throws ApiError when the body says something. */
  mustBeEmpty(): void {
    if (!this.isEmpty) throw apiError("JSNotEmptyRequestErr");
  }

  /** Throws ApiError when the body says nothing. */
  mustNotBeEmpty(): void {
    if (this.isEmpty) throw apiError("JSBadRequestErr");
  }

  /**
   * The body as `type`; empty values when there is none. Unknown fields are an error unless the
   * server is not strict. Throws ApiError.
   */
  decode<T>(type: Shape<T>): T {
    if (this.body.length === 0) return type.create();
    const { strict } = this.js.config;
    try {
      return decodeJson(type, this.body, { strict: true });
    } catch (error) {
      if (!(error instanceof JsonShapeError || error instanceof JsonSyntaxError)) throw error;
      const problem = error instanceof JsonSyntaxError ? placed(error) : error.message;
      this.#warn(problem);
      if (strict) throw apiError("JSInvalidJSONErr", { err: problem });
    }
    try {
      return decodeJson(type, this.body, { strict: false });
    } catch (error) {
      throw toApiError(error, "JSInvalidJSONErr");
    }
  }

  /** {@linkcode decode} where a body that is no document counts as none. */
  decodeDocument<T>(type: Shape<T>): T {
    return this.hasDocument ? this.decode(type) : type.create();
  }

  #warn(problem: string): void {
    const { core } = this.js;
    const account = textOfByteString(this.account.name);
    const line = `Invalid JetStream request '${account} > ${
      textOfByteString(this.subject)
    }': ${problem}`;
    if (core.mayLog(line)) core.env.log.warn(line);
  }
}

/** A syntax error with its place, as a decoder of a stream reports it. */
function placed({ message, offset }: JsonSyntaxError): string {
  return offset === 0 ? "unexpected EOF" : `${message} at offset ${offset}`;
}
