/**
 * `/metrics` in Prometheus' text format, under the names of prometheus-nats-exporter.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { testServer } from "../harness/server.ts";

interface Sample {
  readonly labels: Record<string, string>;
  readonly value: number;
}

/** Reads the text format strictly: HELP, TYPE and samples of one metric stand together. */
function parse(text: string): Map<string, { type: string; samples: Sample[] }> {
  const metrics = new Map<string, { type: string; samples: Sample[] }>();
  let current = "";
  for (const line of text.trimEnd().split("\n")) {
    const help = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) .+$/.exec(line);
    const type = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|untyped)$/.exec(line);
    if (help !== null) {
      current = help[1]!;
      assert(!metrics.has(current), `${current} comes twice`);
      continue;
    }
    if (type !== null) {
      assertEquals(type[1], current);
      metrics.set(current, { type: type[2]!, samples: [] });
      continue;
    }
    const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)\{(.*)\} (-?[\d.e+]+)$/.exec(line);
    assert(sample !== null, line);
    assertEquals(sample[1], current);
    const labels: Record<string, string> = {};
    for (const [, name, value] of sample[2]!.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      labels[name!] = value!;
    }
    metrics.get(current)!.samples.push({ labels, value: Number(sample[3]) });
  }
  return metrics;
}

Deno.test("/metrics shows the figures of the other endpoints", async () => {
  await using server = await testServer({
    httpHost: "127.0.0.1",
    httpPort: -1,
    serverName: 'a"b\\c',
  });
  const client = await server.rawLogin();
  await client.send("SUB foo 1\r\nPUB foo 5\r\nhello\r\nPUB foo 5\r\nhello\r\n");
  await client.messages(2);
  await client.flush();
  const url = `http://127.0.0.1:${server.server.monitorPort}`;
  const response = await fetch(`${url}/metrics`);
  assertEquals(response.status, 200);
  assertMatch(response.headers.get("content-type")!, /^text\/plain; version=0\.0\.4/);
  const metrics = parse(await response.text());
  const varz = await (await fetch(`${url}/varz`)).json();
  const value = (name: string): number => {
    const found = metrics.get(name);
    assert(found !== undefined, `${name} is missing`);
    assertEquals(found.samples.length, 1);
    assertEquals(found.samples[0]!.labels["server_id"], server.server.id);
    return found.samples[0]!.value;
  };
  assertEquals(value("gnatsd_varz_in_msgs"), 2);
  assertEquals(value("gnatsd_varz_out_msgs"), 2);
  assertEquals(value("gnatsd_varz_in_bytes"), 10);
  assertEquals(value("gnatsd_varz_connections"), 1);
  assertEquals(value("gnatsd_varz_subscriptions"), varz.subscriptions);
  assertEquals(value("gnatsd_varz_max_payload"), varz.max_payload);
  assertEquals(value("gnatsd_varz_slow_consumers"), 0);
  assertEquals(value("gnatsd_connz_num_connections"), 1);
  assertEquals(value("gnatsd_connz_in_msgs"), 2);
  assertEquals(metrics.get("gnatsd_connz_in_msgs")!.type, "counter");
  assertEquals(value("gnatsd_subsz_num_subscriptions"), varz.subscriptions);
  assertEquals(value("gnatsd_routez_num_routes"), 0);
  assertEquals(value("gnatsd_healthz_status"), 0);
  // Every number of /varz is there, and texts with odd signs are escaped.
  for (const [name, shown] of Object.entries(varz)) {
    if (typeof shown === "number") assert(metrics.has(`gnatsd_varz_${name}`), name);
  }
  const [named] = metrics.get("gnatsd_varz_server_name")!.samples;
  assertEquals([named!.labels["value"], named!.value], ['a\\"b\\\\c', 1]);
});

Deno.test("/metrics says when the server is not healthy", async () => {
  await using server = await testServer({
    httpHost: "127.0.0.1",
    httpPort: -1,
    lameDuckGracePeriodMs: 10_000,
    lameDuckDurationMs: 30_000,
  });
  const client = await server.rawLogin();
  await client.flush();
  const leaving = server.server.lameDuckShutdown();
  const response = await fetch(`http://127.0.0.1:${server.server.monitorPort}/metrics`);
  const metrics = parse(await response.text());
  assertEquals(metrics.get("gnatsd_healthz_status")!.samples[0]!.value, 1);
  await server.server.stop();
  await leaving;
});
