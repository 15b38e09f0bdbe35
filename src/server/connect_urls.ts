/**
 * Where clients reach a listener, as other servers of a cluster tell it to theirs.
 *
 * Reference: getConnectURLs and getNonLocalIPsIfHostIsIPAny in server/server.go.
 *
 * @module
 */
import { parseHostPort } from "../base/text/host_port.ts";
import type { Logger, Net } from "../platform/mod.ts";

/** A listener and the machine it is on. */
export interface ReachableListener {
  /** `host[:port]` to tell instead of the listening address; empty tells the latter. */
  readonly advertise: string;
  readonly host: string;
  readonly port: number;
  readonly net: Net;
  readonly log: Logger;
}

function joined(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * `host:port` of each address, those of the machine's interfaces for a wildcard address.
 *
 * @throws {AddressError} if `advertise` is no address
 */
export function connectUrls(listener: ReachableListener): string[] {
  const { advertise, host, port, net, log } = listener;
  if (advertise !== "") {
    const told = parseHostPort(advertise, port);
    return [joined(told.host, told.port)];
  }
  if (host !== "0.0.0.0" && host !== "::") return [joined(host, port)];
  log.debug(`Get non local IPs for "${host}"`);
  const urls = net.interfaceAddresses().map((address) => {
    log.debug(`  ip=${address}`);
    return joined(address, port);
  });
  if (urls.length === 0) log.error(`Address "${host}" can not be resolved properly`);
  return urls;
}
