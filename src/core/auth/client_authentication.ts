/**
 * The embedder's own decision about who may connect, in place of configured users.
 *
 * Reference: CustomClientAuthentication in server/opts.go, with User.ConnectionDeadline.
 *
 * @module
 */
import type { Permissions } from "../../config/mod.ts";

/** What a client said of itself in CONNECT, and where it comes from. */
export interface ClientLogin {
  readonly user: string;
  readonly pass: string;
  readonly token: string;
  readonly nkey: string;
  /** Signature of `nonce` by `nkey`, in base64url. */
  readonly signature: string;
  /** What INFO asked to sign; empty without `alwaysEnableNonce`. */
  readonly nonce: string;
  readonly name: string;
  readonly lang: string;
  readonly version: string;
  /** IP address; empty inside the process. */
  readonly host: string;
}

/** Who a client is. What is left out is as for a client of a server without users. */
export interface ClientIdentity {
  /** Name of one of the server's accounts; the global account when left out. */
  readonly account?: string;
  readonly permissions?: Permissions;
  /** When the client is sent away, in milliseconds since the epoch. */
  readonly expiresMs?: number;
}

/** Says who a client is, or null to refuse it. A rejection refuses it, too, and is logged. */
export type ClientAuthentication = (
  login: ClientLogin,
) => ClientIdentity | null | Promise<ClientIdentity | null>;
