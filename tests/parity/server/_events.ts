/**
 * Questions to the system account.
 *
 * @module
 */
import { assert } from "@std/assert";
import type { Msg, NatsConnection } from "@nats-io/transport-node";
import type { Inbox } from "../../harness/server.ts";

/** JSON as tools read it. */
// deno-lint-ignore no-explicit-any -- the tests look into it field by field
export type Json = any;

/** The answer to a request, parsed; `body` is text or something to be sent as JSON. */
export async function ask(client: NatsConnection, subject: string, body?: unknown): Promise<Json> {
  const payload = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body);
  return (await client.request(subject, payload, { timeout: 10_000 })).json();
}

/** The next message of an inbox; fails when none comes. */
export async function next(inbox: Inbox, withinMs = 10_000): Promise<Msg> {
  const message = await inbox.next(withinMs);
  assert(message !== null, "no message came");
  return message;
}
