/**
 * Bytes to one connection leave once and in order, however they come and however slowly they go.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Outbound, SlabPool } from "../../../src/core/connection/outbound.ts";
import type { Transport } from "../../../src/platform/mod.ts";
import { SeededRandom } from "../../sim/random.ts";

/** A transport that takes a part of what it is given, some microtasks later. */
class SlowTransport {
  readonly taken: Uint8Array[] = [];
  constructor(readonly random: SeededRandom) {}

  async write(source: Uint8Array): Promise<number> {
    const count = 1 + this.random.below(source.length);
    for (let i = this.random.below(4); i > 0; i--) await Promise.resolve();
    this.taken.push(source.slice(0, count));
    return count;
  }

  get bytes(): Uint8Array {
    const all = new Uint8Array(this.taken.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of this.taken) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
}

for (const seed of [1, 2, 3, 4, 5]) {
  Deno.test(`what is appended leaves once and in order, seed ${seed}`, async () => {
    const random = new SeededRandom(seed);
    const transport = new SlowTransport(random);
    const owner = {
      onWritten: () => {},
      onWriteFailed: (error: unknown) => assert(false, String(error)),
    };
    const out = new Outbound(transport as unknown as Transport, new SlabPool(), owner, () => 1);
    let total = 0;
    let sum = 0;
    for (let i = 0; i < 300; i++) {
      const sizes = [20, 2000, 20_000, 100_000, 700_000] as const;
      const part = new Uint8Array(1 + random.below(sizes[random.below(sizes.length)]!));
      for (let at = 0; at < part.length; at++) part[at] = (total + at) % 251;
      out.append(part);
      total += part.length;
      sum = Math.max(sum, out.pendingBytes);
      assert(out.bufferedBytes >= part.length);
      if (random.below(3) === 0) out.flush();
      if (random.below(5) === 0) await Promise.resolve();
      if (random.below(40) === 0) await out.drained();
    }
    out.flush();
    await out.drained();
    const { bytes } = transport;
    assertEquals([bytes.length, out.pendingBytes, out.bufferedBytes], [total, 0, 0]);
    assert(bytes.every((byte, at) => byte === at % 251));
  });
}

Deno.test("nothing more is written after close", async () => {
  const transport = new SlowTransport(new SeededRandom(1));
  const owner = {
    onWritten: () => {},
    onWriteFailed: (error: unknown) => assert(false, String(error)),
  };
  const out = new Outbound(transport as unknown as Transport, new SlabPool(), owner, () => 1);
  for (let i = 0; i < 10; i++) out.append(new Uint8Array(100_000));
  out.flush();
  out.append(new Uint8Array(10));
  out.close();
  await out.drained();
  for (let i = 0; i < 10; i++) await Promise.resolve();
  assert(transport.taken.length <= 1);
});
