/**
 * Ports: server/jwt_test.go, the tests of resolvers on one server.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { headers, jwtAuthenticator } from "@nats-io/transport-node";
import { HttpError } from "../../../src/platform/http.ts";
import { UrlResolver } from "../../../src/resolver/url_resolver.ts";
import { CapturedLog } from "../../harness/captured_log.ts";
import { withCertificates } from "../../harness/certs.ts";
import type { Json } from "../../harness/jetstream.ts";
import {
  createAccount,
  createOperator,
  createUser,
  encodeAccount,
  encodeActivation,
  encodeClaims,
  encodeUser,
  type KeyPair,
} from "../../harness/jwt.ts";
import { PONG, type RawClient } from "../../harness/raw_client.ts";
import { type TestServer, testServer, until } from "../../harness/server.ts";
import { temporaryDirectory } from "../../sim/environment.ts";
import { JwtServer, ojwt, oKp } from "./_jwt.ts";
import { OperatorWorld } from "./_jwt_jetstream.ts";

/** A web server with account JWTs; empty texts and missing names are answered as they are. */
class AccountServer implements AsyncDisposable {
  readonly asked: string[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(
    readonly answer: (name: string) => string | Promise<string>,
    readonly tls: { cert: string; key: string } | null = null,
  ) {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {}, ...tls },
      async (request) => {
        const name = new URL(request.url).pathname.split("/").at(-1)!;
        this.asked.push(name);
        return new Response(await this.answer(name));
      },
    );
  }

  get url(): string {
    return `${this.tls === null ? "http" : "https"}://127.0.0.1:${this.#server.addr.port}/A/`;
  }

  /** How often an account was asked for; the empty name is the question whether one is home. */
  count(pair: KeyPair | null): number {
    const name = pair?.getPublicKey() ?? "";
    return this.asked.filter((asked) => asked === name).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

function withUrl(accounts: AccountServer, more = ""): string {
  return `operator: ${ojwt}\nresolver: URL("${accounts.url}")\n${more}`;
}

async function start(config: string): Promise<JwtServer> {
  return new JwtServer(await testServer({}, config));
}

async function subscribed(client: RawClient, subject: string): Promise<void> {
  await client.expect(PONG);
  await client.send(`SUB ${subject} 1\r\n`);
  await client.flush();
}

function hasInterest(server: TestServer, account: KeyPair, subject: string): boolean {
  return server.account(account.getPublicKey()).sublist.hasInterest(subject);
}

Deno.test("TestJWTAccountURLResolver", async (t) => {
  const pair = createAccount();
  const jwt = encodeAccount(pair, {}, {}, oKp);
  const check = async (more: string, tls: { cert: string; key: string } | null = null) => {
    await using accounts = new AccountServer(() => jwt, tls);
    await using server = await start(withUrl(accounts, more));
    assertEquals((await server.account(pair)).name, pair.getPublicKey());
    assertEquals(accounts.count(pair), 1);
  };
  await withCertificates(async ({ ca, server, client }) => {
    const tls = `resolver_tls {
      cert_file: "${client.certFile}"
      key_file: "${client.keyFile}"
      ca_file: "${ca.certFile}"
    }`;
    await t.step("plain", () => check(tls));
    await t.step("tls", () => check(tls, { cert: server.certPem, key: server.keyPem }));
    await t.step("tls of an unknown authority", async () => {
      const own = { cert: server.certPem, key: server.keyPem };
      await assertRejects(() => check("", own), Error, "could not fetch");
    });
  });
});

Deno.test("TestJWTAccountURLResolverTimeout", async () => {
  const pair = createAccount();
  const jwt = encodeAccount(pair, {}, {}, oKp);
  const { promise: late, resolve } = Promise.withResolvers<void>();
  await using accounts = new AccountServer(async (name) => {
    if (name !== "") await late;
    return jwt;
  });
  await using server = await start(withUrl(accounts));
  const { resolver } = server.test.server.operators!;
  assert(resolver instanceof UrlResolver);
  resolver.timeoutMs = 50;
  const found = await server.test.server.operators!.lookup(pair.getPublicKey());
  assert("failed" in found, "Expected to not receive an account due to timeout");
  assertStringIncludes(found.failed, "could not fetch");
  resolve();
});

Deno.test("TestJWTAccountURLResolverFetchFailureInServer1", async () => {
  const [exporter, importer] = [createAccount(), createAccount()];
  const exported = encodeAccount(
    exporter,
    { exports: [{ subject: "test", type: "stream" }] },
    {},
    oKp,
  );
  const imported = encodeAccount(
    importer,
    {
      imports: [{ account: exporter.getPublicKey(), subject: "test", type: "stream" }],
    },
    {},
    oKp,
  );
  await using accounts: AccountServer = new AccountServer((name) => {
    if (name === importer.getPublicKey()) return imported;
    // The first answer is lost.
    if (name === exporter.getPublicKey()) return accounts.count(exporter) > 1 ? exported : "";
    return "";
  });
  await using server = await start(withUrl(accounts));
  assertEquals(accounts.count(null), 1);
  const first = await server.client(importer);
  await subscribed(first, "test");
  assertEquals([accounts.count(importer), accounts.count(exporter)], [1, 1]);
  await (await server.client(exporter)).expect(PONG);
  assertEquals(accounts.count(exporter), 2);
  assert(hasInterest(server.test, importer, "test"));
  await until(() => hasInterest(server.test, exporter, "test"));
});

Deno.test("TestJWTAccountURLResolverPermanentFetchFailure", async () => {
  const [system, exporter, importer] = [createAccount(), createAccount(), createAccount()];
  const importing = (from: KeyPair): Json => ({
    imports: [{ account: from.getPublicKey(), subject: "test", type: "stream" }],
  });
  // Each imports what the other does not export.
  const jwts = new Map([
    [system.getPublicKey(), encodeAccount(system, {}, {}, oKp)],
    [exporter.getPublicKey(), encodeAccount(exporter, importing(importer), {}, oKp)],
    [importer.getPublicKey(), encodeAccount(importer, importing(exporter), {}, oKp)],
  ]);
  await using accounts = new AccountServer((name) => jwts.get(name) ?? "");
  const logger = new CapturedLog({ debug: true });
  const config = withUrl(accounts, `system_account: ${system.getPublicKey()}`);
  await using server = new JwtServer(await testServer({ logger }, config));
  for (const account of [importer, exporter]) await (await server.client(account)).expect(PONG);
  const pusher = await server.client(system);
  await pusher.expect(PONG);
  const push = async (subject: string, account: KeyPair): Promise<void> => {
    const jwt = jwts.get(account.getPublicKey())!;
    await pusher.send(`PUB ${subject} ${jwt.length}\r\n${jwt}\r\n`);
    await pusher.flush();
  };
  await push(`$SYS.REQ.ACCOUNT.${importer.getPublicKey()}.CLAIMS.UPDATE`, importer);
  await push(`$SYS.ACCOUNT.${exporter.getPublicKey()}.CLAIMS.UPDATE`, exporter);
  const failed = (): number =>
    logger.texts("debug", "Error adding stream import to account").length;
  // Connecting and updating cause 3 each: 2, and 1 when importers are tried again. The Go server
  // has a 7th, as it fetches the first account again while it builds it; here that is not needed.
  await until(() => failed() >= 6);
  await pusher.expectNothing();
  assertEquals(failed(), 6);
  assertEquals([accounts.count(importer), accounts.count(exporter)], [1, 1]);
});

Deno.test("TestJWTAccountURLResolverFetchFailurePushReorder", async () => {
  const [system, exporter, importer] = [createAccount(), createAccount(), createAccount()];
  const jwts = new Map([
    [system.getPublicKey(), encodeAccount(system, {}, {}, oKp)],
    [exporter.getPublicKey(), encodeAccount(exporter, {}, {}, oKp)],
    [
      importer.getPublicKey(),
      encodeAccount(
        importer,
        {
          imports: [{ account: exporter.getPublicKey(), subject: "test", type: "stream" }],
        },
        {},
        oKp,
      ),
    ],
  ]);
  await using accounts = new AccountServer((name) => jwts.get(name) ?? "");
  await using server = await start(
    withUrl(accounts, `system_account: ${system.getPublicKey()}`),
  );
  const first = await server.client(importer);
  await subscribed(first, "test");
  await (await server.client(exporter)).expect(PONG);
  const pusher = await server.client(system);
  await pusher.expect(PONG);
  const jwt = encodeAccount(
    exporter,
    { exports: [{ subject: "test", type: "stream" }] },
    {},
    oKp,
  );
  const subject = `$SYS.REQ.ACCOUNT.${exporter.getPublicKey()}.CLAIMS.UPDATE`;
  await pusher.send(`PUB ${subject} ${jwt.length}\r\n${jwt}\r\n`);
  await pusher.flush();
  assert(hasInterest(server.test, importer, "test"));
  await until(() => hasInterest(server.test, exporter, "test"));
});

Deno.test("TestJWTAccountURLResolverReturnDifferentOperator", async () => {
  const pair = createAccount();
  const jwt = encodeAccount(pair, {}, {}, createOperator());
  await using accounts = new AccountServer((name) => name === "" ? "" : jwt);
  await using server = await start(withUrl(accounts));
  assertStringIncludes(await (await server.client(pair)).expectEnd(), "-ERR ");
  assertEquals(server.test.server.core.accounts.has(pair.getPublicKey()), false);
});

Deno.test("TestJWTAccountTokenImportMisuse", async (t) => {
  const exporter = createAccount();
  const subject = "$events.*.$in.*.>";
  const exports = [
    { subject, type: "stream", token_req: true },
    { subject: "foo", type: "stream", token_req: true },
  ];
  const misuse = async (importer: KeyPair, token: string): Promise<void> => {
    const imports = [{ account: exporter.getPublicKey(), subject, type: "stream", token }];
    const jwts = new Map([
      [exporter.getPublicKey(), encodeAccount(exporter, { exports }, {}, oKp)],
      [importer.getPublicKey(), encodeAccount(importer, { imports }, {}, oKp)],
    ]);
    {
      await using accounts = new AccountServer((name) => jwts.get(name) ?? "");
      await using server = await start(withUrl(accounts));
      assertStringIncludes(await (await server.client(importer)).expectEnd(), "-ERR ");
    }
    using world = new OperatorWorld();
    await using server = await world.start({ jetStream: false });
    await world.push(server, exporter, { exports });
    await assertRejects(
      () => world.push(server, importer, { imports }),
      Error,
      "did not get an ok",
    );
  };
  await t.step("wrong-account", async () => {
    const token = encodeActivation(createAccount(), exporter, "stream", subject);
    await misuse(createAccount(), token);
  });
  await t.step("different-subject", async () => {
    const importer = createAccount();
    await misuse(importer, encodeActivation(importer, exporter, "stream", "foo"));
  });
  await t.step("non-existing-subject", async () => {
    const importer = createAccount();
    const other = "does-not-exist-or-from-different-export";
    await misuse(importer, encodeActivation(importer, exporter, "stream", other));
  });
});

Deno.test("TestJWTNoSystemAccountButNatsResolver", async (t) => {
  using directory = temporaryDirectory();
  for (const type of ["full", "cache"]) {
    await t.step(type, async () => {
      const config = `operator: ${ojwt}\nresolver { type: ${type}, dir: "${directory.path}" }`;
      await assertRejects(
        () => start(config),
        Error,
        "the system account needs to be specified in configuration or the operator jwt",
      );
    });
  }
});

Deno.test("TestJWTAccountFetchTimeout", async (t) => {
  for (const type of ["full", "cache"]) {
    await t.step(type, async () => {
      using directory = temporaryDirectory();
      const [system, pair] = [createAccount(), createAccount()];
      await using server = await start(`
        operator: ${ojwt}
        system_account: ${system.getPublicKey()}
        resolver { type: ${type}, timeout: "100ms", dir: "${directory.path}" }
        resolver_preload { ${system.getPublicKey()}: ${encodeAccount(system, {}, {}, oKp)} }
      `);
      const client = await server.client(pair);
      const startedMs = performance.now();
      assertStringIncludes(await client.expectEnd(), "Authorization Violation");
      assert(performance.now() - startedMs < 1500, "expected timeout earlier");
    });
  }
});

Deno.test("TestJWTClaimsUpdateWithHeaders", async () => {
  using world = new OperatorWorld();
  await using server = await world.start({ jetStream: false });
  const account = createAccount();
  const client = await world.connect(server, world.system);
  const more = headers();
  more.set("key", "value");
  const ask = async (subject: string, jwt: string): Promise<void> => {
    const answer = await client.request(subject, jwt, { headers: more, timeout: 10_000 });
    assertEquals(answer.json<Json>().error, undefined);
  };
  await ask("$SYS.REQ.CLAIMS.UPDATE", world.encode(account));
  await ask(
    "$SYS.REQ.CLAIMS.DELETE",
    encodeClaims({
      sub: world.signer.getPublicKey(),
      nats: { accounts: [account.getPublicKey()], type: "generic", version: 2 },
    }, world.signer),
  );
});

Deno.test("TestJWTMappings", async () => {
  using world = new OperatorWorld();
  await using server = await world.start({ jetStream: false });
  const account = createAccount();
  const maps = async (from: string, to: string): Promise<boolean> => {
    const user = createUser();
    const client = await server.connect({
      authenticator: jwtAuthenticator(encodeUser(user, account), user.getSeed()),
    });
    let got = 0;
    client.subscribe(to, { callback: () => void got++ });
    await client.flush();
    client.publish(from);
    await client.flush();
    await client.close();
    return got === 1;
  };
  await world.push(server, account, { mappings: { foo1: [{ subject: "bar1" }] } });
  assert(await maps("foo1", "bar1"));
  await world.push(server, account, { mappings: { foo2: [{ subject: "bar2" }] } });
  assert(!(await maps("foo1", "bar1")));
  assert(await maps("foo2", "bar2"));
  await world.push(server, account);
  assert(!(await maps("foo2", "bar2")));
});

Deno.test("a web server that is not there keeps the server from starting", async () => {
  const config = `operator: ${ojwt}\nresolver: URL("http://127.0.0.1:1/A/")`;
  await assertRejects(() => start(config), Error, "could not fetch");
});

Deno.test("UrlResolver shows no password of its URL", async () => {
  const client = {
    get: () => Promise.reject(new HttpError("refused")),
    close: () => {},
  };
  const resolver = new UrlResolver("http://joe:secret@127.0.0.1:1/A/", client);
  const error = await assertRejects(() => resolver.fetch("X"));
  assert(!String(error).includes("secret"), String(error));
});
