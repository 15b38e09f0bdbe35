/**
 * Scoped signing keys: who may come how, over WebSocket, too, and what changes when they change.
 *
 * Ports: server/jwt_test.go
 *
 * @module
 */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  AuthorizationError,
  type ConnectionOptions,
  jwtAuthenticator,
  type NatsConnection,
} from "@nats-io/transport-node";
import type { Json } from "../../harness/jetstream.ts";
import {
  createAccount,
  createUser,
  encodeAccount,
  encodeScopedUser,
  encodeUser,
  type KeyPair,
  signNonce,
} from "../../harness/jwt.ts";
import { testServer, until } from "../../harness/server.ts";
import { WebsocketClient } from "../../harness/websocket_client.ts";
import { temporaryDirectory } from "../../sim/environment.ts";
import { ojwt, oKp } from "./_jwt.ts";

interface Credentials {
  readonly user: KeyPair;
  readonly jwt: string;
}

function login({ user, jwt }: Credentials): ConnectionOptions {
  return { authenticator: jwtAuthenticator(jwt, user.getSeed()) };
}

/** Begins of the statuses of a client, as they come. */
function watch(client: NatsConnection): string[] {
  const seen: string[] = [];
  void (async () => {
    for await (const status of client.status()) seen.push(status.type);
  })();
  return seen;
}

Deno.test("TestJWTScopedSigningKeys", async (t) => {
  const [system, account, plain, scoped] = [0, 1, 2, 3].map(createAccount) as [
    KeyPair,
    KeyPair,
    KeyPair,
    KeyPair,
  ];
  const accountJwt = (template: Record<string, unknown>): string =>
    encodeAccount(
      account,
      {
        signing_keys: [
          plain.getPublicKey(),
          {
            kind: "user_scope",
            key: scoped.getPublicKey(),
            role: "",
            template: { subs: -1, data: -1, ...template },
          },
        ],
      },
      { name: "acc" },
      oKp,
    );
  const user = (): KeyPair => createUser();
  const unscoped = (signer: KeyPair, owner: KeyPair): Credentials => {
    const one = user();
    const issuer = signer === owner ? {} : { issuer_account: owner.getPublicKey() };
    return { user: one, jwt: encodeUser(one, signer, issuer) };
  };
  const one = user();
  const good: Credentials = { user: one, jwt: encodeScopedUser(one, scoped, account) };

  using directory = temporaryDirectory();
  await using server = await testServer(
    {},
    `operator: ${ojwt}
     system_account: ${system.getPublicKey()}
     resolver: { type: full, dir: '${directory.path}' }
     websocket { listen: "127.0.0.1:-1", no_tls: true }`,
  );
  const push = async (pair: KeyPair, jwt: string): Promise<void> => {
    const client = await server.connect(login(unscoped(system, system)));
    const subject = `$SYS.REQ.ACCOUNT.${pair.getPublicKey()}.CLAIMS.UPDATE`;
    const answer = (await client.request(subject, jwt)).json<Json>();
    assertEquals(answer.error, undefined);
    await client.close();
  };
  /** The first characters of what the server answers to a login over WebSocket. */
  const overWebsocket = async ({ user, jwt }: Credentials): Promise<string> => {
    using client = await WebsocketClient.connect(server.server.websocket!.port);
    const info = new TextDecoder().decode((await client.next()).payload);
    const { nonce } = JSON.parse(info.slice(5));
    const connect = { verbose: false, jwt, sig: signNonce(user, nonce) };
    await client.send(`CONNECT ${JSON.stringify(connect)}\r\nPING\r\n`);
    return (await client.text()).slice(0, 4);
  };
  await push(system, encodeAccount(system, {}, {}, oKp));
  const template = {
    payload: 5,
    pub: { deny: ["denied"] },
    allowed_connection_types: ["STANDARD"],
  };
  await push(account, accountJwt(template));

  await t.step("bad-scoped-signing-key", async () => {
    const bad = login(unscoped(scoped, account));
    await assertRejects(() => server.connect(bad), AuthorizationError);
  });
  await t.step("regular-signing-key", async () => {
    const client = await server.connect(login(unscoped(plain, account)));
    const seen = watch(client);
    client.publish("denied");
    await client.flush();
    assertEquals(seen, []);
    await client.close();
  });
  await t.step("scoped-signing-key-client-side", async () => {
    const client = await server.connect(login(good));
    await client.flush();
    assertThrows(
      () => client.publish("too-long", "way.too.long.for.payload.limit"),
      Error,
      "max_payload",
    );
    await client.close();
  });
  await t.step("scoped-signing-key-server-side", async () => {
    const client = await server.connect(login(good));
    const seen = watch(client);
    client.publish("denied");
    await client.flush();
    await until(() => seen.includes("error"));
    await client.close();
  });
  await t.step("scoped-signing-key-allowed-conn-types", async () => {
    assertEquals(await overWebsocket(good), "-ERR");
  });
  await t.step("scoped-signing-key-reload", async () => {
    const client = await server.connect({
      ...login(good),
      reconnect: true,
      reconnectTimeWait: 100,
      ignoreAuthErrorAbort: true,
    });
    const seen = watch(client);
    const got: string[] = [];
    client.subscribe("denied", { callback: (_, message) => void got.push(message.string()) });
    client.publish("denied");
    await client.flush();
    await until(() => seen.includes("error"));
    assertEquals(got, []);
    await push(
      account,
      accountJwt({ payload: -1, allowed_connection_types: ["STANDARD", "WEBSOCKET"] }),
    );
    await until(() => seen.includes("disconnect") && seen.includes("reconnect"));
    await client.flush();
    const before = seen.length;
    client.publish("denied", "way.too.long.for.old.payload.limit");
    await client.flush();
    await until(() => got.length > 0);
    assertEquals([got, seen.slice(before)], [["way.too.long.for.old.payload.limit"], []]);
    await client.close();
    assertEquals(await overWebsocket(good), "PONG");
  });
});
