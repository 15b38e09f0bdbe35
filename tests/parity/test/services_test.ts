// Ports: test/services_test.go
/**
 * Services across accounts: how long replies are waited for, and when they are forgotten.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { createInbox, type NatsConnection } from "@nats-io/transport-node";
import { RESPONSE_THRESHOLD_DEFAULT_MS } from "../../../src/core/account/exports.ts";
import { Inbox, type TestServer, testServer, until } from "../../harness/server.ts";

const STREAMED = `accounts: {
  A: {
    users: [ {user: a, password: pwd} ]
    exports: [ {service: "foo", response: stream} ]
  },
  B: {
    users: [ {user: b, password: pwd} ]
    imports: [ {service: { account: A, subject: "foo"}, to: "foo_request" } ]
  }
}`;

/** Two accounts of which B imports `foo` of A, exported with `terms`. */
function fooOfA(terms: string, permissions = ""): string {
  return `accounts: {
    A: {
      users: [ {user: a, password: pwd ${permissions}} ]
      exports: [ {service: "foo" ${terms}} ]
    },
    B: {
      users: [ {user: b, password: pwd} ]
      imports: [ {service: { account: A, subject: "foo"}} ]
    }
  }`;
}

const connect = (server: TestServer, user: string): Promise<NatsConnection> =>
  server.connect({ user, pass: "pwd" });

function owed(server: TestServer, service: string | null = null): number {
  const account = server.account("A");
  const exported = service === null ? null : account.exports.service(service);
  assert(service === null || exported !== null);
  return account.replies(server.server.core).owed(exported);
}

const expected = (server: TestServer): number =>
  server.account("B").replies(server.server.core).expected;

/** Both sides forget everything. */
const allForgotten = (server: TestServer): Promise<void> =>
  until(
    () => owed(server) === 0 && expected(server) === 0,
    () => `${owed(server)} replies are owed, ${expected(server)} expected`,
    1000,
  );

async function serve(client: NatsConnection, subject: string, bodies: string[]): Promise<void> {
  client.subscribe(subject, {
    callback: (_error, message) => {
      for (const body of bodies) message.respond(body);
    },
  });
  await client.flush();
}

Deno.test("TestServiceImportWithStreamed", async () => {
  await using server = await testServer({}, STREAMED);
  await serve(await connect(server, "a"), "foo", ["world"]);
  const requests = 10;
  const ask = async (client: NatsConnection, noMux: boolean): Promise<void> => {
    for (let i = 0; i < requests; i++) {
      const answer = await client.request("foo_request", "hello", { timeout: 10_000, noMux });
      assertEquals(answer.string(), "world");
    }
  };
  const client = await connect(server, "b");
  await ask(client, false);
  // The client listens to all its replies by one subscription, so nothing is known to be over.
  assertEquals([owed(server), expected(server)], [requests, requests]);
  await client.close();
  await allForgotten(server);
  await ask(await connect(server, "b"), true);
  await allForgotten(server);
});

Deno.test("TestServiceImportWithStreamedResponseAndEOF", async () => {
  await using server = await testServer({}, STREAMED);
  const bodies = ["world-1", "world-2", "world-3", "world-4", ""];
  await serve(await connect(server, "a"), "foo", bodies);
  const client = await connect(server, "b");
  for (let i = 0; i < 10; i++) {
    const reply = createInbox();
    const inbox = new Inbox(client, reply);
    client.publish("foo_request", "XOXO", { reply });
    await until(() => inbox.count === bodies.length);
  }
  assertEquals([owed(server), expected(server)], [0, 0]);
});

Deno.test("TestServiceExportsResponseFiltering", async () => {
  await using server = await testServer(
    {},
    `accounts: {
      A: {
        users: [ {user: a, password: pwd} ]
        exports: [ {service: "foo"}, {service: "bar"} ]
      },
      B: {
        users: [ {user: b, password: pwd} ]
        imports: [
          {service: { account: A, subject: "foo"}}
          {service: { account: A, subject: "bar"}, to: "baz"}
        ]
      }
    }`,
  );
  const service = await connect(server, "a");
  service.subscribe("foo");
  service.subscribe("bar");
  await service.flush();
  const client = await connect(server, "b");
  for (let i = 0; i < 5; i++) client.publish("foo", "", { reply: "reply" });
  for (let i = 0; i < 17; i++) client.publish("baz", "", { reply: "reply" });
  await client.flush();
  assertEquals([owed(server), owed(server, "foo"), owed(server, "bar")], [22, 5, 17]);
});

Deno.test("TestServiceExportsAutoDirectCleanup", async () => {
  await using server = await testServer({}, fooOfA(""));
  const service = await connect(server, "a");
  const client = await connect(server, "b");
  for (let i = 0; i < 10; i++) client.publish("foo", "", { reply: "reply" });
  await client.flush();
  assertEquals(owed(server), 0);
  const subscription = service.subscribe("foo", {
    callback: (_error, message) => void message.respond("world"),
  });
  await service.flush();
  for (let i = 0; i < 10; i++) client.publish("foo");
  await client.flush();
  assertEquals(owed(server), 0);
  // Who stops listening before the reply waits for none.
  subscription.unsubscribe();
  const inbox = new Inbox(service, "foo");
  await service.flush();
  for (let i = 0; i < 10; i++) {
    await client.request("foo", "", { timeout: 1, noMux: true }).catch(() => null);
    (await inbox.next())!.respond("world");
  }
  await client.flush();
  await service.flush();
  await until(() => owed(server) === 0);
});

Deno.test("TestServiceExportsPruningCleanup", async () => {
  await using server = await testServer({}, fooOfA(", response: stream"));
  const service = await connect(server, "a");
  service.subscribe("foo");
  await service.flush();
  const exported = server.account("A").exports.service("foo")!;
  assertEquals(exported.thresholdMs, RESPONSE_THRESHOLD_DEFAULT_MS);
  // Go takes 10 ms; nothing here may expire before it is counted.
  exported.thresholdMs = 200;
  const client = await connect(server, "b");
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 10; i++) client.publish("foo", "", { reply: "reply" });
    await client.flush();
    assertEquals(owed(server, "foo"), 10);
    await until(() => owed(server, "foo") === 0);
  }
});

Deno.test("TestServiceExportsResponseThreshold", async () => {
  await using server = await testServer({}, fooOfA(`, response: stream, threshold: "1s"`));
  const service = await connect(server, "a");
  service.subscribe("foo");
  await service.flush();
  assertEquals(server.account("A").exports.service("foo")!.thresholdMs, 1000);
});

Deno.test("TestServiceExportsResponseThresholdChunked", async () => {
  // Ten times Go's 10 ms and 5 ms, since the machine may be busy: all the chunks still take longer
  // than one may.
  await using server = await testServer({}, fooOfA(`, response: chunked, threshold: "100ms"`));
  const service = await connect(server, "a");
  const chunks = 10;
  service.subscribe("foo", {
    callback: (_error, message) => {
      let sent = 0;
      const timer = setInterval(() => {
        sent++;
        message.respond(sent > chunks ? "" : `chunk-${sent}`);
        if (sent > chunks) clearInterval(timer);
      }, 25);
    },
  });
  await service.flush();
  const client = await connect(server, "b");
  const reply = createInbox();
  const inbox = new Inbox(client, reply);
  client.publish("foo", "", { reply });
  await until(() => inbox.count === chunks + 1);
});

Deno.test("TestServiceAllowResponsesPerms", async () => {
  await using server = await testServer(
    {},
    fooOfA("", ", permissions = {subscribe=foo, allow_responses=true}"),
  );
  await serve(await connect(server, "a"), "foo", ["Hello"]);
  const client = await connect(server, "b");
  assertEquals((await client.request("foo", "help", { timeout: 10_000 })).string(), "Hello");
});
