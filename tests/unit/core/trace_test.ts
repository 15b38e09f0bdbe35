/**
 * Traces of messages: headers of any shape, what messages pay that ask for none, and what
 * `Nats-Trace-Only` keeps from happening.
 *
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { headers, type MsgHdrs } from "@nats-io/transport-node";
import { bytesOfByteString } from "../../../src/base/text/byte_string.ts";
import { mayAskForTrace } from "../../../src/core/deliver/may_ask_for_trace.ts";
import { readTraceHeaders } from "../../../src/core/trace/trace_headers.ts";
import { jetStreamServer } from "../../harness/jetstream.ts";
import { Inbox, testServer } from "../../harness/server.ts";
import { SeededRandom } from "../../sim/random.ts";

const INPUTS = 60_000;

/** Pieces of which headers and nearly headers are made. */
const PIECES = [
  ...["NATS/1.0\r\n", "NATS/1.0", "\r\n", "\r", "\n", ":", ": ", "\t", " ", "\0", "\xff"],
  ...["Nats-Trace-Dest", "nats-trace-dest", "Nats-Trace-Dest:", "Nats-Trace-Dest: a\r\n"],
  ...["Nats-Trace-Origin-Account: A\r\n", "Nats-Trace-Only: true\r\n", "trace disabled"],
  ...["traceparent", "TraceParent: ", "00-a-b-01\r\n", "00-a-b-00\r\n", "--", "traceparent: -"],
  ...["Other: x\r\n", "N", "t", "T"],
];

function asks(text: string, external: boolean): boolean {
  // In the middle of a buffer, as messages are.
  const bytes = bytesOfByteString(`HPUB x\r\n${text}Nats-Trace-Dest: payload\r\n`);
  return mayAskForTrace(bytes, 8, 8 + text.length, external);
}

Deno.test("mayAskForTrace() misses nothing that readTraceHeaders() finds in any bytes", () => {
  const seed = Date.now() % 1_000_000;
  const random = new SeededRandom(seed);
  let [found, external, passed] = [0, 0, 0];
  for (let i = 0; i < INPUTS; i++) {
    let text = random.below(10) === 0 ? "" : "NATS/1.0\r\n";
    for (let left = random.below(10); left > 0; left--) {
      text += PIECES[random.below(PIECES.length)]!;
    }
    const read = readTraceHeaders(bytesOfByteString(text));
    const where = `seed ${seed}: ${JSON.stringify(text)}`;
    if (read === null) {
      if (asks(text, true)) passed++;
      continue;
    }
    found++;
    if (read.external) external++;
    assert(asks(text, true), where);
    // A trace context alone counts only where the account has a destination for it.
    if (!read.external) assert(asks(text, false), where);
    for (const [name, values] of read.all) {
      assert(name !== "" && values.length > 0 && values.every((value) => value !== ""), where);
    }
  }
  assert(found > 1000 && external > 100, `seed ${seed}: ${found} found, ${external} external`);
  // Most of what is read in vain by the second is not even looked at by the first.
  assertLess(passed, INPUTS / 2);
});

Deno.test("mayAskForTrace() reads each byte of headers once, and none of the payload", () => {
  const lines = Array.from({ length: 20_000 }, (_, i) => `Nats-Trace-Des${i}: t\r\n`).join("");
  const text = `NATS/1.0\r\n${lines}\r\n`;
  const startMs = performance.now();
  for (let i = 0; i < 20; i++) assertEquals(asks(text, true), false);
  assertEquals(readTraceHeaders(bytesOfByteString(text)), null);
  // 20 MB in far less time than anything that is not linear would take.
  assertLess(performance.now() - startMs, 5000);
});

Deno.test("a trace shows thousands of headers, whatever they are called", async () => {
  await using server = await testServer();
  const client = await server.rawLogin({ headers: true });
  await client.send("SUB traces 1\r\n");
  let text = "NATS/1.0\r\nNats-Trace-Dest: traces\r\n__proto__: a\r\nconstructor: b\r\n";
  for (let i = 0; i < 5000; i++) text += `H${i}: ${i}\r\nSame: ${i}\r\n`;
  text += "\r\n";
  await client.send(`HPUB x ${text.length} ${text.length}\r\n${text}\r\n`);
  const { body } = await client.message();
  const { header, msgsize } = JSON.parse(body).request;
  assertEquals(msgsize, text.length);
  assertEquals(Object.keys(header).length, 5004);
  assert(body.includes(`"__proto__":["a"]`));
  assertEquals([header.constructor, header.H4999, header.Same.length], [["b"], ["4999"], 5000]);
});

function only(destination: string, more: Readonly<Record<string, string>> = {}): MsgHdrs {
  const all = headers();
  all.set("Nats-Trace-Dest", destination);
  all.set("Nats-Trace-Only", "true");
  for (const [name, value] of Object.entries(more)) all.set(name, value);
  return all;
}

Deno.test("a request of JetStream's API that is only traced is not served", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const traces = new Inbox(js.nc, "traces");
  const subject = "$JS.API.STREAM.CREATE.S";
  const body = JSON.stringify({ name: "S", subjects: ["s"] });
  js.nc.publish(subject, body, { headers: only("traces") });
  const { events } = (await traces.next())!.json<{ events: Record<string, string>[] }>();
  assertEquals(events.map(({ type, acc, to }) => [type, acc, to]), [
    ["in", "$G", undefined],
    ["si", "$SYS", subject],
  ]);
  assertEquals((await js.api("STREAM.NAMES")).streams ?? [], []);
});

Deno.test("a message of a batch that is only traced is checked, but no part of the batch", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "S", subjects: ["s"], storage: "memory", allow_atomic: true });
  const traces = new Inbox(js.nc, "traces");
  const batch = (seq: number) => ({ "Nats-Batch-Id": "b", "Nats-Batch-Sequence": String(seq) });
  js.nc.publish("s", "traced", { headers: only("traces", batch(1)) });
  const { events } = (await traces.next())!.json<{ events: Record<string, string>[] }>();
  assertEquals(events.map(({ type, subject, error }) => [type, subject, error]), [
    ["in", undefined, undefined],
    ["js", "s", undefined],
  ]);
  assertEquals(server.stream("S").atomicBatches.count, 0);
  const commit = { ...batch(1), "Nats-Batch-Commit": "1" };
  const { seq, count } = await js.publish("s", "stored", commit) as { seq: number; count?: number };
  assertEquals([seq, count], [1, 1]);
  assertEquals((await js.streamInfo("S")).state.messages, 1);
});

Deno.test("a traced message is not stored after a failed write, and its trace says so", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "S", subjects: ["s"] });
  const traces = new Inbox(js.nc, "traces");
  server.stream("S").failWrites(new Error("no space left on device"));
  const sent = headers();
  sent.set("Nats-Trace-Dest", "traces");
  js.nc.publish("s", "x", { headers: sent });
  const { events } = (await traces.next())!.json<{ events: Record<string, string>[] }>();
  assertEquals(events[1]!.error, "no space left on device");
  assertEquals((await js.streamInfo("S")).state.messages, 0);
});
