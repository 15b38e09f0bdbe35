/**
 * Ports: server/auth_test.go, the tests of permission templates and of proxies whose clients leave.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import { checkProxy, evictProxied, ProxyCheck } from "../../../src/core/auth/proxies.ts";
import {
  decodeUserClaims,
  emptyUserPermissionLimits,
  fillTemplate,
  TemplateError,
  type UserClaims,
  type UserPermissionLimits,
} from "../../../src/identity/mod.ts";
import { createAccount, createUser, encodeUser, signNonce } from "../../harness/jwt.ts";
import { testServer } from "../../harness/server.ts";

const NO_ACCOUNT = { nameTag: "", tags: [] };

function userWithTags(tags: string[] = []): UserClaims {
  return decodeUserClaims(encodeUser(createUser(), createAccount(), { tags }));
}

function template(given: Partial<UserPermissionLimits>): UserPermissionLimits {
  return { ...emptyUserPermissionLimits(), ...given };
}

Deno.test("TestProcessUserPermissionsTemplateMalformedOpDoesNotPanic", () => {
  const limits = template({ sub: { allow: [], deny: ["foo.{{x}}"] } });
  assertThrows(() => fillTemplate(limits, userWithTags(), NO_ACCOUNT), TemplateError);
});

Deno.test("TestProcessUserPermissionsTemplateUnknownAllowOpDoesNotPanic", () => {
  const limits = template({ pub: { allow: ["foo.{{unknown()}}"], deny: [] } });
  assertThrows(() => fillTemplate(limits, userWithTags(), NO_ACCOUNT), TemplateError);
});

Deno.test("TestProcessUserPermissionsTemplateRejectsExcessiveTagExpansions", () => {
  const limits = template({ pub: { allow: ["foo.{{tag(a)}}.{{tag(b)}}"], deny: [] } });
  const numbers = Array.from({ length: 128 }, (_, i) => i);
  const user = userWithTags(numbers.flatMap((i) => [`a:v${i}`, `b:v${i}`]));
  assertThrows(() => fillTemplate(limits, user, NO_ACCOUNT), TemplateError);
});

Deno.test("TestAuthProxyCheckConnClosedDuringAuth", async () => {
  const proxy = createUser();
  const key = proxy.getPublicKey();
  await using server = await testServer({ proxies: { trusted: [{ key }] } });
  const client = await server.raw();
  const info = await client.info();
  const connection = server.connection(info.client_id);
  connection.connect.proxy_sig = signNonce(proxy, connection.nonce);
  connection.close("Client Closed");
  assertEquals(checkProxy(connection), ProxyCheck.Trusted);
  // Who is gone is in no list that its proxy's end would look through.
  assertEquals(server.server.clients.size, 0);
  evictProxied([connection], new Set([key]));
  assertEquals(connection.closeReason, "Client Closed");
});
