/**
 * IP addresses as Go's `net.ParseIP` reads and `net.IP.String` prints them: no leading zeros in
 * IPv4, no zones, the shortest form of RFC 5952, and IPv4-mapped IPv6 addresses shown as IPv4.
 *
 * @module
 */

const IPV4_BYTES = 4;
const IPV6_BYTES = 16;
const IPV6_GROUPS = 8;

/** The address in network order, 4 bytes for dotted text and 16 for IPv6; null when it is none. */
export function parseIpAddress(text: string): Uint8Array | null {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

function parseIpv4(text: string): Uint8Array | null {
  const fields = text.split(".");
  if (fields.length !== IPV4_BYTES) return null;
  const bytes = new Uint8Array(IPV4_BYTES);
  for (const [i, field] of fields.entries()) {
    if (!/^(?:0|[1-9]\d{0,2})$/.test(field) || Number(field) > 255) return null;
    bytes[i] = Number(field);
  }
  return bytes;
}

/** The groups of a part without "::"; null when one is malformed. */
function parseGroups(text: string, isLastPart: boolean): number[] | null {
  if (text === "") return [];
  const groups: number[] = [];
  const fields = text.split(":");
  for (const [i, field] of fields.entries()) {
    if (isLastPart && i === fields.length - 1 && field.includes(".")) {
      const v4 = parseIpv4(field);
      if (v4 === null) return null;
      groups.push(v4[0]! << 8 | v4[1]!, v4[2]! << 8 | v4[3]!);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(field)) {
      groups.push(parseInt(field, 16));
    } else return null;
  }
  return groups;
}

function parseIpv6(text: string): Uint8Array | null {
  const parts = text.split("::");
  if (parts.length > 2) return null;
  const head = parseGroups(parts[0]!, parts.length === 1);
  const tail = parts.length === 2 ? parseGroups(parts[1]!, true) : [];
  if (head === null || tail === null) return null;
  const given = head.length + tail.length;
  // "::" stands for at least one group of zeros.
  if (parts.length === 1 ? given !== IPV6_GROUPS : given >= IPV6_GROUPS) return null;
  const bytes = new Uint8Array(IPV6_BYTES);
  const view = new DataView(bytes.buffer);
  head.forEach((group, i) => view.setUint16(i * 2, group));
  tail.forEach((group, i) => view.setUint16((IPV6_GROUPS - tail.length + i) * 2, group));
  return bytes;
}

/** True for 4 bytes, and for 16 that carry an IPv4 address (`::ffff:a.b.c.d`). */
export function isIpv4(address: Uint8Array): boolean {
  if (address.length === IPV4_BYTES) return true;
  return address.subarray(0, 10).every((byte) => byte === 0) &&
    address[10] === 0xff && address[11] === 0xff;
}

/** Prints 4 or 16 bytes in network order. */
export function ipAddressText(address: Uint8Array): string {
  if (isIpv4(address)) return address.subarray(-IPV4_BYTES).join(".");
  const groups: number[] = [];
  for (let i = 0; i < IPV6_BYTES; i += 2) groups.push(address[i]! << 8 | address[i + 1]!);
  const zeros = longestZeroRun(groups);
  const show = (part: number[]): string => part.map((group) => group.toString(16)).join(":");
  if (zeros.length < 2) return show(groups);
  return `${show(groups.slice(0, zeros.start))}::${show(groups.slice(zeros.start + zeros.length))}`;
}

/** The first of the longest runs of zero groups. */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length;) {
    let end = start;
    while (groups[end] === 0) end++;
    if (end - start > best.length) best = { start, length: end - start };
    start = end + 1;
  }
  return best;
}
