/**
 * Addresses in the form `host:port`, split with the rules and the error texts of Go's `net`.
 *
 * @module
 */
import { parseInt64 } from "../base/text/size.ts";
import { typeName } from "./fields.ts";
import type { ConfigValue } from "./parser.ts";
import { quoteText } from "./url.ts";

/** An address cannot be split; the message is Go's. */
export class AddressError extends Error {
  override readonly name = "AddressError";
  constructor(readonly address: string, readonly reason: string) {
    super(address === "" ? reason : `address ${address}: ${reason}`);
  }
}

/**
 * Splits `host:port`, `[host]:port` or `[host%zone]:port`.
 *
 * @throws {AddressError}
 */
export function splitHostPort(address: string): { host: string; port: string } {
  const colon = address.lastIndexOf(":");
  if (colon < 0) throw new AddressError(address, "missing port in address");
  let host: string;
  let from = 0;
  let to = 0;
  if (address.startsWith("[")) {
    const close = address.indexOf("]");
    if (close < 0) throw new AddressError(address, "missing ']' in address");
    if (close + 1 === address.length) throw new AddressError(address, "missing port in address");
    if (close + 1 !== colon) {
      throw new AddressError(
        address,
        address.charAt(close + 1) === ":"
          ? "too many colons in address"
          : "missing port in address",
      );
    }
    host = address.slice(1, close);
    from = 1;
    to = close + 1;
  } else {
    host = address.slice(0, colon);
    if (host.includes(":")) throw new AddressError(address, "too many colons in address");
  }
  if (address.indexOf("[", from) >= 0) {
    throw new AddressError(address, "unexpected '[' in address");
  }
  if (address.indexOf("]", to) >= 0) {
    throw new AddressError(address, "unexpected ']' in address");
  }
  return { host, port: address.slice(colon + 1) };
}

/**
 * The value of a `listen` field: a port, or `host:port`.
 *
 * @throws {RangeError} with the reference's text
 */
export function parseListen(value: ConfigValue): { host: string; port: number } {
  if (typeof value === "bigint") return { host: "", port: Number(value) };
  if (typeof value !== "string") {
    throw new RangeError(`expected port or host:port, got ${typeName(value)}`);
  }
  let parts: { host: string; port: string };
  try {
    parts = splitHostPort(value);
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new RangeError(`could not parse address string ${quoteText(value)}`);
  }
  try {
    return { host: parts.host, port: Number(parseInt64(parts.port, "Atoi")) };
  } catch {
    throw new RangeError(`could not parse port ${quoteText(parts.port)}`);
  }
}
