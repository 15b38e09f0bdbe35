/**
 * Connections that one account has on other servers, as these report them: they count for the
 * account's limit like its own.
 *
 * Reference: updateRemoteServer and removeRemoteServer in server/accounts.go.
 *
 * @module
 */
import type { Connection } from "../connection/connection.ts";
import type { Account } from "./account.ts";

/** How many connections one server reports. */
export interface RemoteCounts {
  readonly clients: number;
  readonly leafNodes: number;
}

/** What all other servers report of one account. */
export class RemoteConnections {
  readonly #servers = new Map<string, RemoteCounts>();
  /** Sum over the servers. */
  clients = 0;
  /** Sum over the servers. */
  leafNodes = 0;

  /** Takes over what the server `id` reports last. */
  set(id: string, counts: RemoteCounts): void {
    this.remove(id);
    this.#servers.set(id, counts);
    this.clients += counts.clients;
    this.leafNodes += counts.leafNodes;
  }

  /** Forgets a server that is gone. */
  remove(id: string): void {
    const known = this.#servers.get(id);
    if (known === undefined) return;
    this.#servers.delete(id);
    this.clients -= known.clients;
    this.leafNodes -= known.leafNodes;
  }
}

/**
 * Takes over what the server `id` reports. Returns the clients here that are too many now, the
 * newest first. Each server of the account does the same, so that all together may send away more
 * than they have to.
 */
export function updateRemoteServer(
  account: Account,
  id: string,
  counts: RemoteCounts,
): Connection[] {
  const remote = account.remote ??= new RemoteConnections();
  remote.set(id, counts);
  const { maxConnections } = account.limits;
  const excess = account.connections.size + remote.clients - maxConnections;
  if (maxConnections < 0 || excess <= 0) return [];
  return [...account.connections]
    .filter(({ kind }) => kind === "client")
    .sort((a, b) => b.startMs - a.startMs || b.id - a.id)
    .slice(0, excess);
}
