/**
 * The log that a server's options ask for: a file, a syslog daemon, or standard error.
 *
 * Reference: ConfigureLogger and ReOpenLogFile in server/log.go.
 *
 * @module
 */
import type { Options } from "../config/mod.ts";
import type { Clock, LogFiles, Logger, SyslogConnection } from "../platform/mod.ts";
import { LogFile } from "./log_file.ts";
import { syslogAddress, syslogLogger, syslogTag } from "./syslog.ts";
import { type LineSink, textLogger } from "./text_log.ts";

/** A logger that can be told to open its file again. */
export interface ServerLog extends Logger {
  /** After the file was moved away; says so in the log. */
  reopen(): void;
  /** Becomes the log that `options` ask for. Throws LogOpenError and stays as it is. */
  reconfigure(options: Options): void;
  close(): void;
}

/** A log that cannot change into another one. */
type FixedLog = Omit<ServerLog, "reconfigure">;

/** What logs are made of. */
export interface LogWorld {
  readonly clock: Clock;
  readonly pid: number;
  readonly hostname: string;
  /** The path by which the program was started. */
  readonly program: string;
  readonly files: LogFiles;
  readonly standardError: { readonly isTerminal: boolean; readonly write: LineSink };
  dialSyslog(network: "udp" | "tcp" | "unix" | "local", address: string): SyslogConnection;
}

/** Thrown when a log cannot be opened; the message is for the operator. */
export class LogOpenError extends Error {
  override readonly name = "LogOpenError";
}

/** Opens the log that `options` ask for. Throws LogOpenError. */
export function openServerLog(options: Options, world: LogWorld): ServerLog {
  let present = openFixed(options, world);
  const log: ServerLog = {
    debugEnabled: present.debugEnabled,
    traceEnabled: present.traceEnabled,
    notice: (text) => present.notice(text),
    warn: (text) => present.warn(text),
    error: (text) => present.error(text),
    fatal: (text) => present.fatal(text),
    debug: (text) => present.debug(text),
    trace: (text) => present.trace(text),
    reopen: () => present.reopen(),
    close: () => present.close(),
    reconfigure(changed) {
      const next = openFixed(changed, world);
      present.close();
      present = next;
      log.debugEnabled = next.debugEnabled;
      log.traceEnabled = next.traceEnabled;
    },
  };
  return log;
}

function openFixed(options: Options, world: LogWorld): FixedLog {
  if (options.logFile !== "") return fileLog(options, world);
  if (options.remoteSyslog !== "" || options.syslog) return syslog(options, world);
  const logger = textLogger(options, {
    clock: world.clock,
    pid: world.pid,
    colours: world.standardError.isTerminal,
    sink: world.standardError.write,
  });
  return withoutFile(logger, () => {});
}

function fileLog(options: Options, world: LogWorld): FixedLog {
  const { clock, pid, files } = world;
  let file: LogFile;
  try {
    file = new LogFile(
      options.logFile,
      {
        sizeLimitBytes: Math.max(0, options.logSizeLimit),
        maxFiles: options.logMaxFiles,
        logtime: options.logtime,
        logFormat: options.logFormat,
        pid,
      },
      files,
      clock,
    );
  } catch (error) {
    throw new LogOpenError(`error opening file: ${(error as Error).message}`, { cause: error });
  }
  const logger = textLogger(options, {
    clock,
    pid,
    colours: false,
    sink: (line) => file.write(line),
  });
  if (file.overLimit) logger.notice("Rotating logfile...");
  return Object.assign(logger, {
    reopen: () => {
      file.reopen();
      logger.notice("File log re-opened");
    },
    close: () => file.close(),
  });
}

function syslog(options: Options, world: LogWorld): FixedLog {
  const local = options.remoteSyslog === "";
  let connection: SyslogConnection;
  try {
    const { network, address } = local
      ? { network: "local" as const, address: "" }
      : syslogAddress(options.remoteSyslog);
    connection = world.dialSyslog(network, address);
  } catch (error) {
    throw new LogOpenError(
      `error connecting to syslog: ${JSON.stringify((error as Error).message)}`,
      { cause: error },
    );
  }
  const { debug, trace } = options;
  const { pid, hostname, program, clock } = world;
  const settings = { debug, trace, tag: syslogTag(program), pid, hostname, local };
  return withoutFile(syslogLogger(settings, connection, clock), () => connection.close());
}

function withoutFile(logger: Logger, close: () => void): FixedLog {
  return Object.assign(logger, {
    reopen: () => logger.notice("File log re-open ignored, not a file logger"),
    close,
  });
}
