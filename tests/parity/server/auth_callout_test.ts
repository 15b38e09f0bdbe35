/**
 * Ports: server/auth_callout_test.go, the tests with users of the configuration.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type NatsConnection, nkeyAuthenticator } from "@nats-io/transport-node";
import { fromCurveSeed } from "@nats-io/nkeys";
import {
  answer,
  assertUserInfo,
  type CalloutServer,
  calloutServer,
  calloutUserKeys,
  createServerKey,
  createUserKey,
  decodeRequest,
  inSeconds,
  ISSUER,
  userIn,
  userInfo,
} from "../../harness/callout.ts";
import { AuthOutcome, bindConnection } from "../../../src/core/auth/binding.ts";
import { until } from "../../harness/server.ts";

const CALLOUT = "$SYS.REQ.USER.AUTH";
const TEN_MINUTES_S = 600;

/** One account, with the service's user in it. */
const SIMPLE = `
  server_name: A
  authorization {
    timeout: 1s
    users: [ { user: "auth", password: "pwd" } ]
    auth_callout { issuer: "${ISSUER}", auth_users: [ auth ] }
  }
`;

/** Several accounts; the service has one of its own. */
function withAccounts(accounts: string, more = "", timeout = ""): string {
  return `
    server_name: ZZ
    accounts {
      AUTH { users [ {user: "auth", password: "pwd"} ] }
      ${accounts}
    }
    ${more}
    authorization {
      ${timeout}
      auth_callout { issuer: "${ISSUER}", account: AUTH, auth_users: [ auth ] }
    }
  `;
}

/** Checks why the service's account is told that a client was refused. */
async function checkRefusal(
  callout: CalloutServer,
  refusal: () => Promise<Record<string, unknown>>,
  [user, pass, reason]: [user: string, pass: string, reason: string],
): Promise<void> {
  await callout.refuses({ user, pass });
  const event = await refusal();
  assertStringIncludes(String(event.reason).toLowerCase(), reason.toLowerCase());
}

/** The name of a login in the first test that has limits. */
function expectedInfo(user: string): Record<string, unknown> {
  return {
    user,
    account: "$G",
    account_name: "$G",
    permissions: { publish: { allow: ["$SYS.>"], deny: [CALLOUT] }, subscribe: {} },
  };
}

Deno.test("TestAuthCalloutBasics", async () => {
  let callouts = 0;
  await using callout = await calloutServer(SIMPLE, (request) => {
    callouts++;
    const { user, server, client, connect } = request;
    assertEquals(server.name, "A");
    assertEquals(client.host, "127.0.0.1");
    if (
      (connect.user === "dlc" && connect.pass === "zzz") || connect.auth_token === "SECRET_TOKEN"
    ) {
      // Tokens must not be shown as names of users.
      if (connect.auth_token === "SECRET_TOKEN") assertEquals(client.user, "[REDACTED]");
      const limits = { pub: { allow: ["$SYS.>"] }, payload: 1024 };
      const jwt = userIn(user, "$G", limits, { exp: inSeconds(TEN_MINUTES_S) });
      return answer(request, { jwt });
    }
    if (connect.user !== "proxy") return null;
    const jwt = userIn(user, "$G", { proxy_required: true }, { exp: inSeconds(TEN_MINUTES_S) });
    return answer(request, { jwt });
  });
  await callout.refuses({ user: "dlc", pass: "xxx" });
  await callout.refuses({ user: "proxy", pass: "xxx" });
  for (const login of [{ user: "dlc", pass: "zzz" }, { token: "SECRET_TOKEN" }]) {
    const client = await callout.connect(login);
    const expiresS = await assertUserInfo(client, expectedInfo(login.user ?? "[REDACTED]"));
    assert(expiresS <= TEN_MINUTES_S && expiresS >= TEN_MINUTES_S - 5, `${expiresS}`);
    await client.close();
  }
  assertEquals(callouts, 4);
});

Deno.test("TestAuthCalloutMultiAccounts", async () => {
  const config = withAccounts("FOO {}, BAR {}, BAZ {}", "", "timeout: 1s");
  await using callout = await calloutServer(config, (request) => {
    const { user, server, client, connect } = request;
    assertEquals(server.name, "ZZ");
    assertEquals(client.host, "127.0.0.1");
    if (connect.user !== "dlc" || connect.pass !== "zzz") return null;
    return answer(request, { jwt: userIn(user, "BAZ") });
  });
  const info = await userInfo(await callout.connect({ user: "dlc", pass: "zzz" }));
  assertEquals([info.user, info.account], ["dlc", "BAZ"]);
});

Deno.test("TestAuthCalloutAllowedAccounts", async (t) => {
  await using callout = await calloutServer(
    `
    server_name: ZZ
    accounts {
      AUTH { users [ {user: "auth", password: "pwd"} ] }
      FOO { users [ {user: "foo", password: "pwd"} ] }
      BAR {}
      SYS { users [ {user: "sys", password: "pwd"} ] }
    }
    system_account: SYS
    no_auth_user: foo
    authorization {
      timeout: 1s
      auth_callout {
        issuer: "${ISSUER}", account: AUTH, auth_users: [ auth ], allowed_accounts: [ BAR ]
      }
    }
  `,
    (request) => {
      const { user, connect } = request;
      if (connect.user !== "dlc" || connect.pass !== "zzz") return null;
      return answer(request, { jwt: userIn(user, "BAR") });
    },
  );
  const cases: [user: string, pass: string, account: string][] = [
    ["dlc", "zzz", "BAR"],
    ["foo", "", "FOO"],
    ["sys", "pwd", "SYS"],
  ];
  for (const [user, pass, account] of cases) {
    await t.step(user, async () => {
      // Without a password it is whoever needs no login.
      const client = await callout.connect(pass === "" ? {} : { user, pass });
      const info = await userInfo(client);
      assertEquals([info.user, info.account], [user, account]);
      await client.close();
    });
  }
});

const PRE_CONNECT = withAccounts(
  `FOO { users [ {user: "foo", password: "pwd"} ] }
   SYS { users [ {user: "sys", password: "pwd"} ] }`,
  "system_account: SYS, no_auth_user: foo",
  "timeout: 1s",
);

Deno.test("TestAuthCalloutNoAuthUserPreConnectInvokesCallout", async () => {
  let callouts = 0;
  await using callout = await calloutServer(PRE_CONNECT, () => {
    callouts++;
    return null;
  });
  const client = await callout.server.raw();
  await client.info();
  await client.send("PING\r\n");
  assertEquals(await client.expectEnd(), "-ERR 'Authorization Violation'\r\n");
  assertEquals(callouts, 1);
});

Deno.test("TestAuthCalloutNoAuthUserPreConnectHonorsExpiration", async () => {
  await using callout = await calloutServer(
    PRE_CONNECT,
    (request) =>
      answer(request, {
        jwt: userIn(request.user, "FOO", {}, { name: "foo", exp: inSeconds(1) }),
      }),
  );
  const client = await callout.server.raw();
  await client.info();
  await client.send("PING\r\n");
  await client.expect(/^PONG\r\n/);
  assertStringIncludes(await client.expectEnd(), "User Authentication Expired");
});

Deno.test("TestAuthCalloutVerifiedUserCalloutsWithSig", async () => {
  const key = calloutUserKeys.getPublicKey();
  let callouts = 0;
  const config = SIMPLE.replace('password: "pwd" }', `password: "pwd" }, { nkey: "${key}" }`);
  await using callout = await calloutServer(config, (request) => {
    callouts++;
    const { user, server, client, connect } = request;
    assertEquals(server.name, "A");
    assertEquals(client.host, "127.0.0.1");
    assert(connect.sig !== undefined && client.nonce !== undefined);
    return answer(request, { jwt: userIn(user, "$G") });
  });
  const client = await callout.connect({
    authenticator: nkeyAuthenticator(calloutUserKeys.getSeed()),
  });
  assertEquals(callouts, 1);
  await assertUserInfo(client, {
    user: key,
    account: "$G",
    account_name: "$G",
    permissions: { publish: { deny: [CALLOUT] }, subscribe: {} },
  });
});

const CURVE_SEED = "SXAAXMRAEP6JWWHNB6IKFL554IE6LZVT6EY5MBRICPILTLOPHAG73I3YX4";
const CURVE_PUBLIC = "XAB3NANV3M6N7AHSQP2U5FRWKKUT7EG2ZXXABV4XVXYQRJGM4S2CZGHT";

Deno.test("TestAuthCalloutServerConfigEncryption", async () => {
  const pair = fromCurveSeed(new TextEncoder().encode(CURVE_SEED));
  const encoder = new TextEncoder();
  const asked: string[] = [];
  await using callout = await calloutServer(
    SIMPLE.replace("auth_users: [ auth ]", `auth_users: [ auth ], xkey: "${CURVE_PUBLIC}"`),
    (request, message) => {
      const { user, server, client, connect } = request;
      // The key in the header must be the one that is signed.
      assertEquals(server.xkey, message.headers!.get("Nats-Server-Xkey"));
      assertEquals(server.name, "A");
      assertEquals(client.host, "127.0.0.1");
      asked.push(connect.pass);
      if (connect.user !== "dlc") return null;
      const jwt = userIn(user, "$G", {}, { exp: inSeconds(TEN_MINUTES_S) });
      const reply = answer(request, { jwt });
      return connect.pass === "zzz" ? reply : pair.seal(encoder.encode(reply), server.xkey);
    },
    { user: "auth", pass: "pwd" },
    {
      open: (message) => {
        assert(!message.string().startsWith("eyJ"), "the request is not encrypted");
        const opened = pair.open(message.data, message.headers!.get("Nats-Server-Xkey"));
        return new TextDecoder().decode(opened!);
      },
    },
  );
  await callout.connect({ user: "dlc", pass: "zzz" });
  await callout.connect({ user: "dlc", pass: "xxx" });
  assertEquals(asked, ["zzz", "xxx"]);
});

Deno.test("TestAuthCalloutServerTags", async () => {
  let tags: unknown = null;
  const config = `server_tags: ["foo", "bar"]\n${SIMPLE}`;
  await using callout = await calloutServer(config, (request) => {
    tags = request.server.tags;
    const standard = { exp: inSeconds(TEN_MINUTES_S) };
    return answer(request, { jwt: userIn(request.user, "$G", {}, standard) });
  });
  await callout.connect();
  assertEquals(tags, ["foo", "bar"]);
});

Deno.test("TestAuthCalloutServerClusterAndVersion", async () => {
  let server: Record<string, unknown> = {};
  await using callout = await calloutServer(`${SIMPLE}\ncluster { name: HUB }`, (request) => {
    server = request.server;
    const standard = { exp: inSeconds(TEN_MINUTES_S) };
    return answer(request, { jwt: userIn(request.user, "$G", {}, standard) });
  });
  await callout.connect();
  assertEquals(server.cluster, "HUB");
  const [major, minor] = String(server.version).split(".").map(Number) as [number, number];
  assert(major > 2 || (major === 2 && minor >= 10), `${server.version}`);
});

Deno.test("TestAuthCalloutErrorResponse", async () => {
  await using callout = await calloutServer(
    SIMPLE,
    (request) => answer(request, { error: "BAD AUTH" }),
  );
  await callout.refuses({ user: "dlc", pass: "zzz" });
});

Deno.test("TestAuthCalloutAuthUserFailDoesNotInvokeCallout", async () => {
  let callouts = 0;
  await using callout = await calloutServer(SIMPLE, (request) => {
    callouts++;
    return answer(request, { error: "WRONG PASSWORD" });
  });
  await callout.refuses({ user: "auth", pass: "zzz" });
  assertEquals(callouts, 0);
});

Deno.test("TestAuthCalloutAuthErrEvents", async () => {
  await using callout = await calloutServer(withAccounts("FOO {}, BAR {}"), (request) => {
    const { user, connect } = request;
    switch (connect.user) {
      case "dlc":
        return connect.pass === "zzz"
          ? answer(request, { jwt: userIn(user, "FOO") })
          : answer(request, { error: "WRONG PASSWORD" });
      case "rip":
        return answer(request, { error: "BAD CREDS" });
      default:
        return answer(request, { jwt: userIn(user, "FOO", { proxy_required: true }) });
    }
  });
  const refusal = await callout.refusals();
  // This one is no reason for an event: the first that comes is the next one's.
  await callout.connect({ user: "dlc", pass: "zzz" });
  await checkRefusal(callout, refusal, ["dlc", "xxx", "WRONG PASSWORD"]);
  await checkRefusal(callout, refusal, ["rip", "abc", "BAD CREDS"]);
  await checkRefusal(callout, refusal, ["proxy", "proxy", "proxy connection required"]);
});

/** Notes of the system account, in the order in which they came. */
function watch(client: NatsConnection, subject: string): Record<string, unknown>[] {
  const seen: Record<string, unknown>[] = [];
  client.subscribe(subject, { callback: (_error, message) => void seen.push(message.json()) });
  return seen;
}

Deno.test("TestAuthCalloutConnectEvents", async () => {
  const config = withAccounts(
    'FOO {}, BAR {}, $SYS { users = [ { user: "admin", pass: "s3cr3t!" } ] }',
  )
    .replace("auth_users: [ auth ]", "auth_users: [ auth, admin ]");
  await using callout = await calloutServer(config, (request) => {
    const { user, connect: { user: name, pass } } = request;
    const account = name === "dlc" && pass === "zzz"
      ? "FOO"
      : name === "rip" && pass === "xxx"
      ? "BAR"
      : null;
    return account === null
      ? answer(request, { error: "BAD CREDS" })
      : answer(request, { jwt: userIn(user, account) });
  });
  const system = await callout.connect({ user: "admin", pass: "s3cr3t!" });
  const connects = watch(system, "$SYS.ACCOUNT.*.CONNECT");
  const disconnects = watch(system, "$SYS.ACCOUNT.*.DISCONNECT");
  const oldCounts = watch(system, "$SYS.SERVER.ACCOUNT.*.CONNS");
  const newCounts = watch(system, "$SYS.ACCOUNT.*.SERVER.CONNS");
  await system.flush();
  const logins: [user: string, pass: string, account: string][] = [
    ["dlc", "zzz", "FOO"],
    ["rip", "xxx", "BAR"],
  ];
  for (const [user, pass, account] of logins) {
    for (const seen of [connects, disconnects, oldCounts, newCounts]) seen.length = 0;
    const client = await callout.connect({ user, pass });
    await until(() => connects.length + oldCounts.length + newCounts.length >= 3);
    const told = connects[0]!.client as Record<string, unknown>;
    assertEquals([told.user, told.acc], [user, account]);
    for (const counts of [oldCounts, newCounts]) {
      assertEquals([counts[0]!.acc, counts[0]!.conns], [account, 1]);
    }
    await client.close();
    await until(() => disconnects.length > 0 && oldCounts.length > 1 && newCounts.length > 1);
    for (const counts of [oldCounts, newCounts]) {
      assertEquals([counts[1]!.acc, counts[1]!.conns], [account, 0]);
    }
    // What else would come has been sent by then.
    await system.flush();
    assertEquals(
      [connects, disconnects, oldCounts, newCounts].map(({ length }) => length),
      [1, 1, 2, 2],
    );
  }
});

const ONE_ACCOUNT = withAccounts("FOO {}");

Deno.test("TestAuthCalloutBadServer", async () => {
  const other = createServerKey();
  await using callout = await calloutServer(
    ONE_ACCOUNT,
    (request) => answer(request, { jwt: userIn(request.user, "FOO") }, { aud: other }),
  );
  const refusal = await callout.refusals();
  await checkRefusal(callout, refusal, ["hello", "world", "response is not for server"]);
});

Deno.test("TestAuthCalloutBadUser", async () => {
  await using callout = await calloutServer(ONE_ACCOUNT, ({ server }) => {
    const user = createUserKey();
    return answer({ user, server }, { jwt: userIn(user, "FOO") });
  });
  const refusal = await callout.refusals();
  await checkRefusal(callout, refusal, [
    "hello",
    "world",
    "auth callout response is not for expected user",
  ]);
});

Deno.test("TestAuthCalloutExpiredUser", async () => {
  await using callout = await calloutServer(
    ONE_ACCOUNT,
    (request) => answer(request, { jwt: userIn(request.user, "FOO", {}, { exp: inSeconds(-5) }) }),
  );
  const refusal = await callout.refusals();
  await checkRefusal(callout, refusal, ["hello", "world", "claim is expired"]);
});

Deno.test("TestAuthCalloutExpiredResponse", async () => {
  await using callout = await calloutServer(
    ONE_ACCOUNT,
    (request) => answer(request, { jwt: userIn(request.user, "FOO") }, { exp: inSeconds(-5) }),
  );
  const refusal = await callout.refusals();
  await checkRefusal(callout, refusal, ["hello", "world", "claim is expired"]);
});

Deno.test("TestAuthCallout_ClientAuthErrorConf", async () => {
  for (const respondsNothing of [true, false]) {
    await using callout = await calloutServer(
      withAccounts("", "", "timeout: 1s"),
      (request) => respondsNothing ? null : answer(request, { error: "not today" }),
    );
    await callout.refuses({ user: "a", pass: "x" });
  }
});

Deno.test("TestAuthCalloutProxyRequiredInUserNotInAuthJWT", async () => {
  let callouts = 0;
  const config = withAccounts(
    `APP { users [ { user: user, password: pwd }
       { user: proxy, password: pwd, proxy_required: true } ] }
     SYS {}`,
    "system_account: SYS",
    "timeout: 1s",
  );
  await using callout = await calloutServer(config, (request) => {
    callouts++;
    const { user, client, connect } = request;
    assertEquals(client.host, "127.0.0.1");
    if (connect.user !== "proxy") return null;
    return answer(request, {
      jwt: userIn(user, "APP", {}, { exp: inSeconds(TEN_MINUTES_S) }),
    });
  });
  const refusal = await callout.refusals();
  await checkRefusal(callout, refusal, ["proxy", "pwd", "proxy connection required"]);
  assertEquals(callouts, 1);
});

Deno.test("TestAuthCalloutRegisterWithAccountAfterClose", async () => {
  const asked = Promise.withResolvers<void>();
  let late: () => void = () => {};
  const config = withAccounts("FOO {}", "", "timeout: 1");
  await using callout = await calloutServer(config, (request, message) => {
    if (request.connect.user !== "zombie") return null;
    late = () => void message.respond(answer(request, { jwt: userIn(request.user, "FOO") }));
    asked.resolve();
    return undefined;
  });
  const { server } = callout;
  const foo = server.account("FOO");
  const present = server.server.clients.size;
  // It ends as the time for the answer passes.
  const refused = callout.refuses({ user: "zombie", pass: "pwd" });
  await asked.promise;
  await refused;
  assertEquals(foo.connections.size, 0);
  assertEquals(server.server.clients.size, present);
  // The answer comes to nobody, and does not bring back who is gone.
  late();
  await callout.service.flush();
  assertEquals(foo.connections.size, 0);
  assertEquals(server.server.clients.size, present);
});

Deno.test("TestAuthCalloutZombieInflatesAccountConnections", async () => {
  let answers: (() => void)[] = [];
  const config = withAccounts("FOO { limits { max_conn: 5 } }", "", "timeout: 1");
  await using callout = await calloutServer(config, (request, message) => {
    const reply = answer(request, { jwt: userIn(request.user, "FOO") });
    if (request.connect.user === "legit") return reply;
    answers.push(() => void message.respond(reply));
    return undefined;
  });
  const { server } = callout;
  const foo = server.account("FOO");
  // Three clients are closed while the service thinks about them; its answers come afterwards.
  const gone: number[] = [];
  for (let i = 0; i < 3; i++) {
    const client = await server.raw();
    gone.push((await client.login({ user: "zombie", pass: "pwd" })).client_id);
  }
  await until(() => answers.length === 3);
  for (const connection of gone.map((id) => server.connection(id))) {
    connection.close("Client Closed");
    assertEquals(bindConnection(connection, foo, null), AuthOutcome.Refused);
  }
  for (const reply of answers) reply();
  answers = [];
  await callout.service.flush();
  assertEquals(foo.connections.size, 0);
  for (let i = 0; i < 5; i++) await callout.connect({ user: "legit", pass: "pwd" });
  assertEquals(foo.connections.size, 5);
});

Deno.test("requests are signed by the server, for the issuer, and end with the time for logins", async () => {
  let jwt = "";
  await using callout = await calloutServer(SIMPLE, (_request, message) => {
    jwt = message.string();
    return null;
  });
  await callout.refuses({ user: "dlc", pass: "zzz" });
  const { claims } = decodeRequest(jwt);
  assertEquals(claims.iss, callout.server.server.id);
  assertEquals(claims.aud, "nats-authorization-request");
  assertEquals(claims.sub, ISSUER);
  assert(claims.exp - claims.iat <= 2 && claims.exp - claims.iat >= 1, `${claims.exp}`);
  assertEquals(claims.nats.type, "authorization_request");
});
