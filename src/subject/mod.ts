/**
 * Subjects: validity, tokens, matching, transforms and mappings. Subjects are byte strings
 * everywhere (see `base/text/byte_string.ts`).
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
export { MappingWeightError, SubjectMappings, type WeightedDestination } from "./mapping.ts";
export { parsePlaceholder, type Placeholder, type TransformKind } from "./placeholder.ts";
export {
  newStrictSubjectTransform,
  newSubjectTransform,
  type RandomBelow,
  SubjectTransform,
  tokenizeWildcards,
  untokenizeDestination,
  validateMapping,
} from "./transform.ts";
