/**
 * Ports: server/auth_callout_test.go, the tests of operator mode.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createCurve, fromCurveSeed } from "@nats-io/nkeys";
import type { ConnectionOptions } from "@nats-io/transport-node";
import { emptyOptions, processConfigText, validateOptions } from "../../../src/config/mod.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";
import {
  answer,
  assertUserInfo,
  type CalloutHandler,
  type CalloutServer,
  calloutServer,
  credentials,
  inSeconds,
  ISSUER,
  issuerKeys,
  newScopedUser,
  newUser,
  userInfo,
} from "../../harness/callout.ts";
import {
  createAccount,
  createUser,
  encodeAccount,
  encodeOperator,
  encodeScopedUser,
  encodeUser,
  type KeyPair,
} from "../../harness/jwt.ts";
import { testServer } from "../../harness/server.ts";

const CALLOUT = "$SYS.REQ.USER.AUTH";
const SERVICE_NAME = "auth-service";

// deno-lint-ignore no-explicit-any -- whatever a test wants to state
type Body = Record<string, any>;

/** A scope of a new signing key. */
function newScope(role: string, template: Body): { scope: Body; pair: KeyPair } {
  const pair = createAccount();
  const scope = {
    kind: "user_scope",
    key: pair.getPublicKey(),
    role,
    template: { subs: -1, data: -1, payload: -1, ...template },
    description: "",
  };
  return { scope, pair };
}

/** A configuration of operator mode; each account as `[pair, claims, name]`. */
function operatorConfig(accounts: [pair: KeyPair, nats: Body, name: string][], more = ""): string {
  const system = createAccount();
  const preloads = [...accounts, [system, {}, "$SYS"] as const].map(([pair, nats, name]) =>
    `${pair.getPublicKey()}: ${encodeAccount(pair, nats, { name })}`
  );
  return `
    operator: ${encodeOperator()}
    system_account: ${system.getPublicKey()}
    resolver: MEM
    resolver_preload: { ${preloads.join("\n")} }
    ${more}
  `;
}

/** What the service's account says about authorization. */
function external(service: string, allowed: string[], xkey?: string): Body {
  return {
    authorization: {
      auth_users: [service],
      allowed_accounts: allowed,
      ...(xkey === undefined ? {} : { xkey }),
    },
  };
}

const DENY_ALL = { pub: { deny: [">"] }, sub: { deny: [">"] } };

/** The scope of users who may nothing. Limits of 0 are not written, and so are none, as in Go. */
function newSentinelScope(): { scope: Body; pair: KeyPair } {
  return newScope("sentinel", { ...DENY_ALL, subs: undefined, payload: undefined });
}

/** A user of the service's account who may nothing, for whoever has other credentials. */
function basicUser(): ConnectionOptions {
  return newUser(issuerKeys, DENY_ALL, { name: "auth-client" }).credentials;
}

function serviceUser(): ReturnType<typeof newUser> {
  return newUser(issuerKeys, {}, { name: SERVICE_NAME });
}

/** The service's own user may not ask itself. */
async function assertServiceInfo({ service }: CalloutServer, key: string): Promise<void> {
  await assertUserInfo(service, {
    user: key,
    account: ISSUER,
    account_name: "AUTH",
    user_name: SERVICE_NAME,
    permissions: { publish: { deny: [CALLOUT] }, subscribe: {} },
  });
}

function scopedJwt(user: string, signer: KeyPair, account: KeyPair, name: string): string {
  return encodeScopedUser(user, signer, account, {}, { name });
}

Deno.test("TestAuthCalloutOperatorNoServerConfigCalloutAllowed", () => {
  const options = emptyOptions();
  processConfigText(
    options,
    `
    operator: ${encodeOperator()}
    resolver: MEM
    authorization { auth_callout { issuer: "${ISSUER}", auth_users: [ auth ] } }
  `,
    systemConfigSource(),
  );
  assertThrows(
    () => validateOptions(options),
    Error,
    "operators do not allow authorization callouts to be configured directly",
  );
});

Deno.test("TestAuthCalloutOperatorModeBasics", async () => {
  const account = createAccount();
  const key = account.getPublicKey();
  const signer = createAccount();
  const stranger = createAccount();
  const { scope, pair: scoped } = newScope("foo", {
    pub: { allow: ["foo.>", "$SYS.REQ.USER.INFO"] },
    sub: { allow: ["foo.>", "_INBOX.>"] },
  });
  const service = serviceUser();
  const sentinel = newUser(issuerKeys, { ...DENY_ALL, bearer_token: true }, {
    name: "default_sentinel",
  });
  const jwts: Record<string, (user: string) => string> = {
    "--XX--": (user) => encodeUser(user, account, {}, { name: "dlc" }),
    "--ZZ--": (user) => encodeUser(user, stranger, {}, { name: "dummy" }),
    "--SK--": (user) => encodeUser(user, signer, { issuer_account: key }, { name: "sk" }),
    "--Scoped--": (user) => scopedJwt(user, scoped, account, "scoped"),
    // Limits of its own are not for a scoped user.
    "--BADScoped--": (user) =>
      encodeUser(user, scoped, { issuer_account: key }, { name: "bad-scoped" }),
    "--Default--": (user) => encodeUser(user, account, {}, { name: "default" }),
  };
  await using callout = await calloutServer(
    operatorConfig([
      [issuerKeys, external(service.key, [key]), "AUTH"],
      [account, { signing_keys: [signer.getPublicKey(), scope] }, "TEST"],
    ], `default_sentinel: ${sentinel.jwt}`),
    (request) => {
      const make = jwts[request.connect.auth_token ?? ""];
      return make === undefined ? null : answer(request, { jwt: make(request.user) });
    },
    service.credentials,
  );
  await assertServiceInfo(callout, service.key);
  const login = basicUser();
  const accountOf = async (token: string): Promise<Body> =>
    await userInfo(await callout.connect({ ...login, token }));
  await callout.refuses(login);
  assertEquals((await accountOf("--XX--")).account, key);
  await callout.refuses({ ...login, token: "--ZZ--" });
  assertEquals((await accountOf("--SK--")).account, key);
  await callout.refuses({ ...login, token: "--BADScoped--" });
  const info = await accountOf("--Scoped--");
  assertEquals(info.account, key);
  assertEquals(info.permissions.publish.allow.toSorted(), ["$SYS.REQ.USER.INFO", "foo.>"]);
  assertEquals(info.permissions.subscribe.allow.toSorted(), ["_INBOX.>", "foo.>"]);
  // Without credentials it comes as the sentinel.
  const nobody = await callout.connect({ token: "--Default--" });
  assertEquals((await userInfo(nobody)).user, "default");
});

async function testScopedUser(anyAccount: boolean): Promise<void> {
  const account = createAccount();
  const key = account.getPublicKey();
  const { scope, pair: scoped } = newScope("foo", {
    pub: { allow: ["foo.>", "$SYS.REQ.USER.INFO"] },
    sub: { allow: ["foo.>", "_INBOX.>"] },
    resp: { max: 1, ttl: 3_000_000_000 },
    subs: 10,
    payload: 512,
  });
  const { scope: sentinelScope, pair: sentinelKeys } = newSentinelScope();
  const service = serviceUser();
  const authClaims = {
    ...external(service.key, [anyAccount ? "*" : key]),
    signing_keys: [sentinelScope],
  };
  await using callout = await calloutServer(
    operatorConfig([
      [issuerKeys, authClaims, "AUTH"],
      [account, { signing_keys: [createAccount().getPublicKey(), scope] }, "TEST"],
    ]),
    (request) =>
      request.connect.auth_token === "--Scoped--"
        ? answer(request, { jwt: scopedJwt(request.user, scoped, account, "scoped") })
        : null,
    service.credentials,
  );
  await assertServiceInfo(callout, service.key);
  const login = newScopedUser(issuerKeys, sentinelKeys);
  const client = await callout.connect({ ...login, token: "--Scoped--" });
  const info = await userInfo(client);
  assertEquals(info.account, key);
  assertEquals(info.permissions.publish.allow.toSorted(), ["$SYS.REQ.USER.INFO", "foo.>"]);
  assertEquals(info.permissions.subscribe.allow.toSorted(), ["_INBOX.>", "foo.>"]);
  client.subscribe("foo.>", { callback: (_error, message) => void message.respond() });
  assertEquals((await client.request("foo.bar")).data.length, 0);
}

Deno.test("TestAuthCalloutScopedUserAssignedAccount", () => testScopedUser(false));

Deno.test("TestAuthCalloutScopedUserAllAccount", () => testScopedUser(true));

Deno.test("TestAuthCalloutOperatorModeEncryption", async () => {
  const pair = fromCurveSeed(
    new TextEncoder().encode("SXAAXMRAEP6JWWHNB6IKFL554IE6LZVT6EY5MBRICPILTLOPHAG73I3YX4"),
  );
  const account = createAccount();
  const service = serviceUser();
  await using callout = await calloutServer(
    operatorConfig([
      [
        issuerKeys,
        external(service.key, [account.getPublicKey()], pair.getPublicKey()),
        "AUTH",
      ],
      [account, {}, "TEST"],
    ]),
    (request, message) => {
      const { user, server, client, connect } = request;
      assertEquals(server.xkey, message.headers!.get("Nats-Server-Xkey"));
      assertEquals(client.host, "127.0.0.1");
      const plain = connect.auth_token === "--XX--";
      const jwt = encodeUser(user, account, {}, { name: plain ? "dlc" : "rip" });
      const reply = answer(request, { jwt });
      return plain ? reply : pair.seal(new TextEncoder().encode(reply), server.xkey);
    },
    service.credentials,
    {
      open: (message) => {
        assert(!message.string().startsWith("eyJ"), "the request is not encrypted");
        const opened = pair.open(message.data, message.headers!.get("Nats-Server-Xkey"));
        return new TextDecoder().decode(opened!);
      },
    },
  );
  const login = basicUser();
  const plain = await callout.connect({ ...login, token: "--XX--" });
  assertEquals((await userInfo(plain)).user, "dlc");
  const sealed = await callout.connect({ ...login, token: "--ZZ--" });
  assertEquals((await userInfo(sealed)).user, "rip");
});

Deno.test("TestAuthCalloutOperator_AnyAccount", async () => {
  const [a, b] = [createAccount(), createAccount()];
  const service = serviceUser();
  await using callout = await calloutServer(
    operatorConfig([
      [issuerKeys, external(service.key, ["*"]), "AUTH"],
      [a, {}, "A"],
      [b, {}, "B"],
    ]),
    (request) => {
      const { user, connect: { auth_token: token } } = request;
      if (token === "PutMeInA") {
        return answer(request, { jwt: encodeUser(user, a, {}, { name: "user_a" }) });
      }
      if (token !== "PutMeInB") return null;
      return answer(request, { jwt: encodeUser(user, b, {}, { name: "user_b" }) });
    },
    service.credentials,
  );
  const login = basicUser();
  await callout.refuses(login);
  for (const [token, pair] of [["PutMeInA", a], ["PutMeInB", b]] as const) {
    const client = await callout.connect({ ...login, token });
    assertEquals((await userInfo(client)).account, pair.getPublicKey());
  }
});

Deno.test("TestAuthCallout_ClientAuthErrorOperatorMode", async () => {
  for (const respondsNothing of [true, false]) {
    const { scope, pair } = newSentinelScope();
    const service = serviceUser();
    await using callout = await calloutServer(
      operatorConfig([
        [issuerKeys, { ...external(service.key, ["*"]), signing_keys: [scope] }, "AUTH"],
      ]),
      (request) => respondsNothing ? null : answer(request, { error: "not today" }),
      service.credentials,
    );
    await callout.refuses(newScopedUser(issuerKeys, pair));
  }
});

Deno.test("TestOperatorModeUserRevocation", async () => {
  const account = createAccount();
  const key = account.getPublicKey();
  const system = createAccount();
  const service = serviceUser();
  const dir = await Deno.makeTempDir();
  const users = new Map<string, string>();
  const handler: CalloutHandler = (request) => {
    if (request.connect.auth_token !== "--secret--") return null;
    users.set(request.connect.name, request.user);
    const jwt = encodeUser(request.user, account, { issuer_account: key }, { name: "user" });
    return answer(request, { jwt });
  };
  try {
    await using callout = await calloutServer(
      `
      operator: ${encodeOperator()}
      system_account: ${system.getPublicKey()}
      resolver: {
        type: full, dir: "${dir}", allow_delete: false, interval: "2m", timeout: "1.9s"
      }
      resolver_preload: {
        ${ISSUER}: ${encodeAccount(issuerKeys, external(service.key, [key]), { name: "AUTH" })}
        ${key}: ${encodeAccount(account, {}, { name: "TEST" })}
        ${system.getPublicKey()}: ${encodeAccount(system, {}, { name: "$SYS" })}
      }
    `,
      handler,
      service.credentials,
    );
    const operator = await callout.connect(newUser(system).credentials);
    const update = async (revocations: Record<string, number>): Promise<void> => {
      const jwt = encodeAccount(account, { revocations }, { name: "TEST" });
      const reply = await operator.request(`$SYS.REQ.ACCOUNT.${key}.CLAIMS.UPDATE`, jwt);
      assertEquals(reply.json<Body>().data.code, 200);
    };
    const login = { ...basicUser(), token: "--secret--" };
    const first = await callout.connect({ ...login, name: "first" });
    const second = await callout.connect({ ...login, name: "second" });
    const third = await callout.connect(login);
    const revoked = async (client: typeof first): Promise<void> => {
      assertEquals(String(await client.closed()).includes("Authentication Revoked"), true);
    };
    await update({ [users.get("first")!]: inSeconds(60) });
    await revoked(first);
    await update({});
    assertEquals([second.isClosed(), third.isClosed()], [false, false]);
    await update({ "*": inSeconds(60) });
    await Promise.all([revoked(second), revoked(third)]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("TestAuthCalloutUpdateAccountClaimsClearsExternalAuthorization", async () => {
  const account = createAccount();
  const key = account.getPublicKey();
  const { authorization } = external(
    createUser().getPublicKey(),
    [createAccount().getPublicKey()],
    createCurve().getPublicKey(),
  );
  await using server = await testServer({}, operatorConfig([[account, { authorization }, "TEST"]]));
  const mode = server.server.operators!;
  const found = await mode.lookup(key);
  assert(!("failed" in found));
  assertEquals(found.trust!.externalAuthorization, {
    authUsers: authorization.auth_users,
    allowedAccounts: authorization.allowed_accounts,
    xkey: authorization.xkey,
  });
  assertEquals(mode.update(found, encodeAccount(account, {}, { name: "TEST" })), null);
  assertEquals(found.trust!.externalAuthorization, null);
});

Deno.test("TestAuthCalloutOperatorModeMismatchedCalloutCreds", async () => {
  const user = createUser();
  const config = operatorConfig([
    [issuerKeys, external(user.getPublicKey(), ["*"]), "AUTH"],
  ], "authorization { timeout: 0.3 }");
  await using server = await testServer({}, config);
  // The JWT of the service's user with the seed of somebody else.
  const jwt = encodeUser(user, issuerKeys, {}, { name: SERVICE_NAME });
  await assertRejects(() => server.connect(credentials(jwt, createUser())));
  assert(server.server.ready);
  assertEquals(server.server.clients.size, 0);
});
