// Ports: server/filestore_test.go: deleting and syncing a store.
import { assertEquals } from "@std/assert";
import { eachFileStore, put } from "../../sim/store_permutations.ts";
import { VirtualTime } from "../../sim/virtual_time.ts";
import { plainStores } from "./_filestore.ts";

Deno.test("TestFileStoreStreamDeleteDirNotEmpty", (t) =>
  eachFileStore(t, async ({ dir, open }) => {
    const fs = open();
    for (let i = 1; i <= 10; i++) put(fs, "foo", `[${String(i).padStart(8, "0")}] Hello World!`);
    const writer = (async () => {
      for (let i = 0; i < 100; i++) await Deno.writeTextFile(`${dir}/g`, "OK").catch(() => {});
    })();
    await fs.delete();
    await writer;
    assertEquals(fs.state().msgs, 0);
  }));

Deno.test("TestFileStoreSyncIntervals", async () => {
  const time = new VirtualTime();
  using stores = plainStores(time.environment());
  let fs = stores.open({ subjects: ["*"] }, { syncIntervalMs: 250 });
  const check = (expected: boolean) => assertEquals(fs.core.lastBlock!.needSync, expected);
  check(false);
  put(fs, "Z", "hello");
  check(true);
  time.advance(400);
  await fs.sync();
  check(false);
  await fs.stop();

  // With `always` the acknowledgement waits for sync().
  fs = stores.open({ subjects: ["*"] }, { syncIntervalMs: 10_000, syncAlways: true });
  check(false);
  put(fs, "Z", "hello");
  await fs.sync();
  check(false);
  await fs.stop();
});
