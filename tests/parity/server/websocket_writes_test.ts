/**
 * WebSockets on connections that take a part of what is written, or nothing.
 *
 * Ports: server/websocket_test.go
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { emptyOptions, processConfigText } from "../../../src/config/mod.ts";
import { applyBaseline } from "../../../src/config/baseline.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";
import { systemEnvironment } from "../../../src/platform/deno/environment.ts";
import { type Listener, type Transport, TransportError } from "../../../src/platform/mod.ts";
import { Server } from "../../../src/server/server.ts";
import { WebsocketTransport } from "../../../src/transport/websocket/websocket_transport.ts";
import { CapturedLog } from "../../harness/captured_log.ts";
import { type TestServer, testServer, until } from "../../harness/server.ts";
import { WebsocketClient } from "../../harness/websocket_client.ts";
import { SeededRandom } from "../../sim/random.ts";

const decoder = new TextDecoder();
const config = (more = "") => `websocket { listen: "127.0.0.1:-1", no_tls: true, ${more} }`;
const port = ({ server }: TestServer): number => server.websocket!.port;

/** Lets the connections of all clients take a half of what is written at most. */
function writePartly({ server }: TestServer): void {
  for (const { transport } of server.clients.values()) {
    assert(transport instanceof WebsocketTransport);
    const { under } = transport;
    const write = under.write.bind(under);
    under.write = (source) => write(source.subarray(0, Math.ceil(source.length / 2)));
  }
}

Deno.test("TestWSWithPartialWrite", async () => {
  await using server = await testServer({}, config());
  using subscriber = await WebsocketClient.ready(port(server));
  await subscriber.send("SUB foo 1\r\nPING\r\n");
  assertEquals(await subscriber.text(), "PONG\r\n");
  using publisher = await WebsocketClient.ready(port(server));
  writePartly(server);
  const random = new SeededRandom(1);
  let expected = "";
  for (let i = 0; i < 100; i++) {
    const size = 10 + random.below(10_000);
    const body = Array.from({ length: size }, (_, j) => String.fromCharCode(65 + j % 26)).join("");
    await publisher.send(`PUB foo ${size}\r\n${body}\r\n`);
    expected += `MSG foo 1 ${size}\r\n${body}\r\n`;
  }
  assertEquals(await subscriber.textOf(expected.length), expected);
});

Deno.test("TestWSCompressionWithPartialWrite", async () => {
  const body = "This is the content of a message that will be compresseddddddddddddddddddddd.";
  await using server = await testServer({}, config("compression: true"));
  using client = await WebsocketClient.ready(port(server), { compress: true });
  await client.send("SUB foo 1\r\nPING\r\n", { compressed: true });
  assertEquals(await client.text(), "PONG\r\n");
  writePartly(server);
  const [connection] = server.server.clients.values();
  const publisher = await server.rawLogin();
  for (let i = 0; i < 10; i++) {
    await publisher.send(`PUB foo ${body.length}\r\n${body}\r\n`);
    await publisher.flush();
    if (i === 1) await client.send("my ping", { opcode: 9 });
  }
  const expected = `MSG foo 1 ${body.length}\r\n${body}\r\n`.repeat(10);
  let got = "";
  let pongs = 0;
  while (got.length < expected.length || pongs === 0) {
    const text = decoder.decode((await client.next()).payload);
    if (text === "my ping") pongs++;
    else got += text;
  }
  assertEquals(got, expected);
  await until(() => connection!.out.pendingBytes === 0);
});

Deno.test("TestWSUpgradeResponseWriteError", async () => {
  const options = emptyOptions();
  const text = `host: "127.0.0.1", port: -1\n${config()}`;
  processConfigText(options, text, systemConfigSource());
  applyBaseline(options);
  const environment = systemEnvironment(new CapturedLog());
  const closed: Transport[] = [];
  let writes = 0;
  /** Connections that can be read only. */
  const listen = (host: string, port: number): Listener => {
    const listener = environment.net.listen(host, port);
    const accept = listener.accept.bind(listener);
    listener.accept = async () => {
      const transport = await accept();
      const close = transport.close.bind(transport);
      transport.write = () => {
        writes++;
        return Promise.reject(new TransportError("on purpose"));
      };
      transport.close = () => {
        closed.push(transport);
        close();
      };
      return transport;
    };
    return listener;
  };
  const net = { ...environment.net, listen };
  const server = new Server(options, { ...environment, net });
  await server.prepare();
  server.start();
  try {
    const request = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n" +
      "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
      "Sec-WebSocket-Version: 13\r\n\r\n";
    using client = await WebsocketClient.ask(server.websocket!.port, request);
    assertEquals(client.response, "");
    assertEquals([writes, closed.length, server.clients.size], [1, 1, 0]);
  } finally {
    await server.stop();
  }
});
