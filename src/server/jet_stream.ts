/**
 * Gives JetStream what it needs of a server.
 *
 * @module
 */
import { HighwayHash } from "../base/crypto/mod.ts";
import { JetStream } from "../jetstream/mod.ts";
import type { Server } from "./server.ts";
import { VERSION } from "./version.ts";

/** JetStream of `server`, not started. */
export function newJetStream(server: Server): JetStream {
  const { clock, disk, log, loop, process, random } = server.env;
  return new JetStream({
    core: server.core,
    options: server.options,
    version: VERSION,
    serverId: server.id,
    serverName: server.name,
    storeEnv: { clock, disk, log, loop, random, hasher: new HighwayHash() },
    machine: {
      temporaryDirectory: process.temporaryDirectory,
      memoryBytes: () => process.memoryBytes(),
      diskFreeBytes: (path) => {
        disk.makeDirs(path);
        return disk.freeBytes(path);
      },
    },
  });
}
