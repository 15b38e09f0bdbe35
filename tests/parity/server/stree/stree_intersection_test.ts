// Ports: server/stree/stree_test.go
import { assertEquals } from "@std/assert";
import {
  intersectSublist,
  SubjectTree,
  TreeLeaf,
} from "../../../../src/base/containers/stree/mod.ts";
import { sublistOf } from "../../../../src/base/containers/gsl/mod.ts";

const CASES: [string, string[], number][] = [
  ["Literals", ["one.two.six", "eight.nine"], 2],
  ["PWC", ["one.two.*.*"], 2],
  ["PWCOverlapping", ["one.two.*.four", "one.two.*.*"], 2],
  ["PWCAll", ["*.*", "*.*.*", "*.*.*.*"], 7],
  ["FWC", ["one.>"], 4],
  ["FWCOverlapping", ["one.two.three.four", "one.>", ">"], 7],
  ["FWCExtended", ["stream.A.>", "stream.A"], 2],
  ["PWCExtended", ["stream.*.child", "stream.A"], 2],
  [
    "PWCExtendedAggressive",
    [
      "stream.A.child",
      "*.A.child",
      "stream.*.child",
      "stream.A.*",
      "stream.*.*",
      "*.A.*",
      "*.*.child",
    ],
    1,
  ],
  [
    "PWCExtendedAggressive2",
    ["stream.A.child", "*.A.child", "stream.A.*", "*.A.*", "*.*.child"],
    1,
  ],
  ["PWCExtendedAggressive3", ["stream.A.child", "stream.*.*"], 1],
  ["PWCExtendedAggressive4", ["stream.A.child", "stream.*.>"], 1],
  ["PWCExtendedAggressive5", ["stream.A.child", "*.*"], 3],
  ["PWCExtendedAggressive6", ["stream.A.child", "stream.*"], 2],
  ["PWCExtendedAggressive7", ["stream.A", "*.*.*"], 4],
  ["FWCAll", [">"], 7],
  ["NoMatch", ["one"], 0],
  ["NoMatches", ["one", "eight", "ten"], 0],
  ["NoMatchPartial", ["stream.A.not-child", "stream.A.child.>"], 0],
  ["PWCDoesntHideLiteral", ["one.*.six", "one.two.seven"], 2],
  ["PWCDoesntHideLiteral2", ["one.*.*.four", "one.*.*.five", "one.*.three"], 2],
  ["DisjointWildcardPositions", ["one.two.*.*", "*.two.three.four"], 2],
  ["LiteralMatchWithOverlappingPWCs", ["one.*.four.five", "one.two.three.four"], 1],
];

Deno.test("TestSubjectTreeGSLIntersection", async (t) => {
  const tree = new SubjectTree<TreeLeaf>();
  for (
    const subject of [
      "one.two.three.four",
      "one.two.three.five",
      "one.two.six",
      "one.two.seven",
      "eight.nine",
      "stream.A",
      "stream.A.child",
    ]
  ) tree.insert(subject, new TreeLeaf());
  for (const [name, filters, expected] of CASES) {
    await t.step(name, () => {
      const got = new Map<string, number>();
      intersectSublist(tree, sublistOf(filters), (subject) => {
        got.set(subject, (got.get(subject) ?? 0) + 1);
        return true;
      });
      assertEquals(got.size, expected);
      for (const count of got.values()) assertEquals(count, 1);
    });
  }
  await t.step("StopsWhenCallbackReturnsFalse", () => {
    let calls = 0;
    intersectSublist(tree, sublistOf([">"]), () => {
      calls++;
      return false;
    });
    assertEquals(calls, 1);
  });
});
