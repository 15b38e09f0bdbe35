/**
 * Golden values of the checksums, ciphers and compression, computed with the Go libraries that
 * the reference uses.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  compressS2,
  CorruptS2Error,
  crc32c,
  decompressS2,
} from "../../../src/base/compress/mod.ts";
import {
  BlockCipher,
  HASH_INPUT_AT,
  HighwayHash,
  openSealed,
  OpenSealedError,
  ScanStop,
  seal,
} from "../../../src/base/crypto/mod.ts";
import { SeededRandom } from "../../sim/random.ts";

const HASHES: [number, string][] = [
  [0, "c8d80290a4a54813"],
  [1, "25a13f34e15ccbfe"],
  [3, "9de763966c545020"],
  [4, "7e43ba757a5e1a79"],
  [15, "f3916d8cb5617598"],
  [16, "6696766a26768e02"],
  [17, "f5cdf5f4df6f8a75"],
  [19, "d5d6dcdd8ec5876f"],
  [31, "88f868f1ee97169f"],
  [32, "448fedaf97ce3f26"],
  [33, "a3acf0e54aee9c73"],
  [47, "d22de860f5d5c043"],
  [48, "4a0a6030833b0bf3"],
  [63, "17a960a49e85edde"],
  [64, "ea2a3689ada93a1e"],
  [65, "01797a407c78cf5f"],
  [70, "02039a1876a09145"],
];

Deno.test("HighwayHash-64 gives the Go library's values at every kind of length", () => {
  const hasher = new HighwayHash();
  hasher.setKey(new Uint8Array(32).map((_, i) => i * 7 + 3));
  for (const [size, expected] of HASHES) {
    assertEquals(hasher.hash(new Uint8Array(size).map((_, i) => i * 31 + size)).toHex(), expected);
  }
});

Deno.test("scan() verifies sealed records and stops at the first wrong byte", () => {
  const hasher = new HighwayHash();
  hasher.setKey(new Uint8Array(32));
  let at = HASH_INPUT_AT;
  for (const [length, subject, headers] of [[60, 5, 0], [90, 7, 12], [30, 0, 0]] as const) {
    const flags = headers > 0 ? length + 2 ** 31 : length;
    hasher.view.setUint32(at, flags, true);
    hasher.bytes.fill(at & 255, at + 4, at + length);
    hasher.view.setUint16(at + 20, subject, true);
    if (headers > 0) hasher.view.setUint32(at + 22 + subject, headers, true);
    const before = hasher.bytes.slice(at, at + length - 8);
    hasher.seal(at, length, headers > 0);
    assertEquals(hasher.bytes.slice(at, at + length - 8), before);
    at += length;
  }
  const size = at - HASH_INPUT_AT;
  assertEquals(hasher.scan(HASH_INPUT_AT, size), size);
  assertEquals(hasher.scanStop(), ScanStop.End);
  assertEquals(hasher.scan(HASH_INPUT_AT, size - 1), 150);
  assertEquals(hasher.scanStop(), ScanStop.Incomplete);
  hasher.bytes[HASH_INPUT_AT + 60 + 50]! ^= 1;
  assertEquals(hasher.scan(HASH_INPUT_AT, size), 60);
  assertEquals(hasher.scanStop(), ScanStop.Bad);
});

const KEY = new Uint8Array(32).map((_, i) => i);
const NONCE = new Uint8Array(24).map((_, i) => i * 3);
const HELLO = new TextEncoder().encode("hello");

Deno.test("sealed values are those of Go's XChaCha20-Poly1305 and AES-GCM", () => {
  const cases = [
    ["ChaCha20-Poly1305", NONCE, "a9a7837ececc96b7ff44a85d632f4a14e7c48ae64b"],
    ["AES-GCM", NONCE.slice(0, 16), "82140347a97b6e8a373977d122b577a4b9bfb5c4b6"],
  ] as const;
  for (const [cipher, nonce, expected] of cases) {
    const sealed = seal(cipher, KEY, nonce, HELLO);
    assertEquals(sealed.slice(nonce.length).toHex(), expected);
    assertEquals(openSealed(cipher, KEY, sealed), HELLO);
    sealed[nonce.length]! ^= 1;
    assertThrows(() => openSealed(cipher, KEY, sealed), OpenSealedError);
  }
});

Deno.test("block key streams are Go's and can start anywhere", () => {
  const cases = [
    [
      "ChaCha20-Poly1305",
      NONCE,
      "c272356aae0a02caebff546821869a9765535c50a9e250cfe3c2862c09366c98982c787ecee2d043a718bc107e4e568406645e67104492f1dbe44848b95aeff7c1c2ef12a18432cee72c677bc1f1530d81f358fc746af891d575aff38a55dfe2cd5c12db",
    ],
    [
      "AES-GCM",
      NONCE.slice(0, 16),
      "9216c77b29b515e614f75e186b399d4aac99110ea80ee43cd220a2e6decccc98eccf554e71766dc7a07d25805d587c733ebddb3001a8ecafdb5de88dc7075c03c0a5448cd332a9037efe9e8425d10340e83f7b4ad29cb912a3ae35084179a2dd94308601",
    ],
  ] as const;
  for (const [cipher, nonce, start] of cases) {
    const block = new BlockCipher(cipher, KEY, nonce);
    const all = block.apply(new Uint8Array(5000), 0);
    assertEquals(all.slice(0, 100).toHex(), start);
    for (const offset of [1, 15, 16, 17, 63, 64, 65, 4095]) {
      assertEquals(block.apply(new Uint8Array(300), offset), all.slice(offset, offset + 300));
    }
  }
});

Deno.test("CRC-32C has its published check value", () => {
  assertEquals(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
});

/** A stream that Go's best compression wrote: it uses repeat codes. */
const GO_S2 =
  "/wYAAFMyc1R3TwClAQCHUNkQ2KoEaHN1YmplY3QuMC4wIHNvbWUgcGF5bG9hZCAwfBEbCDEuMRUABgAxFRsIMi4yFQAGADQVGwgzLjMVAAYAORUbCDQuNBUABgQxNhVtCDUuNRUABgQyNRUcCDYuNhUABgAzGTgINy43FQAGADQZcAg4LjgVAAYANhmnCDkuORUABgA4Gd4MMTAuMToWAQQxMD0YCDEuMT4aAQAyHT4IMi4xOh4BBDE0GXkMMTMuMToiAQQxNhm0DDE0LjE+JgEAORnvDDE1LjE+KQE9KgwxNi4xOiwBBDI1GT4IMC4xOi4BBDI4HXsELjE6MAEEMzIZuAgyLjE6MgEEMzYZ9QgzLjI6MgEAND0yCDQuMjoxAQQ0NDkxCDUuMj5OAgA4GXgINi4yOi8BBDUyOS8INy4yOi4BBDU3OS4IOC4yOi0BADY9LQg5LjI6LAEANh08DDEwLjI6LQEANx15DDExLjI6LgEANx22DDEyLjI+YQId8wwxMy4zOjABADk9MAwxNC4zOjEBADk9bQwxNS4zPmICADA9qwwxNi4zMTRx6B0AZBEA";

Deno.test("S2 streams of the Go library are read, repeat codes included", () => {
  let expected = "";
  for (let i = 0; expected.length < 1000; i++) {
    expected += `subject.${i % 17}.${i} some payload ${i * i}|`;
  }
  const bytes = decompressS2(Uint8Array.fromBase64(GO_S2));
  assertEquals(new TextDecoder().decode(bytes), expected.slice(0, 1000).repeat(71));
});

Deno.test("S2 round trips data of all sizes, and damage is found", () => {
  const random = new SeededRandom(Date.now());
  console.log(`seed ${random.seed}`);
  for (const size of [0, 1, 5, 15, 16, 17, 100, 65535, 65536, 70_000, 1_200_000]) {
    const data = new Uint8Array(size);
    for (let i = 0; i < size; i++) data[i] = random.chance(0.7) && i > 40 ? data[i - 40]! : i;
    const packed = compressS2(data);
    assertEquals(decompressS2(packed), data);
    if (size < 100) continue;
    const at = 10 + random.below(packed.length - 10);
    packed[at]! ^= 1 + random.below(255);
    try {
      // A chunk may have become one that is skipped: then data is missing, which blocks notice. A
      // copy may come from elsewhere with the same bytes. Wrong data never comes out.
      const out = decompressS2(packed);
      const isSame = out.every((byte, i) => byte === data[i]);
      assert(out.length < size || isSame, `flip at ${at} of ${size} was not noticed`);
    } catch (error) {
      assert(error instanceof CorruptS2Error, String(error));
    }
  }
});
