// Ports: server/events_test.go
/**
 * `$SYS.REQ.SERVER.<id>.HEALTHZ`.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { jetStreamServer } from "../../harness/jetstream.ts";
import { testServer } from "../../harness/server.ts";
import { ask } from "./_events.ts";

const OK = { status: "ok", status_code: 200 };
const NO_ACCOUNT = '"account" must not be empty when checking stream health';
const NO_STREAM = '"stream" must not be empty when checking consumer health';
const ACCOUNT_ABC = 'JetStream account "abc" not found';
const STREAM_ABC = 'JetStream stream "abc" not found on account "ONE"';
const CONSUMER_ABC = 'JetStream consumer "abc" not found for stream "test" on account "ONE"';
const ONE = { account: "ONE" };
const TEST = { ...ONE, stream: "test" };

const CASES: readonly { name: string; asked?: unknown; expected: unknown }[] = [
  { name: "no parameters", expected: OK },
  { name: "with js enabled only", asked: { "js-enabled-only": true }, expected: OK },
  { name: "with server only", asked: { "js-server-only": true }, expected: OK },
  { name: "with js meta only", asked: { "js-meta-only": true }, expected: OK },
  { name: "with account name", asked: ONE, expected: OK },
  { name: "with account name and stream", asked: TEST, expected: OK },
  {
    name: "with account name, stream and consumer",
    asked: { ...TEST, consumer: "cons" },
    expected: OK,
  },
  {
    name: "with stream only",
    asked: { stream: "test" },
    expected: { status: "error", status_code: 400, error: NO_ACCOUNT },
  },
  {
    name: "with stream only, detailed",
    asked: { stream: "test", details: true },
    expected: {
      status: "error",
      status_code: 400,
      errors: [{ type: "BAD_REQUEST", error: NO_ACCOUNT }],
    },
  },
  {
    name: "with account and consumer",
    asked: { ...ONE, consumer: "cons" },
    expected: { status: "error", status_code: 400, error: NO_STREAM },
  },
  {
    name: "with account and consumer, detailed",
    asked: { ...ONE, consumer: "cons", details: true },
    expected: {
      status: "error",
      status_code: 400,
      errors: [{ type: "BAD_REQUEST", error: NO_STREAM }],
    },
  },
  {
    name: "account not found",
    asked: { account: "abc" },
    expected: { status: "unavailable", status_code: 404, error: ACCOUNT_ABC },
  },
  {
    name: "account not found, detailed",
    asked: { account: "abc", details: true },
    expected: {
      status: "error",
      status_code: 404,
      errors: [{ type: "ACCOUNT", account: "abc", error: ACCOUNT_ABC }],
    },
  },
  {
    name: "stream not found",
    asked: { ...ONE, stream: "abc" },
    expected: { status: "unavailable", status_code: 404, error: STREAM_ABC },
  },
  {
    name: "stream not found, detailed",
    asked: { ...ONE, stream: "abc", details: true },
    expected: {
      status: "error",
      status_code: 404,
      errors: [{ type: "STREAM", account: "ONE", stream: "abc", error: STREAM_ABC }],
    },
  },
  {
    name: "consumer not found",
    asked: { ...TEST, consumer: "abc" },
    expected: { status: "unavailable", status_code: 404, error: CONSUMER_ABC },
  },
  {
    name: "consumer not found, detailed",
    asked: { ...TEST, consumer: "abc", details: true },
    expected: {
      status: "error",
      status_code: 404,
      errors: [{ type: "CONSUMER", ...TEST, consumer: "abc", error: CONSUMER_ABC }],
    },
  },
];

Deno.test("TestServerEventsHealthZSingleServer", async (t) => {
  await using server = await jetStreamServer(
    {},
    `jetstream: {max_mem_store: 256MB, max_file_store: 2GB}
     no_auth_user: one
     accounts {
       ONE { users = [ { user: "one", pass: "p" } ]; jetstream: enabled }
       $SYS { users = [ { user: "admin", pass: "s3cr3t!" } ] }
     }`,
  );
  const system = await server.test.connect({ user: "admin", pass: "s3cr3t!" });
  const js = await server.jetStream();
  await js.addStream({ name: "test", subjects: ["foo"] });
  await js.addConsumer("test", { name: "cons" });
  for (const { name, asked, expected } of CASES) {
    await t.step(name, async () => {
      const answer = await ask(system, `$SYS.REQ.SERVER.${server.test.server.id}.HEALTHZ`, asked);
      assertEquals(answer.data, expected);
    });
  }
});

Deno.test("TestServerEventsHealthZJetStreamNotEnabled", async () => {
  await using server = await testServer(
    {},
    `accounts { $SYS { users = [ { user: "admin", pass: "s3cr3t!" } ] } }`,
  );
  const system = await server.connect({ user: "admin", pass: "s3cr3t!" });
  const { data } = await ask(system, `$SYS.REQ.SERVER.${server.server.id}.HEALTHZ`);
  assertEquals([data.status, data.error], ["ok", undefined]);
});
