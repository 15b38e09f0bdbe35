/**
 * Runs NATS servers inside a Deno program.
 *
 * ```ts
 * import { startServer } from "jsr:@natsts/server";
 *
 * const server = await startServer({ port: -1 });
 * console.log(server.port);
 * await server.stop();
 * ```
 *
 * @module
 */
import { applyBaseline, emptyOptions, type Options, processConfigFile } from "./config/mod.ts";
import type { ClientAuthentication } from "./core/auth/client_authentication.ts";
import { discardLogger, type Logger } from "./platform/mod.ts";
import { systemConfigSource } from "./platform/deno/config_source.ts";
import { systemEnvironment } from "./platform/deno/environment.ts";
import { Server } from "./server/server.ts";

export type { Options } from "./config/mod.ts";
export type {
  ClientAuthentication,
  ClientIdentity,
  ClientLogin,
} from "./core/auth/client_authentication.ts";
export type { Logger } from "./platform/mod.ts";
export { type InProcessServer, InProcessTransport } from "./server/client_transport.ts";
export { Server, StartError } from "./server/server.ts";

/** Starts a server; what `options` leave out is as in an unconfigured nats-server. */
export interface StartOptions extends Partial<Options> {
  /** Where log lines go; nowhere by default. */
  readonly logger?: Logger;
  /** Decides who may connect, in place of users in the options. */
  readonly authenticate?: ClientAuthentication;
}

/**
 * Starts a server and resolves when clients can connect. Port -1 picks a free one, found in
 * `server.port`.
 *
 * Rejects with {@linkcode StartError} for features that are not built, with OptionsError for
 * options that contradict each other, and with ListenError when an address is taken.
 */
export function startServer(options: StartOptions = {}): Promise<Server> {
  const { logger, authenticate, ...given } = options;
  const complete: Options = { ...emptyOptions(), ...given };
  applyBaseline(complete);
  return Promise.resolve().then(async () => {
    const server = new Server(complete, {
      ...systemEnvironment(logger ?? discardLogger()),
      authenticate,
    });
    await server.prepare();
    server.start();
    return server;
  });
}

/**
 * Starts a server with a configuration file, which `server.reload()` reads again. What the file
 * says replaces what `options` say.
 *
 * Rejects as {@linkcode startServer} does, and with ConfigParseError, ConfigProcessError or
 * FileError when the file cannot be used.
 */
export async function startServerFromConfig(
  configFile: string,
  options: StartOptions = {},
): Promise<Server> {
  const { logger, authenticate: _, ...given } = options;
  const read: Options = { ...emptyOptions(), ...given };
  for (const { message } of processConfigFile(read, configFile, systemConfigSource())) {
    logger?.warn(message);
  }
  return await startServer({ ...options, ...read });
}
