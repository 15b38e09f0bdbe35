import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { systemNet } from "../../../src/platform/deno/net.ts";
import { ListenError, TransportError } from "../../../src/platform/mod.ts";

const net = systemNet();

Deno.test("listen() on a wildcard accepts both IP versions and shows IPv4 peers as IPv4", async () => {
  const listener = net.listen("0.0.0.0", 0);
  for (const host of ["127.0.0.1", "::1"]) {
    const dialing = net.dial(host, listener.address.port, 2000);
    const server = await listener.accept();
    const client = await dialing;
    assertEquals(server.remote, client.local);
    assertEquals(server.remote.host, host);
    assertEquals(server.local, { host, port: listener.address.port });
    assertEquals(await client.write(new Uint8Array([1, 2])), 2);
    const target = new Uint8Array(8);
    assertEquals(await server.read(target), 2);
    client.close();
    assertEquals(await server.read(target), null);
    server.close();
    server.close();
  }
  listener.close();
});

Deno.test("listen() fails with Go's texts", () => {
  const listener = net.listen("127.0.0.1", 0);
  const { port } = listener.address;
  const cases: [string, number, string][] = [
    ["127.0.0.1", port, `listen tcp 127.0.0.1:${port}: bind: address already in use`],
    ["192.0.2.77", 0, "listen tcp 192.0.2.77:0: bind: cannot assign requested address"],
    ["127.0.0.1", 70000, "listen tcp: address 70000: invalid port"],
  ];
  for (const [host, at, text] of cases) {
    assertEquals(assertThrows(() => net.listen(host, at), ListenError).message, text);
  }
  listener.close();
});

Deno.test("accept(), read() and write() reject with TransportError after close()", async () => {
  const listener = net.listen("127.0.0.1", 0);
  const { port } = listener.address;
  const dialing = net.dial("127.0.0.1", port, 2000);
  const server = await listener.accept();
  const client = await dialing;
  const accepting = assertRejects(() => listener.accept(), TransportError);
  listener.close();
  assertEquals(
    (await accepting).message,
    `accept tcp 127.0.0.1:${port}: use of closed network connection`,
  );
  const reading = assertRejects(() => server.read(new Uint8Array(1)), TransportError);
  server.close();
  assertEquals((await reading).reason, "use of closed network connection");
  await assertRejects(() => server.write(new Uint8Array(1)), TransportError);
  client.close();
});

Deno.test("close() ends a write that the peer does not take", async () => {
  const listener = net.listen("127.0.0.1", 0);
  const dialing = net.dial("127.0.0.1", listener.address.port, 2000);
  const server = await listener.accept();
  const client = await dialing;
  let taken = 0;
  const writing = assertRejects(async () => {
    for (;;) taken += await server.write(new Uint8Array(1 << 20));
  }, TransportError);
  const deadline = Date.now() + 5000;
  for (let before = -1; before !== taken && Date.now() < deadline;) {
    before = taken;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  server.close();
  assertEquals((await writing).reason, "use of closed network connection");
  client.close();
  listener.close();
});

Deno.test("dial() fails with Go's texts", async () => {
  const listener = net.listen("127.0.0.1", 0);
  const { port } = listener.address;
  listener.close();
  const refused = await assertRejects(() => net.dial("127.0.0.1", port, 2000), TransportError);
  assertEquals(refused.message, `dial tcp 127.0.0.1:${port}: connect: connection refused`);
  assertEquals(refused.reason, "connection refused");
});

Deno.test("interfaceAddresses() leaves out loopback and link-local addresses", () => {
  for (const address of net.interfaceAddresses()) {
    assert(!address.startsWith("127.") && address !== "::1" && !address.startsWith("fe80"));
  }
});
