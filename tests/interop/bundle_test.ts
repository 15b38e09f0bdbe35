/**
 * The self-extracting file in a root that holds nothing but BusyBox: no Deno, no Node, no C
 * library, no /dev, no /proc. Skipped without root, `chroot` or `busybox`.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { connect } from "@nats-io/transport-node";

async function succeeds(command: string, args: string[]): Promise<boolean> {
  try {
    const { success } = await new Deno.Command(command, { args, stdout: "null", stderr: "null" })
      .output();
    return success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

const ignore = Deno.build.os !== "linux" || Deno.uid() !== 0 ||
  !(await succeeds("chroot", ["--version"])) || !(await succeeds("busybox", ["true"]));
if (ignore) console.log("no root, chroot or busybox: the test of the bundle is skipped");

/** Waits for the line that names the client port. */
async function clientPort(lines: ReadableStream<string>): Promise<number> {
  let text = "";
  for await (const piece of lines.values({ preventCancel: true })) {
    text += piece;
    const port = /Listening for client connections on [\d.]+:(\d+)/.exec(text)?.[1];
    if (port !== undefined) return Number(port);
  }
  throw new Error(`the bundle said:\n${text}`);
}

Deno.test({ name: "the bundle serves clients in an empty root with BusyBox", ignore }, async () => {
  const root = await Deno.makeTempDir({ prefix: "natsts_root_" });
  try {
    const bundled = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "tests/harness/bundle.ts", `${root}/natsts`],
      stdout: "piped",
      stderr: "piped",
    }).output();
    assert(bundled.success, new TextDecoder().decode(bundled.stderr));
    await Deno.mkdir(`${root}/bin`);
    await Deno.mkdir(`${root}/tmp`);
    const busybox = new Deno.Command("which", { args: ["busybox"] }).outputSync().stdout;
    await Deno.copyFile(new TextDecoder().decode(busybox).trim(), `${root}/bin/busybox`);
    for (const name of ["sh", "id", "tail", "gzip", "tar", "mkdir", "mv", "rm", "ln"]) {
      await Deno.symlink("busybox", `${root}/bin/${name}`);
    }
    // The second start finds what the first one extracted.
    for (let start = 0; start < 2; start++) {
      const server = new Deno.Command("chroot", {
        args: [root, "/natsts", "-a", "127.0.0.1", "-p", "-1"],
        clearEnv: true,
        env: { PATH: "/bin:/usr/bin:/usr/sbin:/sbin" },
        stdout: "null",
        stderr: "piped",
      }).spawn();
      const lines = server.stderr.pipeThrough(new TextDecoderStream());
      const port = await clientPort(lines);
      const client = await connect({ servers: `127.0.0.1:${port}`, reconnect: false });
      const subscription = client.subscribe("greetings", { max: 1 });
      client.publish("greetings", "hello");
      for await (const message of subscription) assertEquals(message.string(), "hello");
      await client.close();
      server.kill("SIGTERM");
      for await (const _rest of lines);
      assertEquals((await server.status).code, 0);
    }
    const extracted = [...Deno.readDirSync(`${root}/tmp`)];
    assertEquals(extracted.length, 1, "one folder, none left half extracted");
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
