/**
 * A program that prints what `ps` says of it and what natsts does, in this order, several times.
 *
 * @module
 */
import { systemProcess } from "../../../../src/platform/deno/process.ts";

const TIMES = 10;
/** How long it works first, so that there is something to measure. */
const BUSY_MS = Number(Deno.args[0]);

function ps(columns: string): number[] {
  const { stdout } = new Deno.Command("ps", { args: ["o", columns, "-p", String(Deno.pid)] })
    .outputSync();
  return new TextDecoder().decode(stdout).trim().split(/\s+/).map(Number);
}

for (const start = performance.now(); performance.now() - start < BUSY_MS;);
const process = systemProcess();
const [psCpuPercent] = ps("pcpu=");
const { cpuPercent } = process.usage();
const memory: { psKiB: number; bytes: number }[] = [];
while (memory.length < TIMES) {
  const [psKiB] = ps("rss=,vsz=");
  memory.push({ psKiB: psKiB!, bytes: process.usage().residentBytes });
}
console.log(JSON.stringify({ psCpuPercent, cpuPercent, memory }));
