/**
 * The parts of an X.509 certificate that logins and pins look at, read from its DER: names as they
 * are in the certificate, which the texts of `node:crypto` escape or leave out.
 *
 * @module
 */
import { type DerElement, derElementAt, derElements, DerError, oidText } from "./der.ts";

/** A type and value of a distinguished name. */
export interface NameAttribute {
  /** Object identifier in dots. */
  readonly oid: string;
  readonly value: string;
}

/** A distinguished name, in the order of the certificate. */
export type NameSequence = readonly (readonly NameAttribute[])[];

/** What {@linkcode readCertificate} finds. */
export interface CertificateNames {
  readonly subject: NameSequence;
  readonly issuer: NameSequence;
  /** DER of the subject; a view of the certificate, like all bytes here. */
  readonly subjectBytes: Uint8Array;
  readonly issuerBytes: Uint8Array;
  /** Two's complement, high byte first. */
  readonly serialNumber: Uint8Array;
  /** DER of SubjectPublicKeyInfo. */
  readonly publicKeyInfo: Uint8Array;
  /** The key alone. */
  readonly publicKey: Uint8Array;
  readonly emails: readonly string[];
  readonly dnsNames: readonly string[];
  readonly uris: readonly string[];
  /** Object identifiers of the extended key usages; null allows all. */
  readonly usages: readonly string[] | null;
  /** Where its authority can be asked whether it is revoked. */
  readonly ocspUrls: readonly string[];
  /** Whoever shows it must also show what its authority says about it (RFC 7633). */
  readonly mustStaple: boolean;
}

const Tag = {
  BitString: 0x03,
  ObjectIdentifier: 0x06,
  BmpString: 0x1e,
  Utf8String: 0x0c,
  Explicit0: 0xa0,
  Explicit3: 0xa3,
  San: { email: 0x81, dns: 0x82, uri: 0x86 },
} as const;

const OID_SUBJECT_ALT_NAME = "2.5.29.17";
const OID_EXTENDED_KEY_USAGE = "2.5.29.37";
const OID_AUTHORITY_INFO_ACCESS = "1.3.6.1.5.5.7.1.1";
const OID_TLS_FEATURE = "1.3.6.1.5.5.7.1.24";
/** Number of the TLS extension that asks for a certificate's status. */
const STATUS_REQUEST = 5;
const OID_OCSP = "1.3.6.1.5.5.7.48.1";

function stringOf({ tag, content }: DerElement): string {
  if (tag === Tag.BmpString) return new TextDecoder("utf-16be").decode(content);
  if (tag === Tag.Utf8String) return new TextDecoder().decode(content);
  return latin1(content);
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function readName(name: DerElement): NameSequence {
  return derElements(name.content).map((set) =>
    derElements(set.content).map((attribute) => {
      const [type, value] = derElements(attribute.content);
      if (type?.tag !== Tag.ObjectIdentifier || value === undefined) {
        throw new DerError("bad name");
      }
      return { oid: oidText(type.content), value: stringOf(value) };
    })
  );
}

/** Reads a certificate's DER. Throws {@linkcode DerError}. */
export function readCertificate(der: Uint8Array): CertificateNames {
  const [body] = derElements(derElementAt(der, 0).content);
  if (body === undefined) throw new DerError("empty");
  const fields = derElements(body.content);
  if (fields[0]?.tag === Tag.Explicit0) fields.shift(); // version
  const [serial, , issuer, , subject, publicKey] = fields;
  if (serial === undefined || issuer === undefined) throw new DerError("truncated");
  if (subject === undefined || publicKey === undefined) throw new DerError("truncated");
  const emails: string[] = [];
  const dnsNames: string[] = [];
  const uris: string[] = [];
  for (const { tag, content } of extension(fields, OID_SUBJECT_ALT_NAME) ?? []) {
    if (tag === Tag.San.email) emails.push(latin1(content));
    else if (tag === Tag.San.dns) dnsNames.push(latin1(content));
    else if (tag === Tag.San.uri) uris.push(latin1(content));
  }
  const usages = extension(fields, OID_EXTENDED_KEY_USAGE);
  return {
    subject: readName(subject),
    issuer: readName(issuer),
    subjectBytes: subject.whole,
    issuerBytes: issuer.whole,
    serialNumber: serial.content,
    publicKeyInfo: publicKey.whole,
    publicKey: keyBits(publicKey),
    emails,
    dnsNames,
    uris,
    usages: usages?.map(({ content }) => oidText(content)) ?? null,
    ocspUrls: ocspUrls(extension(fields, OID_AUTHORITY_INFO_ACCESS) ?? []),
    mustStaple: (extension(fields, OID_TLS_FEATURE) ?? [])
      .some(({ content }) => content.length === 1 && content[0] === STATUS_REQUEST),
  };
}

function keyBits(publicKey: DerElement): Uint8Array {
  const bits = derElements(publicKey.content)[1];
  if (bits?.tag !== Tag.BitString) throw new DerError("bad public key");
  return bits.content.subarray(1); // the number of unused bits comes first
}

function ocspUrls(descriptions: readonly DerElement[]): string[] {
  const urls: string[] = [];
  for (const description of descriptions) {
    const [method, location] = derElements(description.content);
    if (method?.tag !== Tag.ObjectIdentifier || location?.tag !== Tag.San.uri) continue;
    if (oidText(method.content) === OID_OCSP) urls.push(latin1(location.content));
  }
  return urls;
}

/** The elements of the extension's sequence, or null without that extension. */
function extension(fields: readonly DerElement[], oid: string): DerElement[] | null {
  const all = fields.find(({ tag }) => tag === Tag.Explicit3);
  if (all === undefined) return null;
  for (const { content } of derElements(derElementAt(all.content, 0).content)) {
    const parts = derElements(content);
    const value = parts.at(-1);
    if (value === undefined || oidText(parts[0]!.content) !== oid) continue;
    return derElements(derElementAt(value.content, 0).content);
  }
  return null;
}
