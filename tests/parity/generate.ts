/**
 * Makes `test_parity.db`: which of the reference's tests run here under their Go names.
 *
 * Joins the list of Go tests (`tests/parity/go_tests.csv`), the tests found under `tests/parity`,
 * the results of the last run (`.work/junit*.xml`, written by `deno task test`) and the lists of
 * tests that do not apply. A test counts as mapped only when it ran and passed. Fails when a
 * ported test did not run or did not pass, and when a not-applicable one has no reason.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { outcomesOf } from "../harness/junit.ts";

interface GoTest {
  goFile: string;
  goTest: string;
  area: string;
}

/** Rows of a CSV file as arrays of cells; the header is left out. */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = "";
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (quoted) {
      if (char !== '"') cell += char;
      else if (text[i + 1] === '"') {
        cell += '"';
        i++;
      } else quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === ",") {
      row.push(cell);
      cell = "";
    } else if (char === "\n") {
      row.push(cell);
      rows.push(row);
      row = [];
      cell = "";
    } else if (char !== "\r") cell += char;
  }
  if (cell !== "" || row.length > 0) rows.push([...row, cell]);
  return rows.slice(1).filter((cells) => cells.length > 1);
}

async function* filesUnder(folder: string, ending: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* filesUnder(path, ending);
    else if (entry.name.endsWith(ending)) yield path;
  }
}

const problems: string[] = [];
const goTests: GoTest[] = parseCsv(await Deno.readTextFile("tests/parity/go_tests.csv"))
  .map(([goFile, goTest, area]) => ({ goFile: goFile!, goTest: goTest!, area: area! }));
const known = new Set(goTests.map(({ goFile, goTest }) => `${goFile} ${goTest}`));

const notApplicable = new Map<string, string>();
for await (const path of filesUnder("tests/parity/not_applicable", ".csv")) {
  for (const [goFile, goTest, reason] of parseCsv(await Deno.readTextFile(path))) {
    const key = `${goFile} ${goTest}`;
    if (!reason) problems.push(`${path}: ${key} has no reason`);
    if (!known.has(key)) problems.push(`${path}: ${key} is no test of the reference`);
    notApplicable.set(key, reason ?? "");
  }
}

const junit = await Deno.readTextFile(".work/junit.xml").catch(() => "");
if (junit === "") problems.push("no results of a test run: run `deno task test` first");
const results = outcomesOf(junit);
const again = await Deno.readTextFile(".work/junit_again.xml").catch(() => "");
for (const [test, outcome] of outcomesOf(again)) results.set(test, outcome);
const mapped = new Map<string, { tsFile: string; tsTest: string }>();
for await (const path of filesUnder("tests/parity", "_test.ts")) {
  const text = await Deno.readTextFile(path);
  const goFiles = [.../^(?:\/\/| \*) Ports: (.+)$/m.exec(text)?.[1]?.matchAll(/[\w/]+\.go/g) ?? []]
    .map(
      String,
    );
  if (goFiles.length === 0) continue;
  // A helper that registers tests shows up as their file in the results.
  const folder = path.slice(0, path.lastIndexOf("/"));
  const helpers = [...text.matchAll(/from "\.\/(_\w+\.ts)"/g)].map(([, name]) =>
    `${folder}/${name}`
  );
  const files = [path, ...helpers];
  for (const [, name] of text.matchAll(/["'](Test[A-Za-z0-9_]+)["']/g)) {
    const key = goFiles.map((goFile) => `${goFile} ${name}`).find((one) => known.has(one));
    if (key === undefined) continue;
    const outcome = files.map((file) => results.get(`${file} ${name}`)).find((found) => found);
    if (outcome === "passed") mapped.set(key, { tsFile: path, tsTest: name! });
    else if (outcome === "failed" || (outcome === undefined && text.includes(`test("${name}"`))) {
      problems.push(`${path}: ${name} ${outcome ?? "did not run"}`);
    }
  }
}

await Deno.remove("test_parity.db").catch(() => {});
const database = new DatabaseSync("test_parity.db");
database.exec(`CREATE TABLE go_tests (
  go_file TEXT NOT NULL, go_test TEXT NOT NULL, area TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('mapped', 'not_applicable', 'pending')),
  ts_test TEXT, ts_file TEXT, notes TEXT, PRIMARY KEY (go_file, go_test)
) STRICT`);
const insert = database.prepare("INSERT INTO go_tests VALUES (?, ?, ?, ?, ?, ?, ?)");
const perArea = new Map<string, { mapped: number; not_applicable: number; pending: number }>();
database.exec("BEGIN");
for (const { goFile, goTest, area } of goTests) {
  const key = `${goFile} ${goTest}`;
  const port = mapped.get(key) ?? null;
  const status = port !== null ? "mapped" : notApplicable.has(key) ? "not_applicable" : "pending";
  const notes = status === "not_applicable" ? notApplicable.get(key)! : null;
  insert.run(goFile, goTest, area, status, port?.tsTest ?? null, port?.tsFile ?? null, notes);
  const counts = perArea.get(area) ?? { mapped: 0, not_applicable: 0, pending: 0 };
  counts[status]++;
  perArea.set(area, counts);
}
database.exec("COMMIT");
database.close();
for (const [area, counts] of [...perArea].sort()) {
  console.log(
    `${area}: ${counts.mapped} mapped, ${counts.not_applicable} not applicable, ` +
      `${counts.pending} pending`,
  );
}
for (const problem of problems) console.error(problem);
Deno.exit(problems.length > 0 ? 1 : 0);
