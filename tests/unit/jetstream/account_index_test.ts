/**
 * What an account keeps of its streams to check new ones, compared with looking at all of them.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { accountReservation, tierName } from "../../../src/jetstream/engine/limits.ts";
import { Reservations } from "../../../src/jetstream/engine/reservations.ts";
import { SubjectIndex } from "../../../src/jetstream/engine/subject_index.ts";
import { emptyStreamConfig, type StreamConfig } from "../../../src/jsapi/mod.ts";
import { subjectsCollide } from "../../../src/subject/mod.ts";
import { SeededRandom } from "../../sim/random.ts";

const TOKENS = ["a", "b", "c", "*", "*a", ">b", "**"];

function randomSubject(random: SeededRandom): string {
  const tokens = Array.from(
    { length: 1 + random.below(4) },
    () => TOKENS[random.below(TOKENS.length)]!,
  );
  if (random.below(4) === 0) tokens[tokens.length - 1] = ">";
  return tokens.join(".");
}

Deno.test("SubjectIndex.meetsOther() says what comparing all subjects says", () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
  const random = new SeededRandom(seed);
  for (let round = 0; round < 200; round++) {
    const index = new SubjectIndex<number>();
    const model = new Map<number, string[]>();
    for (let step = 0; step < 30; step++) {
      const owner = random.below(6);
      const subjects = [
        ...new Set(Array.from({ length: random.below(3) }, () => randomSubject(random))),
      ];
      if (random.below(4) === 0) {
        index.delete(owner);
        model.delete(owner);
      } else {
        index.set(owner, subjects);
        model.set(owner, subjects);
      }
      const asked = [randomSubject(random), randomSubject(random)];
      const self = random.below(3) === 0 ? null : random.below(6);
      const expected = [...model].some(([other, has]) =>
        other !== self && has.some((one) => asked.some((subject) => subjectsCollide(subject, one)))
      );
      const what = `seed ${seed}: ${asked} among ${JSON.stringify([...model])} without ${self}`;
      assertEquals(index.meetsOther(asked, self), expected, what);
    }
    index.clear();
    assertEquals(index.meetsOther([">"], null), false);
  }
});

Deno.test("Reservations count what looking at all streams counts", () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
  const random = new SeededRandom(seed);
  const reservations = new Reservations();
  const model = new Map<string, StreamConfig>();
  for (let step = 0; step < 2000; step++) {
    const config: StreamConfig = {
      ...emptyStreamConfig(),
      name: `S${random.below(8)}`,
      replicas: [0, 1, 3][random.below(3)]!,
      maxBytes: [-1, 0, 1000, 1 + random.below(1e6)][random.below(4)]!,
      storage: random.below(2) === 0 ? "memory" : "file",
    };
    const present = model.get(config.name) ?? null;
    for (const tier of ["", tierName(config.replicas)]) {
      const others = [...model.values()].filter(({ name, replicas }) =>
        name !== config.name && (tier === "" || tierName(replicas) === tier)
      );
      const what = `seed ${seed}, step ${step}, tier "${tier}"`;
      assertEquals(reservations.streams(tier, config, present), others.length, what);
      const bytes = others.filter(({ storage }) => storage === config.storage)
        .reduce((sum, one) => sum + accountReservation(tier, one.replicas, one.maxBytes), 0);
      assertEquals(reservations.reservedByOthers(tier, config, present), bytes, what);
      const all = [...model.values()].filter(({ storage, maxBytes, replicas }) =>
        storage === "memory" && maxBytes > 0 && (tier === "" || tierName(replicas) === tier)
      );
      const memory = all.reduce((sum, one) => sum + one.maxBytes, 0);
      assertEquals(reservations.reserved(tier).memory, memory, what);
    }
    if (present !== null) reservations.remove(present);
    model.delete(config.name);
    if (random.below(3) === 0) continue;
    reservations.add(config);
    model.set(config.name, config);
  }
});
