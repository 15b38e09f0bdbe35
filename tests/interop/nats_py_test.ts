/**
 * The official Python client against natsts. Skipped where it is not installed
 * (`pip install nats-py`).
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { startServer } from "../../src/mod.ts";

const PROGRAM = `
import asyncio, sys, nats
from nats.errors import NoRespondersError

async def main():
    nc = await nats.connect(sys.argv[1])
    sub = await nc.subscribe("greet.*")
    await nc.publish("greet.joe", b"hello", headers={"X-Test": "yes"})
    msg = await sub.next_msg(timeout=2)
    print(msg.subject, msg.data.decode(), msg.headers["X-Test"])

    async def double(request):
        await request.respond(str(int(request.data) * 2).encode())
    await nc.subscribe("double", queue="workers", cb=double)
    print((await nc.request("double", b"21", timeout=2)).data.decode())
    try:
        await nc.request("nobody", b"", timeout=2)
    except NoRespondersError:
        print("no responders")
    await nc.drain()

asyncio.run(main())
`;

async function hasClient(): Promise<boolean> {
  try {
    const { success } = await new Deno.Command("python3", {
      args: ["-c", "import nats"],
      stdout: "null",
      stderr: "null",
    }).output();
    return success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

const ignore = !(await hasClient());
if (ignore) console.log("nats.py is not installed: its test is skipped");

Deno.test({ name: "nats.py publishes, subscribes and requests", ignore }, async () => {
  const server = await startServer({ host: "127.0.0.1", port: -1 });
  try {
    const { stdout, stderr } = await new Deno.Command("python3", {
      args: ["-c", PROGRAM, `nats://127.0.0.1:${server.port}`],
      stdout: "piped",
      stderr: "piped",
    }).output();
    assertEquals(
      new TextDecoder().decode(stdout),
      "greet.joe hello yes\n42\nno responders\n",
      new TextDecoder().decode(stderr),
    );
  } finally {
    await server.stop();
  }
});
