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
  const { account, js, config } = stream;
  const { deleteState, advisory } = options;
  if (stream.closed) {
    if (deleteState && stream.offlineReason !== "") deleteOffline(stream, advisory);
    return;
  }
  if (deleteState || stream.offlineReason === "") account.removeStream(stream);
  // What the turn stored so far is written and acknowledged first.
  if (stream.dirty && !deleteState) stream.endTurn();
  stream.closed = true;
  if (deleteState) stream.wakeSyncWaiters();
  stream.silence();
  stream.upstreams.stop({ deleteConsumers: deleteState && advisory });
  for (const consumer of [...stream.consumers.values()]) {
    if (!consumer.closed) consumer.stop({ deleteState, advisory });
  }
  stream.clearConsumers();
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

/** Deletes what this server only keeps. */
function deleteOffline(stream: Stream, advisory: boolean): void {
  const { account, js } = stream;
  const { disk } = js.storeEnv;
  account.removeStream(stream);
  stream.clearConsumers();
  if (advisory) js.events.streamAction(stream.address, "delete");
  // A crash on the way leaves nothing that looks like a stream.
  const hidden = `${account.directory}/streams/.${stream.name}`;
  disk.removeTree(hidden);
  if (disk.stat(stream.directory) !== null) disk.rename(stream.directory, hidden);
  disk.removeTree(hidden);
  removeEmptyDirectories(stream);
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
