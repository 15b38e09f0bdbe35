/**
 * The process behind the server: what a JavaScript runtime can say where the reference prints
 * goroutines and Go's `expvar`.
 *
 * @module
 */
import { goJson } from "../base/text/go_format.ts";
import type { MonitoredServer } from "./source.ts";

/** The stack of the one event loop, and what it serves. */
export function stacks(server: MonitoredServer): string {
  const lines = [`event loop 1 [running], ${server.clients.size} client connections:`];
  const stack = new Error("stack").stack ?? "";
  lines.push(...stack.split("\n").slice(1).map((line) => line.trim()));
  return `${lines.join("\n")}\n`;
}

/** Variables in the form of Go's `expvar`: the command and memory in bytes. */
export function debugVars(server: MonitoredServer): string {
  const { process } = server.env;
  const { residentBytes, heapUsedBytes, heapTotalBytes } = process.usage();
  const memstats = {
    Alloc: heapUsedBytes,
    Sys: residentBytes,
    HeapAlloc: heapUsedBytes,
    HeapSys: heapTotalBytes,
    HeapInuse: heapUsedBytes,
  };
  return `{\n"cmdline": ${goJson([process.programName], "")},\n` +
    `"memstats": ${goJson(memstats, "")}\n}\n`;
}
