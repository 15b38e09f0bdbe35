// Ports: server/monitor_test.go
/**
 * What monitoring shows of users, operators and their JWTs.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type Authenticator, jwtAuthenticator, nkeyAuthenticator } from "@nats-io/transport-node";
import { accountz } from "../../../src/monitor/mod.ts";
import type { StartOptions } from "../../../src/mod.ts";
import { createUser, encodeUser } from "../../harness/jwt.ts";
import { jwtClient, newAccount, operatorOptions, operatorServer } from "../../harness/operator.ts";
import { OK } from "../../harness/raw_client.ts";
import { testServer, until } from "../../harness/server.ts";
import { askConnz, type Json, MODES, pollConnz, pollVarz, readJson } from "./_monitor.ts";

const MONITORED: StartOptions = { httpHost: "127.0.0.1", httpPort: -1 };

Deno.test("TestMonitorAuthorizedUsers", async () => {
  const check = async (
    options: StartOptions,
    config: string,
    login: { user?: string; pass?: string; token?: string; authenticator?: Authenticator },
    expected: string,
  ): Promise<void> => {
    await using server = await testServer({ ...MONITORED, ...options }, config);
    await server.connect(login);
    for (const mode of MODES) {
      const { connections } = await pollConnz(server.server, mode, "?auth=true", { auth: true });
      assertEquals(connections.map((one: Json) => one.authorized_user), [expected]);
    }
  };
  const nkey = createUser();
  const key = nkey.getPublicKey();
  const users = `authorization { users = [ { nkey: ${key} }, { user: user, password: pwd } ] }`;
  await check({}, users, { user: "user", pass: "pwd" }, "user");
  await check({}, users, { authenticator: nkeyAuthenticator(nkey.getSeed()) }, key);
  const token = { token: "sometoken" };
  await check({}, "authorization { token: sometoken }", token, "[REDACTED]");

  const account = newAccount();
  const user = createUser();
  const authenticator = jwtAuthenticator(encodeUser(user, account.pair), user.getSeed());
  await check(operatorOptions([account]), "", { authenticator }, user.getPublicKey());
});

Deno.test("TestMonitorConnzJWTVisibility", async (t) => {
  for (const bearer of [true, false]) {
    await t.step(bearer ? "bearer" : "non-bearer", async () => {
      const account = newAccount();
      await using server = await operatorServer([account], MONITORED);
      const user = createUser();
      const jwt = encodeUser(user, account.pair, { bearer_token: bearer });
      const { client } = await jwtClient(server, user, jwt, bearer ? { sig: undefined } : {});
      await client.expect(OK);
      const expected = bearer ? undefined : jwt;
      const check = async (query: string): Promise<void> => {
        await until(async () => (await askConnz(server.server, 0, query)).connections.length === 1);
        const { connections: [one] } = await askConnz(server.server, 0, query);
        assertEquals(one.jwt, expected);
      };
      await check("?auth=1");
      await client.end();
      await check("?state=closed");
      await check("?auth=1&state=closed");
    });
  }
});

Deno.test("TestMonitorOpJWT", async () => {
  await using server = await operatorServer([], MONITORED);
  const [{ jwt }] = server.server.options.trustedOperators as [Json];
  const [, payload] = jwt.split(".");
  const claims = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
  const shown = await pollVarz(server.server, 1);
  assertEquals(shown.trusted_operators_jwt, [jwt]);
  assertEquals(shown.trusted_operators_claim, [claims]);
});

Deno.test("TestMonitorAccountszMappingOrderReporting", async () => {
  await using server = await testServer(
    MONITORED,
    `server_name: SR22
     accounts {
       CLOUD { exports [ { service: "downlink.>" } ] }
       CLOUD2 { exports [ { service: "downlink.>" } ] }
       APP {
         imports [
           { service: { account: CLOUD, subject: "downlink.>"}, to: "event.>"}
           { service: { account: CLOUD2, subject: "downlink.>"}, to: "event.>"}
         ]
       }
     }`,
  );
  const { account_detail: detail }: Json = accountz(server.server, "APP");
  assert(detail.imports.length > 0);
  const found = detail.imports.filter((one: Json) => one.subject === "downlink.>");
  for (const one of found) assertEquals(one.local_subject, "event.>");
  assertEquals(found.map((one: Json) => one.account).sort(), ["CLOUD", "CLOUD2"]);
  assertEquals((await readJson(server.server, "/accountz?acc=APP")).account_detail, {
    ...JSON.parse(JSON.stringify(detail)),
  });
});
