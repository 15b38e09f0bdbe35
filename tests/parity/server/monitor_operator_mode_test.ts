// Ports: server/monitor_test.go
/**
 * How monitoring names accounts that operators made. The reference asks one server of a
 * super-cluster; what these tests assert, that server shows on its own.
 *
 * @module
 */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { jwtAuthenticator, type NatsConnection } from "@nats-io/transport-node";
import { accountStatz, accountz, jsz } from "../../../src/monitor/mod.ts";
import { jetStreamServer, JsClient } from "../../harness/jetstream.ts";
import { createUser, encodeUser } from "../../harness/jwt.ts";
import { connectUser } from "../../harness/jwt_login.ts";
import { newAccount, operatorOptions, type TestAccount } from "../../harness/operator.ts";
import type { TestServer } from "../../harness/server.ts";
import { closedCount, type Json, MODES, pollConnz, pollSubsz, readJson } from "./_monitor.ts";

const SYSTEM_NAME = "SYS";
const ACCOUNT_NAME = "APP";
const GLOBAL = "$G";

interface Monitored {
  server: TestServer;
  system: TestAccount;
  account: TestAccount;
}

/** Runs `use` beside a server with the system account SYS and the account APP. */
async function withOperator(use: (monitored: Monitored) => Promise<void>): Promise<void> {
  const system = newAccount({}, { name: SYSTEM_NAME });
  const account = newAccount(
    { limits: { disk_storage: -1, mem_storage: -1 } },
    { name: ACCOUNT_NAME },
  );
  await using started = await jetStreamServer({
    ...operatorOptions([system, account]),
    systemAccount: system.key,
    serverName: "n0",
    httpHost: "127.0.0.1",
    httpPort: -1,
  });
  await use({ server: started.test, system, account });
}

/** What HTTP shows, or what the function does. */
async function poll(
  { server }: TestServer,
  mode: number,
  path: string,
  ask: () => unknown,
): Promise<Json> {
  return mode === 0 ? await readJson(server, path) : JSON.parse(JSON.stringify(ask()));
}

Deno.test("TestMonitorAccountStatzOperatorMode", async () => {
  await withOperator(async ({ server, system, account }) => {
    await connectUser(server, account);
    for (const mode of MODES) {
      const shown = await poll(
        server,
        mode,
        "/accstatz?unused=1",
        () => accountStatz(server.server, { unused: true }),
      );
      assertEquals(shown.server_id, server.server.id);
      const byKey = new Map<string, Json>(
        shown.account_statz.map((one: Json) => [one.acc, one] as const),
      );
      assertEquals([...byKey.keys()].sort(), [GLOBAL, system.key, account.key].sort());
      const own = byKey.get(account.key);
      assertEquals([own.name, own.conns], [ACCOUNT_NAME, 1]);
      assertGreater(own.num_subscriptions, 0);
      const ofSystem = byKey.get(system.key);
      assertEquals([ofSystem.name, ofSystem.conns], [SYSTEM_NAME, 0]);
      assertEquals(byKey.get(GLOBAL).name, GLOBAL);
    }
  });
});

Deno.test("TestMonitorAccountzOperatorMode", async () => {
  await withOperator(async ({ server, system, account }) => {
    await connectUser(server, account);
    for (const mode of MODES) {
      const all = await poll(server, mode, "/accountz", () => accountz(server.server));
      assertEquals(all.server_id, server.server.id);
      assertEquals(all.accounts.toSorted(), [GLOBAL, system.key, account.key].sort());
      assertEquals(all.system_account, system.key);
    }
    for (const mode of MODES) {
      const { account_detail: detail, system_account: systemAccount } = await poll(
        server,
        mode,
        `/accountz?acc=${system.key}`,
        () => accountz(server.server, system.key),
      );
      assertEquals(detail.account_name, system.key);
      assertEquals(detail.name_tag, SYSTEM_NAME);
      assertEquals(detail.is_system, true);
      assertEquals(systemAccount, system.key);
    }
  });
});

Deno.test("TestMonitorConnzOperatorModeFilterByUser", async () => {
  await withOperator(async ({ server, account }) => {
    const clients: NatsConnection[] = [];
    const connectTimes = async (count: number): Promise<string> => {
      const user = createUser();
      const jwt = encodeUser(user, account.pair);
      for (let i = 0; i < count; i++) {
        const authenticator = jwtAuthenticator(jwt, user.getSeed());
        clients.push(await server.connect({ authenticator }));
      }
      return user.getPublicKey();
    };
    const a = await connectTimes(2);
    const b = await connectTimes(5);
    const check = async (user: string, count: number, mode: number, state?: "closed") => {
      const query = `?auth=true&user=${user}`;
      const { num_connections: shown, connections } = await pollConnz(server.server, mode, query, {
        auth: true,
        user,
        ...(state === undefined ? {} : { state }),
      });
      assertEquals(shown, count);
      assertEquals(connections.length, count);
      for (const one of connections) assertEquals(one.authorized_user, user);
    };
    await check(a, 2, 1);
    await check(b, 5, 1);
    await check(a, 2, 0);
    await Promise.all(clients.map((client) => client.close()));
    await closedCount(server.server, 7);
    await check(a, 2, 1, "closed");
  });
});

Deno.test("TestMonitorJszOperatorMode", async () => {
  await withOperator(async ({ server, account }) => {
    const js = new JsClient(await connectUser(server, account));
    await js.addStream({ name: "my-stream", subjects: ["foo", "bar"], max_bytes: 1024 });
    for (const mode of MODES) {
      const shown = await poll(
        server,
        mode,
        "/jsz?accounts=1",
        () => JSON.parse(jsz(server.server, { accounts: true })),
      );
      assertEquals(shown.server_id, server.server.id);
      assertEquals(shown.account_details.length, 1);
      const [{ id, name }] = shown.account_details;
      assertEquals([id, name], [account.key, ACCOUNT_NAME]);
    }
  });
});

Deno.test("TestSubszOperatorMode", async () => {
  await withOperator(async ({ server, system, account }) => {
    await connectUser(server, account);
    const names = new Map([
      [GLOBAL, GLOBAL],
      [system.key, SYSTEM_NAME],
      [account.key, ACCOUNT_NAME],
    ]);
    const check = (subscriptions: Json[]): void => {
      for (const one of subscriptions) {
        assert(names.has(one.account), `unknown account ${one.account}`);
        assertEquals(one.account_tag, names.get(one.account));
      }
    };
    for (const mode of MODES) {
      check((await pollSubsz(server.server, mode, "")).subscriptions_list ?? []);
      // The reference asks for no list, so that none is checked; here all three accounts are.
      const { subscriptions_list: list } = await pollSubsz(server.server, mode, "?subs=1", {
        subscriptions: true,
      });
      check(list);
      assertEquals(new Set(list.map((one: Json) => one.account)), new Set(names.keys()));
    }
  });
});
