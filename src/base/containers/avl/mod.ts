/**
 * Sequence sets and their encoding.
 *
 * @module
 */
export * from "./codec.ts";
export {
  balanceFactor,
  ENTRIES_PER_NODE,
  SequenceNode,
  SequenceSet,
  SetNotEmptyError,
  unionOf,
} from "./sequence_set.ts";
