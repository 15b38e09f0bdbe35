/**
 * Small files that are replaced as a whole: written beside, renamed over, and on request synced
 * together with their directory entry (reference: filestore.go writeAtomically).
 *
 * @module
 */
import type { Disk } from "../../platform/disk.ts";

/** Directory of `path`. */
export function directoryOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash <= 0 ? "/" : path.slice(0, slash);
}

/** Replaces `path` by `content` (borrowed); with `sync` it is durable on return. */
export function writeFileAtomically(
  disk: Disk,
  path: string,
  content: Uint8Array,
  sync: boolean,
): void {
  const temporary = `${path}.tmp`;
  const file = disk.open(temporary, "replace");
  try {
    file.writeAt(content, 0);
    if (sync) file.syncDataNow();
  } catch (error) {
    file.close();
    disk.removeTree(temporary);
    throw error;
  }
  file.close();
  disk.rename(temporary, path);
  if (sync) disk.syncDirNow(directoryOf(path));
}
