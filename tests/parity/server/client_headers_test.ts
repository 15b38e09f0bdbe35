// Ports: server/client_test.go
/**
 * Headers and no responders: both sides must want them.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { CapturedLog } from "../../harness/captured_log.ts";
import { testServer } from "../../harness/server.ts";

Deno.test("TestClientCreateAndInfo", async () => {
  await using server = await testServer({ noSystemAccount: true });
  const client = await server.raw();
  const info = await client.info();
  assertEquals(info.client_id, 1);
  assertEquals(info.max_payload, 1024 * 1024);
  assertEquals(info.auth_required ?? false, false);
  assertEquals(info.tls_required ?? false, false);
  assertEquals(info.port, server.port);
});

Deno.test("TestClientNoResponderSupport", async () => {
  await using server = await testServer();
  const without = await server.rawLogin({ no_responders: true });
  assertEquals(await without.expectEnd(), "-ERR 'no responders requires headers support'\r\n");

  const client = await server.rawLogin({ headers: true, no_responders: true });
  await client.send("SUB reply 1\r\nPUB foo reply 2\r\nok\r\n");
  assertEquals(await client.message(), {
    subject: "reply",
    sid: "1",
    reply: "",
    headers: "NATS/1.0 503\r\nNats-Subject: foo\r\n\r\n",
    body: "",
  });
});

Deno.test("TestServerHeaderSupport", async () => {
  await using server = await testServer();
  assertEquals((await (await server.raw()).info()).headers, true);
  await using without = await testServer({ noHeaderSupport: true });
  assertEquals((await (await without.raw()).info()).headers ?? false, false);
});

Deno.test("TestClientHeaderSupport", async () => {
  const publish = "HPUB foo 0 2\r\nok\r\n";
  const log = new CapturedLog();
  await using server = await testServer({ logger: log });
  const silent = await server.rawLogin();
  await silent.send(publish);
  await silent.expectEnd();
  assertEquals(log.texts("error", "message headers not supported").length, 1);

  const willing = await server.rawLogin({ headers: true });
  await willing.send(publish);
  await willing.flush();

  const other = new CapturedLog();
  await using without = await testServer({ noHeaderSupport: true, logger: other });
  const refused = await without.rawLogin({ headers: true });
  await refused.send(publish);
  await refused.expectEnd();
  assertEquals(other.texts("error", "message headers not supported").length, 1);
});

Deno.test("TestClientHeaderDeliverMsg", async () => {
  await using server = await testServer();
  const client = await server.rawLogin({ headers: true });
  await client.send("SUB foo 1\r\nHPUB foo 12 14\r\nName:Derek\r\nOK\r\n");
  assertEquals(await client.line(), "HMSG foo 1 12 14");
  assertEquals(await client.line(), "Name:Derek");
  assertEquals(await client.line(), "OK");
});

async function expectStripped(subscribe: string): Promise<void> {
  await using server = await testServer();
  const plain = await server.rawLogin();
  await plain.send(subscribe);
  await plain.flush();
  const client = await server.rawLogin({ headers: true });
  await client.send("HPUB foo 12 14\r\nName:Derek\r\nOK\r\n");
  assertEquals(await plain.line(), "MSG foo 1 2");
  assertEquals(await plain.line(), "OK");
  await plain.expectNothing();
}

Deno.test("TestClientHeaderDeliverStrippedMsg", () => expectStripped("SUB foo 1\r\n"));
Deno.test("TestClientHeaderDeliverQueueSubStrippedMsg", () => expectStripped("SUB foo bar 1\r\n"));

Deno.test("TestTraceMsg", async (t) => {
  const cases: [string, string, string, number][] = [
    ["normal length", "normal", 'normal"]', 10],
    ["over length", "over length", 'over lengt..."]', 10],
    ["unlimited length", "unlimited length", 'unlimited length"]', 0],
    ["negative max traced msg len", "negative max traced", 'negative max traced"]', -1],
  ];
  for (const [name, body, wanted, maxTracedMsgLen] of cases) {
    await t.step(name, async () => {
      const lines = await traced(`PUB foo ${body.length}\r\n${body}\r\n`, { maxTracedMsgLen });
      assertEquals(lines, [`<<- MSG_PAYLOAD: ["${wanted}`]);
    });
  }
});

/** Trace lines of payloads when `publish` is sent to a server with these options. */
async function traced(
  publish: string,
  options: { maxTracedMsgLen?: number; traceHeaders?: boolean },
  arrow = "<<-",
): Promise<string[]> {
  const log = new CapturedLog({ trace: true });
  await using server = await testServer({ logger: log, ...options });
  const client = await server.rawLogin({ headers: true });
  if (arrow === "->>") {
    const receiver = await server.rawLogin({ headers: true });
    await receiver.send("SUB foo 1\r\n");
    await receiver.flush();
  }
  await client.send(publish);
  await client.flush();
  return log.texts("trace", `${arrow} MSG_PAYLOAD`).map((text) => text.slice(text.indexOf(arrow)));
}

function hpub(headers: string, body: string): string {
  return `HPUB foo ${headers.length} ${headers.length + body.length}\r\n${headers}${body}\r\n`;
}

const ONE = "NATS/1.0\r\nFoo: 1\r\n\r\n";
const TWO = "NATS/1.0\r\nFoo: 1\r\nBar: 2\r\n\r\n";

Deno.test("TestTraceMsgHeadersOnly", async (t) => {
  const cases: [string, string, string[], number][] = [
    ["payload only", "PUB foo 4\r\ntest\r\n", [], 0],
    ["header only", hpub(ONE, ""), ['"NATS/1.0\\r\\nFoo: 1"'], 0],
    ["with header and payload", hpub(ONE, "test"), ['"NATS/1.0\\r\\nFoo: 1"'], 0],
    ["max length", hpub(ONE, ""), ['"NATS/1..."'], 6],
    ["two headers max length", hpub(TWO, ""), ['"NATS/1.0\\r\\nFoo: 1\\r\\nBar..."'], 21],
  ];
  for (const [name, publish, wanted, maxTracedMsgLen] of cases) {
    await t.step(name, async () => {
      const lines = await traced(publish, { maxTracedMsgLen, traceHeaders: true });
      assertEquals(lines, wanted.map((text) => `<<- MSG_PAYLOAD: [${text}]`));
    });
  }
});

Deno.test("TestTraceMsgDeliveryWithHeaders", async (t) => {
  const two = "NATS/1.0\r\nFoo: bar\r\nBar: baz\r\n\r\n";
  const shownTwo = '"NATS/1.0\\r\\nFoo: bar\\r\\nBar: baz"';
  const cases: [string, string, boolean, string][] = [
    ["delivery with headers enabled", hpub(ONE, ""), true, '"NATS/1.0\\r\\nFoo: 1"'],
    [
      "delivery with full message",
      hpub(ONE, "test"),
      false,
      '"NATS/1.0\\r\\nFoo: 1\\r\\n\\r\\ntest"',
    ],
    ["delivery with headers only", hpub(ONE, "test"), true, '"NATS/1.0\\r\\nFoo: 1"'],
    ["delivery multiple headers", hpub(two, ""), true, shownTwo],
    [
      "delivery with payload but headers only tracing",
      hpub(two, "payload data"),
      true,
      shownTwo,
    ],
    [
      "delivery no headers but tracing enabled",
      "PUB foo 13\r\nplain message\r\n",
      false,
      '"plain message"',
    ],
    [
      "delivery headers disabled but deliver enabled",
      hpub(ONE, "payload"),
      false,
      '"NATS/1.0\\r\\nFoo: 1\\r\\n\\r\\npayload"',
    ],
  ];
  for (const [name, publish, traceHeaders, wanted] of cases) {
    await t.step(name, async () => {
      const lines = await traced(publish, { traceHeaders }, "->>");
      assertEquals(lines, [`->> MSG_PAYLOAD: [${wanted}]`]);
    });
  }
});

Deno.test("TestTraceMsgDelivery", async () => {
  const log = new CapturedLog({ debug: true, trace: true });
  await using server = await testServer({ logger: log });
  const service = await server.rawLogin({ headers: true });
  await service.send("SUB foo 1\r\nSUB bar 2\r\n");
  await service.flush();
  const client = await server.rawLogin({ headers: true });

  await client.send("SUB answers 9\r\n");
  const request = "NATS/1.0\r\nA: A:1\r\nB: B:2\r\n\r\n";
  const total = request.length + 12;
  await client.send(`HPUB foo answers ${request.length} ${total}\r\n${request}Hello Traced\r\n`);
  const { reply } = await service.message();
  const answer = "NATS/1.0\r\nA: 1\r\nB: 2\r\n\r\n";
  await service.send(
    `HPUB ${reply} ${answer.length} ${answer.length + 9}\r\n${answer}Hi Traced\r\n`,
  );
  assertEquals((await client.message()).body, "Hi Traced");
  let last = log.texts("trace", "->> MSG_PAYLOAD:").at(-1)!;
  assertStringIncludes(last, "NATS/1.0");
  assertStringIncludes(last, "Hi Traced");

  await client.send("PUB bar answers 0\r\n\r\n");
  await service.message();
  await service.send("PUB answers 14\r\nPlain Response\r\n");
  assertEquals((await client.message()).body, "Plain Response");
  last = log.texts("trace", "->> MSG_PAYLOAD:").at(-1)!;
  assertStringIncludes(last, "Plain Response");
});

Deno.test("TestClientTraceRace", async () => {
  await using server = await testServer({ logger: new CapturedLog({ trace: true }) });
  const receiver = await server.connect();
  const sender = await server.connect();
  const total = 10_000;
  let received = 0;
  const all = Promise.withResolvers<void>();
  receiver.subscribe("foo", { callback: () => void (++received === total && all.resolve()) });
  await receiver.flush();
  for (let i = 0; i < total; i++) {
    receiver.publish("bar", "hello");
    sender.publish("foo", "hello");
  }
  await all.promise;
});
