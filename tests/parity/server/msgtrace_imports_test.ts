/**
 * Ports: server/msgtrace_test.go, traces of messages that leave their account, with reloads between
 * what allows them and what does not.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { LISTEN, reloadServer } from "../../harness/reload.ts";
import {
  expectNone,
  expectNoReplies,
  nextTrace,
  openInbox,
  traceHeaders,
  WAYS,
} from "./_msgtrace.ts";

const TRACES = "my.trace.subj";

/** What the reference's tests allow, one after the other, by reloads. */
const STEPS = [
  { step: "not allowed", allow: false },
  { step: "allowed", allow: true },
  { step: "not allowed again", allow: false },
] as const;

Deno.test("TestMsgTraceServiceImport", async (t) => {
  const config = (allow: boolean): string =>
    `${LISTEN}
      accounts {
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
      }`;
  await using server = await reloadServer(config(false));
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

  for (const [i, { step, allow }] of STEPS.entries()) {
    if (i > 0) await server.reload(config(allow));
    received = 0;
    await t.step(step, async (t) => {
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
  }
});

Deno.test("TestMsgTraceStreamExport", async (t) => {
  const stream = `stream: { account: "A", subject: "info.*.*.>" }`;
  const config = (allow: boolean): string =>
    `${LISTEN}
      accounts {
        A { users: [{ user: a, password: pwd }], exports: [{ stream: "info.*.*.>" }] }
        B {
          users: [{ user: b, password: pwd }]
          imports: [{ ${stream}, to: "B.info.$2.$1.>", allow_trace: ${allow} }]
        }
        C {
          users: [{ user: c, password: pwd }]
          imports: [{ ${stream}, to: "C.info.$1.$2.>", allow_trace: ${allow} }]
        }
      }`;
  await using server = await reloadServer(config(false));
  const client = await server.connect({ user: "a", pass: "pwd", name: "Tracer" });
  const traces = await openInbox(client, TRACES);
  const second = await server.connect({ user: "b", pass: "pwd", name: "sub1" });
  const third = await server.connect({ user: "c", pass: "pwd", name: "sub2" });
  const inboxes = [
    await openInbox(second, "B.info.*.*.>"),
    await openInbox(third, "C.info.>", "my_queue"),
  ] as const;

  for (const [i, { step, allow }] of STEPS.entries()) {
    if (i > 0) await server.reload(config(allow));
    await t.step(step, async (t) => {
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
});
