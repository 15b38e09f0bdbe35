/**
 * Reply subjects of fast batches.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { fastBatchReply, parseFastBatchReply } from "../../../src/jetstream/batch/batch_reply.ts";
import { appendHeader } from "../../../src/protocol/mod.ts";

Deno.test("the parts of a fast batch's reply subject are read from its end", () => {
  const place = { id: "ID", flow: 100, gapOk: true, seq: 7 };
  const none = { ping: false, commit: false, commitEob: false };
  const cases: [string, unknown][] = [
    ["_INBOX.x.ID.100.ok.7.1.$FI", { ...place, ...none }],
    ["p.ID.100.ok.7.2.$FI", { ...place, ...none, commit: true }],
    ["p.ID.100.ok.7.3.$FI", { ...place, ...none, commit: true, commitEob: true }],
    ["p.ID.100.ok.7.4.$FI", { ...place, ...none, ping: true }],
    ["p.ID.100.fail.1.0.$FI", { ...place, ...none, gapOk: false, seq: 1 }],
    ["p.ID.0.ok.7.1.$FI", { ...place, ...none, flow: 10 }],
    ["p.ID.x.ok.7.1.$FI", { ...place, ...none, flow: 10 }],
    ["p.ID.70000.ok.7.1.$FI", { ...place, ...none, flow: 65_535 }],
    ["p.ID.100.ok.7.5.$FI", null],
    ["p.ID.100.ok.7.-1.$FI", null],
    ["p.ID.100.ok.7.$FI", null],
    ["ID.100.ok.7.1.$FI", null],
    ["p.ID.100.maybe.7.1.$FI", null],
    ["p.ID.100.ok.0.1.$FI", null],
    ["p.ID.100.ok.7.0.$FI", null],
    ["p.ID.100.ok.1.1.$FI", null],
    ["p.ID.100.ok.1.3.$FI", null],
    ["p.ID.100.ok.x.1.$FI", null],
    ["p.ID.100.ok..1.$FI", null],
    ["......$FI", null],
    [".$FI", null],
    ["x.$FI", null],
  ];
  for (const [reply, expected] of cases) assertEquals(parseFastBatchReply(reply), expected, reply);
});

Deno.test("fastBatchReply() finds a reply subject of another account in the headers", () => {
  const place = "p.ID.100.ok.7.1.$FI";
  const none = new Uint8Array(0);
  const asking = (info: string) => appendHeader(null, "Nats-Request-Info", info);
  const there = asking(`{"acc":"B","rtt":1,"reply":"${place}"}`);
  const cases: [string, Uint8Array, string][] = [
    [place, none, place],
    ["p.ID.100.ok.7.1.$FIX", none, ""],
    ["", none, ""],
    ["_R_.AbCdEf.GhIjKl", none, ""],
    ["_R_.AbCdEf.GhIjKl", there, place],
    ["_INBOX.AbCdEf.GhIjKl", there, ""],
    ["_R_.AbCdEf.GhIjKl", asking(`{"acc":"B","reply":"_INBOX.1"}`), ""],
    ["_R_.AbCdEf.GhIjKl", asking(`{"acc":"B"}`), ""],
    ["_R_.AbCdEf.GhIjKl", asking(`{"reply":1}`), ""],
    ["_R_.AbCdEf.GhIjKl", asking(`{`), ""],
  ];
  for (const [reply, headers, expected] of cases) {
    assertEquals(fastBatchReply(reply, headers), expected);
  }
});
