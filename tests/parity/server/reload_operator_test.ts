// Ports: server/reload_test.go, server/jwt_test.go, server/monitor_test.go, test/operator_test.go
/**
 * Reloads of servers that trust operators.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { startServer } from "../../../src/mod.ts";
import { ReloadError } from "../../../src/reload/mod.ts";
import {
  createAccount,
  createOperator,
  createUser,
  encodeAccount,
  encodeOperator,
  encodeUser,
  type KeyPair,
  nowS,
} from "../../harness/jwt.ts";
import { withCertificates } from "../../harness/certs.ts";
import { expectViolation, LISTEN, type ReloadServer, reloadServer } from "../../harness/reload.ts";
import { PONG } from "../../harness/raw_client.ts";
import { JwtServer, ojwt, oKp } from "./_jwt.ts";

/** An account that the operator of these tests has signed. */
function account(signer: KeyPair = oKp): { pair: KeyPair; key: string; jwt: string } {
  const pair = createAccount();
  return { pair, key: pair.getPublicKey(), jwt: encodeAccount(pair, {}, {}, signer) };
}

function preload(...accounts: readonly { key: string; jwt: string }[]): string {
  const lines = accounts.map(({ key, jwt }) => `${key}: ${jwt}`);
  return `resolver: MEMORY\nresolver_preload: {\n${lines.join("\n")}\n}`;
}

async function finds(server: ReloadServer, key: string): Promise<boolean> {
  return !("failed" in await server.server.operators!.lookup(key));
}

Deno.test("TestConfigReloadTrustedOperatorAndTrustedKeysUnsupported", async () => {
  const a = account();
  const config = (trust: string) => `${LISTEN}${trust}\n${preload(a)}`;
  let keys: readonly string[];
  {
    await using server = await reloadServer(config(`operator: ${ojwt}`));
    const { options } = server.server;
    // The server fills in the keys of its operators.
    keys = [...options.trustedKeys];
    assert(keys.length > 0);
    const error = await assertRejects(() => server.reload(config("")), ReloadError);
    assertStringIncludes(error.message, "not supported for TrustedOperator");
    assert(options.trustedKeys.length > 0);
  }
  const list = keys.map((key) => `"${key}"`).join(", ");
  await using server = await reloadServer(config(`trusted_keys: [${list}]`));
  const error = await assertRejects(() => server.reload(config("")), ReloadError);
  assertStringIncludes(error.message, "not supported for TrustedKeys");
  assert(server.server.options.trustedKeys.length > 0);
});

Deno.test("TestConfigReloadDefaultSentinel", async () => {
  const system = account();
  const a = account();
  const user = createUser();
  const sentinel = (name: string) => encodeUser(user, a.pair, { bearer_token: true }, { name });
  const config = (token: string) =>
    `${LISTEN} operator: ${ojwt}
    system_account: ${system.key}
    ${preload(system, a)}
    default_sentinel: ${token}`;
  const first = sentinel("sentinel");
  await using server = await reloadServer(config(first));
  const { options } = server.server;
  assertEquals(options.defaultSentinel, first);
  const second = sentinel("sentinel-updated");
  await server.reload(config(second));
  assertEquals(options.defaultSentinel, second);
  // Who brings nothing is the sentinel.
  await server.accepted();
});

Deno.test("TestJWTAccountURLResolverNoFetchOnReload", async () => {
  const a = account();
  let asked = 0;
  const open = () =>
    Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
      asked++;
      return new Response(a.jwt);
    });
  const config = (web: ReturnType<typeof open>) =>
    `operator: ${ojwt}\n${LISTEN} resolver: URL("http://127.0.0.1:${web.addr.port}/ngs/v1/accounts/jwt/")`;
  const first = open();
  const server = await reloadServer(config(first));
  assert(await finds(server, a.key));
  await first.shutdown();
  const second = open();
  asked = 0;
  await server.reload(config(second));
  assertEquals(asked, 0);
  const { options } = server.server;
  await server[Symbol.asyncDispose]();
  await second.shutdown();
  const again = { ...options, trustedKeys: [] };
  await assertRejects(() => startServer(again), Error, "could not fetch");
});

Deno.test("TestConfigReloadAccountResolverTLSConfig", () =>
  withCertificates(async ({ ca, server: pair, client: own }) => {
    const a = account();
    const web = Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      cert: pair.certPem,
      key: pair.keyPem,
      onListen: () => {},
    }, () => new Response(a.jwt));
    const config = (tls: string) =>
      `${LISTEN} trusted_keys: ${oKp.getPublicKey()}
      resolver: URL("https://127.0.0.1:${web.addr.port}/ngs/v1/accounts/jwt/")
      ${tls}`;
    {
      await using server = await reloadServer(config(`resolver_tls {
        cert_file: "${own.certFile}", key_file: "${own.keyFile}", ca_file: "${ca.certFile}"
      }`));
      await server.reload(config(""));
      assert(!(await finds(server, a.key)));
      await server.reload(config("resolver_tls { insecure: true }"));
      assert(await finds(server, a.key));
      assert(server.server.core.accounts.has(a.key));
    }
    await web.shutdown();
  }));

Deno.test("TestOperatorConfigReloadDoesntKillNonce", async () => {
  await using server = await reloadServer(`${LISTEN} operator: ${ojwt}\nresolver: MEMORY`);
  assert(server.server.auth.nonceRequired);
  await server.reload();
  assert(server.server.auth.nonceRequired);
});

// The Go tests give these servers a cluster in which they are alone; nothing depends on it.
function withSystem(system: { key: string; jwt: string }, key: string, jwt: string): string {
  return `${LISTEN} operator = ${ojwt}
    system_account = "${system.key}"
    ${preload(system, { key, jwt })}`;
}

Deno.test("TestReloadDoesUpdateAccountsWithMemoryResolver", async () => {
  const [system, before, after] = [account(), account(), account()];
  await using server = await reloadServer(withSystem(system, before.key, before.jwt));
  const client = await new JwtServer(server).client(before.pair);
  await client.send("SUB foo 1\r\nPING\r\n");
  await client.expect(PONG);
  await client.expect(PONG);
  await server.reload(withSystem(system, after.key, after.jwt));
  await expectViolation(client);
  assert(await finds(server, after.key));
  assert(!(await finds(server, before.key)));
});

Deno.test("TestReloadFailsWithBadAccountsWithMemoryResolver", async () => {
  const [system, good] = [account(), account()];
  const expired = createAccount();
  const jwt = encodeAccount(expired, {}, { iat: nowS() - 10, exp: nowS() - 2 }, oKp);
  await using server = await reloadServer(withSystem(system, expired.getPublicKey(), jwt));
  await assertRejects(() => server.reload(withSystem(system, "foo", "bar")));
  await server.reload(withSystem(system, good.key, good.jwt));
  assert(await finds(server, good.key));
});

Deno.test("TestMonitorAccountzAccountIssuerUpdate", async () => {
  const [operator, first, second] = [createOperator(), createOperator(), createOperator()];
  const system = account(operator);
  const operatorJwt = encodeOperator(operator, {
    signing_keys: [first.getPublicKey(), second.getPublicKey()],
    system_account: system.key,
  });
  const a = createAccount();
  const config = (signer: KeyPair) =>
    `${LISTEN} http: 127.0.0.1:-1
    operator = ${operatorJwt}
    system_account: ${system.key}
    ${
      preload(system, { key: a.getPublicKey(), jwt: encodeAccount(a, {}, { name: "A" }, signer) })
    }`;
  await using server = await reloadServer(config(first));
  const client = await new JwtServer(server).client(a);
  await client.expect(PONG);
  const issuer = async (): Promise<string> => {
    const { monitorPort } = server.server;
    const url = `http://127.0.0.1:${monitorPort}/accountz?acc=${a.getPublicKey()}`;
    return (await (await fetch(url)).json()).account_detail.issuer_key;
  };
  assertEquals(await issuer(), first.getPublicKey());
  await server.reload(config(second));
  assertEquals(await issuer(), second.getPublicKey());
});

Deno.test("TestJWTOperatorPinnedAccounts", async () => {
  const accounts = [account(), account(), account(), account()] as const;
  const common = `${LISTEN} operator: ${ojwt}
    system_account: ${accounts[0].key}
    ${preload(...accounts)}`;
  const pinned = (...of: readonly { key: string }[]) =>
    `${common}\nresolver_pinned_accounts: [${of.map(({ key }) => key).join(", ")}]`;
  const [system, first, second, third] = accounts;
  await using server = await reloadServer(pinned(first, second));
  const passes = async (...of: readonly { pair: KeyPair }[]): Promise<void> => {
    for (const { pair } of of) await (await new JwtServer(server).client(pair)).expect(PONG);
  };
  const failures = (): number => Number(server.server.varz().pinned_account_fails ?? 0);
  const fails = async ({ pair }: { pair: KeyPair }): Promise<void> => {
    const before = failures();
    await expectViolation(await new JwtServer(server).client(pair));
    assertEquals(failures(), before + 1);
  };
  await passes(system, first, second);
  await fails(third);
  await server.reload(pinned(second, third));
  await passes(system, second, third);
  await fails(first);
  await server.reload(common);
  await passes(...accounts);
  await server.reload(pinned(second, third));
  await passes(system, second, third);
  await fails(first);
});
