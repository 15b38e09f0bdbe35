/**
 * Takes subscriptions away that a connection's permissions no longer allow.
 *
 * Reference: processSubsOnConfigReload in server/client.go.
 *
 * @module
 */
import { textOfByteString } from "../../base/text/byte_string.ts";
import { goQuote } from "../../base/text/go_format.ts";
import type { Connection } from "../connection/connection.ts";

/** Ends what is not allowed any more, and tells the client. */
export function recheckSubscriptions(connection: Connection): void {
  const { permissions, core } = connection;
  if (permissions === null) return;
  for (const subscription of [...connection.subscriptions.values()]) {
    const { subject, queue, sid } = subscription;
    if (permissions.canSubscribe(subject, queue)) continue;
    connection.removeSubscription(subscription);
    const shown = goQuote(textOfByteString(subject));
    const group = queue === null ? "" : ` using queue ${goQuote(textOfByteString(queue))}`;
    const id = `(sid ${goQuote(textOfByteString(sid))})`;
    connection.sendError(`Permissions Violation for Subscription to ${shown}${group} ${id}`);
    core.env.log.notice(
      `Removed sub ${shown}${group} ${id} for ${connection.authUserText} - not authorized`,
    );
  }
}
