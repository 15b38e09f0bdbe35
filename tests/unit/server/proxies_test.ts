/**
 * Trusted proxies, with clients. TestProxyKeyVerification and TestAuthProxyRequired of the reference
 * ask for leaf nodes as well, and are ported with these.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Json } from "../../harness/jetstream.ts";
import { CapturedLog } from "../../harness/captured_log.ts";
import {
  createAccount,
  createUser,
  encodeUser,
  type KeyPair,
  signNonce,
} from "../../harness/jwt.ts";
import { newAccount, operatorServer } from "../../harness/operator.ts";
import { PONG, type RawClient } from "../../harness/raw_client.ts";
import { LISTEN, reloadServer } from "../../harness/reload.ts";
import { type TestServer, testServer } from "../../harness/server.ts";
import { answer, calloutServer, ISSUER, userIn } from "../../harness/callout.ts";
import { evictProxied } from "../../../src/core/auth/proxies.ts";

const VIOLATION = "-ERR 'Authorization Violation'\r\n";

function trusting(...keys: KeyPair[]): string {
  return `proxies { trusted [ ${
    keys.map((pair) => `{ key: "${pair.getPublicKey()}" }`).join(", ")
  } ] }`;
}

/** A client that came through `proxy`, or directly; its CONNECT was sent, and a PING. */
async function login(
  server: TestServer,
  proxy: KeyPair | null,
  connect: Record<string, unknown> = {},
  spoil: (signature: string) => string = (signature) => signature,
): Promise<{ client: RawClient; id: number }> {
  const client = await server.raw();
  const info = await client.info();
  const proxied = proxy === null ? {} : { proxy_sig: spoil(signNonce(proxy, info.nonce)) };
  await client.send(
    `CONNECT ${JSON.stringify({ verbose: false, ...connect, ...proxied })}\r\nPING\r\n`,
  );
  return { client, id: info.client_id };
}

function connz(server: TestServer, query: string): Promise<Json> {
  return fetch(`http://127.0.0.1:${server.server.monitorPort}/connz?${query}`)
    .then((response) => response.json());
}

async function refusedAs(server: TestServer, id: number): Promise<string> {
  return (await connz(server, `cid=${id}&state=closed`)).connections[0].reason;
}

Deno.test("clients come through proxies whose signature of the nonce is right", async (t) => {
  const [first, last, other] = [createUser(), createUser(), createUser()];
  await using server = await testServer(
    { httpPort: -1, httpHost: "127.0.0.1" },
    trusting(first, last),
  );
  assertEquals(
    (server.server.varz().proxies as Json).trusted.map(({ key }: Json) => key),
    [first.getPublicKey(), last.getPublicKey()],
  );
  const star = (signature: string): string => `*${signature.slice(1)}`;
  const cases: [name: string, proxy: KeyPair, spoil: typeof star | undefined, ok: boolean][] = [
    ["key present first", first, undefined, true],
    ["key present last", last, undefined, true],
    ["key not present", other, undefined, false],
    ["bad signature", last, star, false],
  ];
  for (const [name, proxy, spoil, ok] of cases) {
    await t.step(name, async () => {
      const { client, id } = await login(server, proxy, {}, spoil);
      if (ok) {
        await client.expect(PONG);
        const [shown] = (await connz(server, `cid=${id}`)).connections;
        assertEquals(shown.proxy, { key: proxy.getPublicKey() });
        client.close();
      } else {
        assertEquals(await client.expectEnd(), VIOLATION);
        assertEquals(await refusedAs(server, id), "Proxy Not Trusted");
      }
    });
  }
  await t.step("without a proxy", async () => {
    const { client, id } = await login(server, null);
    await client.expect(PONG);
    assertEquals((await connz(server, `cid=${id}`)).connections[0].proxy, undefined);
  });
});

Deno.test("proxy_required keeps users out who come directly", async (t) => {
  const proxy = createUser();
  const [required, free] = [createUser(), createUser()];
  const users = `
    {user: user1, password: pwd}
    {user: user2, password: pwd, proxy_required: true}
    {user: user3, password: pwd, proxy_required: false}
    {nkey: "${required.getPublicKey()}", proxy_required: true}
    {nkey: "${free.getPublicKey()}", proxy_required: false}
  `;
  const cases: [name: string, config: string, logins: [Json | KeyPair, boolean][]][] = [
    [
      "one user",
      "authorization { user: user, password: pwd, proxy_required: true }",
      [[{ user: "user", pass: "pwd" }, false]],
    ],
    ["one token", "authorization { token: t, proxy_required: true }", [[
      { auth_token: "t" },
      false,
    ]]],
    [
      "users and nkeys",
      `authorization { users: [ ${users} ] }`,
      [
        [{ user: "user1", pass: "pwd" }, true],
        [{ user: "user2", pass: "pwd" }, false],
        [{ user: "user3", pass: "pwd" }, true],
        [required, false],
        [free, true],
      ],
    ],
    [
      "whom anybody becomes",
      "authorization { users: [ { user: u, password: p, proxy_required: true } ] }, no_auth_user: u",
      [[{}, false]],
    ],
  ];
  for (const [name, config, logins] of cases) {
    await t.step(name, async () => {
      const logger = new CapturedLog({ debug: true });
      await using server = await testServer(
        { httpPort: -1, httpHost: "127.0.0.1", logger },
        `${config}\n${trusting(proxy)}`,
      );
      for (const [credentials, direct] of logins) {
        for (const through of [null, proxy]) {
          const client = await server.raw();
          const info = await client.info();
          const connect = "getPublicKey" in credentials
            ? { nkey: credentials.getPublicKey(), sig: signNonce(credentials, info.nonce) }
            : credentials;
          const proxied = through === null ? {} : { proxy_sig: signNonce(through, info.nonce) };
          await client.send(
            `CONNECT ${JSON.stringify({ verbose: false, ...connect, ...proxied })}\r\nPING\r\n`,
          );
          if (through !== null || direct) {
            await client.expect(PONG);
            client.close();
            continue;
          }
          assertEquals(await client.expectEnd(), VIOLATION);
          assertEquals(await refusedAs(server, info.client_id), "Proxy Required");
          assert(logger.texts("debug", "proxy connection required").length > 0);
        }
      }
    });
  }
});

Deno.test("a client without CONNECT does not become a user who needs a proxy", async () => {
  await using server = await testServer(
    {},
    "authorization { users: [ { user: u, password: p, proxy_required: true } ] }, no_auth_user: u",
  );
  const client = await server.raw();
  await client.info();
  await client.send("PING\r\n");
  assertEquals(await client.expectEnd(), VIOLATION);
});

Deno.test("proxy_required in a JWT keeps its user out who comes directly", async () => {
  const proxy = createUser();
  const account = newAccount();
  await using server = await operatorServer([account], {
    httpPort: -1,
    httpHost: "127.0.0.1",
    proxies: { trusted: [{ key: proxy.getPublicKey() }] },
  });
  for (const through of [null, proxy]) {
    const user = createUser();
    const jwt = encodeUser(user, account.pair, { proxy_required: true });
    const client = await server.raw();
    const info = await client.info();
    const proxied = through === null ? {} : { proxy_sig: signNonce(through, info.nonce) };
    const connect = { verbose: false, jwt, sig: signNonce(user, info.nonce), ...proxied };
    await client.send(`CONNECT ${JSON.stringify(connect)}\r\nPING\r\n`);
    if (through !== null) {
      await client.expect(PONG);
      continue;
    }
    assertEquals(await client.expectEnd(), VIOLATION);
    assertEquals(await refusedAs(server, info.client_id), "Proxy Required");
  }
});

Deno.test("a service may demand a proxy, and sees none of its signature", async () => {
  const proxy = createUser();
  const stranger = createAccount();
  let asked: Json = null;
  await using callout = await calloutServer(
    `authorization {
       users: [ { user: "auth", password: "pwd" } ]
       auth_callout { issuer: "${ISSUER}", auth_users: [ auth ] }
     }
     ${trusting(proxy)}`,
    (request) => {
      asked = request.connect;
      return answer(request, { jwt: userIn(request.user, "$G", { proxy_required: true }) });
    },
  );
  const { client } = await login(callout.server, proxy, { user: "a", pass: "b" });
  await client.expect(PONG);
  assertEquals(asked.proxy_sig, undefined);
  const direct = await login(callout.server, null, { user: "a", pass: "b" });
  assertEquals(await direct.client.expectEnd(), VIOLATION);
  // Who comes through a proxy that nobody trusts is not even asked about.
  asked = null;
  const wrong = await login(callout.server, stranger, { user: "a", pass: "b" });
  assertEquals(await wrong.client.expectEnd(), VIOLATION);
  assertEquals(asked, null);
});

Deno.test("evictProxied() sends away who came through proxies that are not trusted any more", async () => {
  const [kept, removed] = [createUser(), createUser()];
  await using server = await testServer({}, trusting(kept, removed));
  const stays = await login(server, kept);
  const goes = await login(server, removed);
  await stays.client.expect(PONG);
  await goes.client.expect(PONG);
  const connection = server.connection(goes.id);
  evictProxied(server.server.clients.values(), new Set([removed.getPublicKey()]));
  assertEquals(await goes.client.expectEnd(), VIOLATION);
  assertEquals(connection.closeReason, "Proxy Not Trusted");
  await stays.client.flush();
});

Deno.test("a reload ends the trust in proxies, and who came through them goes", async () => {
  const [removed, kept, added] = [createUser(), createUser(), createUser()];
  const logger = new CapturedLog();
  const users = "authorization { users = [ { user: u, password: pwd, proxy_required: true } ] }";
  const config = (...keys: KeyPair[]) => `${LISTEN}${trusting(...keys)}\n${users}`;
  await using server = await reloadServer(config(removed, kept), { logger });
  const as = { user: "u", pass: "pwd" };
  const goes = await login(server, removed, as);
  const stays = await login(server, kept, as);
  await goes.client.expect(PONG);
  await stays.client.expect(PONG);
  const connection = server.connection(goes.id);

  await server.reload(config(added, kept));
  assertEquals(await goes.client.expectEnd(), VIOLATION);
  assertEquals(connection.closeReason, "Proxy Not Trusted");
  await stays.client.flush();
  assertEquals(logger.texts("notice", "proxies"), [
    `Reloaded: proxies trusted keys ["${removed.getPublicKey()}"] were removed`,
    `Reloaded: proxies trusted keys ["${added.getPublicKey()}"] were added`,
  ]);
  assertEquals(
    (server.server.varz().proxies as Json).trusted.map(({ key }: Json) => key),
    [added.getPublicKey(), kept.getPublicKey()],
  );
  await (await login(server, added, as)).client.expect(PONG);
  assertEquals(await (await login(server, removed, as)).client.expectEnd(), VIOLATION);

  // Without any trusted proxy nobody comes in who must come through one.
  await server.reload(LISTEN + users);
  assertEquals(await stays.client.expectEnd(), VIOLATION);
  assertEquals(server.server.varz().proxies, undefined);
  const refused = await login(server, kept, as);
  assertEquals(await refused.client.expectEnd(), VIOLATION);
});
