/**
 * Runs the tests, keeps each one's result for the parity table, and ends with one plain line of
 * totals. Arguments select files or folders; without any the whole tree runs.
 *
 * Some of the reference's tests measure time, which a busy machine can spoil. So the files of tests
 * that failed run once more, one at a time, and the tests that pass then are named: they are worth
 * a look, but no failure.
 *
 * @module
 */
import { type Outcome, outcomesOf } from "./junit.ts";

const RESULTS_DIR = ".work";
const FIRST_RESULTS = `${RESULTS_DIR}/junit.xml`;
const SECOND_RESULTS = `${RESULTS_DIR}/junit_again.xml`;
/** So many failed files are no accident. */
const REPEATED_FILES_MAX = 12;

interface Run {
  readonly outcomes: Map<string, Outcome>;
  /** Failures that are no test's: files that did not load, or that ended with a late error. */
  readonly brokenFiles: number;
}

const FAILED_COUNT = /\| (\d+) failed/g;

async function run(selection: string[], results: string, jobs: number): Promise<Run> {
  const parallel = jobs > 1 ? ["--parallel"] : [];
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", ...parallel, "--no-check", `--junit-path=${results}`, ...selection],
    env: { DENO_JOBS: String(jobs), NO_COLOR: "1" },
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let end = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    await Deno.stdout.write(new TextEncoder().encode(text));
    end = (end + text).slice(-4096);
  }
  const { success } = await child.status;
  const xml = await Deno.readTextFile(results).catch(() => "");
  const outcomes = outcomesOf(xml);
  const failures = Number([...end.matchAll(FAILED_COUNT)].at(-1)?.[1] ?? 0);
  const brokenFiles = success ? 0 : Math.max(
    failures - failedTests(outcomes).filter((test) => !test.includes(" &gt; ")).length,
    failures === 0 ? 1 : 0,
  );
  return { outcomes, brokenFiles };
}

function failedTests(outcomes: Map<string, Outcome>): string[] {
  return [...outcomes].filter(([, outcome]) => outcome === "failed").map(([test]) => test);
}

/** The test files that register the tests of `file`: itself, or those that use it as a helper. */
async function testFilesOf(file: string): Promise<string[]> {
  const slash = file.lastIndexOf("/");
  const folder = file.slice(0, slash);
  const name = file.slice(slash + 1);
  if (!name.startsWith("_")) return [file];
  const files: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    if (!entry.name.endsWith("_test.ts")) continue;
    const text = await Deno.readTextFile(`${folder}/${entry.name}`);
    if (text.includes(`"./${name}"`)) files.push(`${folder}/${entry.name}`);
  }
  return files;
}

/** Runs the files of the `failed` tests again. Returns the tests that do not pass then, either. */
async function repeat(failed: string[]): Promise<string[]> {
  const files = new Set<string>();
  for (const test of failed) {
    for (const file of await testFilesOf(test.slice(0, test.indexOf(" ")))) files.add(file);
  }
  if (files.size > REPEATED_FILES_MAX) return failed;
  console.log(`\nOnce more, one at a time: ${[...files].join(" ")}`);
  const second = await run([...files], SECOND_RESULTS, 1);
  const passed = failed.filter((test) => second.outcomes.get(test) === "passed");
  for (const test of passed) console.log(`Failed beside others, passed alone: ${test}`);
  return [
    ...failed.filter((test) => !passed.includes(test)),
    ...failedTests(second.outcomes).filter((test) => !failed.includes(test)),
  ];
}

await Deno.mkdir(RESULTS_DIR, { recursive: true });
for (const file of [FIRST_RESULTS, SECOND_RESULTS]) await Deno.remove(file).catch(() => {});
const first = await run(Deno.args.length > 0 ? Deno.args : ["tests/"], FIRST_RESULTS, 2);
const failedFirst = failedTests(first.outcomes);
const failed = failedFirst.length > 0 ? await repeat(failedFirst) : [];
const skipped = [...first.outcomes.values()].filter((outcome) => outcome === "skipped").length;
const passed = first.outcomes.size - skipped - failed.length;
for (const test of failed) console.log(`FAILED: ${test}`);
console.log(`${passed} passed, ${failed.length + first.brokenFiles} failed, ${skipped} skipped`);
Deno.exit(failed.length + first.brokenFiles === 0 ? 0 : 1);
