/**
 * This process, as Deno shows it.
 *
 * @module
 */
import os from "node:os";
import process from "node:process";
import type { Process, ProcessUsage } from "../process.ts";

/** CPU use is averaged over so much time at least: less says nothing. */
const CPU_WINDOW_MS = 1000;

/** Tells how much of a core the process has used since it was last asked, first since its start. */
function cpuMeter(): () => number {
  let lastCpuUs = 0;
  let lastAtMs = 0;
  let percent = 0;
  return () => {
    const nowMs = performance.now();
    const elapsedMs = nowMs - lastAtMs;
    if (lastAtMs > 0 && elapsedMs < CPU_WINDOW_MS) return percent;
    const { user, system } = process.cpuUsage();
    percent = (user + system - lastCpuUs) / elapsedMs / 10;
    lastCpuUs = user + system;
    lastAtMs = nowMs;
    return percent;
  };
}

/** Reads the process and machine through Deno. */
export function systemProcess(): Process {
  const cpuPercent = cpuMeter();
  return {
    pid: Deno.pid,
    os: Deno.build.os,
    arch: Deno.build.arch === "x86_64" ? "amd64" : "arm64",
    hostname: os.hostname(),
    programName: programName(),
    cpuCount: navigator.hardwareConcurrency,
    temporaryDirectory: os.tmpdir(),
    memoryBytes: () => os.totalmem(),
    env: (name) => Deno.env.get(name) ?? null,
    usage: (): ProcessUsage => {
      const { rss, heapUsed, heapTotal } = Deno.memoryUsage();
      return {
        residentBytes: rss,
        heapUsedBytes: heapUsed,
        heapTotalBytes: heapTotal,
        cpuPercent: cpuPercent(),
      };
    },
    writeFile: (path, text) => Deno.writeTextFileSync(path, text),
    removeFile: (path) => Deno.removeSync(path),
    onSignal: (signal, handler) => {
      Deno.addSignalListener(signal, handler);
      return () => Deno.removeSignalListener(signal, handler);
    },
  };
}

/** The compiled program has a name of its own; otherwise that of the server it stands in for. */
function programName(): string {
  if (!Deno.build.standalone) return "nats-server";
  return Deno.execPath().split("/").at(-1)!;
}

/** The processes of this machine, for `--signal`. */
export function systemProcesses(): {
  readonly ownPid: number;
  find(name: string): string;
  kill(pid: number, signal: string): void;
} {
  return {
    ownPid: Deno.pid,
    find: (name) => {
      const { stdout } = new Deno.Command("pgrep", { args: [name], stderr: "null" }).outputSync();
      return new TextDecoder().decode(stdout);
    },
    kill: (pid, signal) => {
      try {
        process.kill(pid, signal as Deno.Signal);
      } catch (error) {
        const { code } = error as { code?: string };
        if (code === "ESRCH") throw new Error("no such process", { cause: error });
        if (code === "EPERM") throw new Error("operation not permitted", { cause: error });
        throw error;
      }
    },
  };
}
