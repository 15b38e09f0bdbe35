/**
 * The official Python client against natsts. Skipped where it is not installed
 * (`pip install nats-py`).
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { startServer } from "../../src/mod.ts";
import { jetStreamServer } from "../harness/jetstream.ts";

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

const JETSTREAM_PROGRAM = `
import asyncio, sys, nats
from nats.js.api import ConsumerConfig, AckPolicy, KeyValueConfig
from nats.js.errors import NotFoundError, KeyWrongLastSequenceError

async def main():
    nc = await nats.connect(sys.argv[1])
    js = nc.jetstream()
    await js.add_stream(name="JOBS", subjects=["jobs.>"])
    for i in range(10):
        ack = await js.publish("jobs.%d" % (i % 2), b"%d" % i, headers={"Nats-Msg-Id": str(i)})
    print(ack.stream, ack.seq, (await js.publish("jobs.0", b"", headers={"Nats-Msg-Id": "1"})).duplicate)
    pull = await js.pull_subscribe("jobs.1", durable="ODD")
    msgs = await pull.fetch(5, timeout=2)
    print([m.data.decode() for m in msgs])
    for m in msgs: await m.ack_sync()
    info = await pull.consumer_info()
    print(info.num_pending, info.num_ack_pending, info.ack_floor.stream_seq)
    push = await js.subscribe("jobs.>", ordered_consumer=True)
    print([(await push.next_msg(timeout=2)).metadata.sequence.stream for _ in range(10)])
    kv = await js.create_key_value(KeyValueConfig(bucket="CONF", history=3))
    rev = await kv.put("a", b"1")
    await kv.update("a", b"2", last=rev)
    try:
        await kv.update("a", b"3", last=rev)
    except KeyWrongLastSequenceError:
        print("wrong revision")
    print((await kv.get("a")).value.decode(), await kv.keys())
    obj = await js.create_object_store("FILES")
    await obj.put("big", b"x" * 300000)
    print(len((await obj.get("big")).data), (await obj.get_info("big")).chunks)
    try:
        await js.stream_info("NONE")
    except NotFoundError as error:
        print(error.err_code)
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

async function runProgram(program: string, url: string): Promise<string> {
  const { stdout, stderr } = await new Deno.Command("python3", {
    args: ["-c", program, url],
    stdout: "piped",
    stderr: "piped",
  }).output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

Deno.test({ name: "nats.py publishes, subscribes and requests", ignore }, async () => {
  const server = await startServer({ host: "127.0.0.1", port: -1 });
  try {
    assertEquals(
      await runProgram(PROGRAM, `nats://127.0.0.1:${server.port}`),
      "greet.joe hello yes\n42\nno responders\n",
    );
  } finally {
    await server.stop();
  }
});

Deno.test({ name: "nats.py uses streams, consumers, keys and objects", ignore }, async () => {
  await using server = await jetStreamServer();
  const output = await runProgram(JETSTREAM_PROGRAM, `nats://127.0.0.1:${server.port}`);
  assertEquals(output.trimEnd().split("\n"), [
    "JOBS 10 True",
    "['1', '3', '5', '7', '9']",
    "0 0 10",
    "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]",
    "wrong revision",
    "2 ['a']",
    "300000 3",
    "10059",
  ]);
});
