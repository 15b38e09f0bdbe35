/**
 * Whether a DNS name in a certificate stands for a server that the configuration names: by this a
 * server of a cluster shows that it is one, where certificates are to be held against known URLs.
 *
 * Reference: dnsAltNameLabels and dnsAltNameMatches in server/auth.go, RFC 6125 section 6.4.3.
 *
 * @module
 */
import { hostnameOfUrl, type ServerUrl } from "../../config/mod.ts";

const WILDCARD = "*";

/** Labels of a DNS name, whose case does not matter. */
function labelsOf(name: string): string[] {
  return name.toLowerCase().split(".");
}

/** Whether one of `urls` names the host `altName`, whose first label may be a wildcard. */
export function dnsAltNameMatches(altName: string, urls: readonly ServerUrl[]): boolean {
  const wanted = labelsOf(altName);
  return urls.some((url) => {
    const labels = labelsOf(hostnameOfUrl(url));
    return labels.length === wanted.length &&
      wanted.every((label, i) => label === labels[i] || (i === 0 && label === WILDCARD));
  });
}
