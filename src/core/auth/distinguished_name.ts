/**
 * Distinguished names: as Go prints them, and as users of the configuration write them.
 *
 * Reference: internal/ldap/dn.go, and Name.String of Go's crypto/x509/pkix.
 *
 * @module
 */
import type { NameAttribute, NameSequence } from "../../base/crypto/x509.ts";

const OID_DOMAIN_COMPONENT = "0.9.2342.19200300.100.1.25";
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
const ATTRIBUTE_NAMES = new Map([...GO_ATTRIBUTES, [OID_DOMAIN_COMPONENT, "DC"] as const]);

/** A type and its value. */
export interface DnAttribute {
  readonly type: string;
  readonly value: string;
}

/** Relative names, the most specific first. */
export type DistinguishedName = readonly (readonly DnAttribute[])[];

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

/** `DC=…` for each domain component, in the certificate's order, joined by commas. */
export function domainComponentsText(name: NameSequence): string {
  return name.flat().filter(({ oid }) => oid === OID_DOMAIN_COMPONENT)
    .map(({ value }) => `DC=${value}`).join(",");
}

/** The name to compare with users'; null when it has an attribute without a known type. */
export function certificateDn(name: NameSequence): DistinguishedName | null {
  const convert = ({ oid, value }: NameAttribute): DnAttribute | null => {
    const type = ATTRIBUTE_NAMES.get(oid);
    return type === undefined ? null : { type, value };
  };
  const result: DnAttribute[][] = [];
  for (const relative of name.toReversed()) {
    const attributes = relative.toReversed().map(convert);
    if (attributes.includes(null)) return null;
    if (attributes.length > 0) result.push(attributes as DnAttribute[]);
  }
  return result;
}

const SPECIAL = ' "#+,;<=>\\';

/** Reads a name in the notation of RFC 4514; null when `text` is none. */
export function parseDn(text: string): DistinguishedName | null {
  const bytes = new TextEncoder().encode(text);
  const names: DnAttribute[][] = [];
  let relative: DnAttribute[] = [];
  let type = "";
  let held: number[] = [];
  let trailingSpaces = 0;
  const take = (): string => {
    const taken = new TextDecoder().decode(
      Uint8Array.from(held.slice(0, held.length - trailingSpaces)),
    );
    held = [];
    trailingSpaces = 0;
    return taken;
  };
  for (let i = 0; i < bytes.length; i++) {
    const char = String.fromCharCode(bytes[i]!);
    if (char === "\\") {
      trailingSpaces = 0;
      if (i + 1 === bytes.length) break;
      const next = String.fromCharCode(bytes[++i]!);
      if (SPECIAL.includes(next)) {
        held.push(next.charCodeAt(0));
        continue;
      }
      const hex = next + String.fromCharCode(bytes[i + 1] ?? 0);
      if (!/^[0-9a-fA-F]{2}$/.test(hex)) return null;
      held.push(parseInt(hex, 16));
      i++;
    } else if (char === "=") {
      type = take();
      if (bytes[i + 1] === 0x23) return null; // "#": BER follows
    } else if (char === "," || char === "+") {
      if (type === "") return null;
      relative.push({ type, value: take() });
      type = "";
      if (char === ",") {
        names.push(relative);
        relative = [];
      }
    } else if (char !== " " || held.length > 0) {
      trailingSpaces = char === " " ? trailingSpaces + 1 : 0;
      held.push(bytes[i]!);
    }
  }
  if (held.length > 0) {
    if (type === "") return null;
    relative.push({ type, value: take() });
    names.push(relative);
  }
  return names;
}

function sameRelative(a: readonly DnAttribute[], b: readonly DnAttribute[]): boolean {
  const has = (list: readonly DnAttribute[], { type, value }: DnAttribute): boolean =>
    list.some((item) => item.type.toUpperCase() === type.toUpperCase() && item.value === value);
  return a.length === b.length && a.every((item) => has(b, item)) &&
    b.every((item) => has(a, item));
}

/** Equal in the same order. */
export function sameDn(a: DistinguishedName, b: DistinguishedName): boolean {
  return a.length === b.length && a.every((relative, i) => sameRelative(relative, b[i]!));
}

/** Equal in any order. */
export function sameDnReordered(a: DistinguishedName, b: DistinguishedName): boolean {
  if (a.length !== b.length) return false;
  const left = [...b];
  return a.every((relative) => {
    const index = left.findIndex((other) => sameRelative(relative, other));
    if (index >= 0) left.splice(index, 1);
    return index >= 0;
  });
}
