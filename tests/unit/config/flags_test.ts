import { assert, assertEquals, assertMatch } from "@std/assert";
import { flagNames, readCommandLine } from "../../../src/config/flags.ts";
import { USAGE } from "../../../src/config/usage.ts";
import { memorySource } from "../../parity/conf/_memory_source.ts";

const FILES = {
  "good.conf": "port: 4333\ndebug: true\nserver_name: file\n",
  "warn.conf": "ping_interval: 5\n",
  "bad.conf": "nope: 5\n",
  "nats.pid": "4711\n",
};

function read(...args: string[]) {
  return readCommandLine(args, memorySource(FILES), "1.2.3");
}

function run(...args: string[]) {
  const line = read(...args);
  assert(line.kind === "run", JSON.stringify(line));
  return line;
}

Deno.test("readCommandLine() knows each flag that the usage text lists", () => {
  const listed = [...USAGE.matchAll(/(?:^| |,)--?([a-zA-Z_]+)(?=[ ,=]|$)/gm)].map(([, name]) =>
    name!
  );
  assert(listed.length > 50, String(listed.length));
  const known = new Set(flagNames());
  assertEquals(listed.filter((name) => !known.has(name)), []);
});

Deno.test("readCommandLine() takes flags in all of Go's forms", () => {
  for (const args of [["-p", "1"], ["-p=1"], ["--p", "1"], ["--port=1"], ["-port", "0x1"]]) {
    assertEquals(run(...args).options.port, 1, args.join(" "));
  }
  assertEquals(run("-js").options.jetStream, true);
  assertEquals(run("-js=false").options.jetStream, false);
  assertEquals(run("-T=0").options.logtime, false);
  assertEquals(run().options.logtime, true);
  assertEquals(run("-l", "-p").options.logFile, "-p");
  assertEquals(run("-p=-1").options.port, -1);
});

Deno.test("readCommandLine() shows the usage and ends well on wrong flags, as the reference", () => {
  const cases: [args: string[], message: string][] = [
    [["-x"], "flag provided but not defined: -x"],
    [["-p"], "flag needs an argument: -p"],
    [["-p", "abc"], 'invalid value "abc" for flag -p: parse error'],
    [["-DV=zz"], 'invalid boolean value "zz" for -DV: parse error'],
    [
      ["-p=99999999999999999999"],
      'invalid value "99999999999999999999" for flag -p: value out of range',
    ],
    [["--=3"], "bad flag syntax: --=3"],
    [["---p"], "bad flag syntax: ---p"],
  ];
  for (const [args, message] of cases) {
    assertEquals(read(...args), {
      kind: "exit",
      stdout: USAGE + "\n",
      stderr: message + "\n",
      exitCode: 0,
    });
  }
});

Deno.test("readCommandLine() reports what it cannot run with and fails", () => {
  const cases: [args: string[], message: string][] = [
    [["foo"], 'unrecognized command: "foo"'],
    [["-t"], "must specify [-c, --config] option to check configuration file syntax"],
    [["-c", "/nope"], "open /nope: no such file or directory"],
    [["-c", "bad.conf"], 'bad.conf:1:0: unknown field "nope"\n'],
    [["-signal=stop=1=2"], "invalid signal parameters: [2]"],
    [["--cluster", "foo"], "missing port in address"],
    [["--cluster", "nats://u@h:1"], "expected cluster password to be set"],
  ];
  for (const [args, message] of cases) {
    assertEquals(read(...args), {
      kind: "exit",
      stdout: "",
      stderr: `nats-server: ${message}\n`,
      exitCode: 1,
    });
  }
});

Deno.test("readCommandLine() lets flags win over the file and remembers them", () => {
  const line = run("-c", "good.conf", "-p", "1", "-D=false", "-n", "flag");
  assertEquals([line.options.port, line.options.debug], [1, false]);
  assertEquals(line.options.serverName, "flag");
  assertEquals(line.flagOptions.inCmdLine, new Map([["Debug", false]]));
  assertEquals(line.flagOptions.port, 1);
  assertEquals(line.options.inConfig, new Map([["Debug", true]]));
});

Deno.test("readCommandLine() passes -t only without warnings, but runs with them", () => {
  const good = read("-t", "-c", "good.conf");
  assert(good.kind === "exit" && good.exitCode === 0);
  assertMatch(
    good.stderr,
    /^nats-server: configuration file good\.conf is valid \(sha256:[0-9a-f]{64}\)\n$/,
  );
  const warned = read("-t", "-c", "warn.conf");
  assert(warned.kind === "exit" && warned.exitCode === 1);
  assertMatch(warned.stderr, /should be converted to a duration/);
  assertMatch(run("-c", "warn.conf").warnings, /should be converted to a duration/);
});

Deno.test("readCommandLine() finds the process of a signal in a file", () => {
  assertEquals(read("-sl", "reload"), { kind: "signal", command: "reload", pid: "" });
  assertEquals(read("--signal", "stop=12"), { kind: "signal", command: "stop", pid: "12" });
  assertEquals(read("-sl=ldm=nats.pid"), { kind: "signal", command: "ldm", pid: "4711\n" });
});
