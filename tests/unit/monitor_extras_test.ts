/**
 * What monitoring answers beside JSON: variables and odd questions.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { testServer } from "../harness/server.ts";

Deno.test("/debug/vars has the shape of Go's expvar", async () => {
  await using server = await testServer({ httpHost: "127.0.0.1", httpPort: -1 });
  const response = await fetch(`http://127.0.0.1:${server.server.monitorPort}/debug/vars`);
  assertEquals(response.headers.get("content-type"), "application/json; charset=utf-8");
  const { cmdline, memstats } = await response.json();
  assertEquals(cmdline, ["nats-server"]);
  assert(memstats.HeapAlloc > 0 && memstats.Sys > memstats.HeapAlloc);
});

Deno.test("no query makes monitoring fail", async () => {
  const seed = Number(Deno.env.get("SEED") ?? Date.now() % 1_000_000);
  console.log(`seed ${seed}`);
  let state = seed + 1;
  const below = (bound: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return state % bound;
  };
  const names =
    "subs auth sort offset limit state cid user acc filter_subject test mqtt_client unused accs js-enabled-only js-server-only accounts streams consumers config leader-only raft callback"
      .split(" ");
  const values = [
    "",
    "0",
    "1",
    "true",
    "detail",
    "-1",
    "9223372036854775807",
    "9".repeat(40),
    "*.>",
    "%00",
    "a b",
    "é",
    "closed",
    "all",
    "rtt",
    "stop",
    "1e9",
    "x".repeat(2000),
  ];
  const paths = [
    "/",
    "/varz",
    "/connz",
    "/subsz",
    "/accountz",
    "/accstatz",
    "/healthz",
    "/jsz",
    "/routez",
    "/gatewayz",
    "/leafz",
    "/raftz",
    "/ipqueuesz",
    "/stacksz",
    "/debug/vars",
    "/metrics",
  ];
  await using server = await testServer({ httpHost: "127.0.0.1", httpPort: -1 });
  await server.connect();
  const end = performance.now() + 1500;
  for (let i = 0; i < 2000 && performance.now() < end; i++) {
    const query = Array.from(
      { length: below(5) },
      () => `${names[below(names.length)]}=${encodeURIComponent(values[below(values.length)]!)}`,
    );
    const path = `${paths[below(paths.length)]}?${query.join("&")}`;
    const response = await server.server.monitor!.handle(new Request(`http://localhost${path}`));
    const body = await response.text();
    assert([200, 400, 404, 503].includes(response.status), `${path}: ${response.status} ${body}`);
  }
});
