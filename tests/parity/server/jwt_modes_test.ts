/**
 * Ports: server/jwt_test.go, the tests of what a server in operator mode lets users do.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  AuthorizationError,
  type ConnectionOptions,
  headers,
  jwtAuthenticator,
  type NatsConnection,
} from "@nats-io/transport-node";
import { decodeOperatorClaims } from "../../../src/identity/mod.ts";
import type { StartOptions } from "../../../src/mod.ts";
import type { Json } from "../../harness/jetstream.ts";
import {
  createAccount,
  createOperator,
  createUser,
  encodeAccount,
  encodeClaims,
  encodeOperator,
  encodeScopedUser,
  encodeUser,
  type KeyPair,
} from "../../harness/jwt.ts";
import { ERR, PONG } from "../../harness/raw_client.ts";
import { type TestServer, testServer, until } from "../../harness/server.ts";
import { temporaryDirectory } from "../../sim/environment.ts";
import { jwtServer, ojwt, oKp } from "./_jwt.ts";
import { OperatorWorld } from "./_jwt_jetstream.ts";

const TEXT_TIMEOUT = { timeout: 10_000 };

/** Options of a server with the operator of `jwt` and accounts in memory. */
function inMemory(jwt: string, accounts: Iterable<[KeyPair, string]>): StartOptions {
  return {
    trustedOperators: [{ jwt, claims: decodeOperatorClaims(jwt) }],
    accountResolver: { kind: "memory" },
    resolverPreloads: new Map(
      [...accounts].map(([pair, text]) => [pair.getPublicKey(), text]),
    ),
  };
}

/** `nats.UserCredentials` of a new user. */
function login(signer: KeyPair, account: KeyPair = signer, nats = {}): ConnectionOptions {
  const user = createUser();
  const jwt = encodeUser(user, signer, {
    issuer_account: account === signer ? undefined : account.getPublicKey(),
    ...nats,
  });
  return { authenticator: jwtAuthenticator(jwt, user.getSeed()) };
}

async function refused(server: TestServer, options: ConnectionOptions): Promise<void> {
  await assertRejects(() => server.connect(options), AuthorizationError);
}

Deno.test("TestDefaultSentinelUser", async () => {
  const [system, account, scopedSigner] = [createAccount(), createAccount(), createAccount()];
  const deny = { deny: [">"] };
  const scope = {
    kind: "user_scope",
    key: scopedSigner.getPublicKey(),
    role: "sentinel",
    description: "Sentinel Role",
    template: { subs: -1, data: -1, payload: -1, bearer_token: true, pub: deny, sub: deny },
  };
  const preloads = [
    [system, encodeAccount(system, {}, {}, oKp)],
    [account, encodeAccount(account, { signing_keys: [scope] }, {}, oKp)],
  ] as const;
  const config = `
    operator: ${ojwt}
    system_account: ${system.getPublicKey()}
    resolver: MEM
    resolver_preload: { ${preloads.map(([pair, jwt]) => `${pair.getPublicKey()}: ${jwt}`)} }
  `;
  const start = (sentinel: string): Promise<TestServer> =>
    testServer({}, sentinel === "" ? config : `${config}\ndefault_sentinel: ${sentinel}`);
  {
    await using server = await start("");
    await refused(server, {});
  }
  const user = createUser();
  await assertRejects(
    () => start(encodeUser(user, account, {}, { name: "sentinel" })),
    Error,
    "default sentinel must be a bearer token",
  );
  {
    const bearer = encodeUser(user, account, { bearer_token: true }, { name: "sentinel" });
    await using server = await start(bearer);
    const client = await server.connect();
    const answer = await client.request("$SYS.REQ.USER.INFO", "", TEXT_TIMEOUT);
    assertEquals(answer.json<Json>().data.user, user.getPublicKey());
  }
  await using server = await start(encodeScopedUser(user, scopedSigner, account));
  await server.connect();
});

Deno.test("TestJWTStrictSigningKeys", async (t) => {
  const [operator, signer] = [createOperator(), createOperator()];
  const newAccount = (by: KeyPair) => {
    const [pair, signing] = [createAccount(), createAccount()];
    const jwt = encodeAccount(pair, { signing_keys: [signing.getPublicKey()] }, {}, by);
    return { pair, signing, jwt };
  };
  const [bad, good, system] = [newAccount(operator), newAccount(signer), newAccount(signer)];
  const jwt = encodeOperator(operator, {
    strict_signing_key_usage: true,
    signing_keys: [signer.getPublicKey()],
    system_account: system.pair.getPublicKey(),
  });
  const check = async (server: TestServer): Promise<void> => {
    await refused(server, login(bad.pair));
    await refused(server, login(bad.signing, bad.pair));
    await refused(server, login(good.pair));
    await server.connect(login(good.signing, good.pair));
  };
  await t.step("resolver", async () => {
    using directory = temporaryDirectory();
    await using server = await testServer(
      {},
      `operator: ${jwt}
       resolver: { type: full, dir: '${directory.path}' }
       resolver_preload: { ${system.pair.getPublicKey()}: ${system.jwt} }`,
    );
    const client = await server.connect(login(system.signing, system.pair));
    const push = async (account: typeof bad): Promise<boolean> => {
      const subject = `$SYS.REQ.ACCOUNT.${account.pair.getPublicKey()}.CLAIMS.UPDATE`;
      const answer = await client.request(subject, account.jwt, TEXT_TIMEOUT);
      return answer.json<Json>().error === undefined;
    };
    assertEquals(await push(bad), false, "Expected negative response");
    assertEquals(await push(good), true, "Expected positive response");
    await check(server);
  });
  await t.step("mem-resolver", async () => {
    const accounts = [system, bad, good].map((one): [KeyPair, string] => [one.pair, one.jwt]);
    await using server = await testServer(inMemory(jwt, accounts));
    await check(server);
  });
});

Deno.test("TestJWTServerOperatorModeNoAuthRequired", async () => {
  await using server = await jwtServer();
  const account = createAccount();
  server.addAccount(account);
  const client = await server.test.connect(login(account));
  assertEquals(client.info!.auth_required, true);
});

Deno.test("TestJWTLimits", async (t) => {
  await using server = await jwtServer();
  const account = createAccount();
  server.addAccount(account);
  await t.step("subs", async () => {
    const client = await server.client(account, { subs: 1 });
    await client.expect(PONG);
    await client.send("SUB foo 1\r\nPING\r\n");
    assertEquals(await client.line(), "PONG");
    await client.send("SUB bar 2\r\nPING\r\n");
    assertStringIncludes((await client.expect(ERR))[1]!, "maximum subscriptions exceeded");
  });
  await t.step("payload", async () => {
    const client = await server.client(account, { payload: 5 }, {}, { protocol: 1 });
    await client.expect(PONG);
    // The official client of the Go test takes the limit from INFO, and refuses more by itself.
    assertEquals((await client.info()).max_payload, 5);
    await client.send("PUB foo 5\r\nworld\r\nPING\r\n");
    assertEquals(await client.line(), "PONG");
    await client.send("PUB foo 6\r\nworldX\r\n");
    assertStringIncludes((await client.expect(ERR))[1]!, "Maximum Payload Violation");
  });
});

Deno.test("TestJWTUserRevocation", async (t) => {
  const revocation = async (all: boolean): Promise<void> => {
    using world = new OperatorWorld();
    await using server = await world.start({ jetStream: false });
    const account = createAccount();
    const id = account.getPublicKey();
    await world.push(server, account);
    const user = createUser();
    const revokedAt = Math.floor(Date.now() / 1000);
    const issued = (iat: number): string => encodeUser(user, account, {}, { iat });
    const options = (jwt: string): ConnectionOptions => ({
      authenticator: jwtAuthenticator(jwt, user.getSeed()),
    });
    const system = await world.connect(server, world.system);
    const disconnects = system.subscribe(`$SYS.ACCOUNT.${id}.DISCONNECT`, { max: 1 });
    await system.flush();
    const client = await server.connect(options(issued(revokedAt)));
    const closed = client.closed();
    await world.push(server, account, {
      revocations: { [all ? "*" : user.getPublicKey()]: revokedAt },
    });
    assertStringIncludes(String(await closed), "Authentication Revoked");
    for await (const message of disconnects) {
      assertEquals(message.string().split(id).length - 1, 3);
      assertStringIncludes(message.string(), `"jwt":"eyJ0`);
    }
    await refused(server, options(issued(revokedAt)));
    await server.connect(options(issued(revokedAt + 1)));
  };
  await t.step("specific-key", () => revocation(false));
  await t.step("all-key", () => revocation(true));
});

Deno.test("TestJWTAccountOps", async (t) => {
  const [operator, signer] = [createOperator(), createOperator()];
  const operatorJwt = encodeOperator(operator, { signing_keys: [signer.getPublicKey()] });
  const deletion = (accounts: string[], by: KeyPair): string =>
    encodeClaims({
      sub: by.getPublicKey(),
      nats: { accounts, type: "generic", version: 2 },
    }, by);
  for (const type of ["type: full, allow_delete: true", "type: cache"]) {
    await t.step(type, async () => {
      using directory = temporaryDirectory();
      const [system, account] = [createAccount(), createAccount()];
      const [systemId, id] = [system.getPublicKey(), account.getPublicKey()];
      await using server = await testServer(
        {},
        `operator: ${operatorJwt}
         system_account: ${systemId}
         resolver: { ${type}, dir: '${directory.path}' }`,
      );
      const client = await server.connect(login(system));
      const ask = async (subject: string, body = ""): Promise<string> =>
        (await client.request(subject, body, TEXT_TIMEOUT)).string();
      const jwt = encodeAccount(account, {}, {}, signer);
      await ask(
        `$SYS.REQ.ACCOUNT.${systemId}.CLAIMS.UPDATE`,
        encodeAccount(system, {}, {}, signer),
      );
      await ask(`$SYS.REQ.ACCOUNT.${id}.CLAIMS.UPDATE`, jwt);
      client.subscribe(`$SYS.REQ.ACCOUNT.${id}.CLAIMS.LOOKUP`, {
        callback: (_error, message) => void message.respond(jwt),
      });
      const user = await server.connect({ ...login(account), reconnect: false });
      const closed = user.closed();
      const listed = await ask("$SYS.REQ.CLAIMS.LIST");
      assertStringIncludes(listed, id);
      assertStringIncludes(listed, systemId);
      assertStringIncludes(
        await ask("$SYS.REQ.CLAIMS.DELETE", deletion([], operator)),
        `"message":"deleted 0 accounts"`,
      );
      for (let i = 0; i < 2; i++) {
        assertStringIncludes(
          await ask("$SYS.REQ.CLAIMS.DELETE", deletion([id], signer)),
          `"message":"deleted 1 accounts"`,
        );
        const left = await ask("$SYS.REQ.CLAIMS.LIST");
        assert(!left.includes(id));
        assertStringIncludes(left, systemId);
        if (i === 0) assertStringIncludes(String(await closed), "Account Authentication Expired");
      }
    });
  }
});

/** The latency report of a request of `client`, after one that must not be reported. */
async function reported(exporter: NatsConnection, client: NatsConnection): Promise<Json> {
  const reports: string[] = [];
  exporter.subscribe("res", { callback: (_error, message) => void reports.push(message.string()) });
  exporter.subscribe("srvc", { callback: (_error, message) => void message.respond() });
  await exporter.flush();
  await client.request("srvc", "msg1", TEXT_TIMEOUT);
  await exporter.flush();
  assertEquals(reports, []);
  const sampled = headers();
  sampled.set("X-B3-Sampled", "1");
  sampled.set("Share", "Me");
  await client.request("srvc", "msg2", { ...TEXT_TIMEOUT, headers: sampled });
  await until(() => reports.length > 0, () => "should have received a response");
  await exporter.flush();
  assertEquals(reports.length, 1);
  return JSON.parse(reports[0]!);
}

Deno.test("TestJWTHeader", async () => {
  for (const share of [true, false]) {
    using world = new OperatorWorld();
    await using server = await world.start({ jetStream: false });
    const [exporter, importer] = [createAccount(), createAccount()];
    await world.push(server, exporter, {
      exports: [{
        name: "test",
        subject: "srvc",
        type: "service",
        service_latency: { sampling: "headers", results: "res" },
      }],
    });
    await world.push(server, importer, {
      imports: [{
        name: "test",
        subject: "srvc",
        account: exporter.getPublicKey(),
        type: "service",
        share,
      }],
    });
    const { requestor } = await reported(
      await world.connect(server, exporter),
      await world.connect(server, importer),
    );
    assert(requestor.acc !== undefined);
    assert(requestor.rtt !== undefined);
    for (const name of ["lang", "ver", "host", "start"]) {
      assertEquals(requestor[name] !== undefined, share, name);
    }
  }
});

Deno.test("TestJWTJetStreamClientsExcludedForMaxConnsUpdate", async () => {
  using world = new OperatorWorld();
  await using server = await world.start();
  const account = createAccount();
  const tiered = (conn: number) => ({
    limits: {
      tiered_limits: { R1: { disk_storage: 1100, mem_storage: 0, consumer: 2, streams: 2 } },
      conn,
    },
  });
  await world.push(server, account, tiered(5));
  const first = await world.connect(server, account);
  const created = await first.request(
    "$JS.API.STREAM.CREATE.TEST",
    JSON.stringify({ name: "TEST", num_replicas: 1, subjects: ["foo"] }),
    TEXT_TIMEOUT,
  );
  assertEquals(created.json<Json>().error, undefined);
  const publish = async (client: NatsConnection, seq: number): Promise<void> => {
    const ack = (await client.request("foo", "", TEXT_TIMEOUT)).json<Json>();
    assertEquals([ack.stream, ack.seq], ["TEST", seq]);
  };
  await publish(first, 1);
  await world.push(server, account, tiered(1));
  await first.close();
  await publish(await world.connect(server, account), 2);
});
