/**
 * What an authority says about a certificate, and until when that holds.
 *
 * Reference: OCSPResponseCurrent and GetStatusAssertionStr in server/certidp/certidp.go.
 *
 * @module
 */
import { encodeTime } from "../base/json/mod.ts";
import { formatDurationMs } from "../base/text/duration.ts";
import type { OcspPeerOptions } from "../config/mod.ts";
import type { PeerCertificate } from "./certificate.ts";

/** What an answer says, in its numbers. */
export const OcspStatus = { Good: 0, Revoked: 1, Unknown: 2 } as const;

const STATUS_TEXTS: readonly OcspStatusText[] = ["good", "revoked", "unknown"];

/** What an answer says, in words. */
export type OcspStatusText = "good" | "revoked" | "unknown";

/** The word for `status`; numbers without one are unknown. */
export function statusText(status: number): OcspStatusText {
  return STATUS_TEXTS[status] ?? "unknown";
}

/** An answer whose signature is right. */
export interface OcspResponse {
  /** As it came. */
  readonly der: Uint8Array;
  /** One of {@linkcode OcspStatus}. */
  readonly status: number;
  /** When this was known to be so, ms since the epoch. */
  readonly thisUpdateMs: number;
  /** When more will be known, or null when that is always so. */
  readonly nextUpdateMs: number | null;
  /** Who signed in the authority's place; null when it signed itself. */
  readonly signer: PeerCertificate | null;
}

/** An answer that cannot be read, is not signed by whom it should be, or is none. */
export class OcspResponseError extends Error {
  override readonly name = "OcspResponseError";
}

/** Whether `response` holds at `nowMs`; says so to `debug` when it does not. */
export function isCurrent(
  response: OcspResponse,
  { clockSkewMs, ttlUnsetNextUpdateMs }: OcspPeerOptions,
  nowMs: number,
  debug: (text: string) => void,
): boolean {
  const { thisUpdateMs, nextUpdateMs } = response;
  const now = timeText(nowMs);
  const skew = formatDurationMs(clockSkewMs);
  if (nextUpdateMs !== null && nextUpdateMs < nowMs - clockSkewMs) {
    const next = timeText(nextUpdateMs);
    debug(`OCSP response NextUpdate [${next}] is before now [${now}] with clockskew [${skew}]`);
    return false;
  }
  const endMs = thisUpdateMs + ttlUnsetNextUpdateMs;
  if (nextUpdateMs === null && endMs < nowMs - clockSkewMs) {
    const end = timeText(endMs);
    debug(`OCSP response cache expiry [${end}] is before now [${now}] with clockskew [${skew}]`);
    return false;
  }
  if (thisUpdateMs > nowMs + clockSkewMs) {
    const from = timeText(thisUpdateMs);
    debug(`OCSP response ThisUpdate [${from}] is before now [${now}] with clockskew [${skew}]`);
    return false;
  }
  return true;
}

function timeText(ms: number): string {
  return encodeTime(BigInt(Math.round(ms * 1e6)));
}
