// Ports: server/memstore_test.go (age, TTLs, delete markers)
import { assert, assertEquals } from "@std/assert";
import { headerValue } from "../../../src/protocol/headers.ts";
import { HeaderName } from "../../../src/store/headers.ts";
import { memoryStore, NO_BYTES, put } from "../../sim/store_permutations.ts";
import { VirtualTime } from "../../sim/virtual_time.ts";
import { figures } from "./_filestore2.ts";

Deno.test("TestMemStoreAgeLimit", async () => {
  const time = new VirtualTime();
  const ms = memoryStore({ maxAgeNs: 10_000_000n }, time.environment());
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 100; i++) put(ms, "foo", "Hello World");
    assertEquals(ms.state().msgs, 100);
    time.advance(1000);
    assertEquals([ms.state().msgs, ms.state().bytes], [0, 0]);
  }
  await ms.stop();
});

Deno.test("TestMemStoreMessageTTL", async () => {
  const time = new VirtualTime();
  const ms = memoryStore({ subjects: ["test"], allowMsgTtl: true }, time.environment());
  for (let i = 0; i < 10; i++) ms.storeMsg("test", NO_BYTES, NO_BYTES, 1);
  assertEquals(figures(ms), [10, 1, 10]);
  time.advance(2000);
  assertEquals(figures(ms), [0, 11, 10]);
  await ms.stop();
});

Deno.test("TestMemStoreSubjectDeleteMarkers", async () => {
  const time = new VirtualTime();
  const ms = memoryStore({
    subjects: ["test"],
    maxAgeNs: 1_000_000_000n,
    allowMsgTtl: true,
    subjectDeleteMarkerTtlNs: 1_000_000_000n,
  }, time.environment());
  const markers: Uint8Array[] = [];
  ms.registerStorageRemoveMsg((seq) => void ms.removeMsg(seq));
  ms.registerProcessMsg(({ headers }) => void markers.push(headers.slice()));
  for (let i = 0; i < 3; i++) put(ms, "test");
  time.advance(1500);
  const [marker] = markers;
  assert(marker !== undefined);
  assertEquals(headerValue(marker, 0, marker.length, HeaderName.MarkerReason), "MaxAge");
  assertEquals(headerValue(marker, 0, marker.length, HeaderName.Ttl), "1s");
  await ms.stop();
});

Deno.test("TestMemStoreUpdateConfigTTLState", async () => {
  const ms = memoryStore({ subjects: [">"] });
  assertEquals(ms.ttls, null);
  ms.updateConfig({ ...ms.config, allowMsgTtl: true });
  assert(ms.ttls !== null);
  ms.updateConfig({ ...ms.config, allowMsgTtl: false });
  assertEquals(ms.ttls, null);
  await ms.stop();
});
