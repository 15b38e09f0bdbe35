/**
 * A server with a configuration file that the test rewrites while it runs.
 *
 * ```ts
 * await using server = await reloadServer("listen: 127.0.0.1:-1");
 * await server.reload("listen: 127.0.0.1:-1, max_payload: 1");
 * ```
 *
 * @module
 */
import { assertMatch } from "@std/assert";
import { emptyOptions, processConfigFile } from "../../src/config/mod.ts";
import { type Server, type StartOptions, startServer } from "../../src/mod.ts";
import { systemConfigSource } from "../../src/platform/deno/config_source.ts";
import type { RawClient } from "./raw_client.ts";
import { TestServer } from "./server.ts";

/** Where a configuration that starts with this listens. */
export const LISTEN = "listen: 127.0.0.1:-1\n";

/** A running server and its configuration file, in a folder that ends with it. */
export class ReloadServer extends TestServer {
  constructor(server: Server, readonly folder: string, readonly configFile: string) {
    super(server);
  }

  /** Rewrites the file. */
  async write(config: string): Promise<void> {
    await Deno.writeTextFile(this.configFile, config);
  }

  /** Rewrites the file, if given, and has the server take it over. */
  async reload(config?: string): Promise<void> {
    if (config !== undefined) await this.write(config);
    await this.server.reload();
  }

  /** A raw client that was let in. */
  async accepted(connect: Record<string, unknown> = {}): Promise<RawClient> {
    const client = await this.rawLogin(connect);
    await client.flush();
    return client;
  }

  /** Tries to log in, which must fail for want of rights. */
  async refused(connect: Record<string, unknown> = {}): Promise<void> {
    const client = await this.raw();
    await client.login(connect);
    await expectViolation(client);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** Waits until the server has sent a client away that has no right to be there. */
export async function expectViolation(client: RawClient): Promise<void> {
  assertMatch(await client.expectEnd(), /-ERR 'Authorization Violation'\r\n$/);
}

/** Starts a server from a file with `config`, which may be made for the folder of the file. */
export async function reloadServer(
  config: string | ((folder: string) => string),
  options: StartOptions = {},
): Promise<ReloadServer> {
  const folder = await Deno.makeTempDir({ prefix: "natsts-reload-" });
  const configFile = `${folder}/test.conf`;
  await Deno.writeTextFile(configFile, typeof config === "string" ? config : config(folder));
  const parsed = emptyOptions();
  processConfigFile(parsed, configFile, systemConfigSource());
  const server = await startServer({ ...parsed, disableShortFirstPing: true, ...options });
  return new ReloadServer(server, folder, configFile);
}
