/**
 * Limits of a running server: connections, slow receivers, silent clients, lame duck mode.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type StartOptions, startServer } from "../../../src/mod.ts";

const encoder = new TextEncoder();

/** A connection that sends text and reads until a text shows up or the end. */
class RawClient {
  text = "";
  ended = false;
  readonly #buffer = new Uint8Array(65536);
  private constructor(readonly conn: Deno.Conn) {}

  static async connect(port: number): Promise<RawClient> {
    return new RawClient(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  async send(text: string): Promise<void> {
    const bytes = encoder.encode(text);
    for (let at = 0; at < bytes.length;) at += await this.conn.write(bytes.subarray(at));
  }

  async until(wanted: string): Promise<void> {
    while (!this.text.includes(wanted)) {
      if (!(await this.#read())) throw new Error(`ended before ${wanted}: ${this.text}`);
    }
  }

  async untilEnd(): Promise<void> {
    while (await this.#read());
  }

  async #read(): Promise<boolean> {
    const count = await this.conn.read(this.#buffer).catch(() => null);
    if (count === null) {
      this.ended = true;
      return false;
    }
    this.text += new TextDecoder().decode(this.#buffer.subarray(0, count));
    return true;
  }
}

async function serve(options: StartOptions, use: (port: number) => Promise<void>): Promise<void> {
  const server = await startServer({ host: "127.0.0.1", port: -1, ...options });
  try {
    await use(server.port);
  } finally {
    await server.stop();
  }
}

const QUIET = 'CONNECT {"verbose":false,"protocol":1}\r\n';

Deno.test("one connection too many is refused with the reference's error", async () => {
  await serve({ maxConn: 1 }, async (port) => {
    const first = await RawClient.connect(port);
    await first.send(`${QUIET}PING\r\n`);
    await first.until("PONG");
    const second = await RawClient.connect(port);
    await second.untilEnd();
    assertStringIncludes(second.text, "-ERR 'maximum connections exceeded'\r\n");
    first.conn.close();
    second.conn.close();
  });
});

Deno.test("a silent client is pinged and then closed as stale", async () => {
  await serve({ pingIntervalMs: 30, maxPingsOut: 2 }, async (port) => {
    const client = await RawClient.connect(port);
    await client.send(QUIET);
    await client.untilEnd();
    assertEquals(client.text.split("\r\n").filter((line) => line === "PING").length, 2);
    assertStringIncludes(client.text, "-ERR 'Stale Connection'\r\n");
    client.conn.close();
  });
});

Deno.test("a client that never sends CONNECT is cut off", async () => {
  await serve({ username: "ada", password: "lovelace", authTimeoutMs: 50 }, async (port) => {
    const client = await RawClient.connect(port);
    await client.untilEnd();
    assertStringIncludes(client.text, "-ERR 'Authentication Timeout'\r\n");
    client.conn.close();
  });
});

Deno.test("a subscriber that never reads is cut off and others are served", async () => {
  const server = await startServer({ host: "127.0.0.1", port: -1, maxPending: 2 * 1024 * 1024 });
  const stuck = await RawClient.connect(server.port);
  await stuck.send(`${QUIET}SUB flood 1\r\nPING\r\n`);
  await stuck.until("PONG");
  const publisher = await RawClient.connect(server.port);
  const reading = await RawClient.connect(server.port);
  await reading.send(`${QUIET}SUB flood 1\r\nSUB done 2\r\nPING\r\n`);
  await reading.until("PONG");
  await publisher.send(QUIET);
  const message = `PUB flood 100000\r\n${"x".repeat(100000)}\r\n`;
  const drained = reading.until("MSG done 2 2\r\nok\r\n");
  for (let i = 0; i < 200; i++) await publisher.send(message);
  await publisher.send("PUB done 2\r\nok\r\nPING\r\n");
  await publisher.until("PONG");
  await drained;
  const closed = server.closedConnections.all();
  assertEquals(closed.map(({ reason }) => reason), ["Slow Consumer (Pending Bytes)"]);
  assertEquals(server.core.stats.slowConsumers, 1);
  assertEquals(reading.text.split("MSG flood").length - 1, 200);
  for (const { conn } of [stuck, publisher, reading]) conn.close();
  await server.stop();
});

Deno.test("a subscriber that takes nothing within write_deadline is cut off", async () => {
  const server = await startServer({ host: "127.0.0.1", port: -1, writeDeadlineMs: 100 });
  const stuck = await RawClient.connect(server.port);
  await stuck.send(`${QUIET}SUB flood 1\r\nPING\r\n`);
  await stuck.until("PONG");
  const publisher = await RawClient.connect(server.port);
  await publisher.send(QUIET);
  const message = `PUB flood 1000000\r\n${"x".repeat(1000000)}\r\n`;
  while (server.closedConnections.total === 0) await publisher.send(message);
  const [closed] = server.closedConnections.all();
  assertEquals(closed!.reason, "Slow Consumer (Write Deadline)");
  stuck.conn.close();
  publisher.conn.close();
  await server.stop();
});

Deno.test("lame duck mode tells clients, closes them and ends the server", async () => {
  const server = await startServer({
    host: "127.0.0.1",
    port: -1,
    lameDuckGracePeriodMs: 20,
    lameDuckDurationMs: 60,
  });
  const { port } = server;
  const client = await RawClient.connect(port);
  await client.send(`${QUIET}PING\r\n`);
  await client.until("PONG");
  const ended = server.lameDuckShutdown();
  await client.until('"ldm":true');
  let refused = false;
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
  } catch (error) {
    refused = error instanceof Deno.errors.ConnectionRefused;
  }
  assert(refused, "new clients are refused");
  await client.untilEnd();
  await ended;
  await server.finished;
  client.conn.close();
});
