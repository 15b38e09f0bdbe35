/**
 * The `websocket` block of configurations.
 *
 * Ports: server/websocket_test.go
 *
 * @module
 */
import { assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import type { WebsocketOptions } from "../../../src/config/mod.ts";
import { errorOf, processText } from "./_opts.ts";

/** Name, what is in the configuration, and what the error says. */
const BAD: readonly (readonly [name: string, text: string, error: string])[] = [
  ["bad type", "websocket: []", "to be a map"],
  ["bad listen", "websocket: { listen: [] }", "port or host:port"],
  ["bad port", 'websocket: { port: "abc" }', "not int64"],
  ["bad host", "websocket: { host: 123 }", "not string"],
  ["bad advertise type", "websocket: { advertise: 123 }", "not string"],
  ["bad tls", "websocket: { tls: 123 }", "not map[string]interface {}"],
  ["bad same origin", 'websocket: { same_origin: "abc" }', "not bool"],
  ["bad allowed origins type", "websocket: { allowed_origins: {} }", "unsupported type"],
  [
    "bad allowed origins values",
    "websocket: { allowed_origins: [ {} ] }",
    "unsupported type in array",
  ],
  ["bad handshake timeout type", "websocket: { handshake_timeout: [] }", "unsupported type"],
  [
    "bad handshake timeout duration",
    'websocket: { handshake_timeout: "abc" }',
    "invalid duration",
  ],
  ["bad header type, a number", "websocket: { headers: 123 }", "unsupported type"],
  ["bad header type, a list", "websocket: { headers: [] }", "unsupported type"],
  ["bad header value", 'websocket: { headers: { "key": 123 } }', "unsupported type"],
  ["unknown field", "websocket: { this_does_not_exist: 123 }", "unknown"],
];

/** Name, what is in the block, and the options that it gives. */
const GOOD: readonly (readonly [name: string, block: string, Partial<WebsocketOptions>])[] = [
  ["listen port only", "listen: 1234", { port: 1234 }],
  ["listen host and port", 'listen: "localhost:1234"', { host: "localhost", port: 1234 }],
  ["host", 'host: "localhost"', { host: "localhost" }],
  ["port", "port: 1234", { port: 1234 }],
  ["advertise", 'advertise: "host:1234"', { advertise: "host:1234" }],
  ["same origin", "same_origin: true", { sameOrigin: true }],
  [
    "allowed origins one only",
    'allowed_origins: "https://host.com/"',
    { allowedOrigins: ["https://host.com/"] },
  ],
  [
    "allowed origins array",
    'allowed_origins: [\n"https://host1.com/"\n"https://host2.com/"\n]',
    { allowedOrigins: ["https://host1.com/", "https://host2.com/"] },
  ],
  ["handshake timeout in whole seconds", "handshake_timeout: 3", { handshakeTimeoutMs: 3000 }],
  ["handshake timeout n duration", 'handshake_timeout: "4s"', { handshakeTimeoutMs: 4000 }],
  ["compression", "compression: true", { compression: true }],
  ["jwt cookie", 'jwt_cookie: "jwtcookie"', { jwtCookie: "jwtcookie" }],
  ["no auth user", 'no_auth_user: "noauthuser"', { noAuthUser: "noauthuser" }],
  [
    "auth block",
    'authorization {\nuser: "webuser"\npassword: "pwd"\ntoken: "token"\ntimeout: 2.0\n}',
    { username: "webuser", password: "pwd", token: "token", authTimeoutMs: 2000 },
  ],
  ["auth timeout as int", "authorization {\ntimeout: 2\n}", { authTimeoutMs: 2000 }],
  [
    "headers block",
    'headers {\n"X-Header": "some-value"\n"X-Another-Header": "another-value"\n}',
    {
      headers: new Map([["X-Header", "some-value"], ["X-Another-Header", "another-value"]]),
    },
  ],
];

Deno.test("TestWSParseOptions", async (t) => {
  for (const [name, text, error] of BAD) {
    await t.step(name, () => assertStringIncludes(errorOf(text), error));
  }
  for (const [name, block, expected] of GOOD) {
    await t.step(name, () => {
      const { websocket } = processText(`websocket {\n${block}\n}`);
      for (const [field, value] of Object.entries(expected)) {
        assertEquals(websocket[field as keyof WebsocketOptions], value);
      }
    });
  }
  await t.step("tls config", () => {
    const files = 'cert_file: "./configs/certs/server.pem"\nkey_file: "./configs/certs/key.pem"';
    assertNotEquals(processText(`websocket {\ntls {\n${files}\n}\n}`).websocket.tlsConfig, null);
  });
});
