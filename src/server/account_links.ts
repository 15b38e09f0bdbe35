/**
 * Gives accounts the exports and imports that the configuration declares.
 *
 * Reference: configureAccounts in server/server.go, the end of parseAccounts in server/opts.go.
 *
 * @module
 */
import { byteStringOfText } from "../base/text/byte_string.ts";
import type { AccountOptions, ServiceExport, StreamExport } from "../config/mod.ts";
import type { Account } from "../core/account/account.ts";
import type { ExportRule } from "../core/account/exports.ts";
import { addServiceImport, addStreamImport, removeImports } from "../core/account/imports.ts";
import { refreshShadowSubscriptions } from "../core/account/shadow_subscriptions.ts";
import type { Core } from "../core/core.ts";

function ruleOf({ accounts, accountTokenPosition }: StreamExport | ServiceExport): ExportRule {
  return {
    approved: accounts === null ? null : new Set(accounts.map(byteStringOfText)),
    tokenRequired: false,
    tokenPosition: accountTokenPosition,
    revoked: null,
  };
}

function addExports(account: Account, declared: AccountOptions): void {
  for (const stream of declared.streamExports) {
    account.exports.addStream(byteStringOfText(stream.subject), ruleOf(stream));
  }
  for (const service of declared.serviceExports) {
    const subject = byteStringOfText(service.subject);
    const added = account.exports.addService(subject, ruleOf(service), service.responseType);
    added.thresholdMs = service.responseThresholdMs;
    added.allowTrace ||= service.allowTrace;
    if (service.latency === null) continue;
    account.exports.trackLatency(subject, {
      sampling: service.latency.sampling,
      subject: byteStringOfText(service.latency.subject),
    });
  }
}

function addImports(core: Core, account: Account, declared: AccountOptions): void {
  const exporterOf = (name: string): Account => core.addAccount(byteStringOfText(name));
  for (const stream of declared.streamImports) {
    addStreamImport(account, exporterOf(stream.account), {
      from: byteStringOfText(stream.subject),
      to: byteStringOfText(stream.to),
      prefix: byteStringOfText(stream.prefix),
      allowTrace: stream.allowTrace,
    });
  }
  for (const service of declared.serviceImports) {
    addServiceImport(account, exporterOf(service.account), {
      from: byteStringOfText(service.to),
      to: byteStringOfText(service.subject),
      share: service.share,
    });
  }
}

/**
 * Makes the exports and imports of all declared accounts what `accounts` says, whatever they were
 * before. Throws ServerError, ImportError or SublistError for what the configuration's own check
 * does not let through.
 */
export function linkAccounts(core: Core, accounts: readonly AccountOptions[]): void {
  const live = (declared: AccountOptions): Account =>
    core.addAccount(byteStringOfText(declared.name));
  for (const declared of accounts) removeImports(live(declared));
  for (const declared of accounts) {
    const account = live(declared);
    if (account.hasExports) account.exports.clear();
    if (declared.streamExports.length + declared.serviceExports.length > 0) {
      addExports(account, declared);
    }
  }
  for (const declared of accounts) addImports(core, live(declared), declared);
  for (const declared of accounts) refreshShadowSubscriptions(live(declared));
}
