/**
 * Filters cut at their wildcards, and matching of tree fragments against the pieces
 * (reference: server/stree/parts.go).
 *
 * @module
 */

const DOT = 46;
const STAR = 42;
const FULL = 62;

/**
 * Splits `filter` before and after each wildcard token. The dot before a wildcard stays with the
 * literal piece, the dot after it belongs to neither.
 */
export function partsOf(filter: string): string[] {
  const parts: string[] = [];
  const last = filter.length - 1;
  let start = 0;
  for (let i = 0; i < filter.length; i++) {
    const byte = filter.charCodeAt(i);
    if (byte === DOT) {
      const next = i < last ? filter.charCodeAt(i + 1) : 0;
      if (next === STAR && (i + 1 === last || filter.charCodeAt(i + 2) === DOT)) {
        if (i > start) parts.push(filter.slice(start, i + 1));
        parts.push("*");
        i++;
        if (i + 2 <= last) i++;
        start = i + 1;
      } else if (next === FULL && i + 1 === last) {
        if (i > start) parts.push(filter.slice(start, i + 1));
        parts.push(">");
        i++;
        start = i + 1;
      }
    } else if (byte === STAR || byte === FULL) {
      if (i > 0 && filter.charCodeAt(i - 1) !== DOT) continue;
      const next = i + 1;
      if (next === last || (next < last && filter.charCodeAt(next) !== DOT)) continue;
      if (byte === FULL && i < last) break;
      parts.push(filter.charAt(i));
      if (i + 1 <= last) i++;
      start = i + 1;
    }
  }
  if (start < filter.length) {
    if (filter.charCodeAt(start) === DOT) start++;
    parts.push(filter.slice(start));
  }
  return parts;
}

const NOTHING_LEFT: string[] = [];

/**
 * Matches the beginning of `parts` against `fragment`. Returns what is left of `parts` for the
 * nodes below, or null when it cannot match.
 */
export function matchParts(parts: string[], fragment: string): string[] | null {
  const fragmentSize = fragment.length;
  if (fragmentSize === 0) return parts;
  const lastPart = parts.length - 1;
  let at = 0;
  for (let i = 0; i < parts.length; i++) {
    if (at >= fragmentSize) return parts.slice(i);
    const part = parts[i]!;
    const partSize = part.length;
    if (partSize === 1) {
      const byte = part.charCodeAt(0);
      if (byte === STAR) {
        const dot = fragment.indexOf(".", at);
        if (dot < 0) return i === lastPart ? NOTHING_LEFT : parts.slice(i);
        at = dot + 1;
        continue;
      }
      if (byte === FULL) return NOTHING_LEFT;
    }
    if (at + partSize > fragmentSize) {
      // The fragment ends inside this literal part: the rest of the part is for the next node.
      const taken = fragmentSize - at;
      if (!part.startsWith(fragment.slice(at))) return null;
      const rest = parts.slice(i);
      rest[0] = part.slice(taken);
      return rest;
    }
    if (!fragment.startsWith(part, at)) return null;
    at += partSize;
    if (at < fragmentSize) continue;
    return i === lastPart ? NOTHING_LEFT : parts.slice(i + 1);
  }
  return null;
}
