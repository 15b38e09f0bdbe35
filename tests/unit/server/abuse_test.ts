/**
 * Clients that mean no good: they are cut off, and nobody else notices.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { RawClient } from "../../harness/raw_client.ts";
import { usedBytes } from "../../harness/memory.ts";
import { type TestServer, testServer } from "../../harness/server.ts";

Deno.test("a flood of connections that never log in is cut off while others are served", async () => {
  await using server = await testServer({
    username: "ada",
    password: "lovelace",
    authTimeoutMs: 300,
  });
  const good = await server.rawLogin({ user: "ada", pass: "lovelace" });
  await good.flush();
  const flood = await Promise.all(
    Array.from({ length: 300 }, () => RawClient.connect(server.port)),
  );
  const startMs = performance.now();
  await good.flush();
  assert(performance.now() - startMs < 10_000);
  let told = 0;
  for (const client of flood) {
    if ((await client.expectEnd()).endsWith("-ERR 'Authentication Timeout'\r\n")) told++;
    await client.end();
  }
  // Last words have so long to leave, which may be too short on a busy machine.
  assert(told > flood.length / 2, `${told} were told why`);
  await server.clientsCount(1);
  await good.flush();
});

Deno.test("a CONNECT that never ends does not outlive the time for logging in", async () => {
  await using server = await testServer({ authorization: "secret", authTimeoutMs: 200 });
  const client = await server.raw();
  await client.info();
  await client.send('CONNECT {"verbose":false,"auth_token":"sec');
  assertEquals(await client.expectEnd(), "-ERR 'Authentication Timeout'\r\n");
});

Deno.test("a control line without an end is refused at its limit, however it is split", async () => {
  await using server = await testServer({ maxControlLine: 512 });
  for (const start of ["SUB ", "PUB ", "UNSUB ", "CONNECT ", "-ERR ", "INFO "]) {
    const client = await server.rawLogin();
    await client.send(start);
    for (let i = 0; i < 60 && !client.ended; i++) await client.send("x".repeat(10)).catch(() => {});
    assertEquals(await client.expectEnd(), "-ERR 'maximum control line exceeded'\r\n", start);
  }
});

Deno.test("CONNECTs of any shape are answered or refused", async () => {
  const seed = Number(Deno.env.get("SEED") ?? Date.now() % 1_000_000);
  console.log(`seed ${seed}`);
  let state = seed + 1;
  const below = (bound: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 8) % bound;
  };
  const keys =
    "verbose pedantic user pass auth_token protocol echo headers no_responders nkey sig jwt account new_account name lang version tls_required VERBOSE __proto__ constructor"
      .split(" ");
  const values = [
    "true",
    "false",
    "null",
    "1",
    "-1",
    "1e309",
    '""',
    '"x"',
    "[]",
    "{}",
    '"\\u0000"',
    '"\\ud800"',
    "[[[[]]]]",
    '{"a":{"b":[1]}}',
    "tru",
    '"',
    "\xff",
    "0123",
  ];
  await using server = await testServer();
  const steady = await server.rawLogin();
  const end = performance.now() + 1500;
  for (let i = 0; i < 400 && performance.now() < end; i++) {
    const fields = Array.from(
      { length: below(6) },
      () => `"${keys[below(keys.length)]}":${values[below(values.length)]}`,
    );
    const client = await server.raw();
    await client.info();
    const json = `{${fields.join(",")}${below(10) === 0 ? "" : "}"}`;
    await client.send(`CONNECT ${json}\r\nPING\r\n`);
    while (!client.ended && !/PONG|-ERR/.test(client.pending)) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    client.close();
  }
  await steady.flush();
});

/** Bytes that each of many connections costs that have sent `text` and wait, both ends together. */
async function costOfWaiting(
  server: TestServer,
  good: RawClient,
  text: string,
): Promise<number> {
  const count = 200;
  const before = usedBytes();
  const waiting = await Promise.all(
    Array.from({ length: count }, () => RawClient.connect(server.port)),
  );
  await Promise.all(waiting.map((client) => client.send(text)));
  await server.clientsCount(count + 1);
  // The one that behaves is served as ever.
  for (let i = 0; i < 20; i++) {
    const startMs = performance.now();
    await good.flush();
    assert(performance.now() - startMs < 1000);
  }
  const grown = usedBytes() - before;
  await Promise.all(waiting.map((client) => client.end()));
  await server.clientsCount(1);
  return grown / count;
}

Deno.test("a flood of CONNECTs without an end holds no more than their control lines", async () => {
  await using server = await testServer({ authorization: "secret", authTimeoutMs: 60_000 });
  const good = await server.rawLogin({ auth_token: "secret" });
  await good.flush();
  const silent = await costOfWaiting(server, good, "");
  const half = await costOfWaiting(server, good, `CONNECT {"auth_token":"${"x".repeat(4000)}`);
  // A control line of 4 KiB may be kept, and a read buffer of twice its size.
  assert(half - silent < 24 * 1024, `${silent} bytes silent, ${half} with half a CONNECT`);
});

Deno.test("a payload that is announced and never comes costs next to nothing", async () => {
  await using server = await testServer();
  const good = await server.rawLogin();
  await good.flush();
  const silent = await costOfWaiting(server, good, "");
  const begun = await costOfWaiting(server, good, "CONNECT {}\r\nPUB foo 1048576\r\nhello");
  assert(begun - silent < 64 * 1024, `${silent} bytes silent, ${begun} with a payload begun`);
});
