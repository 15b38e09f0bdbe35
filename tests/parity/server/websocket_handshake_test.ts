/**
 * Handshakes of WebSocket: who is let in, and what is answered.
 *
 * Ports: server/websocket_test.go
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  HandshakeError,
  type HandshakeRules,
  parseOrigin,
  upgrade,
} from "../../../src/transport/websocket/handshake.ts";
import { parseHttpRequest } from "../../../src/transport/websocket/http_request.ts";
import { CapturedLog } from "../../harness/captured_log.ts";
import { testServer, until } from "../../harness/server.ts";

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const VALID: Readonly<Record<string, string>> = {
  "Host": "localhost",
  "Upgrade": "websocket",
  "Connection": "Upgrade",
  "Sec-Websocket-Key": KEY,
  "Sec-Websocket-Version": "13",
};

/** A valid request with some headers changed; null leaves one out. */
function head(change: Record<string, string | null> = {}, method = "GET", path = "/"): string {
  const lines = Object.entries({ ...VALID, ...change })
    .filter(([, value]) => value !== null).map(([name, value]) => `${name}: ${value}`);
  return [`${method} ${path} HTTP/1.1`, ...lines].join("\r\n");
}

const RULES: HandshakeRules = {
  compression: false,
  sameOrigin: false,
  allowedOrigins: [],
  headers: new Map(),
  secure: false,
  mqtt: false,
};

function granted(text: string, rules: Partial<HandshakeRules> = {}) {
  return upgrade(parseHttpRequest(text)!, { ...RULES, ...rules });
}

/** Status and reason of a refusal; null when the handshake is granted. */
function refusal(text: string, rules: Partial<HandshakeRules> = {}): HandshakeError | null {
  try {
    granted(text, rules);
    return null;
  } catch (error) {
    assert(error instanceof HandshakeError, String(error));
    return error;
  }
}

Deno.test("TestWSCheckOrigin", async (t) => {
  const list = ["http://host1.com", "http://host2.com:1234"];
  const schemes = ["http://host3.com", "https://host3.com"];
  const cases: readonly [string, boolean, string[], string, boolean, string, string][] = [
    ["any", false, [], "", false, "http://any.host.com", ""],
    ["same origin ok", true, [], "host.com", false, "http://host.com:80", ""],
    [
      "same origin bad host",
      true,
      [],
      "host.com",
      false,
      "http://other.host.com",
      "not same origin",
    ],
    ["same origin bad port", true, [], "host.com", false, "http://host.com:81", "not same origin"],
    [
      "same origin bad scheme explicit port",
      true,
      [],
      "host.com:443",
      true,
      "http://host.com:443",
      "not same origin",
    ],
    ["same origin bad scheme", true, [], "host.com", true, "http://host.com", "not same origin"],
    ["same origin bad uri", true, [], "host.com", false, "@@@://invalid:url:1234", "invalid URI"],
    [
      "same origin bad url",
      true,
      [],
      "host.com",
      false,
      "http://invalid:url:1234",
      "too many colons",
    ],
    [
      "same origin bad req host",
      true,
      [],
      "invalid:url:1234",
      false,
      "http://host.com",
      "too many colons",
    ],
    ["no origin same origin ignored", true, [], "", false, "", ""],
    ["no origin list ignored", true, list, "", false, "", ""],
    ["no origin same origin and list ignored", true, list, "", false, "", ""],
    ["allowed from list", false, list, "", false, "http://host2.com:1234", ""],
    ["allowed with different path", false, list, "", false, "http://host1.com/some/path", ""],
    ["allowed from list same host http", false, schemes, "", false, "http://host3.com", ""],
    ["allowed from list same host https", false, schemes, "", false, "https://host3.com", ""],
    ["list bad port", false, list, "", false, "http://host1.com:1234", "not in the allowed list"],
    [
      "list bad scheme",
      false,
      list,
      "",
      false,
      "https://host2.com:1234",
      "not in the allowed list",
    ],
  ];
  for (const [name, sameOrigin, origins, host, secure, origin, expected] of cases) {
    await t.step(name, () => {
      const text = head({ "Host": host || "any", "Origin": origin || null });
      const allowedOrigins = origins.map((one) => parseOrigin(one));
      const refused = refusal(text, { sameOrigin, allowedOrigins, secure });
      if (expected === "") assertEquals(refused, null);
      else assertStringIncludes(refused?.message ?? "it was granted", expected);
    });
  }
});

Deno.test("TestWSUpgradeValidationErrors", async (t) => {
  const cases: readonly [string, string, Partial<HandshakeRules>, string, number][] = [
    ["bad method", head({}, "POST"), {}, "must be GET", 405],
    ["no host", head({ "Host": null }), {}, "'Host' missing in request", 400],
    [
      "invalid upgrade header",
      head({ "Upgrade": null }),
      {},
      "invalid value for header 'Upgrade'",
      400,
    ],
    [
      "invalid connection header",
      head({ "Connection": null }),
      {},
      "invalid value for header 'Connection'",
      400,
    ],
    ["no key", head({ "Sec-Websocket-Key": null }), {}, "key missing", 400],
    ["empty key", head({ "Sec-Websocket-Key": "" }), {}, "key missing", 400],
    [
      "invalid key encoding",
      head({ "Sec-Websocket-Key": "%%%" }),
      {},
      "invalid websocket key",
      400,
    ],
    [
      "invalid key length",
      head({ "Sec-Websocket-Key": btoa("short") }),
      {},
      "invalid websocket key",
      400,
    ],
    ["missing version", head({ "Sec-Websocket-Version": null }), {}, "invalid version", 400],
    ["wrong version", head({ "Sec-Websocket-Version": "99" }), {}, "invalid version", 400],
    [
      "origin",
      head({ "Origin": "http://bad.host.com" }),
      { sameOrigin: true },
      "origin not allowed",
      403,
    ],
  ];
  const texts: Record<number, string> = {
    400: "Bad Request",
    403: "Forbidden",
    405: "Method Not Allowed",
  };
  for (const [name, text, rules, expected, status] of cases) {
    await t.step(name, () => {
      const refused = refusal(text, rules)!;
      assertStringIncludes(refused.message, expected);
      assertEquals(refused.status, status);
      assert(refused.response.startsWith(`HTTP/1.1 ${status} ${texts[status]}\r\n`));
      assert(refused.response.endsWith(`\r\n\r\n${texts[status]}\n`));
    });
  }
  await t.step("buffered data", async () => {
    const log = new CapturedLog({ debug: true });
    await using server = await testServer({ logger: log }, LISTEN);
    const answer = await ask(server.server.websocket!.port, `${head()}\r\n\r\nsome data`);
    assert(answer.startsWith("HTTP/1.1 400 Bad Request\r\n"), answer);
    await until(() =>
      log.texts("error", "client sent data before handshake is complete").length > 0
    );
  });
});

const LISTEN = 'websocket { listen: "127.0.0.1:-1", no_tls: true }';

/** What the server answers before it closes the connection. */
async function ask(port: number, text: string): Promise<string> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(new TextEncoder().encode(text));
  return await new Response(conn.readable).text();
}

Deno.test("TestWSServerReportUpgradeFailure", async () => {
  const log = new CapturedLog({ debug: true });
  await using server = await testServer({ logger: log }, LISTEN);
  const answer = await ask(
    server.server.websocket!.port,
    `${head({ "Connection": null })}\r\n\r\n`,
  );
  assert(answer.startsWith("HTTP/1.1 400 Bad Request\r\n"), answer);
  const line = "websocket handshake error: invalid value for header 'Connection'";
  await until(() => log.texts("error", line).length > 0);
  assert(/^127\.0\.0\.1:\d+ - websocket handshake error/.test(log.texts("error", line)[0]!));
});

Deno.test("TestWSUpgradeWithEmptyXForwardedForSliceDoesNotPanic", () => {
  assertEquals(granted(head()).forwardedFor, "");
  assertEquals(granted(head({ "X-Forwarded-For": "" })).forwardedFor, "");
});

Deno.test("TestWSCompressNegotiation", () => {
  const asks = head({ "Sec-Websocket-Extensions": "permessage-deflate" });
  assert(!granted(asks).response.includes("permessage-deflate"));
  assert(granted(asks, { compression: true }).response.includes("permessage-deflate"));
  assert(!granted(head(), { compression: true }).response.includes("permessage-deflate"));
});

Deno.test("TestWSSetHeader", () => {
  const own = new Map([["X-Header", "some-value"], ["X-Another-Header", "another-value"]]);
  const [first, ...lines] = granted(head(), { headers: own }).response.trimEnd().split("\r\n");
  assertEquals(first, "HTTP/1.1 101 Switching Protocols");
  assertEquals(
    new Map(lines.map((line) => line.split(": ") as [string, string])),
    new Map([
      ["Upgrade", "websocket"],
      ["Connection", "Upgrade"],
      ["Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="],
      ...own,
    ]),
  );
});

Deno.test("TestWSUpgradeMQTTOnlyWhenEnabled", () => {
  const refused = refusal(head({}, "GET", "/mqtt"))!;
  assertEquals([refused.status, refused.message], [404, "mqtt websocket endpoint not enabled"]);
  const upgraded = granted(head({}, "GET", "/mqtt"), { mqtt: true });
  assertEquals(upgraded.kind, "mqtt");
  assertStringIncludes(upgraded.response, "Sec-Websocket-Protocol: mqtt\r\n");
});
