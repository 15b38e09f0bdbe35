/**
 * Addresses in the form `host:port`, split with the rules and the error texts of Go's `net`.
 *
 * @module
 */
import { parseInt64 } from "./size.ts";

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
 * Splits `text` into host and port, with `portDefault` where the port is missing, 0 or -1
 * (server/util.go parseHostPort).
 *
 * @throws {AddressError} if it is no address
 * @throws {IntegerError} if the port is no number
 */
export function parseHostPort(text: string, portDefault: number): { host: string; port: number } {
  if (text === "") throw new AddressError("", "no hostport specified");
  const parts = splitWithDefault(text, portDefault);
  const port = Number(parseInt64(parts.port.trim(), "Atoi"));
  return { host: parts.host.trim(), port: port === 0 || port === -1 ? portDefault : port };
}

function splitWithDefault(text: string, portDefault: number): { host: string; port: string } {
  try {
    return splitHostPort(text);
  } catch (error) {
    if (!(error instanceof AddressError) || !error.reason.includes("missing port")) throw error;
    return splitHostPort(`${text}:${portDefault}`);
  }
}
