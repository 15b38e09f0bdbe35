/**
 * What of JetStream must not cross a leaf node connection: each side has its own, which others
 * reach by the name of its domain (`$JS.<domain>.API.…`).
 *
 * Reference: addLeafNodeConnection in server/leafnode.go.
 *
 * @module
 */
import { byteStringOfText, textOfByteString } from "../base/text/byte_string.ts";
import { goQuote } from "../base/text/go_format.ts";
import type { Options } from "../config/mod.ts";
import type { Connection } from "../core/connection/connection.ts";
import { deny } from "./rules.ts";

/** The API and the materialized views of streams. */
const CLIENT_SUBJECTS = ["$JS.API.>", "$KV.>", "$OBJ.>"];
/** What the servers of one JetStream say among each other, in the system account. */
const SERVER_SUBJECTS = ["$JSC.>", "$NRG.>", ...CLIENT_SUBJECTS];

/** Keeps apart what each end has of JetStream, as the domains of both say. */
export function separateDomains(connection: Connection, options: Options): void {
  const { account, core } = connection;
  const { remoteDomain, remoteServer, remoteCluster } = connection.leaf!;
  const domain = options.jetStreamDomain;
  const { systemAccount } = core;
  const isSystem = account !== null && account === systemAccount;
  const name = textOfByteString(account?.name ?? "");
  // One JetStream can only reach over a leaf node connection of the system account.
  const apart = domain !== remoteDomain || (!options.jetStream && domain === "") ||
    systemAccount === null;
  if (!apart) {
    if (isSystem) return;
    connection.debug(`Adding deny [${CLIENT_SUBJECTS.join(" ")}] for account ${goQuote(name)}`);
    deny(connection, "both", CLIENT_SUBJECTS);
    return;
  }
  if (isSystem) {
    const from = remoteCluster === "" ? remoteServer : `${remoteServer}/${remoteCluster}`;
    connection.notice(`System account connected from ${from}`);
    connection.notice("JetStream not extended, domains differ");
    deny(connection, "both", SERVER_SUBJECTS);
  } else {
    connection.notice(
      `JetStream using domains: local ${goQuote(domain)}, remote ${goQuote(remoteDomain)}`,
    );
    deny(connection, "both", CLIENT_SUBJECTS);
  }
  if (domain === "" || !options.jetStream || isSystem) return;
  // Requests for this domain must not leave it.
  const own = byteStringOfText(`$JS.${domain}.API.>`);
  deny(connection, "publish", [own]);
  connection.debug(
    `Adding deny ${goQuote(own)} for outgoing messages to account ${goQuote(name)}`,
  );
}
