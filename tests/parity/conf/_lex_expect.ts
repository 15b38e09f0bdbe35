/**
 * The comparison that all ported lexer tests share.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { type Item, type ItemType, Lexer } from "../../../src/config/lexer.ts";

/** Type, value, line and position of an item. */
export type ExpectedItem = [type: ItemType, value: string, line: number, pos: number];

/** Asserts that `input` is cut into `expected`; what follows an end or error is not looked at. */
export function expectItems(input: string, expected: readonly ExpectedItem[]): void {
  const lexer = new Lexer(input);
  for (const [type, value, line, pos] of expected) {
    const item: Item = lexer.nextItem();
    if (item.type === "EOF") break;
    assertEquals(item, { type, value, line, pos }, JSON.stringify(input));
    if (item.type === "Error") break;
  }
}
