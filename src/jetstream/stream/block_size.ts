/**
 * Size of the blocks of a file stream, by the limits that it has.
 *
 * Reference: autoTuneFileStorageBlockSize, maxMsgSize in server/stream.go.
 *
 * @module
 */
import type { StreamConfig } from "../../jsapi/mod.ts";
import { fileMsgSize } from "../../store/mod.ts";
import { isLiteralSubject } from "../../subject/mod.ts";

const BLOCK_BYTES_MIN = 32_000;
const BLOCK_BYTES_MAX = 8 * 1024 * 1024;
const MEDIUM_BLOCK_BYTES = 4 * 1024 * 1024;
const SUBJECT_BYTES_GUESS = 256;
const HEADER_LENGTH_BYTES = 4;

/** The block size in bytes; 0 leaves it to the store. */
export function blockBytesOf(config: StreamConfig, maxPayload: number): number {
  let total: number;
  if (config.maxBytes > 0) total = config.maxBytes;
  else if (config.maxMsgs > 0) total = msgBytesMax(config, maxPayload) * config.maxMsgs;
  else return config.maxMsgsPer > 0 ? MEDIUM_BLOCK_BYTES : 0;
  let size = Math.floor(total / 4) + 1;
  if (size % 100 !== 0) size += 100 - size % 100;
  if (size <= BLOCK_BYTES_MIN) return BLOCK_BYTES_MIN;
  return size >= BLOCK_BYTES_MAX ? BLOCK_BYTES_MAX : MEDIUM_BLOCK_BYTES;
}

function msgBytesMax(config: StreamConfig, maxPayload: number): number {
  let subjectBytes = -1;
  for (const subject of config.subjects) {
    if (isLiteralSubject(subject)) subjectBytes = Math.max(subjectBytes, subject.length);
  }
  if (subjectBytes < 0) subjectBytes = SUBJECT_BYTES_GUESS;
  const payload = config.maxMsgSize > 0 ? config.maxMsgSize : maxPayload;
  return fileMsgSize(subjectBytes, 0, payload) + HEADER_LENGTH_BYTES;
}
