/**
 * Which expired messages are waiting to be removed or replaced by a subject delete marker, so
 * that the stream is asked once and not on every check (reference: sdm.go).
 *
 * @module
 */

/** How long an unanswered removal waits before the stream is asked again. */
const RETRY_MS = 2000;

interface PendingRemoval {
  /** The message is the last one of its subject. */
  isLast: boolean;
  askedAtMs: number;
}

/** Removals under way. */
export class DeleteMarkers {
  readonly #totals: Map<string, number> = new Map();
  readonly #pending: Map<number, PendingRemoval> = new Map();

  /** Forgets everything. */
  empty(): void {
    this.#totals.clear();
    this.#pending.clear();
  }

  /**
   * Whether to ask the stream now about expired message `seq`, and whether it is its subject's
   * last. `msgs` is the number of messages of the subject.
   */
  shouldProcess(
    seq: number,
    subject: string,
    msgs: number,
    nowMs: number,
  ): { isLast: boolean; ask: boolean } {
    const pendingOfSubject = this.#totals.get(subject) ?? 0;
    const known = this.#pending.get(seq);
    if (known !== undefined) {
      if (nowMs - known.askedAtMs < RETRY_MS) return { isLast: known.isLast, ask: false };
      if (known.isLast && msgs - pendingOfSubject > 0) known.isLast = false;
      known.askedAtMs = nowMs;
      return { isLast: known.isLast, ask: true };
    }
    if (msgs === 0) return { isLast: false, ask: true };
    const isLast = msgs - pendingOfSubject === 1;
    this.#pending.set(seq, { isLast, askedAtMs: nowMs });
    this.#totals.set(subject, pendingOfSubject + 1);
    return { isLast, ask: true };
  }

  /** Message `seq` is gone. */
  remove(seq: number, subject: string): void {
    if (!this.#pending.delete(seq)) return;
    const total = this.#totals.get(subject) ?? 0;
    if (total <= 1) this.#totals.delete(subject);
    else this.#totals.set(subject, total - 1);
  }
}
