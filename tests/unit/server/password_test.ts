/**
 * Passwords by bcrypt: compared away from the event loop, or in slices where that cannot be.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { hashSync } from "bcryptjs";
import { systemPasswords } from "../../../src/platform/deno/passwords.ts";
import { testServer } from "../../harness/server.ts";

const HASH = hashSync("secret", 4);
const always = (): boolean => true;

const WORKERS: Record<string, () => Worker> = {
  "a worker that cannot be made": () => {
    throw new Error("on purpose");
  },
  "a worker whose program is missing": () =>
    new Worker(new URL("./missing_worker.ts", import.meta.url), { type: "module" }),
};

for (const [name, start] of Object.entries(WORKERS)) {
  Deno.test(`passwords are compared without ${name}`, async () => {
    const passwords = systemPasswords(start);
    assertEquals(
      await Promise.all(
        ["secret", "wrong", "secret"].map((given) => passwords.matches(given, HASH, always)),
      ),
      [true, false, true],
    );
    passwords.close();
  });
}

Deno.test("comparisons that nobody waits for any more are left out", async () => {
  const passwords = systemPasswords();
  let wanted = true;
  const running = passwords.matches("secret", HASH, always);
  const left = passwords.matches("secret", HASH, () => wanted);
  wanted = false;
  assertEquals([await running, await left], [true, false]);
  const last = passwords.matches("secret", HASH, always);
  passwords.close();
  assertEquals(await last, false);
  assertEquals(await passwords.matches("secret", HASH, always), false);
});

Deno.test("other clients are served while passwords are compared", async () => {
  const slowHash = hashSync("secret", 11);
  await using server = await testServer(
    { authTimeoutMs: 60_000 },
    `accounts { A { users [ { user: ada, password: "${slowHash}" }, { nkey: UBO2MQV67TQTVIRV3XFTEZOACM4WLOCMCDMAWN5QVN5PI2N6JHTVDRON } ] } }
     no_auth_user: UBO2MQV67TQTVIRV3XFTEZOACM4WLOCMCDMAWN5QVN5PI2N6JHTVDRON`,
  );
  const other = await server.rawLogin();
  await other.flush();
  const logins = Promise.all(
    ["secret", "wrong", "secret", "secret"].map(async (pass) => {
      const login = () => server.connect({ user: "ada", pass, timeout: 30_000 });
      await (pass === "secret" ? login() : assertRejects(login));
    }),
  );
  let done = false;
  void logins.then(() => done = true);
  const startMs = performance.now();
  let roundTrips = 0;
  while (!done) {
    await other.flush();
    roundTrips++;
  }
  await logins;
  // Slices on the loop would let through one round trip in each tenth of a second.
  const elapsedMs = performance.now() - startMs;
  assert(roundTrips > elapsedMs / 25, `${roundTrips} round trips in ${elapsedMs} ms`);
});
