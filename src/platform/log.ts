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
