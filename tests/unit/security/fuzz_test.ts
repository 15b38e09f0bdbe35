/**
 * Input of any shape where identities are decided: nothing of it gets in, or makes the server fall.
 * A run is repeated with `FUZZ_SEED=<seed>`.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { createCurve } from "@nats-io/nkeys";
import { AuthOutcome } from "../../../src/core/auth/authenticator.ts";
import { checkProxy, ProxyCheck } from "../../../src/core/auth/proxies.ts";
import { decodePublicKey, SealError, ServerKeys } from "../../../src/identity/mod.ts";
import { answer, calloutServer, ISSUER, newUser, userIn } from "../../harness/callout.ts";
import { createOperator, createUser, signNonce } from "../../harness/jwt.ts";
import { newAccount, operatorServerWithSystem } from "../../harness/operator.ts";
import { PONG } from "../../harness/raw_client.ts";
import { testServer } from "../../harness/server.ts";

const seed = Number(Deno.env.get("FUZZ_SEED") ?? Date.now() % 1e9);

/** Numbers from 0 to below `below`, the same for the same seed. */
function randomFrom(start: number): (below: number) => number {
  let state = start | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const ALPHABET = 'ABCXyz0129-_.=+/{}[]"\\ \n\r\u0000é';

/** `text` with some of its characters changed, added or left out. */
function spoil(text: string, below: (below: number) => number): string {
  let out = text;
  for (let edits = 1 + below(3); edits > 0; edits--) {
    const at = below(out.length + 1);
    const char = ALPHABET[below(ALPHABET.length)]!;
    const rest = [out.slice(at), out.slice(at + 1), out.slice(at + 1 + below(30)), ""][below(4)]!;
    out = out.slice(0, at) + (below(3) === 0 ? "" : char) + rest;
  }
  return out;
}

/** Base64 has spare bits and skips line ends: what is signed must be the same. */
function signedPart(jwt: string): string {
  return jwt.replace(/[\r\n]/g, "").split(".").slice(0, 2).join(".");
}

Deno.test("no changed answer of an authorization service lets anybody in", async () => {
  console.log(`FUZZ_SEED=${seed}`);
  const below = randomFrom(seed);
  let sent = { good: "", spoiled: "" };
  await using callout = await calloutServer(
    `authorization {
       timeout: 5
       users: [ { user: "auth", password: "pwd" } ]
       auth_callout { issuer: "${ISSUER}", auth_users: [ auth ] }
     }`,
    (request) => {
      const good = answer(request, { jwt: userIn(request.user, "$G") });
      sent = { good, spoiled: spoil(good, below) };
      return sent.spoiled;
    },
  );
  for (let round = 0; round < 25; round++) {
    const client = await callout.server.raw();
    await client.login({ user: "u", pass: "p" });
    await client.send("PING\r\n");
    const [text] = await client.expect(/^(PONG|-ERR 'Authorization Violation')\r\n/);
    if (PONG.test(text)) {
      assertEquals(signedPart(sent.spoiled), signedPart(sent.good), `FUZZ_SEED=${seed}`);
    }
    client.close();
  }
  assert(callout.server.server.ready);
});

Deno.test("decodePublicKey() takes nothing but keys", () => {
  const below = randomFrom(seed);
  const key = createUser().getPublicKey();
  for (let round = 0; round < 3000; round++) {
    const text = spoil(key, below);
    if (text !== key) assertEquals(decodePublicKey(text), null, `FUZZ_SEED=${seed}: ${text}`);
  }
});

Deno.test("ServerKeys.open() opens nothing that was changed", () => {
  const below = randomFrom(seed);
  const keys = new ServerKeys();
  const service = createCurve();
  const sealed = service.seal(new TextEncoder().encode("eyJ"), keys.xkey);
  assertEquals(new TextDecoder().decode(keys.open(sealed, service.getPublicKey())), "eyJ");
  for (let round = 0; round < 200; round++) {
    let bytes = sealed.slice(0, below(4) === 0 ? below(sealed.length) : sealed.length);
    if (bytes.length === sealed.length) bytes[below(bytes.length)]! ^= 1 + below(255);
    else if (bytes.length > 0 && below(2) === 0) bytes = new Uint8Array([...bytes, ...sealed]);
    assertThrows(
      () => keys.open(bytes, service.getPublicKey()),
      SealError,
      "nkeys: ",
      `FUZZ_SEED=${seed}`,
    );
  }
});

Deno.test("signatures of clients and proxies are right, or nobody comes in", async () => {
  const below = randomFrom(seed);
  const [user, proxy] = [createUser(), createUser()];
  await using server = await testServer(
    {},
    `proxies { trusted [ { key: "${proxy.getPublicKey()}" } ] }
     authorization { users: [ { nkey: "${user.getPublicKey()}" } ] }`,
  );
  const client = await server.raw();
  const info = await client.info();
  const connection = server.connection(info.client_id);
  const [own, its] = [signNonce(user, info.nonce), signNonce(proxy, info.nonce)];
  const bytesOf = (text: string): string => text.replace(/[\r\n=]/g, "").slice(0, -1);
  for (let round = 0; round < 100; round++) {
    const { connect } = connection;
    connect.nkey = user.getPublicKey();
    connect.proxy_sig = spoil(its, below);
    const through = checkProxy(connection);
    if (through === ProxyCheck.Trusted) {
      assertEquals(bytesOf(connect.proxy_sig), bytesOf(its), `FUZZ_SEED=${seed}`);
    }
    connect.proxy_sig = "";
    connect.sig = spoil(own, below);
    const outcome = await server.server.auth.check(connection);
    if (outcome === AuthOutcome.Accepted) {
      const plain = connect.sig.replaceAll("+", "-").replaceAll("/", "_").replace(/\s/g, "");
      assertEquals(bytesOf(plain), bytesOf(own), `FUZZ_SEED=${seed}`);
    }
  }
});

Deno.test("requests about accounts of any shape change nothing", async () => {
  const below = randomFrom(seed);
  const [system, account] = [newAccount(), newAccount()];
  await using server = await operatorServerWithSystem([system, account]);
  const client = await server.connect(newUser(system.pair).credentials);
  await server.connect(newUser(account.pair).credentials);
  const subjects = [
    "$SYS.REQ.CLAIMS.UPDATE",
    `$SYS.REQ.ACCOUNT.${account.key}.CLAIMS.UPDATE`,
    `$SYS.ACCOUNT.${account.key}.CLAIMS.UPDATE`,
    `$SYS.REQ.ACCOUNT.${account.key}.CLAIMS.LOOKUP`,
    "$SYS.REQ.CLAIMS.LIST",
    "$SYS.REQ.CLAIMS.PACK",
    "$SYS.REQ.CLAIMS.DELETE",
    `$SYS.REQ.SERVER.${server.server.id}.RELOAD`,
    "$SYS.REQ.SERVER.PING.CONNZ",
  ];
  const stranger = createOperator();
  const trust = server.account(account.key).trust!;
  const originals = [
    account.jwt,
    newAccount().jwt,
    '{"auth":true,"limit":1}',
    stranger.getPublicKey(),
  ];
  for (let round = 0; round < 300; round++) {
    const subject = subjects[below(subjects.length)]!;
    client.publish(subject, spoil(originals[below(originals.length)]!, below), {
      reply: `answers.${round}`,
    });
    if (round % 50 === 0) await client.flush();
  }
  await client.flush();
  assert(!client.isClosed());
  assertEquals(signedPart(trust.jwt), signedPart(account.jwt), `FUZZ_SEED=${seed}`);
});
