/**
 * Replacing a block's file as a whole: the new content is written beside it, synced, and renamed
 * over it, so that a crash leaves either the old or the new file (reference: filestore.go
 * atomicOverwriteFile).
 *
 * @module
 */
import { compressBlock } from "../format/compression.ts";
import { CHECKSUM_BYTES } from "../format/record.ts";
import type { MsgBlock } from "./msg_block.ts";

/** Makes `records` (borrowed, plain) the content of the block's file, durably. */
export function replaceBlockFile(
  block: MsgBlock,
  records: Uint8Array,
  options: { compress: boolean },
): void {
  const { disk } = block.host.env;
  const compress = options.compress && block.host.compression === "s2" &&
    records.length >= CHECKSUM_BYTES;
  let content = compress ? compressBlock(records) : records;
  if (block.cipher !== null && content.length > 0) content = block.cipher.apply(content, 0);
  const wasOpen = block.file !== null;
  block.closeFile();
  const temporary = `${block.path}.tmp`;
  const file = disk.open(temporary, "replace");
  try {
    file.writeAt(content, 0);
    file.syncDataNow();
  } finally {
    file.close();
  }
  disk.rename(temporary, block.path);
  // Until the directory is synced the old file may come back: it holds the same messages.
  block.host.dirUnsynced = true;
  block.isCompressed = compress;
  block.rawBytes = content.length;
  block.needSync = false;
  if (wasOpen) block.file = disk.open(block.path, "create");
}
