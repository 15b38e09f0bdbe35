import { assert, assertEquals, assertRejects } from "@std/assert";
import { systemLoop } from "../../../src/platform/deno/loop.ts";
import { type Transport, TransportError } from "../../../src/platform/mod.ts";
import { pipe } from "../../../src/transport/pipe.ts";

const loop = systemLoop();

async function writeAll(to: Transport, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
}

Deno.test("pipe() carries bytes both ways in order across many sizes", async () => {
  const { client, server } = pipe(loop, { capacityBytes: 4096 });
  const sent = crypto.getRandomValues(new Uint8Array(60_000));
  const one = async (from: Transport, to: Transport, writeBytes: number, readBytes: number) => {
    const writing = (async () => {
      for (let at = 0; at < sent.length; at += writeBytes) {
        await writeAll(from, sent.subarray(at, at + writeBytes));
      }
    })();
    const got = new Uint8Array(sent.length);
    let at = 0;
    while (at < got.length) {
      at += await to.read(got.subarray(at, at + readBytes)) ?? 0;
    }
    await writing;
    assertEquals(got, sent);
  };
  await Promise.all([one(client, server, 7001, 333), one(server, client, 41, 9000)]);
  client.close();
});

Deno.test("pipe() makes a writer wait when the other end does not read", async () => {
  const { client, server } = pipe(loop, { capacityBytes: 100 });
  assertEquals(await client.write(new Uint8Array(250)), 100);
  let settled = false;
  const waiting = client.write(new Uint8Array(50)).then((count) => {
    settled = true;
    return count;
  });
  await new Promise((resolve) => loop.nextTurn(() => resolve(null)));
  assert(!settled);
  assertEquals(await server.read(new Uint8Array(30)), 30);
  assertEquals(await waiting, 30);
  server.close();
});

Deno.test("close() lets the peer read what is left and then the end", async () => {
  const { client, server } = pipe(loop);
  await client.write(new Uint8Array([1, 2, 3]));
  client.close();
  client.close();
  const target = new Uint8Array(2);
  assertEquals(await server.read(target), 2);
  assertEquals(await server.read(target), 1);
  assertEquals(await server.read(target), null);
  await assertRejects(() => server.write(target), TransportError);
  await assertRejects(() => client.read(target), TransportError);
});

Deno.test("close() settles pending calls of both ends", async () => {
  const { client, server } = pipe(loop, { capacityBytes: 8 });
  const pendingRead = client.read(new Uint8Array(8));
  await client.write(new Uint8Array(8));
  const pendingWrite = client.write(new Uint8Array(8));
  const remoteRead = pendingRead.catch((error) => error);
  const blockedWrite = pendingWrite.catch((error) => error);
  client.close();
  assert(await remoteRead instanceof TransportError);
  assert(await blockedWrite instanceof TransportError);
  assertEquals(await server.read(new Uint8Array(8)), 8);
  assertEquals(await server.read(new Uint8Array(8)), null);
});

Deno.test("two busy ends leave the event loop its turn", async () => {
  const { client, server } = pipe(loop);
  let over = false;
  const echo = async (end: Transport) => {
    const buffer = new Uint8Array(16);
    while (!over) {
      const count = await end.read(buffer);
      if (count === null) return;
      await writeAll(end, buffer.subarray(0, count));
    }
    end.close();
  };
  const both = Promise.allSettled([echo(client), echo(server)]);
  await client.write(new Uint8Array(4));
  await new Promise((resolve) => setTimeout(resolve, 5));
  over = true;
  await both;
  server.close();
  client.close();
});
