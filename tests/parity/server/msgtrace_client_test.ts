/**
 * Ports: server/msgtrace_test.go, traces of messages that stay in one account.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { headers, type NatsConnection } from "@nats-io/transport-node";
import { gunzipSync } from "node:zlib";
import { decompressS2 } from "../../../src/base/compress/mod.ts";
import { EgressError } from "../../../src/core/trace/message_trace.ts";
import type { Subscription } from "../../../src/core/connection/subscription.ts";
import { Inbox, type TestServer, testServer } from "../../harness/server.ts";
import {
  expectNone,
  nextTrace,
  openInbox,
  Trace,
  TRACE_PARENT,
  traceHeaders,
  WAYS,
} from "./_msgtrace.ts";

const TRACES = "my.trace.subj";

Deno.test("TestMsgTraceBasic", async (t) => {
  await using server = await testServer({}, "mappings = { foo: bar }");
  const client = await server.connect();
  const traces = await openInbox(client, TRACES);
  client.publish("dummy", "hello!", { headers: traceHeaders(TRACES, false) });
  const trace = await nextTrace(traces);
  const ingress = trace.ingress(server);
  assertEquals(Object.keys(trace.json.request.header).length, 2);
  assert(trace.json.request.msgsize > 20);
  assertEquals(ingress.cid, client.info!.client_id);
  assertEquals([ingress.name, ingress.acc, ingress.subj], [undefined, "$G", "dummy"]);
  assertEquals(ingress.error, undefined);
  assertEquals(trace.json.events.length, 1);

  const second = await server.connect({ name: "sub1And2" });
  const third = await server.connect();
  const inboxes = [
    await openInbox(second, "bar"),
    await openInbox(second, "bar"),
    await openInbox(third, "*"),
  ];
  for (const { name, deliver } of WAYS) {
    await t.step(name, async () => {
      const sent = traceHeaders(TRACES, deliver, { "Some-App-Header": "some value" });
      client.publish("foo", "hello!", { headers: sent });
      const trace = await nextTrace(traces);
      if (deliver) {
        for (const inbox of inboxes) {
          const message = await inbox.next();
          assertEquals(message!.string(), "hello!");
          // The headers that ask for the trace stay.
          assertEquals([...message!.headers!.keys()].length, 2);
          assertEquals(message!.headers!.get("Some-App-Header"), "some value");
          assertEquals(message!.headers!.get("Nats-Trace-Dest"), TRACES);
        }
      }
      await expectNone([client, second, third], inboxes);
      const { header, msgsize } = trace.json.request;
      assertEquals(Object.keys(header).length, deliver ? 2 : 3);
      assertEquals(header["Some-App-Header"][0], "some value");
      assert(msgsize > 20);
      const ingress = trace.ingress(server);
      assertEquals([ingress.acc, ingress.subj], ["$G", "foo"]);
      const [mapping, ...others] = trace.events("sm");
      assertEquals(others.length, 0);
      assert(Date.parse(mapping.ts) > 0);
      assertEquals(mapping.to, "bar");
      const egress = trace.events("eg");
      assertEquals(egress.length, 3);
      let ofSecond = 0;
      for (const { kind, ts, cid, name, sub } of egress) {
        assertEquals(kind, 0);
        assert(Date.parse(ts) > 0);
        if (cid === second.info!.client_id) {
          assertEquals([name, sub], ["sub1And2", "bar"]);
          ofSecond++;
        } else assertEquals([name, sub], [undefined, "*"]);
      }
      assertEquals(ofSecond, 2);
    });
  }
});

/** Sends a message that is larger than the server takes, as far as the first bytes of its body. */
async function sendTooLarge(
  server: TestServer,
  connect: Record<string, unknown>,
  headerText: string,
  body: string,
): Promise<void> {
  const raw = await server.rawLogin({
    protocol: 1,
    headers: true,
    no_responders: true,
    ...connect,
  });
  await raw.send(`HPUB foo ${headerText.length} 2048\r\n${headerText}${body}`);
  assertStringIncludes(await raw.expectEnd(), "Maximum Payload Violation");
}

Deno.test("TestMsgTraceIngressMaxPayloadError", async (t) => {
  await using server = await testServer({ maxPayload: 1024 });
  const client = await server.connect();
  const traces = await openInbox(client, TRACES);
  await openInbox(client, "foo");
  for (const { name, deliver } of WAYS) {
    await t.step(name, async () => {
      const only = deliver ? "" : "Nats-Trace-Only:true\r\n";
      const text = `NATS/1.0\r\nNats-Trace-Dest:${TRACES}\r\n${only}\r\n`;
      await sendTooLarge(server, {}, text, "AAAAAAAAAAAAAAAAAA...");
      const trace = await nextTrace(traces);
      assertStringIncludes(trace.ingress(server).error, "maximum payload exceeded");
      assert(trace.json.request.header !== undefined);
      assertEquals(trace.events("eg").length, 0);
    });
  }
});

Deno.test("TestMsgTraceIngressMaxPayloadErrorDoesNotScanPayloadForTraceDest", async () => {
  await using server = await testServer({ maxPayload: 1024 });
  const client = await server.connect();
  const traces = await openInbox(client, TRACES);
  await sendTooLarge(server, {}, "NATS/1.0\r\n", `AA\r\nNats-Trace-Dest:${TRACES}\r\n`);
  await expectNone([client], [traces]);
});

Deno.test(
  "TestMsgTraceIngressMaxPayloadErrorRequiresPublishPermissionForTraceDest",
  async () => {
    await using server = await testServer(
      {},
      `
      max_payload: 1024
      accounts { A { users: [
        { user: tracer, password: pwd, permissions {
          subscribe: ["my.trace.subj"], publish: ["my.trace.subj"] } }
        { user: pub, password: pwd, permissions { publish: ["foo"] } }
      ] } }`,
    );
    const tracer = await server.connect({ user: "tracer", pass: "pwd" });
    const traces = await openInbox(tracer, TRACES);
    const text = `NATS/1.0\r\nNats-Trace-Dest:${TRACES}\r\n\r\n`;
    await sendTooLarge(server, { user: "pub", pass: "pwd" }, text, "AAAAAAAAAAAAAAAAAA...");
    await expectNone([tracer], [traces]);
  },
);

Deno.test("TestMsgTraceIngressErrors", async (t) => {
  await using server = await testServer(
    {},
    `accounts { A { users: [{ user: a, password: pwd, permissions {
      subscribe: ["my.trace.subj", "foo"]
      publish { allow: ["foo", "bar.>", "my.trace.subj"], deny: ["bar.baz"] }
    } }] } }`,
  );
  const login = { user: "a", pass: "pwd" };
  const client = await server.connect(login);
  const traces = await openInbox(client, TRACES);
  await openInbox(client, "foo");
  for (const { name, deliver } of WAYS) {
    await t.step(name, async () => {
      const publisher = await server.connect(login);
      const refused = async (subject: string, reply: string, expected: string): Promise<void> => {
        publisher.publish(subject, "hello", { reply, headers: traceHeaders(TRACES, deliver) });
        const trace = await nextTrace(traces);
        assertStringIncludes(trace.ingress(server).error, expected);
        assert(trace.json.request.header !== undefined);
        assertEquals(trace.events("eg").length, 0);
      };
      await refused("bar.baz", "", "Permissions Violation for Publish to");
      await refused("_GR_.foo", "", "Permissions Violation for Publish to");
      await refused("foo", "_R_.bar", "Permissions Violation for Publish with Reply of");
    });
  }
});

Deno.test("TestMsgTraceEgressErrors", async (t) => {
  await using server = await testServer(
    {},
    `accounts { A { users: [{ user: a, password: pwd, permissions {
      subscribe: { allow: ["my.trace.subj", "foo", "bar.>"], deny: "bar.bat" }
      publish { allow: ["foo", "bar.>", "my.trace.subj"], deny: ["bar.baz"] }
    } }] } }`,
  );
  const login = { user: "a", pass: "pwd" };
  const client = await server.connect(login);
  const traces = await openInbox(client, TRACES);
  const subscriptionOf = (of: NatsConnection): Subscription => {
    const { subscriptions } = server.connection(of.info!.client_id);
    return [...subscriptions.values()].find(({ subject }) => subject === "bar.>")!;
  };
  for (const { name, deliver } of WAYS) {
    await t.step(name, async () => {
      const failed = async (from: NatsConnection, subject: string, error: string) => {
        from.publish(subject, "hello", { headers: traceHeaders(TRACES, deliver) });
        const trace = await nextTrace(traces);
        trace.ingress(server);
        const egress = trace.events("eg");
        assertEquals(egress.length, 1);
        assertStringIncludes(egress[0].error, error);
      };
      const quiet = await server.connect({ ...login, noEcho: true });
      await openInbox(quiet, "foo");
      await failed(quiet, "foo", EgressError.NoEcho);
      await quiet.close();

      const denied = await server.connect(login);
      await openInbox(denied, "bar.>");
      await failed(denied, "bar.bat", EgressError.Denied);
      await denied.close();

      const unsubscribed = await server.connect(login);
      await openInbox(unsubscribed, "bar.>");
      subscriptionOf(unsubscribed).closed = true;
      await failed(unsubscribed, "bar.bar", EgressError.SubscriptionClosed);
      subscriptionOf(unsubscribed).closed = false;
      await unsubscribed.close();

      // The following applies only when messages are delivered.
      if (!deliver) return;
      const limited = await server.connect(login);
      const inbox = new Inbox(limited, "bar.>");
      inbox.subscription.unsubscribe(10);
      await limited.flush();
      subscriptionOf(limited).delivered = 20;
      await failed(limited, "bar.bar", EgressError.LimitExceeded);
      await limited.close();

      // Nothing happens here between the choice of a receiver and the delivery, as it does in the
      // reference while the publisher is stalled: somebody else publishes.
      const gone = await server.connect(login);
      await openInbox(gone, "bar.>");
      const connection = server.connection(gone.info!.client_id);
      connection.closed = true;
      await failed(client, "bar.bar", EgressError.ClientClosed);
      connection.closed = false;
      await gone.close();
    });
  }
});

const EXTERNAL_WAYS = [
  { name: "no external hdr", external: false },
  { name: "external hdr", external: true },
] as const;

/** Publishes to foo what is to be traced to `destination`; the error must come that forbids it. */
async function expectRefusal(
  server: TestServer,
  user: string,
  destination: string,
  { external, only }: { external: boolean; only: boolean },
): Promise<void> {
  const publisher = await server.rawLogin({ user, pass: "pwd", headers: true });
  let text = "NATS/1.0\r\n";
  text += external ? `traceparent: ${TRACE_PARENT}\r\n` : `Nats-Trace-Dest: ${destination}\r\n`;
  // To be ignored with a trace context alone.
  if (only) text += "Nats-Trace-Only: true\r\n";
  text += "\r\n";
  await publisher.send(`HPUB foo ${text.length} ${text.length + 5}\r\n${text}hello\r\n`);
  assertEquals(
    await publisher.line(),
    `-ERR 'Permissions Violation for Publish to "${destination}"'`,
  );
  await publisher.flush();
}

Deno.test("TestMsgTraceIngressRequiresPublishPermissionForTraceDest", async (t) => {
  for (const { name, external } of EXTERNAL_WAYS) {
    await t.step(name, async (t) => {
      await using server = await testServer(
        {},
        `accounts { A {
          users: [
            { user: tracer, password: pwd, permissions {
              subscribe: ["my.trace.subj", "foo"], publish: ["my.trace.subj"] } }
            { user: pub, password: pwd, permissions { publish: ["foo"] } }
          ]
          ${external ? `trace_dest: "my.trace.subj"` : ""}
        } }`,
      );
      const tracer = await server.connect({ user: "tracer", pass: "pwd" });
      const inboxes = [await openInbox(tracer, TRACES), await openInbox(tracer, "foo")];
      for (const { name, deliver } of WAYS) {
        await t.step(name, async () => {
          await expectRefusal(server, "pub", TRACES, { external, only: !deliver });
          await expectNone([tracer], inboxes);
        });
      }
    });
  }
});

Deno.test("TestMsgTraceIngressRejectsReservedTraceDest", async (t) => {
  for (const destination of ["_GR_.trace", "$NRG.trace"]) {
    await t.step(`trace dest ${destination}`, async (t) => {
      for (const { name, external } of EXTERNAL_WAYS) {
        await t.step(name, async (t) => {
          await using server = await testServer(
            {},
            `accounts { A {
              users: [
                { user: sub, password: pwd, permissions { subscribe: ["foo"] } }
                { user: pub, password: pwd, permissions { publish: [">"] } }
                { user: pub2, password: pwd }
              ]
              ${external ? `trace_dest: "${destination}"` : ""}
            } }`,
          );
          const subscriber = await server.connect({ user: "sub", pass: "pwd" });
          const inbox = await openInbox(subscriber, "foo");
          for (const user of ["pub", "pub2"]) {
            for (const { name, deliver } of WAYS) {
              await t.step(`${user}: ${name}`, async () => {
                await expectRefusal(server, user, destination, { external, only: !deliver });
                await expectNone([subscriber], [inbox]);
              });
            }
          }
        });
      }
    });
  }
});

Deno.test("TestMsgTraceWithQueueSub", async (t) => {
  await using server = await testServer();
  const client = await server.connect();
  const traces = await openInbox(client, TRACES);
  const second = await server.connect({ name: "sub1" });
  const third = await server.connect({ name: "sub2" });
  const first = await openInbox(second, "foo", "bar");
  const other = await openInbox(third, "foo", "bar");
  const baz = await openInbox(third, "*", "baz");
  for (const { name, deliver } of WAYS) {
    await t.step(name, async () => {
      const body = deliver ? "hello2" : "hello1";
      client.publish("foo", body, { headers: traceHeaders(TRACES, deliver) });
      const trace = await nextTrace(traces);
      if (deliver) {
        assertEquals((await baz.next())!.string(), "hello2");
        for (const one of [second, third]) await one.flush();
        assertEquals(first.count + other.count, 1);
        const [got] = [first, other].filter(({ count }) => count === 1);
        assertEquals((await got!.next())!.string(), "hello2");
      }
      await expectNone([client, second, third], [first, other, baz]);
      assertEquals(trace.ingress(server).subj, "foo");
      const egress = trace.events("eg").map(({ queue, sub }) => `${queue} ${sub}`);
      assertEquals(egress.sort(), ["bar foo", "baz *"]);
    });
  }
});

Deno.test("TestMsgTraceWithCompression", async (t) => {
  await using server = await testServer();
  const client = await server.connect();
  const traces = await openInbox(client, TRACES);
  const cases = [
    ["gzip", "gzip"],
    ["snappy", "snappy"],
    ["s2", "snappy"],
    ["bad one", "identity"],
  ] as const;
  for (const [accepted, expected] of cases) {
    await t.step(accepted, async () => {
      const sent = headers();
      sent.set("Nats-Trace-Dest", TRACES);
      sent.set("Accept-Encoding", accepted);
      client.publish("foo", "hello!", { headers: sent });
      const message = (await traces.next())!;
      assertEquals(message.headers?.get("Content-Encoding"), expected);
      let { data } = message;
      if (expected === "gzip") data = gunzipSync(data);
      if (expected === "snappy") data = decompressS2(data);
      const trace = new Trace(JSON.parse(new TextDecoder().decode(data)));
      assertEquals(trace.ingress(server).subj, "foo");
    });
  }
});
