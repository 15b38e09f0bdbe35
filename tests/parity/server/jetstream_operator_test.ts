// Ports: server/jetstream_test.go: accounts of an operator.
/**
 * JetStream of accounts that come with JWTs (server/jetstream_test.go).
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { jsz } from "../../../src/monitor/mod.ts";
import type { Json } from "../../harness/jetstream.ts";
import { createAccount } from "../../harness/jwt.ts";
import { connectUser } from "../../harness/jwt_login.ts";
import { newAccount, operatorOptions } from "../../harness/operator.ts";
import { type TestServer, testServer } from "../../harness/server.ts";
import { temporaryDirectory } from "../../sim/environment.ts";
import { api, flatLimits, OperatorWorld } from "./_jwt_jetstream.ts";

const MIB = 1024 * 1024;

Deno.test("TestJetStreamAccountPurge", async () => {
  using world = new OperatorWorld();
  const account = createAccount();
  const name = account.getPublicKey();
  const entries = (directory: string): string[] => {
    try {
      return [...Deno.readDirSync(directory)].map(({ name }) => name);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  };
  const directory = `${world.directory}/jetstream/${name}`;
  const createTestData = async (server: TestServer): Promise<void> => {
    const client = await world.connect(server, account);
    const stream = await api(client, "STREAM.CREATE.TEST1", { name: "TEST1", subjects: ["foo"] });
    assertEquals(stream.error, undefined);
    const consumer = await api(client, "CONSUMER.CREATE.TEST1.DUR1", {
      stream_name: "TEST1",
      config: { durable_name: "DUR1", ack_policy: "explicit" },
    });
    assertEquals(consumer.error, undefined);
    await client.close();
  };
  const purge = async (server: TestServer, account = name): Promise<Json> => {
    const client = await world.connect(server, world.system);
    const answer = await api(client, `ACCOUNT.PURGE.${account}`);
    await client.close();
    return answer;
  };
  {
    await using server = await world.start();
    await world.push(server, world.system);
    await world.push(server, account, flatLimits(5, 5, { streams: -1, consumer: -1 }));
    for (let round = 0; round < 2; round++) {
      await createTestData(server);
      assertEquals(entries(`${directory}/streams`), ["TEST1"]);
      if (round > 0) break;
      assertEquals((await purge(server)).initiated, true);
      assertEquals(entries(directory), []);
    }
    const { error } = await purge(server, "foo/hello");
    assertEquals(error.description, "account name can not contain path separators");
  }
  // The server does not know the account any more.
  await Deno.remove(`${world.directory}/jwts/${name}.jwt`);
  await using server = await world.start();
  assertEquals(entries(`${directory}/streams`), ["TEST1"]);
  assertEquals((await purge(server)).initiated, true);
  assertEquals(entries(directory), []);
});

Deno.test("TestJetStreamDisabledLimitsEnforcementJWT", async () => {
  using world = new OperatorWorld();
  await using server = await world.start();
  const account = createAccount();
  await world.push(server, account, {
    limits: { mem_storage: 1024, disk_storage: 0, streams: 1, consumer: 2 },
  });
  const client = await world.connect(server, account);
  const { error } = await api(client, "STREAM.CREATE.disk", {
    name: "disk",
    storage: "file",
    subjects: ["disk"],
  });
  assert(error !== undefined);
});

Deno.test("TestJetStreamOperatorAccounts", async () => {
  const system = newAccount({}, { name: "sys" });
  const one = newAccount(flatLimits(1024, 10 * 1024, { streams: 100 }), { name: "one" });
  using folder = temporaryDirectory();
  // As the reference's configs/js-op.conf.
  const start = (): Promise<TestServer> =>
    testServer({
      ...operatorOptions([system, one]),
      serverName: "S1",
      systemAccount: system.key,
      jetStream: true,
      storeDir: folder.path,
      jetStreamMaxMemory: 1024 * MIB,
      jetStreamMaxStore: 10 * 1024 * MIB,
      accountResolver: {
        kind: "full",
        dir: `${folder.path}/jwts`,
        limit: Number.MAX_SAFE_INTEGER,
        syncIntervalMs: 10_000,
        fetchTimeoutMs: 500,
        delete: "rename",
      },
    });
  const total = 100;
  {
    await using server = await start();
    const client = await connectUser(server, one);
    const created = await api(client, "STREAM.CREATE.TEST", { name: "TEST" });
    assertEquals(created.error, undefined);
    for (let seq = 1; seq <= total; seq++) {
      const ack = (await client.request("TEST", "OK", { timeout: 10_000 })).json<Json>();
      assertEquals(ack, { stream: "TEST", seq });
    }
  }
  await using server = await start();
  const { streams, messages } = JSON.parse(jsz(server.server));
  assertEquals([streams, messages], [1, total]);
});
