/**
 * The subject tree.
 *
 * @module
 */
export { InnerNode, NO_PIVOT, NodeKind, pathOf, TreeLeaf, type TreeNode } from "./node.ts";
export { partsOf } from "./parts.ts";
export { intersectSublist, lazyIntersect, type LeafVisitor, SubjectTree } from "./subject_tree.ts";
