/**
 * What a message passes through on its way allocates nothing that it can do without: no closures,
 * promises, spreads, `for…of`, template strings, regular expressions, JSON, exceptions or text
 * decoders (STYLE.md rule 17). The check reads the text of each function of the hot folders;
 * functions that do not run per message are listed here, and the list may only shrink.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { isComment, sourceFiles } from "./_files.ts";

const HOT_FOLDERS = ["src/protocol", "src/sublist", "src/core/deliver"];

/** What hot functions do without, by what gives it away in a line. */
const RULES: readonly [what: string, pattern: RegExp][] = [
  ["promise", /\b(await|async|Promise)\b/],
  ["closure", /=>/],
  ["template string", /`/],
  ["spread", /\.\.\.[\w#([]/],
  ["for of", /\bfor\s*\(.*\bof\b/],
  ["regular expression", /(^|[\s(=,:])\/[^/*\s][^/]*\/[a-z]*[.),;\s]/],
  ["JSON", /\bJSON\./],
  ["text decoder", /\bText(De|En)coder\b/],
  ["exception", /\b(throw|catch)\b/],
  ["destructured array", /\b(const|let)\s*\[/],
  ["bigint", /\b\d+n\b|\bBigInt\b/],
];

/** Functions of hot folders that do not run for each message, and when they do. */
const COLD: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  "src/protocol/connect_options.ts": { "once per CONNECT": ["decodeConnect"] },
  "src/protocol/info.ts": { "once per INFO": ["infoLine"] },
  "src/protocol/headers.ts": { "for messages that the server changes": ["appendHeader"] },
  "src/protocol/message_header.ts": {
    "where the headers themselves are asked for": ["canonicalHeaderName", "readMessageHeader"],
  },
  "src/core/deliver/refuse.ts": { "for refused messages": ["refusePublishTo", "refuseReply"] },
  "src/core/deliver/service.ts": {
    "for services whose latency is measured": ["sampleOf"],
    "for requests that pass several accounts": ["forwardedInfo"],
  },
  "src/protocol/client_parser.ts": {
    "once per process": ["buildTransitions"],
    "only where the protocol is violated": [
      "#publishArguments",
      "#tooLong",
      "#failLine",
      "#unknown",
    ],
  },
  "src/sublist/trie.ts": { "for changes and statistics": ["nodes", "depth", "#makeRoom"] },
  "src/sublist/level.ts": { "when a level grows": ["#rebuild"] },
  "src/sublist/reverse_match.ts": { "for cold questions": ["matchLevel", "addAll"] },
  "src/sublist/result.ts": { "when a result is built, not found": ["constructor", "mergeResults"] },
  "src/sublist/sublist.ts": {
    "for cold questions": ["numInterest", "all", "localSubs", "stats", "#register"],
  },
  "src/sublist/match_cache.ts": {
    "for changes and statistics": ["results", "literalPrefixLength"],
  },
  "src/sublist/notifications.ts": {
    "when interest begins or ends": ["add", "notificationKey", "tell"],
  },
  "src/sublist/node.ts": {
    "when a subscription comes or goes": ["delete", "makeResult", "collect"],
  },
  "src/core/deliver/deliver.ts": {
    "for mapped subjects": ["mapSubject"],
    "where nobody listens": ["noResponders"],
    "once per subscription": ["noteLimit"],
    "while tracing": ["traceDelivery", "tracePayload"],
  },
  "src/core/deliver/leaf_delivery.ts": {
    "for refused messages": ["refuseMessage", "noteDenied"],
    "while tracing": ["traceLeafDelivery"],
  },
};

/** A function or method with its lines. */
interface Unit {
  readonly name: string;
  readonly lines: readonly string[];
}

const FUNCTION = /^(?:export )?(?:async )?function\*? (\w+)/;
const METHOD = /^ {2}(?:override |static |async |get |set |\*)*(#?\w+)[(<]/;
const STATEMENT = /^ {2}(if|for|while|switch|return|super|throw)\b/;

/** Top-level functions and methods; what stands between them is no hot path. */
function unitsOf(text: string): Unit[] {
  const units: Unit[] = [];
  let name = "";
  let closing = "";
  let lines: string[] = [];
  for (const line of text.split("\n")) {
    if (closing === "") {
      const found = FUNCTION.exec(line) ?? (STATEMENT.test(line) ? null : METHOD.exec(line));
      if (found === null) continue;
      name = found[1]!;
      closing = line.startsWith("  ") ? "  }" : "}";
      lines = [];
    }
    lines.push(line);
    // The end of the parameters, as in `): void {`, is not that of the function.
    const ends = line === closing || (lines.length === 1 && /\}$/.test(line));
    if (!ends && !(lines.length === 1 && line.endsWith(";"))) continue;
    units.push({ name, lines });
    closing = "";
  }
  return units;
}

function offences({ lines }: Unit): string[] {
  const code = lines.filter((line) => !isComment(line)).map((line) => line.replace(/\/\/.*$/, ""));
  return RULES.filter(([, pattern]) => code.some((line) => pattern.test(line)))
    .map(([what]) => what);
}

function coldNames(file: string): string[] {
  return Object.values(COLD[file] ?? {}).flat();
}

Deno.test("hot functions do without what costs per message", async () => {
  const wrong: string[] = [];
  for (const folder of HOT_FOLDERS) {
    for await (const file of sourceFiles(folder)) {
      const cold = coldNames(file);
      for (const unit of unitsOf(await Deno.readTextFile(file))) {
        const found = offences(unit);
        if (found.length > 0 && !cold.includes(unit.name)) {
          wrong.push(`${file} ${unit.name}: ${found.join(", ")}`);
        }
      }
    }
  }
  assertEquals(wrong, []);
});

Deno.test("the list of cold functions names none that need not be on it", async () => {
  const needless: string[] = [];
  for (const file of Object.keys(COLD)) {
    const units = unitsOf(await Deno.readTextFile(file));
    for (const name of coldNames(file)) {
      if (!units.some((unit) => unit.name === name && offences(unit).length > 0)) {
        needless.push(`${file} ${name}`);
      }
    }
  }
  assertEquals(needless, []);
});

Deno.test("the check of hot functions sees what it looks for", () => {
  const units = unitsOf(
    [
      "export function outer(a: number): void {",
      "  const f = () => a;",
      "}",
      "class C {",
      "  #inner(",
      "    a: string,",
      "  ): string {",
      "    for (const x of [a]) return `${x}`;",
      "  }",
      "  get short(): number { return 1; }",
      "  async slow(): Promise<void> {",
      "    await this.short; // comment with => in it",
      "  }",
      "}",
    ].join("\n"),
  );
  assertEquals(units.map(({ name }) => name), ["outer", "#inner", "short", "slow"]);
  assertEquals(units.map(offences), [["closure"], ["template string", "for of"], [], ["promise"]]);
});
