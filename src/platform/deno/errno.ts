/**
 * Operating system errors in Go's words, because the reference's logs and error texts carry
 * them ("bind: address already in use", "no such file or directory").
 *
 * @module
 */

const TEXT_BY_CODE: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EADDRINUSE: "address already in use",
  EADDRNOTAVAIL: "cannot assign requested address",
  EAFNOSUPPORT: "address family not supported by protocol",
  EBADF: "bad file descriptor",
  ECONNABORTED: "software caused connection abort",
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset by peer",
  EEXIST: "file exists",
  EHOSTUNREACH: "no route to host",
  EINVAL: "invalid argument",
  EIO: "input/output error",
  EISDIR: "is a directory",
  EMFILE: "too many open files",
  ENAMETOOLONG: "file name too long",
  ENETUNREACH: "network is unreachable",
  ENFILE: "file table overflow",
  ENOENT: "no such file or directory",
  ENOSPC: "no space left on device",
  ENOTCONN: "transport endpoint is not connected",
  ENOTDIR: "not a directory",
  ENOTEMPTY: "directory not empty",
  EPERM: "operation not permitted",
  EPIPE: "broken pipe",
  EPROTOTYPE: "protocol wrong type for socket",
  EROFS: "read-only file system",
  ESRCH: "no such process",
  ETIMEDOUT: "connection timed out",
};

/** The code of an operating system error ("EPIPE"), or null when it carries none. */
export function errnoCode(error: unknown): string | null {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" && TEXT_BY_CODE[code] !== undefined ? code : null;
}

/** What Go's `syscall.Errno` prints for `error`; its own message when it carries no known code. */
export function errnoText(error: unknown): string {
  const code = errnoCode(error);
  if (code !== null) return TEXT_BY_CODE[code] as string;
  return error instanceof Error ? error.message : String(error);
}
