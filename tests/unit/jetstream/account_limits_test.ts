/**
 * What accounts are promised must be there (sufficientResources in server/jetstream.go).
 *
 * @module
 */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { unlimitedTiers } from "../../../src/jetstream/engine/limits.ts";
import { ApiError } from "../../../src/jsapi/mod.ts";
import { jetStreamOf, jetStreamServer } from "../../harness/jetstream.ts";

const SERVER = "max_mem_store: 1KB, max_file_store: 8KB";

function config(...accounts: [string, number, number][]): string {
  const blocks = accounts.map(([name, memory, store]) =>
    `${name}: { jetstream: { max_mem: ${memory}, max_store: ${store} } }`
  );
  return `jetstream: { ${SERVER} }\naccounts: { ${blocks.join("\n")} }`;
}

Deno.test("a server starts when its accounts may use exactly what it has", async () => {
  await using server = await jetStreamServer({}, config(["FOO", 24, 192], ["BAR", 1000, 8000]));
  assertEquals([...jetStreamOf(server.test).accounts.keys()].sort(), ["BAR", "FOO"]);
});

Deno.test("a server does not start when its accounts may use more than it has", async () => {
  const prefix = "Can't start JetStream: Error enabling jetstream on configured accounts: ";
  for (
    const [memory, store, text] of [
      [1001, 0, "insufficient memory resources available (10028)"],
      [0, 8001, "insufficient storage resources available (10047)"],
    ] as const
  ) {
    const error = await assertRejects(() =>
      jetStreamServer({}, config(["FOO", 24, 192], ["BAR", memory, store]))
    );
    assertEquals((error as Error).message, prefix + text);
  }
});

Deno.test("enable() counts what streams have reserved", async () => {
  await using server = await jetStreamServer(
    {},
    `jetstream: { ${SERVER} }
     accounts: { A: { jetstream: enabled, users: [ { user: a, password: a } ] }, B: {} }
     no_auth_user: a`,
  );
  const js = await server.jetStream();
  await js.addStream({ name: "S", max_bytes: 8000 });
  const jetStream = jetStreamOf(server.test);
  const [limits] = unlimitedTiers().values();
  const account = server.test.account("B");
  assertThrows(
    () => jetStream.enable(account, new Map([["", { ...limits!, maxStore: 193 }]])),
    ApiError,
    "insufficient storage resources available",
  );
  jetStream.enable(account, new Map([["", { ...limits!, maxStore: 192 }]]));
});
