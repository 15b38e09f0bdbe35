/**
 * The part of `@std/assert` that natsts' tests use, with the same names and signatures.
 * JSR is not reachable where natsts is built; the import map points here until it is.
 *
 * @module
 */
import { inspect, isDeepStrictEqual } from "node:util";

/** Thrown by every failed assertion. */
export class AssertionError extends Error {
  override name = "AssertionError";
}

/** Makes an assertion that fails unless `expr` is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg || "Expected a truthy value");
}

/** Fails unless `expr` is falsy. */
export function assertFalse(expr: unknown, msg = ""): void {
  if (expr) throw new AssertionError(msg || "Expected a falsy value");
}

function show(value: unknown): string {
  const text = inspect(value, { depth: 8, maxArrayLength: 50, maxStringLength: 4000 });
  return text.length > 6000 ? text.slice(0, 6000) + "…" : text;
}

/** Fails unless both values are deeply equal. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (isDeepStrictEqual(actual, expected)) return;
  throw new AssertionError(
    `Values are not equal${msg ? `: ${msg}` : ""}\n  actual:   ${show(actual)}\n  expected: ${
      show(expected)
    }`,
  );
}

/** Fails if both values are deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!isDeepStrictEqual(actual, expected)) return;
  throw new AssertionError(`Expected values to differ${msg ? `: ${msg}` : ""}: ${show(actual)}`);
}

/** Fails unless both values are the same by `Object.is`. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  if (Object.is(actual, expected)) return;
  throw new AssertionError(
    `Values are not strictly equal${msg ? `: ${msg}` : ""}\n  actual:   ${
      show(actual)
    }\n  expected: ${show(expected)}`,
  );
}

/** Fails if both values are the same by `Object.is`. */
export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!Object.is(actual, expected)) return;
  throw new AssertionError(`Expected values to be distinct${msg ? `: ${msg}` : ""}`);
}

/** Fails if `actual` is null or undefined. */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  if (actual === undefined || actual === null) {
    throw new AssertionError(`Expected a value${msg ? `: ${msg}` : ""}, got ${actual}`);
  }
}

/** Fails unless `actual` contains `expected`. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (actual.includes(expected)) return;
  throw new AssertionError(
    `Expected text to contain ${show(expected)}${msg ? `: ${msg}` : ""}\n  actual: ${show(actual)}`,
  );
}

/** Fails unless `actual` matches `expected`. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (expected.test(actual)) return;
  throw new AssertionError(
    `Expected text to match ${expected}${msg ? `: ${msg}` : ""}\n  actual: ${show(actual)}`,
  );
}

/** Fails if `actual` matches `expected`. */
export function assertNotMatch(actual: string, expected: RegExp, msg?: string): void {
  if (!expected.test(actual)) return;
  throw new AssertionError(
    `Expected text not to match ${expected}${msg ? `: ${msg}` : ""}\n  actual: ${show(actual)}`,
  );
}

/** Fails unless `actual > expected`. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (actual > expected) return;
  throw new AssertionError(`Expected ${show(actual)} > ${show(expected)}${msg ? `: ${msg}` : ""}`);
}

/** Fails unless `actual >= expected`. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (actual >= expected) return;
  throw new AssertionError(`Expected ${show(actual)} >= ${show(expected)}${msg ? `: ${msg}` : ""}`);
}

/** Fails unless `actual < expected`. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (actual < expected) return;
  throw new AssertionError(`Expected ${show(actual)} < ${show(expected)}${msg ? `: ${msg}` : ""}`);
}

/** Fails unless `actual <= expected`. */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (actual <= expected) return;
  throw new AssertionError(`Expected ${show(actual)} <= ${show(expected)}${msg ? `: ${msg}` : ""}`);
}

/** Fails unless the two numbers differ by at most `tolerance`. */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance = 1e-7,
  msg?: string,
): void {
  if (Object.is(actual, expected) || Math.abs(actual - expected) <= tolerance) return;
  throw new AssertionError(
    `Expected ${actual} to be within ${tolerance} of ${expected}${msg ? `: ${msg}` : ""}`,
  );
}

// deno-lint-ignore no-explicit-any -- the signature of @std/assert
type AnyConstructor<T> = new (...args: any[]) => T;

/** Fails unless `actual` is an instance of `expectedType`. */
export function assertInstanceOf<T>(
  actual: unknown,
  expectedType: AnyConstructor<T>,
  msg?: string,
): asserts actual is T {
  if (actual instanceof expectedType) return;
  throw new AssertionError(
    `Expected an instance of ${expectedType.name}${msg ? `: ${msg}` : ""}, got ${show(actual)}`,
  );
}

/** Fails unless every element of `expected` is in `actual`. */
export function assertArrayIncludes<T>(
  actual: ArrayLike<T>,
  expected: ArrayLike<T>,
  msg?: string,
): void {
  for (const wanted of Array.from(expected)) {
    if (!Array.from(actual).some((value) => isDeepStrictEqual(value, wanted))) {
      throw new AssertionError(
        `Expected ${show(actual)} to include ${show(wanted)}${msg ? `: ${msg}` : ""}`,
      );
    }
  }
}

function checkError<E extends Error>(
  error: unknown,
  errorClass: AnyConstructor<E> | undefined,
  msgIncludes: string | undefined,
  msg: string | undefined,
): E {
  const suffix = msg ? `: ${msg}` : "";
  if (!(error instanceof Error)) {
    throw new AssertionError(`Expected an Error to be thrown${suffix}, got ${show(error)}`);
  }
  if (errorClass && !(error instanceof errorClass)) {
    throw new AssertionError(
      `Expected ${errorClass.name}${suffix}, got ${error.name}: ${error.message}`,
    );
  }
  if (msgIncludes !== undefined && !error.message.includes(msgIncludes)) {
    throw new AssertionError(
      `Expected error message to include ${show(msgIncludes)}${suffix}, got ${show(error.message)}`,
    );
  }
  return error as E;
}

/** Fails unless `fn` throws (an `ErrorClass` whose message contains `msgIncludes`). */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass?: AnyConstructor<E>,
  msgIncludes?: string,
  msg?: string,
): E {
  try {
    fn();
  } catch (error) {
    return checkError(error, ErrorClass, msgIncludes, msg);
  }
  throw new AssertionError(`Expected function to throw${msg ? `: ${msg}` : ""}`);
}

/** Fails unless `fn` rejects (with an `ErrorClass` whose message contains `msgIncludes`). */
export async function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass?: AnyConstructor<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E> {
  try {
    await fn();
  } catch (error) {
    return checkError(error, ErrorClass, msgIncludes, msg);
  }
  throw new AssertionError(`Expected function to reject${msg ? `: ${msg}` : ""}`);
}

/** Always fails. */
export function fail(msg?: string): never {
  throw new AssertionError(`Failed assertion${msg ? `: ${msg}` : "."}`);
}

/** Fails when reached. */
export function unreachable(msg?: string): never {
  throw new AssertionError(msg ?? "Unreachable.");
}
