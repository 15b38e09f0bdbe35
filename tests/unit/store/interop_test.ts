/**
 * Directories go both ways: the real nats-server writes a stream, this store opens and extends it,
 * and the server opens it again, stopped cleanly and killed. Skipped where nats-server or the
 * `nats` command line is not installed.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { streamStoreConfig } from "../../../src/store/config.ts";
import { FileStore } from "../../../src/store/file/file_store.ts";
import { realEnvironment, temporaryDirectory } from "../../sim/environment.ts";
import { contentOf } from "../../sim/stream_model.ts";
import { restoreSnapshot } from "../../../src/store/file/stream/restore.ts";

function isInstalled(name: string): boolean {
  try {
    return new Deno.Command(name, { args: ["--version"], stdout: "null", stderr: "null" })
      .outputSync().success;
  } catch {
    return false;
  }
}

const ignore = !isInstalled("nats-server") || !isInstalled("nats");

/** Starts nats-server on a free port and returns how to reach and end it. */
async function startServer(dir: string) {
  const process = new Deno.Command("nats-server", {
    args: ["-a", "127.0.0.1", "-p", "-1", "-js", "-sd", dir, "--ports_file_dir", dir],
    stdout: "null",
    stderr: "null",
  }).spawn();
  const path = `${dir}/nats-server_${process.pid}.ports`;
  let url = "";
  for (let i = 0; i < 500 && url === ""; i++) {
    try {
      url = JSON.parse(Deno.readTextFileSync(path)).nats[0];
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  assert(url !== "", "nats-server did not start");
  return {
    nats: async (...args: string[]): Promise<string> => {
      const command = new Deno.Command("nats", {
        args: ["--server", url, ...args],
        env: { NO_COLOR: "1" },
      });
      const { success, stdout, stderr } = await command.output();
      const text = new TextDecoder().decode(stdout);
      assert(success, `nats ${args.join(" ")}: ${text}${new TextDecoder().decode(stderr)}`);
      return text;
    },
    end: async (signal: Deno.Signal) => {
      process.kill(signal);
      await process.status;
    },
  };
}

for (const compression of ["none", "s2"] as const) {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    Deno.test({
      name: `a stream of nats-server (${compression}, ${signal}) opens here and there again`,
      ignore,
      fn: async () => {
        using dir = temporaryDirectory();
        let server = await startServer(dir.path);
        await server.nats(
          ..."stream add S --subjects s.> --storage file --retention limits --defaults".split(" "),
          `--compression=${compression}`,
        );
        await server.nats("pub", "s.one", "message {{.Count}}", "--count", "120", "--jetstream");
        await server.nats("pub", "s.two", "with headers", "-H", "Key: value", "--jetstream");
        for (const seq of ["1", "5", "6"]) await server.nats("stream", "rmm", "S", seq, "-f");
        await server.end(signal);
        const storeDir = `${dir.path}/jetstream/$G/streams/S`;
        const config = streamStoreConfig({ name: "S", subjects: ["s.>"], compression });
        const store = new FileStore(realEnvironment(), { storeDir }, config);
        const content = contentOf(store);
        assertEquals(content.length, 118);
        assertEquals(content[0]!.seq, 2);
        assertEquals(content[3]!.seq, 7);
        assertEquals(content[117]!.headers, "NATS/1.0\r\nKey: value\r\n\r\n");
        assertEquals(store.state().deleted, [5, 6]);
        for (let i = 0; i < 30; i++) {
          store.storeMsg("s.three", new Uint8Array(0), new TextEncoder().encode(`ours ${i}`), 0);
        }
        store.removeMsg(122);
        store.flushAllPending();
        if (signal === "SIGTERM") await store.stop();
        else store.abandon();
        server = await startServer(dir.path);
        const info = JSON.parse(await server.nats("stream", "info", "S", "--json"));
        assertEquals(info.state.messages, 147);
        assertEquals([info.state.first_seq, info.state.last_seq], [2, 151]);
        assertEquals(info.state.num_deleted, 3);
        const got = JSON.parse(await server.nats("stream", "get", "S", "151", "--json"));
        assertEquals(new TextDecoder().decode(Uint8Array.fromBase64(got.data)), "ours 29");
        await server.end("SIGTERM");
      },
    });
  }
}

for (const compression of ["none", "s2"] as const) {
  Deno.test({
    name: `a backup of nats-server (${compression}) is restored here, and one from here there`,
    ignore,
    fn: async () => {
      using dir = temporaryDirectory();
      const server = await startServer(dir.path);
      await server.nats(
        ..."stream add S --subjects s.> --storage file --retention limits --defaults".split(" "),
        `--compression=${compression}`,
      );
      await server.nats("pub", "s.one", "message {{.Count}}", "--count", "120", "--jetstream");
      await server.nats("consumer", "add", "S", "C", "--pull", "--defaults");
      await server.nats("consumer", "next", "S", "C", "--count", "7", "--ack");
      for (const seq of ["1", "50"]) await server.nats("stream", "rmm", "S", seq, "-f");
      const backup = `${dir.path}/backup`;
      await server.nats("stream", "backup", "S", backup, "--consumers");

      const env = realEnvironment();
      const file = await Deno.open(`${backup}/stream.tar.s2`);
      const storeDir = `${dir.path}/restored`;
      const { consumers } = await restoreSnapshot(file.readable, {
        disk: env.disk,
        directory: storeDir,
      });
      assertEquals(consumers, ["C"]);
      const config = streamStoreConfig({ name: "S", subjects: ["s.>"], compression });
      const keyGen = () => new Uint8Array(32).fill(9);
      const store = new FileStore(env, { storeDir, keyGen }, config);
      const content = contentOf(store);
      assertEquals(content.length, 118);
      assertEquals(store.state().deleted, [50]);
      const consumer = store.consumerStore("C", 0n, {
        ackPolicy: "explicit",
        maxDeliver: 0,
        memoryStorage: false,
      });
      assertEquals(consumer.state().ackFloor, { consumer: 7, stream: 7 });
      store.storeMsg("s.two", new Uint8Array(0), new TextEncoder().encode("ours"), 0);
      consumer.stop();

      // From here, encrypted on disk and plain in the archive, back to the server.
      const parts: Uint8Array<ArrayBuffer>[] = [];
      for await (
        const part of store.snapshot({ checkMsgs: true, includeConsumers: false }).chunks
      ) parts.push(part.slice());
      await store.stop();
      await Deno.writeFile(`${backup}/stream.tar.s2`, new Blob(parts).stream());
      await server.nats("stream", "rm", "S", "-f");
      await server.nats("stream", "restore", backup);
      const info = JSON.parse(await server.nats("stream", "info", "S", "--json"));
      assertEquals([info.state.messages, info.state.num_deleted], [119, 1]);
      assertEquals([info.state.first_seq, info.state.last_seq], [2, 121]);
      const got = JSON.parse(await server.nats("stream", "get", "S", "121", "--json"));
      assertEquals(new TextDecoder().decode(Uint8Array.fromBase64(got.data)), "ours");
      await server.end("SIGTERM");
    },
  });
}
