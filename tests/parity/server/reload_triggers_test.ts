// Ports: server/events_test.go, server/signal_test.go, server/accounts_test.go, server/jetstream_batching_test.go, test/ports_test.go
/**
 * What makes a server reload, and reloads in the middle of services.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ReloadError } from "../../../src/reload/mod.ts";
import { handleSignal } from "../../../src/server/handle_signal.ts";
import { openServerLog } from "../../../src/logger/mod.ts";
import { logWorld } from "../../harness/logs.ts";
import { LISTEN, reloadServer } from "../../harness/reload.ts";
import { Inbox, until } from "../../harness/server.ts";

Deno.test("TestServerEventsReload", async () => {
  const config = (interval: string) =>
    LISTEN + `accounts: {
      $SYS { users [{user: "admin", password: "p1d"}]}
      test { users [{user: "foo", password: "bar"}]}
    }
    ping_interval: "${interval}"`;
  await using server = await reloadServer(config("100ms"));
  const { options } = server.server;
  const subject = `$SYS.REQ.SERVER.${server.server.id}.RELOAD`;
  const outsider = await server.connect({ user: "foo", pass: "bar" });
  await assertRejects(() => outsider.request(subject, "", { timeout: 100 }));
  assertEquals(options.pingIntervalMs, 100);
  const admin = await server.connect({ user: "admin", pass: "p1d" });
  const ask = async () =>
    (await admin.request(subject, "", { timeout: 10_000 })).json<{
      data?: unknown;
      error?: { code: number; description: string };
    }>();
  await server.write(config("200ms"));
  const done = await ask();
  assertEquals([done.data, done.error], [undefined, undefined]);
  assertEquals(options.pingIntervalMs, 200);
  await server.write("garbage and nonsense");
  const refused = await ask();
  assertEquals(refused.data, undefined);
  assertStringIncludes(
    refused.error!.description,
    "Parse error on line 1: 'Expected a top-level value to end with a new line, comment or EOF, " +
      "but got 'n' instead.'",
  );
  assertEquals(options.pingIntervalMs, 200);
});

Deno.test("TestSignalToReloadConfig", async () => {
  const config = (user: string) =>
    LISTEN + `accounts: { A: { users: [ { user: "${user}", password: foo } ] } }`;
  await using server = await reloadServer(config("foo"));
  const lines: string[] = [];
  const log = openServerLog(server.server.options, logWorld(lines));
  const hangUp = async (): Promise<void> => {
    const { configLoadMs } = server.server;
    await until(() => Date.now() > configLoadMs);
    handleSignal(server.server, log, "SIGHUP");
    await until(() => server.server.configLoadMs > configLoadMs);
  };
  await hangUp();
  for (let i = 0; i < 2; i++) {
    await server.write(config(`foo:${i}`));
    await hangUp();
    await server.accepted({ user: `foo:${i}`, pass: "foo" });
  }
  log.close();
});

Deno.test("TestPortsFileReload", async () => {
  const config = (folder: string, name: string) => `ports_file_dir: "${folder}/${name}"\nport: -1`;
  await using server = await reloadServer((folder) => {
    for (const name of ["A", "B"]) Deno.mkdirSync(`${folder}/${name}`);
    return config(folder, "A");
  });
  const filesIn = (name: string) =>
    [...Deno.readDirSync(`${server.folder}/${name}`)].map((file) => file.name);
  const [file] = filesIn("A");
  assert(file!.endsWith(`_${Deno.pid}.ports`));
  assert((await Deno.readTextFile(`${server.folder}/A/${file}`)).length > 0);
  await server.reload(config(server.folder, "B"));
  assertEquals([filesIn("A"), filesIn("B")], [[], [file]]);
  assert((await Deno.readTextFile(`${server.folder}/B/${file}`)).length > 0);
});

Deno.test("TestAccountImportCycle", async () => {
  const config = (exported: string, imported: string) => `
    port: -1
    accounts: {
      CP: {
        users: [ {user: cp, password: cp}, ],
        exports: [
          {service: "q1.>", response_type: Singleton},
          {service: "q2.>", response_type: Singleton},
          ${exported}
        ],
      },
      A: {
        users: [ {user: a, password: a}, ],
        imports: [
          {service: {account: CP, subject: "q1.>"}},
          {service: {account: CP, subject: "q2.>"}},
          ${imported}
        ]
      },
    }`;
  await using server = await reloadServer(config("", ""));
  const responder = await server.connect({ user: "cp", pass: "cp" });
  const requester = await server.connect({ user: "a", pass: "a" });
  responder.subscribe("q1.>", { callback: (_, message) => void message.respond("reply") });
  await responder.flush();
  const inbox = new Inbox(requester, "q2.inbox");
  await requester.flush();
  const request = async (): Promise<void> => {
    requester.publish("q1.a", "test", { reply: "q2.inbox" });
    await requester.flush();
    assertEquals((await inbox.next(1000))?.string(), "reply");
  };
  await request();
  await server.reload(
    config(
      `{service: "q3.>", response_type: Singleton},`,
      `{service: {account: CP, subject: "q3.>"}},`,
    ),
  );
  await request();
});

Deno.test("TestJetStreamAtomicBatchPublishConfigOpts", async () => {
  const config = (folder: string, values: readonly [number, number, number, string]) => {
    const [stream, total, messages, timeout] = values;
    return LISTEN + `jetstream {
      store_dir: "${folder}/js"
      limits { batch {
        max_inflight_per_stream: ${stream}
        max_inflight_total: ${total}
        max_msgs: ${messages}
        timeout: ${timeout}
      } }
    }`;
  };
  await using server = await reloadServer((folder) => config(folder, [10, 20, 100, "5s"]));
  const limits = server.server.options.jetStreamLimits;
  assertEquals(
    [
      limits.maxBatchInflightPerStream,
      limits.maxBatchInflightTotal,
      limits.maxBatchSize,
      limits.maxBatchTimeoutMs,
    ],
    [10, 20, 100, 5000],
  );
  const error = await assertRejects(
    () => server.reload(config(server.folder, [20, 40, 200, "10s"])),
    ReloadError,
  );
  assertStringIncludes(error.message, "config reload not supported for JetStreamLimits");
});
