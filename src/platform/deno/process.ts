/**
 * This process, as Deno shows it.
 *
 * @module
 */
import os from "node:os";
import process from "node:process";
import type { Process, ProcessUsage } from "../process.ts";

/** Reads the process and machine through Deno. */
export function systemProcess(): Process {
  let lastCpuUs = 0;
  let lastAtMs = performance.now();
  const cpuUs = (): number => {
    const used = process.cpuUsage();
    return used.user + used.system;
  };
  lastCpuUs = cpuUs();
  return {
    pid: Deno.pid,
    os: Deno.build.os,
    arch: Deno.build.arch === "x86_64" ? "amd64" : "arm64",
    hostname: os.hostname(),
    cpuCount: navigator.hardwareConcurrency,
    env: (name) => Deno.env.get(name) ?? null,
    usage: (): ProcessUsage => {
      const nowMs = performance.now();
      const nowUs = cpuUs();
      const elapsedUs = (nowMs - lastAtMs) * 1000;
      const cpuPercent = elapsedUs > 0 ? ((nowUs - lastCpuUs) / elapsedUs) * 100 : 0;
      lastCpuUs = nowUs;
      lastAtMs = nowMs;
      return { residentBytes: Deno.memoryUsage().rss, cpuPercent };
    },
    onSignal: (signal, handler) => {
      Deno.addSignalListener(signal, handler);
      return () => Deno.removeSignalListener(signal, handler);
    },
  };
}
