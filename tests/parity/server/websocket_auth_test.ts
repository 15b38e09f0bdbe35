/**
 * Logins over WebSocket: by the credentials of the listener or of all, by cookies, nkeys and JWTs.
 *
 * Ports: server/websocket_test.go
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { emptyOptions, processConfigText, validateOptions } from "../../../src/config/mod.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";
import { createUser, encodeUser, publicKey, signNonce } from "../../harness/jwt.ts";
import { newAccount, operatorOptions } from "../../harness/operator.ts";
import { type TestServer, testServer } from "../../harness/server.ts";
import { WebsocketClient, type WebsocketLogin } from "../../harness/websocket_client.ts";

const VIOLATION = "-ERR 'Authorization Violation'";

function config(block = "", outside = ""): string {
  return `websocket { listen: "127.0.0.1:-1", no_tls: true\n${block} }\n${outside}`;
}

const port = ({ server }: TestServer): number => server.websocket!.port;

/** Logs in with `connect`; the answer must begin with `expected`. */
async function expectAnswer(
  server: TestServer,
  connect: Record<string, unknown>,
  expected: string,
  login: WebsocketLogin = {},
): Promise<void> {
  const { client, answer } = await WebsocketClient.login(port(server), login, connect);
  client[Symbol.dispose]();
  assert(answer.startsWith(expected), answer);
}

type Case = readonly [
  name: string,
  block: string,
  outside: string,
  connect: Record<string, string>,
  ok: boolean,
  cookie?: string,
];

async function runCases(t: Deno.TestContext, cases: readonly Case[]): Promise<void> {
  for (const [name, block, outside, connect, ok, cookie] of cases) {
    await t.step(name, async () => {
      await using server = await testServer({}, config(block, outside));
      const login = cookie === undefined ? {} : { headers: { "Cookie": cookie } };
      await expectAnswer(server, connect, ok ? "PONG\r\n" : VIOLATION, login);
    });
  }
}

Deno.test("TestWSBasicAuth", async (t) => {
  const top = "authorization { user: normal, password: client }";
  const own = "authorization { user: websocket, password: client }";
  const normal = { user: "normal", pass: "client" };
  const websocket = { user: "websocket", pass: "client" };
  const cookies = "user_cookie: un, pass_cookie: pw";
  const me = 'authorization { user: me, password: "s3cr3t!" }';
  const token = 'authorization { token: "l3tm31n!" }';
  await runCases(t, [
    ["top level auth, no override, wrong u/p", "", top, websocket, false],
    ["top level auth, no override, correct u/p", "", top, normal, true],
    ["no top level auth, ws auth, wrong u/p", own, "", normal, false],
    ["no top level auth, ws auth, correct u/p", own, "", websocket, true],
    ["top level auth, ws override, wrong u/p", own, top, normal, false],
    ["top level auth, ws override, correct u/p", own, top, websocket, true],
    ["username/password from cookies", cookies, me, {}, true, "un=me; pw=s3cr3t!"],
    ["bad username/ good password from cookies", cookies, me, {}, false, "un=m; pw=s3cr3t!"],
    ["good username/ bad password from cookies", cookies, me, {}, false, "un=me; pw=hi!"],
    ["token from cookie", "token_cookie: tok", token, {}, true, "tok=l3tm31n!"],
    ["bad token from cookie", "token_cookie: tok", token, {}, false, "tok=hello!"],
  ]);
});

Deno.test("TestWSAuthTimeout", async (t) => {
  const cases = [["use top-level auth timeout", 0, ""], [
    "use websocket auth timeout",
    0.05,
    "-ERR 'Authentication Timeout'",
  ]] as const;
  for (const [name, seconds, expected] of cases) {
    await t.step(name, async () => {
      const timeout = seconds === 0 ? "" : `, timeout: ${seconds}`;
      const block = `authorization { user: websocket, password: client${timeout} }`;
      await using server = await testServer({ authTimeoutMs: 10_000 }, config(block));
      using client = await WebsocketClient.connect(port(server));
      const { payload } = await client.next();
      const info = JSON.parse(new TextDecoder().decode(payload).slice(5));
      assertEquals(info.auth_required, true);
      if (expected !== "") {
        assert((await client.text()).startsWith(expected));
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
      await client.send(
        'CONNECT {"verbose":false,"protocol":1,"user":"websocket","pass":"client"}\r\nPING\r\n',
      );
      assert((await client.text()).startsWith("PONG\r\n"));
    });
  }
});

Deno.test("TestWSTokenAuth", async (t) => {
  const top = "authorization { token: goodtoken }";
  const clients = "authorization { token: clienttoken }";
  const own = "authorization { token: websockettoken }";
  const token = (auth_token: string) => ({ auth_token });
  await runCases(t, [
    ["top level auth, no override, wrong token", "", top, token("badtoken"), false],
    ["top level auth, no override, correct token", "", top, token("goodtoken"), true],
    ["no top level auth, ws auth, wrong token", top, "", token("badtoken"), false],
    ["no top level auth, ws auth, correct token", top, "", token("goodtoken"), true],
    ["top level auth, ws override, wrong token", own, clients, token("clienttoken"), false],
    ["top level auth, ws override, correct token", own, clients, token("websockettoken"), true],
  ]);
});

Deno.test("TestWSBindToProperAccount", async () => {
  await using server = await testServer(
    {},
    config(
      "",
      `accounts {
    a { users [ { user: a, password: pwd, allowed_connection_types: ["STANDARD", "websocket"] } ] }
    b { users [ { user: b, password: pwd } ] }
  }`,
    ),
  );
  const nats = await server.rawLogin({ user: "a", pass: "pwd" });
  await nats.send("SUB foo 1\r\n");
  await nats.flush();
  const { client, answer } = await WebsocketClient.login(port(server), {}, {
    user: "a",
    pass: "pwd",
  });
  assertEquals(answer, "PONG\r\n");
  await client.send("PUB foo 7\r\nfrom ws\r\n");
  assertEquals((await nats.message()).body, "from ws");
  client[Symbol.dispose]();
});

Deno.test("TestWSUsersAuth", async (t) => {
  const users = (types = ""): string =>
    `authorization { users [ { user: user, password: pwd ${types} } ] }`;
  const both = users(', allowed_connection_types: ["STANDARD", "WEBSOCKET"]');
  const login = (user: string, pass: string) => ({ user, pass });
  await runCases(t, [
    ["no filtering, wrong user", "", users(), login("wronguser", "pwd"), false],
    ["no filtering, correct user", "", users(), login("user", "pwd"), true],
    [
      "filering, user not allowed",
      "",
      users(', allowed_connection_types: ["STANDARD"]'),
      login("user", "pwd"),
      false,
    ],
    ["filtering, user allowed", "", both, login("user", "pwd"), true],
    ["filtering, wrong password", "", both, login("user", "badpassword"), false],
  ]);
});

Deno.test("TestWSNoAuthUserValidation", () => {
  for (const more of ["", "no_auth_user: user"]) {
    const options = emptyOptions();
    const users = "authorization { users [ { user: user, password: pwd } ] }";
    const text = config("no_auth_user: notfound", `${users}\n${more}`);
    const error = assertThrows(() => {
      processConfigText(options, text, systemConfigSource());
      validateOptions(options);
    }, Error);
    assertStringIncludes(error.message, "not present as user");
  }
});

const TWO_ACCOUNTS = `accounts {
  normal { users [ { user: noauth, password: pwd }, { user: user, password: pwd } ] }
  websocket { users [ { user: wsnoauth, password: pwd }, { user: wsuser, password: pwd } ] }
}
no_auth_user: noauth`;

Deno.test("TestWSNoAuthUser", async (t) => {
  const cases = [
    ["no override, no user provided", false, false, "noauth", "normal"],
    ["no override, user povided", false, true, "user", "normal"],
    ["override, no user provided", true, false, "wsnoauth", "websocket"],
    ["override, user provided", true, true, "wsuser", "websocket"],
  ] as const;
  for (const [name, overrides, sends, user, account] of cases) {
    await t.step(name, async () => {
      const block = overrides ? "no_auth_user: wsnoauth" : "";
      await using server = await testServer({}, config(block, TWO_ACCOUNTS));
      const connect = sends ? { user, pass: "pwd" } : {};
      const { client, info, answer } = await WebsocketClient.login(port(server), {}, connect);
      assertEquals(answer, "PONG\r\n");
      const connection = server.server.clients.get(info.client_id as number)!;
      assertEquals([connection.connect.user, connection.account!.name], [user, account]);
      client[Symbol.dispose]();
    });
  }
});

Deno.test("TestWSNoAuthUserOverride", async () => {
  const accounts = `accounts {
    admin_acc { users [ { user: admin, password: adminpass } ] }
    ws_acc { users [ { user: wsguest, password: pwd } ] }
  }
  no_auth_user: admin`;
  await using server = await testServer({}, config("no_auth_user: wsguest", accounts));
  using client = await WebsocketClient.connect(port(server));
  const { payload } = await client.next();
  const info = JSON.parse(new TextDecoder().decode(payload).slice(5));
  // Before CONNECT: nobody becomes more by leaving it out.
  await client.send("PING\r\n");
  assert((await client.text()).startsWith("PONG\r\n"));
  const connection = server.server.clients.get(info.client_id)!;
  assertEquals([connection.connect.user, connection.account!.name], ["wsguest", "ws_acc"]);
});

Deno.test("TestWSNkeyAuth", async (t) => {
  const [plain, web, bad] = [createUser(), createUser(), createUser()];
  const [pub, webPub] = [plain, web].map(publicKey);
  const users = (...list: string[]): string => `authorization { users [ ${list.join(", ")} ] }`;
  const both = `{ nkey: ${webPub}, allowed_connection_types: ["STANDARD", "WEBSOCKET"] }`;
  const cases = [
    ["no filtering, wrong nkey", users(`{ nkey: ${pub} }`), bad, false],
    ["no filtering, correct nkey", users(`{ nkey: ${pub} }`), plain, true],
    [
      "filtering, nkey not allowed",
      users(
        `{ nkey: ${pub}, allowed_connection_types: ["STANDARD"] }`,
        `{ nkey: ${webPub}, allowed_connection_types: ["WEBSOCKET"] }`,
      ),
      plain,
      false,
    ],
    ["filtering, correct nkey", users(`{ nkey: ${pub} }`, both), web, true],
    ["filtering, wrong nkey", users(both), bad, false],
  ] as const;
  for (const [name, outside, pair, ok] of cases) {
    await t.step(name, async () => {
      await using server = await testServer({}, config("", outside));
      using client = await WebsocketClient.connect(port(server));
      const { payload } = await client.next();
      const { nonce } = JSON.parse(new TextDecoder().decode(payload).slice(5));
      const login = {
        verbose: false,
        protocol: 1,
        nkey: publicKey(pair),
        sig: signNonce(pair, nonce),
      };
      await client.send(`CONNECT ${JSON.stringify(login)}\r\nPING\r\n`);
      const answer = await client.text();
      assert(answer.startsWith(ok ? "PONG\r\n" : VIOLATION), answer);
    });
  }
});

/** Logs in with a JWT in CONNECT or in a cookie; returns the answer's first characters. */
async function jwtLogin(
  server: TestServer,
  { jwt, cookie, sign }: {
    jwt: string;
    cookie: string;
    sign: ReturnType<typeof createUser> | null;
  },
): Promise<string> {
  const headers: Record<string, string> = cookie === "" ? {} : { "Cookie": `jwt=${cookie}` };
  using client = await WebsocketClient.connect(port(server), { headers });
  const { payload } = await client.next();
  const { nonce } = JSON.parse(new TextDecoder().decode(payload).slice(5));
  const connect = {
    verbose: true,
    pedantic: true,
    ...(jwt === "" ? {} : { jwt }),
    ...(sign === null ? {} : { sig: signNonce(sign, nonce) }),
  };
  await client.send(`CONNECT ${JSON.stringify(connect)}\r\nPING\r\n`);
  return (await client.text()).slice(0, 4).trim();
}

Deno.test("TestWSJWTWithAllowedConnectionTypes", async (t) => {
  const account = newAccount();
  await using server = await testServer(operatorOptions([account]), config());
  const cases: readonly [string, string[], string][] = [
    ["not allowed", ["STANDARD"], "-ERR"],
    ["allowed", ["STANDARD", "websocket"], "+OK"],
    ["allowed with unknown", ["WEBSOCKET", "SomeNewType"], "+OK"],
    ["not allowed with unknown", ["SomeNewType"], "-ERR"],
  ];
  for (const [name, allowed_connection_types, expected] of cases) {
    await t.step(name, async () => {
      const user = createUser();
      const jwt = encodeUser(user, account.pair, { allowed_connection_types });
      assertEquals(await jwtLogin(server, { jwt, cookie: "", sign: user }), expected);
    });
  }
});

Deno.test("TestWSJWTCookieUser", async (t) => {
  const account = newAccount();
  await using server = await testServer(operatorOptions([account]), config("jwt_cookie: jwt"));
  const user = createUser();
  const plain = encodeUser(user, account.pair);
  const bearer = encodeUser(user, account.pair, { bearer_token: true });
  const cases = [
    [
      "protocol auth, non-bearer key, with signature",
      { jwt: plain, cookie: "", sign: user },
      "+OK",
    ],
    ["protocol auth, non-bearer key, w/o required signature", {
      jwt: plain,
      cookie: "",
      sign: null,
    }, "-ERR"],
    ["protocol auth, bearer key, w/o signature", { jwt: bearer, cookie: "", sign: null }, "+OK"],
    [
      "cookie auth, non-bearer key, protocol auth fail",
      { jwt: "", cookie: plain, sign: null },
      "-ERR",
    ],
    [
      "cookie auth, bearer key, protocol auth success with implied cookie jwt",
      { jwt: "", cookie: bearer, sign: null },
      "+OK",
    ],
    [
      "cookie auth, non-bearer key, protocol auth success via override jwt in CONNECT opts",
      { jwt: bearer, cookie: plain, sign: user },
      "+OK",
    ],
  ] as const;
  for (const [name, login, expected] of cases) {
    await t.step(name, async () => assertEquals(await jwtLogin(server, login), expected));
  }
});
