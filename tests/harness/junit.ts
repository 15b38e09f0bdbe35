/**
 * The results of a test run, from the JUnit report that `deno test` writes.
 *
 * @module
 */

/** What became of one test or step. */
export type Outcome = "passed" | "failed" | "skipped";

/** Outcomes by `file name`, the file relative to the project's root. */
export function outcomesOf(junit: string): Map<string, Outcome> {
  const outcomes = new Map<string, Outcome>();
  const pattern =
    /<testcase name="([^"]*)" classname="([^"]*)"[^>]*?(\/>|>([\s\S]*?)<\/testcase>)/g;
  for (const [, name, file, , body = ""] of junit.matchAll(pattern)) {
    const outcome = body.includes("<failure") || body.includes("<error")
      ? "failed"
      : body.includes("<skipped")
      ? "skipped"
      : "passed";
    outcomes.set(`${file!.replace(/^\.\//, "")} ${name}`, outcome);
  }
  return outcomes;
}
