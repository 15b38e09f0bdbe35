// Ports: server/jetstream_test.go: JetStream of accounts is turned on and off.
/**
 * JetStream of a server and of its accounts is turned on and off while the server runs, and what
 * accounts may use of it (server/jetstream_test.go).
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Account } from "../../../src/core/account/account.ts";
import { type TierLimits, unlimitedTiers } from "../../../src/jetstream/engine/limits.ts";
import { ApiError } from "../../../src/jsapi/mod.ts";
import { healthz } from "../../../src/monitor/mod.ts";
import { jetStreamOf, jetStreamServer, JsClient } from "../../harness/jetstream.ts";
import { LISTEN, reloadServer } from "../../harness/reload.ts";
import { refusal, refused } from "./_jetstream_a.ts";

Deno.test("TestJetStreamEnableAndDisableAccount", async () => {
  await using server = await jetStreamServer();
  const js = jetStreamOf(server.test);
  const { core } = js;
  assert(js.accountOf(core.globalAccount) !== null);
  assertEquals(js.accounts.size, 1);
  await js.disable(core.globalAccount);
  assertEquals(js.accounts.size, 0);
  assertEquals([js.memoryReserved, js.storeReserved], [0, 0]);
  const foo = core.addAccount("$FOO");
  js.enable(foo, unlimitedTiers());
  assertEquals(js.accounts.size, 1);
  await js.disable(foo);
  assertEquals(js.accounts.size, 0);
  // It was never on for this one, and the server does not know the other.
  const bar = core.addAccount("$BAR");
  await assertRejects(() => js.disable(bar), ApiError, "not enabled for account");
  const baz = new Account("$BAZ", { cache: true, hashSeed: 0 });
  assertThrows(() => js.enable(baz, unlimitedTiers()), Error, "not registered");
});

Deno.test("TestJetStreamDisabledHealthz", async () => {
  await using server = await jetStreamServer();
  await jetStreamOf(server.test).stop();
  const { status, error } = healthz(server.test.server, { jsEnabledOnly: true }).body;
  assertEquals([status, error], ["unavailable", "JetStream not enabled"]);
});

function limits(maxMemory: number, maxStore: number, more: Record<string, number> = {}) {
  const [unlimited] = unlimitedTiers().values();
  return new Map([["", { ...unlimited!, maxMemory, maxStore, ...more }]]) satisfies TierLimits;
}

Deno.test("TestJetStreamSystemLimits", async () => {
  const accounts = `accounts: {
    FOO: { users: [{user: foo, password: foo}] }, BAR: {}, BAZ: {}
  }\n`;
  await using server = await reloadServer(LISTEN + accounts);
  assertEquals(server.server.jetStream, null);
  await server.reload(
    `${LISTEN}${accounts}
    jetstream: {max_mem: 1024, max_file: 8192, store_dir: "${server.folder}"}`,
  );
  const engine = jetStreamOf(server);
  const { maxMemory, maxStore } = engine;
  assertEquals([maxMemory, maxStore], [1024, 8192]);
  const reserved = () => [engine.memoryReserved, engine.storeReserved];
  assertEquals(reserved(), [0, 0]);
  const [foo, bar, baz] = ["FOO", "BAR", "BAZ"].map((name) => server.account(name));
  engine.enable(foo!, limits(24, 192));
  // The rest of the memory.
  engine.enable(bar!, limits(1000, 0));
  assertThrows(() => engine.enable(baz!, limits(1000, 0)), ApiError, "memory");
  assertThrows(() => engine.enable(baz!, limits(0, 10_000)), ApiError, "storage");
  await engine.disable(foo!);
  await engine.disable(bar!);
  await assertRejects(() => engine.disable(baz!), ApiError);
  assertEquals(reserved(), [0, 0]);
  engine.enable(foo!, limits(24, 192));
  const most = { maxStreams: 10, maxConsumers: 10 };
  await engine.configureAccount(foo!, limits(maxMemory, maxStore, most));
  const js = new JsClient(await server.connect({ user: "foo", pass: "foo" }));
  const config = { storage: "memory" };
  for (let i = 0; i < 10; i++) {
    await js.addStream({ name: String(i), subjects: [`foo.${i}`], ...config });
  }
  for (let i = 0; i < 10; i++) await js.deleteStream(String(i));
  // More than the account may have; and one server has no replicas.
  await refused(js.addStream({ name: "22", max_bytes: 2 * maxStore, ...config }));
  await refused(js.addStream({ name: "22", num_replicas: 10, ...config }));
  const addConsumer = (name: string) =>
    js.addConsumer("22", { durable_name: name, ack_policy: "explicit" });
  /** The account's limit, the stream's, and the smaller one of both. */
  const expectMost = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) await addConsumer(`O:${i}`);
    assertEquals(await refusal(addConsumer("O:22")), "maximum consumers limit reached");
    await js.deleteStream("22");
  };
  const stream = { name: "22", subjects: ["foo.22"], ...config };
  await js.addStream(stream);
  await expectMost(10);
  await js.addStream({ ...stream, max_consumers: 5 });
  await expectMost(5);
  await js.addStream({ ...stream, max_consumers: 10 });
  await engine.configureAccount(
    foo!,
    limits(maxMemory, maxStore, { maxStreams: 10, maxConsumers: 5 }),
  );
  await expectMost(5);
});
