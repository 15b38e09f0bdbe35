/**
 * Comparing passwords with bcrypt hashes, which takes a tenth of a second of computing on purpose:
 * not on the event loop that serves everybody else.
 *
 * @module
 */

/** Compares passwords for one server. */
export interface PasswordChecker {
  /**
   * Whether `hash`, by bcrypt, was made of `given`. Comparisons wait for their turn; one whose
   * `wanted` is false by then is left out and does not match.
   */
  matches(given: string, hash: string, wanted: () => boolean): Promise<boolean>;
  /** Ends what runs; comparisons that wait do not match. */
  close(): void;
}
