/**
 * Shadows: what subscriptions of an importer become in the sublists of those who export to it.
 *
 * Reference: addShadowSubscriptions and addShadowSub in server/client.go.
 *
 * @module
 */
import { textOfByteString } from "../../base/text/byte_string.ts";
import { goQuote } from "../../base/text/go_format.ts";
import {
  fullWildcard,
  partialWildcard,
  subjectHasWildcard,
  tokenizeSubject,
  tokensAreSubsetMatch,
  tokenSeparator,
} from "../../subject/mod.ts";
import { Subscription } from "../connection/subscription.ts";
import type { Account } from "./account.ts";
import type { StreamImport } from "./imports.ts";

/** Gives `subscription` of `account` its shadows. */
export function addShadowSubscriptions(account: Account, subscription: Subscription): void {
  if (subscription.serviceImport !== null) return;
  const { subject } = subscription;
  const tokens = tokenizeSubject(subject);
  for (const link of account.streamImports) {
    if (link.invalid) continue;
    const shown = shadowSubject(link, subject, tokens);
    if (shown !== null) addShadow(subscription, link, shown);
  }
}

/** Ends the shadows of a subscription. */
export function removeShadowSubscriptions(subscription: Subscription): void {
  const { shadows } = subscription;
  if (shadows === null) return;
  subscription.shadows = null;
  for (const shadow of shadows) {
    shadow.closed = true;
    const { exporter } = shadow.streamImport!;
    exporter.sublist.remove(shadow);
    exporter.interest?.interestChanged(exporter, shadow, -shadow.queueWeight);
  }
}

/** Makes the shadows of all subscriptions of `account` anew, after its imports have changed. */
export function refreshShadowSubscriptions(account: Account): void {
  for (const subscription of account.sublist.all()) {
    if (subscription.streamImport !== null || subscription.serviceImport !== null) continue;
    removeShadowSubscriptions(subscription);
    if (account.streamImports.length > 0) addShadowSubscriptions(account, subscription);
  }
}

function addShadow(subscription: Subscription, link: StreamImport, subject: string): void {
  const { connection, queue, sid, handler } = subscription;
  const shadow = new Subscription(connection, subject, queue, sid, handler);
  shadow.original = subscription;
  shadow.queueWeight = subscription.queueWeight;
  shadow.streamImport = link;
  connection?.debug(
    `Creating import subscription on ${goQuote(textOfByteString(subject))} from account ` +
      goQuote(textOfByteString(link.exporter.name)),
  );
  link.exporter.sublist.insert(shadow);
  link.exporter.interest?.interestChanged(link.exporter, shadow, shadow.queueWeight);
  (subscription.shadows ??= []).push(shadow);
}

/** The exporter's subject that covers what `subject` wants of the import, or null for nothing. */
function shadowSubject(
  link: StreamImport,
  subject: string,
  tokens: readonly string[],
): string | null {
  if (subject === link.to) return link.from;
  const imported = tokenizeSubject(link.to);
  // All that is subscribed to is imported.
  if (tokensAreSubsetMatch(tokens, imported)) {
    return link.keepsSubject ? subject : link.exporterSubject(subject);
  }
  if (!subjectHasWildcard(subject)) return null;
  // All that is imported is subscribed to.
  if (tokensAreSubsetMatch(imported, tokens)) return link.from;
  const overlap = overlapOf(tokens, imported);
  if (!tokensAreSubsetMatch(overlap, imported)) return null;
  const both = overlap.join(tokenSeparator);
  return link.keepsSubject ? both : link.exporterSubject(both);
}

/** The tokens that `tokens` and `imported` have in common, if they have. */
function overlapOf(tokens: readonly string[], imported: readonly string[]): string[] {
  const overlap = tokens.map((token, i) =>
    token === partialWildcard && i < imported.length && imported[i] !== fullWildcard
      ? imported[i]!
      : token
  );
  const last = tokens.length - 1;
  if (overlap[last] === fullWildcard && imported.length >= tokens.length) {
    overlap.splice(last, 1, ...imported.slice(last));
  }
  return overlap;
}
