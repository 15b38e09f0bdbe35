/**
 * Makes an atomic batch whole again, or takes it back, when a server stopped within its commit.
 *
 * natsts stages batches in memory: what reached the disk of a commit that was not acknowledged is
 * removed. The reference stages them beside the stream, in `batches/`: such a batch is completed.
 *
 * Reference: enableJetStream's recovery of streams in server/jetstream.go.
 *
 * @module
 */
import { shortHash } from "../../base/crypto/short_hash.ts";
import { textOfByteString } from "../../base/text/byte_string.ts";
import { appendHeader, headerValue } from "../../protocol/mod.ts";
import { FileStore, LoadCode, StoredMsg, type StreamStore } from "../../store/mod.ts";
import { storeConfigOf, storePlace } from "../stream/create.ts";
import { MsgHeader } from "../stream/header_names.ts";
import { ingest } from "../stream/ingest.ts";
import type { Stream } from "../stream/stream.ts";

const DIRECTORY = "batches";

/** A batch of which the stream ends with a part. */
interface PartialBatch {
  readonly id: string;
  /** The number of its messages that are stored. */
  readonly stored: number;
  /** Sequence of the last of them. */
  readonly lastSeq: number;
}

function valueOf(message: StoredMsg, name: string): string {
  return headerValue(message.bytes, message.headersAt, message.headersEnd, name) ?? "";
}

/** The batch that the last message belongs to without ending it; null when there is none. */
function partialBatch(store: StreamStore): PartialBatch | null {
  const message = new StoredMsg();
  if (store.loadLastMsg(">", message) !== LoadCode.Found) return null;
  const id = valueOf(message, MsgHeader.BatchId);
  const stored = Number(valueOf(message, MsgHeader.BatchSeq));
  if (id === "" || !(stored > 0) || valueOf(message, MsgHeader.BatchCommit) !== "") return null;
  // A commit that was removed since has left its sequence: then the batch was whole.
  const { lastSeq, lost } = store.state();
  const isEnd = message.seq === lastSeq || lost?.msgs.includes(message.seq + 1) === true;
  return isEnd ? { id, stored, lastSeq: message.seq } : null;
}

/** Looks for a part of a batch at the end of a stream that was just opened. */
export function recoverBatch(stream: Stream): void {
  const { config, js, store } = stream;
  const { disk, log } = js.storeEnv;
  if (config.storage === "memory" || !config.allowAtomicPublish) return;
  const directory = `${stream.directory}/${DIRECTORY}`;
  const batch = partialBatch(store);
  if (batch !== null) {
    const staging = `${directory}/${shortHash(textOfByteString(batch.id))}`;
    const isStaged = disk.stat(staging) !== null;
    try {
      if (isStaged) complete(stream, batch, staging);
      else takeBack(stream, batch);
    } catch (error) {
      log.error(
        `  Failed restoring partial batch write for stream '${stream.label}' at sequence ` +
          `${batch.stored + 1}: ${(error as Error).message}`,
      );
    }
  }
  disk.removeTree(directory);
}

function takeBack(stream: Stream, { id, stored, lastSeq }: PartialBatch): void {
  const { store } = stream;
  const message = new StoredMsg();
  let removed = 0;
  for (let seq = lastSeq; seq > 0 && removed < stored; seq--) {
    if (store.loadMsg(seq, message) !== LoadCode.Found) continue;
    if (valueOf(message, MsgHeader.BatchId) !== id) break;
    store.removeMsg(seq);
    removed++;
  }
  stream.js.storeEnv.log.notice(
    `  Took back the ${removed} messages of an unfinished batch in stream '${stream.label}'; ` +
      "its commit was not acknowledged",
  );
}

/** Stores what the reference had staged and not stored yet. */
function complete(stream: Stream, { stored }: PartialBatch, staging: string): void {
  const { js } = stream;
  const config = { ...storeConfigOf(stream.config), name: staging.slice(-8), subjects: [] };
  const staged = new FileStore(js.storeEnv, storePlace(stream.account, staging), {
    ...config,
    retention: "limits",
    maxMsgs: -1,
    maxBytes: -1,
    maxMsgsPerSubject: -1,
    maxAgeNs: 0n,
    firstSeq: 0,
  });
  const message = new StoredMsg();
  let { lastSeq } = staged.state();
  if (staged.loadMsg(lastSeq, message) !== LoadCode.Found) {
    throw new Error(`last msg not found ${lastSeq}`);
  }
  const isEob = valueOf(message, MsgHeader.BatchCommit) === "eob";
  if (isEob) lastSeq--;
  js.storeEnv.log.notice(
    `  Restoring partial batch write for stream '${stream.label}' ` +
      `(seq ${stored + 1} to ${lastSeq})`,
  );
  for (let seq = stored + 1; seq <= lastSeq; seq++) {
    if (staged.loadMsg(seq, message) !== LoadCode.Found) throw new Error("no message found");
    const endsHere = isEob && seq === lastSeq;
    const headers = endsHere
      ? appendHeader(message.headers(), MsgHeader.BatchCommit, "1")
      : message.headers().slice();
    ingest(stream, message.subject(), "", headers, message.payload().slice(), true);
  }
  void staged.delete().catch((error) => js.storeEnv.log.error(`batch: ${error.message}`));
}
