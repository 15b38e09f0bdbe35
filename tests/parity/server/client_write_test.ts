// Ports: server/client_test.go
/**
 * Writing to slow, broken and stubborn receivers, and TLS settings of clients.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { emptyOptions, processConfigText } from "../../../src/config/mod.ts";
import { Outbound, SlabPool } from "../../../src/core/connection/outbound.ts";
import type { Transport } from "../../../src/platform/mod.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";
import { CapturedLog } from "../../harness/captured_log.ts";
import { withCertificates } from "../../harness/certs.ts";
import { testServer, until } from "../../harness/server.ts";

/** A transport that hands writes to `write`. */
function transportThat(
  of: Transport | null,
  write: (bytes: Uint8Array) => Promise<number>,
): Transport {
  return {
    local: of?.local ?? { host: "", port: 0 },
    remote: of?.remote ?? { host: "", port: 0 },
    tls: of?.tls ?? null,
    read: (target) => of?.read(target) ?? Promise.resolve(null),
    write,
    close: () => of?.close(),
  };
}

Deno.test("TestFlushOutboundNoSliceReuseIfPartial", async () => {
  let partial = true;
  let written = "";
  const transport = transportThat(null, (bytes) => {
    const count = partial ? Math.floor(bytes.length / 2) + 1 : bytes.length;
    written += new TextDecoder().decode(bytes.subarray(0, count));
    return Promise.resolve(count);
  });
  const owner = {
    onWritten: () => {},
    onWriteFailed: (error: unknown) => assert(false, `${error}`),
  };
  const out = new Outbound(transport, new SlabPool(), owner, () => performance.now());
  const texts = ["ABCDEFGHIJKLMNOPQRSTUVWXYZ", "------", "0123456789"];
  for (const text of texts) {
    out.appendByteString(text);
    out.flush();
    partial = false;
  }
  await out.drained();
  assertEquals(written, texts.join(""));
});

Deno.test("TestPBNotIncreasedOnMaxPending", async () => {
  await using server = await testServer({ maxPending: 100, maxPayload: 60 });
  const { client, connection } = await server.rawWithConnection();
  await client.send("SUB foo 1\r\n");
  await client.flush();
  const publisher = await server.rawLogin();
  await publisher.send(`PUB foo 50\r\n${"x".repeat(50)}\r\n`.repeat(4));
  await publisher.flush();
  assertEquals(connection.out.pendingBytes, 0);
  assertEquals(connection.closeReason, "Slow Consumer (Pending Bytes)");
});

Deno.test("TestClientSlowConsumerWithoutConnect", async () => {
  await using server = await testServer({ writeDeadlineMs: 100, noSystemAccount: true });
  const slow = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  await slow.write(new TextEncoder().encode("SUB foo 1\r\n"));
  await until(() => server.server.subscriptionCount > 0);
  const publisher = await server.connect();
  const payload = new Uint8Array(10_000);
  for (let i = 0; i < 10_000; i++) {
    publisher.publish("foo", payload);
    if (i % 500 === 0) await publisher.flush();
  }
  await publisher.flush();
  const { stats } = server.server.core;
  await until(() => stats.slowConsumers === 1);
  assertEquals(stats.slowConsumersByKind.client, 1);
  slow.close();
});

Deno.test("TestClientFlushOutboundWriteTimeoutPolicy", async (t) => {
  for (const policy of ["retry", "close"] as const) {
    await t.step(policy, async () => {
      const writeDeadlineMs = 100;
      await using server = await testServer({
        pingIntervalMs: 250,
        writeDeadlineMs,
        writeTimeout: policy,
      });
      const { client, connection } = await server.rawWithConnection();
      await client.send("SUB test 1\r\n");
      await client.flush();
      const publisher = await server.rawLogin();
      // The first byte leaves at once, all others past the deadline.
      const inner = connection.transport;
      let first = true;
      connection.replaceTransport(transportThat(inner, async (bytes) => {
        if (first) {
          first = false;
          return await inner.write(bytes.subarray(0, 1));
        }
        await new Promise((resolve) => setTimeout(resolve, writeDeadlineMs * 2));
        return connection.closed ? bytes.length : await inner.write(bytes.subarray(0, 1));
      }));
      const size = 1024 * 1024;
      await publisher.send(`PUB test ${size}\r\n${"x".repeat(size)}\r\n`);
      let slow = false;
      await until(() => {
        slow ||= connection.slowConsumer;
        return connection.closed;
      });
      // Retrying marks the client first, and closes it once nothing leaves any more.
      assertEquals(slow, policy === "retry");
      assertEquals(connection.closeReason, "Slow Consumer (Write Deadline)");
    });
  }
});

Deno.test("TestClientConfigureWriteTimeoutPolicy", async (t) => {
  for (const policy of ["default", "retry", "close"] as const) {
    await t.step(policy, async () => {
      await using server = await testServer({ writeTimeout: policy });
      const { connection } = await server.rawWithConnection();
      assertEquals(connection.writeTimeout, policy === "default" ? "close" : policy);
    });
  }
});

Deno.test("TestTLSClientHandshakeFirstFallbackDelayConfigValues", async (t) => {
  const cases: [string, string, boolean, number][] = [
    ["first as boolean true", "true", true, 0],
    ["first as boolean false", "false", false, 0],
    ["first as string true", '"true"', true, 0],
    ["first as string false", '"false"', false, 0],
    ["first as string on", "on", true, 0],
    ["first as string off", "off", false, 0],
    ["first as string auto", "auto", true, 50],
    ["first as string auto_fallback", "auto_fallback", true, 50],
    ["first as fallback duration", "300ms", true, 300],
  ];
  await withCertificates(async ({ server: { certFile, keyFile } }) => {
    for (const [name, value, first, delayMs] of cases) {
      await t.step(name, async () => {
        const text =
          `tls { cert_file: "${certFile}", key_file: "${keyFile}", timeout: 1, first: ${value} }`;
        const options = emptyOptions();
        processConfigText(options, text, systemConfigSource());
        await using server = await testServer({}, text);
        for (const each of [options, server.server.options]) {
          assertEquals(each.tlsHandshakeFirst, first);
          assertEquals(each.tlsHandshakeFirstFallbackMs, delayMs);
        }
      });
    }
  });
});

Deno.test("TestTLSClientNoticeWithAllowNonTLS", async (t) => {
  const required = "TLS required for client connections";
  const available = "TLS available for client connections";
  const cases: [string, boolean, boolean, number, string][] = [
    ["tls only", false, false, 0, required],
    ["allow non tls", true, false, 0, available],
    ["allow non tls and tls first", true, true, 0, required],
    ["allow non tls and tls first with fallback", true, true, 25, available],
  ];
  await withCertificates(async ({ ca, server: { certFile, keyFile } }) => {
    const text =
      `tls { cert_file: "${certFile}", key_file: "${keyFile}", ca_file: "${ca.certFile}" }`;
    for (
      const [name, allowNonTls, tlsHandshakeFirst, tlsHandshakeFirstFallbackMs, wanted] of cases
    ) {
      await t.step(name, async () => {
        const logger = new CapturedLog();
        await using _server = await testServer(
          { allowNonTls, tlsHandshakeFirst, tlsHandshakeFirstFallbackMs, logger },
          text,
        );
        const notices = logger.texts("notice").filter((line) =>
          line.startsWith("TLS ") && line.endsWith(" for client connections")
        );
        assertEquals(notices, [wanted]);
      });
    }
  });
});
