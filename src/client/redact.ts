/**
 * Keeps secrets of CONNECT out of protocol traces.
 *
 * @module
 */

const BY_PREFIX = /"?\s*(?:auth_token\S*?|pass\S*?)"?\s*[:=]\s*"?([^",\r\n}]*)/dg;
const BY_NAME = /(?:^|[^A-Za-z0-9_])"?\s*(?:proxy_sig|nkey|sig|jwt)"?\s*[:=]\s*"?([^",\r\n}]*)/dg;

/** Members of JSON, with values that patterns for plain text would cut short. */
const MEMBER =
  /"(?:auth_token[^"]*|pass[^"]*|proxy_sig|nkey|sig|jwt)"\s*:\s*(?:"((?:[^"\\]|\\.)*)"|(\[[^\]]*\]?|\{[^}]*\}?))/dgi;

/**
 * Replaces passwords, tokens, keys, signatures and JWTs with `[REDACTED]`. The reference shows
 * JWTs, but whoever has the one of a bearer user is that user.
 */
export function redactSecrets(connect: string): string {
  return redact(BY_NAME, redact(BY_PREFIX, redact(MEMBER, connect)));
}

function redact(pattern: RegExp, text: string): string {
  let out = "";
  let from = 0;
  for (const match of text.matchAll(pattern)) {
    const [start, end] = match.indices![1] ?? match.indices![2]!;
    out += text.slice(from, start) + "[REDACTED]";
    from = end;
  }
  return out + text.slice(from);
}
