/**
 * A server for one test, with the clients that the test opens; all of it ends with the test.
 *
 * ```ts
 * await using server = await testServer({ maxConn: 1 });
 * const client = await server.raw();
 * ```
 *
 * @module
 */
import { assert } from "@std/assert";
import {
  connect,
  type ConnectionOptions,
  type Msg,
  type NatsConnection,
  type Subscription,
} from "@nats-io/transport-node";
import { emptyOptions, processConfigText } from "../../src/config/mod.ts";
import type { Account } from "../../src/core/account/account.ts";
import type { Connection } from "../../src/core/connection/connection.ts";
import { type Server, type StartOptions, startServer } from "../../src/mod.ts";
import { systemConfigSource } from "../../src/platform/deno/config_source.ts";
import { RawClient } from "./raw_client.ts";

/** A busy machine may take so long. */
const DEADLINE_MS = 10_000;

/** Lets requests that say nothing of it take longer than the one second of nats.js. */
function patient(client: NatsConnection): NatsConnection {
  const request = client.request.bind(client);
  client.request = (subject, payload, options = { timeout: DEADLINE_MS }) =>
    request(subject, payload, options);
  return client;
}

/** A running server on 127.0.0.1. */
export class TestServer implements AsyncDisposable {
  readonly #clients: NatsConnection[] = [];
  readonly #raw: RawClient[] = [];

  constructor(readonly server: Server) {}

  get port(): number {
    return this.server.port;
  }

  /** Connects an official client; it is closed with the server. */
  async connect(options: ConnectionOptions = {}): Promise<NatsConnection> {
    const client = await connect({
      servers: `127.0.0.1:${this.port}`,
      reconnect: false,
      timeout: DEADLINE_MS,
      ...options,
    });
    this.#clients.push(client);
    return patient(client);
  }

  /** Opens a raw connection; it is closed with the server. */
  async raw(hostname = "127.0.0.1"): Promise<RawClient> {
    const client = await RawClient.connect(this.port, hostname);
    this.#raw.push(client);
    return client;
  }

  /** A raw connection that has sent CONNECT. */
  async rawLogin(connect: Record<string, unknown> = {}): Promise<RawClient> {
    const client = await this.raw();
    await client.login(connect);
    return client;
  }

  /** The server's side of a raw connection whose INFO has not been read yet. */
  async rawWithConnection(
    connect: Record<string, unknown> = {},
  ): Promise<{ client: RawClient; connection: Connection }> {
    const client = await this.raw();
    const info = await client.login(connect);
    return { client, connection: this.connection(info.client_id) };
  }

  /** The server's side of a client. */
  connection(id: number): Connection {
    const connection = this.server.clients.get(id);
    assert(connection !== undefined, `no connection ${id}`);
    return connection;
  }

  account(name: string): Account {
    const account = this.server.core.accounts.get(name);
    assert(account !== undefined, `no account ${name}`);
    return account;
  }

  /** Waits until so many clients are connected. */
  clientsCount(expected: number): Promise<void> {
    return until(
      () => this.server.clients.size === expected,
      () => `expected ${expected} clients, there are ${this.server.clients.size}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    await this.server.stop();
    await Promise.all(this.#raw.map((client) => client.end()));
  }
}

/** Starts a server on a random port with `options` over what `config` says. */
export async function testServer(options: StartOptions = {}, config = ""): Promise<TestServer> {
  const parsed = emptyOptions();
  if (config !== "") processConfigText(parsed, config, systemConfigSource());
  return new TestServer(
    await startServer({
      ...parsed,
      host: "127.0.0.1",
      port: -1,
      disableShortFirstPing: true,
      ...options,
    }),
  );
}

/** Asks until `done`; fails after some seconds. */
export async function until(
  done: () => boolean | Promise<boolean>,
  what: () => string = () => "the condition did not come true in time",
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!(await done())) {
    assert(performance.now() < end, what());
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The next message of a subscription of an official client, or null after `withinMs`. */
export class Inbox {
  readonly #queue: Msg[] = [];
  readonly subscription: Subscription;

  constructor(client: NatsConnection, subject: string, queue?: string) {
    this.subscription = client.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      callback: (error, message) => {
        if (error === null) this.#queue.push(message);
      },
    });
  }

  get count(): number {
    return this.#queue.length;
  }

  async next(withinMs = DEADLINE_MS): Promise<Msg | null> {
    const end = performance.now() + withinMs;
    while (this.#queue.length === 0) {
      if (performance.now() > end) return null;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return this.#queue.shift()!;
  }
}
