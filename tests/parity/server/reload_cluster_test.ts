// Ports: server/reload_test.go
/**
 * Reloads of configurations with blocks about other servers, as far as they are refused or change
 * no more than options. The servers are not started, as in some of the reference's tests: this
 * version has no routes and gateways to start.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  applyBaseline,
  emptyOptions,
  type Options,
  processConfigFile,
} from "../../../src/config/mod.ts";
import { Server } from "../../../src/mod.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";
import { systemEnvironment } from "../../../src/platform/deno/environment.ts";
import { discardLogger } from "../../../src/platform/mod.ts";
import { ReloadError } from "../../../src/reload/mod.ts";
import { withCertificates } from "../../harness/certs.ts";
import { until } from "../../harness/server.ts";

/** A server that was made from a file and is not started. */
class Unstarted implements AsyncDisposable {
  constructor(readonly server: Server, readonly folder: string) {}

  get configFile(): string {
    return `${this.folder}/test.conf`;
  }

  async reload(config: string): Promise<void> {
    await Deno.writeTextFile(this.configFile, config);
    await this.server.reload();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop();
    await Deno.remove(this.folder, { recursive: true });
  }
}

async function unstarted(config: string): Promise<Unstarted> {
  const folder = await Deno.makeTempDir({ prefix: "natsts-reload-" });
  const configFile = `${folder}/test.conf`;
  await Deno.writeTextFile(configFile, config);
  const options = emptyOptions();
  processConfigFile(options, configFile, systemConfigSource());
  options.noSigs = true;
  applyBaseline(options);
  return new Unstarted(new Server(options, systemEnvironment(discardLogger())), folder);
}

/** Options without what only the processing of configurations looks at. */
function compared({ inConfig: _, inCmdLine: __, ...options }: Options) {
  return options;
}

/** `configs/reload/test.conf` of the reference. */
const TEST_CONF = `port: 2233

# logging options
debug:   false
trace:   false
logtime: false

cluster {
    listen:       127.0.0.1:-1
    name:         "abc"
    no_advertise: false
}
`;

/** What that file says. */
function golden(configFile: string) {
  const options: Options = {
    ...emptyOptions(),
    configFile,
    host: "0.0.0.0",
    port: 2233,
    authTimeoutMs: 2000,
    maxControlLine: 4096,
    maxPayload: 1_048_576,
    maxConn: 65_536,
    pingIntervalMs: 120_000,
    maxPingsOut: 2,
    writeDeadlineMs: 10_000,
    noSigs: true,
    configDigest: "sha256:3c5c4141f56274bcfa801f2d7326ec64d5eabddd9e6d4f9a06ed167315a57f55",
  };
  Object.assign(options.cluster, { name: "abc", host: "127.0.0.1", port: -1 });
  applyBaseline(options);
  return compared(options);
}

Deno.test("TestConfigReload", async () => {
  await withCertificates(async ({ ca, server: own }) => {
    await using started = await unstarted(TEST_CONF);
    const { server, folder, configFile } = started;
    const { configLoadMs } = server;
    assertEquals(compared(server.options), golden(configFile));
    await Deno.writeTextFile(
      `${folder}/platform.conf`,
      `remote_syslog: "udp://127.0.0.1:514" # change on reload
       syslog:        true # enable on reload`,
    );
    await until(() => Date.now() > configLoadMs);
    await started.reload(`include 'platform.conf'
      port: 2233
      debug:         true
      trace:         true
      logtime:       true
      logtime_utc:   true
      log_file:         "nats-server.log"
      pid_file:         "${folder}/nats-server.pid"
      max_control_line: 512
      ping_interval:    5
      ping_max:         1
      write_deadline:   "3s"
      max_payload:      1024
      tls {
        cert_file: "${own.certFile}"
        key_file: "${own.keyFile}"
        ca_file: "${ca.certFile}"
        verify: true
      }
      authorization { user: tyler, password: T0pS3cr3t, timeout: 2 }
      cluster {
        listen:       127.0.0.1:-1
        name: "abc"
        no_advertise: true
        ping_interval: '20s'
        ping_max: 8
      }
      server_metadata { key1: value1, key2: value2 }`);
    const { options, info } = server;
    assertEquals(
      [options.trace, options.debug, options.logtime, options.logtimeUtc, options.syslog],
      [true, true, true, true, true],
    );
    assertEquals(options.remoteSyslog, "udp://127.0.0.1:514");
    assertEquals(options.logFile, "nats-server.log");
    assert(options.tlsConfig !== null);
    assertEquals([info.tls_required, info.tls_verify, info.auth_required], [true, true, true]);
    assertEquals([options.username, options.password], ["tyler", "T0pS3cr3t"]);
    assertEquals(options.authTimeoutMs, 2000);
    const { noAdvertise, pingIntervalMs, maxPingsOut } = options.cluster;
    assertEquals([noAdvertise, pingIntervalMs, maxPingsOut], [true, 20_000, 8]);
    assertEquals(options.pidFile, `${folder}/nats-server.pid`);
    assertEquals(options.maxControlLine, 512);
    assertEquals([options.pingIntervalMs, options.maxPingsOut], [5000, 1]);
    assertEquals([options.writeDeadlineMs, options.maxPayload], [3000, 1024]);
    assertEquals(options.metadata, new Map([["key1", "value1"], ["key2", "value2"]]));
    assert(server.configLoadMs > configLoadMs);
  });
});

/** A configuration that must be refused after {@linkcode TEST_CONF}. */
async function expectRefused(config: string): Promise<void> {
  await using unchanged = await unstarted(TEST_CONF);
  const { server, configFile } = unchanged;
  const { configLoadMs } = server;
  assertEquals(compared(server.options), golden(configFile));
  await assertRejects(() => unchanged.reload(config), ReloadError);
  assertEquals(compared(server.options), golden(configFile));
  assertEquals(server.configLoadMs, configLoadMs);
}

Deno.test("TestConfigReloadInvalidConfig", async () => {
  await expectRefused("# Invalid config file\ntrace:\n");
});

Deno.test("TestConfigReloadUnsupported", async () => {
  await expectRefused(`# logging options
debug:   false
trace:   true
logtime: true

# Removes cluster host, which is unsupported.
`);
});

const clusterAt = (address: string, routes = ""): string =>
  `listen: 127.0.0.1:-1
cluster {
  listen: ${address}
  name: "abc"
  ${routes}
}
no_sys_acc: true
`;
const CLUSTER_A = clusterAt("127.0.0.1:7244", "routes = [ nats-route://127.0.0.1:7246 ]");

Deno.test("TestConfigReloadClusterHostUnsupported", async () => {
  await using started = await unstarted(CLUSTER_A);
  // The reference's file changes the port too.
  await assertRejects(() => started.reload(clusterAt("127.0.0.1:7247")), ReloadError);
  await assertRejects(
    () => started.reload(clusterAt("127.0.0.2:7244")),
    ReloadError,
    "config reload not supported for cluster host: old=127.0.0.1, new=127.0.0.2",
  );
});

Deno.test("TestConfigReloadClusterPortUnsupported", async () => {
  await using started = await unstarted(CLUSTER_A);
  await assertRejects(
    () => started.reload(clusterAt("127.0.0.1:7246")),
    ReloadError,
    "config reload not supported for cluster port: old=7244, new=7246",
  );
});

Deno.test("TestConfigReloadClusterName", async () => {
  const named = (name: string) =>
    `listen: "0.0.0.0:-1"
    cluster: { name: "${name}", listen: "0.0.0.0:-1" }`;
  await using renamed = await unstarted(named("abc"));
  const { server } = renamed;
  const names =
    () => [server.options.cluster.name, server.info.cluster, server.core.server.cluster];
  assertEquals(names(), ["abc", "abc", "abc"]);
  await renamed.reload(named("xyz"));
  assertEquals(names(), ["xyz", "xyz", "xyz"]);
});

Deno.test("TestConfigReloadNotPreventedByGateways", async () => {
  await withCertificates(async ({ server: { certFile, keyFile } }) => {
    const config = (more: string, timeout: number) => `
      listen: "127.0.0.1:-1"
      ${more}
      gateway {
        name: "A"
        listen: "127.0.0.1:-1"
        tls { cert_file: "${certFile}", key_file: "${keyFile}", timeout: ${timeout} }
        gateways [ { name: "B", url: "nats://localhost:8888" } ]
      }
      no_sys_acc: true`;
    await using gateway = await unstarted(config("", 5));
    await gateway.reload(config("max_payload: 100000", 5));
    assertEquals(gateway.server.options.maxPayload, 100_000);
    await assertRejects(
      () => gateway.reload(config("max_payload: 100000", 3)),
      ReloadError,
      "not supported for Gateway",
    );
  });
});

Deno.test("a reload is refused that asks for what is not built", async () => {
  await using server = await unstarted("port: -1");
  await assertRejects(
    () => server.reload("port: -1, ocsp { mode: always }"),
    ReloadError,
    "OCSP stapling is not possible",
  );
  assertEquals(server.server.options.ocspConfig, null);
});
