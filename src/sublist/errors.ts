/**
 * Errors of the sublist, with the reference's texts (server/sublist.go).
 *
 * @module
 */

/** Text of each sublist error by its name in the reference. */
export const sublistErrorTexts = {
  ErrInvalidSubject: "sublist: invalid subject",
  ErrNotFound: "sublist: no matches found",
  ErrAlreadyRegistered: "sublist: notification already registered",
} as const;

/** Name of a sublist error. */
export type SublistErrorCode = keyof typeof sublistErrorTexts;

/** Thrown by the control-plane calls of a sublist. */
export class SublistError extends Error {
  override readonly name = "SublistError";
  /** Name of the error in the reference. */
  readonly code: SublistErrorCode;

  constructor(code: SublistErrorCode) {
    super(sublistErrorTexts[code]);
    this.code = code;
  }
}
