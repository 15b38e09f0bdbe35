/**
 * The command line of natsts: flags and configuration become options, options become a server.
 * The only file that ends the process.
 *
 * @module
 */
import { applyBaseline, type Options, readCommandLine, unbuiltFeatures } from "./src/config/mod.ts";
import { systemConfigSource } from "./src/platform/deno/config_source.ts";
import { systemEnvironment, writeStandardError } from "./src/platform/deno/environment.ts";
import { fileOutput, type LogOutput, standardErrorOutput } from "./src/platform/deno/log_output.ts";
import { discardLogger, ListenError } from "./src/platform/mod.ts";
import { Server, StartError } from "./src/server/server.ts";
import { NATSTS_VERSION } from "./src/server/version.ts";
import { textLogger } from "./src/server/text_log.ts";

/** `deno task start` prints what to try next. */
const START_HINTS = "--start_hints";

const SIGNAL_NUMBERS: Record<string, Deno.Signal> = {
  stop: "SIGKILL",
  term: "SIGTERM",
  quit: "SIGINT",
  reopen: "SIGUSR1",
  reload: "SIGHUP",
  ldm: "SIGUSR2",
};

function fail(text: string, exitCode = 1): never {
  writeStandardError(`nats-server: ${text}\n`);
  Deno.exit(exitCode);
}

function sendSignal(command: string, pid: string): never {
  const signal = SIGNAL_NUMBERS[command];
  if (signal === undefined) fail(`unknown signal "${command}"`);
  let text = pid;
  if (pid !== "" && !/^\d+$/.test(pid)) {
    try {
      text = Deno.readTextFileSync(pid).trim();
    } catch (error) {
      fail(`could not read the pid file "${pid}": ${(error as Error).message}`);
    }
  }
  const target = Number(text);
  if (!Number.isInteger(target) || target <= 0) {
    fail(`invalid pid: "${text}"; say --signal ${command}=PID or =PIDFILE`);
  }
  try {
    Deno.kill(target, signal);
  } catch (error) {
    fail(`could not signal process ${target}: ${(error as Error).message}`);
  }
  Deno.exit(0);
}

function openLog(options: Options): LogOutput {
  if (options.logFile === "") return standardErrorOutput();
  try {
    return fileOutput(options.logFile);
  } catch (error) {
    fail(`error opening logfile: ${(error as Error).message}`);
  }
}

function printHints(server: Server): void {
  const lines = [
    "",
    `natsts serves clients on port ${server.port}. Try, in other terminals:`,
    "",
    `  nats --server nats://127.0.0.1:${server.port} subscribe 'greetings.>'`,
    `  nats --server nats://127.0.0.1:${server.port} publish greetings.world hello`,
    "",
  ];
  writeStandardError(lines.join("\n") + "\n");
}

async function run(options: Options, hints: boolean): Promise<never> {
  const output = openLog(options);
  const environment = systemEnvironment(discardLogger());
  const log = textLogger(options, {
    clock: environment.clock,
    pid: environment.process.pid,
    colours: output.isTerminal,
    sink: (line) => output.write(line),
  });
  let server: Server;
  try {
    server = new Server(options, { ...environment, log });
    if (options.pidFile !== "") Deno.writeTextFileSync(options.pidFile, String(Deno.pid));
    server.start();
  } catch (error) {
    if (error instanceof StartError || error instanceof ListenError) {
      for (const line of error.message.split("\n")) log.fatal(line);
      Deno.exit(1);
    }
    fail((error as Error).message);
  }
  log.notice("Server is ready");
  if (!options.noSigs) {
    const { onSignal } = environment.process;
    for (const signal of ["SIGINT", "SIGTERM", "SIGQUIT"] as const) {
      onSignal(signal, () => void server.stop());
    }
    onSignal("SIGUSR1", () => output.reopen());
    onSignal("SIGUSR2", () => void server.lameDuckShutdown());
    onSignal("SIGHUP", () => {
      log.error("Reload is not built yet: restart the server to apply a changed configuration");
    });
  }
  if (hints) printHints(server);
  await server.finished;
  output.close();
  Deno.exit(0);
}

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
    const { options } = commandLine;
    applyBaseline(options);
    const unbuilt = unbuiltFeatures(options);
    if (unbuilt.length > 0) { for (const line of unbuilt) fail(line); }
    await run(options, Deno.args.includes(START_HINTS));
  }
}
