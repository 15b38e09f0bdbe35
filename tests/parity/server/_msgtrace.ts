/**
 * What the ported tests of message traces share.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { headers, type MsgHdrs, type NatsConnection } from "@nats-io/transport-node";
import { Inbox, type TestServer, until } from "../../harness/server.ts";

/** An event, or all that a trace says, as the tests look into it. */
// deno-lint-ignore no-explicit-any -- the tests look into it field by field
export type Json = any;

/** A trace context that is sampled. */
export const TRACE_PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/** Both ways of tracing, as the reference's tests run them. */
export const WAYS = [
  { name: "just trace", deliver: false },
  { name: "deliver msg", deliver: true },
] as const;

/** Headers of a message; `deliver` false is `Nats-Trace-Only`. */
export function traceHeaders(
  destination: string,
  deliver: boolean,
  more: Readonly<Record<string, string>> = {},
): MsgHdrs {
  const all = headers();
  for (const [name, value] of Object.entries(more)) all.set(name, value);
  all.set("Nats-Trace-Dest", destination);
  if (!deliver) all.set("Nats-Trace-Only", "true");
  return all;
}

/** One received trace. */
export class Trace {
  constructor(readonly json: Json) {}

  /** Events of one type, in order. */
  events(type: "in" | "sm" | "se" | "si" | "js" | "eg"): Json[] {
    return this.json.events.filter((event: Json) => event.type === type);
  }

  /** The first event, which must be that of the arrival at `server` from a client. */
  ingress(server: TestServer): Json {
    assertEquals(this.json.server.name, server.server.core.server.name);
    const [first] = this.json.events;
    assertEquals([first.type, first.kind], ["in", 0]);
    assert(Date.parse(first.ts) > 0);
    return first;
  }
}

/** The next trace that comes to an inbox. */
export async function nextTrace(inbox: Inbox): Promise<Trace> {
  const message = await inbox.next();
  assert(message !== null, "no trace came");
  return new Trace(message.json());
}

/** Waits until what `client` has published was handled, and `inboxes` have got nothing of it. */
export async function expectNone(
  clients: readonly NatsConnection[],
  inboxes: readonly Inbox[],
): Promise<void> {
  for (const client of clients) await client.flush();
  for (const inbox of inboxes) assertEquals(inbox.count, 0);
}

/** Opens an inbox that the server knows of. */
export async function openInbox(
  client: NatsConnection,
  subject: string,
  queue?: string,
): Promise<Inbox> {
  const inbox = new Inbox(client, subject, queue);
  await client.flush();
  return inbox;
}

/** No account waits for replies any more. */
export async function expectNoReplies(server: TestServer, names: readonly string[]): Promise<void> {
  const { core } = server.server;
  const pending = (): number =>
    names.map((name) => server.account(name).replies(core)).reduce(
      (sum, replies) => sum + replies.owed() + replies.expected,
      0,
    );
  await until(() => pending() === 0, () => `${pending()} replies are still waited for`);
}
