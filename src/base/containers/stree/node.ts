/**
 * Nodes of the subject tree: leaves that the caller extends with its own fields, so that a
 * subject costs one object, and inner nodes of five sizes that grow and shrink with their
 * children (reference: server/stree node4 … node256).
 *
 * @module
 */

/** Pivot of a subject that ends at its parent; no subject may contain this byte. */
export const NO_PIVOT = 127;

/** Inner node sizes; `Leaf` marks leaves. */
export const NodeKind = { Leaf: 0, Node4: 4, Node10: 10, Node16: 16, Node48: 48, Node256: 256 };

/**
 * Base of the values in a tree. A leaf is in at most one tree at a time, which owns
 * {@linkcode TreeLeaf.suffix}.
 */
export class TreeLeaf {
  /** Always {@linkcode NodeKind.Leaf}. */
  readonly kind: number = NodeKind.Leaf;
  /** The rest of the subject below the parent's prefix; changed by the tree only. */
  suffix = "";
}

/** A leaf or an inner node. */
export type TreeNode = TreeLeaf | InnerNode;

/** Pivot of `subject` at `at`: its byte there, or {@linkcode NO_PIVOT} at the end. */
export function pivotOf(subject: string, at: number): number {
  return at >= subject.length ? NO_PIVOT : subject.charCodeAt(at);
}

/** The part of the subject that a node covers. */
export function pathOf(node: TreeNode): string {
  return node.kind === NodeKind.Leaf ? (node as TreeLeaf).suffix : (node as InnerNode).prefix;
}

/** An inner node with up to `kind` children. */
export class InnerNode {
  /** One of {@linkcode NodeKind}'s inner sizes. */
  kind: number = NodeKind.Node4;
  /** What all subjects below have in common after the parent's pivot path. */
  prefix: string;
  /** Number of children. */
  size = 0;
  /**
   * Up to 16 children: the pivot of each child. 48: position + 1 of the child per pivot.
   * 256: empty, children are indexed by pivot.
   */
  keys: number[] | Uint8Array = [];
  /** Children; with 256 indexed by pivot with null gaps, else the first `size` are set. */
  children: (TreeNode | null)[] = [];

  constructor(prefix: string) {
    this.prefix = prefix;
  }

  /** The child for `pivot`, or null. */
  findChild(pivot: number): TreeNode | null {
    const kind = this.kind;
    if (kind <= NodeKind.Node16) {
      const keys = this.keys;
      const size = this.size;
      for (let i = 0; i < size; i++) if (keys[i] === pivot) return this.children[i]!;
      return null;
    }
    if (kind === NodeKind.Node48) {
      const position = this.keys[pivot]!;
      return position === 0 ? null : this.children[position - 1]!;
    }
    return this.children[pivot]!;
  }

  /** Puts `child` in the place of the existing child for `pivot`. */
  replaceChild(pivot: number, child: TreeNode): void {
    const kind = this.kind;
    if (kind <= NodeKind.Node16) {
      for (let i = 0; i < this.size; i++) if (this.keys[i] === pivot) this.children[i] = child;
    } else if (kind === NodeKind.Node48) this.children[this.keys[pivot]! - 1] = child;
    else this.children[pivot] = child;
  }

  /** Adds a child for a new `pivot`, growing to the next size when full. */
  addChild(pivot: number, child: TreeNode): void {
    if (this.size >= this.kind && this.kind !== NodeKind.Node256) this.#grow();
    const kind = this.kind;
    if (kind === NodeKind.Node256) this.children[pivot] = child;
    else {
      this.children[this.size] = child;
      if (kind === NodeKind.Node48) this.keys[pivot] = this.size + 1;
      else this.keys[this.size] = pivot;
    }
    this.size++;
  }

  /** Removes the child for `pivot` and shrinks when a smaller size suffices. */
  deleteChild(pivot: number): void {
    const kind = this.kind;
    const last = this.size - 1;
    if (kind <= NodeKind.Node16) {
      const keys = this.keys as number[];
      const at = keys.indexOf(pivot);
      if (at < 0) return;
      keys[at] = keys[last]!;
      this.children[at] = this.children[last]!;
      keys.length = last;
      this.children.length = last;
    } else if (kind === NodeKind.Node48) {
      const keys = this.keys;
      const at = keys[pivot]! - 1;
      if (at < 0) return;
      if (at < last) {
        this.children[at] = this.children[last]!;
        for (let c = 0; c < 256; c++) {
          if (keys[c] === last + 1) {
            keys[c] = at + 1;
            break;
          }
        }
      }
      this.children.length = last;
      keys[pivot] = 0;
    } else {
      if (this.children[pivot] === null) return;
      this.children[pivot] = null;
    }
    this.size = last;
    this.#shrink();
  }

  #grow(): void {
    switch (this.kind) {
      case NodeKind.Node4:
        this.kind = NodeKind.Node10;
        break;
      case NodeKind.Node10:
        this.kind = NodeKind.Node16;
        break;
      case NodeKind.Node16: {
        const index = new Uint8Array(256);
        for (let i = 0; i < this.size; i++) index[this.keys[i]!] = i + 1;
        this.keys = index;
        this.kind = NodeKind.Node48;
        break;
      }
      default: {
        const children: (TreeNode | null)[] = new Array(256).fill(null);
        for (let c = 0; c < 256; c++) {
          const position = this.keys[c]!;
          if (position !== 0) children[c] = this.children[position - 1]!;
        }
        this.children = children;
        this.keys = [];
        this.kind = NodeKind.Node256;
      }
    }
  }

  #shrink(): void {
    const size = this.size;
    if (this.kind === NodeKind.Node256 && size <= NodeKind.Node48) {
      const index = new Uint8Array(256);
      const children: TreeNode[] = [];
      for (let c = 0; c < 256; c++) {
        const child = this.children[c]!;
        if (child === null) continue;
        children.push(child);
        index[c] = children.length;
      }
      this.keys = index;
      this.children = children;
      this.kind = NodeKind.Node48;
    } else if (this.kind === NodeKind.Node48 && size <= NodeKind.Node16) {
      const keys: number[] = [];
      const children: TreeNode[] = [];
      for (let c = 0; c < 256; c++) {
        const position = this.keys[c]!;
        if (position === 0) continue;
        keys.push(c);
        children.push(this.children[position - 1]!);
      }
      this.keys = keys;
      this.children = children;
      this.kind = NodeKind.Node16;
    } else if (this.kind === NodeKind.Node16 && size <= NodeKind.Node10) {
      this.kind = NodeKind.Node10;
    } else if (this.kind === NodeKind.Node10 && size <= NodeKind.Node4) {
      this.kind = NodeKind.Node4;
    }
  }
}
