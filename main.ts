/**
 * The command line of natsts: flags and configuration become options, options become a server.
 * The only file that ends the process.
 *
 * @module
 */
import { HighwayHash } from "./src/base/crypto/mod.ts";
import { applyBaseline, type Options, readCommandLine, unbuiltFeatures } from "./src/config/mod.ts";
import { systemConfigSource } from "./src/platform/deno/config_source.ts";
import { systemEnvironment, writeStandardError } from "./src/platform/deno/environment.ts";
import { dialSyslog, standardErrorLines, systemLogFiles } from "./src/platform/deno/log_files.ts";
import { systemProcesses } from "./src/platform/deno/process.ts";
import { LogOpenError, openServerLog, type ServerLog } from "./src/logger/mod.ts";
import { discardLogger, ListenError } from "./src/platform/mod.ts";
import { Server, StartError } from "./src/server/server.ts";
import { NATSTS_VERSION } from "./src/server/version.ts";
import { handleSignals } from "./src/server/handle_signal.ts";
import { processSignal, SignalError } from "./src/server/process_signal.ts";
import { keyGenerator } from "./src/jetstream/engine/encryption.ts";
import { runStoreCommand } from "./src/store/check/command.ts";

/** `deno task start` prints what to try next. */
const START_HINTS = "--start_hints";

function fail(text: string, exitCode = 1): never {
  writeStandardError(`nats-server: ${text}\n`);
  Deno.exit(exitCode);
}

/** A pid file may stand for its process. */
function pidOrFile(pid: string): string {
  try {
    return Deno.readTextFileSync(pid).trim();
  } catch (_noFile) {
    return pid;
  }
}

function sendSignal(command: string, pid: string): never {
  try {
    processSignal(command, pidOrFile(pid), systemProcesses());
  } catch (error) {
    if (!(error instanceof SignalError)) throw error;
    fail(error.message);
  }
  Deno.exit(0);
}

function openLog(options: Options): ServerLog {
  const { clock, process } = systemEnvironment(discardLogger());
  try {
    return openServerLog(options, {
      clock,
      pid: process.pid,
      hostname: process.hostname,
      program: process.programName,
      files: systemLogFiles(),
      standardError: standardErrorLines(),
      dialSyslog,
    });
  } catch (error) {
    if (!(error instanceof LogOpenError)) throw error;
    fail(error.message);
  }
}

async function runStore(args: readonly string[]): Promise<never> {
  const log = discardLogger();
  const env = { ...systemEnvironment(log), hasher: new HighwayHash() };
  const { stdout, stderr, exitCode } = await runStoreCommand(args, env, {
    key: Deno.env.get("NATS_STORE_KEY") ?? "",
    generator: keyGenerator,
  });
  Deno.stdout.writeSync(new TextEncoder().encode(stdout));
  writeStandardError(stderr);
  Deno.exit(exitCode);
}

function printHints(server: Server): void {
  const lines = [
    "",
    `natsts serves clients on port ${server.port}. Try, in other terminals:`,
    "",
    `  nats --server nats://127.0.0.1:${server.port} subscribe 'greetings.>'`,
    `  nats --server nats://127.0.0.1:${server.port} publish greetings.world hello`,
    ...(server.monitorPort === 0
      ? []
      : [`  curl http://127.0.0.1:${server.monitorPort}/varz   # or open it in a browser`]),
    "",
  ];
  writeStandardError(lines.join("\n") + "\n");
}

async function run(options: Options, flagOptions: Options, hints: boolean): Promise<never> {
  const log = openLog(options);
  let server: Server;
  try {
    server = new Server(options, {
      ...systemEnvironment(log),
      configureLog: (changed) => log.reconfigure(changed),
    });
    server.flagOptions = flagOptions;
    if (!options.noSigs) handleSignals(server, log);
    await server.prepare();
    server.start();
  } catch (error) {
    if (error instanceof StartError || error instanceof ListenError) {
      for (const line of error.message.split("\n")) log.fatal(line);
      Deno.exit(1);
    }
    fail((error as Error).message);
  }
  if (hints) printHints(server);
  await server.finished;
  log.close();
  Deno.exit(0);
}

if (Deno.args[0] === "store") await runStore(Deno.args.slice(1));
const args = Deno.args.filter((arg) => arg !== START_HINTS);
const commandLine = readCommandLine(args, systemConfigSource(), NATSTS_VERSION);
switch (commandLine.kind) {
  case "exit":
    if (commandLine.stdout !== "") {
      Deno.stdout.writeSync(new TextEncoder().encode(commandLine.stdout));
    }
    writeStandardError(commandLine.stderr);
    Deno.exit(commandLine.exitCode);
    break;
  case "signal":
    sendSignal(commandLine.command, commandLine.pid);
    break;
  case "run": {
    writeStandardError(commandLine.warnings);
    const { options, flagOptions } = commandLine;
    applyBaseline(options);
    const unbuilt = unbuiltFeatures(options);
    if (unbuilt.length > 0) { for (const line of unbuilt) fail(line); }
    await run(options, flagOptions, Deno.args.includes(START_HINTS));
  }
}
