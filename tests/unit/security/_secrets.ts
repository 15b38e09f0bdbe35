/**
 * Where secrets are looked for.
 *
 * @module
 */
import { assert } from "@std/assert";

/** Pages of monitoring, with everything that they can show. */
export const PAGES: readonly string[] = [
  "varz",
  "connz?auth=1&subs=detail",
  "connz?auth=1&state=closed",
  "subsz?subs=1",
  "accountz",
  "accstatz?unused=1",
  "healthz",
  "jsz?accounts=1&streams=1&consumers=1&config=1",
  "routez",
  "gatewayz",
  "leafz",
  "ipqueuesz",
  "stacksz",
  "debug/vars",
  "metrics",
];
/** Fails when `text` holds one of `secrets`, and shows where. */
export function assertNone(text: string, secrets: readonly string[], where: string): void {
  for (const secret of secrets) {
    const at = text.indexOf(secret);
    assert(at < 0, `${where} shows ${secret}: ${text.slice(Math.max(0, at - 200), at + 80)}`);
  }
}
