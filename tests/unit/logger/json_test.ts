/**
 * `log_format: json`: every line is one object, on standard error and in files, also where files
 * rotate.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { emptyOptions, processConfigText } from "../../../src/config/mod.ts";
import { openServerLog } from "../../../src/logger/mod.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";
import { logWorld, withLogFolder } from "../../harness/logs.ts";
import { testServer } from "../../harness/server.ts";

function optionsOf(config: string) {
  const options = emptyOptions();
  processConfigText(options, config, systemConfigSource());
  return options;
}

Deno.test("each line of a JSON log is an object with time, level, pid and message", () => {
  const lines: string[] = [];
  const log = openServerLog(optionsOf("log_format: json\ndebug: true"), logWorld(lines));
  log.notice('quotes " and\nlines');
  log.debug("details");
  log.error("ouch");
  log.close();
  const objects = lines.map((line) => {
    assert(line.endsWith("\n") && !line.slice(0, -1).includes("\n"));
    return JSON.parse(line);
  });
  assertEquals(objects.map(({ level, message }) => [level, message]), [
    ["inf", 'quotes " and\nlines'],
    ["dbg", "details"],
    ["err", "ouch"],
  ]);
  for (const { time, pid } of objects) {
    assertMatch(time, /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/);
    assertEquals(pid, Deno.pid);
  }
});

Deno.test("a JSON log stays JSON when its file rotates", async () => {
  await withLogFolder(async (folder) => {
    const options = optionsOf(
      `log_format: json\nlog_file: "${folder}/log"\nlogfile_size_limit: 300`,
    );
    const log = openServerLog(options, logWorld());
    const server = await testServer({ logger: log });
    await server[Symbol.asyncDispose]();
    log.close();
    const files = [...Deno.readDirSync(folder)];
    assert(files.length > 1, "the file did not rotate");
    for (const { name } of files) {
      for (const line of Deno.readTextFileSync(`${folder}/${name}`).trimEnd().split("\n")) {
        assertEquals(typeof JSON.parse(line).message, "string", line);
      }
    }
  });
});
