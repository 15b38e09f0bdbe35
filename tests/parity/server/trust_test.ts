/**
 * Ports: server/trust_test.go.
 *
 * @module
 */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { emptyOptions, processConfigText } from "../../../src/config/mod.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";
import { testServer } from "../../harness/server.ts";

const T1 = "OBYEOZQ46VZMFMNETBAW2H6VGDSOBLP67VUEZJ5LPR3PIZBWWRIY4UI4";
const T2 = "OAHC7NGAHG3YVPTD6QOUFZGPM2OMU6EOS67O2VHBUOA6BJLPTWFHGLKU";

Deno.test("TestTrustedKeysOptions", async () => {
  await assertRejects(() => testServer({ trustedKeys: ["bad"] }));
  for (const trustedKeys of [[T1], [T1, T2]]) {
    await using server = await testServer({ trustedKeys });
    const { operators } = server.server;
    for (const key of [T1, T2]) {
      assertEquals(operators?.isTrustedIssuer(key), trustedKeys.includes(key));
    }
  }
});

Deno.test("TestTrustConfigOption", () => {
  const keysOf = (text: string): string[] => {
    const options = emptyOptions();
    processConfigText(options, text, systemConfigSource());
    return options.trustedKeys;
  };
  assertEquals(keysOf(`trusted = "${T1}"`), [T1]);
  assertEquals(keysOf(`trusted = ["${T1}", "${T2}"]`), [T1, T2]);
  assertThrows(() => keysOf(`trusted = ["${T1}", "bad"]`));
});
