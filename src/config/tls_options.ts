/**
 * TLS as data: file names, flags and names of algorithms. Loading certificates is the
 * transport's; the configuration only checks that they can be loaded.
 *
 * Reference: TLSConfigOpts in server/opts.go, server/ciphersuites.go, server/certidp.
 *
 * @module
 */

/** Oldest TLS version that a listener accepts. */
export type TlsVersion = "1.2" | "1.3";

/** A certificate and its private key. */
export interface TlsCertificatePair {
  certFile: string;
  keyFile: string;
}

/** Checking of peers' certificates by OCSP. */
export interface OcspPeerOptions {
  verify: boolean;
  /** Longest wait for an answer of the CA. */
  timeoutMs: number;
  /** Allowed difference between the clocks of server and CA. */
  clockSkewMs: number;
  /** Log instead of refusing. */
  warnOnly: boolean;
  unknownIsGood: boolean;
  allowWhenCaUnreachable: boolean;
  /** How long an answer without "next update" is kept. */
  ttlUnsetNextUpdateMs: number;
}

/** One `tls` block. */
export interface TlsOptions {
  certFile: string;
  keyFile: string;
  caFile: string;
  /** Require and verify a certificate of the peer. */
  verify: boolean;
  /** As a client: do not verify the server's certificate. */
  insecure: boolean;
  /** Find the user by the certificate of the client (`verify_and_map`). */
  map: boolean;
  /** Routes and gateways: the peer's names must be in the configured URLs. */
  checkKnownUrls: boolean;
  /** Handshake before the INFO line. */
  handshakeFirst: boolean;
  /** With `handshakeFirst`: send INFO after this long without a handshake; 0 is never. */
  fallbackDelayMs: number;
  /** Longest handshake; 0 is the default. */
  timeoutMs: number;
  /** Handshakes per second; 0 is unlimited. */
  rateLimit: number;
  allowInsecureCiphers: boolean;
  /** Cipher suites in order of preference, in the names of the TLS standard. */
  ciphers: string[];
  /** Key exchanges in order of preference, e.g. `X25519`, `CurveP256`. */
  curvePreferences: string[];
  /** Lower case hex SHA-256 of the accepted public keys; null accepts all. */
  pinnedCerts: Set<string> | null;
  /** Windows certificate store; empty is none. */
  certStore: string;
  certMatchBy: string;
  certMatch: string;
  certMatchSkipInvalid: boolean;
  caCertsMatch: string[];
  ocspPeer: OcspPeerOptions | null;
  /** Several certificates instead of `certFile` and `keyFile`. */
  certificates: TlsCertificatePair[];
  minVersion: TlsVersion;
  /** natsts: how often changed files are looked for; 0 is never. */
  reloadIntervalMs: number;
}

/** When certificates of this server are stapled with an OCSP answer. */
export type OcspMode = "auto" | "always" | "never" | "must";

/** OCSP stapling. */
export interface OcspOptions {
  mode: OcspMode;
  /** Responders to ask instead of the certificate's own. */
  overrideUrls: string[];
}

/** Where answers about peers' certificates are kept. */
export interface OcspCacheOptions {
  type: "none" | "local";
  /** Folder of the local cache. */
  localStore: string;
  /** Keep answers that say "revoked". */
  preserveRevoked: boolean;
  saveIntervalMs: number;
}

/** Secure cipher suites in the order in which the reference offers them by default. */
export const DEFAULT_CIPHER_SUITES: readonly string[] = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
  "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
  "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
  "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
  "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
  "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
  "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
  "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
  "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
  "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
];

/** Cipher suites that need `allow_insecure_cipher_suites`. */
export const INSECURE_CIPHER_SUITES: readonly string[] = [
  "TLS_RSA_WITH_RC4_128_SHA",
  "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
  "TLS_RSA_WITH_AES_128_CBC_SHA",
  "TLS_RSA_WITH_AES_256_CBC_SHA",
  "TLS_RSA_WITH_AES_128_CBC_SHA256",
  "TLS_RSA_WITH_AES_128_GCM_SHA256",
  "TLS_RSA_WITH_AES_256_GCM_SHA384",
  "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
  "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
  "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
  "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
  "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
];

/** Key exchanges in the default order of preference. */
export const DEFAULT_CURVE_PREFERENCES: readonly string[] = [
  "X25519MLKEM768",
  "X25519",
  "CurveP256",
  "CurveP384",
  "CurveP521",
];

/** A TLS block with nothing set but the default algorithms. */
export function defaultTlsOptions(): TlsOptions {
  return {
    certFile: "",
    keyFile: "",
    caFile: "",
    verify: false,
    insecure: false,
    map: false,
    checkKnownUrls: false,
    handshakeFirst: false,
    fallbackDelayMs: 0,
    timeoutMs: 0,
    rateLimit: 0,
    allowInsecureCiphers: false,
    ciphers: [...DEFAULT_CIPHER_SUITES],
    curvePreferences: [...DEFAULT_CURVE_PREFERENCES],
    pinnedCerts: null,
    certStore: "",
    certMatchBy: "",
    certMatch: "",
    certMatchSkipInvalid: false,
    caCertsMatch: [],
    ocspPeer: null,
    certificates: [],
    minVersion: "1.2",
    reloadIntervalMs: 0,
  };
}

/** OCSP peer checks as they are when only `ocsp_peer: true` is given, apart from `verify`. */
export function defaultOcspPeerOptions(): OcspPeerOptions {
  return {
    verify: false,
    timeoutMs: 2000,
    clockSkewMs: 30_000,
    warnOnly: false,
    unknownIsGood: false,
    allowWhenCaUnreachable: false,
    ttlUnsetNextUpdateMs: 3_600_000,
  };
}

/** The OCSP answer cache as `ocsp_cache: true` makes it. */
export function defaultOcspCacheOptions(): OcspCacheOptions {
  return { type: "local", localStore: "_rc_", preserveRevoked: false, saveIntervalMs: 300_000 };
}
