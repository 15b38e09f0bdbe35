/**
 * Errors and warnings of the configuration, with the place in the file they belong to.
 *
 * Reference: configErr and its kin in server/errors.go.
 *
 * @module
 */
import type { ConfigToken } from "./parser.ts";
import { quoteText } from "./url.ts";

/** The text of a configuration cannot be parsed. */
export class ConfigParseError extends Error {
  override readonly name = "ConfigParseError";
}

/** Something in the configuration is wrong. */
export class ConfigError extends Error {
  override readonly name: string = "ConfigError";

  /**
   * @param token where, or null when it belongs to no place
   * @param reason what is wrong, without the place
   */
  constructor(readonly token: ConfigToken | null, readonly reason: string) {
    super(token === null ? reason : `${placeOf(token)}: ${reason}`);
  }
}

/** A field that the block does not have. */
export class UnknownFieldError extends ConfigError {
  override readonly name = "UnknownFieldError";
  constructor(token: ConfigToken, readonly field: string) {
    super(token, `unknown field ${quoteText(field)}`);
  }
}

/** A field that is accepted but should be written differently. */
export class ConfigWarning extends ConfigError {
  override readonly name = "ConfigWarning";
  constructor(token: ConfigToken, readonly field: string, warning: string) {
    super(token, `invalid use of field ${quoteText(field)}: ${warning}`);
  }
}

/** All that is wrong with a configuration. The message has a line for each, warnings first. */
export class ConfigProcessError extends Error {
  override readonly name = "ConfigProcessError";
  constructor(readonly errors: readonly Error[], readonly warnings: readonly Error[]) {
    super([...warnings, ...errors].map((error) => error.message + "\n").join(""));
  }
}

/** Options contradict each other or cannot be run with. */
export class OptionsError extends Error {
  override readonly name = "OptionsError";
}

/** A place in a configuration as `file:line:column`. */
export function placeOf(token: ConfigToken): string {
  return `${token.sourceFile}:${token.line}:${token.pos}`;
}
