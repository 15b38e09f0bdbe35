/**
 * Questions to responders and their answers in ASN.1. Loaded when the first certificate is checked:
 * the schemas take a while to set up.
 *
 * Reference: golang.org/x/crypto/ocsp, ValidDelegationCheck in server/certidp/certidp.go; RFC 6960.
 *
 * @module
 */
import { createHash, verify } from "node:crypto";
import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import {
  BasicOCSPResponse,
  CertID,
  OCSPRequest,
  OCSPResponse,
  Request,
  type ResponseBytes,
  ResponseData,
  type SingleResponse,
  TBSRequest,
} from "@peculiar/asn1-ocsp";
import { AlgorithmIdentifier } from "@peculiar/asn1-x509";
import { type DerElement, derElementAt, derElements } from "../base/crypto/der.ts";
import { PeerCertificate } from "./certificate.ts";
import { sameBytes } from "./chains.ts";
import { type OcspResponse, OcspResponseError, OcspStatus } from "./response.ts";

const OID_BASIC_RESPONSE = "1.3.6.1.5.5.7.48.1.1";
const OID_OCSP_SIGNING = "1.3.6.1.5.5.7.3.9";
const OID_SHA1 = "1.3.14.3.2.26";

/** Hashes that may identify an authority. */
const HASHES: Readonly<Record<string, string>> = {
  [OID_SHA1]: "sha1",
  "2.16.840.1.101.3.4.2.1": "sha256",
  "2.16.840.1.101.3.4.2.2": "sha384",
  "2.16.840.1.101.3.4.2.3": "sha512",
};

/** Hash and kind of key of the signatures that are taken: RSA, then ECDSA. */
const SIGNATURES: Readonly<Record<string, readonly [hash: string, key: string]>> = {
  "1.2.840.113549.1.1.11": ["sha256", "rsa"],
  "1.2.840.113549.1.1.12": ["sha384", "rsa"],
  "1.2.840.113549.1.1.13": ["sha512", "rsa"],
  "1.2.840.10045.4.3.2": ["sha256", "ec"],
  "1.2.840.10045.4.3.3": ["sha384", "ec"],
  "1.2.840.10045.4.3.4": ["sha512", "ec"],
};

/** Texts of the statuses of answers that hold nothing else. */
const RESPONSE_STATUSES = [
  "success",
  "malformed",
  "internal error",
  "try later",
  "unused",
  "signature required",
  "unauthorized",
];

function digest(hash: string, bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash(hash).update(bytes).digest());
}

function owned(bytes: Uint8Array): ArrayBuffer {
  return bytes.slice().buffer;
}

/** DER of the question what `issuer` knows about `certificate`. */
export function encodeRequest(certificate: PeerCertificate, issuer: PeerCertificate): Uint8Array {
  const { subjectBytes, publicKey } = issuer.names;
  const reqCert = new CertID({
    hashAlgorithm: new AlgorithmIdentifier({ algorithm: OID_SHA1, parameters: null }),
    issuerNameHash: new OctetString(digest("sha1", subjectBytes)),
    issuerKeyHash: new OctetString(digest("sha1", publicKey)),
    serialNumber: owned(certificate.names.serialNumber),
  });
  const tbsRequest = new TBSRequest({ requestList: [new Request({ reqCert })] });
  return new Uint8Array(AsnConvert.serialize(new OCSPRequest({ tbsRequest })));
}

/**
 * Reads an answer about `certificate` (`der` is kept) and checks that `issuer` signed it, or one
 * whose certificate comes with it and is signed by `issuer`; whether that one may is up to
 * {@linkcode mayAnswerFor}. Throws {@linkcode OcspResponseError}.
 */
export function parseResponse(
  der: Uint8Array,
  certificate: PeerCertificate,
  issuer: PeerCertificate,
): OcspResponse {
  try {
    return parse(der, certificate, issuer);
  } catch (error) {
    if (error instanceof OcspResponseError) throw error;
    throw new OcspResponseError((error as Error).message, { cause: error });
  }
}

function parse(
  der: Uint8Array,
  certificate: PeerCertificate,
  issuer: PeerCertificate,
): OcspResponse {
  whole(der);
  const { responseStatus, responseBytes } = AsnConvert.parse(der, OCSPResponse);
  if (responseStatus !== 0) {
    const text = RESPONSE_STATUSES[responseStatus] ?? `unknown OCSP status: ${responseStatus}`;
    throw new OcspResponseError(`ocsp: error from server: ${text}`);
  }
  const basic = basicBytes(responseBytes);
  const { signatureAlgorithm: { algorithm }, signature } = AsnConvert.parse(
    basic,
    BasicOCSPResponse,
  );
  const [data, , , certificates] = derElements(whole(basic).content);
  if (data === undefined) throw new OcspResponseError("truncated");
  const signer = firstCertificate(certificates);
  const signed = { algorithm, bytes: data.whole, signature: new Uint8Array(signature) };
  if (signer === null) requireSignature(signed, issuer, "bad OCSP signature");
  else {
    requireSignature(signed, signer, "bad signature on embedded certificate");
    if (!signer.isSignedBy(issuer)) {
      throw new OcspResponseError("bad OCSP signature: x509: not signed by the issuer");
    }
  }
  // Read from the very bytes that are signed.
  const { responses } = AsnConvert.parse(data.whole, ResponseData);
  const [response] = responses;
  if (response === undefined || responses.length > 1) {
    throw new OcspResponseError("OCSP response contains bad number of responses");
  }
  if (response.singleExtensions?.some(({ critical }) => critical) === true) {
    throw new OcspResponseError("unsupported critical extension");
  }
  requireMatch(response.certID, certificate, issuer);
  return {
    der,
    status: statusOf(response),
    thisUpdateMs: response.thisUpdate.getTime(),
    nextUpdateMs: response.nextUpdate?.getTime() ?? null,
    signer,
  };
}

/** The one element of `bytes`. */
function whole(bytes: Uint8Array): DerElement {
  const element = derElementAt(bytes, 0);
  if (element.whole.length !== bytes.length) {
    throw new OcspResponseError("trailing data in OCSP response");
  }
  return element;
}

function basicBytes(bytes: ResponseBytes | undefined): Uint8Array {
  if (bytes?.responseType !== OID_BASIC_RESPONSE) {
    throw new OcspResponseError("bad OCSP response type");
  }
  return new Uint8Array(bytes.response.buffer);
}

/** Some responders send several certificates; only the first counts. */
function firstCertificate(certificates: DerElement | undefined): PeerCertificate | null {
  if (certificates === undefined) return null;
  const [first] = derElements(derElementAt(certificates.content, 0).content);
  return first === undefined ? null : new PeerCertificate(first.whole);
}

interface Signed {
  readonly algorithm: string;
  readonly bytes: Uint8Array;
  readonly signature: Uint8Array;
}

function requireSignature(signed: Signed, signer: PeerCertificate, what: string): void {
  const { algorithm, bytes, signature } = signed;
  const fail = (why: string): never => {
    throw new OcspResponseError(`${what}: x509: ${why}`);
  };
  const known = SIGNATURES[algorithm] ??
    fail("cannot verify signature: algorithm unimplemented");
  const [hash, type] = known;
  const key = signer.publicKey;
  if (key.asymmetricKeyType !== type) fail("signature algorithm does not fit the public key");
  if (!verify(hash, bytes, key, signature)) fail("verification failure");
}

/** An answer about another certificate says nothing about this one. */
function requireMatch(id: CertID, certificate: PeerCertificate, issuer: PeerCertificate): void {
  const hash = HASHES[id.hashAlgorithm.algorithm];
  if (hash === undefined) throw new OcspResponseError("unsupported issuer hash algorithm");
  const { names } = issuer;
  const matches = sameBytes(new Uint8Array(id.serialNumber), certificate.names.serialNumber) &&
    sameBytes(new Uint8Array(id.issuerNameHash.buffer), digest(hash, names.subjectBytes)) &&
    sameBytes(new Uint8Array(id.issuerKeyHash.buffer), digest(hash, names.publicKey));
  if (!matches) throw new OcspResponseError("no response matching the supplied certificate");
}

/** What is neither good nor unknown counts as revoked. */
function statusOf({ certStatus }: SingleResponse): number {
  if ("good" in certStatus) return OcspStatus.Good;
  return "unknown" in certStatus ? OcspStatus.Unknown : OcspStatus.Revoked;
}

/** Whether the signer of `response` is `issuer`, or may answer in its place. */
export function mayAnswerFor(issuer: PeerCertificate, { signer }: OcspResponse): boolean {
  return signer === null || signer.equals(issuer) ||
    (signer.names.usages ?? []).includes(OID_OCSP_SIGNING);
}
