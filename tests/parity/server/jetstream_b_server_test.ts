// Ports: server/jetstream_test.go
/**
 * How servers are configured for JetStream, and what they find on disk
 * (server/jetstream_test.go).
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { emptyOptions, OptionsError, validateOptions } from "../../../src/config/mod.ts";
import { FileStore } from "../../../src/store/mod.ts";
import { jetStreamOf, jetStreamServer } from "../../harness/jetstream.ts";
import { testServer } from "../../harness/server.ts";

const GB = 1024 ** 3;

Deno.test("TestJetStreamServerResourcesConfig", async () => {
  await using server = await jetStreamServer(
    {},
    "jetstream: { max_mem_store: 2GB, max_file_store: 1TB }",
  );
  const { config } = jetStreamOf(server.test);
  assertEquals([config.maxMemory, config.maxStore], [2 * GB, 1024 * GB]);
});

Deno.test("TestJetStreamProgrammaticMaxStoreAndMaxMemory", async (t) => {
  const cases: [string, number, number][] = [
    ["only-max-store", 0, GB],
    ["only-max-memory", 2 * GB, 0],
    ["both", 2 * GB, GB],
    ["neither", 0, 0],
  ];
  for (const [name, jetStreamMaxMemory, jetStreamMaxStore] of cases) {
    await t.step(name, async () => {
      await using server = await jetStreamServer({ jetStreamMaxMemory, jetStreamMaxStore });
      const { maxMemory, maxStore } = jetStreamOf(server.test).config;
      if (jetStreamMaxMemory > 0) assertEquals(maxMemory, jetStreamMaxMemory);
      else assert(maxMemory > 0);
      if (jetStreamMaxStore > 0) assertEquals(maxStore, jetStreamMaxStore);
      else assert(maxStore > 0);
    });
  }
});

Deno.test("TestJetStreamServerDomainConfig", async () => {
  await using server = await jetStreamServer({}, 'jetstream: { domain: "HUB" }');
  assertEquals(jetStreamOf(server.test).config.domain, "HUB");
});

Deno.test("TestJetStreamServerDomainConfigButDisabled", async () => {
  await using server = await testServer({}, 'jetstream: { domain: "HUB", enabled: false }');
  assertEquals(server.server.jetStream, null);
  assertEquals(server.server.options.jetStreamDomain, "HUB");
});

Deno.test("TestJetStreamServerDomainBadConfig", () => {
  for (const domain of ["HU..B", "HU B", " ", "\t", "CORE.", ".CORE", "C.*.O. RE", "C.ORE"]) {
    const options = emptyOptions();
    options.jetStreamDomain = domain;
    assertThrows(() => validateOptions(options), OptionsError, "invalid domain name");
  }
});

Deno.test("TestJetStreamSyncInterval", async (t) => {
  const cases: [string, string, number, boolean][] = [
    ["Default", "", 120_000, false],
    ["10s", "sync_interval: 10s", 10_000, false],
    ["Always", "sync_interval: always", 120_000, true],
  ];
  for (const [name, setting, syncIntervalMs, syncAlways] of cases) {
    await t.step(name, async () => {
      await using server = await jetStreamServer({}, `jetstream: { enabled: true, ${setting} }`);
      assertEquals(server.test.server.options.syncIntervalMs, syncIntervalMs);
      const js = await server.jetStream();
      await js.addStream({ name: "TEST", subjects: ["test.>"] });
      const { store } = server.stream("TEST");
      assert(store instanceof FileStore);
      const { options } = store.core;
      assertEquals([options.syncIntervalMs, options.syncAlways], [syncIntervalMs, syncAlways]);
    });
  }
});

Deno.test("TestJetStreamStoreDirectoryFix", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  await js.addStream({ name: "TEST" });
  await js.publish("TEST", "TSS");
  await js.addConsumer("TEST", {
    durable_name: "dlc",
    deliver_subject: "deliver",
    ack_policy: "explicit",
  });
  await server.stop();
  const { storeDir } = server;
  const own = `${storeDir}/jetstream`;
  for await (const { name } of Deno.readDir(own)) {
    await Deno.rename(`${own}/${name}`, `${storeDir}/${name}`);
  }
  await Deno.remove(own, { recursive: true });
  await server.restart();
  js = await server.jetStream();
  assertEquals((await js.api("STREAM.NAMES")).streams, ["TEST"]);
  assertEquals((await js.api("CONSUMER.NAMES.TEST")).consumers, ["dlc"]);
});
