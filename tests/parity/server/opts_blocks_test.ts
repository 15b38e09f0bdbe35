// Ports: server/opts_test.go
/** Clusters, gateways, leaf nodes, accounts and single values. */
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { parseStorageSize } from "../../../src/base/text/size.ts";
import {
  CompressionMode,
  type CompressionOptions,
  emptyGatewayOptions,
  type WriteTimeoutPolicy,
} from "../../../src/config/cluster_options.ts";
import { compressionEquals, DEFAULT_RTT_THRESHOLDS_MS } from "../../../src/config/compression.ts";
import {
  emptyLeafNodeOptions,
  emptyRemoteLeafOptions,
  remoteLeafName,
  type RemoteLeafOptions,
  safeRemoteLeafName,
} from "../../../src/config/leafnode_options.ts";
import { emptyOptions, type Options } from "../../../src/config/options.ts";
import { processConfigFile } from "../../../src/config/process.ts";
import { redactArgs } from "../../../src/config/redact_args.ts";
import { parseServerUrl, quoteList } from "../../../src/config/url.ts";
import { validateOptions } from "../../../src/config/validate.ts";
import { memorySource } from "../conf/_memory_source.ts";
import { errorOf, problemsOf, processText } from "./_opts.ts";
import {
  gatewayErrors,
  invalidClusterPermissions,
  latencies,
  pinnedCertificates,
} from "./_opts_cases.ts";

Deno.test("TestTlsPinnedCertificates", () => {
  const options = processText(pinnedCertificates);
  const { leafNode, cluster, mqtt, gateway, websocket } = options;
  for (const block of [options, leafNode, cluster, mqtt, gateway, websocket]) {
    assertEquals(block.tlsPinnedCerts?.size, 2);
  }
});

Deno.test("TestParseWriteDeadline", () => {
  const error = errorOf('write_deadline: "1x"');
  assert(error.includes("parsing"), error);
  assertEquals(processText('write_deadline: "1s"').writeDeadlineMs, 1000);
  assertEquals(processText("write_deadline: 2").writeDeadlineMs, 2000);
});

Deno.test("TestMaxClosedClients", () => {
  assertEquals(processText("max_closed_clients: 5").maxClosedClients, 5);
});

Deno.test("TestPingIntervalOld", () => {
  const options = emptyOptions();
  const problems = problemsOf(options, "ping_interval: 5");
  assertEquals([problems?.warnings.length, problems?.errors.length], [1, 0]);
  assertEquals(options.pingIntervalMs, 5000);
});

Deno.test("TestPingIntervalNew", () => {
  const options = emptyOptions();
  assertEquals(problemsOf(options, 'ping_interval: "5m"'), null);
  assertEquals(options.pingIntervalMs, 300_000);
});

Deno.test("TestClusterPermissionsConfig", () => {
  const config = (more: string) => `
    cluster {
      port: 1234
      ${more}
      authorization {
        user: ivan
        password: pwd
        permissions {
          import { allow: "foo" }
          export { allow: "bar" }
        }
      }
    }`;
  const allowed = (text: string) => {
    const { permissions } = processText(text).cluster;
    return [permissions?.import?.allow, permissions?.export?.allow];
  };
  assertEquals(allowed(config("")), [["foo"], ["bar"]]);
  const own = 'permissions { import { allow: "baz" }, export { allow: "bat" } }';
  assertEquals(allowed(config(own)), [["baz"], ["bat"]]);
  for (const permissions of invalidClusterPermissions) {
    errorOf(`cluster {\n  port: 1234\n  ${permissions}\n}`);
    errorOf(
      `cluster { port: 1234\n authorization { user: ivan, password: pwd\n ${permissions}\n} }`,
    );
  }
});

Deno.test("TestParseServiceLatency", async (t) => {
  for (const { name, config, want } of latencies) {
    await t.step(name, () => {
      if (want === null) {
        errorOf(config);
        return;
      }
      const { accounts } = processText(config);
      assertEquals(accounts.length, 1);
      const services = accounts[0]!.serviceExports;
      assertEquals(services.map(({ subject }) => subject), ["nats.add"]);
      assertEquals(services[0]!.latency, want);
    });
  }
});

Deno.test("TestParsingGateways", () => {
  const { gateway } = processText(`
    gateway {
      name: "A"
      listen: "127.0.0.1:4444"
      host: "127.0.0.1"
      port: 4444
      reject_unknown_cluster: true
      authorization { user: "ivan", password: "pwd", timeout: 2.0 }
      tls {
        cert_file: "./configs/certs/server.pem"
        key_file: "./configs/certs/key.pem"
        timeout: 3.0
      }
      advertise: "me:1"
      connect_retries: 10
      connect_backoff: true
      gateways: [
        {
          name: "B"
          urls: ["nats://user1:pwd1@host2:5222", "nats://user1:pwd1@host3:6222"]
        }
        { name: "C", url: "nats://host4:7222" }
      ]
    }`);
  assertNotEquals(gateway.tlsConfig, null);
  const remote = { tlsConfig: null, tlsTimeoutMs: 0 };
  assertEquals({ ...gateway, tlsConfig: null }, {
    ...emptyGatewayOptions(),
    name: "A",
    host: "127.0.0.1",
    port: 4444,
    username: "ivan",
    password: "pwd",
    authTimeoutMs: 2000,
    advertise: "me:1",
    connectRetries: 10,
    connectBackoff: true,
    tlsTimeoutMs: 3000,
    rejectUnknown: true,
    gateways: [
      {
        ...remote,
        name: "B",
        urls: ["nats://user1:pwd1@host2:5222", "nats://user1:pwd1@host3:6222"]
          .map(parseServerUrl),
      },
      { ...remote, name: "C", urls: [parseServerUrl("nats://host4:7222")] },
    ],
  });
});

Deno.test("TestParsingGatewaysErrors", async (t) => {
  for (const { name, config, error } of gatewayErrors) {
    await t.step(name, () => {
      const actual = errorOf(config);
      assert(actual.includes(error), actual);
    });
  }
});

Deno.test("TestParsingLeafNodesListener", () => {
  const { leafNode } = processText(`
    leafnodes {
      listen: "127.0.0.1:3333"
      host: "127.0.0.1"
      port: 3333
      advertise: "me:22"
      authorization { user: "derek", password: "s3cr3t!", timeout: 2.2 }
      tls {
        cert_file: "./configs/certs/server.pem"
        key_file: "./configs/certs/key.pem"
        timeout: 3.3
      }
    }`);
  assertNotEquals(leafNode.tlsConfig, null);
  assertEquals({ ...leafNode, tlsConfig: null }, {
    ...emptyLeafNodeOptions(),
    host: "127.0.0.1",
    port: 3333,
    username: "derek",
    password: "s3cr3t!",
    authTimeoutMs: 2200,
    advertise: "me:22",
    tlsTimeoutMs: 3300,
  });
});

Deno.test("TestParsingResponsePermissions", () => {
  const config = (...fields: string[]) => `
    listen: "127.0.0.1:-1"
    authorization {
      users [
        {
          user: ivan
          password: pwd
          permissions {
            allow_responses {
              ${fields.join("\n")}
            }
          }
        }
      ]
    }`;
  const check = (fields: string[], maxMsgs: number, expiresMs: number) => {
    const response = processText(config(...fields)).users?.[0]?.permissions?.response;
    assertEquals(response, { maxMsgs, expiresMs });
  };
  check([], 1, 120_000);
  check(["max: 10"], 10, 120_000);
  check(["ttl: 5s"], 1, 5000);
  check(["max: 0"], 1, 120_000);
  check(['ttl: "0s"'], 1, 120_000);
  check(["max: 10", 'ttl: "5s"'], 10, 5000);
  check(["max: -1", 'ttl: "5s"'], -1, 5000);
  check(["max: 10", 'ttl: "-1s"'], 10, -1000);
  check(["max: -1", 'ttl: "-1s"'], -1, -1000);
  const fails = (text: string, ...fields: string[]) => {
    const error = errorOf(config(...fields));
    assert(error.includes(text), error);
  };
  fails("Unknown field", "unknown_field: 123");
  fails("not a duration string", "max: 10", "ttl: 123");
  fails("error parsing expires", "max: 10", "ttl: xyz");
});

Deno.test("TestExpandPath", async (t) => {
  const cases: { path: string; home: string; want: string | null }[] = [
    { path: "/foo/bar", home: "/fizz/buzz", want: "/foo/bar" },
    { path: "foo/bar", home: "/fizz/buzz", want: "foo/bar" },
    { path: "~/fizz", home: "/foo/bar", want: "/foo/bar/fizz" },
    { path: "$HOME/fizz", home: "/foo/bar", want: "/foo/bar/fizz" },
    { path: "~/fizz", home: "", want: null },
  ];
  for (const [index, { path, home, want }] of cases.entries()) {
    await t.step(`unix case ${index}`, () => {
      const config = `leafnodes { remotes [ {url: "nats://a:1", credentials: "${path}"} ] }`;
      if (want === null) errorOf(config, { HOME: home });
      else {
        const [remote] = processText(config, { HOME: home }).leafNode.remotes;
        assertEquals(remote?.credentials, want);
      }
    });
  }
});

Deno.test("TestClusterNameAndGatewayNameConflict", () => {
  const options = processText(`
    listen: 127.0.0.1:-1
    cluster { name: A, listen: 127.0.0.1:-1 }
    gateway { name: B, listen: 127.0.0.1:-1 }`);
  const error = assertThrows(() => validateOptions(options), Error);
  assertEquals(
    error.message,
    "cluster name conflicts between cluster and gateway definitions",
  );
});

Deno.test("TestGetStorageSize", () => {
  const cases: [input: string, want: bigint | null][] = [
    ["1K", 1024n],
    ["1M", 1_048_576n],
    ["1G", 1_073_741_824n],
    ["1T", 1_099_511_627_776n],
    ["1L", null],
    ["TT", null],
    ["", 0n],
  ];
  for (const [input, want] of cases) {
    if (want === null) assertThrows(() => parseStorageSize(input), Error);
    else assertEquals(parseStorageSize(input), want);
  }
});

Deno.test("TestWriteDeadlineConfigParsing", async (t) => {
  const cases: [name: string, config: string, ms: (options: Options) => number, want: number][] = [
    ["LeafNode", "leafnodes { write_deadline: 5s }", (o) => o.leafNode.writeDeadlineMs, 5000],
    ["Gateway", "gateway { write_deadline: 6s }", (o) => o.gateway.writeDeadlineMs, 6000],
    ["Cluster", "cluster { write_deadline: 7s }", (o) => o.cluster.writeDeadlineMs, 7000],
    ["Global", "write_deadline: 8s", (o) => o.writeDeadlineMs, 8000],
  ];
  for (const [name, config, ms, want] of cases) {
    await t.step(name, () => assertEquals(ms(processText(config)), want));
  }
});

Deno.test("TestWriteTimeoutConfigParsing", async (t) => {
  const policies: WriteTimeoutPolicy[] = ["default", "retry", "close"];
  for (const policy of policies) {
    const field = `write_timeout: ${policy}`;
    const steps: [name: string, actual: () => WriteTimeoutPolicy][] = [
      ["LeafNode", () => processText(`leafnodes { ${field} }`).leafNode.writeTimeout],
      ["Gateway", () => processText(`gateway { ${field} }`).gateway.writeTimeout],
      ["Cluster", () => processText(`cluster { ${field} }`).cluster.writeTimeout],
      ["Global", () => processText(field).writeTimeout],
    ];
    for (const [name, actual] of steps) {
      await t.step(`${name}/${policy}`, () => assertEquals(actual(), policy));
    }
  }
});

Deno.test("TestWebsocketPingIntervalConfig", () => {
  const interval = (field: string) =>
    processText(`websocket {\n  port: 8080\n  ${field}\n}`).websocket.pingIntervalMs;
  assertEquals(interval('ping_interval: "30s"'), 30_000);
  assertEquals(interval("ping_interval: 45"), 45_000);
  assertEquals(interval('ping_interval: "2m"'), 120_000);
  assertEquals(interval(""), 0);
});

Deno.test("TestVarReferencesVar", () => {
  assertEquals(processText("A: 7890\nB: $A\nC: $B\nport: $C\n").port, 7890);
});

Deno.test("TestVarReferencesEnvVar", () => {
  const options = processText("A: $_TEST_PORT_\nB: $A\nC: $B\nport: $C\n", {
    _TEST_PORT_: "7890",
  });
  assertEquals(options.port, 7890);
});

function errorHas(text: string, config: string, env: Record<string, string> = {}): void {
  const error = errorOf(config, env);
  assert(error.includes(text), error);
}

Deno.test("TestVarReferencesSelf", () => {
  errorHas("variable reference for 'A' on line 1 can not be found", "A: $A");
});

Deno.test("TestEnvVarReferencesVar", () => {
  errorHas(
    "variable reference for 'P' on line 1 can not be found",
    "P: 8080\nport: $_TEST_PORT_\n",
    { _TEST_PORT_: "$P" },
  );
});

Deno.test("TestEnvVarReferencesEnvVar", () => {
  const env = { _TEST_A_: "$_TEST_B_", _TEST_B_: "$_TEST_C_", _TEST_C_: "7890" };
  assertEquals(processText("port: $_TEST_A_\n", env).port, 7890);
});

Deno.test("TestEnvVarReferencesSelf", () => {
  errorHas("variable reference cycle", "TEST: $_TEST_ENV_\n", { _TEST_ENV_: "$_TEST_ENV_" });
});

Deno.test("TestEnvVarReferencesSelfCycle", () => {
  const env = { _TEST_A_: "$_TEST_B_", _TEST_B_: "$_TEST_C_", _TEST_C_: "$_TEST_A_" };
  errorHas("variable reference cycle", "TEST: $_TEST_A_\n", env);
});

Deno.test("TestEnvVarInclude", () => {
  errorHas(
    "Expected a top-level value to end with a new line, comment or EOF",
    "TEST: $_TEST_A_\n",
    { _TEST_A_: "include x" },
  );
});

Deno.test("TestEnvVarFromIncludedFile", () => {
  const options = emptyOptions();
  const source = memorySource(
    {
      "/c/nats.conf": 'include "./port.conf"\nport: $TEST_PORT\n',
      "/c/port.conf": "TEST_PORT: $_TEST_A_\n",
    },
    { _TEST_A_: "$_TEST_B_", _TEST_B_: "7890" },
  );
  processConfigFile(options, "/c/nats.conf", source);
  assertEquals(options.port, 7890);
});

Deno.test("TestRedactArgs", async (t) => {
  const urls: [name: string, flag: string, input: string, want: string][] = [
    ["routes-single", "routes", "nats://r:s@127.0.0.1:6222", "nats://[REDACTED]@127.0.0.1:6222"],
    ["routes-no-creds", "routes", "nats://127.0.0.1:6222", "nats://127.0.0.1:6222"],
    [
      "routes-multi",
      "routes",
      "nats://r:s@127.0.0.1:6222, nats://r2:s2@127.0.0.1:6223",
      "nats://[REDACTED]@127.0.0.1:6222,nats://[REDACTED]@127.0.0.1:6223",
    ],
    ["cluster", "cluster", "nats://c:s@127.0.0.1:6224", "nats://[REDACTED]@127.0.0.1:6224"],
    ["cluster-no-creds", "cluster", "nats://127.0.0.1:6224", "nats://127.0.0.1:6224"],
    [
      "cluster-comma-user",
      "cluster",
      "nats://c,extra:s@127.0.0.1:6224",
      "nats://[REDACTED]@127.0.0.1:6224",
    ],
    [
      "cluster-random-port",
      "cluster",
      "nats://c:s@127.0.0.1:-1",
      "nats://[REDACTED]@127.0.0.1:-1",
    ],
    [
      "cluster-listen",
      "cluster_listen",
      "nats://l:s@127.0.0.1:6225",
      "nats://[REDACTED]@127.0.0.1:6225",
    ],
    [
      "cluster-listen-comma-user",
      "cluster_listen",
      "nats://l,extra:s@127.0.0.1:6225",
      "nats://[REDACTED]@127.0.0.1:6225",
    ],
    [
      "cluster-listen-random-port",
      "cluster_listen",
      "nats://l:s@127.0.0.1:-1",
      "nats://[REDACTED]@127.0.0.1:-1",
    ],
  ];
  const cases = [...urls];
  for (const flag of ["user", "pass", "auth"]) {
    for (const value of ["hello", "hello world"]) {
      cases.push([`${flag}-${value}`, flag, value, "[REDACTED]"]);
    }
  }
  for (const dash of ["-", "--"]) {
    for (const [name, flag, input, want] of cases) {
      await t.step(`${dash}${name}-space`, () => {
        assertEquals(redactArgs([dash + flag, input]), [dash + flag, want]);
      });
      await t.step(`${dash}${name}-equals`, () => {
        assertEquals(redactArgs([`${dash}${flag}=${input}`]), [`${dash}${flag}=${want}`]);
      });
    }
  }
});

Deno.test("TestOptionsCompressionEqual", async (t) => {
  const auto = (...rttThresholdsMs: number[]): CompressionOptions => ({
    mode: CompressionMode.S2Auto,
    rttThresholdsMs,
  });
  const of = (mode: string): CompressionOptions => ({ mode, rttThresholdsMs: [] });
  const same = of("");
  // Options here are never nil, so the reference's cases with nil do not arise.
  const cases: [name: string, a: CompressionOptions, b: CompressionOptions, equal: boolean][] = [
    ["same pointer", same, same, true],
    ["different mode", of(CompressionMode.S2Fast), of(CompressionMode.S2Best), false],
    ["same mode", of(CompressionMode.S2Best), of(CompressionMode.S2Best), true],
    ["s2 auto c1 default rtt thresholds", auto(...DEFAULT_RTT_THRESHOLDS_MS), auto(), true],
    ["s2 auto c2 default rtt thresholds", auto(), auto(...DEFAULT_RTT_THRESHOLDS_MS), true],
    ["s2 auto same rtt thresholds", auto(5, 10), auto(5, 10), true],
    ["s2 auto different rtt thresholds", auto(5, 10), auto(15, 30), false],
    ["s2 auto different rtt thresholds c1 not set", auto(), auto(15, 30), false],
    ["s2 auto different rtt thresholds c2 not set", auto(15, 30), auto(), false],
    ["s2 auto both rtt thresholds empty", auto(), auto(), true],
  ];
  for (const [name, a, b, equal] of cases) {
    await t.step(name, () => assertEquals(compressionEquals(a, b), equal));
  }
});

Deno.test("TestOptionsRemoteLeafNodeName", async (t) => {
  const texts = [1, 2].map((n) => `nats://user${n}:secretpwd@127.0.0.1:7222`);
  const urls = texts.map(parseServerUrl);
  const shown = quoteList(texts);
  const safe = quoteList(texts.map((text) => text.replace("secretpwd", "xxxxx")));
  const nkey = "SUACJN3OSKWWPQXME4JUNFJ3PARXPO657GGNWNU7PK7G3AUQQYHLW26XH4";
  const remote = (fields: Partial<RemoteLeafOptions>): RemoteLeafOptions => ({
    ...emptyRemoteLeafOptions(),
    urls,
    ...fields,
  });
  const cases: [
    name: string,
    fields: Partial<RemoteLeafOptions>,
    rest: string,
    safeRest?: string,
  ][] = [
    ["url only", {}, ', account="$G"'],
    ["url with account", { localAccount: "A" }, ', account="A"'],
    [
      "url with credentials",
      { credentials: "credsfile" },
      ', account="$G", credentials="credsfile"',
    ],
    [
      "url with nkey",
      { nkey },
      `, account="$G", nkey="${nkey}"`,
      ', account="$G", nkey="[REDACTED]"',
    ],
    [
      "url with account and credentials",
      { localAccount: "A", credentials: "credsfile" },
      ', account="A", credentials="credsfile"',
    ],
    [
      "url with account and nkey",
      { localAccount: "A", nkey },
      `, account="A", nkey="${nkey}"`,
      ', account="A", nkey="[REDACTED]"',
    ],
  ];
  for (const [name, fields, rest, safeRest] of cases) {
    await t.step(name, () => {
      assertEquals(remoteLeafName(remote(fields)), `urls=${shown}${rest}`);
      assertEquals(safeRemoteLeafName(remote(fields)), `urls=${safe}${safeRest ?? rest}`);
    });
  }
  // Quotes inside a name must not make it look like another remote's.
  const a = remote({ localAccount: "A", credentials: "creds" });
  const b = remote({ localAccount: 'A", credentials="creds' });
  assertNotEquals(remoteLeafName(a), remoteLeafName(b));
});
