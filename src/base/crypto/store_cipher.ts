/**
 * The two ciphers of encrypted stores: XChaCha20(-Poly1305) and AES-256 (GCM with a 16-byte
 * nonce, CTR). Sealed values are whole; message blocks use the bare key stream, which can start at
 * any offset so that appends go on where the block ends (reference: filestore.go
 * genEncryptionKey, genBlockEncryptionKey).
 *
 * @module
 */
import { createCipheriv, createDecipheriv } from "node:crypto";

/** The ciphers, with the reference's names. */
export type StoreCipherName = "ChaCha20-Poly1305" | "AES-GCM";

/** Size of keys and seeds. */
export const CIPHER_KEY_BYTES = 32;
const TAG_BYTES = 16;
const CHACHA_NONCE_BYTES = 24;
const AES_NONCE_BYTES = 16;

/** Thrown when a sealed value was changed or the key is wrong. */
export class OpenSealedError extends Error {
  override readonly name = "OpenSealedError";
  constructor(options?: ErrorOptions) {
    super("cipher: message authentication failed", options);
  }
}

/** Bytes of nonce that `cipher` uses for both its forms. */
export function nonceBytesOf(cipher: StoreCipherName): number {
  return cipher === "AES-GCM" ? AES_NONCE_BYTES : CHACHA_NONCE_BYTES;
}

/** `nonce`, then `plain` encrypted and authenticated, in a new array. All inputs borrowed. */
export function seal(
  cipher: StoreCipherName,
  key: Uint8Array,
  nonce: Uint8Array,
  plain: Uint8Array,
): Uint8Array {
  const out = new Uint8Array(nonce.length + plain.length + TAG_BYTES);
  out.set(nonce);
  const engine = cipher === "AES-GCM"
    ? createCipheriv("aes-256-gcm", key, nonce)
    : createCipheriv("chacha20-poly1305", subkeyOf(key, nonce), innerNonceOf(nonce), {
      authTagLength: TAG_BYTES,
    });
  out.set(engine.update(plain), nonce.length);
  engine.final();
  out.set(engine.getAuthTag(), nonce.length + plain.length);
  return out;
}

/** The plain bytes of what {@linkcode seal} made. Throws {@linkcode OpenSealedError}. */
export function openSealed(
  cipher: StoreCipherName,
  key: Uint8Array,
  sealed: Uint8Array,
): Uint8Array {
  const nonceBytes = nonceBytesOf(cipher);
  if (sealed.length < nonceBytes + TAG_BYTES) throw new OpenSealedError();
  const nonce = sealed.subarray(0, nonceBytes);
  const body = sealed.subarray(nonceBytes, sealed.length - TAG_BYTES);
  const engine = cipher === "AES-GCM"
    ? createDecipheriv("aes-256-gcm", key, nonce)
    : createDecipheriv("chacha20-poly1305", subkeyOf(key, nonce), innerNonceOf(nonce), {
      authTagLength: TAG_BYTES,
    });
  engine.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  try {
    const plain = engine.update(body);
    engine.final();
    return new Uint8Array(plain);
  } catch (error) {
    throw new OpenSealedError({ cause: error });
  }
}

/** The key stream of one message block. */
export class BlockCipher {
  readonly #cipher: StoreCipherName;
  readonly #key: Uint8Array;
  readonly #nonce: Uint8Array;

  /** `seed` has 32 bytes, `nonce` {@linkcode nonceBytesOf} bytes; both borrowed. */
  constructor(cipher: StoreCipherName, seed: Uint8Array, nonce: Uint8Array) {
    this.#cipher = cipher;
    this.#key = cipher === "AES-GCM" ? seed.slice() : subkeyOf(seed, nonce);
    this.#nonce = cipher === "AES-GCM" ? nonce.slice() : innerNonceOf(nonce);
  }

  /**
   * `data` (borrowed) combined with the key stream from `offset` of the block, in a new array.
   * Encrypts and decrypts alike.
   */
  apply(data: Uint8Array, offset: number): Uint8Array {
    const unit = this.#cipher === "AES-GCM" ? 16 : 64;
    const skip = offset % unit;
    const counter = (offset - skip) / unit;
    let input = data;
    if (skip > 0) {
      input = new Uint8Array(skip + data.length);
      input.set(data, skip);
    }
    const out = this.#engine(counter).update(input);
    return new Uint8Array(out.buffer, out.byteOffset + skip, data.length);
  }

  #engine(counter: number) {
    const iv = new Uint8Array(16);
    if (this.#cipher === "AES-GCM") {
      iv.set(this.#nonce);
      let carry = counter;
      for (let i = 15; i >= 0 && carry > 0; i--) {
        const sum = iv[i]! + (carry % 256);
        iv[i] = sum & 255;
        carry = Math.floor(carry / 256) + (sum >> 8);
      }
      return createCipheriv("aes-256-ctr", this.#key, iv);
    }
    new DataView(iv.buffer).setUint32(0, counter, true);
    iv.set(this.#nonce, 4);
    return createCipheriv("chacha20", this.#key, iv);
  }
}

function innerNonceOf(nonce: Uint8Array): Uint8Array {
  const inner = new Uint8Array(12);
  inner.set(nonce.subarray(16, CHACHA_NONCE_BYTES), 4);
  return inner;
}

/** HChaCha20: the key for the last 8 bytes of a 24-byte nonce (draft-irtf-cfrg-xchacha). */
function subkeyOf(key: Uint8Array, nonce: Uint8Array): Uint8Array {
  const state = new Uint32Array(16);
  state.set([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574]);
  const keyView = new DataView(key.buffer, key.byteOffset, key.byteLength);
  const nonceView = new DataView(nonce.buffer, nonce.byteOffset, nonce.byteLength);
  for (let i = 0; i < 8; i++) state[4 + i] = keyView.getUint32(4 * i, true);
  for (let i = 0; i < 4; i++) state[12 + i] = nonceView.getUint32(4 * i, true);
  for (let round = 0; round < 10; round++) {
    quarter(state, 0, 4, 8, 12);
    quarter(state, 1, 5, 9, 13);
    quarter(state, 2, 6, 10, 14);
    quarter(state, 3, 7, 11, 15);
    quarter(state, 0, 5, 10, 15);
    quarter(state, 1, 6, 11, 12);
    quarter(state, 2, 7, 8, 13);
    quarter(state, 3, 4, 9, 14);
  }
  const out = new Uint8Array(CIPHER_KEY_BYTES);
  const view = new DataView(out.buffer);
  for (let i = 0; i < 4; i++) {
    view.setUint32(4 * i, state[i]!, true);
    view.setUint32(16 + 4 * i, state[12 + i]!, true);
  }
  return out;
}

function quarter(s: Uint32Array, a: number, b: number, c: number, d: number): void {
  s[a]! += s[b]!;
  s[d] = rotate(s[d]! ^ s[a]!, 16);
  s[c]! += s[d]!;
  s[b] = rotate(s[b]! ^ s[c]!, 12);
  s[a]! += s[b]!;
  s[d] = rotate(s[d]! ^ s[a]!, 8);
  s[c]! += s[d]!;
  s[b] = rotate(s[b]! ^ s[c]!, 7);
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
