/**
 * Large numbers for people (server/util.go comma).
 *
 * @module
 */

/** `value`, an integer, with a comma between every three digits: `834,142`. */
export function comma(value: number | bigint): string {
  return BigInt(value).toString().replace(/\B(?=(\d{3})+$)/g, ",");
}
