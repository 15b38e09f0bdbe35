/**
 * The monitoring of natsts and of nats-server 2.14.5 side by side: the same configuration, the same
 * clients, the same questions. Keys, their order, what is left out, values, status codes and
 * content types must agree, but for what differs between any two servers.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { emptyOptions, processConfigText } from "../../src/config/mod.ts";
import { startServer } from "../../src/mod.ts";
import { systemConfigSource } from "../../src/platform/deno/config_source.ts";
import { RawClient } from "../harness/raw_client.ts";
import { until } from "../harness/server.ts";

const hasReference = await new Deno.Command("nats-server", { args: ["-v"], stdout: "null" })
  .output().then(({ success }) => success, () => false);
if (!hasReference) console.log("skipped: nats-server is not on the path");

const CONFIG = `
server_name: twin
server_tags: [ "one", "two" ]
server_metadata: { region: north }
max_connections: 100
ping_interval: 30s
accounts {
  A {
    users [ { user: a, password: a }, { user: limited, password: l,
      permissions: { publish: { deny: "secret.>" }, subscribe: [ "open.>", "foo" ] } } ]
    mappings = { old: new, split: [ { dest: left, weight: 40% }, { dest: right, weight: 20 } ] }
  }
  B { users [ { user: b, password: b } ], limits { max_connections: 7 } }
  $SYS { users [ { user: sys, password: s } ] }
}
`;

/**
 * Values that no two servers share. Connection ids and counts of subscriptions are among them,
 * because the reference has clients of its own in each account for its system services.
 */
const VOLATILE = new Set(
  ("server_id now start uptime mem cpu port http_port rtt last_activity idle cores go git_commit " +
    "gomaxprocs config_load_time config_digest connect_urls stop slow_consumer_stats gomemlimit " +
    "cache_hit_rate num_cache num_matches num_inserts avg_fanout max_fanout updated " +
    "http_req_stats pending_bytes jwt config_file cid update_time subscriptions num_subscriptions total " +
    "sublist_cache_count").split(" "),
);
/** What natsts adds, and imports of system services, which it does not have yet. */
const ADDED = new Set(["natsts", "imports"]);

interface Twin {
  readonly clientPort: number;
  readonly url: string;
  stop(): Promise<void>;
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

async function reference(): Promise<Twin> {
  const [clientPort, httpPort] = [freePort(), freePort()];
  const file = await Deno.makeTempFile({ suffix: ".conf" });
  await Deno.writeTextFile(
    file,
    `${CONFIG}\nlisten: "127.0.0.1:${clientPort}"\nhttp: "127.0.0.1:${httpPort}"\n`,
  );
  const child = new Deno.Command("nats-server", { args: ["-c", file], stderr: "null" }).spawn();
  const url = `http://127.0.0.1:${httpPort}`;
  await until(() => fetch(`${url}/healthz`).then((r) => r.text()).then(() => true, () => false));
  return {
    clientPort,
    url,
    stop: async () => {
      child.kill("SIGKILL");
      await child.status;
      await Deno.remove(file);
    },
  };
}

async function own(): Promise<Twin> {
  const options = emptyOptions();
  processConfigText(
    options,
    `${CONFIG}\nlisten: "127.0.0.1:-1"\nhttp: "127.0.0.1:-1"\n`,
    systemConfigSource(),
  );
  const server = await startServer(options);
  return {
    clientPort: server.port,
    url: `http://127.0.0.1:${server.monitorPort}`,
    stop: () => server.stop(),
  };
}

/** The same clients on either server; the last one leaves again. */
async function populate({ clientPort }: Twin): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  const login = async (connect: Record<string, unknown>, text: string): Promise<RawClient> => {
    const client = await RawClient.connect(clientPort);
    await client.login(connect);
    await client.send(text);
    await client.flush();
    clients.push(client);
    return client;
  };
  const named = { lang: "deno", version: "1.2.3", headers: true };
  await login(
    { user: "a", pass: "a", name: "first", ...named },
    "SUB foo 1\r\nSUB foo.* workers 2\r\nUNSUB 1 10\r\n",
  );
  await login({ user: "limited", pass: "l", name: "second", ...named }, "SUB open.> 1\r\n");
  await login({ user: "b", pass: "b" }, "SUB > 7\r\n");
  const [first] = clients;
  await first!.send("PUB foo.bar 5\r\nhello\r\n");
  await first!.message();
  const leaving = await login({ user: "a", pass: "a", name: "gone" }, "SUB bye queue 9\r\n");
  clients.pop();
  await leaving.end();
  return clients;
}

const PATHS = [
  "/varz",
  "/connz",
  "/connz?subs=1",
  "/connz?subs=detail&auth=1",
  "/connz?auth=true",
  "/connz?state=closed&subs=detail&auth=1",
  "/connz?state=all&sort=start",
  "/connz?state=any",
  "/connz?acc=A&filter_subject=foo.bar",
  "/connz?filter_subject=foo",
  "/connz?user=limited&auth=1",
  "/connz?acc=B",
  "/connz?acc=NONE",
  "/connz?cid=9999",
  "/connz?cid=x",
  "/connz?offset=1&limit=1",
  "/connz?limit=x",
  "/connz?sort=nonsense",
  "/connz?sort=stop",
  "/connz?state=nonsense",
  "/connz?mqtt_client=x",
  "/subsz",
  "/subsz?subs=1&acc=A",
  "/subsz?subs=1&acc=B",
  "/subsz?subs=1&test=foo.bar",
  "/subsz?subs=1&test=foo..bar",
  "/subsz?subs=x",
  "/subscriptionsz",
  "/accountz",
  "/accountz?acc=A",
  "/accountz?acc=NONE",
  "/accstatz",
  "/accstatz?unused=1",
  "/accstatz?unused=x",
  "/healthz",
  "/healthz?js-enabled-only=1",
  "/healthz?js-server-only=1",
  "/healthz?account=A&stream=S",
  "/healthz?js-enabled-only=x",
  "/jsz",
  "/jsz?accounts=1",
  "/jsz?acc=A",
  "/jsz?limit=x",
  "/routez",
  "/routez?subs=1",
  "/routez?subs=x",
  "/gatewayz",
  "/gatewayz?accs=x",
  "/leafz",
  "/leafz?subs=x",
  "/raftz",
  "/raftz?acc=A&group=B",
  "/ipqueuesz?all=x",
  "/varz?callback=show",
  "/nothing",
  "/varz/more",
];

// deno-lint-ignore no-explicit-any -- JSON of any shape
type Json = any;

/** Differences between two answers, as lines. */
function compare(path: string, ours: Json, theirs: Json, lines: string[]): void {
  const kind = (value: Json): string =>
    value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  if (kind(ours) !== kind(theirs)) {
    lines.push(`${path}: ${JSON.stringify(ours)} instead of ${JSON.stringify(theirs)}`);
  } else if (kind(ours) === "object") {
    const keys = (value: Json) => Object.keys(value).filter((key) => !ADDED.has(key));
    if (keys(ours).join() !== keys(theirs).join()) {
      lines.push(`${path}: keys\n  ${keys(ours).join()}\n  ${keys(theirs).join()}`);
    }
    for (const key of keys(theirs)) {
      if (VOLATILE.has(key) || !(key in ours)) continue;
      compare(`${path}.${key}`, ours[key], theirs[key], lines);
    }
  } else if (kind(ours) === "array") {
    if (ours.length !== theirs.length) {
      lines.push(`${path}: ${ours.length} elements instead of ${theirs.length}`);
    } else {ours.forEach((each: Json, i: number) =>
        compare(`${path}[${i}]`, each, theirs[i], lines)
      );}
  } else if (ours !== theirs) {
    lines.push(`${path}: ${JSON.stringify(ours)} instead of ${JSON.stringify(theirs)}`);
  }
}

/** Lists whose order is random in the reference are compared sorted. */
function settled(value: Json): Json {
  if (Array.isArray(value)) {
    const all = value.map(settled).filter((each) => !each?.subject?.startsWith("$SYS."));
    return all.every((each) => typeof each === "string") ||
        all.every((each) => each?.sid !== undefined || each?.acc !== undefined)
      ? all.sort((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)
      : all;
  }
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, settled(each)]));
}

async function ask({ url }: Twin, path: string): Promise<{ head: string; body: Json }> {
  const response = await fetch(url + path);
  const text = await response.text();
  const head = `${response.status} ${response.headers.get("content-type")}`;
  try {
    return { head, body: settled(JSON.parse(text.replace(/^show\(([^]*)\)$/, "$1"))) };
  } catch (_notJson) {
    return { head, body: text };
  }
}

Deno.test({
  name: "monitoring answers as nats-server does",
  ignore: !hasReference,
  fn: async () => {
    const twins = [await own(), await reference()] as const;
    const clients = [...await populate(twins[0]), ...await populate(twins[1])];
    try {
      const lines: string[] = [];
      for (const path of PATHS) {
        const [ours, theirs] = [await ask(twins[0], path), await ask(twins[1], path)];
        if (ours.head !== theirs.head) {
          lines.push(`${path}: ${ours.head} instead of ${theirs.head}`);
        }
        compare(path, ours.body, theirs.body, lines);
      }
      if (Deno.env.has("SHOW")) console.log(lines.join("\n"));
      assertEquals(lines, []);
    } finally {
      for (const client of clients) await client.end();
      for (const twin of twins) await twin.stop();
    }
  },
});
