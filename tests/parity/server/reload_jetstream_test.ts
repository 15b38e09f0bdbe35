// Ports: server/reload_test.go, server/jetstream_test.go
/**
 * Reloads of servers with JetStream.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { jetStreamOf, JsClient } from "../../harness/jetstream.ts";
import { LISTEN, type ReloadServer, reloadServer } from "../../harness/reload.ts";
import { until } from "../../harness/server.ts";
import { ReloadError } from "../../../src/reload/mod.ts";

async function jetStreamClient(
  server: ReloadServer,
  user = "",
  pass = "",
): Promise<JsClient> {
  return new JsClient(await server.connect(user === "" ? {} : { user, pass }));
}

Deno.test("TestConfigReloadNoPanicOnShutdown", async () => {
  const config = (folder: string, more: string) =>
    LISTEN + `
    jetstream: { store_dir: "${folder}/js" }
    accounts {
      A { users: [{user: A, password: pwd}]\n ${more} }
      B { users: [{user: B, password: pwd}] }
    }`;
  // The Go test tries 50 times, to meet its locks in each state.
  for (let i = 0; i < 10; i++) {
    const server = await reloadServer((folder) => config(folder, ""));
    await server.write(config(server.folder, "jetstream: true"));
    const reloaded = server.reload();
    // Stops after some turns of the loop, before or in the middle of the reload.
    for (let turn = 0; turn < i; turn++) await Promise.resolve();
    await Promise.all([reloaded, server.server.stop()]);
    await server[Symbol.asyncDispose]();
  }
});

Deno.test("TestJetStreamReloadPreservesMaxConcurrentIOOnDisable", async () => {
  const config = (folder: string, limit: number) =>
    LISTEN + `jetstream: {
      max_mem_store: 2MB, max_file_store: 8MB
      store_dir: '${folder}/js', max_concurrent_io: ${limit}
    }`;
  await using server = await reloadServer((folder) => config(folder, 128));
  const { options } = server.server;
  const check = (): void => assertEquals(options.jetStreamConcurrentIOs, 128);
  check();
  // Off, off again, and on with the same values.
  for (const text of [LISTEN, LISTEN, config(server.folder, 128)]) {
    await server.reload(text);
    check();
    assertEquals(server.server.jetStream !== null, text !== LISTEN);
  }
  const error = await assertRejects(() => server.reload(config(server.folder, 256)), ReloadError);
  assertStringIncludes(error.message, "JetStreamConcurrentIOs");
  check();
});

Deno.test("TestJetStreamReloadMaxMemAndStore", async () => {
  const MB = 1024 * 1024;
  const config = (folder: string, limit: string) =>
    LISTEN + `http: 127.0.0.1:-1
    jetstream {
      max_mem_store: ${limit}, max_file_store: ${limit}, store_dir = "${folder}/js"
    }`;
  await using server = await reloadServer((folder) => config(folder, "128MB"));
  const check = async (limit: number): Promise<void> => {
    const { maxMemory, maxStore } = jetStreamOf(server).config;
    assertEquals([maxMemory, maxStore], [limit, limit]);
    const url = `http://127.0.0.1:${server.server.monitorPort}/varz`;
    const { jetstream } = await (await fetch(url)).json();
    assertEquals([jetstream.config.max_memory, jetstream.config.max_storage], [limit, limit]);
  };
  await check(128 * MB);
  const client = await jetStreamClient(server);
  const kinds = ["file", "memory"];
  const add = (name: string, storage: string) =>
    client.addStream({ name: `${name}-${storage}`, storage, max_bytes: 128 * MB });
  for (const kind of kinds) await add("TEST", kind);
  const refusals = [
    "insufficient storage resources available",
    "insufficient memory resources available",
  ];
  for (const [i, kind] of kinds.entries()) {
    const error = await assertRejects(() => add("TEST2", kind), Error);
    assertStringIncludes(error.message, refusals[i]!);
  }
  await server.reload(config(server.folder, "512MB"));
  await check(512 * MB);
  for (const kind of kinds) await add("TEST2", kind);
  const error = await assertRejects(
    () => server.reload(config(server.folder, "511MB")),
    ReloadError,
  );
  assertEquals(
    error.message,
    "config reload not supported for decreasing jetstream max memory and store",
  );
  await check(512 * MB);
});

Deno.test("TestJetStreamConfigReloadWithGlobalAccount", async () => {
  const config = (folder: string, password: string) =>
    LISTEN + `
    authorization { users [ {user: anonymous}, {user: user1, password: ${password}} ] }
    no_auth_user: anonymous
    jetstream { store_dir = "${folder}/js" }`;
  await using server = await reloadServer((folder) => config(folder, "pwd"));
  const client = await jetStreamClient(server);
  await client.api("INFO");
  await client.addStream({ name: "foo" });
  for (let i = 1; i <= 10; i++) await client.request("foo", `MSG: ${i}`);
  assertEquals((await client.streamInfo("foo")).state.messages, 10);
  await server.reload(config(server.folder, "pwd2"));
  const after = await jetStreamClient(server);
  await after.addStream({ name: "bar" });
  await after.api("INFO");
});

Deno.test("TestJetStreamImportReload", async () => {
  const config = (folder: string, exported: string, imported: string) =>
    LISTEN + `
    jetstream: {max_mem_store: 2MB, max_file_store: 8MB, store_dir: '${folder}/js'}
    accounts: {
      account_a: { users: [{user: user_a, password: pwd}]\n ${exported} }
      account_b: { users: [{user: user_b, password: pwd}]\n jetstream: enabled\n ${imported} }
    }`;
  await using server = await reloadServer(
    (folder) =>
      config(
        folder,
        "exports: [{stream: news.>}]",
        "imports: [{stream: {subject: news.>, account: account_a}}]",
      ),
  );
  const a = await server.connect({ user: "user_a", pass: "pwd" });
  const b = await jetStreamClient(server, "user_b", "pwd");
  await b.addStream({ name: "news", subjects: ["news.>"] });
  a.publish("news.article");
  await until(async () => (await b.streamInfo("news")).state.messages === 1);
  await server.reload(config(server.folder, "", ""));
  a.publish("news.article");
  await a.flush();
  assertEquals((await b.streamInfo("news")).state.messages, 1);
});

Deno.test("TestJetStreamServerReload", async () => {
  await using server = await reloadServer(
    (folder) =>
      LISTEN + `
      jetstream: {max_mem_store: 64GB, max_file_store: 10TB, store_dir: "${folder}/js" }
      accounts: {
        A: { users: [ {user: ua, password: pwd} ] },
        B: {
          jetstream: {max_mem: 1GB, max_store: 1TB, max_streams: 10, max_consumers: 1k}
          users: [ {user: ub, password: pwd} ]
        },
        SYS: { users: [ {user: uc, password: pwd} ] },
      }
      no_auth_user: ub
      system_account: SYS`,
  );
  assert(server.server.jetStream !== null);
  const client = new JsClient(
    await server.connect({ reconnect: true, reconnectTimeWait: 10, reconnectJitter: 0 }),
  );
  const info = () => client.api("INFO");
  await info();
  await client.addStream({ name: "22" });
  for (let i = 1; i <= 10; i++) await client.request("22", `MSG: ${i}`);
  assertEquals((await client.streamInfo("22")).state.messages, 10);
  await server.reload();
  await info();
  assertEquals((await client.request("22", "MSG: 22")).seq, 11);
});

Deno.test("TestJetStreamReloadMetaCompact", async () => {
  const config = (folder: string, more: string) =>
    LISTEN + `jetstream: {
      max_mem_store: 2MB, max_file_store: 8MB, store_dir: '${folder}/js'\n ${more}
    }`;
  await using server = await reloadServer((folder) => config(folder, ""));
  const { options } = server.server;
  assertEquals(options.jetStreamMetaCompact, 0);
  for (const value of [100, 0]) {
    await server.reload(config(server.folder, `meta_compact: ${value}`));
    assertEquals(options.jetStreamMetaCompact, value);
  }
});

Deno.test("TestJetStreamMultipleAccountsBasics", async () => {
  const GB = 1024 ** 3;
  const config = (folder: string, a: string, b: string, c: string) =>
    LISTEN + `
    jetstream: {max_mem_store: 64GB, max_file_store: 10TB, store_dir: "${folder}/js"}
    accounts: {
      A: { ${a}, users: [ {user: ua, password: pwd} ] },
      B: { ${b}, users: [ {user: ub, password: pwd} ] },
      C: { ${c} users: [ {user: uc, password: pwd} ] },
    }`;
  const small = "jetstream: {max_mem: 1GB, max_store: 1TB, max_streams: 10, max_consumers: 1k}";
  const large = "jetstream: {max_mem: 32GB, max_store: 512GB, max_streams: 100, max_consumers: 4k}";
  await using server = await reloadServer((folder) =>
    config(folder, "jetstream: enabled", small, "")
  );
  assert(server.server.jetStream !== null);
  const [a, b, c] = await Promise.all(
    ["ua", "ub", "uc"].map((user) => jetStreamClient(server, user, "pwd")),
  );
  const expectLimits = async (client: JsClient, expected: readonly number[]): Promise<void> => {
    const { limits } = await client.api("INFO");
    assertEquals(
      [limits.max_memory, limits.max_storage, limits.max_streams, limits.max_consumers],
      expected,
    );
  };
  // An account without JetStream is told so.
  const expectNotEnabled = async (client: JsClient): Promise<void> => {
    const { error } = await client.request("$JS.API.INFO");
    assert(error !== undefined);
  };
  await expectLimits(b!, [GB, 1024 * GB, 10, 1000]);
  await expectNotEnabled(c!);
  await server.reload(config(server.folder, "jetstream: disabled", large, `${small},`));
  await expectNotEnabled(a!);
  await expectLimits(b!, [32 * GB, 512 * GB, 100, 4000]);
  await expectLimits(c!, [GB, 1024 * GB, 10, 1000]);
});
