/**
 * Own tests of the JWT decoder: what it reads, and that nothing unsigned gets through.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { encodeJson } from "../../../src/base/json/mod.ts";
import {
  accountClaimsShape,
  decodeAccountClaims,
  decodeActivationClaims,
  decodeGenericClaims,
  decodeOperatorClaims,
  decodeUserClaims,
  isValidPublicKey,
  JwtError,
  parseDecoratedJwt,
} from "../../../src/identity/mod.ts";
import {
  createAccount,
  createOperator,
  createUser,
  encodeAccount,
  encodeActivation,
  encodeClaims,
  encodeOperator,
  encodeUser,
} from "../../harness/jwt.ts";

const DECODERS = [
  decodeAccountClaims,
  decodeActivationClaims,
  decodeGenericClaims,
  decodeOperatorClaims,
  decodeUserClaims,
];

/** A version 1 account that nats-io/jwt v1 made. */
const V1_ACCOUNT =
  "eyJ0eXAiOiJqd3QiLCJhbGciOiJlZDI1NTE5In0.eyJqdGkiOiI2WEtYUFZNTjdEVFlBSUE0R1JDWUxXUElSM1ZEM1Q2UVk2RFg3NURHTVFVWkdVWTJSRFNRIiwiaWF0IjoxNTg5OTE2MzIzLCJpc3MiOiJPQVRUVkJYTElVTVRRT1FXVUEySU0zRkdUQlFRSEFHUEZaQTVET05NTlFSUlRQUjYzTERBTDM1WiIsIm5hbWUiOiJURVNUU1lTIiwic3ViIjoiQURTUE9ZTUhYSk42SlZZUUNMUlo1WFE1SVVONkEzUzMzWEE0TlY0Vkg3NDQyM1U3VTdZUjRZVlciLCJ0eXBlIjoiYWNjb3VudCIsIm5hdHMiOnsibGltaXRzIjp7InN1YnMiOi0xLCJjb25uIjotMSwibGVhZiI6LTEsImltcG9ydHMiOi0xLCJleHBvcnRzIjotMSwiZGF0YSI6LTEsInBheWxvYWQiOi0xLCJ3aWxkY2FyZHMiOnRydWV9fX0.vhtWanIrOncdNfg-yO-7L61ccc-yRacvVtEsaIgWBEmW4czlEPhsiF1MkUKG91rtgcbwUf73ZIFEfja5MgFBAQ";

Deno.test("decodeAccountClaims() reads limits, exports, scopes and revocations, and writes them back", () => {
  const account = createAccount();
  const signer = createAccount().getPublicKey();
  const claims = decodeAccountClaims(encodeAccount(account, {
    limits: { conn: 10 },
    exports: [{
      subject: "a.*",
      type: "service",
      service_latency: { sampling: "headers", results: "r" },
    }],
    signing_keys: ["x", {
      kind: "user_scope",
      key: signer,
      role: "r",
      template: { pub: { allow: ["a"] } },
    }],
    revocations: { "*": 5 },
  }, { name: "n" }));
  assertEquals(claims.name, "n");
  assertEquals(claims.nats.limits.conn, 10);
  assertEquals(claims.nats.exports[0]?.latency, { sampling: 0, results: "r" });
  assertEquals(claims.nats.signingKeys.get("x"), null);
  assertEquals(claims.nats.signingKeys.get(signer)?.template.subs, -1);
  assertEquals(claims.nats.revocations.get("*"), 5);
  const json = JSON.parse(encodeJson(accountClaimsShape, claims));
  assertEquals(json.nats.exports[0].service_latency, { sampling: "headers", results: "r" });
  assertEquals(json.nats.limits.conn, 10);
});

Deno.test("decodeAccountClaims() migrates version 1", () => {
  const claims = decodeAccountClaims(V1_ACCOUNT);
  assertEquals(claims.name, "TESTSYS");
  assertEquals(claims.nats.version, 1);
  assertEquals(claims.nats.type, "account");
  assertEquals(claims.nats.limits.subs, -1);
});

Deno.test("decoders refuse claims of another kind, other algorithms, and signers of the wrong kind", () => {
  const account = createAccount();
  const user = createUser();
  const jwt = encodeUser(user, account);
  assertEquals(decodeUserClaims(jwt).subject, user.getPublicKey());
  assertThrows(() => decodeAccountClaims(jwt), JwtError, "not account claim");
  const claims = { sub: user.getPublicKey(), nats: { type: "user", version: 2 } };
  for (const alg of ["none", "HS256", "", "ed25519x"]) {
    const forged = encodeClaims(claims, account, { typ: "JWT", alg });
    assertThrows(() => decodeUserClaims(forged), JwtError, "algorithm");
  }
  assertThrows(
    () => decodeUserClaims(encodeClaims(claims, createOperator())),
    JwtError,
    "unable to validate expected prefixes",
  );
  assertThrows(
    () =>
      decodeUserClaims(encodeClaims({ ...claims, nats: { type: "user", version: 3 } }, account)),
    JwtError,
    "newer version",
  );
  assertThrows(() => decodeUserClaims("a.b"), JwtError, "expected 3 chunks");
});

Deno.test("decoders take no JWT whose issuer did not sign it", () => {
  const account = createAccount();
  const forged = encodeClaims({
    sub: createUser().getPublicKey(),
    iss: createAccount().getPublicKey(),
    nats: { type: "user", version: 2 },
  }, account);
  assertThrows(() => decodeUserClaims(forged), JwtError, "signature verification");
});

Deno.test("parseDecoratedJwt() finds the JWT between its lines", () => {
  assertEquals(
    parseDecoratedJwt(
      "-----BEGIN NATS USER JWT-----\r\na.b-c_d\r\n------END NATS USER JWT------\r\n",
    ),
    "a.b-c_d",
  );
  assertEquals(parseDecoratedJwt(" a.b.c\n"), "a.b.c");
});

Deno.test("isValidPublicKey() checks prefix, length and checksum", () => {
  const key = createUser().getPublicKey();
  assert(isValidPublicKey(key));
  assert(isValidPublicKey(key, "U"));
  assert(!isValidPublicKey(key, "A"));
  assert(!isValidPublicKey(key.slice(1)));
  assert(!isValidPublicKey(key.toLowerCase()));
  const other = key[10] === "A" ? "B" : "A";
  assert(!isValidPublicKey(key.slice(0, 10) + other + key.slice(11)));
});

/** A small generator, so that a failure can be repeated from its seed. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

Deno.test("decoders throw nothing but JwtError for any input, and take no changed JWT", () => {
  const account = createAccount();
  const operator = createOperator();
  const originals = [
    encodeAccount(account, { exports: [{ subject: "a", type: "stream" }] }, {}, operator),
    encodeUser(createUser(), account, { src: ["10.0.0.0/8"], times: [{ start: "1", end: "2" }] }),
    encodeOperator(operator),
    encodeActivation(createAccount(), account, "stream", "a"),
    V1_ACCOUNT,
  ];
  const seed = Number(Deno.env.get("FUZZ_SEED") ?? Date.now() % 1e9);
  const below = randomFrom(seed);
  const alphabet = 'ABCxyz019-_.=+/{}"\n\u0000é';
  for (let round = 0; round < 600; round++) {
    const original = originals[below(originals.length)]!;
    let text = original;
    for (let edits = 1 + below(3); edits > 0; edits--) {
      const at = below(text.length + 1);
      const char = alphabet[below(alphabet.length)]!;
      switch (below(4)) {
        case 0:
          text = text.slice(0, at) + char + text.slice(at + 1);
          break;
        case 1:
          text = text.slice(0, at) + char + text.slice(at);
          break;
        case 2:
          text = text.slice(0, at) + text.slice(at + 1 + below(8));
          break;
        default:
          text = text.slice(0, at);
      }
    }
    for (const decode of DECODERS) {
      try {
        decode(text);
        // Base64 has spare bits and skips line ends: the signed bytes must be those of the original.
        const bytes = (jwt: string) => jwt.replaceAll("\n", "").split(".").slice(0, 2).join(".");
        assertEquals(bytes(text), bytes(original), `accepted a changed JWT, FUZZ_SEED=${seed}`);
      } catch (error) {
        assert(error instanceof JwtError, `FUZZ_SEED=${seed}: ${(error as Error).stack}`);
      }
    }
  }
});

Deno.test("decoders survive claims with values of any type, signed or not", () => {
  const account = createAccount();
  const operator = createOperator();
  const seed = Number(Deno.env.get("FUZZ_SEED") ?? Date.now() % 1e9);
  const below = randomFrom(seed);
  const values = [
    null,
    true,
    1.5,
    1e300,
    -1,
    "",
    "x",
    [],
    [null],
    {},
    { a: [] },
    [[{}]],
    "2".repeat(99),
  ];
  const keys = [
    "imports",
    "exports",
    "limits",
    "signing_keys",
    "revocations",
    "default_permissions",
    "mappings",
    "authorization",
    "trace",
    "tags",
    "type",
    "version",
    "src",
    "times",
    "pub",
    "sub",
    "resp",
    "kind",
    "subject",
    "issuer_account",
    "TYPE",
    "__proto__",
    "constructor",
  ];
  const value = (): unknown => values[below(values.length)];
  for (let round = 0; round < 100; round++) {
    const kind = ["account", "user", "operator", "activation"][below(4)];
    const nats: Record<string, unknown> = { type: kind, version: 1 + below(2) };
    for (let n = below(6); n > 0; n--) nats[keys[below(keys.length)]!] = value();
    const claims: Record<string, unknown> = { sub: account.getPublicKey(), nats };
    if (below(3) === 0) claims[["aud", "exp", "nats", "name", "type", "iat"][below(6)]!] = value();
    const jwt = encodeClaims(claims, below(2) === 0 ? account : operator);
    for (const decode of DECODERS) {
      try {
        decode(jwt);
      } catch (error) {
        assert(error instanceof JwtError, `FUZZ_SEED=${seed}: ${(error as Error).stack}`);
      }
    }
  }
});
