/**
 * Pull requests in all their forms: the fast reader and the general one must agree.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { PullRequest } from "../../../src/jetstream/consumer/pull_request.ts";

function parsed(text: string): PullRequest {
  const request = new PullRequest();
  const bytes = new TextEncoder().encode(`xx${text}yy`);
  request.parse(bytes, 2, bytes.length - 2);
  return request;
}

function shown(request: PullRequest) {
  const { batch, maxBytes, noWait, expiresMs, heartbeatMs, isJson, error } = request;
  const { group, minPending, minAckPending, id, priority } = request;
  return {
    batch,
    maxBytes,
    noWait,
    expiresMs,
    heartbeatMs,
    isJson,
    error,
    group,
    minPending,
    minAckPending,
    id,
    priority,
  };
}

const PLAIN = {
  batch: 1,
  maxBytes: 0,
  noWait: false,
  expiresMs: 0,
  heartbeatMs: 0,
  isJson: false,
  error: "",
  group: "",
  minPending: 0,
  minAckPending: 0,
  id: "",
  priority: 0,
};

Deno.test("PullRequest reads nothing as one, and numbers as a batch", () => {
  assertEquals(shown(parsed("")), PLAIN);
  assertEquals(shown(parsed("  \r\n")), PLAIN);
  assertEquals(parsed("10").batch, 10);
  assertEquals(parsed(" 10 ").batch, 10);
  assertEquals(parsed("-3").batch, -3);
  assertEquals(parsed("+4").batch, 4);
  assertEquals(parsed("ten").batch, 1);
  assertEquals(parsed("1.5").batch, 1);
});

Deno.test("PullRequest reads JSON as clients send it, in any order and spacing", () => {
  const full = {
    ...PLAIN,
    isJson: true,
    batch: 100,
    maxBytes: 4096,
    noWait: true,
    expiresMs: 5000,
    heartbeatMs: 500.5,
    group: "A",
    minPending: 3,
    minAckPending: 4,
    id: "pin",
    priority: 7,
  };
  const json = '{"batch":100,"expires":5000000000,"no_wait":true,"max_bytes":4096,' +
    '"idle_heartbeat":500500000,"group":"A","min_pending":3,"min_ack_pending":4,"id":"pin",' +
    '"priority":7}';
  assertEquals(shown(parsed(json)), full);
  assertEquals(shown(parsed(json.replaceAll(/([:,{}])/g, " $1\t"))), full);
  const reversed = JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(json)).reverse()));
  assertEquals(shown(parsed(reversed)), full);
});

Deno.test("PullRequest gives a batch of 0 for JSON without one", () => {
  assertEquals(shown(parsed("{}")), { ...PLAIN, isJson: true, batch: 0 });
  assertEquals(parsed('{"expires":1000000}').batch, 0);
  assertEquals(parsed('{"no_wait":false}').noWait, false);
});

Deno.test("PullRequest hands unusual JSON to the general decoder", () => {
  assertEquals(parsed('{"Batch":5}').batch, 5);
  assertEquals(parsed('{"batch":5,"other":[1,{"a":null}]}').batch, 5);
  assertEquals(parsed('{"batch":-5}').batch, -5);
  assertEquals(parsed('{"group":"\\u0041"}').group, "A");
  assertEquals(parsed('{"group":"ä"}').group, "ä");
  assertEquals(parsed('{"batch":null}').batch, 0);
  assertEquals(parsed('{"expires":99000000000000000}').expiresMs, 99_000_000_000);
  assertEquals(parsed('{"batch":7,"batch":8}').batch, 8);
});

Deno.test("PullRequest says what is wrong with others", () => {
  for (const bad of ['{"batch":"5"}', '{"batch":5', "{batch:5}", '{"no_wait":1}', '{"batch":01}']) {
    const request = new PullRequest();
    const bytes = new TextEncoder().encode(bad);
    assert(!request.parse(bytes, 0, bytes.length), bad);
    assert(request.error !== "", bad);
  }
  assertEquals(
    parsed('{"batch":"5"}').error,
    "json: cannot unmarshal string into Go struct field " +
      "JSApiConsumerGetNextRequest.batch of type int",
  );
});

Deno.test("PullRequest refuses heartbeats that do not fit twice into the time", () => {
  assertEquals(parsed('{"expires":999,"idle_heartbeat":500}').error, "heartbeat value too large");
  assertEquals(parsed('{"expires":1000,"idle_heartbeat":500}').error, "");
  assertEquals(parsed('{"idle_heartbeat":500}').error, "heartbeat value too large");
});

Deno.test("PullRequest.parse() does not read past the end of a cut request", () => {
  const json = '{"batch":100,"expires":5000000000,"no_wait":true,"group":"A"}';
  const bytes = new TextEncoder().encode(json);
  for (let end = 1; end < bytes.length; end++) {
    const request = new PullRequest();
    assert(!request.parse(bytes, 0, end), json.slice(0, end));
  }
});
