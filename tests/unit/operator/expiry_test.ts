/**
 * Own tests of JWTs that expire later than a timer can wait: nobody is sent away before the time.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { expireConnection } from "../../../src/core/auth/binding.ts";
import { TIMER_MAX_MS } from "../../../src/platform/mod.ts";
import { encodeAccount, encodeActivation, type KeyPair, nowS } from "../../harness/jwt.ts";
import { newAccount, operatorServer, userClient } from "../../harness/operator.ts";
import { OK, PONG } from "../../harness/raw_client.ts";
import { testServer } from "../../harness/server.ts";

const YEAR_S = 365 * 24 * 3600;

Deno.test("users, accounts and activations that are good for a year stay", async () => {
  const exp = nowS() + YEAR_S;
  const exporter = newAccount({ exports: [{ subject: "a", type: "stream", token_req: true }] });
  const plain = newAccount({}, { exp });
  const importing = newAccount();
  const token = encodeActivation(importing.pair, exporter.pair, "stream", "a", { exp });
  const importer = {
    ...importing,
    jwt: newImporter(importing, exporter.key, token),
  };
  await using server = await operatorServer([exporter, plain, importer]);
  for (const account of [plain, importer]) {
    const { client } = await userClient(server, account, {}, { exp });
    await client.expect(OK);
    await client.expect(PONG);
    // A timer that had overflowed would have fired by now.
    await client.expectNothing(150);
    assert(!client.ended);
    await client.flush();
  }
  assertEquals(server.account(plain.key).trust!.expired, false);
  assertEquals(server.account(importer.key).streamImports.map(({ invalid }) => invalid), [false]);
});

function newImporter(account: { pair: KeyPair }, exporter: string, token: string): string {
  const imports = [{ account: exporter, subject: "a", type: "stream", token }];
  return encodeAccount(account.pair, { imports });
}

Deno.test("expireConnection() waits in steps and ends the connection at the right moment", async () => {
  await using server = await testServer();
  const { client, connection } = await server.rawWithConnection();
  await client.flush();
  const waits: number[] = [];
  let fire: () => void = () => {};
  connection.setAuthTimer = (delayMs, task) => {
    waits.push(delayMs);
    fire = task;
  };
  const { clock } = connection.core.env;
  let nowMs = clock.nowMs();
  clock.nowMs = () => nowMs;
  const endMs = nowMs + 2 * TIMER_MAX_MS + 5000;
  expireConnection(connection, endMs);
  for (let step = 0; step < 2; step++) {
    assert(!connection.closed);
    nowMs += TIMER_MAX_MS;
    fire();
  }
  assertEquals(waits, [TIMER_MAX_MS, TIMER_MAX_MS, 5000]);
  assert(!connection.closed);
  fire();
  assertEquals(connection.closeReason, "Authentication Expired");
});
