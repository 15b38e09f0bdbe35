/**
 * Runs the tests, keeps each one's result for the parity table, and ends with one plain line of
 * totals. Arguments select files or folders; without any the whole tree runs.
 *
 * @module
 */

const RESULTS_DIR = ".work";
const RESULTS_FILE = `${RESULTS_DIR}/junit.xml`;

/** Totals of a JUnit report. */
function totals(xml: string): { passed: number; failed: number; skipped: number } {
  const count = (name: string): number => {
    const root = /<testsuites[^>]*>/.exec(xml)?.[0] ?? "";
    return Number(new RegExp(`\\b${name}="(\\d+)"`).exec(root)?.[1] ?? 0);
  };
  const skipped = (xml.match(/<skipped/g) ?? []).length;
  const failed = count("failures") + count("errors");
  return { passed: count("tests") - failed - skipped, failed, skipped };
}

await Deno.mkdir(RESULTS_DIR, { recursive: true });
await Deno.remove(RESULTS_FILE).catch(() => {});
const selection = Deno.args.length > 0 ? Deno.args : ["tests/"];
const status = await new Deno.Command(Deno.execPath(), {
  args: ["test", "-A", "--parallel", "--no-check", `--junit-path=${RESULTS_FILE}`, ...selection],
  env: { DENO_JOBS: "2" },
  stdout: "inherit",
  stderr: "inherit",
}).spawn().status;
const xml = await Deno.readTextFile(RESULTS_FILE).catch(() => "");
const { passed, failed, skipped } = totals(xml);
const crashed = !status.success && failed === 0;
console.log(`${passed} passed, ${failed + (crashed ? 1 : 0)} failed, ${skipped} skipped`);
Deno.exit(status.success ? 0 : 1);
