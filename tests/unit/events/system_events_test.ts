/**
 * The system account: when events are made, who may ask, and what requests of any shape do.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Inbox, type TestServer, testServer, until } from "../../harness/server.ts";

const CONFIG = `
  server_name: S
  accounts {
    A {
      users [{ user: a, password: a }]
      imports [
        { service: { account: SYS, subject: "$SYS.DEBUG.SUBSCRIBERS" } }
        { stream: { account: SYS, subject: "$SYS.ACCOUNT.A.>" } }
      ]
    }
    B { users [{ user: b, password: b }] }
    SYS {
      users [{ user: sys, password: sys }]
      exports [
        { service: "$SYS.DEBUG.SUBSCRIBERS" }
        { stream: "$SYS.ACCOUNT.*.>", account_token_position: 3 }
      ]
    }
  }
  system_account: SYS
`;

function login(server: TestServer, name: string) {
  return server.connect({ user: name, pass: name, name });
}

/** How many messages the server has made so far. */
function said(server: TestServer): number {
  return server.server.events!.sender.serverInfo().seq;
}

Deno.test("events that nobody listens to are not made", async () => {
  await using server = await testServer({}, CONFIG);
  const before = said(server);
  const client = await login(server, "a");
  await client.close();
  await server.clientsCount(0);
  await assertRejects(() => server.connect({ user: "a", pass: "wrong" }));
  server.server.events!.statsz.force();
  assertEquals(said(server), before + 1);
});

Deno.test("an account hears through an import of what its clients do, and of no others", async () => {
  await using server = await testServer({}, CONFIG);
  const listener = await login(server, "a");
  const events = new Inbox(listener, "$SYS.ACCOUNT.*.CONNECT");
  await listener.flush();
  await login(server, "b");
  const { client_id: id } = (await login(server, "a")).info!;
  const event = (await events.next())!.json<{ client: { id: number; acc: string } }>();
  assertEquals(event.client, { ...event.client, id, acc: "A" });
  assertEquals(events.count, 0);
});

Deno.test("the owner of an account hears of logins that fail in it", async () => {
  await using server = await testServer(
    {},
    "accounts { $SYS { users [{ user: s, password: s }] }, A { users [{ user: a, password: a }] } }",
  );
  const account = server.account("$G");
  const heard: string[] = [];
  server.server.core.internal.subscribe(
    account,
    "$SYS.ACCOUNT.CLIENT.AUTH.ERR",
    (_subscription, _account, _subject, _reply, message) => {
      heard.push(new TextDecoder().decode(message));
    },
  );
  await assertRejects(() => server.connect({ user: "a", pass: "wrong" }));
  await until(() => heard.length === 1);
  const { client, reason } = JSON.parse(heard[0]!);
  assertEquals([client.acc, client.user, reason], ["$G", "a", "Authentication Failure"]);
});

Deno.test("a client learns of its own account only", async () => {
  await using server = await testServer({}, CONFIG);
  const client = await login(server, "a");
  const { client_id: cid } = (await login(server, "b")).info!;
  const others = ["", '{"acc":"B"}', '{"account":"B"}', '{"user":"b"}', JSON.stringify({ cid })];
  for (const subject of ["$SYS.REQ.ACCOUNT.PING.CONNZ", "$SYS.REQ.SERVER.PING.CONNZ"]) {
    for (const body of others) {
      const { data } = (await client.request(subject, body)).json<
        { data: { connections: { name: string }[] } }
      >();
      const names = data.connections.map(({ name }) => name);
      assertEquals(names, /cid|user/.test(body) ? [] : ["a"]);
    }
  }
  const statz = (await client.request("$SYS.REQ.ACCOUNT.PING.STATZ", '{"accounts":["B"]}'))
    .json<{ data: { account_statz: { acc: string }[] } }>();
  assertEquals(statz.data.account_statz.map(({ acc }) => acc), ["A"]);
  for (const subject of ["$SYS.REQ.ACCOUNT.B.CONNZ", "$SYS.REQ.SERVER.PING.VARZ"]) {
    await assertRejects(() => client.request(subject), Error, "no responders");
  }
});

Deno.test("$SYS.DEBUG.SUBSCRIBERS counts the subscriptions of the asker's account", async () => {
  await using server = await testServer({}, CONFIG);
  const client = await login(server, "a");
  const other = await login(server, "b");
  other.subscribe("foo.bar");
  await other.flush();
  for (const subject of ["foo.bar", "foo.*", "foo.baz", ">"]) client.subscribe(subject);
  for (const queue of ["one", "one", "two"]) client.subscribe("foo.bar", { queue });
  await client.flush();
  const count = async (asked: string): Promise<number> =>
    Number((await client.request("$SYS.DEBUG.SUBSCRIBERS", asked)).string());
  assertEquals(await count("foo.bar"), 6);
  assertEquals(await count("foo.bar one"), 2);
  assertEquals(await count(" foo.bar two "), 1);
  assertEquals(await count("foo.nobody"), 2);
  assertEquals(await count("foo.*"), 6);
  assertEquals(await count("foo.* two"), 1);
  assertEquals(await count("nothing.*"), 0);
});

Deno.test("a server says that it takes no more clients", async () => {
  await using server = await testServer(
    { lameDuckGracePeriodMs: 1, lameDuckDurationMs: 20 },
    CONFIG,
  );
  const raw = await server.rawLogin({ user: "sys", pass: "sys" });
  await raw.send("SUB $SYS.SERVER.*.LAMEDUCK 1\r\nSUB $SYS.SERVER.*.SHUTDOWN 2\r\n");
  await raw.flush();
  const stopped = server.server.lameDuckShutdown();
  const { id } = server.server;
  const message = await raw.message();
  assertEquals(message.subject, `$SYS.SERVER.${id}.LAMEDUCK`);
  const { name, id: own, ver } = JSON.parse(message.body);
  assertEquals([name, own, ver], ["S", id, "2.14.5"]);
  await stopped;
  await raw.expectEnd();
});

Deno.test("a server that is stopped says so to those who are still there", async () => {
  await using server = await testServer({}, CONFIG);
  const raw = await server.rawLogin({ user: "sys", pass: "sys" });
  await raw.send("SUB $SYS.SERVER.*.SHUTDOWN 2\r\nSUB $SYS.ACCOUNT.*.DISCONNECT 3\r\n");
  await raw.flush();
  await login(server, "a");
  const stopped = server.server.stop();
  const { subject, body } = await raw.message();
  assertEquals(subject, `$SYS.SERVER.${server.server.id}.SHUTDOWN`);
  assertEquals(JSON.parse(body).id, server.server.id);
  // Those who go with the server are not told of.
  assertEquals(await raw.expectEnd(), "");
  await stopped;
});

Deno.test("a CPU profile keeps nobody waiting, and ends with the server", async () => {
  await using server = await testServer({}, CONFIG);
  const client = await login(server, "sys");
  const profiles = new Inbox(client, "profiles");
  const ask = (durationMs: number): void => {
    const body = JSON.stringify({ name: "cpu", duration: durationMs * 1e6 });
    client.publish("$SYS.REQ.SERVER.PING.PROFILEZ", body, { reply: "profiles" });
  };
  ask(100);
  await client.request("$SYS.REQ.SERVER.PING.VARZ", "", { timeout: 10_000 });
  assertEquals(profiles.count, 0);
  const { data } = (await profiles.next(10_000))!.json<
    { data: { profile: string; error?: string } }
  >();
  assertEquals(data.error, undefined);
  assert(JSON.parse(atob(data.profile)).nodes.length > 0);
  ask(15_000);
  await client.request("$SYS.REQ.SERVER.PING.IDZ", "", { timeout: 10_000 });
  const startedMs = performance.now();
  await server.server.stop();
  assert(performance.now() - startedMs < 10_000);
});

/** A value that JSON can say, of any shape, with keys that services look at. */
function anyValue(random: () => number, depth = 0): unknown {
  const keys =
    "limit offset cid sort state acc account subs tags server_name cluster duration name";
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  switch (Math.floor(random() * (depth > 2 ? 6 : 8))) {
    case 0:
      return pick([0, -1, 1, 1e308, -(2 ** 63), 2 ** 63 - 1, 1.5, 1e-7]);
    case 1:
      return pick(["", "A", "nope", "S", "\u0000", "x".repeat(300), "cpu"]);
    case 2:
      return pick([true, false]);
    case 3:
      return null;
    case 4:
    case 5:
    case 6:
      return Object.fromEntries(
        Array.from({ length: 3 }, () => [pick(keys.split(" ")), anyValue(random, depth + 1)]),
      );
    default:
      return [anyValue(random, depth + 1)];
  }
}

Deno.test("requests of any shape are answered, refused or ignored, and harm nobody", async () => {
  await using server = await testServer({}, CONFIG);
  const client = await login(server, "sys");
  const seed = Math.floor(Math.random() * 2 ** 31);
  console.log(`seed ${seed}`);
  let state = seed;
  const random = (): number => {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    return state / 2 ** 31;
  };
  const { id } = server.server;
  const names = "IDZ STATSZ VARZ SUBSZ CONNZ ROUTEZ GATEWAYZ LEAFZ ACCOUNTZ JSZ HEALTHZ EXPVARZ " +
    "IPQUEUESZ RAFTZ KICK LDM";
  const subjects = [
    ...names.split(" ").map((name) => `$SYS.REQ.SERVER.${id}.${name}`),
    ..."CONNZ SUBSZ LEAFZ JSZ INFO STATZ CONNS".split(" ").map((name) =>
      `$SYS.REQ.ACCOUNT.A.${name}`
    ),
    "$SYS.REQ.ACCOUNT.PING.STATZ",
    "$SYS.DEBUG.SUBSCRIBERS",
    "$SYS.REQ.USER.INFO",
  ];
  const answers = new Inbox(client, "answers.>");
  for (let i = 0; i < 1500; i++) {
    let body = JSON.stringify(anyValue(random));
    if (random() < 0.2) body = body.slice(0, Math.floor(random() * body.length));
    const subject = subjects[i % subjects.length]!;
    // A connection's own id would end it.
    if (body.includes("cid") && /KICK|LDM/.test(subject)) continue;
    client.publish(subject, body, { reply: `answers.${i}` });
  }
  await client.flush();
  assert(answers.count > 500);
  const last = await client.request("$SYS.REQ.SERVER.PING.IDZ");
  assertEquals(last.json<{ id: string }>().id, id);
});
