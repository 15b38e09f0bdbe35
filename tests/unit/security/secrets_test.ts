/**
 * Secrets stay where they are: servers with every kind of secret are used, with all of the log on,
 * and nothing that they say to others holds one.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { hashSync } from "bcryptjs";
import type { NatsConnection } from "@nats-io/transport-node";
import { answer, calloutServer, ISSUER, newUser, userIn } from "../../harness/callout.ts";
import { redactSecrets } from "../../../src/client/redact.ts";
import { CapturedLog } from "../../harness/captured_log.ts";
import { createUser, encodeUser, signNonce } from "../../harness/jwt.ts";
import { newAccount, operatorServerWithSystem } from "../../harness/operator.ts";
import { OK, PONG } from "../../harness/raw_client.ts";
import { type TestServer, testServer, until } from "../../harness/server.ts";
import { assertNone, PAGES } from "./_secrets.ts";

const REQUESTS = ["VARZ", "CONNZ", "SUBSZ", "ACCOUNTZ", "JSZ", "HEALTHZ", "STATSZ", "EXPVARZ"];

/** Everything that monitoring shows, page by page, with the accounts' own pages. */
async function monitored({ server }: TestServer): Promise<string> {
  const accounts = [...server.core.accounts.keys()].map((name) =>
    `accountz?acc=${encodeURIComponent(name)}`
  );
  const texts = [...PAGES, ...accounts].map(async (page) => {
    const response = await fetch(`http://127.0.0.1:${server.monitorPort}/${page}`);
    return `${page}\n${await response.text()}`;
  });
  return (await Promise.all(texts)).join("\n");
}

/** What the system account can ask for, and has been told so far. */
async function told(system: NatsConnection, heard: string[]): Promise<string> {
  const answers = await Promise.all(
    REQUESTS.map(async (name) =>
      (await system.request(`$SYS.REQ.SERVER.PING.${name}`, '{"auth":true}')).string()
    ),
  );
  return [...answers, ...heard].join("\n");
}

function hear(system: NatsConnection): string[] {
  const heard: string[] = [];
  system.subscribe("$SYS.>", {
    callback: (_error, message) => void heard.push(`${message.subject} ${message.string()}`),
  });
  return heard;
}

Deno.test("redactSecrets() hides passwords of any shape", () => {
  const values = [
    '"hidden"',
    '"a,hidden"',
    '"a}hidden"',
    '"a\\"hidden"',
    '"a\\nhidden"',
    '["hidden"]',
    '["a", "hidden"]',
    '{"a":"hidden"}',
    '["hidden"',
    "hidden",
  ];
  for (const key of ["pass", "PASS", "auth_token", "password", "jwt", "Sig", "proxy_sig", "nkey"]) {
    for (const value of values) {
      // A name without quotes is no JSON and known in small letters only.
      for (
        const text of [`{"${key}":${value}}`, `{"user":"u", "${key}" : ${value} , "lang":"x"}`]
      ) {
        if (value === "hidden" && key !== key.toLowerCase()) continue;
        const shown = redactSecrets(text);
        assert(!shown.includes("hidden"), `${text} became ${shown}`);
        assert(shown.includes("[REDACTED]"), shown);
      }
    }
  }
  assertEquals(redactSecrets('{"user":"u","lang":"pass"}'), '{"user":"u","lang":"pass"}');
});

const QUIET = { httpPort: -1, httpHost: "127.0.0.1" };

Deno.test("passwords, tokens, signatures and keys are in no log, page, event or error", async () => {
  const hash = hashSync("bcrypt-secret", 4);
  const nkey = createUser();
  const proxy = createUser();
  const directory = await Deno.makeTempDir();
  const log = new CapturedLog({ debug: true, trace: true });
  try {
    await using server = await testServer(
      { ...QUIET, logger: log, storeDir: directory },
      `
      jetstream { store_dir: "${directory}", key: "encryption-secret", cipher: chachapoly }
      proxies { trusted [ { key: "${proxy.getPublicKey()}" } ] }
      accounts {
        A { jetstream: enabled, users [
          { user: plain, password: "plain-secret" }, { user: hashed, password: "${hash}" }
          { nkey: ${nkey.getPublicKey()} }
        ] }
        SYS { users [ { user: sys, password: "system-secret" } ] }
      }
      system_account: SYS
    `,
    );
    const system = await server.connect({ user: "sys", pass: "system-secret" });
    const heard = hear(system);
    await system.flush();
    const secrets = [
      "plain-secret",
      "bcrypt-secret",
      hash,
      "encryption-secret",
      "system-secret",
      "wrong-secret",
      "token-secret",
      new TextDecoder().decode(nkey.getSeed()),
      new TextDecoder().decode(proxy.getSeed()),
    ];
    const errors: string[] = [];
    const logins: Record<string, unknown>[] = [
      { user: "plain", pass: "plain-secret" },
      { user: "hashed", pass: "bcrypt-secret" },
      { user: "plain", pass: "wrong-secret" },
      { user: "nobody", pass: "wrong-secret" },
      { user: "hashed", pass: "wrong-secret" },
      { auth_token: "token-secret" },
      { user: "plain", pass: "plain-secret", account: "x" },
      { user: "plain", pass: ["wrong-secret"] },
    ];
    for (const login of logins) {
      const client = await server.raw();
      const info = await client.info();
      const sigs = [signNonce(nkey, info.nonce), signNonce(proxy, info.nonce)];
      secrets.push(...sigs);
      const connect = { verbose: false, ...login, proxy_sig: sigs[1] };
      await client.send(`CONNECT ${JSON.stringify(connect)}\r\nPING\r\n`);
      await until(() => client.ended || PONG.test(client.pending));
      errors.push(client.pending);
    }
    const byKey = await server.raw();
    const sig = signNonce(nkey, (await byKey.info()).nonce);
    secrets.push(sig);
    await byKey.send(
      `CONNECT {"verbose":false,"nkey":"${nkey.getPublicKey()}","sig":"${sig}"}\r\nPING\r\n`,
    );
    await byKey.expect(PONG);
    assertEquals(errors.filter((text) => text.startsWith("PONG")).length, 2);
    assertNone(errors.join("\n"), secrets, "an error");
    assertNone(await monitored(server), secrets, "monitoring");
    assertNone(await told(system, heard), secrets, "the system account");
    assert(heard.some((text) => text.includes("AUTH.ERR")));
    const lines = log.lines.map(({ text }) => text).join("\n");
    assert(lines.includes("CONNECT {") && lines.includes("[REDACTED]"));
    assertNone(lines, secrets, "the log");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("what an authorization service is told, nobody else is", async () => {
  const log = new CapturedLog({ debug: true, trace: true });
  const secrets = ["client-secret", "token-secret"];
  await using callout = await calloutServer(
    `
    http: 127.0.0.1:-1
    accounts {
      AUTH { users [ { user: "auth", password: "pwd" } ] }
      FOO {}
      SYS { users [ { user: sys, password: "system-secret" } ] }
    }
    system_account: SYS
    authorization {
      auth_callout { issuer: "${ISSUER}", account: AUTH, auth_users: [ auth, sys ] }
    }
  `,
    (request, message) => {
      // The request itself, whose middle holds the client's password in base64.
      secrets.push(message.string().split(".")[1]!);
      return request.connect.pass === "client-secret" || request.connect.auth_token !== undefined
        ? answer(request, { jwt: userIn(request.user, "FOO") })
        : answer(request, { error: "no" });
    },
    { user: "auth", pass: "pwd" },
    { log },
  );
  const system = await callout.connect({ user: "sys", pass: "system-secret" });
  const heard = hear(system);
  await system.flush();
  await callout.connect({ user: "u", pass: "client-secret" });
  await callout.connect({ token: "token-secret" });
  secrets.push("denied-secret", "system-secret");
  await callout.refuses({ user: "u", pass: "denied-secret" });
  assertEquals(secrets.length, 7);
  assertNone(await monitored(callout.server), secrets, "monitoring");
  assertNone(await told(system, heard), secrets, "the system account");
  const lines = log.lines.map(({ text }) => text).join("\n");
  assert(lines.includes("MSG $SYS.REQ.USER.AUTH"));
  assertNone(lines, secrets, "the log");
});

Deno.test("JWTs of bearers are in no log, page or event", async () => {
  const [system, account] = [newAccount(), newAccount()];
  const sentinel = newUser(account.pair, { bearer_token: true });
  const log = new CapturedLog({ debug: true, trace: true });
  await using server = await operatorServerWithSystem([system, account], {
    ...QUIET,
    logger: log,
    defaultSentinel: sentinel.jwt,
  });
  const operator = await server.connect(newUser(system.pair).credentials);
  const heard = hear(operator);
  await operator.flush();
  const bearer = encodeUser(createUser(), account.pair, { bearer_token: true });
  for (const jwt of [bearer, `${bearer}x`, ""]) {
    const client = await server.raw();
    await client.login({ verbose: true, jwt });
    await client.expect(OK);
  }
  const secrets = [bearer, sentinel.jwt];
  assertNone(await monitored(server), secrets, "monitoring");
  const lines = log.lines.map(({ text }) => text).join("\n");
  assertNone(lines, secrets, "the log");
  assertNone(await told(operator, heard), secrets, "the system account");
});
