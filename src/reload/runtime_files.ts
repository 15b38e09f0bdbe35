/**
 * The pid file and the ports file move to where the new options want them.
 *
 * Reference: pidFileOption and portsFileDirOption in server/reload.go.
 *
 * @module
 */
import { removePortsFile, writePidFile, writePortsFile } from "../server/runtime_files.ts";
import type { Server } from "../server/server.ts";

/** Writes the pid file anew; a failure is logged. */
export function rewritePidFile(server: Server): void {
  if (server.options.pidFile === "") return;
  try {
    writePidFile(server);
  } catch (error) {
    server.env.log.error(`Failed to write pidfile: ${(error as Error).message}`);
  }
}

/** Removes the ports file from where it was, and writes it where it is to be. */
export function movePortsFile(from: string): (server: Server) => void {
  return (server) => {
    removePortsFile(server, from);
    writePortsFile(server);
  };
}
