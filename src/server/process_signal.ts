/**
 * `--signal`: finds the running servers and sends them a signal.
 *
 * Reference: ProcessSignal in server/signal.go.
 *
 * @module
 */
import { goQuote } from "../base/text/go_format.ts";

/** Name under which servers are looked for. */
export const PROCESS_NAME = "nats-server";

/** Signals by the commands that send them. */
const COMMANDS: Record<string, string> = {
  stop: "SIGKILL",
  quit: "SIGINT",
  term: "SIGTERM",
  reopen: "SIGUSR1",
  reload: "SIGHUP",
  ldm: "SIGUSR2",
};

/** What sending signals needs of the system. */
export interface ProcessTable {
  readonly ownPid: number;
  /** What `pgrep name` prints: a process id on each line. Throws when it cannot be run. */
  find(name: string): string;
  /** Throws what the system says. */
  kill(pid: number, signal: string): void;
}

/** Thrown when no signal was sent, or not to all; the message is the reference's. */
export class SignalError extends Error {
  override readonly name = "SignalError";
}

/**
 * Sends `command` to the process `pidExpression`: an id, an id's beginning with `*`, or nothing
 * for the only server that runs. Throws {@linkcode SignalError}.
 */
export function processSignal(
  command: string,
  pidExpression: string,
  processes: ProcessTable,
): void {
  const isGlob = pidExpression.endsWith("*");
  const wanted = isGlob ? pidExpression.slice(0, -1) : pidExpression;
  if (wanted !== "" && !/^[+-]?\d+$/.test(wanted)) throw new SignalError(`invalid pid: ${wanted}`);
  const pids = wanted === "" || isGlob ? runningServers(processes) : [Number(wanted)];
  if (pids.length > 1 && !isGlob) {
    throw new SignalError(`multiple ${PROCESS_NAME} processes running:\n${pids.join("\n")}`);
  }
  if (pids.length === 0) throw new SignalError(`no ${PROCESS_NAME} processes running`);
  const signal = COMMANDS[command];
  if (signal === undefined) throw new SignalError(`unknown signal ${goQuote(command)}`);
  let failures = "";
  for (const pid of pids) {
    if (isGlob && !String(pid).startsWith(wanted)) continue;
    try {
      processes.kill(pid, signal);
    } catch (error) {
      failures += `\nsignal ${goQuote(command)} ${pid}: ${(error as Error).message}`;
    }
  }
  if (failures !== "") throw new SignalError(failures);
}

function runningServers(processes: ProcessTable): number[] {
  const unknown = (cause?: unknown): SignalError =>
    new SignalError("unable to resolve pid, try providing one", { cause });
  let output: string;
  try {
    output = processes.find(PROCESS_NAME);
  } catch (error) {
    throw unknown(error);
  }
  const lines = output.split("\n").filter((line) => line !== "");
  if (!lines.every((line) => /^\d+$/.test(line))) throw unknown();
  return lines.map(Number).filter((pid) => pid !== processes.ownPid);
}
