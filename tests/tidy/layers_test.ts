/**
 * Keeps the house in order: imports go down the floors, the outside world is named only in
 * `platform/deno`, and files stay readable. The floors are described in docs/architecture.md.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { isComment, sourceFiles } from "./_files.ts";

/** Floor of each folder of `src`; a longer path wins over a shorter one. */
const FLOORS: Record<string, number> = {
  base: 0,
  platform: 1,
  errors: 2,
  subject: 2,
  sublist: 2,
  protocol: 2,
  identity: 2,
  jsapi: 2,
  config: 2,
  transport: 3,
  logger: 3,
  store: 3,
  resolver: 3,
  ocsp: 3,
  raft: 3,
  core: 4,
  client: 5,
  leafnode: 5,
  jetstream: 5,
  mqtt: 5,
  server: 6,
  monitor: 6,
  events: 6,
  reload: 6,
  operator: 6,
};

/** Folders that may know a folder on their own floor. */
const SAME_FLOOR: Record<string, readonly string[]> = {
  sublist: ["subject", "errors"],
  subject: ["errors"],
  protocol: ["errors", "subject"],
  identity: ["subject"],
  config: ["errors", "subject", "identity"],
  events: ["monitor"],
  operator: ["events"],
  server: ["monitor", "events", "reload", "operator"],
  // A reload makes parts of the server anew with what made them first.
  reload: ["server", "operator"],
};

/** Names of the outside world that only `src/platform/deno` may say. */
const BANNED = [
  /\bDeno\./,
  /["']node:(net|tls|fs|os|process|dgram)["']/,
  /\bDate\.now\(/,
  /\bnew Date\(\)/,
  /\bsetTimeout\(/,
  /\bsetInterval\(/,
  /\bMath\.random\(/,
  /\bperformance\.now\(/,
];

const LINES_MAX = 800;
function folderOf(path: string): string {
  return path.split("/")[1] ?? "";
}

function resolveImport(from: string, specifier: string): string {
  const parts = from.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}

Deno.test("imports go down the floors", async () => {
  const wrong: string[] = [];
  for await (const file of sourceFiles("src")) {
    const own = folderOf(file);
    if (own === "mod.ts") continue;
    const text = await Deno.readTextFile(file);
    for (const match of text.matchAll(/(?:from|import)\s+["'](\.[^"']+)["']/g)) {
      const target = resolveImport(file, match[1]!);
      const folder = folderOf(target);
      if (folder === own) continue;
      if (target.startsWith("src/platform/deno")) {
        if (FLOORS[own]! < 6) wrong.push(`${file} imports ${target}`);
        continue;
      }
      const ownFloor = FLOORS[own];
      const floor = FLOORS[folder];
      const allowed = ownFloor !== undefined && floor !== undefined &&
        (floor < ownFloor || (SAME_FLOOR[own] ?? []).includes(folder));
      if (!allowed) wrong.push(`${file} imports ${target}`);
    }
  }
  assertEquals(wrong, []);
});

Deno.test("only platform/deno names the outside world", async () => {
  const wrong: string[] = [];
  for await (const file of sourceFiles("src")) {
    // The live page's script runs in browsers.
    if (file.startsWith("src/platform/deno/") || file === "src/monitor/live_page.ts") continue;
    const lines = (await Deno.readTextFile(file)).split("\n");
    for (const [index, line] of lines.entries()) {
      if (isComment(line)) continue;
      if (BANNED.some((pattern) => pattern.test(line))) {
        wrong.push(`${file}:${index + 1}: ${line.trim()}`);
      }
    }
  }
  assertEquals(wrong, []);
});

Deno.test("files stay readable", async () => {
  const wrong: string[] = [];
  for await (const file of sourceFiles("src")) {
    const lines = (await Deno.readTextFile(file)).split("\n").length - 1;
    if (lines > LINES_MAX) wrong.push(`${file}: ${lines} lines`);
  }
  assertEquals(wrong, []);
});
