/**
 * The tally of subjects agrees with a map, also where it grows and where hashes meet.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { bytesOfByteString } from "../../../src/base/text/byte_string.ts";
import { SubjectTally } from "../../../src/store/file/stream/subject_tally.ts";
import { SeededRandom } from "../../sim/random.ts";

Deno.test("SubjectTally counts as a map does", () => {
  const random = new SeededRandom(Date.now());
  console.log(`seed ${random.seed}`);
  const tally = new SubjectTally();
  const expected = new Map<string, [number, number, number]>();
  const tokens = ["a", "b\xff", "long-token-of-a-subject".repeat(9), "\x01", "é".slice(0, 1)];
  for (let block = 1; block <= 20; block++) {
    for (let i = 0; i < 2000; i++) {
      const subject = `${tokens[random.below(tokens.length)]}.${random.below(4000)}`;
      const count = 1 + random.below(3);
      const bytes = bytesOfByteString(`xx${subject}yy`);
      tally.add(bytes, 2, bytes.length - 2, count, block);
      const known = expected.get(subject);
      expected.set(subject, [(known?.[0] ?? 0) + count, known?.[1] ?? block, block]);
    }
  }
  const found: [string, [number, number, number]][] = [];
  tally.each((subject, ...entry) => void found.push([subject, entry]));
  assertEquals(tally.size, expected.size);
  assertEquals(found, [...expected]);
});
