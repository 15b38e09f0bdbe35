/**
 * Reply subjects of deliveries, both forms.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { byteStringOf } from "../../../src/base/text/byte_string.ts";
import {
  AckInfo,
  AckSubjectWriter,
  writeNumber,
} from "../../../src/jetstream/consumer/ack_subject.ts";
import { highOfNs, lowOfNs } from "../../../src/store/timestamp.ts";

function written(prefix: string, timeNs: bigint, numbers: [number, number, number, number]) {
  const writer = new AckSubjectWriter(prefix);
  const [deliveries, streamSeq, consumerSeq, pending] = numbers;
  const end = writer.write(
    deliveries,
    streamSeq,
    consumerSeq,
    highOfNs(timeNs),
    lowOfNs(timeNs),
    pending,
  );
  return byteStringOf(writer.bytes, 0, end);
}

Deno.test("AckSubjectWriter writes what the reference's template gives", () => {
  assertEquals(
    written("$JS.ACK.S.C.", 1_764_045_813_741_281_196n, [1, 22, 333, 0]),
    "$JS.ACK.S.C.1.22.333.1764045813741281196.0",
  );
  assertEquals(
    written("$JS.ACK._.h.S.C.", 1_764_045_813_000_000_007n, [10, 9007199254740991, 1, 100]),
    "$JS.ACK._.h.S.C.10.9007199254740991.1.1764045813000000007.100",
  );
  assertEquals(written("a.", 999_999_999n, [1, 1, 1, 1]), "a.1.1.1.999999999.1");
  assertEquals(written("a.", 0n, [1, 1, 1, 1]), "a.1.1.1.0.1");
  assertEquals(written("a.", 1_000_000_000n, [1, 1, 1, 1]), "a.1.1.1.1000000000.1");
});

Deno.test("AckSubjectWriter writes over what was longer", () => {
  const writer = new AckSubjectWriter("a.");
  writer.write(100, 100, 100, 1, 1, 100);
  const end = writer.write(1, 2, 3, 0, 4, 5);
  assertEquals(byteStringOf(writer.bytes, 0, end), "a.1.2.3.4.5");
});

Deno.test("writeNumber() writes any safe integer", () => {
  const bytes = new Uint8Array(20);
  for (const value of [0, 1, 9, 10, 99, 100, 2 ** 31, 2 ** 32, 10 ** 15, 2 ** 53 - 1]) {
    assertEquals(byteStringOf(bytes, 0, writeNumber(bytes, 0, value)), String(value));
  }
});

Deno.test("AckInfo reads both forms, and more tokens behind the second", () => {
  const info = new AckInfo();
  const wanted = { streamSeq: 22, consumerSeq: 333, deliveries: 4 };
  for (
    const subject of [
      "$JS.ACK.S.C.4.22.333.1764045813741281196.0",
      "$JS.ACK._.hash.S.C.4.22.333.1764045813741281196.0",
      "$JS.ACK.hub.hash.S.C.4.22.333.1764045813741281196.0.random",
      "$JS.ACK.hub.hash.S.C.4.22.333.1764045813741281196.0.random.more",
    ]
  ) {
    assert(info.parse(subject), subject);
    const { streamSeq, consumerSeq, deliveries } = info;
    assertEquals({ streamSeq, consumerSeq, deliveries }, wanted, subject);
  }
});

Deno.test("AckInfo refuses what is no reply subject", () => {
  const info = new AckInfo();
  for (
    const subject of [
      "",
      "foo",
      "$JS.ACK.S.C.4.22.333.1764045813741281196",
      "$JS.ACK.S.C.4.22.333.1764045813741281196.0.0",
      "$JS.FC.S.C.4.22.333.1764045813741281196.0",
      "$JS.ACKS.C.4.22.333.1764045813741281196.0.0",
    ]
  ) {
    assert(!info.parse(subject), subject);
    assertEquals([info.streamSeq, info.consumerSeq, info.deliveries], [0, 0, 0]);
  }
});

Deno.test("AckInfo takes what is no number for a sequence that no stream has", () => {
  const info = new AckInfo();
  assert(info.parse("$JS.ACK.S.C.x.-1..1764045813741281196.0"));
  assertEquals(info.streamSeq, Number.MAX_SAFE_INTEGER);
  assertEquals(info.consumerSeq, Number.MAX_SAFE_INTEGER);
});
