/**
 * Certificates for tests, made afresh in a folder: none is kept in the repository, so none expires.
 *
 * @module
 */
import "reflect-metadata"; // what x509 uses below wants it first
import {
  AuthorityInfoAccessExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  Extension,
  type JsonGeneralNames,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

export { ExtendedKeyUsage } from "@peculiar/x509";

/** Kinds of keys, and the hash that they sign. */
export const KEY_KINDS = {
  p256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  p384: { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" },
  rsa: {
    name: "RSASSA-PKCS1-v1_5",
    modulusLength: 2048,
    publicExponent: Uint8Array.of(1, 0, 1),
    hash: "SHA-256",
  },
} as const;

/** One of {@linkcode KEY_KINDS}. */
export type KeyKind = keyof typeof KEY_KINDS;

/** DER of a list with the number of `status_request`. */
const MUST_STAPLE = Uint8Array.of(0x30, 3, 2, 1, 5);
const HOUR_MS = 3_600_000;

/** A certificate with its key, in memory and in files. */
export interface IssuedCertificate {
  readonly certificate: X509Certificate;
  readonly keys: CryptoKeyPair;
  readonly keyKind: KeyKind;
  readonly certFile: string;
  readonly keyFile: string;
  readonly certPem: string;
  readonly keyPem: string;
  /** Lower case hex SHA-256 of SubjectPublicKeyInfo, as `pinned_certs` wants it. */
  readonly keyId: string;
}

/** What to put into a certificate. */
export interface CertificateRequest {
  /** Attributes as RFC 4514 has them, e.g. `CN=localhost, O=NATS`; empty is no subject. */
  readonly subject: string;
  readonly names?: JsonGeneralNames;
  /** The certificate is an authority's. */
  readonly authority?: boolean;
  readonly usages?: readonly ExtendedKeyUsage[];
  readonly expired?: boolean;
  /** Where to ask by OCSP whether it is revoked. */
  readonly ocspUrl?: string;
  /** Who shows it must show an OCSP answer about it too. */
  readonly mustStaple?: boolean;
}

/** Issues certificates into `folder`. */
export class CertificateFactory {
  #serial = 1;

  constructor(readonly folder: string, readonly keyKind: KeyKind = "p256") {}

  /** Issues `request` signed by `issuer`, or by itself without one, as `<name>-cert.pem`. */
  async issue(
    name: string,
    request: CertificateRequest,
    issuer?: IssuedCertificate,
  ): Promise<IssuedCertificate> {
    const algorithm = KEY_KINDS[this.keyKind];
    const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
    const nowMs = Date.now();
    const authority = request.authority ?? issuer === undefined;
    const extensions: Extension[] = [
      new BasicConstraintsExtension(authority, undefined, true),
      new KeyUsagesExtension(
        authority
          ? KeyUsageFlags.keyCertSign | KeyUsageFlags.digitalSignature
          : KeyUsageFlags.digitalSignature,
        true,
      ),
    ];
    if (!authority) {
      const usages = request.usages ?? [ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth];
      extensions.push(new ExtendedKeyUsageExtension([...usages]));
    }
    if (request.names !== undefined) {
      extensions.push(new SubjectAlternativeNameExtension(request.names, request.subject === ""));
    }
    if (request.ocspUrl !== undefined) {
      extensions.push(new AuthorityInfoAccessExtension({ ocsp: [request.ocspUrl] }));
    }
    if (request.mustStaple === true) {
      extensions.push(new Extension("1.3.6.1.5.5.7.1.24", false, MUST_STAPLE));
    }
    const certificate = await X509CertificateGenerator.create({
      serialNumber: (this.#serial++).toString(16).padStart(4, "0"),
      subject: request.subject,
      issuer: issuer?.certificate.subject ?? request.subject,
      notBefore: new Date(nowMs - 48 * HOUR_MS),
      notAfter: new Date(nowMs + (request.expired ? -24 : 24) * HOUR_MS),
      signingAlgorithm: algorithm,
      publicKey: keys.publicKey,
      signingKey: (issuer?.keys ?? keys).privateKey,
      extensions,
    });
    const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", keys.privateKey));
    const keyPem = `-----BEGIN PRIVATE KEY-----\n${pkcs8.toBase64()}\n-----END PRIVATE KEY-----\n`
      .replace(/.{64}(?=.)/g, "$&\n");
    const certPem = `${certificate.toString("pem")}\n`;
    const spki = await crypto.subtle.exportKey("spki", keys.publicKey);
    const keyId = new Uint8Array(await crypto.subtle.digest("SHA-256", spki)).toHex();
    const certFile = `${this.folder}/${name}-cert.pem`;
    const keyFile = `${this.folder}/${name}-key.pem`;
    await Deno.writeTextFile(certFile, certPem);
    await Deno.writeTextFile(keyFile, keyPem);
    const { keyKind } = this;
    return { certificate, keys, keyKind, certFile, keyFile, certPem, keyPem, keyId };
  }
}

/** Writes `own` and the authorities above it into one file, as TLS wants them; returns its path. */
export async function writeBundle(
  own: IssuedCertificate,
  ...authorities: readonly IssuedCertificate[]
): Promise<string> {
  const path = own.certFile.replace(/-cert\.pem$/, "-bundle.pem");
  await Deno.writeTextFile(path, [own, ...authorities].map(({ certPem }) => certPem).join(""));
  return path;
}

/** An authority, a server for localhost and a client. */
export interface TestCertificates {
  readonly factory: CertificateFactory;
  readonly ca: IssuedCertificate;
  readonly server: IssuedCertificate;
  readonly client: IssuedCertificate;
}

/** Runs `use` with fresh certificates and removes their folder afterwards. */
export async function withCertificates(
  use: (certificates: TestCertificates) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "natsts-certs-" });
  try {
    const factory = new CertificateFactory(folder);
    const ca = await factory.issue("ca", { subject: "CN=Test CA, O=NATS" });
    const names: JsonGeneralNames = [
      { type: "dns", value: "localhost" },
      { type: "ip", value: "127.0.0.1" },
    ];
    const server = await factory.issue("server", { subject: "CN=localhost", names }, ca);
    const client = await factory.issue("client", {
      subject: "CN=www.nats.io, OU=NATS.io",
      names: [{ type: "email", value: "derek@nats.io" }, ...names],
    }, ca);
    await use({ factory, ca, server, client });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
