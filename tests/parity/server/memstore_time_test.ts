// Ports: server/memstore_test.go (age, TTLs, delete markers, schedules)
import { assert, assertEquals } from "@std/assert";
import { scheduleRules } from "../../../src/jetstream/schedule/rules.ts";
import { headerValue } from "../../../src/protocol/headers.ts";
import { HeaderName } from "../../../src/store/headers.ts";
import { streamStoreConfig } from "../../../src/store/config.ts";
import { MemoryStore } from "../../../src/store/memory/memory_store.ts";
import { get, memoryStore, NO_BYTES, put } from "../../sim/store_permutations.ts";
import { VirtualTime } from "../../sim/virtual_time.ts";
import { figures, headersOf } from "./_filestore2.ts";

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

/** A store with schedules, and what it publishes. */
function schedulingStore(time: VirtualTime): {
  store: MemoryStore;
  published: { subject: string; value: (name: string) => string | null }[];
} {
  const env = time.environment();
  const config = streamStoreConfig({
    name: "TEST",
    subjects: ["foo.*"],
    storage: "memory",
    allowMsgSchedules: true,
  });
  const store = new MemoryStore(env, config, scheduleRules(env.clock));
  const published: { subject: string; value: (name: string) => string | null }[] = [];
  store.registerProcessMsg(({ subject, headers }) => {
    const own = headers.slice();
    published.push({ subject, value: (name) => headerValue(own, 0, own.length, name) });
  });
  return { store, published };
}

Deno.test("TestMemStoreMessageSchedule", async () => {
  const time = new VirtualTime();
  const { store, published } = schedulingStore(time);
  const headers = headersOf({
    "Nats-Schedule": `@at ${new Date(time.nowMs + 1000).toISOString()}`,
    "Nats-Schedule-Target": "foo.target",
  });
  store.storeMsg("foo.schedule", headers, NO_BYTES, 0);
  time.advance(900);
  assertEquals(published.length, 0);
  time.advance(4000);
  const [msg] = published;
  assertEquals(msg?.subject, "foo.target");
  assertEquals(msg?.value("Nats-Scheduler"), "foo.schedule");
  assertEquals(msg?.value("Nats-Schedule-Next"), "purge");
  await store.stop();
});

Deno.test("TestMemStoreMessageScheduleEverySubSecondPrecision", async () => {
  const time = new VirtualTime();
  // Off the full second, so that rounding shows.
  time.advance(300);
  const { store, published } = schedulingStore(time);
  const headers = headersOf({
    "Nats-Schedule": "@every 1500ms",
    "Nats-Schedule-Target": "foo.target",
  });
  const seq = store.storeMsg("foo.schedule", headers, NO_BYTES, 0);
  const storedMs = Number(get(store, seq)!.ns / 1_000_000n);
  time.advance(3000);
  const [msg] = published;
  assertEquals(msg?.subject, "foo.target");
  assertEquals(msg?.value("Nats-Scheduler"), "foo.schedule");
  const toSecond = (ms: number) => Math.round(ms / 1000) * 1000;
  const firstMs = toSecond(storedMs) + 1500;
  const expectedMs = toSecond(firstMs) + 1500;
  assertEquals(Date.parse(msg?.value("Nats-Schedule-Next") ?? ""), expectedMs);
  await store.stop();
});
