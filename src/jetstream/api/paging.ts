/**
 * Pages of long answers.
 *
 * Reference: ApiPaged in server/jetstream_api.go.
 *
 * @module
 */
import { field, int, list, map, OMIT, text } from "../../base/json/mod.ts";
import { type ResponseFields, value } from "./request.ts";

/** Most names in one answer. */
export const NAMES_MAX = 1024;
/** Most streams or consumers in one answer. */
export const LIST_MAX = 256;

const totalField = field("total", int);
const offsetField = field("offset", int);
const limitField = field("limit", int);
const missingField = field("missing", list(text), OMIT);
const offlineField = field("offline", map(text), OMIT);

/** Which page an answer is. */
export function pageFields(page: { total: number; offset: number; limit: number }): ResponseFields {
  return [
    value(totalField, page.total),
    value(offsetField, page.offset),
    value(limitField, page.limit),
  ];
}

/** What could not be listed, and why. */
export function offlineFields(offline: Map<string, string>): ResponseFields {
  return [value(missingField, [...offline.keys()]), value(offlineField, offline)];
}

/** An offset that lies within a list of `total`. */
export function clampOffset(offset: number, total: number): number {
  return Math.min(Math.max(offset, 0), total);
}

/** Orders by name, by the bytes that names have in UTF-8. */
export function byName<T extends { readonly name: string }>(a: T, b: T): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
