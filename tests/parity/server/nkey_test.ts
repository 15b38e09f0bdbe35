// Ports: server/nkey_test.go
/**
 * Users known by their public keys.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { fromSeed } from "@nats-io/nkeys";
import { emptyOptions, processConfigText } from "../../../src/config/mod.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";
import { ERR, OK } from "../../harness/raw_client.ts";
import { testServer } from "../../harness/server.ts";

const encoder = new TextEncoder();
const SEED = "SUAKYRHVIOREXV7EUZTBHUHL7NUMHPMAS7QMDU3GTIUWEI5LDNOXD43IZY";
const KEYS = fromSeed(encoder.encode(SEED));
const PUBLIC_KEY = KEYS.getPublicKey();
const NKEY_CONFIG = `authorization { users = [ { nkey: ${PUBLIC_KEY} } ] }`;
const MIXED_CONFIG =
  `authorization { users = [ { nkey: ${PUBLIC_KEY} }, { user: derek, password: foo } ] }`;

function signature(nonce: string): string {
  const bytes = KEYS.sign(encoder.encode(nonce));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_")
    .replaceAll("=", "");
}

Deno.test("TestServerInfoNonceAlwaysEnabled", async () => {
  await using server = await testServer({ alwaysEnableNonce: true });
  const info = await (await server.raw()).info();
  assert(info.nonce !== undefined && info.nonce !== "");
});

Deno.test("TestServerInfoNonce", async () => {
  await using open = await testServer();
  assertEquals((await (await open.raw()).info()).nonce, undefined);

  await using server = await testServer({}, NKEY_CONFIG);
  const first = (await (await server.raw()).info()).nonce;
  const second = (await (await server.raw()).info()).nonce;
  assert(first !== undefined && first !== "");
  assert(second !== undefined && second !== "");
  assertNotEquals(first, second);
});

Deno.test("TestNkeyClientConnect", async () => {
  await using server = await testServer({}, NKEY_CONFIG);
  const verbose = { verbose: true, pedantic: true };
  for (const login of [{}, { nkey: PUBLIC_KEY }, { nkey: PUBLIC_KEY, sig: "bad_sig" }]) {
    const client = await server.rawLogin({ ...login, ...verbose });
    await client.expect(ERR);
  }
  const client = await server.raw();
  const { nonce } = await client.info();
  const login = { nkey: PUBLIC_KEY, sig: signature(nonce), ...verbose };
  await client.send(`CONNECT ${JSON.stringify(login)}\r\nPING\r\n`);
  await client.expect(OK);
});

Deno.test("TestMixedClientConnect", async () => {
  await using server = await testServer({}, MIXED_CONFIG);
  const verbose = { verbose: true, pedantic: true };
  const derek = await server.rawLogin({ user: "derek", pass: "foo", ...verbose });
  await derek.expect(OK);

  const client = await server.raw();
  const { nonce } = await client.info();
  const login = { nkey: PUBLIC_KEY, sig: signature(nonce), ...verbose };
  await client.send(`CONNECT ${JSON.stringify(login)}\r\nPING\r\n`);
  await client.expect(OK);
});

Deno.test("TestMixedClientConfig", () => {
  const options = emptyOptions();
  processConfigText(
    options,
    `authorization {
       users = [
         { nkey: "UDKTV7HZVYJFJN64LLMYQBUR6MTNNYCDC3LAZH4VHURW3GZLL3FULBXV" }
         { user: alice, password: foo }
       ]
     }`,
    systemConfigSource(),
  );
  assertEquals([options.nkeys!.length, options.users!.length], [1, 1]);
});
