/**
 * `nats server watch` and `nats server graph` draw on a terminal: `script` gives them one, and what
 * they draw has the same words with natsts as with the real server. Skipped where one of the
 * programs is missing.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { referenceProgram } from "../harness/reference_server.ts";
import { onEachServer, type Side } from "./_system_account.ts";

const program = referenceProgram("nats-server");
const cli = referenceProgram("nats");
const terminal = referenceProgram("script");
const FRAME_MS_MAX = 15_000;
const ESCAPE = "\x1b";
const CLEAR_SCREEN = `${ESCAPE}[2J`;
/** What sets colours and places. */
const ESCAPES = new RegExp(`${ESCAPE}\\[[0-9;?]*[a-zA-Z]`, "g");

const CONFIG = (storeDir: string) => `
  server_name: S
  accounts {
    A { jetstream: enabled, users [{ user: a, password: a }] }
    SYS { users [{ user: sys, password: sys }] }
  }
  jetstream { store_dir: "${storeDir}", max_mem: 64MB, max_file: 64MB }
  system_account: SYS
`;

/** What the command has drawn when it clears the screen for the third time. */
async function drawn({ port }: Side, command: string): Promise<string> {
  const nats = `${cli} --no-context -s nats://sys:sys@127.0.0.1:${port} server ${command}`;
  const child = new Deno.Command(terminal!, {
    args: ["-qec", `stty cols 250 rows 50; exec ${nats}`, "/dev/null"],
    env: { TERM: "xterm" },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const timer = setTimeout(() => child.kill(), FRAME_MS_MAX);
  let text = "";
  for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (text.split(CLEAR_SCREEN).length > 3) break;
  }
  clearTimeout(timer);
  child.kill();
  await child.status;
  const frames = text.split(CLEAR_SCREEN);
  assert(frames.length > 3, text);
  return frames[2]!;
}

/** The words of a drawing; numbers, their units and lines differ from run to run. */
function words(drawing: string): string[] {
  const plain = drawing.replaceAll(ESCAPES, " ");
  return plain.replaceAll(/[\d.,:-]+( ?([KMG]i?)?B\b| ?(ns|µs|ms|s)\b)?/g, " ")
    .match(/[A-Za-z]+/g) ?? [];
}

const COMMANDS = ["watch servers", "watch jetstream", "watch accounts", "graph S", "graph -j S"];

const ignore = program === null || cli === null || terminal === null;

Deno.test(
  { name: "nats server watch and graph draw what they draw with the real server", ignore },
  async () => {
    const { theirs, ours } = await onEachServer(
      program!,
      CONFIG,
      (side) =>
        Promise.all(COMMANDS.map(async (command) => {
          // Which accounts were heard of by then is chance.
          const found = words(await drawn(side, command)).filter((word) => word !== "SYS");
          assert(found.length > 3, command);
          return `${command}: ${found.join(" ")}`;
        })),
    );
    for (const [i, line] of ours.entries()) assertEquals(line, theirs[i]);
  },
);
