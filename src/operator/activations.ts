/**
 * Judges the activation tokens with which accounts import what is not for everybody, and notices
 * when they expire.
 *
 * Reference: checkActivation, isIssuerClaimTrusted and activationExpired in server/accounts.go.
 *
 * @module
 */
import { byteStringOfText, textOfByteString } from "../base/text/byte_string.ts";
import { goQuote } from "../base/text/go_format.ts";
import type { Account } from "../core/account/account.ts";
import type { ExportRule, ImportClaim } from "../core/account/exports.ts";
import { refreshShadowSubscriptions } from "../core/account/shadow_subscriptions.ts";
import type { Core } from "../core/core.ts";
import {
  type ActivationClaims,
  decodeActivationClaims,
  isRevoked,
  JwtError,
  validateActivationClaims,
  validateImport,
  ValidationResults,
} from "../identity/mod.ts";
import { TIMER_MAX_MS, type TimerHandle } from "../platform/mod.ts";

/** The activation tokens of one server. */
export class Activations {
  readonly #timers = new Map<string, TimerHandle>();

  constructor(readonly core: Core) {}

  /** Whether `claim` entitles `importer`; `rule` null leaves revocations alone. */
  check(
    exporter: Account,
    importer: Account,
    claim: ImportClaim | null,
    rule: ExportRule | null,
  ): boolean {
    if (claim === null || claim.token === "") return false;
    const results = new ValidationResults();
    validateImport(claim, textOfByteString(importer.name), results);
    if (results.isBlocking(true)) return false;
    const activation = readActivation(claim.token);
    if (activation === null || !this.#isTrusted(exporter, activation)) return false;
    const nowS = Math.floor(this.core.env.clock.nowMs() / 1000);
    if (validateActivationClaims(activation, nowS).isBlocking(true)) return false;
    const { expires, subject, issuedAt } = activation;
    if (expires !== 0) {
      if (expires <= nowS) return false;
      if (rule !== null) this.#expire(exporter, importer, claim, activation);
    }
    return rule === null || !isRevoked(rule.revoked, subject, issuedAt);
  }

  #isTrusted(exporter: Account, { issuer, nats }: ActivationClaims): boolean {
    if (nats.issuerAccount === "") return true;
    const name = textOfByteString(exporter.name);
    if (name !== nats.issuerAccount) {
      this.core.env.log.error(
        `Invalid issuer account ${goQuote(nats.issuerAccount)} in activation claim (subject: ` +
          `${goQuote(nats.importSubject)} - type: ${goQuote(nats.importType)}) for account ` +
          goQuote(name),
      );
      return false;
    }
    return exporter.trust?.signingKeys.has(issuer) ?? false;
  }

  #expire(
    exporter: Account,
    importer: Account,
    claim: ImportClaim,
    activation: ActivationClaims,
  ): void {
    const { loop, clock } = this.core.env;
    const subject = byteStringOfText(activation.nats.importSubject);
    const key = `${importer.name} ${exporter.name} ${claim.type} ${subject}`;
    const before = this.#timers.get(key);
    if (before !== undefined) loop.clearTimer(before);
    const leftMs = activation.expires * 1000 - clock.nowMs();
    const timer = loop.setTimer(() => {
      this.#timers.delete(key);
      if (leftMs > TIMER_MAX_MS) this.#expire(exporter, importer, claim, activation);
      else if (claim.type === "stream") this.#streamExpired(exporter, importer, subject);
      else this.#serviceExpired(exporter, importer, subject);
    }, Math.min(Math.max(0, leftMs), TIMER_MAX_MS));
    this.#timers.set(key, timer);
  }

  #streamExpired(exporter: Account, importer: Account, subject: string): void {
    if (importer.trust?.expired === true) return;
    const link = importer.streamImports.find((one) =>
      one.exporter === exporter && one.from === subject
    );
    // A new token may have come in the meantime.
    if (link === undefined || link.invalid || this.check(exporter, importer, link.claim, null)) {
      return;
    }
    link.invalid = true;
    refreshShadowSubscriptions(importer);
  }

  #serviceExpired(exporter: Account, importer: Account, subject: string): void {
    if (importer.trust?.expired === true) return;
    const link = importer.serviceImports.find((one) =>
      one.exporter === exporter && !one.internal && one.to === subject
    );
    if (link === undefined || link.invalid || this.check(exporter, importer, link.claim, null)) {
      return;
    }
    link.invalid = true;
  }

  /** Stops timers. */
  stop(): void {
    for (const timer of this.#timers.values()) this.core.env.loop.clearTimer(timer);
    this.#timers.clear();
  }
}

function readActivation(token: string): ActivationClaims | null {
  try {
    return decodeActivationClaims(token);
  } catch (error) {
    if (!(error instanceof JwtError)) throw error;
    return null;
  }
}
