/**
 * Random and hostile configurations: only typed errors, no hang, no unbounded memory.
 */
import { assert, assertInstanceOf, assertMatch, assertThrows } from "@std/assert";
import { ConfigParseError, ConfigProcessError, OptionsError } from "../../../src/config/errors.ts";
import { applyBaseline } from "../../../src/config/baseline.ts";
import { emptyOptions } from "../../../src/config/options.ts";
import { parseConfigFile } from "../../../src/config/parser.ts";
import { processConfigFile } from "../../../src/config/process.ts";
import { validateOptions } from "../../../src/config/validate.ts";
import { FileError } from "../../../src/platform/config_source.ts";
import { memorySource } from "../../parity/conf/_memory_source.ts";
import { samples } from "./_samples.ts";

/** How long each random test may run. */
const BUDGET_MS = 1200;
const PATH = "/c/nats.conf";

/** A small generator of pseudo-random numbers, so that a seed repeats a run (mulberry32). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** Runs a configuration all the way; errors that are not typed escape. */
function run(text: string): void {
  const options = emptyOptions();
  try {
    processConfigFile(options, PATH, memorySource({ [PATH]: text }, { A: "$B", B: "$A", C: "5" }));
    applyBaseline(options);
    validateOptions(options);
  } catch (error) {
    const typed = error instanceof ConfigParseError || error instanceof ConfigProcessError ||
      error instanceof FileError || error instanceof OptionsError;
    if (!typed) throw new Error(`untyped error for ${JSON.stringify(text)}`, { cause: error });
  }
}

function fuzz(name: string, make: (random: (below: number) => number) => string): void {
  Deno.test(name, () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    console.log(`seed ${seed}`);
    const random = randomFrom(seed);
    const end = performance.now() + BUDGET_MS;
    let runs = 0;
    while (performance.now() < end) {
      run(make(random));
      runs++;
    }
    assert(runs > 100, `only ${runs} runs`);
  });
}

const PIECES = [
  ..."{}[]()=:,;#/\\\"'$\n\r\t .-0159kKmMgGeEbiIxXnåé\0\u2028",
  "include ",
  "true",
  "off",
  "2016-05-04T18:53:41Z",
  "1.5",
  "10MB",
  "$A",
  "$C",
  "$2a$11$x",
  "\\x4",
  "127.0.0.1:42",
  "//",
  "users",
  "cluster",
  "accounts",
  "(\n",
  "\n)\n",
];

fuzz("processConfigFile() survives random text", (random) => {
  let text = "";
  for (let i = random(40); i >= 0; i--) text += PIECES[random(PIECES.length)];
  return text;
});

fuzz("processConfigFile() survives changed configurations", (random) => {
  let text = samples[random(samples.length)]!;
  for (let i = random(4); i >= 0; i--) {
    const at = random(text.length + 1);
    const cut = random(4);
    const piece = random(3) === 0
      ? samples[random(samples.length)]!
      : PIECES[random(PIECES.length)]!;
    text = text.slice(0, at) + piece + text.slice(at + cut);
  }
  return text;
});

const KEYS = [...new Set(samples.join(" ").match(/[a-z_]{3,}/g) ?? [])];
const VALUES = ["5", "-1", '"x"', "true", "1.5", '"5s"', "[]", "{}", '"foo.*"', "$C", "10GB"];

fuzz("processConfigFile() survives random blocks", (random) => {
  const block = (depth: number): string => {
    let text = "";
    for (let i = random(5); i >= 0; i--) {
      const key = KEYS[random(KEYS.length)]!;
      const kind = depth > 4 ? 0 : random(4);
      const value = kind === 1
        ? `{ ${block(depth + 1)} }`
        : kind === 2
        ? `[ { ${block(depth + 1)} } ]`
        : VALUES[random(VALUES.length)]!;
      text += `${key}: ${value}\n`;
    }
    return text;
  };
  return block(0);
});

Deno.test("parseConfigFile() refuses files that include themselves", () => {
  const source = memorySource({
    "/c/a.conf": "include b.conf\n",
    "/c/b.conf": "include ./x/../a.conf\n",
  });
  const error = assertThrows(() => parseConfigFile("/c/a.conf", source), ConfigParseError);
  assertMatch(error.message, /include forms a cycle/);
});

Deno.test("parseConfigFile() refuses a long chain of includes", () => {
  const files: Record<string, string> = {};
  for (let i = 0; i < 200; i++) files[`/c/${i}.conf`] = `include '${i + 1}.conf'\n`;
  const error = assertThrows(
    () => parseConfigFile("/c/0.conf", memorySource(files)),
    ConfigParseError,
  );
  assertMatch(error.message, /nested too deeply/);
});

Deno.test("processConfigFile() refuses values that are nested without end", () => {
  for (const open of ["a {", "[", "{", "a [ {"]) {
    const options = emptyOptions();
    const source = memorySource({ [PATH]: "x: [" + open.repeat(100_000) });
    assertInstanceOf(
      assertThrows(() => processConfigFile(options, PATH, source), Error),
      ConfigParseError,
    );
  }
});

Deno.test("processConfigFile() refuses references that multiply", () => {
  let text = "a0: [ 1, 2, 3, 4, 5, 6, 7, 8 ]\n";
  for (let i = 1; i < 40; i++) text += `a${i}: [ ${`$a${i - 1}, `.repeat(7)} $a${i - 1} ]\n`;
  const source = memorySource({ [PATH]: text });
  const error = assertThrows(
    () => processConfigFile(emptyOptions(), PATH, source),
    ConfigParseError,
  );
  assertMatch(error.message, /too large/);
});
