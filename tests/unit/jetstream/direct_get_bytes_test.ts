/**
 * What `max_bytes` of a direct get counts, against what the real server was seen to do.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { jetStreamServer, statusOf } from "../../harness/jetstream.ts";

for (const storage of ["file", "memory"]) {
  Deno.test(`max_bytes of a direct get counts subject, headers and body, ${storage}`, async () => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "S", subjects: ["s"], storage, allow_direct: true });
    const headers = "NATS/1.0\r\nNats-Msg-Id: 0\r\n\r\n".length;
    for (let i = 0; i < 3; i++) await js.publish("s", "12345", { "Nats-Msg-Id": String(i) });
    const each = "s".length + headers + "12345".length;
    // The message that makes the bytes full is the last one.
    for (const [max_bytes, count] of [[2 * each, 2], [2 * each + 1, 3]]) {
      const reply = js.inbox();
      const inbox = js.subscribe(reply);
      const request = JSON.stringify({ seq: 1, batch: 10, max_bytes });
      js.nc.publish("$JS.API.DIRECT.GET.S", request, { reply });
      let found = 0;
      while (!statusOf((await inbox.next())!).startsWith("204")) found++;
      assertEquals(found, count);
    }
  });
}
