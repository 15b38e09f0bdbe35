/**
 * Consumers: see README.md.
 *
 * @module
 */
export { Consumer } from "./consumer.ts";
export { addConsumer, type AddConsumerOptions, consumerReplicas } from "./create.ts";
export { checkInterestState, checkStreamInterest, removeUnneeded } from "./interest_cleanup.ts";
