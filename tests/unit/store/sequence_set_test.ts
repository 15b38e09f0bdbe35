import { assertEquals } from "@std/assert";
import { SequenceSet } from "../../../src/base/containers/avl/mod.ts";
import { SeededRandom } from "../../sim/random.ts";

Deno.test("absentAtOrBefore() and absentAtOrAfter() find what a walk finds", () => {
  const seed = Date.now() & 0x7fffffff;
  console.log(`seed ${seed}`);
  const random = new SeededRandom(seed);
  for (let round = 0; round < 20; round++) {
    const set = new SequenceSet();
    const members = new Set<number>();
    for (let run = 0; run < 30; run++) {
      const start = random.below(12_000);
      const count = random.below(round % 2 === 0 ? 2000 : 40);
      for (let seq = start; seq < start + count; seq++) {
        set.insert(seq);
        members.add(seq);
      }
    }
    for (let i = 0; i < 500; i++) {
      const seq = random.below(15_000);
      let before = seq;
      while (members.has(before)) before--;
      let after = seq;
      while (members.has(after)) after++;
      assertEquals(set.absentAtOrBefore(seq), before);
      assertEquals(set.absentAtOrAfter(seq), after);
    }
  }
});
