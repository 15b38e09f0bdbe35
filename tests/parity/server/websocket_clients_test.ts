/**
 * Clients over WebSocket: what they send and get, compressed or not.
 *
 * Ports: server/websocket_test.go
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { deflateRawSync } from "node:zlib";
import { ClosedState } from "../../../src/core/connection/closed_state.ts";
import { CapturedLog } from "../../harness/captured_log.ts";
import { type TestServer, testServer, until } from "../../harness/server.ts";
import { joined, packed, Peer, randomBytes, serve, serverFrames } from "../../harness/websocket.ts";
import { WebsocketClient } from "../../harness/websocket_client.ts";
import { SeededRandom } from "../../sim/random.ts";

const BROWSER_FRAME_BYTES = 4096;
const decoder = new TextDecoder();

function config(more = "", outside = ""): string {
  return `websocket { listen: "127.0.0.1:-1", no_tls: true, ${more} }\n${outside}`;
}

const port = ({ server }: TestServer): number => server.websocket!.port;

/** A plain client that has subscribed to foo, and what it got. */
async function listener(server: TestServer): Promise<() => Promise<string>> {
  const client = await server.rawLogin();
  await client.send("SUB foo 1\r\n");
  await client.flush();
  return async () => (await client.message()).body;
}

Deno.test("TestWSPubSub", async (t) => {
  for (const compress of [false, true]) {
    await t.step(`compression ${compress}`, async () => {
      await using server = await testServer({}, config(`compression: ${compress}`));
      const received = await listener(server);
      using client = await WebsocketClient.ready(port(server), { compress });
      await client.send("PUB foo 7\r\nfrom ws\r\n");
      assertEquals(await received(), "from ws");
      await client.send("SUB bar 1\r\nPING\r\n");
      assertEquals(await client.text(), "PONG\r\n");
      const nats = await server.rawLogin();
      await nats.send("PUB bar 9\r\nfrom nats\r\n");
      assertEquals(await client.text(), "MSG bar 1 9\r\nfrom nats\r\n");
    });
  }
});

Deno.test("TestWSBatchedPubInSingleFrame", async () => {
  await using server = await testServer({ maxPayload: 16 }, config());
  const received = await listener(server);
  using client = await WebsocketClient.ready(port(server));
  await client.send("PUB foo 8\r\n12345678\r\nPUB foo 8\r\nabcdefgh\r\nPING\r\n");
  assertEquals([await received(), await received()], ["12345678", "abcdefgh"]);
  assertEquals(await client.text(), "PONG\r\n");
});

Deno.test("TestWSCompressedPubInSingleFrame", async () => {
  await using server = await testServer({ maxPayload: 64 }, config("compression: true"));
  const received = await listener(server);
  using client = await WebsocketClient.ready(port(server), { compress: true });
  await client.send("PUB foo 1\r\na\r\n", { compressed: true });
  assertEquals(await received(), "a");
  await client.send("PING\r\n", { compressed: true });
  assertEquals(await client.text(), "PONG\r\n");
});

Deno.test("TestWSCompressedSequentialFramesRemainResponsive", async () => {
  await using server = await testServer({}, config("compression: true"));
  const received = await listener(server);
  using client = await WebsocketClient.ready(port(server), { compress: true });
  for (let i = 0; i < 64; i++) await client.send("PUB foo 1\r\na\r\n", { compressed: true });
  for (let i = 0; i < 64; i++) assertEquals(await received(), "a");
  await client.send("PING\r\n", { compressed: true });
  assertEquals(await client.text(), "PONG\r\n");
});

Deno.test("TestWSCompressedFragmentedFrame", async () => {
  await using server = await testServer({}, config("compression: true"));
  const received = await listener(server);
  using client = await WebsocketClient.ready(port(server), { compress: true });
  const whole = packed(new TextEncoder().encode("PUB foo 1\r\na\r\n"));
  const half = Math.floor(whole.length / 2);
  const first = client.frame(whole.slice(0, half), { final: false });
  first[0]! |= 0x40;
  await client.write(first);
  await client.send(whole.slice(half), { opcode: 0 });
  assertEquals(await received(), "a");
  await client.send("PING\r\n", { compressed: true });
  assertEquals(await client.text(), "PONG\r\n");
});

Deno.test("TestWSCorruptedCompressedFrameIsRejected", async () => {
  const log = new CapturedLog({ debug: true });
  await using server = await testServer({ logger: log }, config("compression: true"));
  using client = await WebsocketClient.ready(port(server), { compress: true });
  const frame = client.frame("PING\r\n", { compressed: true });
  frame[frame.length - 1]! ^= 0xff;
  await client.write(frame);
  await until(() => log.texts("error", "corrupt").length > 0);
  assert(await client.ended());
});

Deno.test("TestWSFlushesBufferedDeliveryBeforeProtocolClose", async () => {
  await using server = await testServer({}, config());
  const received = await listener(server);
  using client = await WebsocketClient.ready(port(server));
  const good = client.frame("PUB foo 1\r\na\r\n");
  const bad = client.frame("", { opcode: 9, masked: false });
  await client.write(joined([good, bad]));
  assertEquals(await received(), "a");
});

Deno.test("TestWSCloseMsgSendOnConnectionClose", async () => {
  await using server = await testServer({}, config());
  using client = await WebsocketClient.ready(port(server));
  const [connection] = [...server.server.clients.values()];
  connection!.close(ClosedState.ProtocolViolation);
  const { first, payload } = await client.next();
  assertEquals(first, 0x88);
  assertEquals(payload[0]! * 256 + payload[1]!, 1002);
  assertEquals(decoder.decode(payload.subarray(2)), "Protocol Violation");
});

Deno.test("TestWSWebrowserClient", async () => {
  await using server = await testServer({}, config());
  using client = await WebsocketClient.ready(port(server), { browser: true });
  await client.send("SUB foo 1\r\nPING\r\n");
  assertEquals(await client.text(), "PONG\r\n");
  const nats = await server.rawLogin();
  const size = 204_813;
  await nats.send(`PUB foo ${size}\r\n${"x".repeat(size)}\r\n`);
  let frames = 0;
  for (let total = 0; total < size; frames++) total += (await client.next()).payload.length;
  assert(frames >= size / BROWSER_FRAME_BYTES, `${frames} frames`);
});

Deno.test("TestWSCompressionBasic", async () => {
  await using server = await testServer({}, config("compression: true"));
  using client = await WebsocketClient.ready(port(server), { compress: true });
  await client.send("SUB foo 1\r\nPING\r\n", { compressed: true });
  assertEquals(await client.text(), "PONG\r\n");
  const nats = await server.rawLogin();
  const body = `This is the content of a message that will be compress${"d".repeat(60)}.`;
  await nats.send(`PUB foo ${body.length}\r\n${body}\r\n`);
  const message = `MSG foo 1 ${body.length}\r\n${body}\r\n`;
  const compressed = await client.next();
  assertEquals(decoder.decode(compressed.payload), message);
  assertEquals(compressed.first, 0xc2);
  const expected = deflateRawSync(message, { level: 1, finishFlush: 2 });
  assertEquals(compressed.raw, new Uint8Array(expected).slice(0, -4));
  await nats.send("PUB foo 5\r\nsmall\r\n");
  const plain = await client.next();
  assertEquals([plain.first, decoder.decode(plain.raw)], [0x82, "MSG foo 1 5\r\nsmall\r\n"]);
});

Deno.test("TestWSCompressionFrameSizeLimit", async () => {
  const random = new SeededRandom(1);
  const peer = new Peer(new Uint8Array(0), random);
  const transport = serve(peer, { compress: true, browser: true });
  const message = randomBytes(random, 2 * BROWSER_FRAME_BYTES);
  await transport.write(message);
  const frames = serverFrames(joined(peer.got));
  assert(frames.length > 2);
  for (const [i, { first, payload }] of frames.entries()) {
    assert(payload.length <= BROWSER_FRAME_BYTES);
    assertEquals((first & 0x40) !== 0, i === 0);
    assertEquals((first & 0x80) !== 0, i === frames.length - 1);
  }
  const back = serve(new Peer(joined(peer.got), random), { compress: true, masked: false });
  const target = new Uint8Array(message.length);
  let length = 0;
  while (length < target.length) length += (await back.read(target.subarray(length)))!;
  assertEquals(target, message);
});

Deno.test("TestWSDecompressLimit", async (t) => {
  for (const maxPayload of [0, 2_097_152, 4096]) {
    await t.step(`max_payload ${maxPayload}`, async () => {
      const log = new CapturedLog({ debug: true });
      const options = maxPayload === 0 ? {} : { maxPayload };
      await using server = await testServer(
        { ...options, logger: log },
        config("compression: true"),
      );
      using client = await WebsocketClient.ready(port(server), { compress: true });
      const size = (maxPayload || 1_048_576) + 1;
      await client.send(`PUB foo ${size}\r\n${"\0".repeat(size)}\r\n`, { compressed: true });
      assertStringIncludes(await client.text(), "Maximum Payload Violation");
      await until(() => log.texts("error", "maximum payload exceeded").length > 0);
    });
  }
});

Deno.test("TestWSXForwardedFor", async (t) => {
  const cases: readonly [header: string | null, shown: string][] = [
    [null, ""],
    ["1.2.3.4", "1.2.3.4/"],
    ["::1", "[::1]/"],
    ["not an address", ""],
    // Two headers.
    ["1.2.3.4\r\nX-Forwarded-For: 5.6.7.8", "1.2.3.4/"],
  ];
  for (const [header, shown] of cases) {
    await t.step(`${header}`, async () => {
      const log = new CapturedLog({ debug: true });
      await using server = await testServer({ logger: log }, config());
      const headers: Record<string, string> = header === null ? {} : { "X-Forwarded-For": header };
      using client = await WebsocketClient.ready(port(server), { headers });
      await client.send("PING\r\n");
      const [created] = log.texts("debug", "Client connection created");
      assert(created!.startsWith(`${shown}127.0.0.1:`), created);
      assertStringIncludes(created!, " - wid:");
    });
  }
});

Deno.test("TestWSSetHeaderServer", async () => {
  await using server = await testServer({}, config('headers { "X-Header": "some-value" }'));
  using client = await WebsocketClient.ready(port(server));
  assertStringIncludes(client.response, "\r\nX-Header: some-value\r\n");
});

Deno.test("TestWebsocketPingInterval", async () => {
  await using server = await testServer({}, config("ping_interval: 50ms", "ping_interval: 100s"));
  using client = await WebsocketClient.ready(port(server));
  for (let i = 0; i < 3; i++) {
    assertEquals(await client.text(), "PING\r\n");
    await client.send("PONG\r\n");
  }
});

Deno.test("TestWSUpgradeConnDeadline", async () => {
  await using server = await testServer({}, config("handshake_timeout: 50ms"));
  using client = await WebsocketClient.ready(port(server));
  await new Promise((resolve) => setTimeout(resolve, 120));
  await client.send("PING\r\n");
  assertEquals(await client.text(), "PONG\r\n");
});

Deno.test("a client that breaks NATS's protocol is told so", async () => {
  await using server = await testServer({}, config());
  using client = await WebsocketClient.ready(port(server));
  await client.send("FOO\r\n");
  assertEquals(await client.text(), "-ERR 'Unknown Protocol Operation'\r\n");
  const { first, payload } = await client.next();
  assertEquals(first, 0x88);
  assertEquals(payload.slice(0, 2), Uint8Array.of(0x03, 0xea));
  assertEquals(decoder.decode(payload.subarray(2)), "Protocol Violation");
  assert(await client.ended());
});
