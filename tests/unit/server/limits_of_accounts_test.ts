/**
 * Limits of accounts, and addresses of clients that come by IPv6 or through a proxy.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { connz } from "../../../src/monitor/mod.ts";
import { CapturedLog } from "../../harness/captured_log.ts";
import { testServer } from "../../harness/server.ts";

const ACCOUNTS = `accounts {
  A { users [ { user: a, password: a } ], limits { max_connections: 2, max_subscriptions: 1
      max_payload: 10 } }
  B { users [ { user: b, password: b } ] }
}`;

Deno.test("an account takes no more connections than its limit, and others go on", async () => {
  const logger = new CapturedLog();
  await using server = await testServer({ logger }, ACCOUNTS);
  const login = { user: "a", pass: "a" };
  const [first, second] = [await server.rawLogin(login), await server.rawLogin(login)];
  await first.flush();
  await second.flush();
  const refused = await server.rawLogin(login);
  assertEquals(
    await refused.expectEnd(),
    "-ERR 'maximum account active connections exceeded'\r\n",
  );
  const [closed] = server.server.closedConnections.all();
  assertEquals(closed!.reason, "Maximum Account Connections Exceeded");
  assertEquals(logger.texts("error", "maximum account active connections exceeded").length, 1);
  const other = await server.rawLogin({ user: "b", pass: "b" });
  await other.flush();
  // A place that becomes free can be taken.
  await second.end();
  await server.clientsCount(2);
  const third = await server.rawLogin(login);
  await third.flush();
});

Deno.test("an account's limits of subscriptions and payload hold for its clients alone", async () => {
  await using server = await testServer({}, ACCOUNTS);
  const client = await server.rawLogin({ user: "a", pass: "a" });
  await client.send("SUB one 1\r\nSUB two 2\r\n");
  await client.expect(/^-ERR 'maximum subscriptions exceeded'\r\n/);
  await client.send("PUB one 11\r\nhello world\r\n");
  assertEquals(await client.expectEnd(), "-ERR 'Maximum Payload Violation'\r\n");
  const other = await server.rawLogin({ user: "b", pass: "b" });
  await other.send("SUB one 1\r\nSUB two 2\r\nPUB one 11\r\nhello world\r\n");
  assertEquals((await other.message()).body, "hello world");
});

const hasIpv6 = Deno.networkInterfaces().some(({ address }) => address === "::1");

Deno.test({
  name: "clients by IPv6 are shown with their address",
  ignore: !hasIpv6,
  fn: async () => {
    const logger = new CapturedLog({ debug: true });
    await using server = await testServer({ logger, host: "::1" });
    const client = await server.raw("::1");
    const info = await client.login();
    assertEquals([info.host, info.client_ip], ["::1", "::1"]);
    await client.flush();
    const [shown] = connz(server.server).connections!;
    assertEquals(shown!.ip, "::1");
    assert(shown!.port > 0);
    assertEquals(server.server.clientUrl, `nats://[::1]:${server.port}`);
    const label = `[::1]:${shown!.port} - cid:${info.client_id} - `;
    assert(logger.texts("debug").some((line) => line.startsWith(label)));
    assertEquals(
      logger.texts("notice", `Listening for client connections on [::1]:${server.port}`).length,
      1,
    );
  },
});

for (
  const [name, header, ip] of [
    ["IPv4", "PROXY TCP4 203.0.113.7 192.0.2.1 5678 4222\r\n", "203.0.113.7"],
    ["IPv6", "PROXY TCP6 2001:db8::7 2001:db8::1 5678 4222\r\n", "2001:db8::7"],
  ] as const
) {
  Deno.test(`clients through a proxy are shown with their own ${name} address`, async () => {
    const logger = new CapturedLog({ debug: true });
    await using server = await testServer({ logger, proxyProtocol: true });
    const client = await server.raw();
    await client.send(header);
    const info = await client.login();
    // The first INFO leaves before the header is read, so it must not tell the proxy's address.
    assertEquals(info.client_ip ?? "", "");
    await client.flush();
    const [shown] = connz(server.server).connections!;
    assertEquals([shown!.ip, shown!.port], [ip, 5678]);
    await client.end();
    await server.clientsCount(0);
    const [closed] = connz(server.server, { state: "closed" }).connections!;
    assertEquals([closed!.ip, closed!.port], [ip, 5678]);
  });
}
