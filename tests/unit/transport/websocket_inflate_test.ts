/**
 * The inflater of compressed WebSocket messages: damaged, cut and changed ones end in an error or in
 * a message that is within the limit, and the next message is not touched by it.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  MessageInflater,
  MessageTooBigError,
  startOfMessage,
} from "../../../src/transport/websocket/deflate.ts";
import { packed, randomBytes } from "../../harness/websocket.ts";
import { SeededRandom } from "../../sim/random.ts";

const UNPACKED_MAX = 5000;
const PACKED_MAX = 8 * UNPACKED_MAX;

/** Bytes that compress well, or not at all. */
function message(random: SeededRandom): Uint8Array {
  const size = 1 + random.below(2 * UNPACKED_MAX);
  return random.below(2) === 0
    ? randomBytes(random, size)
    : Uint8Array.from({ length: size }, () => random.below(3));
}

/** Adds `bytes` in parts of any size. */
function addInParts(inflater: MessageInflater, bytes: Uint8Array, random: SeededRandom): void {
  for (let at = 0; at < bytes.length;) {
    const part = bytes.subarray(at, at + 1 + random.below(bytes.length));
    inflater.add(part, PACKED_MAX);
    at += part.length;
  }
}

for (const seed of [1, 2, 3, 4]) {
  Deno.test(`compressed messages of any bytes, seed ${seed}`, async () => {
    const random = new SeededRandom(seed);
    const inflater = new MessageInflater();
    const outcomes = { damaged: 0, unpacked: 0 };
    for (let i = 0; i < 200; i++) {
      const sent = message(random);
      const whole = packed(sent);
      addInParts(inflater, whole, random);
      if (sent.length > UNPACKED_MAX) {
        try {
          inflater.finish(UNPACKED_MAX);
          assert(false, "a message over the limit");
        } catch (error) {
          assert(error instanceof MessageTooBigError, String(error));
          const start = await startOfMessage(error.packed!, UNPACKED_MAX);
          assertEquals(start, sent.slice(0, UNPACKED_MAX));
        }
      } else assertEquals(new Uint8Array(inflater.finish(UNPACKED_MAX)), sent);

      const broken = random.below(4) === 0
        ? randomBytes(random, 1 + random.below(300))
        : whole.slice(0, random.below(2) === 0 ? whole.length : 1 + random.below(whole.length));
      for (let n = random.below(4); n > 0; n--) {
        broken[random.below(broken.length)] = random.below(256);
      }
      addInParts(inflater, broken, random);
      try {
        assert(inflater.finish(UNPACKED_MAX).length <= UNPACKED_MAX);
        outcomes.unpacked++;
      } catch (error) {
        if (error instanceof MessageTooBigError) {
          const start = await startOfMessage(error.packed!, UNPACKED_MAX);
          assert(start.length <= UNPACKED_MAX);
        } else {
          outcomes.damaged++;
          assert((error as Error).message.startsWith("flate: corrupt input"), String(error));
        }
      }
    }
    for (const [outcome, count] of Object.entries(outcomes)) assert(count > 0, outcome);
  });
}
