/**
 * Makes `dist/natsts`: one file that carries the Deno binary in use, the C libraries it needs and
 * the bundled program. It is a shell script with an archive behind it; the first start extracts
 * the archive, later ones find it there. It needs neither Node nor Deno nor a network: a shell with
 * `id`, `tail`, `gzip`, `tar` and `ln` (BusyBox has them all) is enough.
 *
 * ```text
 * dist/natsts = script | tar.gz { deno, natsts.js, password_worker.ts, lib/ld-linux…, lib/libc.so.6, … }
 * ```
 *
 * @module
 */
import { NATSTS_VERSION } from "../../src/server/version.ts";

/** Libraries that the C library opens by name when it resolves host names. */
const NAME_SERVICE = ["libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"];
const WORKER = "src/platform/deno/password_worker.ts";
const V8_FLAGS = "--max-semi-space-size=16";

async function run(command: string, args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`${command} ${args[0]} failed: ${decoder.decode(stderr).trim()}`);
  return decoder.decode(stdout);
}

/** Libraries of `binary` as `ldd` finds them; `loader` starts programs that use them. */
async function librariesOf(binary: string): Promise<{ loader: string; paths: string[] }> {
  const lines = (await run("ldd", [binary])).split("\n");
  const paths = lines.map((line) => /(\/\S+) \(0x/.exec(line)?.[1]).filter((path) =>
    path !== undefined
  );
  const loader = paths.find((path) => /\/ld-[^/]*$/.test(path));
  const libc = paths.find((path) => path.endsWith("/libc.so.6"));
  if (loader === undefined || libc === undefined) {
    throw new Error(`${binary} has no dynamic loader that ldd shows`);
  }
  const folder = libc.slice(0, libc.lastIndexOf("/"));
  for (const name of NAME_SERVICE) {
    const path = `${folder}/${name}`;
    if (await Deno.stat(path).then(() => true, () => false)) paths.push(path);
  }
  return { loader, paths };
}

const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** The start of the file. `digest` names the folder, so that versions do not meet. */
function script(digest: string, loader: string): string {
  const text = (skip: string) =>
    `#!/bin/sh
# natsts ${NATSTS_VERSION}: a NATS server in one file. Extracts itself on its first start into
# NATSTS_HOME, or else into a private folder below XDG_CACHE_HOME or TMPDIR (/tmp).
set -eu
user=$(id -u)
home="\${NATSTS_HOME:-\${XDG_CACHE_HOME:-\${TMPDIR:-/tmp}}/natsts-$user-${digest}}"
if [ ! -f "$home/complete" ]; then
  fresh="$home.$$"
  mkdir -p "\${home%/*}"
  (umask 077 && mkdir "$fresh")
  tail -c +${skip} "$0" | gzip -dc | tar -xf - -C "$fresh"
  : > "$fresh/complete"
  mv "$fresh" "$home"
  # Another start may have been first: then this one's files went inside its folder.
  rm -rf "$home/\${fresh##*/}"
fi
if [ ! -O "$home" ]; then
  echo "natsts: $home belongs to another user; set NATSTS_HOME to a folder of your own" >&2
  exit 1
fi
export DENO_DIR="$home/deno_dir" DENO_NO_UPDATE_CHECK=1
set -- run -A --no-config --no-lock --no-remote --no-npm --v8-flags=${V8_FLAGS} "$home/natsts.js" "$@"
# Deno asks there for its own path; a root without a mounted /proc gets just this entry.
if [ ! -e /proc/self/exe ]; then
  mkdir -p /proc/self
  ln -sf "$home/deno" /proc/self/exe
fi
# Where the machine has no such loader (Alpine, an empty root), the carried libraries serve.
if [ -x ${loader} ]; then exec "$home/deno" "$@"; fi
exec "$home/lib/${baseName(loader)}" --library-path "$home/lib" "$home/deno" "$@"
`;
  // The script names its own length: a fixed number of digits keeps the length as it is.
  const length = new TextEncoder().encode(text("00000000")).length;
  return text(String(length + 1).padStart(8, "0"));
}

if (Deno.build.os !== "linux") {
  console.error("cannot bundle: the self-extracting file is built on Linux, for Linux");
  Deno.exit(1);
}
const output = Deno.args[0] ?? "dist/natsts";
const work = await Deno.makeTempDir({ prefix: "natsts_bundle_" });
try {
  await Deno.mkdir(`${work}/root/lib`, { recursive: true });
  await run(Deno.execPath(), ["bundle", "--minify", "-o", `${work}/root/natsts.js`, "main.ts"]);
  // A thread's program is a file of its own, which is looked for beside the main one.
  await run(Deno.execPath(), [
    "bundle",
    "--minify",
    "-o",
    `${work}/root/${baseName(WORKER)}`,
    WORKER,
  ]);
  const deno = await Deno.realPath(Deno.execPath());
  const { loader, paths } = await librariesOf(deno);
  await Deno.copyFile(deno, `${work}/root/deno`);
  await Deno.chmod(`${work}/root/deno`, 0o755);
  for (const path of paths) await Deno.copyFile(path, `${work}/root/lib/${baseName(path)}`);
  await run("tar", ["-czf", `${work}/payload.tar.gz`, "-C", `${work}/root`, "."]);
  const payload = await Deno.readFile(`${work}/payload.tar.gz`);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", payload)).toHex()
    .slice(0, 16);
  const head = new TextEncoder().encode(script(digest, loader));
  const file = new Uint8Array(head.length + payload.length);
  file.set(head);
  file.set(payload, head.length);
  const folder = output.slice(0, Math.max(0, output.lastIndexOf("/")));
  if (folder !== "") await Deno.mkdir(folder, { recursive: true });
  await Deno.writeFile(output, file, { mode: 0o755 });
  await Deno.chmod(output, 0o755);
  console.log(`${output}: ${(file.length / 1024 / 1024).toFixed(1)} MiB`);
} catch (error) {
  console.error(`cannot bundle: ${(error as Error).message}`);
  Deno.exitCode = 1;
} finally {
  await Deno.remove(work, { recursive: true });
}
