/**
 * Servers with monitoring, clients, and the two ways of asking: over HTTP and by function.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { connect, type ConnectionOptions, type NatsConnection } from "@nats-io/transport-node";
import { emptyOptions, processConfigText } from "../../../src/config/mod.ts";
import { type Server, type StartOptions, startServer } from "../../../src/mod.ts";
import { connz, type ConnzOptions, subsz, type SubszOptions } from "../../../src/monitor/mod.ts";
import { connzOptions } from "../../../src/monitor/connz.ts";
import { Query } from "../../../src/monitor/go_values.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";

export const JSON_TYPE = "application/json";
export const TEXT_TYPE = "text/plain; charset=utf-8";
export const HTML_TYPE = "text/html; charset=utf-8";

/** The options that the reference's tests of monitoring share. */
export function monitorOptions(): StartOptions {
  return {
    host: "127.0.0.1",
    port: -1,
    httpHost: "127.0.0.1",
    httpPort: -1,
    httpBasePath: "/",
    serverName: "monitor_server",
    tags: ["tag"],
    metadata: new Map([["key1", "value1"], ["key2", "value2"]]),
    featureFlags: new Map([["feature", false], ["fix", true], ["revert_fix", true]]),
  };
}

/** Runs `use` beside a server with monitoring and no system account; `over` and `config` add. */
export async function withMonitor(
  use: (server: Server) => Promise<void>,
  over: StartOptions = {},
  config = "",
): Promise<void> {
  const parsed = emptyOptions();
  if (config !== "") processConfigText(parsed, config, systemConfigSource());
  const server = await startServer({
    ...parsed,
    ...monitorOptions(),
    noSystemAccount: true,
    ...over,
  });
  try {
    await use(server);
  } finally {
    await server.stop();
  }
}

export const TWO_ACCOUNTS = `accounts {
  A { users [{user: a, password: a}] }
  B { users [{user: b, password: b}] }
}`;

/** Collects clients and closes them at the end of a test. */
export class Clients implements AsyncDisposable {
  readonly #open: NatsConnection[] = [];

  constructor(readonly server: Server) {}

  async connect(options: ConnectionOptions = {}): Promise<NatsConnection> {
    const client = await connect({
      servers: `127.0.0.1:${this.server.port}`,
      reconnect: false,
      timeout: 10_000,
      ...options,
    });
    this.#open.push(client);
    return client;
  }

  /** A client that has received one message of five bytes from itself and has no subscription. */
  async talkative(options: ConnectionOptions = {}): Promise<NatsConnection> {
    const client = await this.connect(options);
    const inbox = `_INBOX.${crypto.randomUUID()}`;
    const subscription = client.subscribe(inbox, { max: 1 });
    client.publish(inbox, "Hello");
    for await (const _message of subscription) break;
    await client.flush();
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#open.map((client) => client.close()));
  }
}

/** The client's id at the server. */
export function clientId(client: NatsConnection): number {
  return client.info!.client_id;
}

/** Asks until `done` is true; fails after some seconds. */
export async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 10_000;
  while (!(await done())) {
    assert(performance.now() < end, "the condition did not come true in time");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export function closedCount(server: Server, count: number): Promise<void> {
  return until(() => server.closedConnections.total === count && server.clients.size === 0);
}

/** Body of `path` after checks of status, content type and the CORS header. */
export async function readBody(
  server: Server,
  path: string,
  status = 200,
  type = JSON_TYPE,
): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${server.monitorPort}${path}`);
  const body = await response.text();
  assertEquals(response.status, status, body);
  assertEquals(response.headers.get("content-type"), type);
  if (type === JSON_TYPE) assertEquals(response.headers.get("access-control-allow-origin"), "*");
  return body;
}

/** JSON as a monitoring tool reads it. */
// deno-lint-ignore no-explicit-any -- the tests look into it field by field
export type Json = any;

export async function readJson(server: Server, path: string): Promise<Json> {
  return JSON.parse(await readBody(server, path));
}

/** Both ways of asking, as the tests of the reference do in their two modes. */
export const MODES = [0, 1] as const;

function throughJson(value: unknown): Json {
  return JSON.parse(JSON.stringify(value));
}

export async function pollConnz(
  server: Server,
  mode: number,
  query: string,
  options: ConnzOptions = {},
): Promise<Json> {
  return mode === 0
    ? await readJson(server, `/connz${query}`)
    : throughJson(connz(server, options));
}

export async function pollVarz(server: Server, mode: number): Promise<Json> {
  return mode === 0 ? await readJson(server, "/varz") : throughJson(server.monitor!.varz());
}

export async function pollSubsz(
  server: Server,
  mode: number,
  query: string,
  options: SubszOptions = {},
): Promise<Json> {
  return mode === 0
    ? await readJson(server, `/subsz${query}`)
    : throughJson(subsz(server, options));
}

/** `/connz` by a query string, over HTTP or by function. */
export async function askConnz(server: Server, mode: number, query = ""): Promise<Json> {
  return mode === 0
    ? await readJson(server, `/connz${query}`)
    : throughJson(connz(server, connzOptions(new Query(new URLSearchParams(query)))));
}
