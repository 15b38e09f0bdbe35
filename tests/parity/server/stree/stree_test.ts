// Ports: server/stree/stree_test.go
import { assert, assertEquals, assertFalse } from "@std/assert";
import {
  InnerNode,
  lazyIntersect,
  NO_PIVOT,
  NodeKind,
  partsOf,
  pathOf,
  SubjectTree,
  TreeLeaf,
  type TreeNode,
} from "../../../../src/base/containers/stree/mod.ts";
import { matchParts } from "../../../../src/base/containers/stree/parts.ts";

class IntLeaf extends TreeLeaf {
  constructor(readonly value: number) {
    super();
  }
}

type IntTree = SubjectTree<IntLeaf>;

function put(tree: IntTree, subject: string, value: number): number | null {
  return tree.insert(subject, new IntLeaf(value))?.value ?? null;
}

function treeOf(entries: Record<string, number>): IntTree {
  const tree = new SubjectTree<IntLeaf>();
  for (const [subject, value] of Object.entries(entries)) put(tree, subject, value);
  return tree;
}

function get(tree: IntTree, subject: string): number | null {
  return tree.find(subject)?.value ?? null;
}

function remove(tree: IntTree, subject: string): number | null {
  return tree.delete(subject)?.value ?? null;
}

function match(tree: IntTree, filter: string, expected: number): void {
  let count = 0;
  tree.match(filter, () => void count++);
  assertEquals(count, expected, filter);
}

const letter = (i: number) => String.fromCharCode(65 + i);

const FOO = {
  "foo.bar.A": 1,
  "foo.bar.B": 2,
  "foo.bar.C": 3,
  "foo.baz.A": 11,
  "foo.baz.B": 22,
  "foo.baz.C": 33,
};
const FOO_BAR = { ...FOO, "foo.bar": 42 };

Deno.test("TestSubjectTreeBasics", () => {
  const tree = new SubjectTree<IntLeaf>();
  assertEquals(tree.size(), 0);
  assertEquals(put(tree, "foo.bar.baz", 22), null);
  assertEquals(tree.size(), 1);
  assertEquals(get(tree, "foo.bar.*"), null);
  assertEquals(get(tree, "foo.bar.baz"), 22);
  assertEquals(put(tree, "foo.bar.baz", 33), 22);
  assertEquals(tree.size(), 1);
  assertEquals(put(tree, "foo.bar", 22), null);
  assertEquals(tree.size(), 2);
  assertEquals(get(tree, "foo.bar"), 22);
  assertEquals(get(tree, "foo.bar.baz"), 33);
});

Deno.test("TestSubjectTreeNodeGrow", () => {
  const tree = new SubjectTree<IntLeaf>();
  const kinds: Record<number, number> = {
    4: NodeKind.Node4,
    5: NodeKind.Node10,
    11: NodeKind.Node16,
    17: NodeKind.Node48,
    49: NodeKind.Node256,
  };
  for (let i = 0; i < 49; i++) {
    assertEquals(put(tree, `foo.bar.${letter(i)}`, 22), null);
    const kind = kinds[i + 1];
    if (kind !== undefined) assertEquals(tree.root!.kind, kind);
  }
});

Deno.test("TestSubjectTreeNodePrefixMismatch", () => {
  const tree = treeOf({ "foo.bar.A": 11, "foo.bar.B": 22, "foo.bar.C": 33 });
  const before = tree.root;
  put(tree, "foo.foo.A", 44);
  assert(before !== tree.root);
  assertEquals(get(tree, "foo.bar.A"), 11);
  assertEquals(get(tree, "foo.bar.B"), 22);
  assertEquals(get(tree, "foo.bar.C"), 33);
  assertEquals(get(tree, "foo.foo.A"), 44);
});

Deno.test("TestSubjectTreeNodeDelete", () => {
  let tree = treeOf({ "foo.bar.A": 22 });
  assertEquals(remove(tree, "foo.bar.A"), 22);
  assertEquals(tree.root, null);
  assertEquals(remove(tree, "foo.bar.A"), null);
  assertEquals(get(tree, "foo.foo.A"), null);
  tree = treeOf({ "foo.bar.A": 11, "foo.bar.B": 22, "foo.bar.C": 33 });
  assertEquals(remove(tree, "foo.bar.C"), 33);
  assertEquals(remove(tree, "foo.bar.B"), 22);
  assertEquals(tree.root!.kind, NodeKind.Leaf);
  assertEquals(remove(tree, "foo.bar.A"), 11);
  assertEquals(tree.root, null);
  for (
    const [count, full, less] of [
      [5, NodeKind.Node10, NodeKind.Node4],
      [11, NodeKind.Node16, NodeKind.Node10],
      [17, NodeKind.Node48, NodeKind.Node16],
      [49, NodeKind.Node256, NodeKind.Node48],
    ] as const
  ) {
    tree = new SubjectTree<IntLeaf>();
    for (let i = 0; i < count; i++) put(tree, `foo.bar.${letter(i)}`, 22);
    assertEquals(tree.root!.kind, full);
    assertEquals(remove(tree, "foo.bar.A"), 22);
    assertEquals(tree.root!.kind, less);
    assertEquals(get(tree, "foo.bar.B"), 22);
  }
});

Deno.test("TestSubjectTreeNodesAndPaths", () => {
  const tree = treeOf({ "foo.bar.A": 22, "foo.bar.B": 22, "foo.bar.C": 22, "foo.bar": 22 });
  for (const s of ["foo.bar.A", "foo.bar.B", "foo.bar.C", "foo.bar"]) {
    assertEquals(get(tree, s), 22);
  }
  remove(tree, "foo.bar");
  for (const s of ["foo.bar.A", "foo.bar.B", "foo.bar.C"]) assertEquals(get(tree, s), 22);
});

function checkNode(node: TreeNode | null, kind: number, path: string, children: number): InnerNode {
  assert(node !== null);
  assertEquals(node.kind, kind);
  assertEquals(pathOf(node), path);
  assertEquals(node.kind === NodeKind.Leaf ? 0 : (node as InnerNode).size, children);
  return node as InnerNode;
}

Deno.test("TestSubjectTreeConstruction", () => {
  const tree = treeOf(FOO_BAR);
  const code = (c: string) => c.charCodeAt(0);
  const checkLeaves = (node: InnerNode) => {
    for (const c of ["A", "B", "C"]) checkNode(node.findChild(code(c)), NodeKind.Leaf, c, 0);
  };
  let root = checkNode(tree.root, NodeKind.Node4, "foo.ba", 2);
  let r = checkNode(root.findChild(code("r")), NodeKind.Node4, "r", 2);
  checkNode(r.findChild(NO_PIVOT), NodeKind.Leaf, "", 0);
  checkLeaves(checkNode(r.findChild(code(".")), NodeKind.Node4, ".", 3));
  checkLeaves(checkNode(root.findChild(code("z")), NodeKind.Node4, "z.", 3));
  assertEquals(remove(tree, "foo.bar"), 42);
  root = checkNode(tree.root, NodeKind.Node4, "foo.ba", 2);
  r = checkNode(root.findChild(code("r")), NodeKind.Node4, "r.", 3);
  checkLeaves(r);
  checkLeaves(checkNode(root.findChild(code("z")), NodeKind.Node4, "z.", 3));
});

Deno.test("TestSubjectTreeMatchLeafOnly", () => {
  const tree = treeOf({ "foo.bar.baz.A": 1 });
  for (
    const filter of [
      "foo.bar.*.A",
      "foo.*.baz.A",
      "foo.*.*.A",
      "foo.*.*.*",
      "*.*.*.*",
      ">",
      "foo.>",
      "foo.*.>",
      "foo.bar.>",
      "foo.bar.*.>",
    ]
  ) match(tree, filter, 1);
  match(tree, "foo.bar.baz", 0);
});

Deno.test("TestSubjectTreeMatchNodes", () => {
  const tree = treeOf(FOO);
  const check = (all: number, fooBar: number) => {
    match(tree, "foo.bar.A", 1);
    match(tree, "foo.baz.A", 1);
    match(tree, "foo.bar", fooBar);
    match(tree, "foo.*.A", 2);
    match(tree, "foo.bar.*", 3);
    match(tree, "foo.baz.*", 3);
    match(tree, ">", all);
    match(tree, "foo.>", all);
    match(tree, "foo.bar.>", 3);
    match(tree, "foo.baz.>", 3);
  };
  check(6, 0);
  match(tree, "foo.ba", 0);
  put(tree, "foo.bar", 42);
  check(7, 1);
});

Deno.test("TestSubjectTreeMatchUntil", () => {
  const tree = treeOf(FOO_BAR);
  const until = (filter: string, stopAfter: number): [number, boolean] => {
    let n = 0;
    const completed = tree.matchUntil(filter, () => ++n < stopAfter);
    return [n, completed];
  };
  assertEquals(until("foo.>", 3), [3, false]);
  assertEquals(until("foo.bar", 3), [1, true]);
  assertEquals(until("foo.baz.*", 4), [3, true]);
});

Deno.test("TestSubjectTreeNoPrefix", () => {
  const tree = new SubjectTree<IntLeaf>();
  for (let i = 0; i < 26; i++) assertEquals(put(tree, letter(i), 22), null);
  const root = tree.root as InnerNode;
  assertEquals([root.kind, root.size], [NodeKind.Node48, 26]);
  assertEquals(remove(tree, "B"), 22);
  assertEquals(root.size, 25);
  assertEquals(remove(tree, "Z"), 22);
  assertEquals(root.size, 24);
});

Deno.test("TestSubjectTreePartialTerminalWildcardBugMatch", () => {
  const prefix = "STATE.GLOBAL.CELL1.7PDSGAALXNN000010.";
  const tree = treeOf({
    [`${prefix}PROPERTY-A`]: 5,
    [`${prefix}PROPERTY-B`]: 1,
    [`${prefix}PROPERTY-C`]: 2,
  });
  match(tree, `${prefix}*`, 3);
});

Deno.test("TestSubjectTreeMatchSubjectParam", () => {
  const got: Record<string, number> = {};
  treeOf(FOO_BAR).match(">", (subject, leaf) => void (got[subject] = leaf.value));
  assertEquals(got, { ...got, ...FOO_BAR });
  assertEquals(Object.keys(got).length, 7);
});

Deno.test("TestSubjectTreeMatchRandomDoublePWC", () => {
  const tree = new SubjectTree<IntLeaf>();
  for (let i = 1; i <= 10_000; i++) put(tree, `foo.${Math.floor(Math.random() * 20) + 1}.${i}`, 42);
  match(tree, "foo.*.*", 10_000);
  const verify = (token: number, value: string) => {
    let count = 0;
    tree.iterOrdered((subject) => {
      const tokens = subject.split(".");
      assertEquals(tokens.length, 3);
      if (tokens[token] === value) count++;
      return true;
    });
    return count;
  };
  match(tree, "*.2.*", verify(1, "2"));
  match(tree, "*.*.222", verify(2, "222"));
});

Deno.test("TestSubjectTreeIterOrdered", () => {
  const tree = treeOf(FOO_BAR);
  const seen: [string, number][] = [];
  tree.iterOrdered((subject, leaf) => seen.push([subject, leaf.value]) > 0);
  assertEquals(seen, Object.entries(FOO_BAR).toSorted((a, b) => a[0] < b[0] ? -1 : 1));
  let received = 0;
  tree.iterOrdered(() => ++received !== 4);
  assertEquals(received, 4);
});

Deno.test("TestSubjectTreeIterFast", () => {
  const tree = treeOf(FOO_BAR);
  const seen = new Map<string, number>();
  tree.iterFast((subject, leaf) => {
    seen.set(subject, leaf.value);
    return true;
  });
  assertEquals(seen, new Map([...seen.keys()].map((s) => [s, (FOO_BAR as never)[s] as number])));
  assertEquals(seen.size, 7);
  let received = 0;
  tree.iterFast(() => ++received !== 4);
  assertEquals(received, 4);
});

Deno.test("TestSubjectTreeInsertSamePivotBug", () => {
  const tree = new SubjectTree<IntLeaf>();
  for (
    const subject of [
      "0d00.2abbb82c1d.6e16.fa7f85470e.3e46",
      "534b12.3486c17249.4dde0666",
      "6f26aabd.920ee3.d4d3.5ffc69f6",
      "8850.ade3b74c31.aa533f77.9f59.a4bd8415.b3ed7b4111",
      "5a75047dcb.5548e845b6.76024a34.14d5b3.80c426.51db871c3a",
      "825fa8acfc.5331.00caf8bbbd.107c4b.c291.126d1d010e",
    ]
  ) {
    assertEquals(put(tree, subject, 22), null);
    assertEquals(get(tree, subject), 22);
  }
});

Deno.test("TestSubjectTreeMatchTsepSecondThenPartialPartBug", () => {
  const tree = treeOf({
    "foo.xxxxx.foo1234.zz": 22,
    "foo.yyy.foo123.zz": 22,
    "foo.yyybar789.zz": 22,
    "foo.yyy.foo12345.zz": 22,
    "foo.yyy.foo12345.yy": 22,
    "foo.yyy.foo123456789.zz": 22,
  });
  match(tree, "foo.*.foo123456789.*", 1);
  match(tree, "foo.*.*.zzz.foo.>", 0);
});

Deno.test("TestSubjectTreeMatchMultipleWildcardBasic", () => {
  const tree = treeOf({ "A.B.C.D.0.G.H.I.0": 22, "A.B.C.D.1.G.H.I.0": 22 });
  match(tree, "A.B.*.D.1.*.*.I.0", 1);
});

Deno.test("TestSubjectTreeMatchInvalidWildcard", () => {
  const tree = treeOf({ "foo.123": 22, "one.two.three.four.five": 22, "'*.123": 22, "bar": 22 });
  match(tree, "invalid.>", 0);
  match(tree, "foo.>.bar", 0);
  match(tree, ">", 4);
  match(tree, "'*.*", 1);
  for (
    const filter of ["'*.*.*'", "`>`", '">"', "'>'", "'*.>'", "'*.>.", "`invalid.>`", "'*.*'"]
  ) match(tree, filter, 0);
});

Deno.test("TestSubjectTreeRandomTrackEntries", () => {
  const tree = new SubjectTree<IntLeaf>();
  const subjects = new Set<string>();
  for (let i = 0; i < 1000; i++) {
    const tokens = Array.from({ length: 1 + Math.floor(Math.random() * 6) }, () => {
      const bytes = crypto.getRandomValues(new Uint8Array(2 + Math.floor(Math.random() * 4)));
      return bytes.toHex();
    });
    const subject = tokens.join(".");
    if (subjects.has(subject)) continue;
    subjects.add(subject);
    assertEquals(put(tree, subject, 22), null);
    assertEquals(tree.size(), subjects.size);
    for (const known of subjects) if (tree.find(known) === null) throw new Error(known);
  }
});

Deno.test("TestSubjectTreeLongTokens", () => {
  const tree = treeOf({
    "a1.aaaaaaaaaaaaaaaaaaaaaa0": 1,
    "a2.0": 2,
    "a1.aaaaaaaaaaaaaaaaaaaaaa1": 3,
    "a2.1": 4,
  });
  remove(tree, "a2.0");
  remove(tree, "a2.1");
  assertEquals(tree.size(), 2);
  assertEquals(get(tree, "a1.aaaaaaaaaaaaaaaaaaaaaa0"), 1);
  assertEquals(get(tree, "a1.aaaaaaaaaaaaaaaaaaaaaa1"), 3);
});

function nodeOf(count: number, first = 0): InnerNode {
  const node = new InnerNode("prefix");
  for (let i = 0; i < count; i++) {
    const leaf = new IntLeaf(i);
    leaf.suffix = String(i);
    node.addChild(first + i, leaf);
  }
  return node;
}

Deno.test("TestSubjectTreeNode48", () => {
  // 17 children make a node48; three of them play the parts of A, B and C.
  const node = nodeOf(17, 100);
  assertEquals(node.kind, NodeKind.Node48);
  const [a, b, c] = [node.findChild(100), node.findChild(101), node.findChild(116)];
  assertEquals([node.keys[100], node.keys[101], node.keys[116]], [1, 2, 17]);
  assert(a !== null && node.children[0] === a);
  node.addChild(200, new IntLeaf(0));
  node.deleteChild(100);
  assertEquals(node.findChild(100), null);
  assertEquals(node.keys[100], 0);
  assertEquals(node.keys[101], 2);
  assertEquals(node.keys[200], 1);
  assert(node.findChild(101) === b && node.findChild(116) === c);
  assertEquals(node.children.length, 17);
  // Byte 255 survives growing to 256 and shrinking to 16.
  const last = new IntLeaf(255);
  node.addChild(255, last);
  for (let i = 0; node.kind === NodeKind.Node48; i++) node.addChild(i, new IntLeaf(i));
  assertEquals(node.kind, NodeKind.Node256);
  assert(node.findChild(255) === last);
  for (let i = 0; node.kind !== NodeKind.Node16; i++) node.deleteChild(i);
  assert(node.findChild(255) === last);
});

Deno.test("TestSubjectTreeMatchNoCallbackDupe", () => {
  const tree = treeOf({ "foo.bar.A": 1, "foo.bar.B": 1, "foo.bar.C": 1, "foo.bar.>": 1 });
  for (const filter of [">", "foo.>", "foo.bar.>"]) {
    const seen = new Set<string>();
    tree.match(filter, (subject) => {
      assertFalse(seen.has(subject));
      seen.add(subject);
    });
    assertEquals(seen.size, 4);
  }
});

Deno.test("TestSubjectTreeInsertLongerLeafSuffixWithTrailingNulls", () => {
  const one = "foo.bar.baz_" + "\0".repeat(10);
  const two = one + "\0".repeat(10);
  const tree = treeOf({ [one]: 1, [two]: 2 });
  assertEquals(get(tree, one), 1);
  assertEquals(get(tree, two), 2);
});

Deno.test("TestSubjectTreeInsertWithNoPivot", () => {
  const tree = new SubjectTree<IntLeaf>();
  assertEquals(put(tree, "foo.bar.baz.\x7f", 22), null);
  assertEquals(tree.size(), 0);
});

Deno.test("TestSubjectTreeMatchHasFWCNoPanic", () => {
  match(treeOf({ foo: 1 }), ".", 0);
});

Deno.test("TestSubjectTreeLazyIntersect", () => {
  const one = treeOf({ "foo.bar": 1, "foo.bar.baz.qux": 1, bar: 1, "a.b.c": 1, "a.b.ee": 1 });
  put(one, "bb.c.d", 1);
  const two = treeOf({ "foo.bar": 1, "foo.bar.baz.qux": 1, baz: 1, "a.b.d": 1, "a.b.e": 1 });
  for (const s of ["b.c.d", "foo.bar.baz.qux.alice", "foo.bar.baz.qux.bob"]) put(two, s, 1);
  const seen: string[] = [];
  lazyIntersect(one, two, (subject) => void seen.push(subject));
  assertEquals(seen.toSorted(), ["foo.bar", "foo.bar.baz.qux"]);
});

Deno.test("TestSubjectTreeDeleteShortSubjectNoPanic", () => {
  const tree = treeOf({ "foo.bar.baz": 1, "foo.bar.qux": 2 });
  assertEquals(remove(tree, "foo.bar"), null);
  assertEquals(get(tree, "foo.bar.baz"), 1);
  assertEquals(get(tree, "foo.bar.qux"), 2);
});

Deno.test("TestSubjectTreeEmpty", () => {
  const tree = new SubjectTree<IntLeaf>();
  tree.empty();
  assertEquals(tree.size(), 0);
  for (const s of ["foo.bar", "foo.baz", "bar.baz"]) put(tree, s, 1);
  assertEquals(tree.size(), 3);
  tree.empty();
  assertEquals([tree.size(), tree.root], [0, null]);
  for (const s of ["foo.bar", "foo.baz", "bar.baz"]) assertEquals(get(tree, s), null);
  assertEquals(put(tree, "new.entry", 42), null);
  assertEquals(tree.size(), 1);
  assertEquals(get(tree, "new.entry"), 42);
});

Deno.test("TestSubjectTreeLazyIntersectComprehensive", () => {
  const intersect = (l: IntTree, r: IntTree) => {
    const got: Record<string, [number, number]> = {};
    lazyIntersect(l, r, (subject, a, b) => void (got[subject] = [a.value, b.value]));
    return got;
  };
  const empty = new SubjectTree<IntLeaf>();
  assertEquals(intersect(empty, empty), {});
  assertEquals(intersect(treeOf({ foo: 1 }), empty), {});
  assertEquals(
    intersect(
      treeOf({ "foo.bar": 42, "baz.qux": 100, "only.in.st1": 1 }),
      treeOf({ "foo.bar": 7, "baz.qux": 8, "only.in.st2": 2 }),
    ),
    { "baz.qux": [100, 8], "foo.bar": [42, 7] },
  );
  const large = new SubjectTree<IntLeaf>();
  for (let i = 0; i < 100; i++) put(large, `large.${i}`, i);
  const small = treeOf({ "large.5": 500, "large.10": 1000, "large.50": 5000, "small.only": 999 });
  const got = intersect(large, small);
  assertEquals(Object.keys(got).length, 3);
  assertEquals([got["large.5"], got["large.10"], got["large.50"]], [[5, 500], [10, 1000], [
    50,
    5000,
  ]]);
  assertEquals(
    intersect(
      treeOf({ "a.b.c.d.e.f.g": 1, "a.b.c.d": 3, "prefix.suffix1": 5 }),
      treeOf({ "a.b.c.d.e.f.g": 2, "a.b.c.d.e": 4, "prefix.suffix2": 6 }),
    ),
    { "a.b.c.d.e.f.g": [1, 2] },
  );
});

Deno.test("TestNode256Operations", () => {
  const node = nodeOf(49);
  assertEquals(node.kind, NodeKind.Node256);
  assertEquals(node.findChild(97), null);
  const leaf = new IntLeaf(42);
  node.addChild(97, leaf);
  assert(node.findChild(97) === leaf);
  assertEquals(node.size, 50);
  assertEquals(node.children.length, 256);
});

Deno.test("TestNode256Shrink", () => {
  const node = nodeOf(49);
  assertEquals(node.kind, NodeKind.Node256);
  node.deleteChild(0);
  assertEquals([node.size, node.kind], [48, NodeKind.Node48]);
  for (let i = 1; i < 49; i++) assert(node.findChild(i) !== null);
});

Deno.test("TestFindEdgeCases", () => {
  assertEquals(get(treeOf({ "foo.bar.baz": 1, foo: 2 }), ""), null);
});

Deno.test("TestIterOrderedAndIterFastNilRoot", () => {
  const tree = new SubjectTree<IntLeaf>();
  let count = 0;
  tree.iterOrdered(() => ++count > 0);
  tree.iterFast(() => ++count > 0);
  assertEquals(count, 0);
});

Deno.test("TestNodeDeleteChildNotFound", () => {
  for (const [count, kind] of [[5, 10], [11, 16], [17, 48]] as const) {
    const node = nodeOf(count);
    assertEquals(node.kind, kind);
    node.deleteChild(255);
    assertEquals(node.size, count);
  }
});

Deno.test("TestNodeShrinkNotNeeded", () => {
  for (const [count, kind] of [[6, 10], [12, 16]] as const) {
    const node = nodeOf(count);
    node.deleteChild(0);
    assertEquals(node.kind, kind);
  }
});

Deno.test("TestDeleteChildEdgeCasesMore", () => {
  for (const count of [6, 12]) {
    const node = nodeOf(count);
    node.deleteChild(count - 1);
    assertEquals(node.size, count - 1);
    assertEquals(node.findChild(count - 1), null);
    assert(node.findChild(count - 2) !== null);
  }
});

Deno.test("TestMatchPartsEdgeCases", () => {
  const rest = matchParts(partsOf("foo.*.bar.>"), "foo.test");
  assert(rest !== null && rest.length > 0);
});

Deno.test("TestMatchPartsMoreEdgeCases", () => {
  const parts = partsOf("foo.*");
  assertEquals(matchParts(parts, "")!.length, parts.length);
});

Deno.test("TestInsertEdgeCases", () => {
  let tree = new SubjectTree<IntLeaf>();
  assertEquals(put(tree, "foo\x7fbar", 1), null);
  assertEquals(tree.size(), 0);
  tree = treeOf({ "a.b": 1, "a.c": 2 });
  assertEquals(tree.size(), 2);
});

Deno.test("TestDeleteEdgeCases", () => {
  let tree = new SubjectTree<IntLeaf>();
  assertEquals(remove(tree, "foo"), null);
  put(tree, "foo", 1);
  assertEquals(remove(tree, ""), null);
  tree = treeOf({ "verylongprefix.suffix": 1, "verylongprefix.suffix2": 2 });
  assertEquals(remove(tree, "very"), null);
});

Deno.test("TestMatchEdgeCases", () => {
  match(treeOf({ "foo.bar": 1 }), "", 0);
});

Deno.test("TestIterEdgeCases", () => {
  const tree = treeOf({ "a.b.c": 1, "a.b.d": 2, "a.c.d": 3, "b.c.d": 4 });
  let count = 0;
  tree.iterFast(() => ++count < 2);
  assertEquals(count, 2);
});

Deno.test("TestInsertComplexEdgeCases", () => {
  const tree = treeOf({ a: 1, aa: 2, aaa: 3 });
  assertEquals(tree.size(), 3);
  assertEquals([get(tree, "a"), get(tree, "aa"), get(tree, "aaa")], [1, 2, 3]);
});

Deno.test("TestMatchComplexEdgeCases", () => {
  const tree = treeOf({ "foo.bar.baz": 1, "foo.bar.qux": 2, "foo.baz.bar": 3, "bar.foo.baz": 4 });
  match(tree, "foo.bar.>", 2);
});

Deno.test("TestIterComplexTree", () => {
  const tree = new SubjectTree<IntLeaf>();
  for (let i = 0; i < 20; i++) put(tree, `level1.level2.level3.item${i}`, i);
  let count = 0;
  tree.iterOrdered(() => ++count > 0);
  assertEquals(count, 20);
});
