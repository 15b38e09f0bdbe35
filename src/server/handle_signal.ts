/**
 * What a running server does on signals.
 *
 * Reference: handleSignal in server/signal.go.
 *
 * @module
 */
import type { ServerLog } from "../logger/mod.ts";
import type { SignalName } from "../platform/mod.ts";
import type { Server } from "./server.ts";

/** Names of signals as Go prints them. */
const NAMES: Record<SignalName, string> = {
  SIGINT: "interrupt",
  SIGTERM: "terminated",
  SIGQUIT: "quit",
  SIGHUP: "hangup",
  SIGUSR1: "user defined signal 1",
  SIGUSR2: "user defined signal 2",
};

/** Obeys one signal. */
export function handleSignal(server: Server, log: ServerLog, signal: SignalName): void {
  log.notice(`Trapped "${NAMES[signal]}" signal`);
  switch (signal) {
    case "SIGINT":
    case "SIGQUIT":
      void server.stop();
      break;
    case "SIGTERM":
      // A lame duck ends by itself.
      if (!server.isLameDuck) void server.stop();
      break;
    case "SIGUSR1":
      log.reopen();
      break;
    case "SIGUSR2":
      void server.lameDuckShutdown();
      break;
    case "SIGHUP":
      server.reload().catch((error) => {
        log.error(`Failed to reload server configuration: ${(error as Error).message}`);
      });
  }
}

/** Obeys all signals; the returned function stops that. */
export function handleSignals(server: Server, log: ServerLog): () => void {
  const { onSignal } = server.env.process;
  const stops = (Object.keys(NAMES) as SignalName[]).map((signal) =>
    onSignal(signal, () => handleSignal(server, log, signal))
  );
  return () => stops.forEach((stop) => stop());
}
