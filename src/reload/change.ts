/**
 * What a difference between two configurations means for a running server.
 *
 * Reference: the option types in server/reload.go.
 *
 * @module
 */
import type { Options } from "../config/mod.ts";
import type { Server } from "../server/server.ts";

/** A configuration that a running server cannot take over; nothing was changed. */
export class ReloadError extends Error {
  override readonly name = "ReloadError";
}

/** Parts of a server that are made anew after the options have changed. */
export type Part = "logging" | "authorization" | "jetstream" | "statistics";

/** One option, or a group of them, that has changed. */
export interface Change {
  /** What the log says behind "Reloaded: "; empty for nothing. */
  readonly log?: string;
  /** Whole lines of the log, where the reference says it otherwise. */
  readonly lines?: readonly string[];
  /** What must be made anew. */
  readonly parts?: readonly Part[];
  /** Runs when the new options hold, before the parts. */
  apply?(server: Server): void;
}

/** Two sets of options to compare. `next` may be changed. */
export interface Comparison {
  readonly server: Server;
  readonly current: Readonly<Options>;
  readonly next: Options;
}

/** Thrown by a rule: this option keeps its value until the server is started again. */
export function notSupported(what: string): ReloadError {
  return new ReloadError(`config reload not supported for ${what}`);
}
