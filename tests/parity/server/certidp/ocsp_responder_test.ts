// Ports: server/certidp/ocsp_responder_test.go
/**
 * Questions as parts of URLs.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { encodeOcspRequest } from "../../../../src/ocsp/mod.ts";

Deno.test("TestEncodeOCSPRequest", () => {
  const data = "test data for OCSP request";
  const encoded = encodeOcspRequest(new TextEncoder().encode(data));
  assert(!/[+/=]/.test(encoded), encoded);
  assertEquals(atob(decodeURIComponent(encoded)), data);
});
