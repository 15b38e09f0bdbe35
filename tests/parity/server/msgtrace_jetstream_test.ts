/**
 * Ports: server/msgtrace_test.go, traces of messages for streams.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { jetStreamServer, type Json } from "../../harness/jetstream.ts";
import { nextTrace, openInbox, type Trace, traceHeaders, WAYS } from "./_msgtrace.ts";

const TRACES = "my.trace.subj";

Deno.test("TestMsgTraceJetStream", async (t) => {
  await using server = await jetStreamServer({ jetStreamMaxMemory: 270 });
  const js = await server.jetStream();
  const config: Json = {
    name: "TEST",
    storage: "memory",
    subjects: ["foo"],
    num_replicas: 1,
    allow_rollup_hdrs: true,
    subject_transform: { src: "foo", dest: "bar" },
  };
  await js.addStream(config);
  const tracer = await server.test.connect({ name: "Tracer" });
  const traces = await openInbox(tracer, TRACES);
  await js.publish("foo", new Uint8Array(50), { "Nats-Msg-Id": "MyId" });

  const expectStored = async (expected: number): Promise<void> => {
    const { state } = await js.streamInfo("TEST");
    // The reference counts what it did not store in `clfs`; here only the sequence could tell.
    assertEquals([state.messages, state.last_seq], [expected, expected]);
  };
  /** The only event of a stream in a trace that says nothing of other receivers. */
  const streamEvent = (trace: Trace, stream: string): Json => {
    assertEquals(trace.ingress(server.test).name, "Tracer");
    assertEquals(trace.events("eg").length, 0);
    const [event, ...others] = trace.events("js");
    assertEquals(others.length, 0);
    assert(Date.parse(event.ts) > 0);
    assertEquals(event.stream, stream);
    return event;
  };
  await expectStored(1);

  for (const { name, deliver } of WAYS) {
    await t.step(name, async () => {
      tracer.publish("foo", new Uint8Array(50), { headers: traceHeaders(TRACES, deliver) });
      const event = streamEvent(await nextTrace(traces), "TEST");
      await expectStored(deliver ? 2 : 1);
      assertEquals([event.subject, event.nointerest, event.error], ["bar", undefined, undefined]);
    });
  }

  let stored = 2;
  const refusals: readonly [string, string, string, string][] = [
    ["unexpected stream name", "Nats-Expected-Stream", "WRONG", "expected stream does not match"],
    ["duplicate id", "Nats-Msg-Id", "MyId", "duplicate"],
    [
      "last seq by subject mismatch",
      "Nats-Expected-Last-Subject-Sequence",
      "10",
      "last sequence by subject mismatch",
    ],
    ["last seq mismatch", "Nats-Expected-Last-Sequence", "10", "last sequence mismatch"],
    ["last msgid mismatch", "Nats-Expected-Last-Msg-Id", "MyId3", "last msgid mismatch"],
    ["invalid rollup command", "Nats-Rollup", "wrong", `rollup value invalid: "wrong"`],
    ["rollup not permitted", "Nats-Rollup", "sub", "rollup not permitted"],
    ["max msg size", "", "", "maximum payload exceeded"],
    ["normal message ok", "", "", ""],
    ["insufficient resources", "", "", "insufficient resources (10023)"],
    ["stream sealed", "", "", "invalid operation on sealed stream (10109)"],
  ];
  for (const [name, header, value, expected] of refusals) {
    await t.step(name, async () => {
      let body = new TextEncoder().encode("hello");
      switch (name) {
        case "rollup not permitted":
          config.allow_rollup_hdrs = false;
          config.max_msg_size = 100;
          await js.updateStream(config);
          break;
        case "max msg size":
          body = new Uint8Array(200);
          break;
        case "normal message ok":
          assertEquals((await js.publish("foo", new Uint8Array(100))).seq, 3);
          await expectStored(++stored);
          return;
        case "stream sealed":
          config.sealed = true;
          await js.updateStream(config);
      }
      const headers = traceHeaders(TRACES, false, header === "" ? {} : { [header]: value });
      // As a request: the stream answers with the error.
      tracer.publish("foo", body, { headers, reply: "nobody.listens" });
      const event = streamEvent(await nextTrace(traces), "TEST");
      await expectStored(stored);
      assertEquals([event.subject, event.nointerest], [undefined, undefined]);
      assertStringIncludes(event.error, expected);
    });
  }

  await js.addStream({ name: "NO_INTEREST", subjects: ["baz"], retention: "interest" });
  tracer.publish("baz", "hello", { headers: traceHeaders(TRACES, false) });
  const unwanted = streamEvent(await nextTrace(traces), "NO_INTEREST");
  assertEquals([unwanted.subject, unwanted.nointerest, unwanted.error], ["baz", true, undefined]);

  await js.addStream({ name: "TEST_TRACE_DISABLED", subjects: ["disabled"] });
  await js.addConsumer("TEST_TRACE_DISABLED", { durable_name: "dur", ack_policy: "explicit" });
  tracer.publish("disabled", "hello", { headers: traceHeaders(TRACES, true) });
  const kept = streamEvent(await nextTrace(traces), "TEST_TRACE_DISABLED");
  assertEquals([kept.subject, kept.nointerest, kept.error], ["disabled", undefined, undefined]);
  const [message] = await js.fetch("TEST_TRACE_DISABLED", "dur", 1);
  assertEquals(message!.string(), "hello");
  // What is stored leaves no second trace when it is delivered.
  assertEquals(message!.headers!.get("Nats-Trace-Dest"), "trace disabled");
  await tracer.flush();
  assertEquals(traces.count, 0);
});
