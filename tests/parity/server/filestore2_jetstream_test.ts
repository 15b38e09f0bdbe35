// Ports: server/filestore_test.go (tests through a server)
import { assertEquals } from "@std/assert";
import { recordSize } from "../../../src/store/file/format/record.ts";
import { jetStreamServer } from "../../harness/jetstream.ts";

const BIG = new Uint8Array(1024 * 1024);

Deno.test("TestFileStorePurgeMsgBlockAccounting", async (t) => {
  const size = recordSize(3, 0, BIG.length);
  for (
    const [title, update] of [
      ["MaxMsgs", { max_msgs: 1 }],
      ["MaxBytes", { max_bytes: size }],
    ] as const
  ) {
    await t.step(title, async () => {
      await using server = await jetStreamServer({ maxPayload: 2 * 1024 * 1024 });
      const js = await server.jetStream();
      const config = { name: "TEST", subjects: ["foo"], storage: "file" };
      await js.addStream(config);
      for (let i = 0; i < 10; i++) await js.publish("foo", BIG);
      const check = async (bytes: number) => {
        assertEquals((await js.streamInfo("TEST")).state.bytes, bytes);
        assertEquals((await js.api("INFO")).storage, bytes);
      };
      await check(size * 10);
      await js.updateStream({ ...config, ...update });
      await check(size);
    });
  }
});

Deno.test("TestJetStreamFileStoreSubjectsRemovedAfterSecureErase", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["test.*"], storage: "file" });
  for (const i of [1, 2, 3]) await js.publish(`test.${i}`, `msg${i}`);
  const subjects = async () => {
    const { state } = await js.streamInfo("TEST", { subjects_filter: ">" });
    return [state.num_subjects, state.subjects];
  };
  assertEquals(await subjects(), [3, { "test.1": 1, "test.2": 1, "test.3": 1 }]);
  await js.deleteMsg("TEST", 1);
  assertEquals(await subjects(), [2, { "test.2": 1, "test.3": 1 }]);
});
