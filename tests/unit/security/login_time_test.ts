/**
 * How long a refused login takes tells nobody which part of it was wrong.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { hashSync } from "bcryptjs";
import type { PasswordChecker } from "../../../src/platform/mod.ts";
import { ISSUER } from "../../harness/callout.ts";
import { type TestServer, testServer } from "../../harness/server.ts";

const VIOLATION = "-ERR 'Authorization Violation'\r\n";
const CHEAP = hashSync("secret", 4);
const DEAR = hashSync("secret", 6);

/** Counts the costs of the comparisons that take long. */
function watch({ server }: TestServer): number[] {
  const costs: number[] = [];
  const passwords: PasswordChecker = server.env.passwords;
  const compare = passwords.matches.bind(passwords);
  passwords.matches = (given, hash, wanted) => {
    costs.push(Number(hash.slice(4, 6)));
    return compare(given, hash, wanted);
  };
  return costs;
}

async function refuse(server: TestServer, connect: Record<string, unknown>): Promise<void> {
  const client = await server.rawLogin(connect);
  assertEquals(await client.expectEnd(), VIOLATION);
}

Deno.test("unknown users wait for a comparison by bcrypt as known ones do", async () => {
  await using server = await testServer(
    {},
    `authorization { users: [
       { user: cheap, password: "${CHEAP}" }
       { user: dear, password: "${DEAR}" }
       { user: plain, password: "p" }
       { user: elsewhere, password: "${DEAR}", allowed_connection_types: [ WEBSOCKET ] }
     ] }`,
  );
  const costs = watch(server);
  const logins: [user: string, cost: number][] = [
    ["dear", 6],
    ["nobody", 6],
    ["plain", 6],
    ["elsewhere", 6],
    // Users with cheaper hashes can be told from unknown ones: hashes should all cost the same.
    ["cheap", 4],
  ];
  for (const [user, cost] of logins) {
    costs.length = 0;
    await refuse(server, { user, pass: "wrong" });
    assertEquals(costs, [cost], user);
  }
  costs.length = 0;
  await (await server.rawLogin({ user: "plain", pass: "p" })).flush();
  assertEquals(costs, []);
});

Deno.test("a wrong name takes as long as a wrong password where there is one user", async () => {
  await using server = await testServer(
    {},
    `authorization { user: ada, password: "${DEAR}" }`,
  );
  const costs = watch(server);
  for (const user of ["ada", "nobody", ""]) await refuse(server, { user, pass: "wrong" });
  assertEquals(costs, [6, 6, 6]);
});

Deno.test("without passwords by bcrypt nobody waits, and with a service it decides", async () => {
  const configs = [
    "authorization { users: [ { user: a, password: p }, { user: b, password: q } ] }",
    `authorization { users: [ { user: a, password: "${DEAR}" } ], timeout: 0.1
       auth_callout { issuer: "${ISSUER}", auth_users: [ a ] } }`,
  ];
  for (const config of configs) {
    await using server = await testServer({}, config);
    const costs = watch(server);
    await refuse(server, { user: "nobody", pass: "wrong" });
    assertEquals(costs, []);
  }
});
