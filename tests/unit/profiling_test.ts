/**
 * The profiling port.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ListenError } from "../../src/platform/mod.ts";
import { testServer } from "../harness/server.ts";

Deno.test("the profiling port gives profiles of CPU and memory", async () => {
  await using server = await testServer({ profPort: -1 });
  const { profilingPort } = server.server;
  assert(profilingPort > 0);
  const url = `http://127.0.0.1:${profilingPort}/debug/pprof`;
  const index = await (await fetch(`${url}/`)).text();
  assert(index.includes("/debug/pprof/profile"));
  const profiles = await Promise.all([1, 2].map(() => fetch(`${url}/profile?seconds=0.2`)));
  assertEquals(profiles.map(({ status }) => status).sort(), [200, 500]);
  for (const profile of profiles) {
    const text = await profile.text();
    if (profile.status === 200) assert(JSON.parse(text).nodes.length > 0);
    else assertEquals(text, "Could not enable CPU profiling: cpu profiling already in use\n");
  }
  const heap = await (await fetch(`${url}/heap`)).json();
  assert(heap.snapshot.node_count > 0);
  for (const path of ["/mutex", "/../../varz"]) {
    const missing = await fetch(url + path);
    assertEquals(missing.status, 404);
    await missing.body?.cancel();
  }
});

Deno.test("stopping a server ends a profile that is being taken", async () => {
  const server = await testServer({ profPort: -1 });
  const url = `http://127.0.0.1:${server.server.profilingPort}/debug/pprof/profile?seconds=600`;
  const asked = fetch(url).then((answer) => answer.body?.cancel(), () => {});
  await new Promise((resolve) => setTimeout(resolve, 100));
  await server[Symbol.asyncDispose]();
  await asked;
});

Deno.test("a profiling port that is taken refuses the start", async () => {
  await using server = await testServer({ profPort: -1 });
  await assertRejects(
    () => testServer({ profPort: server.server.profilingPort }),
    ListenError,
    "error starting profiler",
  );
});
