// Ports: test/auth_test.go
/**
 * Token and single user, plain and bcrypt.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { StartOptions } from "../../../src/mod.ts";
import { ERR, OK, type RawClient } from "../../harness/raw_client.ts";
import { testServer } from "../../harness/server.ts";

const TOKEN: StartOptions = { authorization: "_YZZ22_" };
const USER: StartOptions = { username: "derek", password: "foobar" };
const BCRYPT_PASSWORD = "IW@$6v(y1(t@fhPDvf!5^%";
const BCRYPT_PASSWORD_HASH = "$2a$04$Q.CgCP2Sl9pkcTXEZHazaeMwPaAkSHk7AI51HkyMt5iJQQyUA4qxq";
const BCRYPT_USER: StartOptions = { username: "derek", password: BCRYPT_PASSWORD_HASH };
const BCRYPT_TOKEN = "0uhJOSr3GW7xvHvtd^K6pa";
const BCRYPT_TOKEN_HASH = "$2a$04$u5ZClXpcjHgpfc61Ee0VKuwI1K3vTC4zq7SjphjnlHMeb1Llkb5Y6";

/** Opens a connection, sees that credentials are asked for, and goes on. */
async function withClient(
  options: StartOptions,
  use: (client: RawClient) => Promise<void>,
): Promise<void> {
  await using server = await testServer(options);
  const client = await server.raw();
  const info = await client.info();
  assertEquals(info.auth_required, true);
  await use(client);
}

function login(
  options: StartOptions,
  auth_token: string,
  user: string,
  pass: string,
  answer: RegExp,
): Promise<void> {
  return withClient(options, async (client) => {
    const connect = JSON.stringify({ verbose: true, auth_token, user, pass });
    await client.send(`CONNECT ${connect}\r\n`);
    await client.expect(answer);
  });
}

Deno.test("TestNoAuthClient", () => login(TOKEN, "", "", "", ERR));
Deno.test("TestAuthClientBadToken", () => login(TOKEN, "ZZZ", "", "", ERR));
Deno.test("TestAuthClientGoodConnect", () => login(TOKEN, "_YZZ22_", "", "", OK));
Deno.test("TestNoUserOrPasswordClient", () => login(USER, "", "", "", ERR));
Deno.test("TestBadUserClient", () => login(USER, "", "derekzz", "foobar", ERR));
Deno.test("TestBadPasswordClient", () => login(USER, "", "derek", "ZZ", ERR));
Deno.test("TestPasswordClientGoodConnect", () => login(USER, "", "derek", "foobar", OK));

Deno.test("TestAuthClientNoConnect", async () => {
  // The default time for logging in, two seconds, passes.
  await withClient(TOKEN, async (client) => void await client.expect(ERR));
});

Deno.test("TestAuthClientFailOnEverythingElse", async () => {
  await withClient(TOKEN, async (client) => {
    await client.send("PUB foo 2\r\nok\r\n");
    await client.expect(ERR);
  });
});

Deno.test("TestBadBcryptPassword", () =>
  login(BCRYPT_USER, "", "derek", BCRYPT_PASSWORD_HASH, ERR));
Deno.test("TestGoodBcryptPassword", () => login(BCRYPT_USER, "", "derek", BCRYPT_PASSWORD, OK));
Deno.test("TestBadBcryptToken", () =>
  login({ authorization: BCRYPT_TOKEN_HASH }, BCRYPT_TOKEN_HASH, "", "", ERR));
Deno.test("TestGoodBcryptToken", () =>
  login({ authorization: BCRYPT_TOKEN_HASH }, BCRYPT_TOKEN, "", "", OK));
