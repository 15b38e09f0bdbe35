/**
 * Store environments for tests: on the real disk in a temporary directory, or simulated.
 *
 * @module
 */
import { HighwayHash } from "../../src/base/crypto/mod.ts";
import { systemClock } from "../../src/platform/deno/clock.ts";
import { systemDisk } from "../../src/platform/deno/disk.ts";
import { systemLoop } from "../../src/platform/deno/loop.ts";
import { systemRandom } from "../../src/platform/deno/random.ts";
import { discardLogger } from "../../src/platform/log.ts";
import type { Disk } from "../../src/platform/disk.ts";
import type { StoreEnvironment } from "../../src/store/stream_store.ts";
import type { SeededRandom } from "./random.ts";

/** The machine itself. */
export function realEnvironment(): StoreEnvironment {
  return {
    disk: systemDisk(),
    clock: systemClock(),
    loop: systemLoop(),
    random: systemRandom(),
    log: discardLogger(),
    hasher: new HighwayHash(),
  };
}

/** Makes a temporary directory that is removed at the end of its scope. */
export function temporaryDirectory(): { path: string } & Disposable {
  const path = Deno.makeTempDirSync({ prefix: "natsts-store-" });
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

/** An environment on a simulated disk whose timers never fire. */
export function simulatedEnvironment(
  disk: Disk,
  random: SeededRandom,
  hasher: HighwayHash,
): StoreEnvironment {
  let nowMs = 1_790_000_000_000;
  return {
    disk,
    clock: {
      nowMs: () => nowMs += 0.25,
      nowNs: () => BigInt(Math.floor(nowMs += 0.25)) * 1_000_000n,
      monotonicMs: () => nowMs,
    },
    loop: {
      setTimer: () => 0,
      setRepeating: () => 0,
      clearTimer: () => {},
      endOfTurn: () => {},
      nextTurn: () => {},
    },
    random,
    log: discardLogger(),
    hasher,
  };
}
