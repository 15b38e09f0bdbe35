/**
 * Subjects: validity, tokens and matching. Subjects are byte strings everywhere (see
 * `base/text/byte_string.ts`).
 *
 * @module
 */
export {
  isLiteralSubject,
  isLiteralSubjectBytes,
  isValidAssetName,
  isValidLiteralSubject,
  isValidLiteralSubjectBytes,
  isValidName,
  isValidPublishSubject,
  isValidPublishSubjectBytes,
  isValidQueuePattern,
  isValidSubject,
  isValidSubjectBytes,
  subjectHasWildcard,
} from "./validate.ts";
export {
  fullWildcard,
  numTokens,
  numTokensBytes,
  partialWildcard,
  tokenAt,
  tokenizeSubject,
  tokenSeparator,
} from "./tokens.ts";
export {
  matchLiteral,
  matchLiteralBytes,
  subjectIsSubsetMatch,
  subjectMatchesFilter,
  subjectMatchesFilterBytes,
  subjectsCollide,
  tokensAreSubsetMatch,
} from "./match.ts";
export { SubjectMappings, type WeightedDestination } from "./mapping.ts";
export { type RandomBelow, SubjectTransform } from "./transform.ts";
