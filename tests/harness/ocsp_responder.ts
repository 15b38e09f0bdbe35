/**
 * An OCSP responder: what an authority says about the certificates that it has issued.
 *
 * ```ts
 * await using responder = OcspResponder.listen();
 * const client = await factory.issue("client", { subject, ocspUrl: responder.url }, ca);
 * responder.answer({ signer: ca });
 * responder.set(client, "revoked");
 * ```
 *
 * @module
 */
import { createHash, createPrivateKey, sign } from "node:crypto";
import {
  BasicOCSPResponse,
  CertID,
  CertStatus,
  OCSPRequest,
  OCSPResponse,
  OCSPResponseStatus,
  ResponderID,
  ResponseBytes,
  ResponseData,
  RevokedInfo,
  SingleResponse,
} from "@peculiar/asn1-ocsp";
import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import { AlgorithmIdentifier, Certificate } from "@peculiar/asn1-x509";
import type { IssuedCertificate } from "./certs.ts";

const OID_BASIC_RESPONSE = "1.3.6.1.5.5.7.48.1.1";
const OID_SHA1 = "1.3.14.3.2.26";
/** Signatures by kind of key, and the hash that is signed. */
const SIGNATURES = {
  p256: ["1.2.840.10045.4.3.2", "sha256"],
  p384: ["1.2.840.10045.4.3.3", "sha384"],
  rsa: ["1.2.840.113549.1.1.11", "sha256"],
} as const;
const RESPONSE_TTL_MS = 4000;

/** What a responder says. */
export type CertificateStatus = "good" | "revoked" | "unknown";

/** How a responder answers. */
export interface Answering {
  /** Whose key signs. */
  readonly signer: IssuedCertificate;
  /** The signer's certificate comes with the answer. */
  readonly embed?: boolean;
  /** How long an answer holds; 0 does not say. */
  readonly ttlMs?: number;
}

function statusOf(status: CertificateStatus): CertStatus {
  if (status === "good") return new CertStatus({ good: null });
  if (status === "unknown") return new CertStatus({ unknown: null });
  return new CertStatus({ revoked: new RevokedInfo({ revocationTime: new Date() }) });
}

/** One responder on 127.0.0.1. */
export class OcspResponder implements AsyncDisposable {
  #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #port: number;
  readonly #statuses = new Map<string, CertificateStatus>();
  #answering: Answering | null = null;
  /** Questions that were answered. */
  asked = 0;
  /** How far its clock is ahead. */
  aheadMs = 0;
  /** Answers with these bytes, or as what it makes returns, when set. */
  rewrite: ((answer: Uint8Array) => Uint8Array | Response | Promise<Response>) | null = null;

  private constructor() {
    this.#server = this.#serve(0);
    this.#port = this.#server.addr.port;
  }

  #serve(port: number): Deno.HttpServer<Deno.NetAddr> {
    return Deno.serve(
      { hostname: "127.0.0.1", port, onListen: () => {} },
      (request) => this.#respond(request),
    );
  }

  /** Closes the port. */
  async stop(): Promise<void> {
    await this.#server.shutdown();
  }

  /** Opens the port again. */
  resume(): void {
    this.#server = this.#serve(this.#port);
  }

  static listen(): OcspResponder {
    return new OcspResponder();
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Begins to answer. */
  answer(answering: Answering): void {
    this.#answering = answering;
  }

  /** What is said about `certificate` from now on; "unknown" where nothing was set. */
  set({ certificate }: IssuedCertificate, status: CertificateStatus): void {
    this.#statuses.set(numberText(Uint8Array.fromHex(certificate.serialNumber)), status);
  }

  async #respond(request: Request): Promise<Response> {
    const path = decodeURIComponent(new URL(request.url).pathname.slice(1));
    const question = AsnConvert.parse(Uint8Array.fromBase64(path), OCSPRequest);
    const { reqCert } = question.tbsRequest.requestList[0]!;
    const status = this.#statuses.get(numberText(new Uint8Array(reqCert.serialNumber)));
    this.asked++;
    const nowMs = Date.now() + this.aheadMs;
    const answer = this.#sign(reqCert, statusOf(status ?? "unknown"), nowMs);
    const body = await this.rewrite?.(answer) ?? answer;
    if (body instanceof Response) return body;
    return new Response(body.slice(), {
      headers: { "content-type": "application/ocsp-response" },
    });
  }

  /** What it said about a certificate of `issuer` at `nowMs`. */
  answerAt(
    nowMs: number,
    { certificate }: IssuedCertificate,
    issuer: IssuedCertificate,
    status: CertificateStatus,
  ): Uint8Array {
    const { tbsCertificate } = AsnConvert.parse(issuer.certificate.rawData, Certificate);
    const { subject, subjectPublicKeyInfo } = tbsCertificate;
    const hash = (bytes: ArrayBuffer): OctetString =>
      new OctetString(createHash("sha1").update(new Uint8Array(bytes)).digest());
    const id = new CertID({
      hashAlgorithm: new AlgorithmIdentifier({ algorithm: OID_SHA1, parameters: null }),
      issuerNameHash: hash(AsnConvert.serialize(subject)),
      issuerKeyHash: hash(subjectPublicKeyInfo.subjectPublicKey),
      serialNumber: Uint8Array.fromHex(certificate.serialNumber).buffer,
    });
    return this.#sign(id, statusOf(status), nowMs);
  }

  #sign(certID: CertID, certStatus: CertStatus, nowMs: number): Uint8Array {
    if (this.#answering === null) throw new Error("call answer() first");
    const { signer, embed = false, ttlMs = RESPONSE_TTL_MS } = this.#answering;
    const single = new SingleResponse({ certID, certStatus, thisUpdate: wholeSeconds(nowMs) });
    if (ttlMs > 0) single.nextUpdate = wholeSeconds(nowMs + ttlMs);
    const own = AsnConvert.parse(signer.certificate.rawData, Certificate);
    const tbsResponseData = new ResponseData({
      responderID: new ResponderID({ byName: own.tbsCertificate.subject }),
      producedAt: wholeSeconds(nowMs),
      responses: [single],
    });
    const bytes = new Uint8Array(AsnConvert.serialize(tbsResponseData));
    const [algorithm, hash] = SIGNATURES[signer.keyKind];
    const signature = sign(hash, bytes, createPrivateKey(signer.keyPem));
    const basic = new BasicOCSPResponse({
      tbsResponseData,
      signatureAlgorithm: new AlgorithmIdentifier({ algorithm }),
      signature: new Uint8Array(signature).buffer,
      ...(embed ? { certs: [own] } : {}),
    });
    const response = new OCSPResponse({
      responseStatus: OCSPResponseStatus.successful,
      responseBytes: new ResponseBytes({
        responseType: OID_BASIC_RESPONSE,
        response: new OctetString(AsnConvert.serialize(basic)),
      }),
    });
    return new Uint8Array(AsnConvert.serialize(response));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Times in answers have no fractions. */
function wholeSeconds(ms: number): Date {
  return new Date(Math.floor(ms / 1000) * 1000);
}

function numberText(bytes: Uint8Array): string {
  return bytes.toHex().replace(/^(00)+(?=..)/, "");
}

/** Key of `certificate` in the cache. */
export function cacheKey({ certificate }: IssuedCertificate): string {
  return createHash("sha256").update(new Uint8Array(certificate.rawData)).digest("base64");
}
