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

/** The command and memory in bytes, as Go's `expvar` names them. */
export function debugVariables(server: MonitoredServer) {
  const { process } = server.env;
  const { residentBytes, heapUsedBytes, heapTotalBytes } = process.usage();
  const memory = {
    Alloc: heapUsedBytes,
    Sys: residentBytes,
    HeapAlloc: heapUsedBytes,
    HeapSys: heapTotalBytes,
    HeapInuse: heapUsedBytes,
  };
  return { memstats: memory, cmdline: [process.programName] };
}

/** {@linkcode debugVariables} in the form of Go's `expvar`. */
export function debugVars(server: MonitoredServer): string {
  const { memstats, cmdline } = debugVariables(server);
  return `{\n"cmdline": ${goJson(cmdline, "")},\n"memstats": ${goJson(memstats, "")}\n}\n`;
}
