/**
 * Runs the reference's own `-t` beside natsts' over many configurations: the same verdict, the
 * same digest, and the same errors at the same places. Only their order may differ, because the
 * reference walks its maps in random order.
 */
import { assertEquals } from "@std/assert";
import { readCommandLine } from "../../../src/config/flags.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";
import { samples } from "./_samples.ts";

/** How often the reference may be asked before a difference counts. */
const TRIES_MAX = 12;

async function referenceIsHere(): Promise<boolean> {
  try {
    const { success } = await new Deno.Command("nats-server", { args: ["-v"] }).output();
    return success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** The lines of a report in a fixed order. A crash inside the reference is not asked for. */
function lines(report: string): string[] {
  return report.split("\n")
    .map((line) => line.replace(/^nats-server: /, ""))
    .filter((line) => line !== "" && !line.includes("runtime error: invalid memory address"))
    .sort();
}

Deno.test("-t says what the reference's says", async () => {
  if (!await referenceIsHere()) {
    console.log("skipped: nats-server is not on the PATH");
    return;
  }
  const folder = await Deno.makeTempDir();
  try {
    const source = systemConfigSource();
    const check = async (index: number) => {
      const file = `${folder}/${index}.conf`;
      await Deno.writeTextFile(file, samples[index]! + "\n");
      const own = readCommandLine(["-t", "-c", file], source, "0.0.0");
      if (own.kind !== "exit") throw new Error(`-t must end, got ${own.kind}`);
      // The reference's random order can change what it finds, so it gets several tries.
      for (let tries = 1;; tries++) {
        const { code, stderr } = await new Deno.Command("nats-server", {
          args: ["-t", "-c", file],
        }).output();
        const report = new TextDecoder().decode(stderr);
        if (tries < TRIES_MAX && lines(own.stderr).join() !== lines(report).join()) continue;
        assertEquals(lines(own.stderr), lines(report), samples[index]);
        assertEquals(own.exitCode, code, samples[index]);
        break;
      }
    };
    let next = 0;
    const worker = async () => {
      while (next < samples.length) await check(next++);
    };
    await Promise.all([worker(), worker()]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
