/**
 * Stream and consumer stores.
 *
 * @module
 */
export * from "./config.ts";
export {
  countDeleted,
  decodeStreamState,
  type DeleteBlock,
  DeleteRange,
  DeleteSlice,
  encodeStreamState,
  isEncodedStreamState,
  type ReplicatedState,
} from "./delete_blocks.ts";
export * from "./errors.ts";
export { FileStore } from "./file/file_store.ts";
export { decodeConsumerState, encodeConsumerState } from "./file/format/consumer_state.ts";
export { recordSize as fileMsgSize } from "./file/format/record.ts";
export { type MetaFileOptions, readMetaFile } from "./file/meta_file.ts";
export type { KeyGenerator } from "./file/stream/keys.ts";
export type { FileStoreOptions } from "./file/stream/options.ts";
export {
  type RestoredFiles,
  type RestoreOptions,
  restoreSnapshot,
  SnapshotUnpacker,
} from "./file/stream/restore.ts";
export * from "./headers.ts";
export { memoryMsgSize, MemoryStore } from "./memory/memory_store.ts";
export type { ScheduledMsg, ScheduleRules, ScheduleTime } from "./scheduling.ts";
export * from "./stored_msg.ts";
export * from "./stream_store.ts";
export * from "./timestamp.ts";
