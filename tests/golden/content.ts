/**
 * All that a server tells of its streams, in a form that can be committed and compared.
 *
 * @module
 */
import type { NatsConnection } from "@nats-io/transport-node";
import { JsClient, type Json } from "../harness/jetstream.ts";

/** Longer payloads are compared by their digest. */
const PAYLOAD_CHARS_MAX = 48;

/** What is said of consumers that depends on the moment or the server, not on the files. */
const VOLATILE = new Set([
  "created",
  "ts",
  "cluster",
  "last_active",
  "push_bound",
  "num_waiting",
  "pause_remaining",
]);

/** A stream with all its messages and consumers. */
export interface StreamContent {
  readonly config: Json;
  readonly created: string;
  readonly state: Json;
  readonly sources: string[];
  readonly messages: Json[];
  readonly consumers: Json[];
}

/** Streams by name. */
export type Content = Record<string, StreamContent>;

async function digest(base64: string): Promise<string> {
  if (base64.length <= PAYLOAD_CHARS_MAX) return base64;
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(base64));
  return `sha256 ${new Uint8Array(hash).toHex().slice(0, 32)}`;
}

/** Reads everything that the account of `connection` has. */
export async function readContent(connection: NatsConnection): Promise<Content> {
  const js = new JsClient(connection);
  const content: Content = {};
  for (const { config: { name } } of (await js.api("STREAM.LIST")).streams ?? []) {
    const info = await js.streamInfo(name, { deleted_details: true, subjects_filter: ">" });
    // The reference takes an empty stream that it recovers for one that lost message 0.
    if (info.state.deleted?.join() === "0") {
      delete info.state.deleted;
      delete info.state.num_deleted;
    }
    const messages: Json[] = [];
    for (let seq = info.state.first_seq; seq <= info.state.last_seq; seq++) {
      const { message } = await js.request(`$JS.API.STREAM.MSG.GET.${name}`, { seq });
      if (message === undefined) continue;
      messages.push({ ...message, data: await digest(message.data ?? "") });
    }
    const list = await js.api(`CONSUMER.LIST.${name}`);
    const consumers = (list.consumers ?? []).map((consumer: Json) =>
      JSON.parse(JSON.stringify(consumer, (key, value) => VOLATILE.has(key) ? undefined : value))
    );
    const upstreams = [...(info.mirror === undefined ? [] : [info.mirror]), ...info.sources ?? []];
    content[name] = {
      config: info.config,
      created: info.created,
      state: info.state,
      sources: upstreams.map((source: Json) => source.name).sort(),
      messages,
      consumers,
    };
  }
  return content;
}
