/**
 * Where log lines end up: standard error or a file.
 *
 * @module
 */

const encoder = new TextEncoder();

/** An open destination of lines. */
export interface LogOutput {
  readonly isTerminal: boolean;
  write(line: string): void;
  /** Opens the file again, after somebody moved it away. */
  reopen(): void;
  close(): void;
}

/** Standard error. */
export function standardErrorOutput(): LogOutput {
  return {
    isTerminal: Deno.stderr.isTerminal(),
    write: (line) => void Deno.stderr.writeSync(encoder.encode(line)),
    reopen: () => {},
    close: () => {},
  };
}

/** Appends to `path`. Throws when it cannot be opened. */
export function fileOutput(path: string): LogOutput {
  const open = (): Deno.FsFile => Deno.openSync(path, { append: true, create: true, mode: 0o640 });
  let file = open();
  return {
    isTerminal: false,
    write: (line) => void file.writeSync(encoder.encode(line)),
    reopen: () => {
      file.close();
      file = open();
    },
    close: () => file.close(),
  };
}
