/**
 * The parts of an X.509 certificate that logins and pins look at, read from its DER: names as they
 * are in the certificate, which the texts of `node:crypto` escape or leave out.
 *
 * @module
 */

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
  /** DER of SubjectPublicKeyInfo; a view of the certificate. */
  readonly publicKeyInfo: Uint8Array;
  readonly emails: readonly string[];
  readonly dnsNames: readonly string[];
  readonly uris: readonly string[];
  /** Object identifiers of the extended key usages; null allows all. */
  readonly usages: readonly string[] | null;
}

/** The bytes are not a certificate. */
export class CertificateError extends Error {
  override readonly name = "CertificateError";
}

const Tag = {
  ObjectIdentifier: 0x06,
  BmpString: 0x1e,
  Utf8String: 0x0c,
  Explicit0: 0xa0,
  Explicit3: 0xa3,
  San: { email: 0x81, dns: 0x82, uri: 0x86 },
} as const;

const OID_SUBJECT_ALT_NAME = "2.5.29.17";
const OID_EXTENDED_KEY_USAGE = "2.5.29.37";

interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
  /** With tag and length. */
  readonly whole: Uint8Array;
}

function elementAt(bytes: Uint8Array, at: number): Element {
  const tag = bytes[at];
  let length = bytes[at + 1];
  if (tag === undefined || length === undefined) throw new CertificateError("truncated");
  let start = at + 2;
  if (length >= 0x80) {
    const count = length & 0x7f;
    if (count === 0 || count > 4) throw new CertificateError("bad length");
    length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + (bytes[start++] ?? 0);
  }
  const end = start + length;
  if (end > bytes.length) throw new CertificateError("truncated");
  return { tag, content: bytes.subarray(start, end), whole: bytes.subarray(at, end) };
}

function elements(bytes: Uint8Array): Element[] {
  const found: Element[] = [];
  for (let at = 0; at < bytes.length;) {
    const element = elementAt(bytes, at);
    found.push(element);
    at += element.whole.length;
  }
  return found;
}

function oidText(bytes: Uint8Array): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of bytes) {
    arc = arc * 128 + (byte & 0x7f);
    if (byte & 0x80) continue;
    arcs.push(arc);
    arc = 0;
  }
  const first = arcs.shift() ?? 0;
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - root * 40, ...arcs].join(".");
}

function stringOf({ tag, content }: Element): string {
  if (tag === Tag.BmpString) return new TextDecoder("utf-16be").decode(content);
  if (tag === Tag.Utf8String) return new TextDecoder().decode(content);
  return latin1(content);
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function readName(name: Element): NameSequence {
  return elements(name.content).map((set) =>
    elements(set.content).map((attribute) => {
      const [type, value] = elements(attribute.content);
      if (type?.tag !== Tag.ObjectIdentifier || value === undefined) {
        throw new CertificateError("bad name");
      }
      return { oid: oidText(type.content), value: stringOf(value) };
    })
  );
}

/** Reads a certificate's DER. Throws {@linkcode CertificateError}. */
export function readCertificate(der: Uint8Array): CertificateNames {
  const [body] = elements(elementAt(der, 0).content);
  if (body === undefined) throw new CertificateError("empty");
  const fields = elements(body.content);
  if (fields[0]?.tag === Tag.Explicit0) fields.shift(); // version
  // serial, signature, issuer, validity, subject, public key
  const [, , , , subject, publicKey] = fields;
  if (subject === undefined || publicKey === undefined) throw new CertificateError("truncated");
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
    publicKeyInfo: publicKey.whole,
    emails,
    dnsNames,
    uris,
    usages: usages?.map(({ content }) => oidText(content)) ?? null,
  };
}

/** The elements of the extension's sequence, or null without that extension. */
function extension(fields: readonly Element[], oid: string): Element[] | null {
  const all = fields.find(({ tag }) => tag === Tag.Explicit3);
  if (all === undefined) return null;
  for (const { content } of elements(elementAt(all.content, 0).content)) {
    const parts = elements(content);
    const value = parts.at(-1);
    if (value === undefined || oidText(parts[0]!.content) !== oid) continue;
    return elements(elementAt(value.content, 0).content);
  }
  return null;
}
