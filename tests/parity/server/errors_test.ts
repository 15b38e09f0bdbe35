// Ports: server/errors_test.go
import { assert, assertEquals } from "@std/assert";
import {
  ErrorContext,
  errorIs,
  ServerError,
  unpackIfErrorContext,
} from "../../../src/errors/mod.ts";

Deno.test("TestErrCtx", () => {
  const context = "Extra context information";
  const wrong = new ServerError("ErrWrongGateway");
  const error = new ErrorContext(wrong, context);
  assertEquals(error.message, wrong.message);
  assert((error as Error) !== wrong);
  assert(errorIs(error, "ErrWrongGateway"));
  assertEquals(unpackIfErrorContext(wrong), "wrong gateway");
  const trace = unpackIfErrorContext(error);
  assert(trace.startsWith(wrong.message));
  assert(trace.endsWith(context));
});

Deno.test("TestErrCtxWrapped", () => {
  const originalContext = "Original Ctx";
  const context = "Extra context information";
  const wrong = new ServerError("ErrWrongGateway");
  const error = new ErrorContext(new ErrorContext(wrong, originalContext), context);
  assertEquals(error.message, wrong.message);
  assert((error as Error) !== wrong);
  assert(errorIs(error, "ErrWrongGateway"));
  assertEquals(unpackIfErrorContext(wrong), wrong.message);
  const trace = unpackIfErrorContext(error);
  assert(trace.startsWith(wrong.message));
  assert(trace.endsWith(context));
  assert(trace.includes(originalContext));
});
