// Ports: server/opts_test.go
/**
 * Options seen at work in a running server.
 *
 * @module
 */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  applyBaseline,
  emptyOptions,
  OptionsError,
  processConfigText,
  validateOptions,
} from "../../../src/config/mod.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";
import { testServer } from "../../harness/server.ts";

Deno.test("TestMaxSubTokens", async () => {
  await using server = await testServer({}, "max_sub_tokens: 4");
  const client = await server.rawLogin();
  await client.send("SUB a.b.c.d.e 1\r\n");
  await client.expect(/^-ERR 'Permissions Violation for Subscription[^\r\n]*too many tokens'\r\n/);
});

Deno.test("TestQueuePermissions", async (t) => {
  const cases: [string, string, boolean][] = [
    ["allow", "queue.dev", false],
    ["allow", "", true],
    ["allow", "bad", true],
    ["deny", "", false],
    ["deny", "queue.dev", true],
  ];
  for (const [kind, queue, refused] of cases) {
    await t.step(`${kind}${queue}`, async () => {
      await using server = await testServer(
        {},
        `no_auth_user: u
         authorization {
           users [ { user: u, password: pwd, permissions: { sub: { ${kind}: ["foo.> *.dev"] } } } ]
         }`,
      );
      const client = await server.rawLogin();
      await client.send(`SUB foo.bar ${queue} 1\r\n`);
      if (refused) {
        await client.expect(/^-ERR 'Permissions Violation for Subscription to "foo\.bar"/);
      } else await client.flush();
    });
  }
});

Deno.test("TestNoAuthUserCode", async (t) => {
  const config = (user: string) =>
    `no_auth_user: ${user}
    accounts {
      synadia {
        users [
          { user: "a", password: "a" },
          { nkey: UBAAQWTW6CG2G6ANGNKB5U2B7HRWHSGMZEZX3AQSAJOQDAUGJD46LD2E },
        ]
      }
      acc { users [ { user: "c", password: "c" } ] }
    }
    authorization { users [ { user: "b", password: "b" } ] }`;
  for (const user of ["a", "b"]) {
    await t.step(user, async () => {
      await using server = await testServer({}, config(user));
      await server.connect();
    });
  }
  for (
    const user of ["notthere", "UBAAQWTW6CG2G6ANGNKB5U2B7HRWHSGMZEZX3AQSAJOQDAUGJD46LD2F"]
  ) {
    await t.step(user, async () => {
      await assertRejects(() => testServer({}, config(user)), OptionsError, "no_auth_user");
    });
  }
});

Deno.test("TestOptionsProxyTrustedKeys", () => {
  const options = emptyOptions();
  applyBaseline(options);
  const good = [
    { key: "UCARKS2E3KVB7YORL2DG34XLT7PUCOL2SVM7YXV6ETHLW6Z46UUJ2VZ3" },
    { key: "UD6AYQSOIN2IN5OGC6VQZCR4H3UFMIOXSW6NNS6N53CLJA4PB56CEJJI" },
  ];
  options.proxies = { trusted: [good[0]!, { key: "bad1" }, good[1]!, { key: "bad2" }] };
  const error = assertThrows(() => validateOptions(options), OptionsError);
  assertEquals(error.message, 'proxy trusted key "bad1" is invalid');
  options.proxies = { trusted: good };
  validateOptions(options);
});

Deno.test("TestNewServerFromConfigFunctionality", async () => {
  assertThrows(() =>
    processConfigText(emptyOptions(), "max_payload = 3000000000", systemConfigSource())
  );
  await assertRejects(
    () => testServer({}, "max_payload = 100000\nmax_pending = 50000"),
    OptionsError,
    "cannot be higher",
  );
});

Deno.test("TestSublistNoCacheConfigOnAccounts", async () => {
  await using server = await testServer(
    {},
    `disable_sublist_cache: true
     accounts {
       synadia { users [ { nkey: UBAAQWTW6CG2G6ANGNKB5U2B7HRWHSGMZEZX3AQSAJOQDAUGJD46LD2E } ] }
       nats.io { users [ { nkey: UC6NLCN7AS34YOJVCYD4PJ3QB7QGLYG5B5IMBT25VW5K4TNUJODM7BOX } ] }
     }
     no_sys_acc = true`,
  );
  const { accounts } = server.server.core;
  assertEquals(accounts.size, 3);
  for (const account of accounts.values()) assertEquals(account.sublist.cacheEnabled, false);
});
