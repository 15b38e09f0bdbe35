/**
 * The error of an API response.
 *
 * @module
 */
import { field, int, OMIT, type Shape, shape, text, uint16 } from "../base/json/mod.ts";
import { type JetStreamErrorName, jetStreamErrors } from "./error_table.ts";

/** What clients get under `error`. */
export interface ApiErrorData {
  /** HTTP-like code. */
  code: number;
  errCode: number;
  description: string;
}

/** JSON of {@linkcode ApiErrorData}. */
export const apiErrorShape: Shape<ApiErrorData> = shape(
  "ApiError",
  () => ({ code: 0, errCode: 0, description: "" }),
  {
    code: field("code", int),
    errCode: field("err_code", uint16, OMIT),
    description: field("description", text, OMIT),
  },
);

/** A refused or failed API request. */
export class ApiError extends Error implements ApiErrorData {
  override readonly name = "ApiError";
  readonly code: number;
  readonly errCode: number;

  constructor(readonly id: JetStreamErrorName, readonly description: string, cause?: unknown) {
    super(`${description} (${jetStreamErrors[id][1]})`, { cause });
    this.code = jetStreamErrors[id][0];
    this.errCode = jetStreamErrors[id][1];
  }
}

/**
 * The error `id` with its tags filled in: `apiError("JSStreamInvalidConfigF", { err: "…" })`.
 * A tag that is an error stands for its text, and stays available as the cause.
 */
export function apiError(
  id: JetStreamErrorName,
  tags: Readonly<Record<string, string | number | Error>> = {},
): ApiError {
  let cause: unknown;
  const text: string = jetStreamErrors[id][2];
  const filled = text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = tags[name];
    if (value === undefined) return whole;
    if (!(value instanceof Error)) return String(value);
    cause = value;
    return value instanceof ApiError ? value.description : value.message;
  });
  return new ApiError(id, filled, cause);
}

/** `error` itself when it is one of the API's, otherwise `id` with its text as `err`. */
export function toApiError(error: unknown, id: JetStreamErrorName): ApiError {
  if (error instanceof ApiError) return error;
  return apiError(id, { err: error instanceof Error ? error : new Error(String(error)) });
}
