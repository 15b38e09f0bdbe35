/**
 * What tests of server/msgtrace_test.go about several accounts do on one server, of those that do
 * the same or more on several servers or with a reload. These are not the ported tests; each names
 * the one that it will become a part of.
 *
 * @module
 */
import { assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import { headers, type MsgHdrs, type NatsConnection } from "@nats-io/transport-node";
import { CapturedLog } from "../../harness/captured_log.ts";
import { type Inbox, type TestServer, testServer, until } from "../../harness/server.ts";
import { expectNone, nextTrace, openInbox, TRACE_PARENT, traceHeaders, WAYS } from "./_msgtrace.ts";

const TRACES = "my.trace.subj";

const ALLOWED = [
  { name: "not allowed", allow: false },
  { name: "allowed", allow: true },
] as const;

function headersOf(all: Readonly<Record<string, string>>): MsgHdrs {
  const made = headers();
  for (const [name, value] of Object.entries(all)) made.set(name, value);
  return made;
}

/** No account waits for replies any more. */
async function expectNoReplies(server: TestServer, names: readonly string[]): Promise<void> {
  const { core } = server.server;
  const pending = (): number =>
    names.map((name) => server.account(name).replies(core)).reduce(
      (sum, replies) => sum + replies.owed() + replies.expected,
      0,
    );
  await until(() => pending() === 0, () => `${pending()} replies are still waited for`);
}

for (const { name, allow } of ALLOWED) {
  Deno.test(`one configuration of TestMsgTraceServiceImport, ${name}`, async (t) => {
    await using server = await testServer(
      {},
      `accounts {
        A {
          users: [{ user: a, password: pwd }]
          exports: [{ service: ">", allow_trace: ${allow} }]
          mappings = { bar: bozo }
        }
        B {
          users: [{ user: b, password: pwd }]
          imports: [{ service: { account: "A", subject: ">" } }]
          exports: [{ service: ">", allow_trace: ${allow} }]
        }
        C {
          users: [{ user: c, password: pwd }]
          exports: [{ service: ">", allow_trace: ${allow} }]
        }
        D {
          users: [{ user: d, password: pwd }]
          imports: [
            { service: { account: "B", subject: "bar" }, to: baz }
            { service: { account: "C", subject: ">" } }
          ]
          mappings = { bat: baz }
        }
      }`,
    );
    const client = await server.connect({ user: "d", pass: "pwd", name: "Requestor" });
    const traces = await openInbox(client, TRACES);
    const replies = await openInbox(client, "my.service.response.inbox");
    let received = 0;
    const service = async (user: string, subject: string, more: object, name: string) => {
      const connected = await server.connect({ user, pass: "pwd", name });
      connected.subscribe(subject, {
        ...more,
        callback: (_, message) => {
          received++;
          message.respond(message.data);
        },
      });
      await connected.flush();
      return connected;
    };
    const services = [
      await service("a", "*", { queue: "my_queue" }, "ServiceA"),
      await service("c", "baz", {}, "ServiceC"),
    ];
    for (const { name, deliver } of WAYS) {
      await t.step(name, async () => {
        const body = deliver ? "request2" : "request1";
        const reply = "my.service.response.inbox";
        client.publish("bat", body, { headers: traceHeaders(TRACES, deliver), reply });
        if (deliver) {
          for (let i = 0; i < 2; i++) assertEquals((await replies.next())!.string(), body);
        }
        const trace = await nextTrace(traces);
        if (!deliver && !allow) {
          // Nobody was asked, and the requester is told so.
          assertEquals((await replies.next())!.headers!.code, 503);
        }
        await expectNone([...services, client], [replies]);
        assertEquals(received, deliver ? 2 : 0);
        const ingress = trace.ingress(server);
        assertEquals([ingress.acc, ingress.subj], ["D", "bat"]);
        assertEquals(trace.events("sm").map(({ to }) => to), ["baz"]);
        const imports = trace.events("si").map(({ acc, from, to }) => `${acc} ${from} ${to}`);
        assertEquals(
          imports.sort(),
          allow ? ["A bar bozo", "B baz bar", "C baz baz"] : ["B baz bar", "C baz baz"],
        );
        const egress = trace.events("eg").map(({ kind, name, acc, sub, queue }) =>
          `${kind} ${name} ${acc} ${sub} ${queue}`
        );
        assertEquals(
          egress.sort(),
          allow ? ["0 ServiceA A * my_queue", "0 ServiceC C baz undefined"] : [],
        );
        await expectNoReplies(server, ["A", "B", "C", "D"]);
      });
    }
  });

  Deno.test(`one configuration of TestMsgTraceStreamExport, ${name}`, async (t) => {
    const stream = `stream: { account: "A", subject: "info.*.*.>" }`;
    await using server = await testServer(
      {},
      `accounts {
        A { users: [{ user: a, password: pwd }], exports: [{ stream: "info.*.*.>" }] }
        B {
          users: [{ user: b, password: pwd }]
          imports: [{ ${stream}, to: "B.info.$2.$1.>", allow_trace: ${allow} }]
        }
        C {
          users: [{ user: c, password: pwd }]
          imports: [{ ${stream}, to: "C.info.$1.$2.>", allow_trace: ${allow} }]
        }
      }`,
    );
    const client = await server.connect({ user: "a", pass: "pwd", name: "Tracer" });
    const traces = await openInbox(client, TRACES);
    const second = await server.connect({ user: "b", pass: "pwd", name: "sub1" });
    const third = await server.connect({ user: "c", pass: "pwd", name: "sub2" });
    const inboxes = [
      await openInbox(second, "B.info.*.*.>"),
      await openInbox(third, "C.info.>", "my_queue"),
    ] as const;
    for (const { name, deliver } of WAYS) {
      await t.step(name, async () => {
        client.publish("info.11.22.bar", "hello", { headers: traceHeaders(TRACES, deliver) });
        const trace = await nextTrace(traces);
        if (deliver) {
          assertEquals((await inboxes[0].next())!.subject, "B.info.22.11.bar");
          assertEquals((await inboxes[1].next())!.subject, "C.info.11.22.bar");
        }
        await expectNone([client, second, third], inboxes);
        const ingress = trace.ingress(server);
        assertEquals([ingress.acc, ingress.subj], ["A", "info.11.22.bar"]);
        assertEquals([trace.events("sm").length, trace.events("si").length], [0, 0]);
        const exported = trace.events("se").map(({ acc, to }) => `${acc} ${to}`);
        assertEquals(exported.sort(), ["B B.info.22.11.bar", "C C.info.11.22.bar"]);
        const egress = trace.events("eg").map(({ kind, acc, name, sub, queue }) =>
          `${kind} ${acc} ${name} ${sub} ${queue}`
        );
        assertEquals(
          egress.sort(),
          allow ? ["0 B sub1 info.*.*.> undefined", "0 C sub2 info.*.*.> my_queue"] : [],
        );
      });
    }
  });
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
  await using server = await testServer(
    {},
    `accounts {
      A { users: [{ user: A, password: pwd }], trace_dest: "acc.trace.dest" }
      B { users: [{ user: B, password: pwd }] }
    }`,
  );
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
