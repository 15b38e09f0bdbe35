/**
 * Operator mode beside the real server: the same configuration, the same JWTs, the same answers.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { connect, jwtAuthenticator, type NatsConnection } from "@nats-io/transport-node";
import {
  createAccount,
  createOperator,
  createUser,
  encodeAccount,
  encodeActivation,
  encodeClaims,
  encodeOperator,
  encodeScopedUser,
  encodeUser,
  type KeyPair,
  nowS,
  operatorKeys,
  signNonce,
} from "../harness/jwt.ts";
import { RawClient } from "../harness/raw_client.ts";
import { referenceProgram, ReferenceServer } from "../harness/reference_server.ts";
import { testServer, until } from "../harness/server.ts";

const program = referenceProgram("nats-server");

// deno-lint-ignore no-explicit-any -- the tests look into answers field by field
type Json = any;

const system = createAccount();
const systemKey = system.getPublicKey();

/** One of the two servers. */
interface Side {
  readonly name: string;
  readonly port: number;
  /** A client of the system account. */
  readonly system: NatsConnection;
}

function connectAs(port: number, user: KeyPair, jwt: string): Promise<NatsConnection> {
  return connect({
    servers: `127.0.0.1:${port}`,
    reconnect: false,
    authenticator: jwtAuthenticator(jwt, user.getSeed()),
  });
}

/** Runs `use` with both servers on the same configuration; `resolver` may say `DIR`. */
async function withBoth(
  resolver: string,
  accounts: ReadonlyMap<string, string>,
  use: (sides: readonly [Side, Side]) => Promise<void>,
  operator = encodeOperator(operatorKeys, { system_account: systemKey }),
): Promise<void> {
  const directory = Deno.makeTempDirSync({ prefix: "natsts-operator-" });
  try {
    const config = (side: string): string => `
      operator: ${operator}
      resolver: ${resolver.replace("DIR", JSON.stringify(`${directory}/${side}`))}
      resolver_preload: {
        ${
      [[systemKey, encodeAccount(system, {}, { name: "SYS" })], ...accounts].map(
        ([key, jwt]) => `${key}: ${jwt}`,
      ).join("\n        ")
    }
      }`;
    const file = `${directory}/reference.conf`;
    Deno.writeTextFileSync(file, config("go"));
    await using reference = await ReferenceServer.start(program!, ["-c", file]);
    await using natsts = await testServer({}, config("ts"));
    const user = createUser();
    const jwt = encodeUser(user, system);
    const clients = await Promise.all(
      [reference.port, natsts.port].map((port) => connectAs(port, user, jwt)),
    );
    try {
      await use([
        { name: "reference", port: reference.port, system: clients[0]! },
        { name: "natsts", port: natsts.port, system: clients[1]! },
      ]);
    } finally {
      await Promise.all(clients.map((client) => client.close()));
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function ask(side: Side, subject: string, body: string | Uint8Array = ""): Promise<Json> {
  const answer = await side.system.request(subject, body, { timeout: 5000 });
  return answer.data.length === 0 ? null : answer.json();
}

function sortedJson(value: Json): string {
  return JSON.stringify(value, Object.keys(value).sort());
}

/** Answers of both servers without what tells servers and moments apart. */
function plain(answer: Json): Json {
  return JSON.parse(JSON.stringify(answer, (key, value) => {
    if (
      ["server", "server_id", "now", "update_time", "sublist_stats", "subscriptions"].includes(key)
    ) {
      return undefined;
    }
    // The reference lists these in the random order of its maps.
    if ((key === "imports" || key === "exports") && Array.isArray(value)) {
      return value.map(sortedJson).sort();
    }
    return value;
  }));
}

async function sameAnswer(
  sides: readonly [Side, Side],
  subject: string,
  body: string | Uint8Array = "",
): Promise<Json> {
  const [theirs, ours] = await Promise.all(
    sides.map(async (side) => plain(await ask(side, subject, body))),
  );
  assertEquals(ours, theirs, subject);
  return ours;
}

/** What a client sees that logs in with `jwt`: fields of INFO, and all that comes until a PONG. */
async function login(
  side: Side,
  user: KeyPair,
  jwt: string,
  more: Record<string, unknown> = {},
): Promise<Json> {
  using client = await RawClient.connect(side.port);
  const { auth_required, nonce, max_payload, headers, tls_required } = await client.info();
  const sig = signNonce(user, nonce);
  await client.send(
    `CONNECT ${JSON.stringify({ verbose: true, protocol: 0, jwt, sig, ...more })}\r\n` +
      "PUB allowed 0\r\n\r\nPUB denied 0\r\n\r\nSUB allowed 1\r\nSUB denied 2\r\nSUB third 3\r\nPING\r\n",
  );
  const deadline = performance.now() + 3000;
  while (!client.ended && !client.pending.includes("PONG") && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  // What ends the connection may come right behind.
  await new Promise((resolve) => setTimeout(resolve, 40));
  const seen = {
    info: { auth_required, nonceLength: nonce.length, max_payload, headers, tls_required },
    // Whether PONG was still sent is a matter of who was faster when the connection ends.
    text: client.ended ? client.pending.replace(/PONG\r\n/g, "") : client.pending,
    ended: client.ended,
  };
  await client.end();
  return seen;
}

function test(name: string, run: () => Promise<void>): void {
  Deno.test({ name, ignore: program === null, fn: run });
}

test("logins with all kinds of JWTs end the same way", async () => {
  const account = createAccount();
  const signer = createAccount();
  const scoped = createAccount();
  const expired = createAccount();
  const revoking = createAccount();
  const strictBearer = createAccount();
  const foreign = createAccount();
  const user = createUser();
  const revoked = createUser();
  const scope = {
    kind: "user_scope",
    key: scoped.getPublicKey(),
    role: "r",
    template: {
      pub: { allow: ["{{name()}}", "allowed", "x.{{tag(team)}}.{{account-name()}}"] },
      sub: { allow: ["allowed"], deny: ["denied"] },
      subs: 2,
      payload: 100,
    },
  };
  const accounts = new Map([
    [
      account.getPublicKey(),
      encodeAccount(account, { signing_keys: [signer.getPublicKey(), scope] }, { name: "main" }),
    ],
    [expired.getPublicKey(), encodeAccount(expired, {}, { exp: nowS() - 100, name: "old" })],
    [
      revoking.getPublicKey(),
      encodeAccount(revoking, { revocations: { [revoked.getPublicKey()]: nowS() + 10 } }),
    ],
    [
      strictBearer.getPublicKey(),
      encodeAccount(strictBearer, { limits: { disallow_bearer: true, subs: 2, payload: 50 } }),
    ],
    [foreign.getPublicKey(), encodeAccount(foreign, {}, {}, createOperator())],
  ]);
  const main = account.getPublicKey();
  const hour = 3600;
  const day = (offsetS: number): string =>
    new Date((nowS() + offsetS) * 1000).toISOString().slice(11, 19);
  const cases: Record<string, [jwt: string, more?: Record<string, unknown>]> = {
    plain: [encodeUser(user, account)],
    "without a signature": [encodeUser(user, account), { sig: "" }],
    "with a wrong signature": [encodeUser(createUser(), account)],
    "signature that is no base64": [encodeUser(user, account), { sig: "*" }],
    "no JWT": [""],
    "garbage": ["eyJ.eyJ.x"],
    "another kind of JWT": [accounts.get(main)!],
    "expired user": [encodeUser(user, account, {}, { exp: nowS() - 10 })],
    "not yet valid": [encodeUser(user, account, {}, { nbf: nowS() + 100 })],
    "valid for an hour": [encodeUser(user, account, {}, { exp: nowS() + hour })],
    "signed by a signing key": [encodeUser(user, signer, { issuer_account: main })],
    "signing key without issuer account": [encodeUser(user, signer)],
    "unknown signing key": [encodeUser(user, createAccount(), { issuer_account: main })],
    "unknown account": [encodeUser(user, createAccount())],
    "expired account": [encodeUser(user, expired)],
    "account of another operator": [encodeUser(user, foreign)],
    "issuer account that is no key": [encodeUser(user, signer, { issuer_account: "AAA" })],
    bearer: [encodeUser(user, account, { bearer_token: true }), { sig: "" }],
    "bearer where that is not allowed": [
      encodeUser(user, strictBearer, { bearer_token: true }),
      { sig: "" },
    ],
    "limits of the account": [encodeUser(user, strictBearer)],
    "limits of the user": [encodeUser(user, account, { subs: 2, payload: 10 })],
    "no subscriptions": [encodeUser(user, account, { subs: 0 })],
    "limits left out": [encodeUser(user, account, { subs: undefined, payload: undefined })],
    permissions: [
      encodeUser(user, account, { pub: { deny: ["denied"] }, sub: { allow: ["allowed"] } }),
    ],
    "permission with a space": [encodeUser(user, account, { pub: { allow: ["a b"] } })],
    "permission to answer": [encodeUser(user, account, { resp: { max: 1, ttl: 0 } })],
    "source network": [encodeUser(user, account, { src: ["127.0.0.0/8"] })],
    "source as text": [encodeUser(user, account, { src: "10.0.0.0/8,127.0.0.1/32" })],
    "other source network": [encodeUser(user, account, { src: ["192.0.2.0/24"] })],
    "source that is none": [encodeUser(user, account, { src: ["127.0.0.1"] })],
    "time of day": [
      encodeUser(user, account, {
        times: [{ start: day(-hour), end: day(hour) }],
        times_location: "UTC",
      }),
    ],
    "other time of day": [
      encodeUser(user, account, {
        times: [{ start: day(hour), end: day(2 * hour) }],
        times_location: "UTC",
      }),
    ],
    "unknown time zone": [
      encodeUser(user, account, {
        times: [{ start: day(-hour), end: day(hour) }],
        times_location: "Nowhere/Land",
      }),
    ],
    "time that is none": [encodeUser(user, account, { times: [{ start: "25:00:00", end: "" }] })],
    "allowed connection type": [
      encodeUser(user, account, { allowed_connection_types: ["standard"] }),
    ],
    "other connection type": [
      encodeUser(user, account, { allowed_connection_types: ["MQTT"] }),
    ],
    "unknown connection type": [
      encodeUser(user, account, { allowed_connection_types: ["SOMETHING"] }),
    ],
    "known and unknown connection type": [
      encodeUser(user, account, { allowed_connection_types: ["SOMETHING", "STANDARD"] }),
    ],
    "proxy required": [encodeUser(user, account, { proxy_required: true })],
    revoked: [encodeUser(user, revoking)],
    scoped: [
      encodeScopedUser(user, scoped, account, { tags: ["team:a", "team:b"] }, { name: "bob" }),
    ],
    "scoped without tags": [encodeScopedUser(user, scoped, account, {}, { name: "bob" })],
    "scoped with permissions": [
      encodeScopedUser(user, scoped, account, { pub: { allow: ["x"] } }, { name: "bob" }),
    ],
    "scoped without issuer account": [
      encodeScopedUser(user, scoped, account, { issuer_account: undefined }),
    ],
    "newer version": [
      encodeClaims({ sub: user.getPublicKey(), nats: { type: "user", version: 3 } }, account),
    ],
    "algorithm none": [
      encodeClaims({ sub: user.getPublicKey(), nats: { type: "user", version: 2 } }, account, {
        typ: "JWT",
        alg: "none",
      }),
    ],
    "account name in CONNECT": [encodeUser(user, account), { account: main }],
    "user and password beside it": [encodeUser(user, account), { user: "u", pass: "p" }],
  };
  await withBoth("MEMORY", accounts, async (sides) => {
    for (const [name, [jwt, more]] of Object.entries(cases)) {
      const signedBy = name === "revoked" ? revoked : user;
      const own = name === "revoked" ? encodeUser(revoked, revoking) : jwt;
      const [theirs, ours] = await Promise.all(
        sides.map((side) => login(side, signedBy, own, more)),
      );
      // The reference ends these from a goroutine: when, and so after how many lines, is chance.
      if (name === "no subscriptions" || name === "limits left out") {
        for (const seen of [theirs, ours]) {
          seen.text = [...new Set(seen.text.split("\r\n"))].sort();
        }
      }
      assertEquals(ours, theirs, name);
    }
    await sameReasons(sides, Object.keys(cases));
  });
});

/** Reasons of closed connections, counted; logins came in the same order. */
async function sameReasons(
  sides: readonly [Side, Side],
  names: readonly string[],
): Promise<void> {
  const reasons = await Promise.all(sides.map(async (side) => {
    let data: Json = null;
    // A server may hear of the last one's end a little later than its client.
    await until(async () => {
      data = (await ask(side, "$SYS.REQ.SERVER.PING.CONNZ", '{"state":1,"auth":true}')).data;
      return data.connections.length === names.length;
    }, () => `${side.name} has ${data.connections.length} closed connections`);
    return data.connections.map((one: Json) => [
      one.reason,
      one.authorized_user ?? "",
      one.account ?? "",
      one.name_tag ?? "",
      one.jwt ?? "",
      one.issuer_key ?? "",
      one.tags ?? [],
    ]);
  }));
  assert(reasons[0].length > 20);
  for (const [i, theirs] of reasons[0].entries()) assertEquals(reasons[1][i], theirs, names[i]);
}

test("accounts are shown and updated the same way with a resolver in memory", async () => {
  const exporter = createAccount();
  const importer = createAccount();
  const main = exporter.getPublicKey();
  const exports = [
    { subject: "private.*", type: "stream", token_req: true },
    { subject: "service", type: "service", response_type: "Stream", response_threshold: 5e9 },
  ];
  const exporterJwt = encodeAccount(exporter, { exports, tags: ["t:1"] }, { name: "exporter" });
  const importerJwt = encodeAccount(importer, {
    imports: [
      {
        subject: "private.a",
        account: main,
        type: "stream",
        token: encodeActivation(importer, exporter, "stream", "private.*"),
      },
      { subject: "service", account: main, type: "service", local_subject: "local", share: true },
      { subject: "missing", account: main, type: "stream" },
    ],
  }, { name: "importer" });
  const accounts = new Map([[main, exporterJwt], [importer.getPublicKey(), importerJwt]]);
  await withBoth("MEMORY", accounts, async (sides) => {
    const update = (key: string, jwt: string) =>
      sameAnswer(sides, `$SYS.REQ.ACCOUNT.${key}.CLAIMS.UPDATE`, jwt);
    await update(main, exporterJwt);
    const user = createUser();
    for (const side of sides) {
      const client = await connectAs(side.port, user, encodeUser(user, importer));
      await client.close();
    }
    for (const key of [main, importer.getPublicKey()]) {
      const [theirs, ours] = await Promise.all(
        sides.map(async (side) => plain(await ask(side, `$SYS.REQ.ACCOUNT.${key}.INFO`)).data),
      );
      assertEquals(ours, theirs);
    }
    await update(main, exporterJwt);
    await update(main, "");
    await update(main, "no JWT");
    await update(main, importerJwt);
    await update(main, encodeAccount(exporter, {}, {}, createOperator()));
    await update(main, encodeAccount(exporter, {}, { exp: nowS() - 10 }));
    const changed = encodeAccount(exporter, { revocations: { "*": 5 } }, { name: "renamed" });
    await update(main, changed);
    await sameAnswer(sides, `$SYS.ACCOUNT.${main}.CLAIMS.UPDATE`, changed);
    const info = await sameAnswer(sides, `$SYS.REQ.ACCOUNT.${main}.INFO`);
    assertEquals(info.data.name_tag, "renamed");
    await update(createAccount().getPublicKey(), changed);
  });
});

for (const type of ["full", "cache"]) {
  test(`a directory of JWTs (${type}) is served the same way`, async () => {
    const known = createAccount();
    const added = createAccount();
    const key = added.getPublicKey();
    const resolver = `{ type: ${type}, dir: DIR${
      type === "full" ? ", allow_delete: true, timeout: 200ms" : ", timeout: 200ms"
    } }`;
    const accounts = new Map([[known.getPublicKey(), encodeAccount(known, {}, { name: "known" })]]);
    await withBoth(resolver, accounts, async (sides) => {
      const user = createUser();
      const same = async (name: string, jwt: string): Promise<void> => {
        const [theirs, ours] = await Promise.all(sides.map((side) => login(side, user, jwt)));
        assertEquals(ours, theirs, name);
      };
      await same("known", encodeUser(user, known));
      await same("not there", encodeUser(user, added));
      const jwt = encodeAccount(added, {}, { name: "added" });
      await sameAnswer(sides, `$SYS.REQ.ACCOUNT.${key}.CLAIMS.UPDATE`, jwt);
      await sameAnswer(sides, "$SYS.REQ.CLAIMS.UPDATE", jwt);
      await sameAnswer(sides, "$SYS.REQ.CLAIMS.UPDATE", "no JWT");
      await sameAnswer(sides, `$SYS.REQ.ACCOUNT.${key}.CLAIMS.UPDATE`, "no JWT");
      await sameAnswer(
        sides,
        `$SYS.REQ.ACCOUNT.${known.getPublicKey()}.CLAIMS.UPDATE`,
        encodeAccount(known, { exports: [{ subject: "", type: "stream" }] }),
      );
      await sameAnswer(sides, `$SYS.REQ.ACCOUNT.${systemKey}.CLAIMS.UPDATE`, jwt);
      const lists = await Promise.all(
        sides.map(async (side) => (await ask(side, "$SYS.REQ.CLAIMS.LIST")).data.sort()),
      );
      assertEquals(lists[1], lists[0]);
      await same("after the update", encodeUser(user, added));
      const remove = (accounts: unknown, signer: KeyPair, subject = signer) =>
        encodeClaims(
          { sub: subject.getPublicKey(), nats: { accounts, type: "generic", version: 2 } },
          signer,
        );
      for (
        const request of [
          "no JWT",
          remove([key], createOperator()),
          remove([key], operatorKeys, createOperator()),
          remove("x", operatorKeys),
          remove(["x"], operatorKeys),
          remove([systemKey], operatorKeys),
          remove([key, createAccount().getPublicKey()], operatorKeys),
          remove([key], operatorKeys),
        ]
      ) await sameAnswer(sides, "$SYS.REQ.CLAIMS.DELETE", request);
      await same("after the deletion", encodeUser(user, added));
      if (type === "cache") return;
      for (const name of [known.getPublicKey(), key]) {
        const found = await Promise.all(sides.map(async (side) => {
          const subject = `$SYS.REQ.ACCOUNT.${name}.CLAIMS.LOOKUP`;
          return (await side.system.request(subject, "", { timeout: 2000 })).string();
        }));
        assertEquals(found[1], found[0]);
      }
    });
  });
}
