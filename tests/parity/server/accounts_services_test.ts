/**
 * Ports: server/accounts_test.go, the tests of services between accounts.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { errors, type NatsConnection } from "@nats-io/transport-node";
import type { Account } from "../../../src/core/account/account.ts";
import { PUBLIC_EXPORT } from "../../../src/core/account/exports.ts";
import { addServiceImport, removeServiceImport } from "../../../src/core/account/imports.ts";
import { sampleRequest } from "../../../src/core/account/latency_sampling.ts";
import { readMessageHeader } from "../../../src/protocol/mod.ts";
import { SubjectMappings } from "../../../src/subject/mod.ts";
import { Inbox, type TestServer, testServer, until } from "../../harness/server.ts";
import { accountServer, newAccount, only, rawOf, send } from "./_accounts.ts";

/** Asks from `$bar` on `asked`; `$foo` answers `answers` times on the subject that it `serves`. */
async function askOnce(
  server: TestServer,
  { serves, asked, arrives, reply }: Record<"serves" | "asked" | "arrives" | "reply", string>,
): Promise<void> {
  const service = await rawOf(server, "foo");
  await send(service, `SUB ${serves} 1\r\n`);
  const client = await rawOf(server, "bar");
  await client.send(`SUB ${reply} 11\r\nPUB ${asked} ${reply} 4\r\nhelp\r\n`);
  const request = await service.message();
  assertEquals([request.subject, request.sid, request.body], [arrives, "1", "help"]);
  assertMatch(request.reply, /^_R_\./);
  await service.send(`PUB ${request.reply} 2\r\n22\r\n`);
  const answer = await client.message();
  assertEquals([answer.subject, answer.sid, answer.reply, answer.body], [reply, "11", "", "22"]);
  const { core } = server.server;
  assertEquals(server.account("$bar").replies(core).owed(), 0);
  // Beyond the reference's test: nor does the exporter keep anything of it.
  await service.flush();
  assertEquals(server.account("$foo").replies(core).owed(), 0);
  assertEquals(server.account("$bar").replies(core).expected, 0);
}

Deno.test("TestServiceExportWithWildcards", async (t) => {
  for (const name of ["public", "private"]) {
    await t.step(name, async () => {
      await using server = await accountServer("foo", "bar");
      const [foo, bar] = [server.account("$foo"), server.account("$bar")];
      foo.exports.addService("ngs.update.*", name === "public" ? PUBLIC_EXPORT : only(bar));
      addServiceImport(bar, foo, { from: "ngs.update", to: "ngs.update.$bar" });
      await askOnce(server, {
        serves: "ngs.update.*",
        asked: "ngs.update",
        arrives: "ngs.update.$bar",
        reply: "reply",
      });
    });
  }
});

Deno.test("TestServiceImportWithWildcards", async () => {
  await using server = await accountServer("foo", "bar");
  const [foo, bar] = [server.account("$foo"), server.account("$bar")];
  foo.exports.addService("test.*");
  assertThrows(() => addServiceImport(bar, foo, { from: "test.*", to: "foo" }));
  assertThrows(() => addServiceImport(bar, foo, { from: "test.>" }));
  const added = addServiceImport(bar, foo, { from: "test.*" });
  await askOnce(server, {
    serves: "test.*",
    asked: "test.22",
    arrives: "test.22",
    reply: "bar",
  });
  removeServiceImport(bar, added);
  assertEquals(bar.serviceImports.filter(({ internal }) => !internal), []);
});

Deno.test("TestCrossAccountRequestReply", async () => {
  await using server = await accountServer("foo", "bar");
  const [foo, bar] = [server.account("$foo"), server.account("$bar")];
  foo.exports.addService("test.request");
  assertThrows(
    () => addServiceImport(bar, foo, { from: "foo", to: "test..request." }),
    Error,
    "invalid subject",
  );
  addServiceImport(bar, foo, { from: "foo", to: "test.request" });
  await askOnce(server, {
    serves: "test.request",
    asked: "foo",
    arrives: "test.request",
    reply: "bar",
  });
});

Deno.test("TestAccountRequestReplyTrackLatency", async () => {
  await using server = await accountServer("foo", "bar");
  const [foo, bar] = [server.account("$foo"), server.account("$bar")];
  foo.exports.addService("track.service");
  const track = (service: string, subject: string, sampling = 100) => () =>
    foo.exports.trackLatency(service, { subject, sampling });
  assertThrows(track("track.wrong", "results"), Error, "service missing");
  for (const subject of ["results.*", "track.service"]) {
    assertThrows(track("track.service", subject), Error, "invalid publish subject");
  }
  for (const sampling of [-1, 101]) {
    assertThrows(track("track.service", "results", sampling), Error, "bad sampling percentage");
  }
  track("track.service", "results")();
  addServiceImport(bar, foo, { from: "req", to: "track.service" });
  const service = await rawOf(server, "foo");
  await send(service, "SUB track.service 1\r\nSUB results 2\r\n");
  const client = await rawOf(server, "bar");
  const startMs = Date.now();
  await client.send("SUB resp 11\r\nPUB req resp 4\r\nhelp\r\n");
  const { reply } = await service.message();
  const serviceMs = 25;
  await new Promise((resolve) => setTimeout(resolve, serviceMs));
  await service.send(`PUB ${reply} 2\r\n22\r\n`);
  await client.expect(/MSG resp 11 2\r\n22\r\n/);
  const match = await service.expect(/MSG results 2 \d+\r\n(.*)\r\n/);
  const latency = JSON.parse(match[1]!);
  assert(Date.parse(latency.start) - startMs <= 10_000);
  // What the way to the service takes is estimated, and not counted as the service's.
  assert(latency.service + latency.responder.rtt >= serviceMs * 0.8e6, match[1]);
  assert(latency.total >= latency.service, match[1]);
});

Deno.test("TestCrossAccountServiceResponseTypes", async () => {
  await using server = await accountServer("foo", "bar");
  const [foo, bar] = [server.account("$foo"), server.account("$bar")];
  const { core } = server.server;
  foo.exports.addService("test.request").responseType = "Streamed";
  addServiceImport(bar, foo, { from: "foo", to: "test.request" });
  const service = await rawOf(server, "foo");
  await send(service, "SUB test.request 1\r\n");
  const client = await rawOf(server, "bar");
  await client.send("SUB bar 11\r\nPUB foo bar 4\r\nhelp\r\n");
  const first = await service.message();
  assertMatch(first.reply, /^_R_\./);
  await service.send(`PUB ${first.reply} 2\r\n22\r\n`.repeat(10));
  assertEquals((await client.messages(10)).length, 10);
  client.close();
  await until(() => bar.replies(core).owed() === 0);
  // Nobody listens to the reply of this one.
  const deaf = await rawOf(server, "bar");
  await deaf.send("PUB foo bar 4\r\nhelp\r\n");
  const second = await service.message();
  assertMatch(second.reply, /^_R_\./);
  await service.send(`PUB ${second.reply} 2\r\n22\r\n`);
  await until(() => foo.replies(core).owed() === 0);
});

Deno.test("TestAccountDuplicateServiceImportSubject", () => {
  const [foo, bar, baz, bat] = ["foo", "bar", "baz", "bat"].map(newAccount) as [
    Account,
    Account,
    Account,
    Account,
  ];
  foo.exports.addService("remote1");
  foo.exports.addService("remote2");
  addServiceImport(bar, foo, { from: "foo", to: "remote1" });
  const again = (exporter: Account, to: string) =>
    assertThrows(() => addServiceImport(bar, exporter, { from: "foo", to }), Error, "duplicate");
  again(foo, "remote2");
  for (const exporter of [baz, bat]) {
    exporter.exports.addService("remote1");
    addServiceImport(bar, exporter, { from: "foo", to: "remote1" });
  }
  again(baz, "remote1");
});

Deno.test("TestAccountMultipleServiceImportsWithSameSubjectFromDifferentAccounts", async () => {
  const service = (name: string) =>
    `${name} {
      users: [ {user: ${name}, password: pwd} ]
      exports: [ { accounts: [CLIENTS], service: "SvcReq.>", response_type: singleton } ]
    }`;
  await using server = await testServer(
    {},
    `accounts: {
      ${service("SVC-E")}
      ${service("SVC-W")}
      CLIENTS: {
        users: [ {user: cl, password: pwd} ]
        imports: [
          { service: { account: SVC-E, subject: "SvcReq.>" } }
          { service: { account: SVC-W, subject: "SvcReq.>" } }
        ]
      }
    }`,
  );
  for (const user of ["SVC-E", "SVC-W"]) {
    const responder = await server.connect({ user, pass: "pwd" });
    responder.subscribe("SvcReq.>", {
      callback: (_error, message) => void message.respond(`From ${user}`),
    });
    await responder.flush();
  }
  const client = await server.connect({ user: "cl", pass: "pwd" });
  const inbox = new Inbox(client, "answers");
  client.publish("SvcReq.Test", "test", { reply: "answers" });
  const answers = [(await inbox.next())!.string(), (await inbox.next())!.string()];
  assertEquals(answers.sort(), ["From SVC-E", "From SVC-W"]);
});

Deno.test("TestAccountServiceImportWithRouteMappings", async () => {
  await using server = await testServer(
    {},
    `accounts {
      foo { users = [ {user: derek, password: foo} ], exports = [ {service: "request"} ] }
      bar {
        users = [ {user: ivan, password: bar} ]
        imports = [ {service: {account: "foo", subject:"request"}} ]
      }
    }`,
  );
  const mappings = new SubjectMappings(() => 0, "");
  mappings.add("request", [{ subject: "request.v2", weight: 100, cluster: "" }]);
  server.account("foo").mapper = mappings;
  const service = await server.connect({ user: "derek", pass: "foo" });
  const inbox = new Inbox(service, "request.v2");
  await service.flush();
  const client = await server.connect({ user: "ivan", pass: "bar" });
  client.publish("request");
  await client.flush();
  await service.flush();
  assertEquals(inbox.count, 1);
});

const twoAccounts = (exports: string, imports: string) =>
  `accounts {
    foo { users = [ {user: derek, password: foo} ], exports = [ ${exports} ] }
    bar { users = [ {user: ivan, password: bar} ], imports = [ ${imports} ] }
  }`;

/** Answers requests to `subject`, which must arrive as `arrives`. */
async function answerYes(client: NatsConnection, subject: string, arrives: string, queue = "") {
  client.subscribe(subject, {
    ...(queue === "" ? {} : { queue }),
    callback: (_error, message) =>
      void message.respond(message.subject === arrives ? "yes!" : message.subject),
  });
  await client.flush();
}

Deno.test("TestAccountImportsWithWildcardSupport", async () => {
  await using server = await testServer(
    {},
    twoAccounts(
      `{ service: "request.*" }, { stream: "events.>" }, { stream: "info.*.*.>" }`,
      `{ service: {account: "foo", subject:"request.*"}, to:"my.request.*"}
       { stream:  {account: "foo", subject:"events.>"}, to:"foo.events.>"}
       { stream:  {account: "foo", subject:"info.*.*.>"}, to:"foo.info.$2.$1.>"}`,
    ),
  );
  const foo = await server.connect({ user: "derek", pass: "foo" });
  const bar = await server.connect({ user: "ivan", pass: "bar" });
  await answerYes(foo, "request.*", "request.22", "t22");
  assertEquals((await bar.request("my.request.22", "yes?")).string(), "yes!");
  const events = new Inbox(bar, "foo.events.*");
  const info = new Inbox(bar, "foo.info.>");
  await bar.flush();
  foo.publish("events.22");
  foo.publish("info.11.22.bar");
  await foo.flush();
  assertEquals((await events.next())!.subject, "foo.events.22");
  assertEquals((await info.next())!.subject, "foo.info.22.11.bar");
  await bar.flush();
  assertEquals([events.count, info.count], [0, 0]);
});

Deno.test("TestAccountImportsWithWildcardSupportStreamAndService", async () => {
  await using server = await testServer(
    {},
    twoAccounts(
      `{ service: "$request.*.$in.*.>" }, { stream: "$events.*.$in.*.>" }`,
      `{ service: {account: "foo", subject:"$request.*.$in.*.>"}, to:"my.request.$2.$1.>"}
       { stream:  {account: "foo", subject:"$events.*.$in.*.>"}, to:"my.events.$2.$1.>"}`,
    ),
  );
  const foo = await server.connect({ user: "derek", pass: "foo" });
  const bar = await server.connect({ user: "ivan", pass: "bar" });
  await answerYes(foo, "$request.>", "$request.2.$in.1.bar");
  assertEquals((await bar.request("my.request.1.2.bar", "yes?")).string(), "yes!");
  const events = new Inbox(bar, "my.events.>");
  await bar.flush();
  foo.publish("$events.1.$in.2.bar");
  assertEquals((await events.next())!.subject, "my.events.2.1.bar");
});

Deno.test("TestSamplingHeader", () => {
  const check = (expected: boolean, header: Record<string, string>) => {
    const lines = Object.entries(header).map(([name, value]) => `${name}: ${value}\r\n`);
    const bytes = new TextEncoder().encode(`NATS/1.0\r\n${lines.join("")}\r\n`);
    const random = { below: () => 0 } as unknown as Parameters<typeof sampleRequest>[1];
    const sample = sampleRequest(
      { sampling: 0, subject: "foo" },
      random,
      () => readMessageHeader(bytes),
    );
    if (!expected) return assertEquals(sample, null, JSON.stringify(header));
    const found = Object.entries(sample!.header!).map(([name, [value]]) => [
      name.toLowerCase(),
      value,
    ]);
    const sent = Object.entries(header).map(([name, value]) => [name.toLowerCase(), value]);
    assertEquals(Object.fromEntries(found), Object.fromEntries(sent));
  };
  const uber = (value: string, expected: boolean) => check(expected, { "Uber-Trace-Id": value });
  uber("0:0:0:0", false);
  uber("0:0:0:00", false);
  uber("0:0:0:1", true);
  uber("0:0:0:01", true);
  uber("0:0:0:5", true);
  uber("479fefe9525eddb:5adb976bfc1f95c1:479fefe9525eddb:1", true);
  uber("479fefe9525eddb:479fefe9525eddb:0:1", true);
  uber("479fefe9525eddb:5adb976bfc1f95c1:479fefe9525eddb:0", false);
  uber("479fefe9525eddb:479fefe9525eddb:0:0", false);
  const id = "80f198ee56343ba864fe8b2a57d3eff7";
  check(true, { "X-B3-Sampled": "1" });
  check(false, { "X-B3-Sampled": "0" });
  check(true, { "X-B3-TraceId": id });
  check(false, { "X-B3-TraceId": id, "X-B3-Sampled": "0" });
  check(true, { "X-B3-TraceId": id, "X-B3-Sampled": "1" });
  for (const B3 of ["0", "0-0-0-0", "0-0-0", `${id}-e457b5a2e4d86bd1-0-05e3ac9a4f6e3b90`]) {
    check(false, { B3 });
  }
  const sampled = ["0-0-1-0", "0-0-1", "0-0-d", `${id}-e457b5a2e4d86bd1-1`];
  for (const B3 of [...sampled, `${id}-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90`]) {
    check(true, { B3 });
  }
  for (
    const [flags, expected] of Object.entries({ "01": true, 27: true, "00": false, 22: false })
  ) {
    check(expected, {
      traceparent: `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-${flags}`,
    });
  }
});

Deno.test("TestAccountImportOwnExport", async () => {
  await using server = await testServer(
    {},
    `accounts: {
      A: {
        exports: [ { service: echo, accounts: [A], latency: { subject: "latency.echo" } } ]
        imports: [ { service: { account: A, subject: echo } } ]
        users: [ { user: user, pass: pass } ]
      }
    }`,
  );
  const client = await server.connect({ user: "user", pass: "pass" });
  client.subscribe("echo", { callback: (_error, message) => void message.respond() });
  await client.request("echo", "request", { timeout: 10_000 });
});

Deno.test("TestAccountServiceImportNoResponders", async () => {
  await using server = await testServer(
    {},
    `accounts: {
      accExp: { users: [ {user: accExp, password: accExp} ], exports: [ {service: "foo"} ] }
      accImp: {
        users: [ {user: accImp, password: accImp} ]
        imports: [ {service: {account: accExp, subject: "foo"}} ]
      }
    }`,
  );
  const client = await server.connect({ user: "accImp", pass: "accImp" });
  const answer = await client.request("foo", "request", { timeout: 250 }).catch((e) => e);
  assert(answer instanceof errors.NoRespondersError || answer.isNoResponders?.(), String(answer));
});

Deno.test("sampleRequest() goes by the rule of the reference, numbers up to the percentage", () => {
  const headers = () => readMessageHeader(new TextEncoder().encode("NATS/1.0\r\n\r\n"));
  const measured = (sampling: number): number =>
    Array.from({ length: 100 }, (_, number) => {
      const random = { below: () => number } as unknown as Parameters<typeof sampleRequest>[1];
      return sampleRequest({ sampling, subject: "foo" }, random, headers);
    }).filter((sample) => sample !== null).length;
  assertEquals([0, 1, 50, 98, 99, 100].map(measured), [0, 2, 51, 99, 100, 100]);
});
