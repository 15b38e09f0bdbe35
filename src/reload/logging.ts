/**
 * The log becomes what the new options ask for, and connections follow its levels.
 *
 * Reference: ConfigureLogger in server/log.go, reloadClientTraceLevel in server/reload.go.
 *
 * @module
 */
import type { Server } from "../server/server.ts";

/** Opens the log anew; one that cannot be opened is reported in the one that is there. */
export function reloadLogging(server: Server): void {
  const { env, options, clients } = server;
  try {
    env.configureLog?.(options);
  } catch (error) {
    env.log.error(`Failed to change the log: ${(error as Error).message}`);
  }
  for (const connection of clients.values()) {
    connection.trace = env.log.traceEnabled;
    connection.settingsChanged?.();
  }
}
