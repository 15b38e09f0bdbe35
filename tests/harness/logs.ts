/**
 * Logs for tests: real files in a folder that goes away, standard error in an array.
 *
 * @module
 */
import type { LogWorld } from "../../src/logger/mod.ts";
import { systemClock } from "../../src/platform/deno/clock.ts";
import { dialSyslog, systemLogFiles } from "../../src/platform/deno/log_files.ts";

/** A world whose standard error appends to `standardError`. */
export function logWorld(standardError: string[] = [], over: Partial<LogWorld> = {}): LogWorld {
  return {
    clock: systemClock(),
    pid: Deno.pid,
    hostname: "testhost",
    program: "/usr/local/bin/nats-server",
    files: systemLogFiles(),
    standardError: { isTerminal: false, write: (line) => void standardError.push(line) },
    dialSyslog,
    ...over,
  };
}

/** Runs `use` with a folder for logs and removes it. */
export async function withLogFolder(use: (folder: string) => void | Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "natsts-logs-" });
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
