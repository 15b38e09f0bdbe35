/**
 * What the ported consumer tests share.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Msg } from "@nats-io/transport-node";
import { type JsClient, statusOf, textOf } from "../../harness/jetstream.ts";
import { type Inbox, until } from "../../harness/server.ts";

/** Nanoseconds of a duration in milliseconds. */
export function ns(ms: number): number {
  return ms * 1_000_000;
}

/** The next message, which must come. */
export async function next(inbox: Inbox, withinMs = 2000): Promise<Msg> {
  const msg = await inbox.next(withinMs);
  assert(msg !== null, "no message came");
  return msg;
}

/** The next message, which must have this body. */
export async function nextText(inbox: Inbox, text: string): Promise<Msg> {
  const msg = await next(inbox);
  assertEquals(textOf(msg), text);
  return msg;
}

/** The next message, which must be this status. */
export async function nextStatus(inbox: Inbox, status: string): Promise<Msg> {
  const msg = await next(inbox);
  assertEquals(statusOf(msg), status);
  return msg;
}

/** Nothing may come for a while. */
export async function nothing(inbox: Inbox, forMs = 100): Promise<void> {
  const msg = await inbox.next(forMs);
  assert(msg === null, msg === null ? "" : `unexpected: ${msg.subject} ${statusOf(msg)}`);
}

/** Fetches `count` messages, which must all come. */
export async function fetchAll(
  js: JsClient,
  stream: string,
  consumer: string,
  count: number,
): Promise<Msg[]> {
  const msgs = await js.fetch(stream, consumer, count, { expiresMs: 2000 });
  assertEquals(msgs.length, count);
  return msgs;
}

/** Runs a test for both kinds of storage, under the reference's names of the cases. */
export async function forBothStores(
  t: Deno.TestContext,
  test: (storage: "memory" | "file") => Promise<void>,
): Promise<void> {
  await t.step("MemoryStore", () => test("memory"));
  await t.step("FileStore", () => test("file"));
}

/** Asks for the next message of a pull consumer, as a request. */
export async function requestNext(
  js: JsClient,
  stream: string,
  consumer: string,
  request: unknown = "",
): Promise<Msg> {
  // Not through the client's common inbox, which knows answers by their subject.
  const inbox = js.pullInbox(stream, consumer, request);
  const msg = await next(inbox);
  inbox.subscription.unsubscribe();
  return msg;
}

/** Waits until exactly `count` messages are there, and that it stays so for a moment. */
export async function pendingCount(inbox: Inbox, count: number): Promise<void> {
  await until(
    () => inbox.count >= count,
    () => `expected ${count} messages, there are ${inbox.count}`,
  );
  await new Promise((resolve) => setTimeout(resolve, 30));
  assertEquals(inbox.count, count);
}
