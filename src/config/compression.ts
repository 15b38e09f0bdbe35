/**
 * Checks and normalises the compression of routes and leaf nodes.
 *
 * Reference: validateAndNormalizeCompressionOption in server/server.go.
 *
 * @module
 */
import { formatDurationMs } from "../base/text/duration.ts";
import { CompressionMode, type CompressionOptions } from "./cluster_options.ts";
import { OptionsError } from "./errors.ts";
import { quoteText } from "./url.ts";

/** Round-trip times that separate the levels of `s2_auto` by default. */
export const DEFAULT_RTT_THRESHOLDS_MS: readonly number[] = [10, 50, 100];

const MODES: Readonly<Record<string, string>> = {
  "not supported": CompressionMode.NotSupported,
  "not_supported": CompressionMode.NotSupported,
  "disabled": CompressionMode.Off,
  "off": CompressionMode.Off,
  "false": CompressionMode.Off,
  "accept": CompressionMode.Accept,
  "auto": CompressionMode.S2Auto,
  "s2_auto": CompressionMode.S2Auto,
  "fast": CompressionMode.S2Fast,
  "s2_fast": CompressionMode.S2Fast,
  "better": CompressionMode.S2Better,
  "s2_better": CompressionMode.S2Better,
  "best": CompressionMode.S2Best,
  "s2_best": CompressionMode.S2Best,
};

/**
 * Turns the mode of `compression` into a {@linkcode CompressionMode} and orders its thresholds,
 * in place.
 *
 * @param modeForOn what `on` stands for
 * @throws {OptionsError}
 */
export function normalizeCompression(compression: CompressionOptions, modeForOn: string): void {
  let written = compression.mode.toLowerCase();
  if (written === "on" || written === "enabled" || written === "true") written = modeForOn;
  const mode = Object.hasOwn(MODES, written) ? MODES[written] : undefined;
  if (mode === undefined) {
    throw new OptionsError(`unsupported compression mode ${quoteText(compression.mode)}`);
  }
  if (mode === CompressionMode.S2Auto) {
    compression.rttThresholdsMs = thresholds(compression);
  }
  compression.mode = mode;
}

function thresholds({ mode, rttThresholdsMs }: CompressionOptions): number[] {
  if (rttThresholdsMs.length === 0) return [...DEFAULT_RTT_THRESHOLDS_MS];
  const show = () => `[${rttThresholdsMs.map(formatDurationMs).join(" ")}]`;
  const out: number[] = [];
  for (const threshold of rttThresholdsMs.map((ms) => Math.max(0, ms))) {
    // A zero leaves out its level, so it may stand anywhere.
    if (threshold !== 0 && out.some((other) => threshold < other)) {
      throw new OptionsError(`RTT threshold values ${show()} should be in ascending order`);
    }
    out.push(threshold);
  }
  while (out.at(-1) === 0) out.pop();
  if (out.length > 4) {
    throw new OptionsError(
      `compression mode ${quoteText(mode)} should have no more than 4 RTT thresholds: ${show()}`,
    );
  }
  if (out.length === 0) {
    throw new OptionsError(
      `compression mode ${quoteText(mode)} requires at least one RTT threshold`,
    );
  }
  return out;
}

/** Whether two settings mean the same: `s2_auto` without thresholds has the default ones. */
export function compressionEquals(a: CompressionOptions, b: CompressionOptions): boolean {
  if (a.mode !== b.mode) return false;
  if (a.mode !== CompressionMode.S2Auto) return true;
  const thresholdsOf = ({ rttThresholdsMs }: CompressionOptions) =>
    rttThresholdsMs.length === 0 ? DEFAULT_RTT_THRESHOLDS_MS : rttThresholdsMs;
  return thresholdsOf(a).join() === thresholdsOf(b).join();
}
