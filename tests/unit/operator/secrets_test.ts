/**
 * Own tests of what operator mode keeps to itself.
 *
 * @module
 */
import { assert, assertStringIncludes } from "@std/assert";
import { redactSecrets } from "../../../src/client/redact.ts";
import { CapturedLog } from "../../harness/captured_log.ts";
import { createUser, encodeUser, signNonce } from "../../harness/jwt.ts";
import { newAccount, operatorServer } from "../../harness/operator.ts";
import { OK, PONG } from "../../harness/raw_client.ts";

Deno.test("redactSecrets() hides JWTs wherever they stand in CONNECT", () => {
  for (
    const connect of [
      '{"jwt":"eyJ.a.b"}',
      '{"user":"u", "jwt" : "eyJ.a.b","sig":"x"}',
      "jwt:eyJ.a.b",
    ]
  ) {
    const shown = redactSecrets(connect);
    assert(!shown.includes("eyJ"), shown);
    assertStringIncludes(shown, "[REDACTED]");
  }
});

Deno.test("logs of a login, accepted or refused, hold no JWT, signature or seed", async () => {
  const account = newAccount({}, { name: "acc" });
  const log = new CapturedLog({ debug: true, trace: true });
  await using server = await operatorServer([account], { logger: log });
  const user = createUser();
  const jwt = encodeUser(user, account.pair, { bearer_token: true });
  const secrets = [jwt, new TextDecoder().decode(user.getSeed())];
  for (const given of [jwt, `${jwt}x`]) {
    const client = await server.raw();
    const sig = signNonce(user, (await client.info()).nonce);
    secrets.push(sig);
    await client.send(`CONNECT ${JSON.stringify({ verbose: true, jwt: given, sig })}\r\nPING\r\n`);
    if (given === jwt) {
      await client.expect(OK);
      await client.expect(PONG);
    } else await client.expectEnd();
  }
  const text = log.lines.map((line) => line.text).join("\n");
  assertStringIncludes(text, "CONNECT");
  assertStringIncludes(text, "Authenticated JWT");
  for (const secret of secrets) assert(!text.includes(secret), `the log shows ${secret}`);
});
