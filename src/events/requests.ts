/**
 * Requests to system services: their options, and answers in the reference's envelope.
 *
 * Reference: zReq and getAcceptEncoding in server/events.go.
 *
 * @module
 */
import { acceptedEncoding, type ContentEncoding } from "../base/compress/mod.ts";
import { decodeJson, JsonShapeError, JsonSyntaxError, type Shape } from "../base/json/mod.ts";
import type { Connection } from "../core/connection/connection.ts";
import type { InternalHandler } from "../core/connection/subscription.ts";
import { BadRequestError } from "../monitor/mod.ts";
import { headerValue } from "../protocol/mod.ts";
import { type EventFilter, meantFor } from "./event_filter.ts";
import type { SystemSender } from "./sender.ts";

/** A request as it arrived. Subject and reply are byte strings; nothing is borrowed. */
export interface ServiceRequest {
  readonly subject: string;
  readonly reply: string;
  readonly headers: Uint8Array;
  readonly body: Uint8Array;
  /** Null when the server itself asks. */
  readonly from: Connection | null;
}

/** Deals with a request; what it throws or rejects with is a defect and gets logged. */
export type ServiceHandler = (request: ServiceRequest) => void | Promise<void>;

/** What a service found: JSON to answer with, empty for a bare answer, null to stay silent. */
export type Found = string | null;

/** How a service works out what it answers; throws BadRequestError for what it is asked wrongly. */
export type Finder<T> = (asked: T, request: ServiceRequest) => Found | Promise<Found>;

const BAD_REQUEST = 400;
const FAILED = 500;

/**
 * Hands requests over as they are, at a time when nothing is being delivered. What the sender says
 * itself is not heard.
 */
export function requestHandler(sender: SystemSender, handle: ServiceHandler): InternalHandler {
  const { env } = sender.server;
  const failed = (error: unknown): void =>
    env.log.error(`System service failed: ${(error as Error).stack ?? error}`);
  return (subscription, _account, subject, reply, message, headerBytes, from) => {
    if (sender.speaking && from === null) return false;
    const split = Math.max(0, headerBytes);
    const copy = message.slice();
    const request: ServiceRequest = {
      subject,
      reply,
      headers: copy.subarray(0, split),
      body: copy.subarray(split),
      from,
    };
    if (subscription.closed) return false;
    env.loop.endOfTurn(() => {
      try {
        const handling = handle(request);
        if (handling !== undefined) void handling.catch(failed);
      } catch (error) {
        failed(error);
      }
    });
    return true;
  };
}

function encodingFor({ headers }: ServiceRequest): ContentEncoding | null {
  if (headers.length === 0) return null;
  return acceptedEncoding(headerValue(headers, 0, headers.length, "Accept-Encoding") ?? "");
}

/** The options in `request`; the text of what is wrong with them otherwise. */
export function readOptions<T>(
  options: Shape<T>,
  { body }: ServiceRequest,
): { asked: T } | { wrong: string } {
  if (body.length === 0) return { asked: options.create() };
  try {
    return { asked: decodeJson(options, body) };
  } catch (error) {
    if (!(error instanceof JsonShapeError || error instanceof JsonSyntaxError)) throw error;
    return { wrong: error.message };
  }
}

/**
 * A service that answers requests with options of the shape `options`. Where `nullData` is set, an
 * answer that could not be found says `"data":null` beside the error.
 */
export function answering<T extends EventFilter>(
  sender: SystemSender,
  options: Shape<T>,
  find: Finder<T>,
  nullData = true,
): ServiceHandler {
  return async (request) => {
    const { reply } = request;
    if (reply === "") return;
    const read = readOptions(options, request);
    if ("wrong" in read) {
      sender.answer(reply, { error: { code: BAD_REQUEST, description: read.wrong } });
      return;
    }
    if (request.body.length > 0 && !meantFor(sender.server, read.asked)) return;
    try {
      const data = await find(read.asked, request);
      if (data !== null) sender.answer(reply, { data, encoding: encodingFor(request) });
    } catch (error) {
      if (!(error instanceof BadRequestError)) throw error;
      sender.answer(reply, {
        data: nullData ? "null" : "",
        error: { code: FAILED, description: error.message },
      });
    }
  };
}
