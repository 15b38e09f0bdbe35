// Ports: logger/log_test.go
/**
 * Lines, labels, colours and the rotation of log files.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  LogFile,
  type LogFileSettings,
  textLogger,
  type TextLogSettings,
} from "../../../src/logger/mod.ts";
import type { LogFiles, Logger } from "../../../src/platform/mod.ts";
import { systemClock } from "../../../src/platform/deno/clock.ts";
import { systemLogFiles } from "../../../src/platform/deno/log_files.ts";
import { withLogFolder } from "../../harness/logs.ts";

const PLAIN: TextLogSettings = {
  logtime: false,
  logtimeUtc: false,
  logFormat: "text",
  debug: false,
  trace: false,
};

function standard(
  over: Partial<TextLogSettings> = {},
  colours = false,
): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  const logger = textLogger({ ...PLAIN, ...over }, {
    clock: systemClock(),
    pid: null,
    colours,
    sink: (line) => void lines.push(line),
  });
  return { logger, lines };
}

Deno.test("TestStdLogger", () => {
  const { logger, lines } = standard();
  assertEquals([logger.debugEnabled, logger.traceEnabled], [false, false]);
  logger.notice("no time, no flags");
  assertEquals(lines, ["[INF] no time, no flags\n"]);
});

Deno.test("TestStdLoggerWithDebugTraceAndTime", () => {
  const { logger, lines } = standard({ logtime: true, debug: true, trace: true });
  assertEquals([logger.debugEnabled, logger.traceEnabled], [true, true]);
  logger.notice("foo");
  assertMatch(lines[0]!, /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d\.\d{6} \[INF\] foo\n$/);
});

Deno.test("TestStdLoggerNotice", () => {
  const { logger, lines } = standard();
  logger.notice("foo");
  assertEquals(lines.join(""), "[INF] foo\n");
});

Deno.test("TestStdLoggerNoticeWithColor", () => {
  const { logger, lines } = standard({}, true);
  logger.notice("foo");
  assertEquals(lines.join(""), "[\x1b[32mINF\x1b[0m] foo\n");
});

Deno.test("TestStdLoggerDebug", () => {
  const { logger, lines } = standard({ debug: true });
  logger.debug("foo bar");
  assertEquals(lines.join(""), "[DBG] foo bar\n");
});

Deno.test("TestStdLoggerDebugWithOutDebug", () => {
  const { logger, lines } = standard();
  logger.debug("foo");
  assertEquals(lines, []);
});

Deno.test("TestStdLoggerTrace", () => {
  const { logger, lines } = standard({ trace: true });
  logger.trace("foo");
  assertEquals(lines.join(""), "[TRC] foo\n");
});

Deno.test("TestStdLoggerTraceWithOutDebug", () => {
  const { logger, lines } = standard();
  logger.trace("foo");
  assertEquals(lines, []);
});

interface FileLog extends Logger {
  readonly file: LogFile;
}

function fileLogger(
  path: string,
  over: Partial<LogFileSettings> = {},
  files: LogFiles = systemLogFiles(),
): FileLog {
  const clock = systemClock();
  const settings: LogFileSettings = {
    sizeLimitBytes: 0,
    maxFiles: 0,
    logtime: true,
    logFormat: "text",
    pid: Deno.pid,
    ...over,
  };
  const file = new LogFile(path, settings, files, clock);
  const logger = textLogger({ ...PLAIN, logtime: settings.logtime }, {
    clock,
    pid: settings.pid,
    colours: false,
    sink: (line) => file.write(line),
  });
  return Object.assign(logger, { file });
}

Deno.test("TestFileLogger", async () => {
  await withLogFolder((folder) => {
    const first = fileLogger(`${folder}/nats-server:log_1`, { logtime: false, pid: null });
    first.notice("foo");
    assertEquals(Deno.readTextFileSync(first.file.path), "[INF] foo\n");
    first.file.close();

    const second = fileLogger(`${folder}/nats-server:log_2`);
    second.error("foo");
    assertMatch(
      Deno.readTextFileSync(second.file.path),
      /^\[\d+\] \d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d\.\d{6} \[ERR\] foo\n$/,
    );
    second.file.close();
  });
});

function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
}

Deno.test("TestFileLoggerSizeLimit", async () => {
  await withLogFolder((folder) => {
    const logger = fileLogger(`${folder}/log_`, { sizeLimitBytes: 1000 });
    for (let i = 0; i < 50; i++) logger.notice("This is a line in the log file");
    const names = namesIn(folder);
    assert(names.length > 1, "expected the file to have been rotated");
    logger.file.close();
    const content = Deno.readTextFileSync(logger.file.path);
    assertStringIncludes(content, "Rotated log");
    assertStringIncludes(content, names.at(-1)!);
  });

  await withLogFolder((folder) => {
    const path = `${folder}/log_`;
    const unlimited = fileLogger(path);
    for (let i = 0; i < 50; i++) unlimited.notice(`This is line ${i + 1} in the log file`);
    assertEquals(namesIn(folder).length, 1);
    unlimited.file.close();

    // A file that is already larger than its limit is rotated by the next line.
    const limited = fileLogger(path, { sizeLimitBytes: 1000 });
    assert(limited.file.overLimit);
    limited.notice("Rotating logfile...");
    const names = namesIn(folder);
    assert(names.length > 1);
    limited.file.close();
    const content = Deno.readTextFileSync(path);
    assertStringIncludes(content, "Rotated log");
    assertStringIncludes(content, names.at(-1)!);

    // A file that cannot be closed stays, and may grow to twice its limit.
    const files = systemLogFiles();
    let fails = true;
    const failing = fileLogger(path, { sizeLimitBytes: 1000 }, {
      ...files,
      open: (name) => {
        const file = files.open(name);
        return {
          sizeBytes: file.sizeBytes,
          write: (bytes) => file.write(bytes),
          close: () => {
            if (fails) throw new Error("on purpose");
            file.close();
          },
        };
      },
    });
    failing.notice(`This is a big line: ${"0 ".repeat(1000)}`);
    fails = false;
    failing.notice(`This is a big line: ${"0 ".repeat(2000)}`);
    failing.file.close();
    const backup = Deno.readTextFileSync(`${folder}/${namesIn(folder).at(-1)!}`);
    assertStringIncludes(backup, "on purpose");
    assertStringIncludes(backup, "size 2000");
  });
});
