/**
 * The edge of leaf node connections, on the side of the hub and on that of the leaf.
 *
 * @module
 */
export { LeafInterest } from "./interest.ts";
export { LeafConnection, type LeafContext } from "./leaf_connection.ts";
export {
  type LeafConnect,
  leafConnectShape,
  type LeafInfo,
  leafInfoLine,
  leafInfoShape,
} from "./messages.ts";
export { RemoteLeaf } from "./remote_leaf.ts";
