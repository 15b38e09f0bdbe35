/**
 * Checksums and ciphers of the stores.
 *
 * @module
 */
export {
  HASH_BYTES,
  HASH_INPUT_AT,
  HASH_KEY_BYTES,
  HighwayHash,
  ScanStop,
} from "./highway_hash.ts";
export {
  BlockCipher,
  CIPHER_KEY_BYTES,
  nonceBytesOf,
  openSealed,
  OpenSealedError,
  seal,
  type StoreCipherName,
} from "./store_cipher.ts";
