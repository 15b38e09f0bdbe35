// Ports: server/thw/thw_test.go
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  BadWheelEncodingError,
  HashWheel,
  TaskNotFoundError,
} from "../../../../src/base/containers/thw/mod.ts";
import { putVarint64 } from "../../../../src/base/bytes/varint.ts";

const nowSec = () => Math.floor(Date.now() / 1000);
const NS = 123_456_789;

Deno.test("TestHashWheelBasics", () => {
  const wheel = new HashWheel();
  const sec = nowSec() + 5;
  wheel.add(1, sec, NS);
  assertEquals(wheel.count(), 1);
  assertThrows(() => wheel.remove(999, sec), TaskNotFoundError, "thw: task not found");
  assertEquals(wheel.count(), 1);
  wheel.remove(1, sec);
  assertEquals(wheel.count(), 0);
  assertThrows(() => wheel.remove(1, sec), TaskNotFoundError);
  assertEquals(wheel.count(), 0);
});

Deno.test("TestHashWheelUpdate", () => {
  const wheel = new HashWheel();
  const oldSec = nowSec() + 5;
  const newSec = nowSec() + 10;
  wheel.add(1, oldSec, NS);
  assertEquals(wheel.count(), 1);
  wheel.update(1, oldSec, newSec, NS);
  assertEquals(wheel.count(), 1);
  assertThrows(() => wheel.remove(1, oldSec), TaskNotFoundError);
  assertEquals(wheel.count(), 1);
  wheel.remove(1, newSec);
  assertEquals(wheel.count(), 0);
});

Deno.test("TestHashWheelExpiration", () => {
  const wheel = new HashWheel();
  const now = nowSec();
  for (const [seq, delta] of [[1, -1], [2, 1], [3, 10], [4, 60]] as const) {
    wheel.add(seq, now + delta, NS);
  }
  assertEquals(wheel.count(), 4);
  const expired = new Set<number>();
  wheel.expire(now, NS, (seq) => {
    expired.add(seq);
    return true;
  });
  assertEquals([...expired], [1]);
  assertEquals(wheel.count(), 3);
});

Deno.test("TestHashWheelManualExpiration", () => {
  const wheel = new HashWheel();
  const now = nowSec();
  for (let seq = 1; seq <= 4; seq++) wheel.add(seq, now, NS);
  assertEquals(wheel.count(), 4);
  const expired = new Map<number, number>();
  const note = (seq: number) => expired.set(seq, (expired.get(seq) ?? 0) + 1);
  for (let i = 0; i <= 1; i++) {
    wheel.expire(now, NS, (seq) => {
      note(seq);
      return false;
    });
    assertEquals(expired.size, 4);
    for (let seq = 1; seq <= 4; seq++) assertEquals(expired.get(seq), 1 + i);
    assertEquals(wheel.count(), 4);
  }
  for (let i = 0; i <= 1; i++) {
    wheel.expire(now, NS, (seq) => {
      note(seq);
      return seq % 2 === 0;
    });
    assertEquals([1, 2, 3, 4].map((seq) => expired.get(seq)), [3 + i, 3, 3 + i, 3]);
    assertEquals(wheel.count(), 2);
  }
  wheel.remove(1, now);
  wheel.remove(3, now);
  assertEquals(wheel.count(), 0);
});

Deno.test("TestHashWheelExpirationLargerThanWheel", () => {
  const wheel = new HashWheel();
  wheel.add(1, 0, 0);
  wheel.add(2, 1, 0);
  assertEquals(wheel.count(), 2);
  const expired = new Set<number>();
  wheel.expire(4095, 0, (seq) => {
    expired.add(seq);
    return true;
  });
  assertEquals(expired.size, 2);
  assertEquals(wheel.count(), 0);
});

Deno.test("TestHashWheelNextExpiration", () => {
  const wheel = new HashWheel();
  const now = nowSec();
  wheel.add(1, now + 5, NS);
  wheel.add(2, now + 3, NS);
  wheel.add(3, now + 10, NS);
  assertEquals(wheel.count(), 3);
  assertEquals([wheel.lowestSec(), wheel.lowestNs()], [now + 3, NS]);
  assert(wheel.lowestMs() < (now + 6) * 1000);
  assertEquals(new HashWheel().lowestSec(), Infinity);
});

Deno.test("TestHashWheelStress", () => {
  const wheel = new HashWheel();
  const now = nowSec();
  const count = 100_000;
  for (let seq = 0; seq < count; seq++) wheel.add(seq, now + seq, NS);
  for (let seq = 0; seq < count; seq += 2) wheel.update(seq, now + seq, now + seq + count, NS);
  for (let seq = 1; seq < count; seq += 2) wheel.remove(seq, now + seq);
  assertEquals(wheel.count(), count / 2);
});

Deno.test("TestHashWheelEncodeDecode", () => {
  const wheel = new HashWheel();
  const now = nowSec();
  const count = 100_000;
  for (let seq = 0; seq < count; seq++) wheel.add(seq, now + seq, NS);
  const bytes = wheel.encode(12345);
  assert(bytes.length > 17);
  const copy = new HashWheel();
  assertEquals(copy.decode(bytes), 12345);
  assertEquals(copy.lowestMs(), wheel.lowestMs());
  assertEquals(copy.count(), wheel.count());
  const entries = new Map<number, string>();
  wheel.forEach((seq, sec, ns) => entries.set(seq, `${sec}.${ns}`));
  copy.forEach((seq, sec, ns) => assertEquals(entries.get(seq), `${sec}.${ns}`));
  assertEquals(copy.encode(12345), bytes);
});

Deno.test("TestHashWheelDecodeRejectsMalformed", async (t) => {
  const header = (count: bigint, extra: number[] = []) => {
    const bytes = new Uint8Array(17 + extra.length);
    bytes[0] = 1;
    new DataView(bytes.buffer).setBigUint64(1, count, true);
    bytes.set(extra, 17);
    return bytes;
  };
  const varint = new Uint8Array(10);
  const size = putVarint64(varint, 0, 12345n);
  const badVersion = header(0n);
  badVersion[0] = 2;
  const cases: [string, Uint8Array, string][] = [
    ["ShortHeader", new Uint8Array(16), "short buffer"],
    ["BadVersion", badVersion, "thw: encoded version not known"],
    ["TruncatedAtVarints", header(1n), "unexpected EOF"],
    ["TruncatedSeq", header(1n, [...varint.subarray(0, size)]), "unexpected EOF"],
  ];
  for (const [title, bytes, text] of cases) {
    await t.step(title, () => {
      assertThrows(() => new HashWheel().decode(bytes), BadWheelEncodingError, text);
    });
  }
});
