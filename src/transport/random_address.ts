/**
 * One of the addresses of another server, picked at random, so that connections spread over them.
 *
 * Reference: getRandomIP in server/server.go.
 *
 * @module
 */
import { splitHostPort } from "../base/text/host_port.ts";
import { parseIpAddress } from "../base/text/ip_address.ts";
import type { Logger, Random } from "../platform/mod.ts";

/** What {@linkcode randomAddress} needs of the outside world. */
export interface AddressWorld {
  /** IP addresses of a host; rejects when they cannot be found. */
  lookupHost(host: string): Promise<string[]>;
  readonly random: Random;
  readonly log: Logger;
}

/** All addresses of a host are excluded. */
export class NoAddressError extends Error {
  override readonly name = "NoAddressError";
  constructor() {
    super("no IP available");
  }
}

/**
 * An address for `address`, which is `host:port`: itself when the host is an IP address or has
 * none, otherwise one that is not in `excluded`.
 *
 * Rejects with AddressError when it cannot be split, with {@linkcode NoAddressError}, and with an
 * Error when the lookup fails.
 */
export async function randomAddress(
  address: string,
  excluded: ReadonlySet<string>,
  { lookupHost, random, log }: AddressWorld,
): Promise<string> {
  const { host, port } = splitHostPort(address);
  if (parseIpAddress(host) !== null) return address;
  let found: string[];
  try {
    found = await lookupHost(host);
  } catch (error) {
    throw new Error(`lookup for host "${host}": ${(error as Error).message}`, { cause: error });
  }
  const addresses = found.map((ip) => ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`)
    .filter((one) => !excluded.has(one));
  if (addresses.length > 0) return addresses[random.below(addresses.length)]!;
  if (excluded.size > 0) throw new NoAddressError();
  log.warn(`Unable to get IP for ${host}, will try with ${address}: <nil>`);
  return address;
}
