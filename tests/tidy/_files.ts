/**
 * The source files that the tidy tests look at.
 *
 * @module
 */

/** Paths of all TypeScript files below `folder`. */
export async function* sourceFiles(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* sourceFiles(path);
    else if (entry.name.endsWith(".ts")) yield path;
  }
}

/** Whether a line holds nothing but a comment. */
export function isComment(line: string): boolean {
  return /^\s*(\*|\/\/|\/\*)/.test(line);
}
