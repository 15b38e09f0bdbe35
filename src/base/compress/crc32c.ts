/**
 * CRC-32C (Castagnoli), four bytes at a time, as the Snappy and S2 framing formats use it.
 *
 * @module
 */

const POLYNOMIAL = 0x82f63b78;

function makeTables(): Uint32Array[] {
  const tables = [0, 1, 2, 3].map(() => new Uint32Array(256));
  const [t0, t1, t2, t3] = tables as [Uint32Array, Uint32Array, Uint32Array, Uint32Array];
  for (let i = 0; i < 256; i++) {
    let c = i;
    for (let k = 0; k < 8; k++) c = (c & 1) !== 0 ? (c >>> 1) ^ POLYNOMIAL : c >>> 1;
    t0[i] = c >>> 0;
  }
  for (let i = 0; i < 256; i++) {
    t1[i] = (t0[i]! >>> 8) ^ t0[t0[i]! & 255]!;
    t2[i] = (t1[i]! >>> 8) ^ t0[t1[i]! & 255]!;
    t3[i] = (t2[i]! >>> 8) ^ t0[t2[i]! & 255]!;
  }
  return tables;
}

const TABLES = makeTables();

/** CRC-32C of `[start, end)` of `bytes` (borrowed). */
export function crc32c(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  const t0 = TABLES[0]!;
  const t1 = TABLES[1]!;
  const t2 = TABLES[2]!;
  const t3 = TABLES[3]!;
  let crc = 0xffffffff;
  let at = start;
  for (const last = end - 3; at < last; at += 4) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc = t3[crc & 255]! ^ t2[(crc >>> 8) & 255]! ^ t1[(crc >>> 16) & 255]! ^ t0[crc >>> 24]!;
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[at]!) & 255]!;
  return ~crc >>> 0;
}

/** The masked form in which frames carry it. */
export function maskedCrc32c(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  const crc = crc32c(bytes, start, end);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
