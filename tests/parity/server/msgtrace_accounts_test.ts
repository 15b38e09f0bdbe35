/**
 * What tests of server/msgtrace_test.go about accounts do on one server, of those that do the same
 * or more on several servers. These are not the ported tests; each names
 * the one that it will become a part of.
 *
 * @module
 */
import { assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import { headers, type MsgHdrs, type NatsConnection } from "@nats-io/transport-node";
import { LISTEN, reloadServer } from "../../harness/reload.ts";
import { CapturedLog } from "../../harness/captured_log.ts";
import { type Inbox, testServer } from "../../harness/server.ts";
import {
  expectNone,
  expectNoReplies,
  nextTrace,
  openInbox,
  TRACE_PARENT,
  traceHeaders,
  WAYS,
} from "./_msgtrace.ts";

const TRACES = "my.trace.subj";

function headersOf(all: Readonly<Record<string, string>>): MsgHdrs {
  const made = headers();
  for (const [name, value] of Object.entries(all)) made.set(name, value);
  return made;
}

Deno.test("one server's part of TestMsgTraceResponsesServiceImport", async (t) => {
  await using server = await testServer(
    {},
    `accounts {
      A: { users: [{ user: a, password: pwd }], exports: [{ service: "a.>", allow_trace: true }] }
      B: {
        users: [{ user: b, password: pwd }]
        imports: [{ service: { account: A, subject: "a.>" }, to: "b.>" }]
        exports: [{ service: "b.>", allow_trace: true }]
      }
      C: {
        users: [{ user: c, password: pwd }]
        imports: [{ service: { account: B, subject: "b.>" }, to: "c.>" }]
      }
    }`,
  );
  const client = await server.connect({ user: "c", pass: "pwd", name: "Requestor" });
  const traces = await openInbox(client, TRACES);
  const services: NatsConnection[] = [];
  const inboxes: Inbox[] = [];
  for (const user of ["a", "b"]) {
    const service = await server.connect({ user, pass: "pwd", name: `Service ${user}` });
    services.push(service);
    inboxes.push(await openInbox(service, `${user}.>`));
  }
  for (const { name, deliver } of WAYS) {
    await t.step(name, async () => {
      client.publish("c.1", "request", { headers: traceHeaders(TRACES, deliver) });
      const trace = await nextTrace(traces);
      // Servers further on would send their traces through the accounts on the way.
      const destinations: string[] = [];
      for (const inbox of deliver ? inboxes : []) {
        const message = (await inbox.next())!;
        assertEquals(message.string(), "request");
        destinations.push(message.headers!.get("Nats-Trace-Dest"));
      }
      for (const one of destinations) assertStringIncludes(one, "_R_.");
      assertEquals(new Set(destinations).size, destinations.length);
      await expectNone([client, ...services], inboxes);
      assertEquals(trace.ingress(server).subj, "c.1");
      assertEquals(trace.json.request.header["Nats-Trace-Dest"], [TRACES]);
      const imports = trace.events("si").map(({ acc, from, to }) => `${acc} ${from} ${to}`);
      assertEquals(imports, ["B c.1 b.1", "A b.1 a.1"]);
      const egress = trace.events("eg").map(({ acc, name, sub }) => `${acc} ${name} ${sub}`);
      assertEquals(egress.sort(), ["A Service a a.>", "B Service b b.>"]);
      await expectNoReplies(server, ["A", "B", "C"]);
    });
  }
});

Deno.test("one server's part of TestMsgTraceRejectsOriginAccountHeader", async (t) => {
  const log = new CapturedLog();
  await using server = await testServer(
    { logger: log },
    `accounts {
      A { users: [{ user: a, password: pwd }], trace_dest: "my.trace.subj" }
      B { users: [{ user: b, password: pwd }] }
    }`,
  );
  const ofA = await server.connect({ user: "a", pass: "pwd" });
  const ofB = await server.connect({ user: "b", pass: "pwd" });
  const received = await openInbox(ofA, "foo.>");
  const never = [
    await openInbox(ofA, TRACES),
    await openInbox(ofB, "foo.>"),
    await openInbox(ofB, TRACES),
  ];
  for (const external of [false, true]) {
    for (const { name, deliver } of WAYS) {
      await t.step(`${external ? "" : "not "}external, ${name}`, async () => {
        const publisher = await server.connect({ user: "a", pass: "pwd" });
        const errors = log.texts("error", "Nats-Trace-Origin-Account").length;
        const sent = headersOf({
          "Nats-Trace-Origin-Account": "B",
          ...(external ? { traceparent: TRACE_PARENT } : { "Nats-Trace-Dest": TRACES }),
          ...(deliver ? {} : { "Nats-Trace-Only": "true" }),
        });
        publisher.publish("foo.bar", "hello", { headers: sent });
        await publisher.flush();
        if (external || deliver) {
          const { headers } = (await received.next())!;
          assertEquals(headers!.get("Nats-Trace-Dest"), "trace disabled");
          assertEquals(headers!.get("traceparent"), external ? TRACE_PARENT : "");
          assertEquals(headers!.get("Nats-Trace-Origin-Account"), "B");
        }
        await expectNone([ofA, ofB], [received, ...never]);
        assertEquals(log.texts("error", "Nats-Trace-Origin-Account").length, errors + 1);
        await publisher.close();
      });
    }
  }
});

Deno.test("one server's part of TestMsgTraceTriggeredByExternalHeader", async (t) => {
  const config = (ofB: string): string =>
    `${LISTEN}
    accounts {
      A { users: [{ user: A, password: pwd }], trace_dest: "acc.trace.dest" }
      B { users: [{ user: B, password: pwd }], ${ofB} }
    }`;
  await using server = await reloadServer(config(""));
  const context = TRACE_PARENT.slice(0, -2);
  const destination = { "Nats-Trace-Dest": "trace.dest" };
  const only = { "Nats-Trace-Only": "true" };
  /** Headers, where the trace goes, and whether the message is delivered. */
  const cases: readonly [Record<string, string>, "account" | "header" | "", boolean][] = [
    [{ traceparent: `${context}01` }, "account", true],
    [{ TraceParent: `${context}01` }, "account", true],
    [{ traceparent: `${context}25` }, "account", true],
    [{ traceparent: `${context}00` }, "", true],
    [{ traceparent: `${context}01`, ...only }, "account", true],
    [{ traceparent: `${context}00`, ...only }, "", true],
    [{ traceparent: `${context}01`, ...destination }, "header", true],
    [{ traceparent: `${context}00`, ...destination }, "header", true],
    [{ traceparent: `${context}01`, ...destination, ...only }, "header", false],
    [{ traceparent: `${context}00`, ...destination, ...only }, "header", false],
  ];
  for (const account of ["A", "B"]) {
    const client = await server.connect({ user: account, pass: "pwd" });
    const app = await openInbox(client, "foo");
    const traces = {
      account: await openInbox(client, "acc.trace.dest"),
      header: await openInbox(client, "trace.dest"),
    };
    for (const [sent, wanted, delivered] of cases) {
      // Account B has no destination of its own.
      const goesTo = account === "B" && wanted === "account" ? "" : wanted;
      await t.step(`${account}: ${JSON.stringify(sent)}`, async () => {
        client.publish("foo", "msg", { headers: headersOf(sent) });
        await client.flush();
        assertEquals(app.count, delivered ? 1 : 0);
        if (delivered) assertEquals((await app.next())!.string(), "msg");
        if (goesTo !== "") (await nextTrace(traces[goesTo])).ingress(server);
        await expectNone([client], [app, traces.account, traces.header]);
      });
    }
  }
  await server.reload(config(`trace_dest: "acc.trace.dest"`));
  const client = await server.connect({ user: "B", pass: "pwd" });
  const app = await openInbox(client, "foo");
  const traces = await openInbox(client, "acc.trace.dest");
  client.publish("foo", "hello", { headers: headersOf({ traceparent: `${context}01` }) });
  (await nextTrace(traces)).ingress(server);
  assertEquals((await app.next())!.string(), "hello");
});

Deno.test("one server's part of TestMsgTraceAccountDestWithSampling", async (t) => {
  for (const sampling of [100, 25]) {
    await t.step(`${sampling} percent`, async () => {
      const more = sampling === 100 ? "" : `, sampling: "${sampling}%"`;
      await using server = await testServer(
        {},
        `accounts {
          A { users: [{ user: a, password: pwd }], msg_trace: { dest: "acc.dest"${more} } }
        }`,
      );
      const client = await server.connect({ user: "a", pass: "pwd" });
      const app = await openInbox(client, "foo");
      const traces = await openInbox(client, "acc.dest");
      const total = 400;
      const sent = headersOf({ traceparent: TRACE_PARENT });
      for (let i = 0; i < total; i++) client.publish("foo", "", { headers: sent });
      await client.flush();
      assertEquals(app.count, total);
      // What is not traced here must not be traced by the servers to which it goes on.
      let disabled = 0;
      for (let i = 0; i < total; i++) {
        const { headers } = (await app.next())!;
        if (headers!.get("Nats-Trace-Dest") === "trace disabled") disabled++;
      }
      assertEquals(disabled, total - traces.count);
      if (sampling === 100) assertEquals(traces.count, total);
      else assertLess(traces.count, Math.floor(sampling * total / 100 * 1.35));
    });
  }
});
