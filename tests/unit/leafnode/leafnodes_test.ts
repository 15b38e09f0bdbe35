/**
 * Hubs and leaf nodes of natsts: loops, limits, refusals, accounts, monitoring.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { emptyOptions, processConfigText } from "../../../src/config/mod.ts";
import { leafz } from "../../../src/monitor/mod.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";
import { CapturedLog } from "../../harness/captured_log.ts";
import {
  freePort,
  interest,
  leafConfig,
  leafHub,
  leafOf,
  leafPort,
  leafsCount,
  subscribed,
} from "../../harness/leafnodes.ts";
import { RawClient } from "../../harness/raw_client.ts";
import { Inbox, testServer, until } from "../../harness/server.ts";

/** Waits until `log` has an error that matches. */
function logged(log: CapturedLog, pattern: RegExp): Promise<void> {
  return until(
    () => log.texts("error").some((text) => pattern.test(text)),
    () => `expected ${pattern} in ${JSON.stringify(log.texts("error"))}`,
  );
}

Deno.test("INFO of the leaf node port is that of a hub", async () => {
  await using hub = await leafHub();
  const raw = await RawClient.connect(leafPort(hub));
  const info = await raw.info();
  const port = leafPort(hub);
  assertEquals(
    [info.port, info.ip, info.leafnode_urls, info.auth_required, info.info_on_connect],
    [port, `127.0.0.1:${port}`, [`127.0.0.1:${port}`], true, true],
  );
  assert(info.client_id > 0 && info.nonce.length > 0 && !("connect_urls" in info));
  await raw.end();
});

Deno.test("a hub answers CONNECT with its INFO and its interest, then counts interest", async () => {
  await using hub = await leafHub();
  const client = await hub.connect();
  client.subscribe("before");
  await client.flush();
  const raw = await RawClient.connect(leafPort(hub));
  await raw.info();
  await raw.send('CONNECT {"name":"leaf","headers":true}\r\n');
  const info = await raw.info();
  assertEquals([info.connect_info, info.remote_account], [true, "$G"]);
  await raw.expect(/LS\+ before\r\n/);
  await raw.expect(/LS\+ \$LDS\.\w{22}\r\n/);
  const first = client.subscribe("x");
  const second = client.subscribe("x");
  await raw.expect(/LS\+ x\r\n/);
  first.unsubscribe();
  second.unsubscribe();
  await raw.expect(/^LS- x\r\n/);
  const members = [client.subscribe("x", { queue: "q" }), client.subscribe("x", { queue: "q" })];
  await raw.expect(/^LS\+ x q 1\r\nLS\+ x q 2\r\n/);
  members[0]!.unsubscribe();
  await raw.expect(/^LS\+ x q 1\r\n/);
  members[1]!.unsubscribe();
  await raw.expect(/^LS- x q\r\n/);
  await raw.send("LS+ foo\r\nLS+ foo q 2\r\nPING\r\n");
  await raw.expect(/PONG\r\n/);
  client.publish("foo", "one", { reply: "r" });
  await raw.expect(/^LMSG foo \+ r q 3\r\none\r\n/);
  await raw.send("LS- foo q\r\nPING\r\n");
  await raw.expect(/PONG\r\n/);
  client.publish("foo", "two");
  await raw.expect(/^LMSG foo 3\r\ntwo\r\n/);
  const inbox = new Inbox(client, "up");
  await client.flush();
  await raw.send("LMSG up answer 2\r\nhi\r\n");
  const message = (await inbox.next())!;
  assertEquals([message.string(), message.reply], ["hi", "answer"]);
  await raw.end();
});

Deno.test("interest before CONNECT, clients on the leaf node port and bad logins are refused", async () => {
  const config = "authorization { user: a, password: b }";
  await using hub = await leafHub(config);
  for (
    const [sent, error] of [
      ["LS+ foo\r\n", "Authorization Violation"],
      ["LMSG foo 2\r\nhi\r\n", "Authorization Violation"],
      ['CONNECT {"user":"a","pass":"x"}\r\n', "Authorization Violation"],
      ['CONNECT {"user":"x","pass":"b"}\r\n', "Authorization Violation"],
      [
        'CONNECT {"user":"a","pass":"b","lang":"go"}\r\n',
        "attempted to connect to leaf node port",
      ],
      [
        'CONNECT {"user":"a","pass":"b","gateway":"g"}\r\n',
        'Rejecting connection from gateway "g" on the leafnode port',
      ],
    ] as const
  ) {
    const raw = await RawClient.connect(leafPort(hub));
    await raw.info();
    await raw.send(sent);
    assertEquals(await raw.line(), `-ERR '${error}'`);
    await until(() => raw.ended);
    await raw.end();
  }
  await leafsCount(hub, 0);
});

Deno.test("a leaf that does not log in in time is sent away", async () => {
  await using hub = await leafHub("authorization { user: a, password: b, timeout: 0.1 }");
  const raw = await RawClient.connect(leafPort(hub));
  await raw.info();
  await raw.expect(/-ERR 'Authentication Timeout'/);
  await until(() => raw.ended);
  await raw.end();
});

Deno.test("a remote notices that it is not at a leaf node port", async () => {
  const log = new CapturedLog();
  await using server = await testServer();
  await using _leaf = await testServer({ logger: log }, leafConfig(server.port, "", ""));
  await logged(log, /attempted to connect to wrong port/);
});

Deno.test("a loop of three servers is found and broken", async () => {
  const log = new CapturedLog();
  const ports = [freePort(), freePort(), freePort()];
  const config = (at: number) =>
    `server_name: S${at}\nleafnodes { listen: "127.0.0.1:${ports[at]}", reconnect: "50ms"
      remotes [ { url: "nats-leaf://127.0.0.1:${ports[(at + 1) % 3]}" } ] }`;
  await using _a = await testServer({ logger: log }, config(0));
  await using _b = await testServer({ logger: log }, config(1));
  await using _c = await testServer({ logger: log }, config(2));
  await logged(log, /Loop detected for leafnode account="\$G"\. Delaying attempt to reconnect/);
});

Deno.test("messages pass a hub between its leaf nodes, but not between isolated ones", async () => {
  for (const isolated of [false, true]) {
    await using hub = await leafHub(`isolate_leafnode_interest: ${isolated}`);
    await using one = await leafOf(leafPort(hub), "", "server_name: one");
    await using two = await leafOf(leafPort(hub), "", "server_name: two");
    await leafsCount(hub, 2);
    const [h, a, b] = [await hub.connect(), await one.connect(), await two.connect()];
    const atOne = await subscribed(h, a, "foo");
    await interest(h, b);
    if (isolated) {
      b.publish("foo", "not");
      await interest(b, h);
      h.publish("foo", "hub");
      assertEquals((await atOne.next())!.string(), "hub");
    } else {
      await interest(b, a);
      b.publish("foo", "leaf");
      assertEquals((await atOne.next())!.string(), "leaf");
    }
    assertEquals(atOne.count, 0);
  }
});

Deno.test("leaf nodes of one cluster do not hear each other through the hub", async () => {
  await using hub = await leafHub();
  const raws: RawClient[] = [];
  for (const name of ["a", "b"]) {
    const raw = await RawClient.connect(leafPort(hub));
    await raw.info();
    await raw.send(
      `CONNECT {"name":"${name}","cluster":"C"}\r\nLS+ foo\r\nLS+ foo q 1\r\nPING\r\n`,
    );
    await raw.expect(/PONG\r\n/);
    raws.push(raw);
  }
  await raws[0]!.send("LMSG foo 2\r\nhi\r\nLMSG foo | q 2\r\nhi\r\nPING\r\n");
  await raws[0]!.expect(/PONG\r\n/);
  await raws[1]!.send("PING\r\n");
  await raws[1]!.expect(/^PONG\r\n/);
  for (const raw of raws) await raw.end();
});

Deno.test("an account takes no more leaf nodes than its limit", async () => {
  const config = `accounts { A { users [ {user: a, password: a} ]
    limits { max_leafnodes: 1 } } }`;
  await using hub = await leafHub("", config);
  const connect = 'CONNECT {"name":"one","user":"a","pass":"a"}\r\n';
  const first = await RawClient.connect(leafPort(hub));
  await first.info();
  await first.send(connect);
  await first.info();
  const second = await RawClient.connect(leafPort(hub));
  await second.info();
  await second.send(connect.replace("one", "two"));
  await second.expect(/-ERR 'maximum account active connections exceeded'/);
  await first.end();
  await second.end();
});

Deno.test("a second connection of the same server takes the place of the first", async () => {
  await using hub = await leafHub();
  const raws: RawClient[] = [];
  for (let i = 0; i < 2; i++) {
    const raw = await RawClient.connect(leafPort(hub));
    await raw.info();
    await raw.send('CONNECT {"name":"same","remote_account":"$G"}\r\n');
    await raw.info();
    raws.push(raw);
  }
  await raws[0]!.expect(/-ERR 'Duplicate Remote LeafNode Connection'/);
  await leafsCount(hub, 1);
  for (const raw of raws) await raw.end();
});

Deno.test("leaf nodes older than min_version are refused", async () => {
  await using hub = await leafHub("min_version: 2.10.0");
  for (const [version, taken] of [["2.9.9", false], ["", false], ["2.10.0", true]] as const) {
    const raw = await RawClient.connect(leafPort(hub));
    await raw.info();
    await raw.send(`CONNECT {"name":"l","version":"${version}"}\r\n`);
    await raw.info();
    if (taken) await raw.expect(/LS\+ \$LDS/);
    else await raw.expect(/-ERR 'connection rejected since minimum version required is "2.10.0"'/);
    await raw.end();
  }
});

Deno.test("a leaf that sends what it may not send loses its connection", async () => {
  const config = `accounts { A { users [ {user: a, password: a, permissions {
    publish: "yes", subscribe: { deny: "no" } } }, {user: b, password: b} ] } }`;
  await using hub = await leafHub("", config);
  const client = await hub.connect({ user: "b", pass: "b" });
  const inbox = new Inbox(client, ">");
  await client.flush();
  const login = async () => {
    const raw = await RawClient.connect(leafPort(hub));
    await raw.info();
    await raw.send('CONNECT {"name":"l","user":"a","pass":"a"}\r\n');
    const { import: imports, export: exports } = await raw.info();
    assertEquals(imports, { deny: ["no"] });
    assertEquals(exports, { allow: ["yes"] });
    return raw;
  };
  const sender = await login();
  await sender.send("LMSG yes 0\r\n\r\nLMSG other 0\r\n\r\n");
  await sender.expect(/-ERR 'Permissions Violation for Publish to "other"'/);
  await until(() => sender.ended);
  assertEquals((await inbox.next())!.subject, "yes");
  const asker = await login();
  await asker.send("LS+ no\r\n");
  await asker.expect(/-ERR 'Permissions Violation for Subscription to "no"'/);
  await until(() => asker.ended);
  const wide = await login();
  await wide.send("LS+ *\r\nPING\r\n");
  await wide.expect(/PONG\r\n/);
  client.publish("no");
  client.publish("open");
  await wide.expect(/^LMSG open 0\r\n\r\n/);
  assertEquals(inbox.count, 2);
  for (const raw of [sender, asker, wide]) await raw.end();
});

Deno.test("services and streams of other accounts pass leaf node connections", async () => {
  const config = `accounts {
    S { users [ {user: s, password: s} ], exports [ {service: "svc"}, {stream: "news.>"} ] }
    C { users [ {user: c, password: c} ]
        imports [ {service: {account: S, subject: "svc"}, to: "ask"},
                  {stream: {account: S, subject: "news.>"}, prefix: "in"} ] } }`;
  await using hub = await leafHub("", config);
  await using leaf = await leafOf(leafPort(hub), "", "", "c:c@");
  await leafsCount(hub, 1);
  const s = await hub.connect({ user: "s", pass: "s" });
  const c = await hub.connect({ user: "c", pass: "c" });
  const l = await leaf.connect();
  s.subscribe("svc", { callback: (_error, m) => void m.respond(`for ${m.string()}`) });
  await s.flush();
  await interest(l, c);
  assertEquals((await l.request("ask", "leaf")).string(), "for leaf");
  const inbox = await subscribed(c, l, "in.news.*");
  s.publish("news.today", "rain");
  const message = (await inbox.next())!;
  assertEquals([message.subject, message.string()], ["in.news.today", "rain"]);
  assertEquals(inbox.count, 0);
});

Deno.test("/leafz shows connections to leaf nodes and hubs, each account's count them", async () => {
  await using hub = await leafHub("", "server_name: hub");
  await using leaf = await leafOf(leafPort(hub), "", "server_name: leaf");
  await leafsCount(hub, 1);
  await leafsCount(leaf, 1);
  const client = await leaf.connect();
  const inbox = await subscribed(await hub.connect(), client, "foo");
  assertEquals(inbox.count, 0);
  const [atHub] = leafz(hub.server, { subscriptions: true }).leafs;
  assertEquals([atHub!.name, atHub!.is_spoke, atHub!.account, atHub!.ip], [
    "leaf",
    false,
    "$G",
    "127.0.0.1",
  ]);
  assert(atHub!.subscriptions_list!.includes("foo"));
  const [atLeaf] = leafz(leaf.server).leafs;
  assertEquals([atLeaf!.name, atLeaf!.is_spoke, atLeaf!.subscriptions_list], [
    "hub",
    true,
    undefined,
  ]);
  assertEquals(leafz(hub.server, { account: "other" }).leafnodes, 0);
  assertEquals(hub.server.varz().leafnodes, 1);
  assertMatch(hub.account("$G").name, /\$G/);
});

Deno.test("a reload that changes users sends leaf nodes through their login again", async () => {
  const config = (password: string) =>
    `leafnodes { listen: "127.0.0.1:-1" }
     accounts { A { users [ {user: a, password: ${password}} ] } }`;
  await using hub = await testServer({}, config("one"));
  await using leaf = await leafOf(leafPort(hub), "", "", "a:one@");
  await leafsCount(hub, 1);
  await leafsCount(leaf, 1);
  const next = emptyOptions();
  processConfigText(next, config("two"), systemConfigSource());
  await hub.server.reloadOptions({ ...next, host: "127.0.0.1", port: hub.port });
  await leafsCount(hub, 0);
  await leafsCount(leaf, 0);
});
