// Ports: server/jwt_test.go, server/norace_1_test.go
/**
 * Services of the system account as accounts of operators use them.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { headers as newHeaders, jwtAuthenticator } from "@nats-io/transport-node";
import { createUser, encodeAccount, encodeOperator, encodeUser, nowS } from "../../harness/jwt.ts";
import { connectUser } from "../../harness/jwt_login.ts";
import { newAccount, operatorServerWithSystem, type TestAccount } from "../../harness/operator.ts";
import { jetStreamServer } from "../../harness/jetstream.ts";
import { testServer } from "../../harness/server.ts";
import { decompressS2 } from "../../../src/base/compress/mod.ts";
import { ask, type Json } from "./_events.ts";

/** An account that imports services of `system`. */
function importer(system: TestAccount, imports: (key: string) => Json[]): TestAccount {
  const account = newAccount();
  const all = imports(account.key).map((one) => ({
    type: "service",
    account: system.key,
    ...one,
  }));
  return { ...account, jwt: encodeAccount(account.pair, { imports: all }) };
}

function connz(key: string): string {
  return `$SYS.REQ.ACCOUNT.${key}.CONNZ`;
}

Deno.test("TestJWTSysImportForDifferentAccount", async () => {
  const subject = "$SYS.REQ.ACCOUNT.*.INFO";
  const system = newAccount({ exports: [{ type: "service", subject }] });
  const account = importer(system, () => [
    { subject, local_subject: "COMMON.ADVISORY.SYS.REQ.ACCOUNT.*.INFO" },
  ]);
  await using server = await operatorServerWithSystem([system, account]);
  const client = await connectUser(server, account);
  const { error } = await ask(client, `COMMON.ADVISORY.SYS.REQ.ACCOUNT.${system.key}.INFO`);
  assertEquals(error, undefined);
});

Deno.test("TestJWTSysImportFromNothing", async () => {
  const system = newAccount();
  const account = importer(system, (own) => [
    // Neither the system account nor all accounts are the importer's business.
    { subject: connz(system.key), local_subject: "fail1" },
    { subject: connz("*"), local_subject: "fail2.*" },
    { subject: connz(own), local_subject: "pass" },
  ]);
  await using server = await operatorServerWithSystem([system, account]);
  const client = await connectUser(server, account);
  await ask(client, "pass");
  await ask(client, "$SYS.REQ.ACCOUNT.PING.CONNZ");
  await assertRejects(() => ask(client, "fail1"), Error, "no responders");
  await assertRejects(() => ask(client, `fail2.${account.key}`), Error, "no responders");
});

Deno.test("TestJWTSysImportOverwritePublic", async () => {
  const system = newAccount({
    exports: [{ type: "service", subject: "$SYS.REQ.ACCOUNT.*.>" }],
  });
  const account = importer(system, (own) => [
    { subject: connz(system.key), local_subject: "pass1" },
    { subject: connz(own), local_subject: "pass2" },
    { subject: connz("*"), local_subject: "pass3.*" },
  ]);
  await using server = await operatorServerWithSystem([system, account]);
  const client = await connectUser(server, account);
  for (
    const subject of [
      "pass1",
      "pass2",
      `pass3.${system.key}`,
      `pass3.${account.key}`,
      "pass3.PING",
    ]
  ) await ask(client, subject);
});

Deno.test("TestJWTSysImportOverwriteToken", async () => {
  const system = newAccount({
    exports: [{ type: "service", subject: "$SYS.REQ.>", token_req: true }],
  });
  const account = newAccount();
  await using server = await operatorServerWithSystem([system, account]);
  const client = await connectUser(server, account);
  await ask(client, "$SYS.REQ.ACCOUNT.PING.CONNZ");
});

Deno.test("TestJWTServerOperatorModeUserInfoExpiration", async () => {
  const account = newAccount({}, { name: "TEST" });
  await using server = await operatorServerWithSystem([newAccount({}, { name: "$SYS" }), account]);
  const user = createUser();
  const exp = nowS() + 60;
  const jwt = encodeUser(user, account.pair, {}, { exp });
  const client = await server.connect({ authenticator: jwtAuthenticator(jwt, user.getSeed()) });
  const { data } = await ask(client, "$SYS.REQ.USER.INFO");
  const leftS = exp - nowS();
  assert(Math.abs(data.expires / 1e9 - leftS) <= 2, String(data.expires));
});

Deno.test("TestJWTAccountConnzAccessAfterClaimUpdate", async () => {
  const mapped = { mappings: { "foo.bar": [{ subject: "foo.baz" }] } };
  const system = newAccount();
  const account = newAccount();
  const dir = await Deno.makeTempDir();
  try {
    await using server = await testServer(
      {},
      `operator: ${encodeOperator()}
       system_account: ${system.key}
       resolver: { type: full, dir: "${dir}" }`,
    );
    const update = async (jwt: string): Promise<void> => {
      const client = await connectUser(server, system);
      assertEquals((await ask(client, "$SYS.REQ.CLAIMS.UPDATE", jwt)).error, undefined);
      await client.close();
    };
    await update(account.jwt);
    const client = await connectUser(server, account);
    const request = async (): Promise<void> => {
      assertEquals((await ask(client, "$SYS.REQ.SERVER.PING.CONNZ")).error, undefined);
    };
    await request();
    await update(encodeAccount(account.pair, mapped));
    // The account keeps what it imports from the system account, and that its exports.
    await request();
    await update(encodeAccount(system.pair, mapped));
    await request();
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("TestNoRaceCompressedConnz", async () => {
  await using server = await jetStreamServer();
  const client = await server.test.connect();
  for (const accepted of ["gzip", "snappy", "s2"]) {
    const headers = newHeaders();
    headers.set("Accept-Encoding", accepted);
    const answer = await client.request("$SYS.REQ.ACCOUNT.PING.CONNZ", "", {
      timeout: 10_000,
      headers,
    });
    const encoding = answer.headers?.get("Content-Encoding") ?? "";
    let plain: string;
    if (encoding === "gzip") {
      const stream = new Blob([answer.data as Uint8Array<ArrayBuffer>]).stream();
      plain = await new Response(stream.pipeThrough(new DecompressionStream("gzip"))).text();
    } else {
      assertEquals(encoding, "snappy");
      plain = new TextDecoder().decode(decompressS2(answer.data));
    }
    const { error, data } = JSON.parse(plain);
    assertEquals([error, data.num_connections], [undefined, 1]);
  }
});
