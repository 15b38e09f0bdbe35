// Ports: test/log_test.go
/**
 * The log of a whole server.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { applyBaseline, emptyOptions, processConfigFile } from "../../../src/config/mod.ts";
import { openServerLog } from "../../../src/logger/mod.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";
import { systemEnvironment } from "../../../src/platform/deno/environment.ts";
import { Server } from "../../../src/mod.ts";
import { logWorld, withLogFolder } from "../../harness/logs.ts";

Deno.test("TestLogMaxArchives", async (t) => {
  // With a limit of 100 bytes a plain start and stop rotates eight times.
  const cases: [name: string, config: string, files: number][] = [
    ["Default implicit, no max logs, expect 0 purged logs", "logfile_size_limit: 100", 9],
    [
      "Default explicit, no max logs, expect 0 purged logs",
      "logfile_size_limit: 100\nlogfile_max_num: 0",
      9,
    ],
    [
      "Default explicit - negative val, no max logs, expect 0 purged logs",
      "logfile_size_limit: 100\nlogfile_max_num: -42",
      9,
    ],
    [
      "1-max num, expect 8 purged logs",
      "logfile_size_limit: 100\nlogfile_max_num: 1",
      1,
    ],
    [
      "5-max num, expect 4 purged logs; use opt alias",
      "log_size_limit: 100\nlog_max_num: 5",
      5,
    ],
    [
      "100-max num, expect 0 purged logs",
      "logfile_size_limit: 100\nlogfile_max_num: 100",
      9,
    ],
  ];
  for (const [name, config, files] of cases) {
    await t.step(name, async () => {
      const configFile = await Deno.makeTempFile({ suffix: ".conf" });
      try {
        await withLogFolder(async (folder) => {
          await Deno.writeTextFile(
            configFile,
            `listen: "127.0.0.1:-1"\nlog_file: "${folder}/nats-server.log"\n${config}\n`,
          );
          const options = emptyOptions();
          processConfigFile(options, configFile, systemConfigSource());
          applyBaseline(options);
          const log = openServerLog(options, logWorld());
          const server = new Server(options, systemEnvironment(log));
          server.start();
          await server.stop();
          log.close();
          assertEquals([...Deno.readDirSync(folder)].length, files);
        });
      } finally {
        await Deno.remove(configFile);
      }
    });
  }
});
