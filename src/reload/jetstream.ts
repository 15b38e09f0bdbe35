/**
 * JetStream is turned on or off.
 *
 * Reference: applyOptions in server/reload.go, DisableJetStream and restartJetStream in
 * server/jetstream.go.
 *
 * @module
 */
import { newJetStream } from "../server/jet_stream.ts";
import type { Server } from "../server/server.ts";

/** Starts or stops JetStream as the options say. */
export async function switchJetStream(server: Server): Promise<void> {
  const { options, env, jetStream } = server;
  if (!options.jetStream) {
    server.jetStream = null;
    server.info.jetstream = false;
    await jetStream?.stop();
    return;
  }
  if (jetStream !== null) return;
  env.log.notice("Restarting JetStream");
  server.jetStream = newJetStream(server);
  try {
    server.startJetStream();
  } catch (error) {
    server.jetStream = null;
    env.log.warn(`Can't start JetStream: ${(error as Error).message}`);
  }
}
