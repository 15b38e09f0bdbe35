/**
 * The logging interface that every module takes; `server` wires it to a real logger.
 *
 * @module
 */

/** Destination of log lines. Texts have no trailing newline. */
export interface Logger {
  /** Normal operation. */
  notice(text: string): void;
  /** Something an operator should look at. */
  warn(text: string): void;
  /** Something failed. */
  error(text: string): void;
  /** Something failed and the server cannot go on; the caller ends the server, not the logger. */
  fatal(text: string): void;
  /** Written only while `debugEnabled`. */
  debug(text: string): void;
  /** Written only while `traceEnabled`. */
  trace(text: string): void;
  /** True while debug lines are wanted; check it before building a costly text. */
  debugEnabled: boolean;
  /** True while protocol traces are wanted. */
  traceEnabled: boolean;
}

/** A logger that drops everything; the null object for tests and embedding. */
export function discardLogger(): Logger {
  const drop = (_text: string): void => {};
  return {
    notice: drop,
    warn: drop,
    error: drop,
    fatal: drop,
    debug: drop,
    trace: drop,
    debugEnabled: false,
    traceEnabled: false,
  };
}

/** An open log file; writes append and are done when the call returns. */
export interface OpenLogFile {
  /** Size when the file was opened. */
  readonly sizeBytes: number;
  write(bytes: Uint8Array): void;
  close(): void;
}

/** The files that logs are written to and rotated through. All calls throw what the system says. */
export interface LogFiles {
  /** Opens for appending; creates the file where it is missing. */
  open(path: string): OpenLogFile;
  rename(from: string, to: string): void;
  remove(path: string): void;
  /** Names of the files in a folder, without folders, in any order. */
  names(folder: string): string[];
}

/** A connection to a syslog daemon. Lines are sent in order or lost, never waited for. */
export interface SyslogConnection {
  send(line: string): void;
  close(): void;
}
