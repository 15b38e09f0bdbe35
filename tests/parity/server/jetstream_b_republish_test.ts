// Ports: server/jetstream_test.go
/**
 * Streams that publish again what they store (server/jetstream_test.go).
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { jetStreamServer, type JsClient } from "../../harness/jetstream.ts";
import type { Inbox } from "../../harness/server.ts";
import { until } from "../../harness/server.ts";
import { headerOf, refusal } from "./_jetstream_b.ts";
import { next, nothing, pendingCount } from "./_jetstream_consumer.ts";

const DATA = "Z".repeat(512);
const COUNT = 100;

interface Republish {
  readonly src?: string;
  readonly dest: string;
  readonly headers_only?: boolean;
}

/** Publishes messages to `subject` of a stream that publishes again to `watched`. */
async function withRepublished(
  subjects: string[],
  republish: Republish,
  [subject, watched]: [string, string],
  test: (inbox: Inbox, js: JsClient) => Promise<void>,
): Promise<void> {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "Stream1", storage: "memory", subjects, republish });
  const inbox = js.subscribe(watched);
  await js.publishMany(COUNT, subject, DATA);
  await test(inbox, js);
}

async function allWithData(inbox: Inbox): Promise<void> {
  await pendingCount(inbox, COUNT);
  assert((await next(inbox)).data.length > 0);
}

const none = (inbox: Inbox): Promise<void> => pendingCount(inbox, 0);

Deno.test("TestJetStreamStreamRepublishCycle", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  for (const [src, dest] of [["foo.>", "foo.>"], ["bar.bar", "foo.bar"], ["baz", "bar.bar"]]) {
    const failure = await refusal(() =>
      js.addStream({
        name: "RPC",
        storage: "memory",
        subjects: ["foo.>", "bar.*", "baz"],
        republish: { src, dest },
      })
    );
    assertStringIncludes(failure.data.description, "republish destination forms a cycle");
  }
});

Deno.test("TestJetStreamStreamRepublishOneTokenMatch", () =>
  withRepublished(["one", "four"], { src: "one", dest: "uno" }, ["one", "uno"], allWithData));

Deno.test("TestJetStreamStreamRepublishOneTokenNoMatch", () =>
  withRepublished(
    ["one", "four"],
    { src: "one", dest: "uno", headers_only: true },
    ["four", "uno"],
    none,
  ));

Deno.test("TestJetStreamStreamRepublishMultiTokenMatch", () =>
  withRepublished(
    ["one.>", "four.>"],
    { src: "one.two.>", dest: "uno.dos.>" },
    ["one.two.three", "uno.dos.>"],
    allWithData,
  ));

Deno.test("TestJetStreamStreamRepublishMultiTokenNoMatch", () =>
  withRepublished(
    ["one.>", "four.>"],
    { src: "one.two.>", dest: "uno.dos.>", headers_only: true },
    ["four.five.six", "uno.dos.>"],
    none,
  ));

Deno.test("TestJetStreamStreamRepublishAnySubjectMatch", () =>
  withRepublished(
    ["one.>", "four.>"],
    { dest: "uno.dos.>" },
    ["one.two.three", "uno.dos.>"],
    allWithData,
  ));

Deno.test("TestJetStreamStreamRepublishHeadersOnly", () =>
  withRepublished(
    ["foo", "bar", "baz"],
    { dest: "RP.>", headers_only: true },
    ["foo", "RP.>"],
    async (inbox) => {
      await pendingCount(inbox, COUNT);
      let last = "0";
      for (let i = 0; i < COUNT; i++) {
        const msg = await next(inbox);
        assertEquals(msg.data.length, 0);
        assertEquals(headerOf(msg, "Nats-Msg-Size"), "512");
        assertEquals(headerOf(msg, "Nats-Last-Sequence"), last);
        last = headerOf(msg, "Nats-Sequence");
      }
    },
  ));

Deno.test("TestJetStreamStreamRepublishLeftRightMappingFunctions", async (t) => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  for (const [index, dest] of ["{{left(1,3)}}", "{{right(1,3)}}"].entries()) {
    await t.step(dest, async () => {
      const subject = `in${index}.*`;
      await js.addStream({
        name: `S${index}`,
        storage: "memory",
        subjects: [subject],
        republish: { src: subject, dest },
      });
      const inbox = js.subscribe(">");
      await js.nc.flush();
      js.nc.publish(`in${index}.abcdef`, "x");
      const subjects = new Set<string>();
      await until(async () => {
        subjects.add((await next(inbox)).subject);
        return subjects.size === 2;
      });
      assert(subjects.has(index === 0 ? "abc" : "def"), [...subjects].join(" "));
      inbox.subscription.unsubscribe();
    });
  }
});

Deno.test("TestJetStreamStreamRepublishSuppressesInvalidSubject", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({
    name: "Stream1",
    storage: "memory",
    subjects: ["one"],
    republish: { src: "one", dest: "uno\r\nPUB hijack.subject 8\r\nhijacked!\r\n" },
  });
  const hijacked = js.subscribe("hijack.subject");
  const republished = js.subscribe("uno");
  await js.nc.flush();
  await js.publish("one", "payload");
  await nothing(hijacked);
  await nothing(republished, 1);
});
