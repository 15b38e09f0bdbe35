/**
 * What the ported tests of jetstream_test.go share beside those of consumers.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { headers, type Msg } from "@nats-io/transport-node";
import { ApiFailure, type JsClient, type Json, textOf } from "../../harness/jetstream.ts";

/** Asserts that the API refuses with this description. */
export async function refused(attempt: () => Promise<unknown>, description: string): Promise<void> {
  let failure: unknown = null;
  try {
    await attempt();
  } catch (error) {
    failure = error;
  }
  assert(failure instanceof ApiFailure, `not refused, or otherwise: ${failure}`);
  assertEquals(failure.data.description, description);
}

/** Asserts that the API refuses, whatever it says, and gives what it said. */
export async function refusal(attempt: () => Promise<unknown>): Promise<ApiFailure> {
  try {
    await attempt();
  } catch (error) {
    assert(error instanceof ApiFailure, String(error));
    return error;
  }
  throw new Error("it was not refused");
}

/** `state` of a stream. */
export async function stateOf(js: JsClient, stream: string, request: Json = ""): Promise<Json> {
  return (await js.streamInfo(stream, request)).state;
}

/** Publishes with headers that may repeat, and gives the answer as it is. */
export async function publishWith(
  js: JsClient,
  subject: string,
  pairs: readonly (readonly [string, string])[],
  data: string | Uint8Array = "",
): Promise<Json> {
  const all = headers();
  for (const [name, value] of pairs) all.append(name, value);
  const msg = await js.nc.request(subject, data, { timeout: 2000, headers: all });
  return JSON.parse(textOf(msg));
}

/** The header of a message, or "". */
export function headerOf(msg: Msg, name: string): string {
  return msg.headers?.get(name) ?? "";
}

/** Now as RFC 3339 with microseconds, later than any time that the server took before. */
export function timestamp(): string {
  const us = Math.floor((performance.timeOrigin + performance.now()) * 1000);
  const seconds = new Date(Math.floor(us / 1000)).toISOString().slice(0, 19);
  return `${seconds}.${String(us % 1_000_000).padStart(6, "0")}Z`;
}

/** Waits so long; for what is about time itself. */
export function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** All parts in a row. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A snapshot and what was said of it. */
export interface Snapshot {
  readonly bytes: Uint8Array;
  readonly config: Json;
  readonly state: Json;
}

/** Takes a snapshot of a stream through the API. */
export async function takeSnapshot(
  js: JsClient,
  stream: string,
  more: Record<string, unknown> = {},
): Promise<Snapshot> {
  const deliver = js.inbox();
  const inbox = js.subscribe(deliver);
  const { config, state } = await js.api(`STREAM.SNAPSHOT.${stream}`, {
    deliver_subject: deliver,
    ...more,
  });
  const parts: Uint8Array[] = [];
  for (;;) {
    const msg = await inbox.next();
    assert(msg !== null, "the snapshot ends too soon");
    if (msg.data.length === 0) break;
    parts.push(msg.data.slice());
    if (msg.reply !== undefined && msg.reply !== "") msg.respond();
  }
  inbox.subscription.unsubscribe();
  return { bytes: joined(...parts), config, state };
}

/** Sends a snapshot in chunks until one is refused or all are taken; gives the last answer. */
export async function sendSnapshot(
  js: JsClient,
  deliver: string,
  bytes: Uint8Array,
  chunkBytes = 512,
): Promise<Json> {
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const answer = await js.nc.request(deliver, bytes.subarray(at, at + chunkBytes));
    if (answer.data.length > 0) return JSON.parse(textOf(answer));
  }
  return JSON.parse(textOf(await js.nc.request(deliver, "", { timeout: 2000 })));
}

/** Restores a stream from a snapshot through the API; gives what the server says at the end. */
export async function restoreSnapshot(js: JsClient, snapshot: Snapshot): Promise<Json> {
  const { config, state, bytes } = snapshot;
  const { deliver_subject } = await js.api(`STREAM.RESTORE.${config.name}`, { config, state });
  const answer = await sendSnapshot(js, deliver_subject, bytes);
  if (answer.error !== undefined) throw new ApiFailure(answer.error);
  return answer;
}
