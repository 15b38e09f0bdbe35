/**
 * Distinguished names as users of the configuration write them.
 *
 * Reference: internal/ldap/dn.go.
 *
 * @module
 */
import { ATTRIBUTE_NAMES, OID_DOMAIN_COMPONENT } from "../../base/crypto/name_text.ts";
import type { NameAttribute, NameSequence } from "../../base/crypto/x509.ts";

/** A type and its value. */
export interface DnAttribute {
  readonly type: string;
  readonly value: string;
}

/** Relative names, the most specific first. */
export type DistinguishedName = readonly (readonly DnAttribute[])[];

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

/** Reads a name in the notation of RFC 4514; a string says why `text` is none. */
export function parseDn(text: string): DistinguishedName | string {
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
      if (i + 1 === bytes.length) return "got corrupted escaped character";
      const hex = next + String.fromCharCode(bytes[i + 1]!);
      const wrong = /[^0-9a-fA-F]/.exec(hex)?.[0];
      if (wrong !== undefined) {
        const code = wrong.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
        return "failed to decode escaped character: encoding/hex: invalid byte: " +
          `U+${code} '${wrong}'`;
      }
      held.push(parseInt(hex, 16));
      i++;
    } else if (char === "=") {
      type = take();
      if (bytes[i + 1] === 0x23) return "unsupported BER encoding"; // "#"
    } else if (char === "," || char === "+") {
      if (type === "") return "incomplete type, value pair";
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
    if (type === "") return "DN ended with incomplete type, value pair";
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
