// Ports: test/user_authorization_test.go
/**
 * Users with permissions.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { ERR, OK, PERMISSIONS_ERR, type RawClient } from "../../harness/raw_client.ts";
import { type TestServer, testServer } from "../../harness/server.ts";

const PASSWORD = "foo";

const CONFIG = `
authorization {
  ADMIN = { publish = ">", subscribe = ">" }
  REQUESTOR = { publish = ["req.foo", "req.bar"], subscribe = "_INBOX.*" }
  DEFAULT_PERMISSIONS = { publish = "SANDBOX.*", subscribe = ["PUBLIC.>", "_INBOX.>"] }
  NEW_STYLE = {
    publish = { allow = "*.*", deny = ["SYS.*", "bar.baz", "foo.*"] }
    subscribe = { allow = ["foo.*", "SYS.TEST.>"], deny = ["foo.baz", "SYS.*"] }
  }
  NS_PUB = { publish = "foo.baz", subscribe = "foo.baz" }
  MY_SERVICE = { subscribe = "my.service.req", publish_allow_responses: true }
  MY_STREAM_SERVICE = {
    subscribe = "my.service.req"
    allow_responses = { max: 10, ttl: "50ms" }
  }
  PASS: $2a$04$P/.bd.7unw9Ew7yWJqXsl.f4oNRLQGvadEL2YnqQXbbb.IVQajRdK
  users = [
    { user: alice, password: $PASS, permissions: $ADMIN }
    { user: bob, password: $PASS, permissions: $REQUESTOR }
    { user: joe, password: $PASS }
    { user: ns, password: $PASS, permissions: $NEW_STYLE }
    { user: ns-pub, password: $PASS, permissions: $NS_PUB }
    { user: svca, password: $PASS, permissions: $MY_SERVICE }
    { user: svcb, password: $PASS, permissions: $MY_STREAM_SERVICE }
  ]
}`;

async function login(server: TestServer, user: string): Promise<RawClient> {
  const client = await server.raw();
  const info = await client.login({ verbose: true, auth_token: "", user, pass: PASSWORD });
  assertEquals(info.auth_required, true);
  await client.expect(OK);
  return client;
}

async function each(client: RawClient, answer: RegExp, operations: string[]): Promise<void> {
  for (const operation of operations) {
    await client.send(operation);
    await client.expect(answer);
  }
}

const publish = (subject: string): string => `PUB ${subject} 2\r\nok\r\n`;
const subscribe = (subject: string, sid = 1): string => `SUB ${subject} ${sid}\r\n`;

Deno.test("TestUserAuthorizationProto", async () => {
  await using server = await testServer({}, CONFIG);

  const alice = await login(server, "alice");
  await each(alice, OK, [publish("foo"), subscribe("foo"), publish("_")]);
  alice.close();

  const bob = await login(server, "bob");
  await each(bob, PERMISSIONS_ERR, [subscribe("foo"), publish("foo")]);
  await each(bob, OK, [subscribe("_INBOX.abcd"), publish("req.foo"), publish("req.bar")]);
  bob.close();

  // The default permissions.
  const joe = await login(server, "joe");
  await each(joe, PERMISSIONS_ERR, [subscribe("foo.bar.*"), publish("foo.bar.baz")]);
  await each(joe, OK, [subscribe("_INBOX.abcd"), subscribe("PUBLIC.abcd")]);
  await each(joe, OK, [publish("SANDBOX.foo"), publish("SANDBOX.bar")]);
  await each(joe, PERMISSIONS_ERR, [publish("SANDBOX.foo.bar")]);
  joe.close();

  // Allow and deny.
  let ns = await login(server, "ns");
  await each(ns, OK, ["SANDBOX.foo", "baz.bar", "baz.foo"].map(publish));
  await each(ns, PERMISSIONS_ERR, ["foo", "bar", "foo.bar", "foo.bar.baz", "SYS.1"].map(publish));
  await each(ns, OK, [subscribe("foo.bar"), subscribe("foo.foo")]);
  await each(
    ns,
    PERMISSIONS_ERR,
    ["foo", "foo.baz", "foo.baz", "foo.baz"].map((s) => subscribe(s)),
  );
  ns.close();

  // A wildcard wider than a deny is allowed, and the denied subjects are not delivered.
  ns = await login(server, "ns");
  await each(ns, OK, [subscribe("foo.*"), "SUB foo.* bar 2\r\n"]);
  const publisher = await login(server, "ns-pub");
  await each(publisher, OK, [publish("foo.baz")]);
  await ns.expectNothing();
  await ns.flush();

  // Denied members of a queue group are passed over.
  await each(publisher, OK, ["SUB foo.baz bar 2\r\n"]);
  for (let i = 0; i < 20; i++) {
    await publisher.send(publish("foo.baz"));
    await publisher.expect(/(?=[^]*\+OK\r\n)(?=[^]*MSG foo\.baz 2 2\r\nok\r\n)[^]*/);
  }
  ns.close();

  ns = await login(server, "ns");
  await each(ns, OK, [subscribe("foo.bar")]);
  await each(ns, ERR, [subscribe("foo.bar.baz", 2), subscribe(">", 3), subscribe("SYS.>", 4)]);
  await each(ns, OK, [subscribe("SYS.TEST.foo", 5)]);
  await each(ns, ERR, [subscribe("SYS.bar", 5)]);
});

Deno.test("TestUserAuthorizationAllowResponses", async () => {
  await using server = await testServer({}, CONFIG);
  const requester = await login(server, "alice");

  async function request(service: RawClient, reply: string): Promise<void> {
    await requester.send(`PUB my.service.req ${reply} 2\r\nok\r\n`);
    await requester.expect(OK);
    assertEquals(await service.message(), {
      subject: "my.service.req",
      sid: "1",
      reply,
      headers: "",
      body: "ok",
    });
  }

  // One answer per request.
  let service = await login(server, "svca");
  await each(service, OK, [subscribe("my.service.req")]);
  await request(service, "resp.bar.22");
  await each(service, OK, [publish("resp.bar.22")]);
  await each(service, ERR, [publish("resp.bar.33"), publish("resp.bar.22")]);
  service.close();
  await server.clientsCount(1);

  // Ten answers within 50 ms.
  service = await login(server, "svcb");
  await each(service, OK, [subscribe("my.service.req")]);
  await request(service, "resp.bar.22");
  await each(service, OK, [publish("resp.bar.22")]);
  await each(service, ERR, [publish("resp.bar.33")]);
  for (let i = 0; i < 9; i++) await each(service, OK, [publish("resp.bar.22")]);
  await each(service, ERR, [publish("resp.bar.22")]);

  await request(service, "resp.bar.11");
  await new Promise((resolve) => setTimeout(resolve, 100));
  await each(service, ERR, [publish("resp.bar.11")]);
});
