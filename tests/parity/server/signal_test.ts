// Ports: server/signal_test.go
/**
 * Signals: sending them by `--signal`, and obeying them.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { emptyOptions } from "../../../src/config/mod.ts";
import { openServerLog } from "../../../src/logger/mod.ts";
import { handleSignal } from "../../../src/server/handle_signal.ts";
import {
  processSignal,
  type ProcessTable,
  SignalError,
} from "../../../src/server/process_signal.ts";
import { logWorld, withLogFolder } from "../../harness/logs.ts";
import { testServer } from "../../harness/server.ts";

const OWN_PID = 4711;

/** A machine on which `pgrep` prints `found` and nobody can be killed. */
function processes(found: string | Error, kill?: ProcessTable["kill"]): ProcessTable {
  return {
    ownPid: OWN_PID,
    find: () => {
      if (found instanceof Error) throw found;
      return found;
    },
    kill: kill ?? (() => {
      throw new Error("no such process");
    }),
  };
}

function failure(command: string, pid: string, table: ProcessTable): string {
  return assertThrows(() => processSignal(command, pid, table), SignalError).message;
}

Deno.test("TestProcessSignalNoProcesses", () => {
  assertEquals(failure("stop", "", processes("")), "no nats-server processes running");
});

Deno.test("TestProcessSignalMultipleProcesses", () => {
  assertEquals(
    failure("stop", "", processes(`123\n456\n${OWN_PID}\n`)),
    "multiple nats-server processes running:\n123\n456",
  );
});

function expectFailures(pid: string, found: string, wanted: readonly number[]): void {
  const [first, ...lines] = failure("stop", pid, processes(found)).split("\n");
  assertEquals(first, "");
  assertEquals(lines.length, wanted.length);
  for (const [i, each] of wanted.entries()) {
    assert(lines[i]!.startsWith(`signal "stop" ${each}:`), lines[i]);
  }
}

Deno.test("TestProcessSignalMultipleProcessesGlob", () =>
  expectFailures("*", `123\n456\n${OWN_PID}\n`, [123, 456]));
Deno.test("TestProcessSignalMultipleProcessesGlobPartial", () =>
  expectFailures("12*", `123\n124\n456\n${OWN_PID}\n`, [123, 124]));

const UNRESOLVED = "unable to resolve pid, try providing one";

Deno.test("TestProcessSignalPgrepError", () => {
  assertEquals(failure("stop", "", processes(new Error("error"))), UNRESOLVED);
});

Deno.test("TestProcessSignalPgrepMangled", () => {
  assertEquals(failure("stop", "", processes("12x")), UNRESOLVED);
});

Deno.test("TestProcessSignalInvalidCommand", () => {
  assertEquals(failure("invalid", "123", processes("")), 'unknown signal "invalid"');
});

Deno.test("TestProcessSignalInvalidPid", () => {
  assertEquals(failure("stop", "abc", processes("")), "invalid pid: abc");
});

function expectSent(command: string, pid: string, signal: string): void {
  const sent: [number, string][] = [];
  processSignal(
    command,
    pid,
    processes(`123\n${OWN_PID}\n`, (each, name) => void sent.push([each, name])),
  );
  assertEquals(sent, [[123, signal]]);
}

Deno.test("TestProcessSignalResolveSingleProcess", () => expectSent("stop", "", "SIGKILL"));
Deno.test("TestProcessSignalQuitProcess", () => expectSent("quit", "123", "SIGINT"));
Deno.test("TestProcessSignalTermProcess", () => expectSent("term", "123", "SIGTERM"));
Deno.test("TestProcessSignalReopenProcess", () => expectSent("reopen", "123", "SIGUSR1"));
Deno.test("TestProcessSignalReloadProcess", () => expectSent("reload", "123", "SIGHUP"));
Deno.test("TestProcessSignalLameDuckMode", () => expectSent("ldm", "123", "SIGUSR2"));

Deno.test("TestProcessSignalTermDuringLameDuckMode", async () => {
  await using server = await testServer({ lameDuckDurationMs: 800, lameDuckGracePeriodMs: 400 });
  const client = await server.connect();
  const lameDuck = server.server.lameDuckShutdown();
  const log = openServerLog(emptyOptions(), logWorld());
  const startMs = performance.now();
  handleSignal(server.server, log, "SIGTERM");
  await client.closed();
  // The client was given its time in spite of the signal.
  assert(performance.now() - startMs >= 350);
  handleSignal(server.server, log, "SIGTERM");
  await lameDuck;
  await server.server.finished;
});

/** Runs the program, and `use` once it serves; returns its exit code. */
async function run(
  args: readonly string[],
  use: (child: Deno.ChildProcess) => void | Promise<void>,
): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "main.ts", "-a", "127.0.0.1", "-p", "-1", ...args],
    stderr: "piped",
  }).spawn();
  const reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  const logFile = args[args.indexOf("-l") + 1];
  let text = "";
  while (!text.includes("Server is ready")) {
    if (args.includes("-l")) {
      text = await Deno.readTextFile(logFile!).catch(() => "");
      await new Promise((resolve) => setTimeout(resolve, 20));
    } else {
      const { value, done } = await reader.read();
      assert(!done, text);
      text += value;
    }
  }
  await use(child);
  const { code } = await child.status;
  while (!(await reader.read()).done);
  return code;
}

Deno.test("TestSignalInterruptHasSuccessfulExit", async () => {
  assertEquals(await run([], (child) => child.kill("SIGINT")), 0);
});

Deno.test("TestSignalTermHasSuccessfulExit", async () => {
  assertEquals(await run([], (child) => child.kill("SIGTERM")), 0);
});

Deno.test("TestSignalToReOpenLogFile", async () => {
  await withLogFolder(async (folder) => {
    const logFile = `${folder}/test.log`;
    await run(["-l", logFile], async (child) => {
      Deno.renameSync(logFile, `${logFile}.bak`);
      child.kill("SIGUSR1");
      let content = "";
      while (!content.includes("File log re-opened")) {
        content = await Deno.readTextFile(logFile).catch(() => "");
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      assertStringIncludes(
        Deno.readTextFileSync(`${logFile}.bak`),
        'Trapped "user defined signal 1"',
      );
      child.kill("SIGTERM");
    });
  });
});
