/**
 * Whose subjects meet a subject: asked for each stream and work queue consumer that is made, so
 * it must not look at all of those that are there.
 *
 * @module
 */
import { GenericSublist } from "../../base/containers/gsl/mod.ts";
import { subjectsCollide } from "../../subject/mod.ts";

/** Owners by the subjects, with or without wildcards, that they have. */
export class SubjectIndex<T> {
  readonly #list = new GenericSublist<{ owner: T; subject: string }>();
  readonly #entries: Map<T, { owner: T; subject: string }[]> = new Map();

  /** Adds an owner, or changes its subjects. They must be valid. */
  set(owner: T, subjects: readonly string[]): void {
    this.delete(owner);
    const entries = subjects.map((subject) => ({ owner, subject }));
    for (const entry of entries) this.#list.insert(placeOf(entry.subject), entry);
    this.#entries.set(owner, entries);
  }

  delete(owner: T): void {
    for (const entry of this.#entries.get(owner) ?? []) {
      this.#list.remove(placeOf(entry.subject), entry);
    }
    this.#entries.delete(owner);
  }

  clear(): void {
    for (const owner of [...this.#entries.keys()]) this.delete(owner);
  }

  /** Whether an owner other than `self` has a subject that meets one of `subjects`. */
  meetsOther(subjects: readonly string[], self: T | null): boolean {
    return subjects.some((subject) =>
      this.#list.someCollides(
        placeOf(subject),
        (entry) => entry.owner !== self && subjectsCollide(subject, entry.subject),
      )
    );
  }
}

/**
 * The pattern to file `subject` under. Comparing subjects takes each token that begins with a
 * wildcard for one, so the index must find them, too.
 */
function placeOf(subject: string): string {
  return /(^|\.)[*>][^.]/.test(subject) ? subject.replaceAll(/(^|\.)[*>][^.]+/g, "$1*") : subject;
}
