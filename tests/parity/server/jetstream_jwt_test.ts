/**
 * Ports: server/jetstream_jwt_test.go, the tests that run on one server.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { NatsConnection } from "@nats-io/transport-node";
import { accountInfo, healthz } from "../../../src/monitor/mod.ts";
import { createAccount, nowS } from "../../harness/jwt.ts";
import { until } from "../../harness/server.ts";
import { api, flatLimits, OperatorWorld } from "./_jwt_jetstream.ts";

const MIB = 1024 * 1024;

Deno.test("TestJetStreamJWTLimits", async () => {
  using world = new OperatorWorld();
  const account = createAccount();
  const limits1 = flatLimits(1, 2, { streams: 1, consumer: 2, max_bytes_required: true });
  const limits2 = flatLimits(4, 8, { streams: 3, consumer: 4 });
  const exceeded = flatLimits(8, 16, { streams: 5, consumer: 6 });
  const validate = async (client: NatsConnection, { limits }: typeof limits1): Promise<void> => {
    const info = await api(client, "INFO");
    assertEquals(
      [
        info.limits.max_memory,
        info.limits.max_storage,
        info.limits.max_streams,
        info.limits.max_consumers,
      ],
      [limits.mem_storage, limits.disk_storage, limits.streams, limits.consumer],
    );
  };
  const infoError = async (client: NatsConnection): Promise<void> => {
    assert((await api(client, "INFO")).error !== undefined, "expected error");
  };
  const disabled = async (client: NatsConnection): Promise<void> => {
    await assertRejects(() => client.request("$JS.API.INFO", "", { timeout: 300 }));
  };
  {
    await using server = await world.start();
    await world.push(server, account, limits1);
    const client = await world.connect(server, account);
    await validate(client, limits1);
    await world.push(server, account, limits2);
    await validate(client, limits2);
    await world.push(server, account, limits2);
    await validate(client, limits2);
    await world.push(server, account, exceeded);
    await validate(client, limits2);
    await world.push(server, account, {});
    await infoError(client);
    await world.push(server, account, limits2);
    await validate(client, limits2);
    await world.push(server, account, {});
    await infoError(client);
    await world.push(server, account, exceeded);
    await disabled(client);
    await world.push(server, account, limits2);
    await validate(client, limits2);
    await world.push(server, account, exceeded);
    await validate(client, limits2);
  }
  {
    await using server = await world.start({
      jetStreamMaxMemory: 20 * MIB,
      jetStreamMaxStore: 20 * MIB,
    });
    await validate(await world.connect(server, account), exceeded);
  }
  await using server = await world.start({ jetStream: false });
  const client = await world.connect(server, account);
  await disabled(client);
  await world.push(server, account, limits2);
  await disabled(client);
});

Deno.test("TestJetStreamJWTDisallowBearer", async () => {
  using world = new OperatorWorld();
  await using server = await world.start({ jetStream: false });
  const account = createAccount();
  await world.push(server, account);
  const bearer = world.login(account, { bearer_token: true });
  const client = await server.connect(bearer);
  const closed = client.closed();
  await world.push(server, account, { limits: { disallow_bearer: true } });
  assertStringIncludes(String(await closed), "Authorization Violation");
  await assertRejects(() => server.connect(bearer));
  await world.connect(server, account);
});

Deno.test("TestJetStreamJWTExpiredAccountNotCountedTowardLimits", async () => {
  using world = new OperatorWorld();
  await using server = await world.start();
  const limits = flatLimits(7, 7, { streams: 10 });
  const first = createAccount();
  await world.push(server, first, limits);
  const client = await world.connect(server, first);
  assertEquals((await api(client, "INFO")).limits.max_memory, 7 * MIB);
  await client.close();
  assertEquals((await world.delete(server, first)).data.message, "deleted 1 accounts");
  const second = createAccount();
  await world.push(server, second, limits);
  const info = await api(await world.connect(server, second), "INFO");
  assertEquals(info.limits.max_memory, 7 * MIB);
});

Deno.test("TestJetStreamJWTExpiredAccountWorksAfterExpirationUpdated", async () => {
  using world = new OperatorWorld();
  await using server = await world.start();
  const account = createAccount();
  const name = account.getPublicKey();
  const limits = flatLimits(1, 2, { streams: 1 });
  await world.push(server, account, limits, { name: "TEST" });
  const login = world.login(account);
  const client = await server.connect(login);
  await api(client, "STREAM.CREATE.TEST", { name: "TEST", subjects: ["foo"] });
  await client.request("foo", "hello");
  const closed = client.closed();
  await world.push(server, account, limits, { name: "TEST", exp: nowS() + 2 });
  // Its end is what makes publishing fail in the reference's test.
  assertStringIncludes(String(await closed).toLowerCase(), "expired");
  await assertRejects(() => server.connect(login));
  const state = () => {
    const { expired, jetstream_enabled } = accountInfo(server.server, name);
    return { expired, jetstream_enabled };
  };
  assertEquals(state(), { expired: true, jetstream_enabled: true });
  await world.push(server, account, limits, { name: "TEST", exp: nowS() + 3600 });
  assertEquals(state(), { expired: false, jetstream_enabled: true });
  const again = await server.connect(login);
  assertEquals((await again.request("foo", "hello")).json<{ seq: number }>().seq, 2);
});

Deno.test("TestJetStreamJWTHealthzIgnoresExpiredAccounts", async () => {
  using world = new OperatorWorld();
  await using server = await world.start();
  const account = createAccount();
  const limits = flatLimits(1, 2, { streams: 1 });
  await world.push(server, account, limits, { name: "TEST" });
  const client = await world.connect(server, account);
  const created = await api(client, "STREAM.CREATE.TEST", { name: "TEST", subjects: ["foo"] });
  assertEquals(created.error, undefined);
  await client.close();
  await world.push(server, account, limits, { name: "TEST", exp: nowS() + 2 });
  const name = account.getPublicKey();
  await until(() => server.account(name).trust!.expired);
  const all = healthz(server.server);
  assertEquals([all.body.status, all.code], ["ok", 200]);
  const explicit = healthz(server.server, { account: name });
  assertEquals([explicit.body.status, explicit.code], ["unavailable", 503]);
  const detailed = healthz(server.server, { account: name, stream: "TEST", details: true });
  assertEquals([detailed.body.status, detailed.code], ["error", 503]);
  assertEquals(detailed.body.errors?.map(({ type }) => type), ["ACCOUNT"]);
});

Deno.test("TestJetStreamJWTDeletedAccountDoesNotLeakSubscriptions", async () => {
  using world = new OperatorWorld();
  await using server = await world.start();
  const before = server.server.subscriptionCount;
  for (let i = 0; i < 10; i++) {
    const account = createAccount();
    await world.push(server, account, flatLimits(7, 7, { streams: 10 }));
    const client = await world.connect(server, account);
    assertEquals((await api(client, "INFO")).limits.max_memory, 7 * MIB);
    await client.close();
    assertEquals((await world.delete(server, account)).data.message, "deleted 1 accounts");
  }
  await until(
    () => server.server.subscriptionCount <= before + 1,
    () => `Expected num subs to be back at ${before}, got ${server.server.subscriptionCount}`,
  );
});

Deno.test("TestJetStreamJWTDeletedAccountIsReEnabled", async () => {
  using world = new OperatorWorld();
  await using server = await world.start();
  const account = createAccount();
  const jwt = world.encode(account, flatLimits(7, 7, { streams: 10 }));
  await world.pushJwt(server, account, jwt);
  const login = world.login(account);
  const client = await server.connect(login);
  await api(client, "STREAM.CREATE.foo", { name: "foo", subjects: ["foo"] });
  await client.request("foo", "Hello World");
  await client.request("foo", "Hello Again");
  const before = await api(client, "INFO");
  assertEquals(before.limits.max_memory, 7 * MIB);
  assertEquals(before.limits.max_storage, 7 * MIB);
  assertEquals(before.streams, 1);
  const closed = client.closed();
  assertEquals((await world.delete(server, account)).data.message, "deleted 1 accounts");
  await closed;
  await assertRejects(() => client.request("$JS.API.INFO"));
  // The same JWT changes nothing.
  await world.pushJwt(server, account, jwt);
  await assertRejects(() => server.connect(login), Error, "Authorization Violation");
  await world.push(server, account, {
    limits: { mem_storage: -1, disk_storage: 10 * MIB, streams: 10 },
  });
  const again = await server.connect(login);
  const after = await api(again, "INFO");
  assertEquals(after.limits.max_memory, -1);
  assertEquals(after.limits.max_storage, 10 * MIB);
  assertEquals(after.streams, 1);
  assertEquals((await api(again, "STREAM.INFO.foo")).state.messages, 2);
  const first = await api(again, "STREAM.MSG.GET.foo", { seq: 1 });
  assertEquals(atob(first.message.data), "Hello World");
});

Deno.test("TestJetStreamJWTUpdateWithPreExistingStream", async () => {
  using world = new OperatorWorld();
  const exporter = createAccount();
  const importer = createAccount();
  {
    await using server = await world.start();
    await world.push(server, importer, {
      ...flatLimits(1, 1, { streams: -1, consumer: -1 }),
      imports: [
        { name: "import", subject: "foo", account: exporter.getPublicKey(), type: "stream" },
      ],
    });
    await world.push(server, exporter);
    const client = await world.connect(server, importer);
    const created = await api(client, "STREAM.CREATE.TEST", { name: "TEST", subjects: ["foo"] });
    assertEquals(created.error, undefined);
  }
  await using server = await world.start();
  const client = await world.connect(server, importer);
  assertEquals((await api(client, "STREAM.INFO.TEST")).state.messages, 0);
  await world.push(server, exporter, {
    exports: [{ name: "export", subject: "foo", type: "stream" }],
  });
  const publisher = await world.connect(server, exporter);
  publisher.publish("foo");
  await publisher.flush();
  await until(
    async () => (await api(client, "STREAM.INFO.TEST")).state.messages === 1,
    () => "the message was not captured",
  );
});
