/**
 * Encryption at rest: sealed keys of streams, blocks and consumers, and conversion of blocks
 * between plain, cipher and cipher (reference: filestore.go genEncryptionKeys, recoverAEK,
 * loadEncryptionForMsgBlock, convertCipher).
 *
 * A crash during a conversion costs nothing: a thing keeps its seed for good, so that what is sealed
 * with it stays readable while its key file is sealed anew, and a block keeps a copy beside it until
 * its new key is durable.
 *
 * Each thing has a random 32-byte seed, sealed with a key that the server's key generator derives
 * from the thing's name: `<stream>`, `<stream>:<block>` or `<stream>.<consumer>`. A block's key
 * stream uses the seed with the nonce of the sealing.
 *
 * @module
 */
import {
  BlockCipher,
  CIPHER_KEY_BYTES,
  nonceBytesOf,
  openSealed,
  OpenSealedError,
  seal,
  type StoreCipherName,
} from "../../../base/crypto/mod.ts";
import { bytesOfByteString } from "../../../base/text/byte_string.ts";
import { isNotFound } from "../../../platform/disk.ts";
import type { StoreEnvironment } from "../../stream_store.ts";
import { StoreError } from "../../errors.ts";
import type { MsgBlock } from "../block/msg_block.ts";
import { replaceBlockFile } from "../block/replace.ts";
import { writeFileAtomically } from "../atomic_file.ts";
import { decompressBlock } from "../format/compression.ts";

/** Derives 32 bytes from a context; the server's secret is inside. */
export type KeyGenerator = (context: Uint8Array) => Uint8Array;

/** Smallest sealed key. */
const SEALED_KEY_BYTES_MIN = 64;

/** An opened key. */
export interface OpenedKey {
  readonly seed: Uint8Array;
  readonly cipher: StoreCipherName;
  /** Sealed as it would be today; false after a rotation or another choice of cipher. */
  readonly isCurrent: boolean;
}

/** What was sealed, opened. */
export interface Unsealed {
  readonly plain: Uint8Array;
  /** Sealed with the cipher of today. */
  readonly isCurrent: boolean;
}

/** True for bytes that begin like a JSON object, as a `meta.inf` does. */
export function isJsonObject(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7b;
}

/** A seed and its sealed form. */
export interface FreshKey {
  readonly seed: Uint8Array;
  readonly sealed: Uint8Array;
}

/** The keys of one stream. */
export class StoreKeys {
  constructor(
    readonly env: StoreEnvironment,
    readonly cipher: StoreCipherName,
    readonly keyGen: KeyGenerator,
    /** The generator before a rotation of the server's key, or null. */
    readonly oldKeyGen: KeyGenerator | null,
  ) {}

  /** A seed, by default a new random one, sealed for `context`. */
  create(context: string, known: Uint8Array | null = null): FreshKey {
    const seed = known ?? new Uint8Array(CIPHER_KEY_BYTES);
    if (known === null) this.env.random.fill(seed);
    const key = this.keyGen(bytesOfByteString(context));
    return { seed, sealed: seal(this.cipher, key, this.nonce(), seed) };
  }

  /** A fresh nonce. */
  nonce(): Uint8Array {
    const nonce = new Uint8Array(nonceBytesOf(this.cipher));
    this.env.random.fill(nonce);
    return nonce;
  }

  /** The seed of a sealed key. Throws {@linkcode OpenSealedError} and `bad_key_size`. */
  open(context: string, sealed: Uint8Array): Uint8Array {
    if (sealed.length < SEALED_KEY_BYTES_MIN) throw new StoreError("bad_key_size");
    return openSealed(this.cipher, this.keyGen(bytesOfByteString(context)), sealed);
  }

  /**
   * The seed of a key that the present generator and cipher may not open: all combinations of
   * old and new are tried. Throws `key_invalid`.
   */
  openAny(context: string, sealed: Uint8Array): OpenedKey {
    if (sealed.length < SEALED_KEY_BYTES_MIN) throw new StoreError("bad_key_size");
    const other: StoreCipherName = this.cipher === "AES-GCM" ? "ChaCha20-Poly1305" : "AES-GCM";
    for (const keyGen of [this.keyGen, this.oldKeyGen]) {
      if (keyGen === null) continue;
      const key = keyGen(bytesOfByteString(context));
      for (const cipher of [this.cipher, other]) {
        try {
          const seed = openSealed(cipher, key, sealed);
          return { seed, cipher, isCurrent: keyGen === this.keyGen && cipher === this.cipher };
        } catch (error) {
          if (!(error instanceof OpenSealedError)) throw error;
        }
      }
    }
    throw new StoreError("key_invalid");
  }

  /** `plain` sealed with `seed`. */
  seal(seed: Uint8Array, plain: Uint8Array): Uint8Array {
    return seal(this.cipher, seed, this.nonce(), plain);
  }

  /**
   * Opens what was sealed with `seed` by either cipher. What `isPlain` knows as unsealed is from
   * before a conversion that a crash cut short. Throws {@linkcode OpenSealedError}.
   */
  unseal(
    seed: Uint8Array,
    bytes: Uint8Array,
    isPlain: (bytes: Uint8Array) => boolean,
  ): Unsealed {
    for (const cipher of ["ChaCha20-Poly1305", "AES-GCM"] as const) {
      try {
        return { plain: openSealed(cipher, seed, bytes), isCurrent: cipher === this.cipher };
      } catch (error) {
        if (!(error instanceof OpenSealedError)) throw error;
      }
    }
    if (isPlain(bytes)) return { plain: bytes, isCurrent: false };
    throw new OpenSealedError();
  }

  /** Gives a new block its key file and cipher. */
  createForBlock(block: MsgBlock, sync: boolean): void {
    const { seed, sealed } = this.create(`${block.host.streamName}:${block.index}`);
    writeFileAtomically(this.env.disk, block.keyPath, sealed, sync);
    block.cipher = new BlockCipher(
      this.cipher,
      seed,
      sealed.subarray(0, nonceBytesOf(this.cipher)),
    );
    block.needKeySync = !sync;
    block.needDirSync = true;
  }

  /**
   * Gives an existing block its cipher. A block without key file was plain, one with a key of
   * another cipher or an older server key is converted. Throws `key_invalid`, `bad_key_size`.
   */
  loadForBlock(block: MsgBlock): void {
    let sealed: Uint8Array;
    try {
      sealed = this.env.disk.readFile(block.keyPath);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      this.#convert(block, null);
      return;
    }
    const { cipher, isCurrent } = this.blockCipher(block.host.streamName, block.index, sealed);
    if (isCurrent) block.cipher = cipher;
    else this.#convert(block, cipher);
  }

  /** The cipher of a block whose sealed key is given. Throws `key_invalid`, `bad_key_size`. */
  blockCipher(
    streamName: string,
    index: number,
    sealed: Uint8Array,
  ): { cipher: BlockCipher; isCurrent: boolean } {
    const { seed, cipher, isCurrent } = this.openAny(`${streamName}:${index}`, sealed);
    const nonce = sealed.subarray(0, nonceBytesOf(cipher));
    return { cipher: new BlockCipher(cipher, seed, nonce), isCurrent };
  }

  /** The cipher of a block whose key file is sealed as it would be today, or null. */
  currentCipher(block: MsgBlock): BlockCipher | null {
    if (this.env.disk.stat(block.keyPath) === null) return null;
    const sealed = this.env.disk.readFile(block.keyPath);
    const { cipher, isCurrent } = this.blockCipher(block.host.streamName, block.index, sealed);
    return isCurrent ? cipher : null;
  }

  /**
   * Rewrites a block under a new key. The key file comes last: until then the old key, or none,
   * still fits the block or its copy beside it.
   */
  #convert(block: MsgBlock, from: BlockCipher | null): void {
    const { disk } = this.env;
    const stat = disk.stat(block.path);
    let bytes: Uint8Array = stat === null ? new Uint8Array(0) : disk.readFile(block.path);
    if (from !== null && bytes.length > 0) bytes = from.apply(bytes, 0);
    const records = decompressBlock(bytes);
    const compressed = records !== bytes;
    const { seed, sealed } = this.create(`${block.host.streamName}:${block.index}`);
    block.cipher = new BlockCipher(
      this.cipher,
      seed,
      sealed.subarray(0, nonceBytesOf(this.cipher)),
    );
    const keep = `${block.path}.old`;
    if (stat !== null) {
      writeFileAtomically(disk, keep, disk.readFile(block.path), true);
      replaceBlockFile(block, records, { compress: compressed });
      disk.syncDirNow(block.host.msgDir);
    }
    writeFileAtomically(disk, block.keyPath, sealed, true);
    disk.removeTree(keep);
  }
}
