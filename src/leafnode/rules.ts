/**
 * Permissions of leaf node connections: what may be sent to the other end (`publish`) and what it
 * is asked for (`subscribe`).
 *
 * Reference: mergeDenyPermissions in server/client.go.
 *
 * @module
 */
import type { Permissions, SubjectPermission } from "../config/mod.ts";
import type { Connection } from "../core/connection/connection.ts";

/** `rule` and the subjects of `denied`. */
export function withDenied(
  rule: SubjectPermission | null,
  denied: readonly string[],
): SubjectPermission | null {
  if (denied.length === 0) return rule;
  const before = rule?.deny ?? [];
  const added = denied.filter((subject) => !before.includes(subject));
  return { allow: rule?.allow ?? null, deny: [...before, ...added] };
}

/** Denies `subjects` on `connection`, to be sent, to be asked for, or both. */
export function deny(
  connection: Connection,
  what: "publish" | "subscribe" | "both",
  subjects: readonly string[],
): void {
  if (subjects.length === 0) return;
  const source: Permissions = connection.permissions?.source ??
    { publish: null, subscribe: null, response: null };
  const { publish, subscribe } = source;
  connection.setPermissions({
    publish: what === "subscribe" ? publish : withDenied(publish, subjects),
    subscribe: what === "publish" ? subscribe : withDenied(subscribe, subjects),
    response: null,
  });
}
