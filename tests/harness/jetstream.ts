/**
 * A small JetStream client for tests: requests of the API with their JSON as it is, publishing
 * with acknowledgement, pulls and pushes. It adds nothing of its own, so that tests see exactly
 * what the server does.
 *
 * ```ts
 * await using server = await jetStreamServer();
 * const js = await server.jetStream();
 * await js.addStream({ name: "S", subjects: ["s.>"] });
 * await js.publish("s.1", "hello");
 * const [message] = await js.fetch("S", "C", 1);
 * ```
 *
 * @module
 */
import { assert } from "@std/assert";
import { headers as makeHeaders, type Msg, type NatsConnection } from "@nats-io/transport-node";
import type { Consumer } from "../../src/jetstream/consumer/consumer.ts";
import type { JetStream, JsAccount } from "../../src/jetstream/mod.ts";
import type { Stream } from "../../src/jetstream/stream/stream.ts";
import type { StartOptions } from "../../src/mod.ts";
import { Inbox, type TestServer, testServer } from "./server.ts";

const DEADLINE_MS = 15_000;
const decoder = new TextDecoder();

/** `error` of an API response. */
export interface ApiFailureData {
  readonly code: number;
  readonly err_code: number;
  readonly description: string;
}

/** Thrown for an API response with an error. */
export class ApiFailure extends Error {
  override readonly name = "ApiFailure";
  constructor(readonly data: ApiFailureData) {
    super(`${data.description} (${data.err_code})`);
  }
  get errCode(): number {
    return this.data.err_code;
  }
}

/** What `JSON.parse` gives; tests know the fields. */
export type Json = ReturnType<typeof JSON.parse>;

/** `type` and fields of CONSUMER.INFO that tests look at. */
export interface ConsumerInfoJson {
  readonly stream_name: string;
  readonly name: string;
  readonly created: string;
  readonly config: Record<string, Json>;
  readonly delivered: { consumer_seq: number; stream_seq: number; last_active?: string };
  readonly ack_floor: { consumer_seq: number; stream_seq: number; last_active?: string };
  readonly num_ack_pending: number;
  readonly num_redelivered: number;
  readonly num_waiting: number;
  readonly num_pending: number;
  readonly push_bound?: boolean;
  readonly paused?: boolean;
  readonly pause_remaining?: number;
  readonly priority_groups?: { group: string; pinned_client_id?: string; pinned_ts: string }[];
}

/** What a publisher is answered. */
export interface PubAck {
  readonly stream: string;
  readonly seq: number;
  readonly duplicate?: boolean;
  readonly error?: ApiFailureData;
}

/** What the reply subject of a delivery says. */
export interface DeliveryInfo {
  readonly deliveries: number;
  readonly streamSeq: number;
  readonly consumerSeq: number;
  readonly timeNs: bigint;
  readonly pending: number;
}

/** Reads the reply subject of a delivered message. */
export function deliveryInfo(msg: { reply?: string }): DeliveryInfo {
  const tokens = msg.reply!.split(".");
  assert(tokens[0] === "$JS" && tokens[1] === "ACK", `no delivery: ${msg.reply}`);
  const [deliveries, streamSeq, consumerSeq, timeNs, pending] = tokens.slice(
    tokens.length === 9 ? 4 : 6,
  );
  return {
    deliveries: Number(deliveries),
    streamSeq: Number(streamSeq),
    consumerSeq: Number(consumerSeq),
    timeNs: BigInt(timeNs!),
    pending: Number(pending),
  };
}

/** Body of a message as text. */
export function textOf(msg: Msg): string {
  return decoder.decode(msg.data);
}

/** `404 No Messages` of a status message; empty for others. */
export function statusOf(msg: Msg): string {
  const { headers } = msg;
  if (headers === undefined || headers.code === 0) return "";
  return `${headers.code} ${headers.description}`.trim();
}

/** A client of the JetStream API. */
export class JsClient {
  constructor(readonly nc: NatsConnection) {}

  /** One request; the answer as it is. `body` is JSON unless it is a string. */
  async request(subject: string, body: Json = "", timeout = DEADLINE_MS): Promise<Json> {
    const payload = typeof body === "string" ? body : JSON.stringify(body);
    const msg = await this.nc.request(subject, payload, { timeout });
    return JSON.parse(decoder.decode(msg.data));
  }

  /** One request below `$JS.API.`. Throws {@linkcode ApiFailure} when it is refused. */
  async api(verb: string, body: Json = ""): Promise<Json> {
    const response = await this.request(`$JS.API.${verb}`, body);
    if (response.error !== undefined) throw new ApiFailure(response.error);
    return response;
  }

  addStream(config: Json): Promise<Json> {
    return this.api(`STREAM.CREATE.${config.name}`, config);
  }

  updateStream(config: Json): Promise<Json> {
    return this.api(`STREAM.UPDATE.${config.name}`, config);
  }

  deleteStream(name: string): Promise<Json> {
    return this.api(`STREAM.DELETE.${name}`);
  }

  streamInfo(name: string, request: Json = ""): Promise<Json> {
    return this.api(`STREAM.INFO.${name}`, request);
  }

  purge(name: string, request: Json = ""): Promise<Json> {
    return this.api(`STREAM.PURGE.${name}`, request);
  }

  deleteMsg(name: string, seq: number): Promise<Json> {
    return this.api(`STREAM.MSG.DELETE.${name}`, { seq });
  }

  /** Creates or updates a consumer as current clients do. */
  async addConsumer(
    stream: string,
    config: Json,
    more: { action?: "" | "create" | "update"; pedantic?: boolean } = {},
  ): Promise<ConsumerInfoJson> {
    const name = config.name ?? config.durable_name;
    const verb = name === undefined
      ? `CONSUMER.CREATE.${stream}`
      : `CONSUMER.CREATE.${stream}.${name}`;
    return await this.api(verb, { stream_name: stream, config, action: "", ...more });
  }

  updateConsumer(stream: string, config: Json): Promise<ConsumerInfoJson> {
    return this.addConsumer(stream, config, { action: "update" });
  }

  consumerInfo(stream: string, consumer: string): Promise<ConsumerInfoJson> {
    return this.api(`CONSUMER.INFO.${stream}.${consumer}`);
  }

  deleteConsumer(stream: string, consumer: string): Promise<Json> {
    return this.api(`CONSUMER.DELETE.${stream}.${consumer}`);
  }

  /** Publishes and waits for the acknowledgement. */
  async publish(
    subject: string,
    data: string | Uint8Array = "",
    headers: Record<string, string> = {},
  ): Promise<PubAck> {
    const names = Object.keys(headers);
    const all = makeHeaders();
    for (const name of names) all.set(name, headers[name]!);
    const msg = await this.nc.request(subject, data, {
      timeout: DEADLINE_MS,
      ...(names.length > 0 ? { headers: all } : {}),
    });
    const ack: PubAck = JSON.parse(decoder.decode(msg.data));
    if (ack.error !== undefined) throw new ApiFailure(ack.error);
    return ack;
  }

  /** Publishes `count` messages and waits until all are stored. */
  async publishMany(
    count: number,
    subject: string | ((index: number) => string),
    data: string | ((index: number) => string) = "",
  ): Promise<void> {
    const acks: Promise<PubAck>[] = [];
    for (let i = 0; i < count; i++) {
      acks.push(this.publish(
        typeof subject === "string" ? subject : subject(i),
        typeof data === "string" ? data : data(i),
      ));
    }
    await Promise.all(acks);
  }

  /** Subscribes; messages are kept until they are asked for. */
  subscribe(subject: string, queue?: string): Inbox {
    return new Inbox(this.nc, subject, queue);
  }

  /** A fresh subject to be answered on. */
  inbox(): string {
    return `_INBOX.${crypto.randomUUID().replaceAll("-", "")}`;
  }

  /** Sends a pull request whose answers come to `reply`. */
  pull(stream: string, consumer: string, reply: string, request: Json = ""): void {
    const payload = typeof request === "object" ? JSON.stringify(request) : String(request);
    this.nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`, payload, { reply });
  }

  /** Subscribes to a fresh inbox and sends a pull request for it. */
  pullInbox(stream: string, consumer: string, request: Json = ""): Inbox {
    const reply = this.inbox();
    const inbox = this.subscribe(reply);
    this.pull(stream, consumer, reply, request);
    return inbox;
  }

  /** Pulls up to `batch` messages; returns what came before a status or the time ran out. */
  async fetch(
    stream: string,
    consumer: string,
    batch = 1,
    options: Json & { expiresMs?: number } = {},
  ): Promise<Msg[]> {
    const { expiresMs = 1000, ...more } = options;
    const expires = expiresMs * 1_000_000;
    const inbox = this.pullInbox(stream, consumer, { batch, expires, ...more });
    const messages: Msg[] = [];
    while (messages.length < batch) {
      const msg = await inbox.next(expiresMs + 1000);
      if (msg === null) break;
      const status = statusOf(msg);
      if (status.startsWith("100")) continue;
      if (status !== "") break;
      messages.push(msg);
    }
    inbox.subscription.unsubscribe();
    return messages;
  }

  /** Acknowledges and waits until the server has taken it. */
  async ackSync(msg: { reply?: string }, body = "+ACK"): Promise<void> {
    await this.nc.request(msg.reply!, body, { timeout: DEADLINE_MS });
  }
}

/** The server's JetStream. */
export function jetStreamOf({ server }: TestServer): JetStream {
  assert(server.jetStream !== null, "JetStream is off");
  return server.jetStream;
}

/** JetStream of an account, by default the global one. */
export function jsAccountOf(server: TestServer, name = "$G"): JsAccount {
  const account = jetStreamOf(server).accountOf(server.account(name));
  assert(account !== null, `account ${name} has no JetStream`);
  return account;
}

/** The server's side of a stream. */
export function streamOf(server: TestServer, name: string): Stream {
  return jsAccountOf(server).stream(name);
}

/** The server's side of a consumer. */
export function consumerOf(server: TestServer, stream: string, name: string): Consumer {
  const consumer = streamOf(server, stream).consumers.get(name);
  assert(consumer !== undefined, `no consumer ${name}`);
  return consumer;
}

/** A server with JetStream in a directory of its own, or in `storeDir`. */
export class JetStreamTestServer implements AsyncDisposable {
  #server: TestServer;
  #isStopped = false;

  private constructor(
    server: TestServer,
    readonly storeDir: string,
    readonly options: StartOptions,
    readonly config: string,
    /** The directory goes with the server. */
    readonly isOwner: boolean,
  ) {
    this.#server = server;
  }

  static async start(options: StartOptions, config: string): Promise<JetStreamTestServer> {
    const isOwner = options.storeDir === undefined && !config.includes("store_dir");
    const storeDir = options.storeDir ?? (isOwner ? await Deno.makeTempDir() : "");
    const all: StartOptions = {
      jetStream: true,
      disableJetStreamBanner: true,
      ...(storeDir === "" ? {} : { storeDir }),
      ...options,
    };
    try {
      return new JetStreamTestServer(await testServer(all, config), storeDir, all, config, isOwner);
    } catch (error) {
      if (isOwner) await Deno.remove(storeDir, { recursive: true });
      throw error;
    }
  }

  get test(): TestServer {
    return this.#server;
  }

  get port(): number {
    return this.#server.port;
  }

  /** A connected client of the JetStream API; it is closed with the server. */
  async jetStream(): Promise<JsClient> {
    return new JsClient(await this.#server.connect());
  }

  stream(name: string): Stream {
    return streamOf(this.#server, name);
  }

  consumer(stream: string, name: string): Consumer {
    return consumerOf(this.#server, stream, name);
  }

  /** Stops the server and its clients; the directory stays. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    await this.#server[Symbol.asyncDispose]();
  }

  /** Starts again in the same directory, on another port, after {@linkcode stop}. */
  async restart(options: StartOptions = {}): Promise<void> {
    await this.stop();
    this.#server = await testServer({ ...this.options, ...options }, this.config);
    this.#isStopped = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    if (this.isOwner) await Deno.remove(this.storeDir, { recursive: true });
  }
}

/** Starts a server with JetStream; `config` as for {@linkcode testServer}. */
export function jetStreamServer(
  options: StartOptions = {},
  config = "",
): Promise<JetStreamTestServer> {
  return JetStreamTestServer.start(options, config);
}
