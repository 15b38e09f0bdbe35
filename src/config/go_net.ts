/**
 * Addresses in the configuration.
 *
 * @module
 */
import { AddressError, splitHostPort } from "../base/text/host_port.ts";
import { parseInt64 } from "../base/text/size.ts";
import { typeName } from "./fields.ts";
import type { ConfigValue } from "./parser.ts";
import { quoteText } from "./url.ts";

export { AddressError, splitHostPort };

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
