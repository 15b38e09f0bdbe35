/**
 * Hubs and leaf nodes, natsts and the real nats-server in both roles.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { headers } from "@nats-io/transport-node";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { until } from "../harness/server.ts";
import {
  type EitherServer,
  freePort,
  interest,
  leafConfig,
  referenceWith,
  subscribed,
} from "../harness/leafnodes.ts";
import { referenceProgram } from "../harness/reference_server.ts";
import { testServer } from "../harness/server.ts";

const program = referenceProgram("nats-server");

type Kind = "natsts" | "nats-server";

const PAIRS: [hub: Kind, leaf: Kind][] = [
  ["natsts", "natsts"],
  ["natsts", "nats-server"],
  ["nats-server", "natsts"],
];

async function started(kind: Kind, config: string): Promise<EitherServer> {
  return kind === "natsts" ? await testServer({}, config) : await referenceWith(program!, config);
}

/** Runs `use` with each pair of a hub and a leaf. */
function pairs(
  name: string,
  configs: (port: number) => { hub: string; leaf: string },
  use: (hub: EitherServer, leaf: EitherServer, kinds: [Kind, Kind]) => Promise<void>,
): void {
  for (const [hubKind, leafKind] of PAIRS) {
    Deno.test({
      name: `${name}: hub ${hubKind}, leaf ${leafKind}`,
      ignore: program === null,
      fn: async () => {
        const configured = configs(freePort());
        await using hub = await started(hubKind, configured.hub);
        await using leaf = await started(leafKind, configured.leaf);
        await use(hub, leaf, [hubKind, leafKind]);
      },
    });
  }
}

const plain = (port: number) => ({
  hub: `server_name: hub\nleafnodes { listen: "127.0.0.1:${port}" }`,
  leaf: `server_name: leaf\n${leafConfig(port, "", "")}`,
});

pairs("leaf nodes pass messages and requests both ways", plain, async (hub, leaf) => {
  const h = await hub.connect();
  const l = await leaf.connect();
  const atLeaf = await subscribed(h, l, "foo.*");
  const atHub = await subscribed(l, h, "bar.>");
  const withHeaders = headers();
  withHeaders.set("A", "b");
  h.publish("foo.1", "down", { headers: withHeaders });
  l.publish("bar.1.2", "up");
  const down = (await atLeaf.next())!;
  assertEquals([down.subject, down.string(), down.headers?.get("A")], ["foo.1", "down", "b"]);
  const up = (await atHub.next())!;
  assertEquals([up.subject, up.string()], ["bar.1.2", "up"]);
  l.subscribe("service", { callback: (_error, m) => void m.respond("from leaf") });
  await interest(h, l);
  assertEquals((await h.request("service", "", { timeout: 5000 })).string(), "from leaf");
  h.subscribe("other", { callback: (_error, m) => void m.respond("from hub") });
  await interest(l, h);
  assertEquals((await l.request("other", "", { timeout: 5000 })).string(), "from hub");
  // Nothing comes twice, nothing comes back.
  assertEquals([atLeaf.count, atHub.count], [0, 0]);
});

pairs("queue groups span hub and leaf, local members first", plain, async (hub, leaf) => {
  const h = await hub.connect();
  const l = await leaf.connect();
  const atLeaf = await subscribed(h, l, "work", "q");
  const all = await subscribed(h, l, "work");
  for (let i = 0; i < 20; i++) h.publish("work");
  await until(() => atLeaf.count === 20 && all.count === 20);
  const atHub = await subscribed(l, h, "work", "q");
  await interest(h, h);
  for (let i = 0; i < 20; i++) h.publish("work");
  await until(() => atHub.count === 20 && all.count === 40);
  for (let i = 0; i < 20; i++) l.publish("work");
  await until(() => atLeaf.count === 40 && all.count === 60);
  await interest(h, l);
  assertEquals([atHub.count, atLeaf.count, all.count], [20, 40, 60]);
});

pairs("unsubscribing ends the interest at the other end", plain, async (hub, leaf) => {
  const h = await hub.connect();
  const l = await leaf.connect();
  const first = await subscribed(h, l, "gone");
  const second = await subscribed(h, l, "gone");
  first.subscription.unsubscribe();
  await interest(h, l);
  h.publish("gone");
  await until(() => second.count === 1);
  second.subscription.unsubscribe();
  await interest(h, l);
  await h.request("gone", "", { timeout: 5000 }).then(
    () => assertEquals("an answer", "none"),
    (error) => assertEquals(/no responders/.test(String(error)), true, String(error)),
  );
});

const secured = (port: number) => ({
  hub: `accounts {
    A { users [ {user: a, password: a} ] }
    B { users [ {user: b, password: b} ] }
  }
  leafnodes { listen: "127.0.0.1:${port}", authorization { users [
    {user: leaf, password: secret, account: A} ] } }`,
  leaf: leafConfig(port, "", "", "leaf:secret@"),
});

pairs("a leaf is bound to the account of its user", secured, async (hub, leaf) => {
  const a = await hub.connect({ user: "a", pass: "a" });
  const b = await hub.connect({ user: "b", pass: "b" });
  const l = await leaf.connect();
  const inbox = await subscribed(a, l, "foo");
  b.publish("foo", "from b");
  await b.flush();
  a.publish("foo", "from a");
  assertEquals((await inbox.next())!.string(), "from a");
  assertEquals(inbox.count, 0);
});

const limited = (port: number) => ({
  hub: `accounts { A { users [
      {user: a, password: a}
      {user: leaf, password: secret, permissions {
        publish { allow: ["up.>", "probe.>", "_INBOX.>"] }, subscribe { deny: ["secret.>"] } } } ] } }
    leafnodes { listen: "127.0.0.1:${port}" }`,
  leaf: leafConfig(port, 'deny_imports: ["noimport"], deny_exports: ["up.no"]', "", "leaf:secret@"),
});

pairs("permissions of the user and of the remote hold", limited, async (hub, leaf) => {
  const h = await hub.connect({ user: "a", pass: "a" });
  const l = await leaf.connect();
  const atLeaf = await subscribed(h, l, ">");
  const atHub = await subscribed(l, h, ">");
  for (const subject of ["secret.1", "noimport", "open"]) h.publish(subject);
  await until(() => atLeaf.count > 0 && atHub.count > 0);
  await interest(h, l);
  const seen = async (inbox: typeof atLeaf): Promise<string[]> => {
    const subjects: string[] = [];
    while (inbox.count > 0) subjects.push((await inbox.next())!.subject);
    return subjects.filter((s) => !s.startsWith("probe.") && !s.startsWith("$"));
  };
  assertEquals(await seen(atLeaf), ["open"]);
  await seen(atHub);
  for (const subject of ["up.no", "down", "up.yes"]) l.publish(subject);
  await until(() => atHub.count > 0);
  await interest(l, h);
  assertEquals(await seen(atHub), ["up.yes"]);
});

for (const [hubKind, leafKind] of PAIRS) {
  Deno.test({
    name: `a leaf comes back to its hub: hub ${hubKind}, leaf ${leafKind}`,
    ignore: program === null,
    fn: async () => {
      const { hub: hubConfig, leaf: leafConfigText } = plain(freePort());
      await using leaf = await started(leafKind, leafConfigText);
      const l = await leaf.connect();
      for (let i = 0; i < 2; i++) {
        await using hub = await started(hubKind, hubConfig);
        const h = await hub.connect();
        const inbox = await subscribed(h, l, "foo");
        h.publish("foo", String(i));
        assertEquals((await inbox.next())!.string(), String(i));
        inbox.subscription.unsubscribe();
      }
    },
  });

  Deno.test({
    name: `JetStream is reached through its domain: hub ${hubKind}, leaf ${leafKind}`,
    ignore: program === null,
    fn: async () => {
      const store = await Deno.makeTempDir({ prefix: "natsts-leaf-" });
      try {
        const port = freePort();
        await using hub = await started(
          hubKind,
          `server_name: hub\nleafnodes { listen: "127.0.0.1:${port}" }
           jetstream { store_dir: "${store}/hub", domain: HUB }`,
        );
        await using leaf = await started(
          leafKind,
          `server_name: leaf\n${
            leafConfig(port, "", `jetstream { store_dir: "${store}/leaf", domain: LEAF }`)
          }`,
        );
        const h = await hub.connect();
        const l = await leaf.connect();
        await interest(h, l);
        await interest(l, h);
        for (const [client, domain] of [[h, "LEAF"], [l, "HUB"]] as const) {
          const manager = await jetstreamManager(client, { domain, timeout: 10_000 });
          await manager.streams.add({ name: `IN_${domain}`, subjects: [`to.${domain}`] });
          const js = jetstream(client, { domain, timeout: 10_000 });
          await interest(client, domain === "LEAF" ? l : h);
          for (let i = 0; i < 5; i++) await js.publish(`to.${domain}`, String(i));
          await manager.consumers.add(`IN_${domain}`, {
            durable_name: "c",
            ack_policy: "explicit",
          });
          const consumer = await js.consumers.get(`IN_${domain}`, "c");
          const bodies: string[] = [];
          const messages = await consumer.fetch({ max_messages: 5, expires: 5000 });
          for await (const m of messages) {
            bodies.push(`${m.subject} ${m.string()}`);
            assertEquals(await m.ackAck({ timeout: 10_000 }), true);
          }
          assertEquals(bodies, [0, 1, 2, 3, 4].map((i) => `to.${domain} ${i}`));
        }
        const own = await jetstreamManager(h, { timeout: 10_000 });
        assertEquals(await own.streams.names().next(), ["IN_HUB"]);
      } finally {
        await Deno.remove(store, { recursive: true });
      }
    },
  });
}
