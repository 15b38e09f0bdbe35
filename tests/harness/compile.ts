/**
 * Compiles one executable for each target into `dist/`. Where the base binary cannot be
 * downloaded it says so in one line and fails.
 *
 * @module
 */

/** The program of a thread, which no import names. */
const WORKER = "src/platform/deno/password_worker.ts";

const TARGETS = [
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
  "x86_64-pc-windows-msvc",
];

await Deno.mkdir("dist", { recursive: true });
for (const target of TARGETS) {
  const output = `dist/natsts-${target}`;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["compile", "-A", "--include", WORKER, "--target", target, "--output", output, "main.ts"],
    env: { NO_COLOR: "1" },
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) {
    const lines = new TextDecoder().decode(stderr).split("\n").filter((line) => line.trim() !== "");
    const reason = lines.slice(lines.findIndex((line) => line.startsWith("error"))).map((line) =>
      line.trim()
    ).join(" ");
    console.error(
      `cannot compile for ${target}: ${reason} (is the base binary's host reachable?)`,
    );
    Deno.exit(1);
  }
  console.log(output);
}
