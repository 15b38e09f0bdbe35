/**
 * Runs the `nats` command line against a server.
 *
 * @module
 */

/**
 * What `nats COMMAND` prints as `user`, whose password is its name, and how it ends. Words of
 * `command` are separated by single blanks.
 */
export async function runNatsCli(
  cli: string,
  port: number,
  user: string,
  command: string,
): Promise<{ text: string; code: number }> {
  const { code, stdout, stderr } = await new Deno.Command(cli, {
    args: [
      ...["--no-context", "--timeout", "500ms"],
      ...["--server", `nats://127.0.0.1:${port}`, "--user", user, "--password", user],
      ...command.split(" "),
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  return { text: decoder.decode(stdout) + decoder.decode(stderr), code };
}
