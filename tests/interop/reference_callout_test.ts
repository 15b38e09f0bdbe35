/**
 * The authorization callout and trusted proxies beside the real server: one configuration, one
 * service, the same clients, and the same requests, errors, warnings and endings.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { connect, type ConnectionOptions, type NatsConnection } from "@nats-io/transport-node";
import {
  answer,
  type CalloutHandler,
  type CalloutRequest,
  createServerKey,
  createUserKey,
  inSeconds,
  ISSUER,
  issuerKeys,
  newUser,
  serveCallout,
  userIn,
} from "../harness/callout.ts";
import { CapturedLog } from "../harness/captured_log.ts";
import type { Json } from "../harness/jetstream.ts";
import {
  createAccount,
  createUser,
  encodeAccount,
  encodeClaims,
  encodeOperator,
  encodeUser,
  signNonce,
} from "../harness/jwt.ts";
import { RawClient } from "../harness/raw_client.ts";
import { referenceProgram, ReferenceServer } from "../harness/reference_server.ts";
import { testServer, until } from "../harness/server.ts";

const program = referenceProgram("nats-server");

/** One of the two servers and its service. */
interface Side {
  readonly port: number;
  readonly service: NatsConnection;
  /** Requests in the order in which they came. */
  readonly requests: CalloutRequest[];
  /** Warnings since the start. */
  readonly warnings: () => string[];
}

async function serve(
  port: number,
  handler: CalloutHandler,
  warnings: () => string[],
  login: ConnectionOptions,
): Promise<Side> {
  const requests: CalloutRequest[] = [];
  const service = await connect({
    servers: `127.0.0.1:${port}`,
    reconnect: false,
    ...login,
  });
  await serveCallout(service, (request, message) => {
    requests.push(request);
    return handler(request, message);
  });
  return { port, service, requests, warnings };
}

async function withBoth(
  config: string,
  handler: CalloutHandler,
  use: (theirs: Side, ours: Side) => Promise<void>,
  login: ConnectionOptions = { user: "auth", pass: "pwd" },
): Promise<void> {
  const file = await Deno.makeTempFile({ suffix: ".conf" });
  try {
    await Deno.writeTextFile(file, config);
    let heard = "";
    await using reference = await ReferenceServer.start(
      program!,
      ["-c", file],
      (text) => heard += text,
    );
    const logger = new CapturedLog();
    await using natsts = await testServer({ logger }, config);
    const theirs = await serve(
      reference.port,
      handler,
      () => [...heard.matchAll(/\[WRN\] (.*)/g)].map(([, text]) => text!),
      login,
    );
    const ours = await serve(natsts.port, handler, () => logger.texts("warn"), login);
    try {
      await use(theirs, ours);
    } finally {
      await Promise.all([theirs.service.close(), ours.service.close()]);
    }
  } finally {
    await Deno.remove(file);
  }
}

/** What a client hears after CONNECT and PING, until it is silent or sent away. */
async function hears(port: number, connect: Json, proxy: ReturnType<typeof createUser> | null) {
  using client = await RawClient.connect(port);
  const info = await client.info();
  const proxied = proxy === null ? {} : { proxy_sig: signNonce(proxy, info.nonce) };
  const said = { verbose: false, name: "n", lang: "l", version: "1", protocol: 0, ...connect };
  await client.send(`CONNECT ${JSON.stringify({ ...said, ...proxied })}\r\nPING\r\n`);
  let text = "";
  try {
    text = (await client.expect(/^(PONG|-ERR '[^']*')\r\n/))[0];
  } finally {
    if (text.startsWith("PONG")) {
      // More than the limits of a user allow whom the service has limited.
      await client.send("SUB a 1\r\nSUB b 2\r\nPUB a 10\r\n0123456789\r\nPING\r\n");
      text += (await client.expect(/^[^]*?PONG\r\n/))[0];
      client.close();
    }
  }
  await client.end();
  return {
    text,
    info: { auth_required: info.auth_required, nonce: typeof info.nonce, xkey: typeof info.xkey },
  };
}

/** Keys differ from run to run, and so do ids. */
function withoutKeys(text: string): string {
  return text.replace(/\b[UNA][A-Z2-7]{55}\b/g, "KEY");
}

function shapeOf({ claims }: CalloutRequest): Json {
  const { nats, ...standard } = structuredClone(claims);
  const hide = (holder: Json, ...names: string[]): void => {
    for (const name of names) if (holder[name] !== undefined) holder[name] = typeof holder[name];
  };
  hide(standard, "iat", "iss", "jti");
  // Half a second, in whole ones.
  standard.exp = standard.exp - claims.iat <= 1;
  hide(nats, "user_nkey");
  hide(nats.server_id, "id", "host");
  hide(nats.client_info, "id", "nonce");
  hide(nats.connect_opts, "sig", "nkey");
  return { ...standard, nats, keys: [Object.keys(claims), Object.keys(claims.nats)] };
}

const CONFIG = `
  server_name: A
  server_tags: [ "x:y" ]
  accounts {
    AUTH { users [ { user: "auth", password: "pwd" } ] }
    FOO { users [ { user: "foo", password: "pwd" } ] }
  }
  authorization {
    timeout: 0.5
    auth_callout { issuer: "${ISSUER}", account: AUTH, auth_users: [ auth ] }
  }
`;

/** Answers that are wrong in one way each, by the user's name, and what is right. */
const ANSWERS: Record<string, (request: CalloutRequest) => string | null | undefined> = {
  "good": (r) => answer(r, { jwt: userIn(r.user, "FOO") }),
  "good but named": (r) => answer(r, { jwt: userIn(r.user, "FOO", {}, { name: "other" }) }),
  "of another type of connection": (r) =>
    answer(r, { jwt: userIn(r.user, "FOO", { allowed_connection_types: ["WEBSOCKET"] }) }),
  "of an unknown type of connection": (r) =>
    answer(r, { jwt: userIn(r.user, "FOO", { allowed_connection_types: ["SMOKE"] }) }),
  "limited": (r) => answer(r, { jwt: userIn(r.user, "FOO", { subs: 1, payload: 1 }) }),
  "empty": () => null,
  "silent": () => undefined,
  "an error": (r) => answer(r, { error: "not today" }),
  "both": (r) => answer(r, { error: "not today", jwt: userIn(r.user, "FOO") }),
  "neither": (r) => answer(r, {}),
  "no JWT": () => "hello",
  "a user alone": (r) => userIn(r.user, "FOO"),
  "not a user": (r) => answer(r, { jwt: answer(r, { error: "x" }) }),
  "of a server": (r) =>
    encodeClaims({ nats: { type: "authorization_response", version: 2 } }, createUser(), {
      typ: "JWT",
      alg: "ed25519-nkey",
      sub: r.user,
    }),
  "for another server": (r) =>
    answer(r, { jwt: userIn(r.user, "FOO") }, { aud: createServerKey() }),
  "for no server": (r) => answer(r, { jwt: userIn(r.user, "FOO") }, { aud: "A" }),
  "for another user": (r) => {
    const user = createUserKey();
    return answer({ ...r, user }, { jwt: userIn(user, "FOO") });
  },
  "another user inside": (r) => answer(r, { jwt: userIn(createUserKey(), "FOO") }),
  "another issuer": (r) =>
    answer(r, { jwt: encodeUser(r.user, createAccount(), {}, { aud: "FOO" }) }),
  "an issuer account": (r) => answer(r, { jwt: userIn(r.user, "FOO", { issuer_account: ISSUER }) }),
  "no account": (r) => answer(r, { jwt: userIn(r.user, "NOWHERE") }),
  "expired": (r) => answer(r, { jwt: userIn(r.user, "FOO", {}, { exp: inSeconds(-5) }) }),
  "expired answer": (r) => answer(r, { jwt: userIn(r.user, "FOO") }, { exp: inSeconds(-5) }),
  "too early": (r) => answer(r, { jwt: userIn(r.user, "FOO", {}, { nbf: inSeconds(60) }) }),
  "at other times": (r) => {
    const times = [{ start: "00:00:00", end: "00:00:01" }];
    return answer(r, { jwt: userIn(r.user, "FOO", { times }) });
  },
  "of another proxy": (r) => answer(r, { jwt: userIn(r.user, "FOO", { proxy_required: true }) }),
  "spoiled": (r) => answer(r, { jwt: userIn(r.user, "FOO") }).slice(0, -4) + "AAAA",
};

/** How many of these let the client in; of silence nobody is warned. */
const GOOD = 4;

Deno.test({
  name: "services of the callout are asked, believed and contradicted as by the real server",
  ignore: program === null,
  fn: async (t) => {
    await withBoth(CONFIG, (request) => {
      const make = ANSWERS[request.connect.user ?? "good"];
      return make === undefined ? ANSWERS["good"]!(request) : make(request);
    }, async (theirs, ours) => {
      const compare = async (connect: Json): Promise<string> => {
        const heard = await Promise.all(
          [theirs, ours].map(({ port }) => hears(port, connect, null)),
        );
        assertEquals(heard[1], heard[0]);
        return heard[0]!.text;
      };
      for (const name of Object.keys(ANSWERS)) {
        await t.step(name, async () => void await compare({ user: name, pass: "x" }));
      }
      await t.step("logins of all kinds", async () => {
        const texts = [
          await compare({}),
          await compare({ auth_token: "t" }),
          await compare({ user: "foo", pass: "pwd" }),
          await compare({ user: "foo", pass: "wrong" }),
          await compare({ jwt: "not one", user: "good", pass: "x" }),
          await compare({ user: "auth", pass: "wrong" }),
          await compare({ nkey: createUserKey(), sig: "AAAA" }),
        ];
        assert(texts.some((text) => text.startsWith("PONG")));
      });
      const refused = Object.keys(ANSWERS).length - GOOD - 1;
      await until(() => theirs.warnings().length >= refused);
      await until(() => theirs.warnings().length === ours.warnings().length);
      assertEquals(ours.warnings().map(withoutKeys), theirs.warnings().map(withoutKeys));
      await until(() => theirs.requests.length === ours.requests.length);
      assertEquals(ours.requests.map(shapeOf), theirs.requests.map(shapeOf));
    });
  },
});

Deno.test({
  name: "clients of proxies are let in and sent away as by the real server",
  ignore: program === null,
  fn: async () => {
    const [proxy, stranger] = [createUser(), createUser()];
    const config = `
      proxies { trusted [ { key: "${proxy.getPublicKey()}" } ] }
      accounts {
        A { users [ { user: a, password: p }, { user: b, password: p, proxy_required: true } ] }
        AUTH { users [ { user: "auth", password: "pwd" } ] }
      }
    `;
    await withBoth(config, () => null, async (theirs, ours) => {
      for (const through of [null, proxy, stranger]) {
        for (const user of ["a", "b", "nobody"]) {
          const heard = await Promise.all(
            [theirs, ours].map(({ port }) => hears(port, { user, pass: "p" }, through)),
          );
          assertEquals(heard[1], heard[0]);
        }
      }
    });
  },
});

Deno.test({
  name: "who only claims to be a user of the service is asked about, other than by the real server",
  ignore: program === null,
  fn: async () => {
    const config = `
      authorization {
        timeout: 1
        users: [ { user: auth, password: pwd }, { user: bob, password: b } ]
        auth_callout { issuer: "${ISSUER}", auth_users: [ auth ] }
      }
    `;
    await withBoth(config, () => null, async (theirs, ours) => {
      // Nobody has checked the nkey: the password is what let it in.
      const connect = { nkey: "auth", user: "bob", pass: "b" };
      assertEquals((await hears(theirs.port, connect, null)).text.slice(0, 4), "PONG");
      assertEquals(theirs.requests.length, 0);
      const { text } = await hears(ours.port, connect, null);
      assertEquals(text, "-ERR 'Authorization Violation'\r\n");
      assertEquals(ours.requests.length, 1);
    });
  },
});

Deno.test({
  name:
    "answers that a stranger has signed for an account count, other than by the real server, not",
  ignore: program === null,
  fn: async () => {
    const [system, stranger] = [createAccount(), createAccount()];
    const service = newUser(issuerKeys);
    const claims = { authorization: { auth_users: [service.key], allowed_accounts: ["*"] } };
    const config = `
      operator: ${encodeOperator()}
      system_account: ${system.getPublicKey()}
      resolver: MEM
      resolver_preload: {
        ${ISSUER}: ${encodeAccount(issuerKeys, claims)}
        ${system.getPublicKey()}: ${encodeAccount(system)}
      }
    `;
    const handler: CalloutHandler = (request) => {
      const jwt = encodeUser(request.user, issuerKeys);
      return answer(request, { jwt, issuer_account: ISSUER }, {}, stranger);
    };
    await withBoth(config, handler, async (theirs, ours) => {
      const { jwt } = newUser(issuerKeys, { bearer_token: true });
      assertEquals((await hears(theirs.port, { jwt }, null)).text.slice(0, 4), "PONG");
      const { text } = await hears(ours.port, { jwt }, null);
      assertEquals(text, "-ERR 'Authorization Violation'\r\n");
      assertEquals(ours.warnings().slice(-1), ["Auth callout signing key is unknown"]);
    }, service.credentials);
  },
});
