/**
 * The keys of one server: the nkey that is its id and signs what it asks, and the curve key with
 * which it encrypts. They live as long as the server; no private part leaves this object.
 *
 * @module
 */
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { createCurve, type KeyPair } from "@nats-io/nkeys";
import { encodePublicKey, type PublicKeyKind } from "./public_key.ts";

const KEY_BYTES = 32;

/** Something could not be encrypted or decrypted; the message is that of nkeys. */
export class SealError extends Error {
  override readonly name = "SealError";
}

function newKey(kind: PublicKeyKind): { publicKey: string; privateKey: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const der = publicKey.export({ type: "spki", format: "der" });
  return { publicKey: encodePublicKey(kind, der.subarray(-KEY_BYTES)), privateKey };
}

/** The public key of a user that nobody else is, or ever will be. */
export function newUserKey(): string {
  return newKey("U").publicKey;
}

/** Key pairs of a server. */
export class ServerKeys {
  /** Public server key, `N…`. */
  readonly id: string;
  readonly #private: KeyObject;
  readonly #curve: KeyPair = createCurve();

  constructor() {
    const { publicKey, privateKey } = newKey("N");
    this.id = publicKey;
    this.#private = privateKey;
  }

  /** Public curve key, `X…`. */
  get xkey(): string {
    return this.#curve.getPublicKey();
  }

  sign(message: Uint8Array): Uint8Array {
    return sign(null, message, this.#private);
  }

  /** Encrypts for the owner of the curve key `recipient`. Throws {@linkcode SealError}. */
  seal(message: Uint8Array, recipient: string): Uint8Array {
    try {
      return this.#curve.seal(message, recipient);
    } catch (error) {
      throw new SealError((error as Error).message, { cause: error });
    }
  }

  /** Decrypts what the owner of the curve key `sender` made. Throws {@linkcode SealError}. */
  open(message: Uint8Array, sender: string): Uint8Array {
    let opened: Uint8Array | null;
    try {
      opened = this.#curve.open(message, sender);
    } catch (error) {
      throw new SealError((error as Error).message, { cause: error });
    }
    if (opened === null) throw new SealError("nkeys: could not decrypt input");
    return opened;
  }
}
