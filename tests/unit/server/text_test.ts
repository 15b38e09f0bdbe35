/**
 * Texts that are not ASCII leave as UTF-8.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { testServer } from "../../harness/server.ts";

/** One character per byte of UTF-8, as the raw client shows and sends it. */
function bytesOf(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text));
}

Deno.test("INFO and errors carry UTF-8", async () => {
  await using server = await testServer(
    { serverName: "hélène" },
    'accounts { "日本" { users [ { user: ü, password: p, permissions: { publish: "a" } } ] } }',
  );
  const client = await server.raw();
  const info = await client.info();
  assertEquals(info.server_name, bytesOf("hélène"));
  const connect = { user: "ü", pass: "p", verbose: false, protocol: 1 };
  await client.send(bytesOf(`CONNECT ${JSON.stringify(connect)}\r\nPING\r\n`));
  await client.expect(/^PONG\r\n/);
  assertEquals((await client.info()).remote_account, bytesOf("日本"));
  await client.send(bytesOf("PUB ça.π 0\r\n\r\n"));
  const error = `-ERR 'Permissions Violation for Publish to "ça.π"'`;
  assertEquals(await client.line(), bytesOf(error));
});
