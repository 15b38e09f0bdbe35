// Ports: server/config_check_test.go
import { assert, assertEquals, assertInstanceOf, assertNotEquals } from "@std/assert";
import { ConfigProcessError } from "../../../src/config/errors.ts";
import { memorySource } from "../conf/_memory_source.ts";
import { checkConfig, checkConfigFile, CONFIG_PATH } from "./_config_check.ts";
import { CERTIFICATE_A, CERTIFICATE_B, KEY_A, KEY_B } from "./_config_certificates.ts";
import { cases1 } from "./_config_check_cases_1.ts";
import { cases2 } from "./_config_check_cases_2.ts";
import { cases3 } from "./_config_check_cases_3.ts";
import { cases4 } from "./_config_check_cases_4.ts";

/** The files that the cases name. */
const FILES = {
  "configs/certs/server.pem": CERTIFICATE_A,
  "configs/certs/key.pem": KEY_A,
  "configs/certs/cert.new.pem": CERTIFICATE_B,
  "configs/certs/key.new.pem": KEY_B,
};

Deno.test("TestConfigCheck", async (t) => {
  for (const test of [...cases1, ...cases2, ...cases3, ...cases4]) {
    await t.step(test.name, () => {
      const error = checkConfig(test.config, FILES);
      const expected = test.error ?? test.warning ?? null;
      if (expected === null) {
        assertEquals(error, null);
        return;
      }
      assertNotEquals(error, null, `expected ${expected}`);
      let message = expected;
      if (test.pos !== undefined && test.pos > 0) {
        message = `${CONFIG_PATH}:${test.line}:${test.pos}: ${expected}`;
        if (test.reason !== undefined) message += `: ${test.reason}`;
      } else if (test.warning === undefined) message = test.reason ?? "";
      assert(
        error!.message.includes(message),
        `expected ${JSON.stringify(message)}\ngot ${JSON.stringify(error!.message)}`,
      );
    });
  }
});

Deno.test("TestConfigCheckIncludes", () => {
  const source = memorySource({
    "/c/good_a.conf": "port = 4222\ninclude 'good_b.conf'\n",
    "/c/good_b.conf": "monitor_port = 8222\ninclude 'good_c.conf'\n",
    "/c/good_c.conf": 'authorization {\n  user = "foo"\n  pass = "bar"\n}\n',
    "/c/bad_a.conf": "port = 4222\ninclude 'bad_b.conf'\n",
    "/c/bad_b.conf": "\n# The key is misspelt\n       monitoring_port = 8222\n",
  });
  assertEquals(checkConfigFile("/c/good_a.conf", source), null);
  const error = checkConfigFile("/c/bad_a.conf", source);
  assertNotEquals(error, null);
  assert(
    error!.message.endsWith('bad_b.conf:3:8: unknown field "monitoring_port"\n'),
    error!.message,
  );
});

Deno.test("TestConfigCheckMultipleErrors", () => {
  const config = `
authorization {
  user = foo
  pass = bar
  token = quux
}

monitoring = 8222

write_deadline = 5

accounts {
  one {
    nkey = "OC5GRL36RQV7MJ2GT6WQSCKDKJKYTK4T2LGLWJ2SEJKRDHFOQQWGGFQL"
    users = [
      {
        nkey = "OCARKS2E3KVB7YORL2DG34XLT7PUCOL2SVM7YXV6ETHLW6Z46UUJ2VZ3"
      }
    ]
  }
  two {
    nkey = "ODRZ42QBM7SXQDXXTSVWT2WLLFYOQGAFC4TO6WOAXHEKQHIXR4HFYJDS"
    users = [
      {
        nkey = "OD6AYQSOIN2IN5OGC6VQZCR4H3UFMIOXSW6NNS6N53CLJA4PB56CEJJI"
      }
    ]
  }
  three {
    users = [ { user = a, pass = b } ]
  }
}

cluster {
  authorization {
    users = [ { user = a, pass = b } ]
  }
}
`;
  const error = checkConfig(config);
  assertInstanceOf(error, ConfigProcessError);
  assertEquals(error.warnings.length, 1);
  assertEquals(error.errors.length, 8);
  const at = (place: string, text: string) => `${CONFIG_PATH}:${place}: ${text}`;
  const field = "write_deadline";
  const expected = [
    at("10:1", `invalid use of field "${field}": ${field} should be converted to a duration`),
    at("2:1", "Cannot have a user/pass and token"),
    at("8:1", 'unknown field "monitoring"'),
    at(
      "14:5",
      "Not a valid public nkey for an account: " +
        '"OC5GRL36RQV7MJ2GT6WQSCKDKJKYTK4T2LGLWJ2SEJKRDHFOQQWGGFQL"',
    ),
    at("17:9", "Not a valid public nkey for a user"),
    at(
      "22:5",
      "Not a valid public nkey for an account: " +
        '"ODRZ42QBM7SXQDXXTSVWT2WLLFYOQGAFC4TO6WOAXHEKQHIXR4HFYJDS"',
    ),
    at("25:9", "Not a valid public nkey for a user"),
    at("30:5", "Can not have a single user/pass and accounts"),
    at("35:3", "Cluster authorization does not allow multiple users"),
  ];
  for (const message of expected) {
    assert(error.message.includes(message), `expected ${message}\nin ${error.message}`);
  }
});
