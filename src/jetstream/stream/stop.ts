/**
 * Ends a stream, with or without its data.
 *
 * Reference: stop in server/stream.go.
 *
 * @module
 */
import type { Stream } from "./stream.ts";

/**
 * Stops the stream and its consumers; resolves when its files are closed, or gone with
 * `deleteState`. Safe to call again.
 */
export async function stopStream(
  stream: Stream,
  options: { deleteState: boolean; advisory: boolean },
): Promise<void> {
  if (stream.closed) return;
  const { account, js, config } = stream;
  const { deleteState, advisory } = options;
  if (deleteState || stream.offlineReason === "") account.streams.delete(config.name);
  // What the turn stored so far is written and acknowledged first.
  if (stream.dirty && !deleteState) stream.endTurn();
  stream.closed = true;
  stream.silence();
  stream.upstreams.stop({ deleteConsumers: deleteState && advisory });
  for (const consumer of [...stream.consumers.values()]) {
    if (!consumer.closed) consumer.stop({ deleteState, advisory });
  }
  stream.consumers.clear();
  stream.signals.clear();
  stream.msgIds.stop();
  stream.atomicBatches.clear();
  stream.fastBatches.clear();
  if (deleteState && advisory) js.events.streamAction(stream.address, "delete");
  const { bytes } = stream.fastState();
  account.trackUsage(stream.tier, config.storage, -bytes);
  stream.store.registerStorageUpdates(null);
  js.release(config.storage, config.maxBytes);
  if (deleteState) await stream.store.delete();
  else await stream.store.stop();
  if (deleteState) removeEmptyDirectories(stream);
}

/** The directories of an account go with its last stream. */
function removeEmptyDirectories({ account, js }: Stream): void {
  const { disk } = js.storeEnv;
  for (const path of [`${account.directory}/streams`, account.directory]) {
    if (disk.stat(path) === null) continue;
    if (disk.list(path).length > 0) return;
    disk.removeTree(path);
  }
}
