/**
 * The system account side by side with the real server: the same events in the same order, and the
 * same answers to the same questions, down to the order of the fields.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  headers as newHeaders,
  jwtAuthenticator,
  type Msg,
  type NatsConnection,
} from "@nats-io/transport-node";
import {
  createAccount,
  createOperator,
  createUser,
  encodeAccount,
  encodeOperator,
  encodeUser,
  type KeyPair,
} from "../harness/jwt.ts";
import { RawClient } from "../harness/raw_client.ts";
import { referenceProgram } from "../harness/reference_server.ts";
import { until } from "../harness/server.ts";
import { onEachServer, type Side, steady } from "./_system_account.ts";

const program = referenceProgram("nats-server");

// Of several subjects the real server tells in any order.
const CONFIG = `
  server_name: S
  server_tags: [ "one", "two" ]
  server_metadata: { place: "here" }
  accounts {
    A { users [
      { user: a, password: a }
      { user: p, password: p, permissions: {
        publish: { allow: "$SYS.>", deny: "y" }, subscribe: { allow: "_INBOX.>", deny: "z q" }
        allow_responses: { max: 5, expires: "1m" }
      } }
    ] }
    B { users [{ user: b, password: b }] }
    SYS { users [{ user: sys, password: sys }] }
  }
  system_account: SYS
`;

function test(name: string, use: (program: string) => Promise<void>): void {
  Deno.test({ name, ignore: program === null, fn: () => use(program!) });
}

/** Compares one line at a time, so that a failure shows the two that differ. */
function assertSameLines(ours: readonly string[], theirs: readonly string[]): void {
  for (const [i, line] of ours.entries()) assertEquals(line, theirs[i]);
  assertEquals(ours.length, theirs.length);
}

/** JSON, field order included, without what differs between runs. */
function shown(text: string, id: string): string {
  const json = JSON.stringify(steady(JSON.parse(text)));
  return json.replaceAll(id, "ID");
}

async function asked(
  client: NatsConnection,
  subject: string,
  body = "",
  id = "",
): Promise<string> {
  try {
    const answer = await client.request(subject, body, { timeout: 250 });
    return shown(answer.string(), id);
  } catch (error) {
    return (error as Error).message.replaceAll(id, "ID");
  }
}

/** Subjects without the server's id, and what was said. */
class Heard {
  readonly lines: string[] = [];

  constructor(client: NatsConnection, subject: string, id: string) {
    client.subscribe(subject, {
      callback: (_error: Error | null, message: Msg) => {
        if (message.subject.endsWith(".STATSZ")) return;
        const text = message.string();
        this.lines.push(`${message.subject.replaceAll(id, "ID")} ${shown(text, id)}`);
      },
    });
  }
}

async function connectionEvents(side: Side): Promise<string[]> {
  const system = await side.connect({ user: "sys", pass: "sys" });
  const heard = new Heard(system, "$SYS.>", system.info!.server_id);
  await system.flush();
  const client = await side.connect({ user: "a", pass: "a", name: "one" });
  client.subscribe("foo");
  client.publish("foo", "hello");
  await client.flush();
  await until(() => heard.lines.length >= 3);
  await client.close();
  await until(() => heard.lines.length >= 6);
  const refused = await RawClient.connect(side.port);
  await refused.login({ user: "a", pass: "wrong", name: "two", lang: "raw", version: "1" });
  await refused.expectEnd();
  await refused.end();
  await until(() => heard.lines.length >= 8);
  // The reference tells of the accounts' connections in any order.
  return heard.lines.slice(0, 3).sort().concat(heard.lines.slice(3).sort());
}

test("events of clients that come, go and are refused are the real server's", async (go) => {
  const { theirs, ours } = await onEachServer(go, () => CONFIG, connectionEvents);
  assertSameLines(ours, theirs);
});

/** The same operator, accounts and users for both servers. */
function operatorConfig(): { config: string; system: Login; client: Login; names: string[] } {
  const operator = createOperator();
  const [system, account, signer] = [createAccount(), createAccount(), createAccount()];
  const body = { tags: ["blue", "green"], signing_keys: [signer.getPublicKey()] };
  const jwts = [
    encodeAccount(system, {}, { name: "SYS" }, operator),
    encodeAccount(account, body, { name: "Account" }, operator),
  ];
  const keys = [system, account].map((pair) => pair.getPublicKey());
  const users = [createUser(), createUser()];
  const user = { issuer_account: keys[1], tags: ["user", "tag"] };
  return {
    config: `
      server_name: S
      operator: ${encodeOperator(operator)}
      system_account: ${keys[0]}
      resolver: MEMORY
      resolver_preload: { ${keys[0]}: ${jwts[0]}, ${keys[1]}: ${jwts[1]} }
    `,
    system: { jwt: encodeUser(users[0]!, system), user: users[0]! },
    client: { jwt: encodeUser(users[1]!, signer, user, { name: "User" }), user: users[1]! },
    names: keys,
  };
}

interface Login {
  readonly jwt: string;
  readonly user: KeyPair;
}

test("events of clients with JWTs and what they learn are the real server's", async (go) => {
  const { config, system, client, names } = operatorConfig();
  const authenticator = ({ jwt, user }: Login) => jwtAuthenticator(jwt, user.getSeed());
  const { theirs, ours } = await onEachServer(go, () => config, async (side) => {
    const listener = await side.connect({ authenticator: authenticator(system) });
    const heard = new Heard(listener, "$SYS.ACCOUNT.>", listener.info!.server_id);
    await listener.flush();
    // The listener's own account is told of at times that say nothing.
    const told = () => heard.lines.filter((line) => line.startsWith(`$SYS.ACCOUNT.${names[1]}.`));
    const one = await side.connect({ authenticator: authenticator(client), name: "one" });
    await until(() => told().length >= 2);
    const lines = [
      await asked(one, "$SYS.REQ.USER.INFO"),
      await asked(one, "$SYS.REQ.ACCOUNT.PING.STATZ"),
      await asked(listener, `$SYS.REQ.ACCOUNT.${names[1]}.CONNZ`, '{"auth":true}'),
    ];
    await one.close();
    await until(() => told().length >= 4);
    const id = listener.info!.server_id;
    return [...told().slice(0, 2), ...told().slice(2).sort(), ...lines]
      .map((line) => line.replaceAll(id, "ID"));
  });
  assertSameLines(ours, theirs);
});

const PAGES = "IDZ STATSZ SUBSZ CONNZ ROUTEZ GATEWAYZ LEAFZ JSZ HEALTHZ RAFTZ PROFILEZ";
const BODIES = [
  "{",
  "[]",
  "null",
  '"x"',
  '{"limit":"x"}',
  '{"limit":1.5}',
  '{"state":"x"}',
  '{"sort":"nope"}',
  '{"sort":7}',
  '{"tags":"x"}',
  '{"tags":["one","TWO"]}',
  '{"acc":"nope"}',
  '{"acc":1}',
  '{"acc":"A","auth":true,"subscriptions":true}',
  '{"acc":"A","auth":true,"subscriptions_detail":true}',
  '{"state":1,"sort":"stop"}',
  '{"server_name":"S","exact_match":true}',
  '{"host":"127.0.0.1"}',
  '{"domain":"d"}',
  '{"state":5}',
  '{"state":-1,"cid":3}',
  '{"cid":3,"state":2}',
  '{"cid":9999}',
  '{"limit":-5,"offset":-5}',
  '{"limit":9223372036854775807,"offset":9223372036854775807}',
  '{"limit":9223372036854775808}',
  '{"offset":1}',
  '{"user":"a","auth":true}',
  '{"user":"a","acc":"B"}',
  '{"mqtt_client":"x"}',
  '{"filter_subject":"foo.>","acc":"A"}',
  '{"filter_subject":"foo.>"}',
  '{"sort":"stop"}',
  '{"sort":"reason","state":1}',
  '{"sort":"uptime","AUTH":true}',
  '{"unknown":1}',
  '{"acc":null}',
];

interface SubszAnswer {
  data: { total: number; subscriptions_list: { subject: string }[] };
}

async function serverAnswers(side: Side): Promise<string[]> {
  const system = await side.connect({ user: "sys", pass: "sys", name: "s" });
  const client = await side.connect({ user: "a", pass: "a", name: "c" });
  client.subscribe("foo.*", { queue: "q" });
  await client.flush();
  const id = system.info!.server_id;
  const lines: string[] = [];
  const note = async (subject: string, body = "", from = system): Promise<void> => {
    const line = await asked(from, subject, body, id);
    lines.push(`${subject.replaceAll(id, "ID")} ${body} ${line}`);
  };
  for (const page of PAGES.split(" ")) {
    await note(`$SYS.REQ.SERVER.${id}.${page}`);
    await note(`$SYS.REQ.SERVER.PING.${page}`, "{");
  }
  await note("$SYS.REQ.SERVER.PING");
  for (const body of BODIES) await note(`$SYS.REQ.SERVER.${id}.CONNZ`, body);
  await note(`$SYS.REQ.SERVER.${id}.STATSZ`, '{"tags":"x"}');
  await note(`$SYS.REQ.SERVER.${id}.ACCOUNTZ`, '{"account":"nope"}');
  await note(`$SYS.REQ.SERVER.${id}.SUBSZ`, '{"test":"foo.*"}');
  await note(`$SYS.REQ.SERVER.${id}.PROFILEZ`, '{"name":"nope"}');
  await note(`$SYS.REQ.SERVER.${id}.PROFILEZ`, '{"name":"cpu","duration":20000000000}');
  await note(`$SYS.REQ.SERVER.${id}.HEALTHZ`, '{"stream":"x"}');
  for (const page of "CONNZ LEAFZ JSZ STATZ CONNS".split(" ")) {
    for (const account of ["A", "B", "NOPE"]) await note(`$SYS.REQ.ACCOUNT.${account}.${page}`);
  }
  // The real server lists them in any order, and counts its own clients otherwise.
  const { data } = (await system.request("$SYS.REQ.ACCOUNT.A.SUBSZ")).json<SubszAnswer>();
  lines.push(`${data.total} ${data.subscriptions_list.map(({ subject }) => subject).sort()}`);
  await note("$SYS.REQ.ACCOUNT.NOPE.INFO");
  await note("$SYS.REQ.ACCOUNT.A.CONNS", '{"acc":"B"}');
  await note("$SYS.REQ.ACCOUNT.B.STATZ", '{"include_unused":true}');
  await note("$SYS.REQ.ACCOUNT.PING.CONNZ");
  return lines;
}

test("servers and accounts answer the system account as the real server does", async (go) => {
  const { theirs, ours } = await onEachServer(go, () => CONFIG, serverAnswers);
  assertSameLines(ours, theirs);
});

async function accountAnswers(side: Side): Promise<string[]> {
  const system = await side.connect({ user: "sys", pass: "sys", name: "s" });
  const clients = {
    sys: system,
    a: await side.connect({ user: "a", pass: "a", name: "c" }),
    p: await side.connect({ user: "p", pass: "p", name: "p" }),
  };
  const id = system.info!.server_id;
  const lines: string[] = [];
  for (const [name, client] of Object.entries(clients)) {
    for (
      const subject of [
        "$SYS.REQ.USER.INFO",
        "$SYS.REQ.ACCOUNT.PING.CONNZ",
        "$SYS.REQ.SERVER.PING.CONNZ",
        "$SYS.REQ.SERVER.PING",
        "$SYS.DEBUG.SUBSCRIBERS",
        `$SYS.REQ.SERVER.${id}.VARZ.no`,
      ]
    ) {
      const body = subject.includes("DEBUG") ? "_INBOX.>" : "";
      const answer = await asked(client, subject, body, id);
      lines.push(`${name} ${subject.replaceAll(id, "ID")} ${answer}`);
    }
  }
  return lines;
}

test("clients learn of themselves and their accounts as from the real server", async (go) => {
  const { theirs, ours } = await onEachServer(go, () => CONFIG, accountAnswers);
  assertSameLines(ours, theirs);
});

async function kicked(side: Side): Promise<string[]> {
  const system = await side.connect({ user: "sys", pass: "sys" });
  const id = system.info!.server_id;
  const heard = new Heard(system, "$SYS.ACCOUNT.A.DISCONNECT", id);
  const client = await side.connect({ user: "a", pass: "a", name: "c" });
  const seen: string[] = [];
  void (async () => {
    for await (const { type } of client.status()) if (type !== "ping") seen.push(type);
  })();
  const { client_id: cid } = client.info!;
  const lines: string[] = [];
  for (const verb of ["LDM", "KICK"]) {
    for (const body of ['{"cid":9999}', '{"cid":-1}', "{", "", JSON.stringify({ cid })]) {
      const answer = await asked(system, `$SYS.REQ.SERVER.${id}.${verb}`, body, id);
      lines.push(`${verb} ${body.replaceAll(String(cid), "CID")} ${answer}`);
    }
  }
  await client.closed();
  await until(() => heard.lines.length === 1);
  return [...lines, ...heard.lines, ...seen];
}

test("clients are warned and sent away as by the real server", async (go) => {
  const { theirs, ours } = await onEachServer(go, () => CONFIG, kicked);
  assertSameLines(ours, theirs);
});

async function encoded(side: Side): Promise<string[]> {
  const system = await side.connect({ user: "sys", pass: "sys" });
  const lines: string[] = [];
  for (const accepted of ["gzip", "snappy", "s2", "GZip, br", "br", ""]) {
    const headers = newHeaders();
    headers.set("Accept-Encoding", accepted);
    const answer = await system.request("$SYS.REQ.SERVER.PING.LEAFZ", "", {
      timeout: 2000,
      headers,
    });
    const encoding = answer.headers?.get("Content-Encoding") ?? "none";
    let text = "";
    if (encoding === "gzip") {
      const plain = new Blob([answer.data as Uint8Array<ArrayBuffer>]).stream()
        .pipeThrough(new DecompressionStream("gzip"));
      text = await new Response(plain).text();
    } else if (encoding !== "snappy") text = answer.string();
    // A stream of Snappy begins with its name.
    else text = JSON.stringify({ head: [...answer.data.subarray(0, 10)] });
    lines.push(`${accepted} ${encoding} ${shown(text, system.info!.server_id)}`);
  }
  return lines;
}

test("answers are compressed for those who accept it as by the real server", async (go) => {
  const { theirs, ours } = await onEachServer(go, () => CONFIG, encoded);
  assertSameLines(ours, theirs);
});
