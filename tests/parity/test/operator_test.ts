/**
 * Ports: test/operator_test.go, what needs neither a reload nor a cluster.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { emptyNkeyUser, emptyUser, newAccountOptions } from "../../../src/config/mod.ts";
import { emptyOptions, processConfigFile, processConfigText } from "../../../src/config/mod.ts";
import type { Options } from "../../../src/config/mod.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";
import { createAccount, createOperator, fromSeed } from "../../harness/jwt.ts";
import { newAccount } from "../../harness/operator.ts";
import { encodeAccount } from "../../harness/jwt.ts";
import { PONG } from "../../harness/raw_client.ts";
import { type TestServer, testServer } from "../../harness/server.ts";
import { JwtServer, ojwt, oKp } from "../server/_jwt.ts";
import { temporaryDirectory } from "../../sim/environment.ts";

/** One of the signing keys of the operator. */
const skKp = fromSeed(
  new TextEncoder().encode("SOAEL3NFOTU6YK3DBTEKQYZ2C5IWSVZWWZCQDASBUOHJKBFLVANK27JMMQ"),
);

const INLINE = `operator = "${ojwt}"\nresolver = MEMORY`;

function optionsOf(text: string): Options {
  const options = emptyOptions();
  processConfigText(options, text, systemConfigSource());
  return options;
}

async function operatorServer(more = ""): Promise<JwtServer> {
  return new JwtServer(await testServer({}, `${INLINE}\n${more}`));
}

/** Puts an account of another signer into the resolver. */
function addSignedBy(server: TestServer, signer: typeof oKp) {
  const pair = createAccount();
  const jwt = encodeAccount(pair, {}, {}, signer);
  server.server.operators!.resolver!.store(pair.getPublicKey(), jwt);
  return pair;
}

Deno.test("TestOperatorRestrictions", async () => {
  const options = optionsOf(INLINE);
  const start = async (changes: Partial<Options>): Promise<void> => {
    await using _server = await testServer({ ...options, ...changes });
  };
  await start({});
  // The first start has filled in the trusted keys: what says both is refused.
  await assertRejects(() => start({}), Error, "TrustedKeys");
  const wiped = (): Partial<Options> => ({ trustedKeys: [] });
  await assertRejects(() => start({ ...wiped(), accounts: [newAccountOptions("TEST")] }));
  await assertRejects(() => start({ ...wiped(), users: [{ ...emptyUser(), username: "TEST" }] }));
  await assertRejects(() => start({ ...wiped(), nkeys: [{ ...emptyNkeyUser(), nkey: "TEST" }] }));
  await assertRejects(() => start({ ...wiped(), accountResolver: null }));
});

/** The operator's keys must all be trusted: its own and three that it signs with. */
async function checkKeys(options: Options): Promise<void> {
  assertEquals(options.trustedOperators.length, 1);
  await using server = await testServer(options);
  const { trustedKeys, trustedOperators } = server.server.options;
  assertEquals(trustedKeys.length, 4);
  const { issuer, nats } = trustedOperators[0]!.claims;
  for (const key of [issuer, ...nats.signingKeys]) assert(trustedKeys.includes(key));
}

Deno.test("TestOperatorConfig", async () => {
  using directory = temporaryDirectory();
  Deno.writeTextFileSync(`${directory.path}/op.jwt`, ojwt);
  const file = `${directory.path}/operator.conf`;
  Deno.writeTextFileSync(file, `operator = "${directory.path}/op.jwt"\nresolver = MEMORY`);
  const options = emptyOptions();
  processConfigFile(options, file, systemConfigSource());
  await checkKeys(options);
});

Deno.test("TestOperatorConfigInline", async () => {
  await checkKeys(optionsOf(INLINE));
});

Deno.test("TestOperatorServer", async () => {
  await using server = await operatorServer();
  const without = await server.test.rawLogin({});
  assertStringIncludes(await without.expectEnd(), "-ERR ");
  await (await server.client(addSignedBy(server.test, oKp))).expect(PONG);
  const foreign = addSignedBy(server.test, createOperator());
  assertStringIncludes(await (await server.client(foreign)).expectEnd(), "-ERR ");
  const name = foreign.getPublicKey();
  const found = await server.test.server.operators!.lookup(name);
  assert("failed" in found, "Expected account to NOT be in memory");
  assertEquals(server.test.server.core.accounts.has(name), false);
});

Deno.test("TestOperatorSystemAccount", async () => {
  // The reference sets it while the server runs; here it is given at the start.
  const start = async (signer: typeof oKp): Promise<string | undefined> => {
    const pair = createAccount();
    const key = pair.getPublicKey();
    const jwt = encodeAccount(pair, {}, {}, signer);
    await using server = await operatorServer(
      `system_account: ${key}\nresolver_preload { ${key}: ${jwt} }`,
    );
    const { systemAccount } = server.test.server.core;
    assertEquals(systemAccount?.name, key);
    return systemAccount?.name;
  };
  await assertRejects(() => start(createOperator()));
  await start(oKp);
});

Deno.test("TestOperatorSigningKeys", async () => {
  const pair = createAccount();
  const key = pair.getPublicKey();
  const jwt = encodeAccount(pair, {}, {}, skKp);
  await using server = await operatorServer(
    `system_account: ${key}\nresolver_preload { ${key}: ${jwt} }`,
  );
  assertEquals(server.test.server.core.systemAccount?.name, key);
  await (await server.client(pair)).expect(PONG);
});

Deno.test("TestOperatorMemResolverPreload", async () => {
  const [system, other] = [newAccount(), newAccount()].map(({ pair, key }) => ({
    key,
    jwt: encodeAccount(pair, {}, {}, oKp),
  }));
  await using server = await operatorServer(`
    system_account = "${system!.key}"
    resolver_preload = { ${system!.key}: "${system!.jwt}", ${other!.key}: "${other!.jwt}" }
  `);
  const found = await server.test.server.operators!.lookup(other!.key);
  assert(!("failed" in found), "Expected to properly lookup account");
  const { options, core } = server.test.server;
  assertEquals(core.systemAccount?.name, options.systemAccount);
});
