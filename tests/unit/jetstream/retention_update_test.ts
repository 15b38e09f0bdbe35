/**
 * Changing a stream's retention, against what the real server was seen to do.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { jetStreamServer } from "../../harness/jetstream.ts";

for (const storage of ["file", "memory"]) {
  Deno.test(`a change to interest retention removes only what is acknowledged, ${storage}`, async () => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    const left = async (name: string) => {
      const config = { name, subjects: [`${name}.*`], storage };
      await js.addStream(config);
      await js.publishMany(6, (i) => `${name}.${i % 2 === 0 ? "a" : "b"}`);
      if (name !== "NONE") {
        const consumer = { durable_name: "C", ack_policy: "explicit", filter_subject: `${name}.a` };
        await js.addConsumer(name, consumer);
        const [msg] = await js.fetch(name, "C", 1);
        await js.ackSync(msg!);
      }
      if (name === "PENDING") await js.fetch(name, "C", 1);
      await js.updateStream({ ...config, retention: "interest" });
      const { messages, first_seq, last_seq } = (await js.streamInfo(name)).state;
      return [messages, first_seq, last_seq];
    };
    // Also what no consumer wants stays.
    assertEquals(await left("NONE"), [6, 1, 6]);
    assertEquals(await left("SOME"), [5, 2, 6]);
    assertEquals(await left("PENDING"), [5, 2, 6]);
  });
}
