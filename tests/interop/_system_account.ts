/**
 * natsts and the real server with the same accounts and a system account, and what they say
 * without what differs between any two runs.
 *
 * @module
 */
import { connect, type ConnectionOptions, type NatsConnection } from "@nats-io/transport-node";
import { emptyOptions, processConfigText } from "../../src/config/mod.ts";
import { startServer } from "../../src/mod.ts";
import { systemConfigSource } from "../../src/platform/deno/config_source.ts";
import { ReferenceServer } from "../harness/reference_server.ts";

/** One of the two servers. */
export interface Side {
  readonly port: number;
  /** Connects a client; it is closed in the end. */
  connect(options: ConnectionOptions): Promise<NatsConnection>;
}

/** Runs `use` with each of the two servers, which have `config`; returns both results. */
export async function onEachServer<T>(
  program: string,
  config: (storeDir: string) => string,
  use: (side: Side) => Promise<T>,
): Promise<{ theirs: T; ours: T }> {
  const folder = Deno.makeTempDirSync({ prefix: "natsts-system-" });
  const used = async (port: number): Promise<T> => {
    const clients: NatsConnection[] = [];
    try {
      return await use({
        port,
        connect: async (options) => {
          const client = await connect({
            servers: `127.0.0.1:${port}`,
            reconnect: false,
            ...options,
          });
          clients.push(client);
          return client;
        },
      });
    } finally {
      await Promise.all(clients.map((client) => client.close()));
    }
  };
  try {
    const path = `${folder}/server.conf`;
    Deno.writeTextFileSync(path, config(`${folder}/go`));
    let theirs: T;
    {
      await using reference = await ReferenceServer.start(program, ["-c", path]);
      theirs = await used(reference.port);
    }
    const options = emptyOptions();
    processConfigText(options, config(`${folder}/ts`), systemConfigSource());
    await using natsts = await startServer({ ...options, host: "127.0.0.1", port: -1 });
    return { theirs, ours: await used(natsts.port) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Fields whose values depend on the moment, the machine, or on how much else was said before. */
const VOLATILE = new Set([
  ..."id seq time timestamp start stop now update_time last_activity config_load_time".split(" "),
  ..."port rtt uptime idle mem cpu cores gomaxprocs pending_bytes cid".split(" "),
  ..."msgs bytes in_msgs out_msgs in_bytes out_bytes in_client_msgs out_client_msgs".split(" "),
  ..."in_client_bytes out_client_bytes".split(" "),
  // The reference listens for other servers, too, and gives each account a client of its own.
  ..."subscriptions num_subscriptions num_cache num_inserts num_removes num_matches".split(" "),
  ..."cache_hit_rate max_fanout avg_fanout server_id".split(" "),
]);

/** The shape of `value`: volatile fields only say of which type they are. */
export function steady(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(steady);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, one]) => {
    const scalar = typeof one !== "object" && one !== "";
    return [key, VOLATILE.has(key) && scalar ? `<${typeof one}>` : steady(one)] as const;
  });
  return Object.fromEntries(entries);
}
