// Ports: server/pse/pse_test.go
/**
 * What monitoring says of the process, beside what `ps` does. The process of the tests does too
 * many things at once: a program of its own asks about itself.
 *
 * @module
 */
import { assertLessOrEqual } from "@std/assert";
import { exists } from "@std/fs";

interface Usage {
  psCpuPercent: number;
  cpuPercent: number;
  memory: { psKiB: number; bytes: number }[];
}

const PROGRAM = new URL("./_usage.ts", import.meta.url).pathname;

const ignore = !(await exists("/bin/ps")) && !(await exists("/usr/bin/ps"));

async function measure(busyMs: number): Promise<Usage> {
  const { stdout, success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", PROGRAM, String(busyMs)],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

Deno.test({
  name: "TestPSEmulationCPU",
  ignore,
  fn: async () => {
    const { psCpuPercent, cpuPercent } = await measure(1000);
    assertLessOrEqual(Math.abs(Math.trunc(cpuPercent - psCpuPercent)), 30);
  },
});

Deno.test({
  name: "TestPSEmulationMem",
  ignore,
  fn: async () => {
    const { memory } = await measure(0);
    // Starting `ps` takes memory itself, which may come and go between the two.
    const differences = memory.map(({ psKiB, bytes }) => Math.abs(bytes - psKiB * 1024));
    assertLessOrEqual(Math.min(...differences), 1024 * 1024);
  },
});
