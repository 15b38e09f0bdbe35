// Ports: server/jetstream_errors_test.go
/**
 * Errors of the API (server/jetstream_errors_test.go).
 *
 * @module
 */
import { assertEquals, assertNotStrictEquals } from "@std/assert";
import { apiError, toApiError } from "../../../src/jsapi/mod.ts";

Deno.test("TestApiError_Error", () => {
  const { message } = apiError("JSClusterNotActiveErr");
  assertEquals(message, "JetStream not in clustered mode (10006)");
});

Deno.test("TestApiError_NewWithTags", () => {
  const tags = { err: new Error("failed error"), subject: "the.subject" };
  const error = apiError("JSRestoreSubscribeFailedErrF", tags);
  assertEquals(
    error.description,
    "JetStream unable to subscribe to restore snapshot the.subject: failed error",
  );
  assertNotStrictEquals(error, apiError("JSRestoreSubscribeFailedErrF", tags));
});

Deno.test("TestApiError_NewWithUnless", () => {
  const other = apiError("JSNotEnabledForAccountErr");
  for (const id of ["JSStreamRestoreErrF", "JSPeerRemapErr"] as const) {
    assertEquals(toApiError(other, id), other);
    assertEquals(toApiError(new Error("other error"), id).id, id);
    assertEquals(toApiError(null, id).id, id);
  }
  const restore = toApiError(new Error("failed error"), "JSStreamRestoreErrF");
  assertEquals(restore.description, "restore failed: failed error");
});
