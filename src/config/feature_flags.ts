/**
 * Feature flags: behaviour that operators may turn on before it becomes the default.
 *
 * Reference: server/feature_flags.go.
 *
 * @module
 */

/** The flags that this server knows, and whether they are on by default. */
const FEATURE_FLAGS: ReadonlyMap<string, boolean> = new Map([
  // Acknowledgement and flow control subjects with domain and account (`$JS.ACK.<domain>.…`).
  ["js_ack_fc_v2", false],
  // One replicated entry for a range of deletes; each peer must be able to apply it.
  ["js_raft_delete_range", false],
]);

/** Whether the flag `name` is on; a flag that is not `known` is off. */
export function featureFlag(
  configured: ReadonlyMap<string, boolean>,
  name: string,
  known: ReadonlyMap<string, boolean> = FEATURE_FLAGS,
): boolean {
  const byDefault = known.get(name);
  return byDefault === undefined ? false : configured.get(name) ?? byDefault;
}

/** All known flags with their values; unknown ones are left out. */
export function mergedFeatureFlags(
  configured: ReadonlyMap<string, boolean>,
  known: ReadonlyMap<string, boolean> = FEATURE_FLAGS,
): Map<string, boolean> {
  return new Map([...known.keys()].map((name) => [name, featureFlag(configured, name, known)]));
}

/** The lines that the log shows of configured flags at the start; none when there are none. */
export function describeFeatureFlags(configured: ReadonlyMap<string, boolean>): string[] {
  if (configured.size === 0) return [];
  const known: string[] = [];
  const unsupported: string[] = [];
  for (const name of [...configured.keys()].sort()) {
    const byDefault = FEATURE_FLAGS.get(name);
    if (byDefault === undefined) unsupported.push(name);
    else known.push(`${name} (${stateOf(byDefault, configured.get(name)!)})`);
  }
  const lines = [
    "  Feature flags:",
    `    Configured:    ${known.length === 0 ? "none" : known.join(", ")}`,
  ];
  if (unsupported.length > 0) lines.push(`    Unsupported:   ${unsupported.join(", ")}`);
  return lines;
}

function stateOf(byDefault: boolean, value: boolean): string {
  if (byDefault) return value ? "enabled" : "opt-out";
  return value ? "opt-in" : "disabled";
}
