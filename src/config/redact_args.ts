/**
 * Command lines without their secrets, for monitoring and logs.
 *
 * Reference: RedactArgs in server/opts.go.
 *
 * @module
 */
import { formatServerUrl, parseServerUrl, redactBrokenUrl, UrlError } from "./url.ts";

const SECRET = /^-{1,2}(user|pass|auth)(=.*)?$/s;
const ROUTES = /^-{1,2}(routes)(=.*)?$/s;
const URL_FLAG = /^-{1,2}(cluster|cluster_listen)(=.*)?$/s;

/** A copy of `args` with `[REDACTED]` for passwords, tokens and the logins of URLs. */
export function redactArgs(args: readonly string[]): string[] {
  const out = [...args];
  for (let i = 0; i < out.length; i++) {
    const arg = out[i]!;
    const redact = SECRET.test(arg)
      ? () => "[REDACTED]"
      : ROUTES.test(arg)
      ? redactUrls
      : URL_FLAG.test(arg)
      ? redactUrl
      : null;
    if (redact === null) continue;
    const equals = arg.indexOf("=");
    if (equals >= 0) out[i] = arg.slice(0, equals + 1) + redact(arg.slice(equals + 1));
    else if (i + 1 < out.length) out[i + 1] = redact(out[i + 1]!);
  }
  return out;
}

function redactUrls(raw: string): string {
  return raw.split(",").map(redactUrl).join(",");
}

function redactUrl(raw: string): string {
  if (!raw.includes("@")) return raw;
  const random = raw.trim().endsWith(":-1");
  const text = random ? raw.trim().slice(0, -2) + "0" : raw.trim();
  try {
    const url = parseServerUrl(text);
    if (url.user === null) return raw;
    // Brackets would be escaped in a login, so they are put in afterwards.
    url.user = { username: "_REDACTED_", password: null };
    if (random) url.host = url.host.replace(/:0$/, ":-1");
    return formatServerUrl(url).replace("_REDACTED_@", "[REDACTED]@");
  } catch (error) {
    if (!(error instanceof UrlError)) throw error;
    return redactBrokenUrl(raw);
  }
}
