/**
 * Configuration from the files and the environment of this machine.
 *
 * @module
 */
import { type ConfigSource, FileError } from "../config_source.ts";

function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "no such file or directory";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  if (error instanceof Deno.errors.IsADirectory) return "is a directory";
  if (error instanceof Deno.errors.NotADirectory) return "not a directory";
  if (error instanceof Deno.errors.FilesystemLoop) return "too many levels of symbolic links";
  const message = error instanceof Error ? error.message : String(error);
  // Deno appends the number of the operating system's error and the operation.
  return message.replace(/ \(os error \d+\).*$/s, "").toLowerCase();
}

/** Reads through Deno. */
export function systemConfigSource(): ConfigSource {
  return {
    readFile: (path) => {
      try {
        return Deno.readFileSync(path);
      } catch (error) {
        const reason = reasonOf(error);
        const operation = reason === "is a directory" ? "read" : "open";
        throw new FileError(operation, path, reason, { cause: error });
      }
    },
    env: (name) => {
      // Deno refuses names that cannot exist; the configuration may ask for any.
      if (name === "" || /[=\0]/.test(name)) return null;
      return Deno.env.get(name) ?? null;
    },
    stat: (path) => {
      try {
        const info = Deno.statSync(path);
        const ownerMayWrite = info.mode === null || (info.mode & 0o200) !== 0;
        return { isDirectory: info.isDirectory, ownerMayWrite };
      } catch {
        return null; // missing and unreadable paths are told apart when they are used
      }
    },
  };
}
