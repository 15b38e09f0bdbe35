/**
 * Pairs of a hub and a leaf node, each natsts or the real nats-server.
 *
 * @module
 */
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { Inbox, type TestServer, testServer, until } from "./server.ts";
import { ReferenceServer } from "./reference_server.ts";

/** A port that nobody listens on at the moment. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

/** A hub: `config` is the rest of its configuration, `block` that of its leaf node block. */
export function leafHub(block = "", config = ""): Promise<TestServer> {
  return testServer({}, `leafnodes { listen: "127.0.0.1:-1", ${block} }\n${config}`);
}

/** A leaf node of the hub at `port`: `remote` is the rest of the remote's block. */
export function leafOf(port: number, remote = "", config = "", user = ""): Promise<TestServer> {
  return testServer({}, leafConfig(port, remote, config, user));
}

/** The configuration of a leaf node. */
export function leafConfig(port: number, remote: string, config: string, user = ""): string {
  const url = `nats-leaf://${user}127.0.0.1:${port}`;
  return `leafnodes { reconnect: "50ms", remotes [ { url: "${url}", ${remote} } ] }\n${config}`;
}

/** The port on which a hub takes leaf nodes. */
export function leafPort({ server }: TestServer): number {
  return server.leafNodes!.port;
}

/** Waits until `server` has so many leaf node connections. */
export function leafsCount({ server }: TestServer, expected: number): Promise<void> {
  return until(
    () => server.leafNodes!.connections.size === expected,
    () => `expected ${expected} leaf nodes, there are ${server.leafNodes!.connections.size}`,
  );
}

/** A server of either kind. */
export interface EitherServer extends AsyncDisposable {
  connect(options?: Record<string, unknown>): Promise<NatsConnection>;
}

/** A real nats-server with the configuration `config`. */
export async function referenceWith(program: string, config: string): Promise<EitherServer> {
  const file = await Deno.makeTempFile({ suffix: ".conf" });
  await Deno.writeTextFile(file, config);
  const server = await ReferenceServer.start(program, ["-c", file]);
  const clients: NatsConnection[] = [];
  return {
    connect: async (options = {}) => {
      const client = await connect({ servers: `127.0.0.1:${server.port}`, ...options });
      clients.push(client);
      return client;
    },
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) await client.close();
      await server[Symbol.asyncDispose]();
      await Deno.remove(file);
    },
  };
}

/** Subscribes and waits until the interest has reached the server of `publisher`. */
export async function subscribed(
  publisher: NatsConnection,
  subscriber: NatsConnection,
  subject: string,
  queue?: string,
): Promise<Inbox> {
  const inbox = new Inbox(subscriber, subject, queue);
  await interest(publisher, subscriber);
  return inbox;
}

/** Waits until what `subscriber` has subscribed to so far is known where `publisher` is. */
export async function interest(
  publisher: NatsConnection,
  subscriber: NatsConnection,
): Promise<void> {
  const probe = new Inbox(subscriber, `probe.${crypto.randomUUID()}`);
  await subscriber.flush();
  const subject = probe.subscription.getSubject();
  await until(() => {
    publisher.publish(subject);
    return probe.count > 0;
  });
  probe.subscription.unsubscribe();
}
