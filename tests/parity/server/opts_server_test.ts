// Ports: server/opts_test.go
/**
 * Options seen at work in a running server.
 *
 * @module
 */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { Msg, NatsConnection } from "@nats-io/transport-node";
import {
  applyBaseline,
  emptyOptions,
  OptionsError,
  processConfigFile,
  processConfigText,
  validateOptions,
} from "../../../src/config/mod.ts";
import { startServer, startServerFromConfig } from "../../../src/mod.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";
import { Inbox, testServer, until } from "../../harness/server.ts";

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

Deno.test("TestNewServerFromConfigVsLoadConfig", async () => {
  const path = await Deno.makeTempFile({ suffix: ".conf" });
  await Deno.writeTextFile(
    path,
    `port = 4224
     max_payload = 4194304
     max_connections = 200
     ping_interval = "30s"`,
  );
  // The port is taken by nobody.
  const closed = { dontListen: true };
  const options = emptyOptions();
  processConfigFile(options, path, systemConfigSource());
  await using first = await startServer({ ...options, ...closed });
  await using second = await startServerFromConfig(path, closed);
  assertEquals(first.options.maxPayload, 4_194_304);
  assertEquals(first.options, second.options);
  await Deno.remove(path);
});

Deno.test("TestParseExport", async () => {
  const importer = (number: number) =>
    `accI${number} {
      imports [{
        service { account accE, subject foo.accI${number} }
        to foo
      },{
        stream { account sys, subject "$SYS.SERVER.ACCOUNT.accI${number}.CONNS" }
      }],
      users [{ user u${number}, password pwd }],
    }`;
  await using server = await testServer(
    {},
    `system_account: sys
     accounts {
       sys { exports [{ stream "$SYS.SERVER.ACCOUNT.*.CONNS", account_token_position 4 }] }
       accE {
         exports [{ service foo.*, account_token_position 2 }]
         users [{ user ue, password pwd }],
       }
       ${importer(1)}
       ${importer(2)}
     }`,
  );
  const connect = (user: string) => server.connect({ user, pass: "pwd" });
  const first = await connect("u1");
  const second = await connect("u2");
  const events = [
    new Inbox(first, "$SYS.SERVER.ACCOUNT.accI1.CONNS"),
    new Inbox(second, "$SYS.SERVER.ACCOUNT.accI2.CONNS"),
  ];
  await first.flush();
  await second.flush();
  // Each account hears of its own connections: one that comes and goes makes two events.
  await (await connect("u1")).close();
  await (await connect("u2")).close();

  const service = await connect("ue");
  let requests = 0;
  service.subscribe("foo.*", {
    callback: (_error: Error | null, message: Msg) => {
      requests++;
      message.respond(message.data);
    },
  });
  await service.flush();
  const request = async (client: NatsConnection): Promise<void> => {
    assertEquals((await client.request("foo", "1", { timeout: 10_000 })).string(), "1");
  };
  await request(first);
  await request(second);
  assertEquals(requests, 2);
  await until(() => events.every(({ count }) => count === 2), undefined, 10_000);
});
