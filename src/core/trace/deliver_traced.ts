/**
 * Delivery of a message that is traced: each step leaves an event, and with `Nats-Trace-Only`
 * nobody gets anything.
 *
 * Reference: the parts of processMsgResults and deliverMsg in server/client.go for traces.
 *
 * @module
 */
import { byteStringOf } from "../../base/text/byte_string.ts";
import type { InboundMessage } from "../../protocol/mod.ts";
import type { Account } from "../account/account.ts";
import type { Connection } from "../connection/connection.ts";
import type { Subscription } from "../connection/subscription.ts";
import type { Core } from "../core.ts";
import { deliverInternal, deliverOne, isStalled, shownSubject } from "../deliver/deliver.ts";
import type { ServiceHop } from "../deliver/service.ts";
import { EgressError, type MessageTrace } from "./message_trace.ts";

/** Delivers to one subscription while `core.trace` is `trace`. Returns whether it got the message. */
export function deliverTraced(
  core: Core,
  from: Connection | null,
  account: Account,
  subscription: Subscription,
  m: InboundMessage,
  hop: ServiceHop | null,
  trace: MessageTrace,
): boolean {
  const to = subscription.connection;
  const link = subscription.streamImport;
  if (link !== null) {
    if (hop !== null) return false;
    trace.addStreamExport(
      link.importer,
      shownSubject(link, m) ?? byteStringOf(m.args, m.subjectStart, m.subjectEnd),
    );
    if (!link.allowTrace) {
      return trace.only ||
        untraced(core, () => deliverOne(core, from, account, subscription, m, hop));
    }
  }
  // Parts of the server know what a trace is; they must be asked even if nothing is delivered.
  if (to === null) return deliverInternal(core, from, account, subscription, m, hop);
  const error = egressError(core, from, to, subscription, m, trace.only);
  trace.addEgress(to, subscription, error);
  if (error !== "") return false;
  return trace.only || untraced(core, () => deliverOne(core, from, account, subscription, m, hop));
}

function untraced(core: Core, deliver: () => boolean): boolean {
  const { trace } = core;
  core.trace = null;
  try {
    return deliver();
  } finally {
    core.trace = trace;
  }
}

/** Why `to` will not get the message; empty when it will. */
function egressError(
  core: Core,
  from: Connection | null,
  to: Connection,
  subscription: Subscription,
  m: InboundMessage,
  only: boolean,
): string {
  if (to === from && !to.echo) return EgressError.NoEcho;
  const { permissions } = to;
  if (permissions !== null && permissions.checksDeliveries) {
    const subject = shownSubject(subscription.streamImport, m) ??
      byteStringOf(m.args, m.subjectStart, m.subjectEnd);
    if (permissions.deliveryDenied(subject, subscription.queue)) return EgressError.Denied;
  }
  if (subscription.closed) return EgressError.SubscriptionClosed;
  if (only) return "";
  const { max, delivered } = subscription.original ?? subscription;
  if (max > 0 && delivered >= max) return EgressError.LimitExceeded;
  if (isStalled(core, from, to) && core.options.noFastProducerStall) {
    return EgressError.SlowConsumer;
  }
  return to.closed ? EgressError.ClientClosed : "";
}
