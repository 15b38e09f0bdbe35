/**
 * What the ported tests of server/jetstream_test.go share.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type ConnectionOptions, headers as makeHeaders, type Msg } from "@nats-io/transport-node";
import {
  ApiFailure,
  type JetStreamTestServer,
  jsAccountOf,
  JsClient,
  type Json,
} from "../../harness/jetstream.ts";
import { type Inbox, until } from "../../harness/server.ts";
import type { JsAccount } from "../../../src/jetstream/mod.ts";
import type { Stream } from "../../../src/jetstream/stream/stream.ts";

/** Name of an API error of the stream's configuration. */
export const STREAM_INVALID_CONFIG = 10052;

/** A client that logs in as `user`. */
export async function clientOf(
  server: JetStreamTestServer,
  user: string,
  pass: string,
  options: ConnectionOptions = {},
): Promise<JsClient> {
  return new JsClient(await server.test.connect({ user, pass, ...options }));
}

/** What a refused call says: its description. */
export async function refusal(call: Promise<unknown>): Promise<string> {
  return (await refused(call)).data.description;
}

/** What a refused call failed with. */
export async function refused(call: Promise<unknown>): Promise<ApiFailure> {
  try {
    await call;
  } catch (error) {
    if (error instanceof ApiFailure) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

/** Waits until a stream holds so many messages, as its information says. */
export async function messagesOf(js: JsClient, stream: string, count: number): Promise<void> {
  let messages = -1;
  await until(
    async () => {
      messages = (await js.streamInfo(stream)).state.messages;
      return messages === count;
    },
    () => `expected ${count} messages in ${stream}, there are ${messages}`,
  );
}

/** Sends a request that is answered with several messages. */
export function ask(js: JsClient, subject: string, body: Json = ""): Inbox {
  const reply = js.inbox();
  const inbox = js.subscribe(reply);
  js.nc.publish(subject, typeof body === "string" ? body : JSON.stringify(body), { reply });
  return inbox;
}

/** One message out of a stream by sequence or by subject, as the API gives it. */
export async function storedMsg(js: JsClient, stream: string, request: Json): Promise<{
  subject: string;
  seq: number;
  time: string;
  text: string;
  headers: string;
}> {
  const { message } = await js.api(`STREAM.MSG.GET.${stream}`, request);
  return {
    subject: message.subject,
    seq: message.seq,
    time: message.time,
    text: atob(message.data ?? ""),
    headers: atob(message.hdrs ?? ""),
  };
}

/** A header of a message; empty when it has none. */
export function header(msg: Msg, name: string): string {
  return msg.headers?.get(name) ?? "";
}

/** Publishes with headers and returns the answer, also of a failure. */
export async function publishRaw(
  js: JsClient,
  subject: string,
  data: string | Uint8Array = "",
  headers: Record<string, string> = {},
): Promise<Json> {
  const all = makeHeaders();
  for (const [name, value] of Object.entries(headers)) all.set(name, value);
  const more = Object.keys(headers).length > 0 ? { headers: all } : {};
  const msg = await js.nc.request(subject, data, { timeout: 5000, ...more });
  return JSON.parse(new TextDecoder().decode(msg.data));
}

/** Every message of an inbox so far must be `count`, and then they are returned. */
export async function takeAll(inbox: Inbox, count: number): Promise<Msg[]> {
  await until(
    () => inbox.count >= count,
    () => `expected ${count} messages, there are ${inbox.count}`,
  );
  assertEquals(inbox.count, count);
  const msgs: Msg[] = [];
  for (let i = 0; i < count; i++) msgs.push((await inbox.next())!);
  return msgs;
}

/** JetStream of an account. */
export function accountOf(server: JetStreamTestServer, name = "$G"): JsAccount {
  return jsAccountOf(server.test, name);
}

/** A stream of an account. */
export function accountStream(server: JetStreamTestServer, account: string, name: string): Stream {
  return accountOf(server, account).stream(name);
}

/** A push consumer on an inbox of its own, or on the given subject. */
export async function pushTo(
  js: JsClient,
  stream: string,
  config: Json,
): Promise<{ inbox: Inbox; name: string }> {
  const deliverSubject = config.deliver_subject ?? js.inbox();
  const inbox = js.subscribe(deliverSubject, config.deliver_group);
  await js.nc.flush();
  const { name } = await js.addConsumer(stream, { ...config, deliver_subject: deliverSubject });
  assert(name !== "");
  return { inbox, name };
}
