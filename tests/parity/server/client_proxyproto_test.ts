// Ports: server/client_proxyproto_test.go
/**
 * Clients behind load balancers that speak the PROXY protocol.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { parseIpAddress } from "../../../src/base/text/ip_address.ts";
import type { Transport } from "../../../src/platform/mod.ts";
import { systemLoop } from "../../../src/platform/deno/loop.ts";
import {
  ProxiedTransport,
  type ProxyHeader,
  ProxyProtocolError,
  readProxyHeader,
} from "../../../src/transport/proxy_protocol.ts";
import { withCertificates } from "../../harness/certs.ts";
import { OK, PONG, RawClient } from "../../harness/raw_client.ts";
import { type TestServer, testServer, until } from "../../harness/server.ts";

const SIGNATURE = "\r\n\r\n\0\r\nQUIT\n";
const IPV4_STREAM = 0x11;
const IPV6_STREAM = 0x21;

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

function textOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** A header of version 2; texts have one character per byte. */
function v2(command: number, family: number, data: string): string {
  const length = String.fromCharCode(data.length >> 8, data.length & 255);
  return SIGNATURE + String.fromCharCode(command, family) + length + data;
}

function v2Proxy(source: string, destination: string, ports: [number, number]): string {
  const addresses = [source, destination].map((text) => textOf(parseIpAddress(text)!)).join("");
  const portBytes = ports.map((port) => String.fromCharCode(port >> 8, port & 255)).join("");
  return v2(0x21, source.includes(":") ? IPV6_STREAM : IPV4_STREAM, addresses + portBytes);
}

const V2_LOCAL = v2(0x20, 0x00, "");

function v1(
  protocol: string,
  source: string,
  destination: string,
  ports: [number, number],
): string {
  return `PROXY ${protocol} ${source} ${destination} ${ports[0]} ${ports[1]}\r\n`;
}

/** A connection that delivers `text` and ends. */
function transportOf(text: string): Transport {
  let left = bytesOf(text);
  return {
    local: { host: "127.0.0.1", port: 4222 },
    remote: { host: "192.168.1.100", port: 54321 },
    tls: null,
    read: (target) => {
      if (left.length === 0) return Promise.resolve(null);
      const part = left.subarray(0, target.length);
      target.set(part);
      left = left.subarray(part.length);
      return Promise.resolve(part.length);
    },
    write: (source) => Promise.resolve(source.length),
    close: () => {},
  };
}

function read(text: string): Promise<ProxyHeader> {
  return readProxyHeader(transportOf(text), systemLoop());
}

async function refused(text: string): Promise<ProxyProtocolError> {
  return await assertRejects(() => read(text), ProxyProtocolError);
}

async function expectAddresses(
  text: string,
  source: [string, number],
  destination: [string, number],
  network: string,
): Promise<void> {
  const { addresses } = await read(text);
  assertEquals(addresses, {
    source: { host: source[0], port: source[1] },
    destination: { host: destination[0], port: destination[1] },
    network: network as "tcp4",
  });
}

Deno.test("TestClientProxyProtoV2ParseIPv4", () =>
  expectAddresses(
    v2Proxy("192.168.1.50", "10.0.0.1", [12345, 4222]),
    ["192.168.1.50", 12345],
    ["10.0.0.1", 4222],
    "tcp4",
  ));

Deno.test("TestClientProxyProtoV2ParseIPv6", () =>
  expectAddresses(
    v2Proxy("2001:db8::1", "2001:db8::2", [54321, 4222]),
    ["2001:db8::1", 54321],
    ["2001:db8::2", 4222],
    "tcp6",
  ));

Deno.test("TestClientProxyProtoV2ParseLocalCommand", async () => {
  const { version, addresses } = await read(V2_LOCAL);
  assertEquals([version, addresses], [2, null]);
});

Deno.test("TestClientProxyProtoV2InvalidSignature", async () => {
  const error = await refused(SIGNATURE.slice(0, 6) + "D_SIG_" + "\x20\x11\0\x0c");
  assertEquals(error.code, "invalid");
});

Deno.test("TestClientProxyProtoV2InvalidVersion", async () => {
  assertEquals((await refused(v2(0x11, IPV4_STREAM, ""))).code, "invalid");
});

Deno.test("TestClientProxyProtoV2UnsupportedFamily", async () => {
  assertEquals((await refused(v2(0x21, 0x31, ""))).code, "unsupported");
});

Deno.test("TestClientProxyProtoV2UnsupportedProtocol", async () => {
  assertEquals((await refused(v2(0x21, 0x12, "\0".repeat(12)))).code, "unsupported");
});

Deno.test("TestClientProxyProtoV2TruncatedHeader", async () => {
  const header = v2Proxy("192.168.1.50", "10.0.0.1", [12345, 4222]);
  assertStringIncludes((await refused(header.slice(0, 10))).message, "unexpected EOF");
});

Deno.test("TestClientProxyProtoV2ShortAddressData", async () => {
  const header = v2(0x21, IPV4_STREAM, "\0".repeat(12)).slice(0, 16) + "\x01\x02\x03\x04\x05";
  assertStringIncludes((await refused(header)).message, "unexpected EOF");
});

Deno.test("TestProxyConnRemoteAddr", () => {
  const under = transportOf("");
  const proxied = new ProxiedTransport(under, { host: "10.0.0.50", port: 12345 }, new Uint8Array());
  assertEquals(proxied.remote, { host: "10.0.0.50", port: 12345 });
  assertEquals(under.remote, { host: "192.168.1.100", port: 54321 });
});

Deno.test("TestClientProxyProtoV1ParseTCP4", () =>
  expectAddresses(
    v1("TCP4", "192.168.1.50", "10.0.0.1", [12345, 4222]),
    ["192.168.1.50", 12345],
    ["10.0.0.1", 4222],
    "tcp4",
  ));

Deno.test("TestClientProxyProtoV1ParseTCP6", () =>
  expectAddresses(
    v1("TCP6", "2001:db8::1", "2001:db8::2", [54321, 4222]),
    ["2001:db8::1", 54321],
    ["2001:db8::2", 4222],
    "tcp6",
  ));

Deno.test("TestClientProxyProtoV1ParseTCP6IPv4Mapped", () =>
  expectAddresses(
    v1("TCP6", "::ffff:192.0.2.1", "::ffff:10.0.0.1", [1234, 4222]),
    ["192.0.2.1", 1234],
    ["10.0.0.1", 4222],
    "tcp4",
  ));

Deno.test("TestClientProxyProtoV1MismatchedDestProtocol", async () => {
  const tcp4 = v1("TCP4", "192.168.1.1", "2001:db8::2", [12345, 443]);
  const tcp6 = v1("TCP6", "2001:db8::1", "10.0.0.1", [12345, 443]);
  for (const header of [tcp4, tcp6]) assertEquals((await refused(header)).code, "invalid");
});

Deno.test("TestClientProxyProtoV1ParseUnknown", async () => {
  const { version, addresses } = await read("PROXY UNKNOWN\r\n");
  assertEquals([version, addresses], [1, null]);
});

const CONNECT = 'CONNECT {"verbose":false,"pedantic":false,"protocol":1}\r\n';
const VERBOSE = 'CONNECT {"verbose":true,"pedantic":false,"protocol":1}\r\nPING\r\n';

Deno.test("TestClientProxyProtoV1PreservesCoalescedClientBytes", async () => {
  const header = v1("TCP4", "192.168.1.50", "10.0.0.1", [12345, 4222]);
  const transport = transportOf(header + CONNECT);
  const { addresses, rest } = await readProxyHeader(transport, systemLoop());
  assert(addresses !== null);
  assertEquals(textOf(rest), CONNECT);
  assertEquals(await transport.read(new Uint8Array(10)), null);
});

Deno.test("TestClientProxyProtoV1InvalidFormat", async () => {
  assertEquals((await refused("PROXY TCP4 192.168.1.1\r\n")).code, "invalid");
});

Deno.test("TestClientProxyProtoV1LineTooLong", async () => {
  const header = `PROXY TCP4 ${"1234567890".repeat(12)} 10.0.0.1 12345 443\r\n`;
  assertEquals((await refused(header)).code, "invalid");
});

Deno.test("TestClientProxyProtoV1InvalidIP", async () => {
  assertEquals((await refused("PROXY TCP4 not.an.ip.addr 10.0.0.1 12345 443\r\n")).code, "invalid");
});

Deno.test("TestClientProxyProtoV1MismatchedProtocol", async () => {
  const tcp4 = v1("TCP4", "2001:db8::1", "2001:db8::2", [12345, 443]);
  const tcp6 = v1("TCP6", "192.168.1.1", "10.0.0.1", [12345, 443]);
  for (const header of [tcp4, tcp6]) assertEquals((await refused(header)).code, "invalid");
});

Deno.test("TestClientProxyProtoV1InvalidPort", async () => {
  await refused("PROXY TCP4 192.168.1.1 10.0.0.1 99999 443\r\n");
});

Deno.test("TestClientProxyProtoVersionDetection", async () => {
  const first = await read(v1("TCP4", "192.168.1.1", "10.0.0.1", [12345, 443]));
  assertEquals(first.addresses!.source.host, "192.168.1.1");
  const second = await read(v2Proxy("192.168.1.2", "10.0.0.1", [54321, 443]));
  assertEquals(second.addresses!.source.host, "192.168.1.2");
});

Deno.test("TestClientProxyProtoUnrecognizedVersion", async () => {
  const { version, rest } = await read("HELLO WORLD\r\n");
  assertEquals(version, 0);
  assertEquals(textOf(rest), "HELLO WORLD\r\n");
});

function knownAs(server: TestServer, host: string, port: number): Promise<void> {
  return until(() =>
    [...server.server.clients.values()].some((each) => each.host === host && each.port === port)
  );
}

Deno.test("TestClientProxyProtoV2EndToEnd", async () => {
  await using server = await testServer({ proxyProtocol: true });
  const client = await server.raw();
  await client.send(v2Proxy("203.0.113.50", "127.0.0.1", [54321, 4222]) + CONNECT);
  const info = await client.info();
  // The proxy's address is nobody's business.
  assertEquals(info.client_ip, undefined);
  await knownAs(server, "203.0.113.50", 54321);
  await client.send("PING\r\n");
  await client.expect(PONG);
  assertEquals((await client.info()).client_ip, "203.0.113.50");
});

Deno.test("TestClientProxyProtoV2LocalCommandEndToEnd", async () => {
  await using server = await testServer({ proxyProtocol: true });
  const client = await server.raw();
  await client.send(V2_LOCAL + CONNECT);
  await client.info();
  await client.flush();
  assertEquals(server.server.clients.size, 1);
});

Deno.test("TestClientProxyProtoV1EndToEnd", async () => {
  await using server = await testServer({ proxyProtocol: true });
  const client = await server.raw();
  await client.send(v1("TCP4", "203.0.113.50", "127.0.0.1", [54321, 4222]) + VERBOSE);
  await client.info();
  await client.expect(OK);
  await client.expect(PONG);
  await knownAs(server, "203.0.113.50", 54321);
});

/** A client that waits for INFO, where there is one before TLS, and shakes hands. */
async function secured(server: TestServer, ca: string, header: string): Promise<RawClient> {
  const plain = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  await plain.write(bytesOf(header));
  let info = "";
  const buffer = new Uint8Array(4096);
  while (!info.endsWith("\r\n")) {
    info += new TextDecoder().decode(buffer.subarray(0, (await plain.read(buffer))!));
  }
  assert(info.startsWith("INFO "));
  return new RawClient(await Deno.startTls(plain, { hostname: "localhost", caCerts: [ca] }));
}

async function expectVerbose(client: RawClient): Promise<void> {
  await client.send(VERBOSE);
  await client.expect(OK);
  await client.expect(PONG);
}

type Proxied = readonly [header: string, host: string, port: number];

function proxied(version: 1 | 2, host: string, port: number): Proxied {
  const ports: [number, number] = [port, 4222];
  return version === 1
    ? [v1("TCP4", host, "127.0.0.1", ports), host, port]
    : [v2Proxy(host, "127.0.0.1", ports), host, port];
}

async function expectTls([header, host, port]: Proxied, allowNonTls: boolean): Promise<void> {
  await withCertificates(async ({ ca, server: { certFile, keyFile } }) => {
    await using server = await testServer(
      { proxyProtocol: true, allowNonTls },
      `tls { cert_file: "${certFile}", key_file: "${keyFile}", timeout: 2 }`,
    );
    const client = await secured(server, ca.certPem, header);
    await expectVerbose(client);
    await knownAs(server, host, port);
    await client.end();
    if (!allowNonTls) return;
    const plain = await server.raw();
    await plain.send(header);
    await plain.info();
    await expectVerbose(plain);
  });
}

Deno.test("TestClientProxyProtoV1WithRequiredTLS", () =>
  expectTls(proxied(1, "203.0.113.50", 54321), false));
Deno.test("TestClientProxyProtoV2WithRequiredTLS", () =>
  expectTls(proxied(2, "203.0.113.51", 54322), false));
Deno.test("TestClientProxyProtoV1WithAllowNonTLS", () =>
  expectTls(proxied(1, "203.0.113.60", 54331), true));
Deno.test("TestClientProxyProtoV2WithAllowNonTLS", () =>
  expectTls(proxied(2, "203.0.113.61", 54332), true));

Deno.test("TestClientProxyProtoNonProxiedTLSFirstFallback", async () => {
  await withCertificates(async ({ ca, server: { certFile, keyFile } }) => {
    await using server = await testServer(
      { proxyProtocol: true },
      `tls { cert_file: "${certFile}", key_file: "${keyFile}", timeout: 2
         handshake_first: "250ms" }`,
    );
    const client = new RawClient(
      await Deno.connectTls({
        hostname: "localhost",
        port: server.port,
        caCerts: [ca.certPem],
      }),
    );
    await client.info();
    await expectVerbose(client);
    await client.end();
  });
});
