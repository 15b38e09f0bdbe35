/**
 * Old log files go when there are too many.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { emptyOptions, processConfigText } from "../../../src/config/mod.ts";
import { openServerLog } from "../../../src/logger/mod.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";
import { logWorld, withLogFolder } from "../../harness/logs.ts";
import { testServer } from "../../harness/server.ts";

/** Files after a start and a stop with a limit that nearly each line is over. */
async function filesWith(more: string): Promise<number> {
  let count = 0;
  await withLogFolder(async (folder) => {
    const config = `port: -1\nlog_file: "${folder}/nats-server.log"\n${more}`;
    const options = emptyOptions();
    processConfigText(options, config, systemConfigSource());
    const log = openServerLog(options, logWorld());
    const server = await testServer({ logger: log }, config);
    await server[Symbol.asyncDispose]();
    log.close();
    count = [...Deno.readDirSync(folder)].length;
  });
  return count;
}

Deno.test("rotation keeps as many files as it may", async (t) => {
  const limit = "logfile_size_limit: 100";
  const all = await filesWith(limit);
  const cases: [string, string, number][] = [
    ["Default explicit, no max logs, expect 0 purged logs", `${limit}\nlogfile_max_num: 0`, all],
    ["negative val, no max logs, expect 0 purged logs", `${limit}\nlogfile_max_num: -42`, all],
    ["1-max num, expect all but one purged", `${limit}\nlogfile_max_num: 1`, 1],
    ["5-max num; use opt alias", "log_size_limit: 100\nlog_max_num: 5", 5],
    ["100-max num, expect 0 purged logs", `${limit}\nlogfile_max_num: 100`, all],
  ];
  assert(all > 5, `${all} files`);
  for (const [name, more, wanted] of cases) {
    await t.step(name, async () => assertEquals(await filesWith(more), wanted));
  }
});
