// Ports: server/reload_test.go
/**
 * Reloads of configurations with blocks about other servers, as far as they are refused or change
 * no more than options. The servers are not started, as in some of the reference's tests: this
 * version has no routes and gateways to start.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
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

/** A server that was made from a file and is not started. */
class Unstarted implements AsyncDisposable {
  constructor(readonly server: Server, readonly configFile: string) {}

  async reload(config: string): Promise<void> {
    await Deno.writeTextFile(this.configFile, config);
    await this.server.reload();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop();
    await Deno.remove(this.configFile);
  }
}

async function unstarted(config: string): Promise<Unstarted> {
  const configFile = await Deno.makeTempFile({ suffix: ".conf" });
  await Deno.writeTextFile(configFile, config);
  const options = emptyOptions();
  processConfigFile(options, configFile, systemConfigSource());
  options.noSigs = true;
  applyBaseline(options);
  return new Unstarted(new Server(options, systemEnvironment(discardLogger())), configFile);
}

/** Options without what only the processing of configurations looks at. */
function compared({ inConfig: _, inCmdLine: __, ...options }: Options) {
  return options;
}

/** A configuration that must be refused after the one of configs/reload/test.conf. */
async function expectRefused(config: string): Promise<void> {
  await using unchanged = await unstarted(`port: 2233

# logging options
debug:   false
trace:   false
logtime: false

cluster {
    listen:       127.0.0.1:-1
    name:         "abc"
    no_advertise: false
}
`);
  const { server, configFile } = unchanged;
  const { configLoadMs } = server;
  const golden: Options = {
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
  Object.assign(golden.cluster, { name: "abc", host: "127.0.0.1", port: -1 });
  applyBaseline(golden);
  assertEquals(compared(server.options), compared(golden));
  await assertRejects(() => unchanged.reload(config), ReloadError);
  assertEquals(compared(server.options), compared(golden));
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
