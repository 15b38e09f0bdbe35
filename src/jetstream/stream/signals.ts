/**
 * Which consumers a message concerns.
 *
 * Consumers without a filter are in a list; the filters of the others are in a sublist that is
 * asked only when there is one. So a message costs nothing for consumers that do not match it.
 *
 * Reference: setConsumer, signalConsumers, storeUpdates in server/stream.go.
 *
 * @module
 */
import { GenericSublist } from "../../base/containers/gsl/mod.ts";

/** What is told about messages. */
export interface MessageListener {
  /** Byte strings; empty is every message. */
  readonly filters: readonly string[];
  onStored(seq: number, subject: string): void;
  onRemoved(seq: number, subject: string): void;
}

/** The listeners of one stream. */
export class Signals<L extends MessageListener> {
  readonly #unfiltered: L[] = [];
  #filtered = new GenericSublist<L>();
  /** Filters under which each listener was added; they may have changed since. */
  readonly #filtersOf: Map<L, readonly string[]> = new Map();
  #seq = 0;
  #subject = "";
  #told: Set<L> | null = null;
  readonly #tellStored = (listener: L): void => {
    if (this.#isFirst(listener)) listener.onStored(this.#seq, this.#subject);
  };
  readonly #tellRemoved = (listener: L): void => {
    if (this.#isFirst(listener)) listener.onRemoved(this.#seq, this.#subject);
  };

  /** Adds a listener, or changes its filters. */
  add(listener: L): void {
    this.remove(listener);
    const { filters } = listener;
    this.#filtersOf.set(listener, filters);
    if (filters.length === 0) this.#unfiltered.push(listener);
    for (const filter of filters) this.#filtered.insert(filter, listener);
  }

  remove(listener: L): void {
    const filters = this.#filtersOf.get(listener);
    if (filters === undefined) return;
    this.#filtersOf.delete(listener);
    if (filters.length === 0) this.#unfiltered.splice(this.#unfiltered.indexOf(listener), 1);
    for (const filter of filters) this.#filtered.remove(filter, listener);
  }

  clear(): void {
    this.#unfiltered.length = 0;
    this.#filtered = new GenericSublist<L>();
    this.#filtersOf.clear();
  }

  /** Whether any listener wants messages of `subject`. */
  hasInterest(subject: string): boolean {
    return this.#unfiltered.length > 0 ||
      (this.#filtered.count() > 0 && this.#filtered.hasInterest(subject));
  }

  /** Tells those whom it concerns that a message was stored. */
  stored(seq: number, subject: string): void {
    const all = this.#unfiltered;
    for (let i = 0; i < all.length; i++) all[i]!.onStored(seq, subject);
    if (this.#filtered.count() > 0) this.#match(seq, subject, this.#tellStored);
  }

  /** Tells those whom it concerned that a message is gone. */
  removed(seq: number, subject: string): void {
    const all = this.#unfiltered;
    for (let i = 0; i < all.length; i++) all[i]!.onRemoved(seq, subject);
    if (this.#filtered.count() > 0) this.#match(seq, subject, this.#tellRemoved);
  }

  #match(seq: number, subject: string, tell: (listener: L) => void): void {
    this.#seq = seq;
    this.#subject = subject;
    // The same listener may have several filters, which never overlap, or so its check says.
    this.#told = null;
    this.#filtered.match(subject, tell);
  }

  #isFirst(listener: L): boolean {
    if (listener.filters.length < 2) return true;
    const told = this.#told ??= new Set();
    if (told.has(listener)) return false;
    told.add(listener);
    return true;
  }
}
