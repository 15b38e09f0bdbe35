// Ports: server/reload_test.go
/**
 * Reloads that change the log, and files of the server.
 *
 * @module
 */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  applyBaseline,
  emptyOptions,
  type Options,
  processConfigFile,
  readCommandLine,
} from "../../../src/config/mod.ts";
import { openServerLog } from "../../../src/logger/mod.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";
import { systemEnvironment } from "../../../src/platform/deno/environment.ts";
import { Server } from "../../../src/mod.ts";

import { CapturedLog } from "../../harness/captured_log.ts";
import { logWorld } from "../../harness/logs.ts";
import { LISTEN, ReloadServer } from "../../harness/reload.ts";

/** Runs `use` with a server that has the log of its configuration. */
async function withLog(
  config: (folder: string) => string,
  use: (server: ReloadServer, folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "natsts-reload-" });
  const configFile = `${folder}/test.conf`;
  await Deno.writeTextFile(configFile, config(folder));
  const options = emptyOptions();
  processConfigFile(options, configFile, systemConfigSource());
  applyBaseline(options);
  const log = openServerLog(options, logWorld());
  const server = new Server(options, {
    ...systemEnvironment(log),
    configureLog: (changed: Options) => log.reconfigure(changed),
  });
  try {
    await using tested = new ReloadServer(server, folder, configFile);
    server.start();
    await use(tested, folder);
  } finally {
    log.close();
  }
}

Deno.test("TestConfigReloadLogging", async () => {
  const common = `
    port: -1
    system_account: sys
    accounts {
      sys { users = [ {user: sys, pass: "" } ] }
      nats.io: { users = [ { user : bar, pass: "pwd" } ] }
    }
  `;
  const logs: string[] = [];
  await withLog(() => common, async (server, folder) => {
    const traffic = async (): Promise<void> => {
      const client = await server.accepted({ user: "bar", pass: "pwd" });
      await client.send("SUB foo 1\r\n");
      for (let i = 0; i < 10; i++) {
        await client.send("PUB foo 3\r\nbar\r\n");
        await client.message();
      }
      await client.send("UNSUB 1\r\n");
      await client.flush();
      await client.end();
    };
    const period = async (name: string, more: string): Promise<void> => {
      await server.reload(`${common} log_file: "${folder}/${name}.log"\n${more}`);
      await traffic();
    };
    const off = "debug: false\ntrace_verbose: false";
    await period("off-pre", "");
    await period("on", "debug: true\ntrace_verbose: true");
    await period("off-post", off);
    for (const name of ["off-pre", "on", "off-post"]) {
      logs.push(await Deno.readTextFile(`${folder}/${name}.log`));
    }
  });
  const traces = ["[TRC]", "[DBG]", "SYSTEM", "MSG_PAYLOAD", "$SYS.SERVER.ACCOUNT"];
  const seen = logs.map((log) => traces.filter((text) => log.includes(text)));
  assertEquals(seen, [[], traces, []]);
  for (const log of logs) assertStringIncludes(log, "[INF] Reloaded server configuration");
});

Deno.test("TestConfigReloadRotateFiles", async () => {
  const config = (folder: string, number: string) =>
    LISTEN +
    `logfile: "${folder}/log${number}.txt"\npid_file: "${folder}/nats-server${number}.pid"`;
  await withLog((folder) => config(folder, ""), async (server, folder) => {
    await server.reload(config(folder, "1"));
    await Deno.stat(`${folder}/log1.txt`);
    await Deno.stat(`${folder}/nats-server1.pid`);
    // The old ones are nobody's any more.
    await Deno.rename(`${folder}/log.txt`, `${folder}/log_old.txt`);
    await Deno.rename(`${folder}/nats-server.pid`, `${folder}/nats-server_old.pid`);
    await Deno.remove(`${folder}/log_old.txt`);
    await Deno.remove(`${folder}/nats-server_old.pid`);
    server.server.env.log.notice("still here");
    await assertRejects(() => Deno.stat(`${folder}/log.txt`), Deno.errors.NotFound);
    assertStringIncludes(await Deno.readTextFile(`${folder}/log1.txt`), "still here");
  });
});

type Value = (options: Options) => boolean;
type FlagCase = [name: string, config: string, args: string[], expected: boolean, value: Value];

/** A boolean option with the flags that set it: what it is before and after a reload. */
function flagCases(
  name: string,
  flags: readonly string[],
  value: Value,
  unsaid = false,
): FlagCase[] {
  return [
    [`${name}_not_in_config_no_override`, "", [], unsaid, value],
    ...flags.map((flag) =>
      [`${name}_not_in_config_override_true ${flag}`, "", [flag], true, value] as const
    ),
    [`${name}_false_in_config_no_override`, `${name}: false`, [], false, value],
    ...flags.map((flag) =>
      [
        `${name}_false_in_config_override_true ${flag}`,
        `${name}: false`,
        [flag],
        true,
        value,
      ] as const
    ),
    [`${name}_true_in_config_no_override`, `${name}: true`, [], true, value],
    ...flags.map((flag) =>
      [
        `${name}_true_in_config_override_false ${flag}`,
        `${name}: true`,
        [`${flag}=false`],
        false,
        value,
      ] as const
    ),
  ].map((one) => [...one] as FlagCase);
}

const BOTH: Value = ({ debug, trace }) => debug && trace;
const FLAG_CASES: readonly FlagCase[] = [
  ...flagCases("logtime", ["-T", "-logtime"], ({ logtime }) => logtime, true),
  ...flagCases("debug", ["-D", "-debug"], ({ debug }) => debug),
  ...flagCases("trace", ["-V", "-trace"], ({ trace }) => trace),
  ...flagCases("syslog", ["-s", "-syslog"], ({ syslog }) => syslog),
  ["debug_trace_not_in_config_dv_override_true", "", ["-DV"], true, BOTH],
  [
    "debug_trace_false_in_config_dv_override_true",
    "debug: false\ntrace: false",
    ["-DV"],
    true,
    BOTH,
  ],
  [
    "debug_trace_true_in_config_dv_override_false",
    "debug: true\ntrace: true",
    ["-DV=false"],
    false,
    BOTH,
  ],
  [
    "trace_verbose_true_in_config_override_true",
    "trace_verbose: true",
    [],
    true,
    ({ trace, traceVerbose }) => trace && traceVerbose,
  ],
  [
    "trace_verbose_true_in_config_override_false",
    "trace_verbose: true",
    ["--VV=false"],
    true,
    ({ traceVerbose }) => !traceVerbose,
  ],
  [
    "trace_verbose_false_in_config_override_true",
    "trace_verbose: false",
    ["--VV=true"],
    true,
    ({ traceVerbose }) => traceVerbose,
  ],
  ...flagCases("jetstream", ["--js"], ({ jetStream }) => jetStream),
  ...[
    ["not_in_config_no_override", "", [], false] as const,
    ["not_in_config_override_true", "", ["-no_advertise"], true] as const,
    ["false_in_config_no_override", "no_advertise: false", [], false] as const,
    ["false_in_config_override_true", "no_advertise: false", ["-no_advertise"], true] as const,
    ["true_in_config_no_override", "no_advertise: true", [], true] as const,
    [
      "true_in_config_override_false",
      "no_advertise: true",
      ["-no_advertise=false"],
      false,
    ] as const,
  ].map(([name, config, args, expected]): FlagCase => [
    `cluster_no_advertise_${name}`,
    `cluster { port: -1, ${config} }`,
    [...args],
    expected,
    ({ cluster }) => cluster.noAdvertise,
  ]),
];

Deno.test("TestConfigReloadBoolFlags", async (t) => {
  for (const [name, config, args, expected, value] of FLAG_CASES) {
    await t.step(name, async () => {
      const folder = await Deno.makeTempDir({ prefix: "natsts-reload-" });
      const configFile = `${folder}/test.conf`;
      const content = `${LISTEN} logfile: "${folder}/log.txt"
        ${config}`;
      await Deno.writeTextFile(configFile, content);
      const line = readCommandLine(
        ["-c", configFile, "-sd", folder, ...args],
        systemConfigSource(),
        "0.0.0",
      );
      if (line.kind !== "run") throw new Error(`${name}: the server would not run`);
      applyBaseline(line.options);
      assertEquals(value(line.options), expected);
      const server = new Server(line.options, systemEnvironment(new CapturedLog()));
      server.flagOptions = line.flagOptions;
      await using tested = new ReloadServer(server, folder, configFile);
      // This version cannot start clusters; what counts are the options.
      if (server.options.cluster.port === 0) server.start();
      await tested.reload(`${content}\nmax_connections: 1000`);
      assertEquals(server.options.maxConn, 1000);
      assertEquals(value(server.options), expected);
    });
  }
});
