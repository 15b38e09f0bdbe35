// Ports: server/server_test.go
/**
 * Picking addresses of other servers.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { discardLogger } from "../../../src/platform/mod.ts";
import { systemRandom } from "../../../src/platform/deno/random.ts";
import { NoAddressError, randomAddress } from "../../../src/transport/random_address.ts";

const TIMES = 100;

Deno.test("TestGetRandomIP", async () => {
  let found: string[] = [];
  let failure: Error | null = null;
  const world = {
    lookupHost: () => failure === null ? Promise.resolve(found.slice()) : Promise.reject(failure),
    random: systemRandom(),
    log: discardLogger(),
  };
  const pick = (address: string, excluded: string[] = []): Promise<string> =>
    randomAddress(address, new Set(excluded), world);
  const host = "localhost:4222";
  await assertRejects(() => pick("noport"), Error, "port");
  failure = new Error("on purpose");
  await assertRejects(() => pick(host), Error, "on purpose");
  failure = null;
  assertEquals(await pick(host), host);
  found = ["1.2.3.4"];
  assertEquals(await pick(host), "1.2.3.4:4222");

  found = ["1.2.3.4", "2.2.3.4", "3.2.3.4"];
  const [first, second, third] = found.map((ip) => `${ip}:4222`) as [string, string, string];
  const counts = new Map([[first, 0], [second, 0], [third, 0]]);
  for (let i = 0; i < TIMES; i++) {
    const one = await pick(host);
    counts.set(one, counts.get(one)! + 1);
  }
  assertEquals(counts.size, 3);
  for (const [ip, count] of counts) assert(count > 0 && count < TIMES, `${ip}: ${count}`);

  for (let i = 0; i < TIMES; i++) assertNotEquals(await pick(host, [first]), first);
  for (let i = 0; i < TIMES; i++) assertEquals(await pick(host, [first, second]), third);
  for (let i = 0; i < TIMES; i++) {
    await assertRejects(() => pick(host, [first, second, third]), NoAddressError);
  }
  // The port counts as well.
  found = ["127.0.0.1"];
  for (let i = 0; i < TIMES; i++) await pick("localhost:4223", ["127.0.0.1:4222"]);
});
