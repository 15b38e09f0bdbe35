/**
 * What can go wrong in a store. The texts are the reference's, because operators see them in logs
 * and clients in error responses (reference: store.go, filestore.go).
 *
 * @module
 */

/** Stable codes of the conditions that callers tell apart. */
export type StoreErrorCode =
  | "closed"
  | "not_found"
  | "eof"
  | "max_msgs"
  | "max_bytes"
  | "max_msgs_per_subject"
  | "snapshot_in_progress"
  | "snapshot_timeout"
  | "bad_snapshot"
  | "msg_too_large"
  | "wrong_type"
  | "no_ack_policy"
  | "sequence_mismatch"
  | "corrupt_stream_state"
  | "too_many_results"
  | "old_update"
  | "deleted"
  | "corrupt_state"
  | "bad_msg"
  | "bad_key_size"
  | "key_invalid"
  | "no_main_key"
  | "no_block_data"
  | "bad_config"
  | "write_failed";

const TEXTS: Partial<Record<StoreErrorCode, string>> = {
  closed: "store is closed",
  not_found: "no message found",
  eof: "stream store EOF",
  max_msgs: "maximum messages exceeded",
  max_bytes: "maximum bytes exceeded",
  max_msgs_per_subject: "maximum messages per subject exceeded",
  snapshot_in_progress: "snapshot in progress",
  snapshot_timeout: "snapshot was not read in time",
  msg_too_large: "message too large",
  wrong_type: "wrong storage type",
  no_ack_policy: "ack policy is none",
  sequence_mismatch: "expected sequence does not match store",
  corrupt_stream_state: "stream state snapshot is corrupt",
  too_many_results: "too many matching results for request",
  old_update: "old update ignored",
  deleted: "deleted message",
  corrupt_state: "corrupt state file",
  bad_key_size: "encryption bad key size",
  key_invalid: "unable to recover keys",
  no_main_key: "encrypted store encountered with no main key",
  no_block_data: "message block data missing",
};

/** A failed store operation. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  constructor(readonly code: StoreErrorCode, text?: string, options?: ErrorOptions) {
    super(text ?? TEXTS[code] ?? code, options);
  }
}
