/**
 * The files by which other programs find a running server: its process id and its ports.
 *
 * Reference: logPid, logPorts, PortsInfo and portFile in server/server.go.
 *
 * @module
 */
import type { Options } from "../config/mod.ts";
import type { Logger, Net, Process } from "../platform/mod.ts";

/** URLs of the listeners that are open. */
export interface Ports {
  nats?: string[];
  monitoring?: string[];
  profile?: string[];
  websocket?: string[];
}

/** What the files need to know of a server. */
export interface RunningServer {
  readonly options: Options;
  readonly port: number;
  readonly monitorPort: number;
  readonly profilingPort: number;
  /** Null without a WebSocket listener. */
  readonly websocket: { readonly secure: boolean; readonly port: number } | null;
  readonly env: { readonly net: Net; readonly process: Process; readonly log: Logger };
}

/** The URLs under which a server listens, one for each address of the machine. */
export function portsOf(server: RunningServer): Ports {
  const { options, env } = server;
  const urls = (scheme: string, host: string, port: number): string[] => {
    const hosts = host === "0.0.0.0" || host === "::" ? env.net.interfaceAddresses(true) : [host];
    return hosts.map((each) => `${scheme}://${each.includes(":") ? `[${each}]` : each}:${port}`);
  };
  const ports: Ports = {};
  if (!options.dontListen) {
    const required = options.tlsConfig !== null && !options.allowNonTls;
    ports.nats = urls(required ? "tls" : "nats", options.host, server.port);
  }
  if (server.monitorPort !== 0) {
    const scheme = options.httpsPort === 0 ? "http" : "https";
    ports.monitoring = urls(scheme, options.httpHost, server.monitorPort);
  }
  if (server.profilingPort !== 0) {
    ports.profile = urls("http", options.host, server.profilingPort);
  }
  if (server.websocket !== null) {
    const { secure, port } = server.websocket;
    ports.websocket = urls(secure ? "wss" : "ws", options.websocket.host, port);
  }
  return ports;
}

/** Writes the process id where the options want it. Throws what the system says. */
export function writePidFile(server: RunningServer): void {
  const { options, env } = server;
  if (options.pidFile !== "") env.process.writeFile(options.pidFile, String(env.process.pid));
}

/** Writes the ports where the options want them; a failure is logged. */
export function writePortsFile(server: RunningServer): void {
  const { process, log } = server.env;
  const path = portsFile(server, server.options.portsFileDir);
  if (path === null) return;
  try {
    process.writeFile(path, JSON.stringify(portsOf(server)));
  } catch (error) {
    log.error(`Error writing ports file (${path}): ${(error as Error).message}`);
  }
}

/** Removes the ports file from `directory`. The pid file stays, as the reference leaves it. */
export function removePortsFile(
  server: RunningServer,
  directory: string = server.options.portsFileDir,
): void {
  const path = portsFile(server, directory);
  if (path === null) return;
  try {
    server.env.process.removeFile(path);
  } catch (error) {
    server.env.log.error(`Error cleaning up ports file ${path}: ${(error as Error).message}`);
  }
}

function portsFile(server: RunningServer, directory: string): string | null {
  if (directory === "") return null;
  const { programName, pid } = server.env.process;
  return `${directory.replace(/\/+$/, "")}/${programName}_${pid}.ports`;
}
