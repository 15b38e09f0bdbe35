// Ports: server/opts_test.go
/** Defaults, files, flags and what wins over what. */
import { X509Certificate } from "node:crypto";
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { applyBaseline, defaultOptions, Defaults } from "../../../src/config/baseline.ts";
import { cloneOptions } from "../../../src/config/clone.ts";
import { emptyUser } from "../../../src/config/auth_options.ts";
import { mergeOptions, readCommandLine, routesFromText } from "../../../src/config/flags.ts";
import { emptyOptions, type Options } from "../../../src/config/options.ts";
import { processConfigFile } from "../../../src/config/process.ts";
import {
  DEFAULT_CIPHER_SUITES,
  DEFAULT_CURVE_PREFERENCES,
} from "../../../src/config/tls_options.ts";
import { formatServerUrl, parseServerUrl } from "../../../src/config/url.ts";
import { validateOptions } from "../../../src/config/validate.ts";
import { memorySource } from "../conf/_memory_source.ts";
import { CERTIFICATE_A } from "./_config_certificates.ts";
import { CERTIFICATE_FILES, errorOf, PATH, processText, sourceOf } from "./_opts.ts";

/** The reference's test.conf in other words: its digest must come out. */
const TEST_CONF = `
server_name: testing_server
server_metadata { key1: value1, key2: value2 }
feature_flags { feature: false, fix: true, revert_fix: true }
listen: 127.0.0.1:4242
http: 8222
http_base_path: /nats
authorization { user: derek, password: porkchop, timeout: 1 }
debug: false; trace: true; logtime: false; syslog: true
remote_syslog: "udp://foo.com:33"
pid_file: "/tmp/nats-server/nats-server.pid"
prof_port: 6543
max_connections: 100
max_subscriptions: 1000
max_pending: 10000000
max_control_line: 2048
max_payload: 65536
ping_interval: "60s"
ping_max: 3
write_deadline: "3s"
lame_duck_duration: "4m"
connect_error_reports: 86400
reconnect_error_reports: 5
`;
const TEST_CONF_DIGEST = "sha256:f10eacddb9ce83a6bdc79b42c851b9628d49cf8b3c6ba95b1ecf090307504948";

const SRV_A = `
listen: 127.0.0.1:7222
cluster {
  name: "abc"
  listen: 127.0.0.1:7244
  authorization { user: ruser, password: top_secret, timeout: 0.5 }
  routes = [ nats-route://ruser:top_secret@127.0.0.1:7246 ]
}
`;
const SRV_A_DIGEST = "sha256:fe3c13f82637723989a9bbd0ad6d064b95d48971666af440d4196d9c0d3af979";

const TLS_CONF = `
listen: 127.0.0.1:4443
tls {
  cert_file:  "./configs/certs/server.pem"
  key_file:   "./configs/certs/key.pem"
  timeout:    "2s"
}
authorization { user: derek, password: foo, timeout: 1 }
`;
const TLS_CONF_DIGEST = "sha256:cec986d37d7c09c86916d1ba4990cea1b8dadd49c86f9f782b455b47d07c2ac8";

function testConfOptions(): Options {
  return {
    ...emptyOptions(),
    configFile: PATH,
    serverName: "testing_server",
    host: "127.0.0.1",
    port: 4242,
    username: "derek",
    password: "porkchop",
    authTimeoutMs: 1000,
    debug: false,
    trace: true,
    logtime: false,
    httpPort: 8222,
    httpBasePath: "/nats",
    pidFile: "/tmp/nats-server/nats-server.pid",
    profPort: 6543,
    syslog: true,
    remoteSyslog: "udp://foo.com:33",
    maxControlLine: 2048,
    maxPayload: 65536,
    maxConn: 100,
    maxSubs: 1000,
    maxPending: 10_000_000,
    pingIntervalMs: 60_000,
    maxPingsOut: 3,
    writeDeadlineMs: 3000,
    lameDuckDurationMs: 240_000,
    connectErrorReports: 86_400,
    reconnectErrorReports: 5,
    metadata: new Map([["key1", "value1"], ["key2", "value2"]]),
    featureFlags: new Map([["feature", false], ["fix", true], ["revert_fix", true]]),
    configDigest: TEST_CONF_DIGEST,
    authBlockDefined: true,
  };
}

function srvAOptions(): Options {
  const options = emptyOptions();
  options.configFile = PATH;
  options.host = "127.0.0.1";
  options.port = 7222;
  Object.assign(options.cluster, {
    name: "abc",
    host: "127.0.0.1",
    port: 7244,
    username: "ruser",
    password: "top_secret",
    authTimeoutMs: 500,
  });
  options.configDigest = SRV_A_DIGEST;
  return options;
}

/** As the reference's comparison: what was said explicitly is left out. */
function assertOptions(actual: Options | null, expected: Options): void {
  assertNotEquals(actual, null);
  const inConfig = new Map<string, boolean>();
  assertEquals({ ...actual!, inConfig }, { ...expected, inConfig });
}

Deno.test("TestDefaultOptions", () => {
  const golden = emptyOptions();
  golden.host = golden.httpHost = "0.0.0.0";
  golden.port = 4222;
  golden.maxConn = 65_536;
  golden.pingIntervalMs = 120_000;
  golden.maxPingsOut = 2;
  golden.tlsTimeoutMs = golden.authTimeoutMs = 2000;
  golden.maxControlLine = 4096;
  golden.maxPayload = 1_048_576;
  golden.maxPending = 67_108_864;
  golden.writeDeadlineMs = 10_000;
  golden.maxClosedClients = 10_000;
  golden.lameDuckDurationMs = 120_000;
  golden.lameDuckGracePeriodMs = 10_000;
  golden.leafNode.reconnectIntervalMs = 1000;
  golden.connectErrorReports = 3600;
  golden.reconnectErrorReports = 1;
  golden.maxTracedMsgLen = 0;
  golden.jetStreamMaxMemory = golden.jetStreamMaxStore = -1;
  golden.syncIntervalMs = 120_000;
  golden.jetStreamRequestQueueLimit = golden.jetStreamInfoQueueLimit = 10_000;
  golden.jetStreamConcurrentIOs = 4096;
  assertEquals(defaultOptions(), golden);
});

Deno.test("TestOptions_RandomPort", () => {
  const options = { ...emptyOptions(), port: -1 };
  applyBaseline(options);
  assertEquals(options.port, 0);
});

Deno.test("TestConfigFile", () => {
  assertOptions(processText(TEST_CONF), testConfOptions());
});

Deno.test("TestTLSConfigFile", () => {
  const options = processText(TLS_CONF);
  const tls = options.tlsConfig!;
  const golden = emptyOptions();
  Object.assign(golden, {
    configFile: PATH,
    host: "127.0.0.1",
    port: 4443,
    username: "derek",
    password: "foo",
    authTimeoutMs: 1000,
    tlsTimeoutMs: 2000,
    authBlockDefined: true,
    configDigest: TLS_CONF_DIGEST,
  });
  assertOptions({ ...options, tlsConfig: null }, golden);
  assertEquals(tls.ciphers, [...DEFAULT_CIPHER_SUITES]);
  assertEquals(tls.minVersion, "1.2");
  assertEquals(tls.certFile, "./configs/certs/server.pem");
  assertEquals(new X509Certificate(CERTIFICATE_A).checkIP("127.0.0.1"), "127.0.0.1");

  const withTls = (fields: string) => `
    tls {
      cert_file:  "./configs/certs/server.pem"
      key_file:   "./configs/certs/key.pem"
      ${fields}
    }`;
  const insecure = 'cipher_suites: [ "TLS_RSA_WITH_RC4_128_SHA" ]';
  assert(errorOf(withTls(insecure)).includes("insecure"));
  processText(withTls(`${insecure}\nallow_insecure_cipher_suites: true`));

  const ciphers = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
  ];
  const chosen = processText(withTls(`cipher_suites: ${JSON.stringify(ciphers)}`)).tlsConfig!;
  assertEquals(chosen.ciphers, ciphers);
  assertEquals(chosen.curvePreferences, [...DEFAULT_CURVE_PREFERENCES]);
  errorOf(withTls('cipher_suites: [ "BAD_CIPHER" ]'));
  errorOf(withTls("cipher_suites: []"));

  const curves = processText(withTls("curve_preferences: [ CurveP256 ]")).tlsConfig!;
  assertEquals(curves.curvePreferences, ["CurveP256"]);
  errorOf(withTls("curve_preferences: [ CurveP38411 ]"));
  errorOf(withTls("curve_preferences: []"));
});

Deno.test("TestMergeOverrides", () => {
  const golden = testConfOptions();
  golden.port = 2222;
  golden.debug = true;
  golden.httpPort = 8222;
  golden.httpBasePath = "/";
  golden.profPort = 6789;
  golden.cluster.noAdvertise = true;
  golden.cluster.connectRetries = 2;
  golden.jetStream = true;
  golden.storeDir = "/store/dir";
  const flags = emptyOptions();
  flags.port = 2222;
  flags.password = "porkchop";
  flags.debug = true;
  flags.httpPort = Defaults.httpPort;
  flags.httpBasePath = Defaults.httpBasePath;
  flags.profPort = 6789;
  flags.cluster.noAdvertise = true;
  flags.cluster.connectRetries = 2;
  flags.jetStream = true;
  flags.storeDir = "/store/dir";
  assertOptions(mergeOptions(processText(TEST_CONF), flags), golden);
});

Deno.test("TestRouteFlagOverride", () => {
  const route = "nats-route://ruser:top_secret@127.0.0.1:8246";
  const golden = srvAOptions();
  golden.routes = [parseServerUrl(route)];
  golden.routesStr = route;
  const flags = { ...emptyOptions(), routesStr: route };
  assertOptions(mergeOptions(processText(SRV_A), flags), golden);
});

Deno.test("TestClusterFlagsOverride", () => {
  const golden = srvAOptions();
  golden.cluster.listenStr = "nats://127.0.0.1:8224";
  golden.routes = [parseServerUrl("nats-route://ruser:top_secret@127.0.0.1:7246")];
  const flags = emptyOptions();
  flags.cluster.listenStr = "nats://127.0.0.1:8224";
  assertOptions(mergeOptions(processText(SRV_A), flags), golden);
});

Deno.test("TestRouteFlagOverrideWithMultiple", () => {
  const routes = "nats-route://ruser:top_secret@127.0.0.1:8246, " +
    "nats-route://ruser:top_secret@127.0.0.1:8266";
  const golden = srvAOptions();
  golden.routes = routesFromText(routes);
  assertEquals(golden.routes.length, 2);
  golden.routesStr = routes;
  const flags = { ...emptyOptions(), routesStr: routes };
  assertOptions(mergeOptions(processText(SRV_A), flags), golden);
});

Deno.test("TestDynamicPortOnListen", () => {
  const options = processText("listen: 10.0.1.22:-1\nhttp: -1\nhttps: :-1\n");
  assertEquals([options.port, options.httpPort, options.httpsPort], [-1, -1, -1]);
});

Deno.test("TestListenConfig", () => {
  const options = processText(`
    listen: 10.0.1.22:4422
    http: 127.0.0.1:8422
    https: 127.0.0.1:9443
    cluster { listen: 127.0.0.1:4244, name: "abc" }`);
  applyBaseline(options);
  assertEquals(options.host, "10.0.1.22");
  assertEquals(options.httpHost, "127.0.0.1");
  assertEquals(options.port, 4422);
  assertEquals(options.cluster.host, "127.0.0.1");
  assertEquals(options.cluster.port, 4244);
  assertEquals(options.httpPort, 8422);
  assertEquals(options.httpsPort, 9443);
});

Deno.test("TestListenPortOnlyConfig", () => {
  const options = processText("listen: 8922");
  applyBaseline(options);
  assertEquals([options.host, options.httpHost, options.port], ["0.0.0.0", "0.0.0.0", 8922]);
});

Deno.test("TestListenPortWithColonConfig", () => {
  const options = processText("listen: :8922");
  applyBaseline(options);
  assertEquals([options.host, options.httpHost, options.port], ["0.0.0.0", "0.0.0.0", 8922]);
});

Deno.test("TestListenMonitoringDefault", () => {
  const options = { ...emptyOptions(), host: "10.0.1.22" };
  applyBaseline(options);
  assertEquals([options.host, options.httpHost], ["10.0.1.22", "10.0.1.22"]);
  assertEquals(options.port, 4222);
});

Deno.test("TestOptionsClone", () => {
  const options = testConfOptions();
  options.cluster.noAdvertise = true;
  options.cluster.connectRetries = 2;
  options.cluster.writeDeadlineMs = 3000;
  options.gateway.name = "A";
  const remote = { tlsConfig: null, tlsTimeoutMs: 0 };
  options.gateway.gateways = [
    { ...remote, name: "B", urls: [parseServerUrl("nats://host:5222")] },
    { ...remote, name: "C", urls: [] },
  ];
  options.routes = [parseServerUrl("")];
  options.users = [{ ...emptyUser(), username: "foo", password: "bar" }];
  const clone = cloneOptions(options);
  assertEquals(clone, options);
  clone.users![0]!.password = "baz";
  assertNotEquals(clone, options);
  options.gateway.gateways[0]!.urls = [];
  assertNotEquals(clone.gateway.gateways[0], options.gateway.gateways[0]);
  assertEquals(clone.gateway.gateways[0]!.urls[0]!.host, "host:5222");
});

Deno.test("TestOptionsCloneNilLists", () => {
  const clone = cloneOptions(emptyOptions());
  assertEquals(clone.routes, []);
  assertEquals(clone.users, null);
});

Deno.test("TestEmptyConfig", () => {
  const options = emptyOptions();
  processConfigFile(options, "", memorySource());
  assertEquals(options.configFile, "");
});

Deno.test("TestMalformedListenAddress", () => {
  errorOf("listen: 10.0.1.22:foo");
});

Deno.test("TestMalformedClusterAddress", () => {
  errorOf("cluster {\n  listen: 266.0.0.1:foo\n}\n");
});

Deno.test("TestPanic", () => {
  const error = errorOf('port: "this_string_trips_a_panic"');
  assert(error.includes(":1:0: interface conversion:"), error);
});

Deno.test("TestOptionsProcessConfigFile", () => {
  const options = { ...emptyOptions(), debug: true, trace: false, logFile: "test.log" };
  processConfigFile(options, PATH, sourceOf(TEST_CONF));
  assertEquals(options.configFile, PATH);
  assertEquals(options.debug, false);
  assertEquals(options.trace, true);
  assertEquals(options.logFile, "test.log");
});

Deno.test("TestConfigureOptions", () => {
  const source = memorySource({
    ...CERTIFICATE_FILES,
    "test.conf": TEST_CONF,
    "srv_a.conf": SRV_A,
    "tls.conf": TLS_CONF,
  });
  const read = (...args: string[]) => readCommandLine(args, source, "1.2.3");

  for (const args of [["-v"], ["version"]]) {
    const line = read(...args);
    assert(line.kind === "exit" && line.exitCode === 0);
    assert(line.stdout.startsWith("nats-server: v2.14.5\n"));
  }
  for (const args of [["-h"], ["help"]]) {
    const line = read(...args);
    assert(line.kind === "exit" && line.exitCode === 0);
    assert(line.stdout.includes("Usage: nats-server [options]"));
  }
  const tlsHelp = read("-help_tls");
  assert(tlsHelp.kind === "exit" && tlsHelp.stdout.includes("Available cipher suites include:"));

  const mustNotFail = (...args: string[]): Options => {
    const line = read(...args);
    assert(line.kind === "run", JSON.stringify(line));
    return line.options;
  };
  const expectToFail = (args: string[], ...texts: string[]) => {
    const line = read(...args);
    assert(line.kind === "exit", args.join(" "));
    assert(texts.some((text) => line.stderr.includes(text)), line.stderr);
  };

  assertEquals(mustNotFail("-p", "1234").port, 1234);
  expectToFail(["foo"], "command");
  expectToFail(["-xxx", "foo"], "flag");
  expectToFail(["-c", "xxx.cfg"], "file");
  expectToFail(["-sl", "quit=pid=foo"], "signal");
  // That "pid" is no process is found by who sends the signal.
  assertEquals(read("-sl", "quit=pid"), { kind: "signal", command: "quit", pid: "pid" });

  assertEquals(mustNotFail("-c", "test.conf").trace, true);
  assertEquals(mustNotFail("-c", "test.conf", "-V=false").trace, false);
  let options = mustNotFail("-c", "test.conf", "-DV=false");
  assertEquals([options.debug, options.trace], [false, false]);
  options = mustNotFail("-c", "test.conf", "-DV");
  assertEquals([options.debug, options.trace], [true, true]);

  expectToFail(["-routes", "nats://127.0.0.1:6223"], "solicited routes");
  options = mustNotFail(
    "-cluster",
    "nats://127.0.0.1:6222",
    "-routes",
    "nats://127.0.0.1:6223",
  );
  assertEquals(options.cluster.listenStr, "nats://127.0.0.1:6222");
  assertEquals(options.routesStr, "nats://127.0.0.1:6223");
  assertEquals(options.routes.map(formatServerUrl), ["nats://127.0.0.1:6223"]);

  options = mustNotFail("-c", "srv_a.conf", "-routes", "");
  assertEquals([options.routesStr, options.routes.length], ["", 0]);
  options = mustNotFail("-c", "srv_a.conf", "-cluster", "nats://ivan:pwd@127.0.0.1:6222");
  const { cluster } = options;
  assertEquals([cluster.username, cluster.password, cluster.port], ["ivan", "pwd", 6222]);
  assertEquals(options.routes.map(formatServerUrl), [
    "nats-route://ruser:top_secret@127.0.0.1:7246",
  ]);
  assertEquals(mustNotFail("-c", "srv_a.conf", "-cluster", "").cluster.port, 0);

  expectToFail(["-cluster", ":", "-routes", ""], "protocol");
  expectToFail(["-cluster", "nats://127.0.0.1", "-routes", ""], "port");
  expectToFail(["-cluster", "nats://127.0.0.1:xxx", "-routes", ""], "invalid port");
  expectToFail(["-cluster", "nats://ivan:127.0.0.1:6222", "-routes", ""], "colons");
  expectToFail(["-cluster", "nats://ivan@127.0.0.1:6222", "-routes", ""], "password");

  options = mustNotFail("-c", "tls.conf", "-tls=false");
  assertEquals([options.tlsConfig, options.tls], [null, false]);
  expectToFail(["-c", "tls.conf", "-tlsverify"], "valid");
  const certificate = ["-tlscert", "./configs/certs/server.pem"];
  const key = ["-tlskey", "./configs/certs/key.pem"];
  options = mustNotFail("-c", "tls.conf", "-tlsverify", ...certificate, ...key);
  assert(options.tlsConfig !== null && options.tlsConfig.verify && options.tlsVerify);
  expectToFail(["-tls"], "valid");
  expectToFail(["-tls", ...certificate], "valid");
  expectToFail(["-tls", ...certificate, "-tlskey", "./configs/certs/notfound.pem"], "file");
  options = mustNotFail("-tls", ...certificate, ...key);
  assert(options.tlsConfig !== null && options.tls);
  assertEquals(options.tlsConfig.ciphers, [...DEFAULT_CIPHER_SUITES]);
});

Deno.test("TestLargeMaxControlLine", () => {
  errorOf("max_control_line = 3000000000\n");
});

Deno.test("TestLargeMaxPayload", () => {
  errorOf("max_payload = 3000000000\n");
  const options = processText("max_payload = 100000\nmax_pending = 50000\n");
  applyBaseline(options);
  const error = assertThrows(() => validateOptions(options), Error);
  assert(error.message.includes("cannot be higher"), error.message);
});

Deno.test("TestHandleUnknownTopLevelConfigurationField", () => {
  const text = 'port: 1234\nstreaming {\n  id: "me"\n}\n';
  assert(errorOf(text).includes("streaming"));
  const allow = { allowUnknownTopLevelFields: true };
  assertEquals(processText(text, {}, allow).port, 1234);
  const inner = `cluster {\n  non_top_level_unknown_field: 123\n}\n${text}`;
  const error = assertThrows(() => processText(inner, {}, allow), Error);
  assert(error.message.includes("non_top_level"), error.message);
});

Deno.test("TestSublistNoCacheConfig", () => {
  assertEquals(processText("disable_sublist_cache: true").noSublistCache, true);
});
