/**
 * Distinguished names of certificates as Go prints them.
 *
 * Reference: Name.ToRDNSequence and RDNSequence.String of Go's crypto/x509/pkix.
 *
 * @module
 */
import type { NameSequence } from "./x509.ts";

/** Type of domain components, which Go's names leave out. */
export const OID_DOMAIN_COMPONENT = "0.9.2342.19200300.100.1.25";
const OID_COMMON_NAME = "2.5.4.3";
const OID_SERIAL_NUMBER = "2.5.4.5";

/** The attributes that Go's `pkix.Name` keeps, in the order in which it puts them together. */
const GO_ATTRIBUTES: readonly [oid: string, name: string][] = [
  ["2.5.4.6", "C"],
  ["2.5.4.8", "ST"],
  ["2.5.4.7", "L"],
  ["2.5.4.9", "STREET"],
  ["2.5.4.17", "POSTALCODE"],
  ["2.5.4.10", "O"],
  ["2.5.4.11", "OU"],
  [OID_COMMON_NAME, "CN"],
  [OID_SERIAL_NUMBER, "SERIALNUMBER"],
];
/** Short names of attributes by type. */
export const ATTRIBUTE_NAMES: ReadonlyMap<string, string> = new Map([
  ...GO_ATTRIBUTES,
  [OID_DOMAIN_COMPONENT, "DC"] as const,
]);

/** The name as Go's `Name.ToRDNSequence().String()` prints it, without domain components. */
export function goNameText(name: NameSequence): string {
  const all = name.flat();
  const parts: string[] = [];
  for (const [oid, type] of GO_ATTRIBUTES) {
    let values = all.filter((attribute) => attribute.oid === oid).map(({ value }) => value);
    if (oid === OID_COMMON_NAME || oid === OID_SERIAL_NUMBER) {
      values = values.slice(-1).filter((value) => value !== "");
    }
    if (values.length > 0) {
      parts.unshift(values.map((value) => `${type}=${escaped(value)}`).join("+"));
    }
  }
  return parts.join(",");
}

function escaped(value: string): string {
  return value.replace(/[,+"\\<>;]/g, "\\$&").replace(/^[ #]/, "\\$&").replace(
    / $/,
    (end) => value.length === 1 ? end : `\\${end}`,
  );
}
