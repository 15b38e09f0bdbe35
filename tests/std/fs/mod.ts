/**
 * The part of `@std/fs` that natsts' tests use, with the same names and signatures.
 *
 * @module
 */

/** True when `path` exists. */
export async function exists(path: string | URL): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Makes sure that the directory exists, with its parents. */
export async function ensureDir(dir: string | URL): Promise<void> {
  await Deno.mkdir(dir, { recursive: true });
}

/** Copies a directory tree. */
export async function copy(src: string, dest: string): Promise<void> {
  const info = await Deno.stat(src);
  if (!info.isDirectory) return await Deno.copyFile(src, dest);
  await Deno.mkdir(dest, { recursive: true });
  for await (const entry of Deno.readDir(src)) {
    await copy(`${src}/${entry.name}`, `${dest}/${entry.name}`);
  }
}
