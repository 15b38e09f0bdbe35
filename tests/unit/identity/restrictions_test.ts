/**
 * Own tests of what limits users: networks, revocations, templates.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  decodeUserClaims,
  emptyUserPermissionLimits,
  fillTemplate,
  isRevoked,
  parseNetwork,
  sourceAllowed,
  TemplateError,
  timesAllowed,
} from "../../../src/identity/mod.ts";
import { createAccount, createUser, encodeUser } from "../../harness/jwt.ts";

Deno.test("sourceAllowed() compares addresses with networks of both families", () => {
  assert(sourceAllowed([], ""));
  assert(!sourceAllowed(["10.0.0.0/8"], ""));
  assert(sourceAllowed(["192.0.2.0/24", "10.0.0.0/8"], "10.255.0.1"));
  assert(!sourceAllowed(["10.0.0.0/9"], "10.128.0.1"));
  assert(sourceAllowed(["2001:db8::/33"], "2001:db8::1"));
  assert(!sourceAllowed(["2001:db8::/33"], "2001:db8:8000::1"));
  assert(sourceAllowed(["10.0.0.0/8"], "::ffff:10.1.2.3"));
  assert(!sourceAllowed(["0.0.0.0/0"], "2001:db8::1"));
  for (const bad of ["10.0.0.0", "10.0.0.0/33", "x/8", "::/129", "10.0.0.0/-1", "010.0.0.0/8"]) {
    assertEquals(parseNetwork(bad), null, bad);
  }
});

Deno.test("isRevoked() looks at the key and at all", () => {
  const revoked = new Map([["U1", 10], ["*", 5]]);
  assert(isRevoked(revoked, "U1", 10));
  assert(!isRevoked(revoked, "U1", 11));
  assert(isRevoked(revoked, "U2", 5));
  assert(!isRevoked(revoked, "U2", 6));
  assert(!isRevoked(null, "U1", 0));
});

Deno.test("timesAllowed() knows the clock changes of the zone", () => {
  const times = [{ start: "08:00:00", end: "09:00:00" }];
  const winter = Date.UTC(2026, 0, 15, 7, 30);
  const summer = Date.UTC(2026, 6, 15, 6, 30);
  const locale = "Europe/Berlin";
  assertEquals(timesAllowed({ times, locale }, winter), { allowed: true, leftMs: 1_800_000 });
  assertEquals(timesAllowed({ times, locale }, summer), { allowed: true, leftMs: 1_800_000 });
  assert(!timesAllowed({ times, locale }, winter - 3_600_000).allowed);
  assert(!timesAllowed({ times, locale: "No/Where" }, winter).allowed);
  assert(
    !timesAllowed({ times: [{ start: "25:00:00", end: "26:00:00" }], locale }, winter).allowed,
  );
});

Deno.test("fillTemplate() denies all when an allow list comes out empty, and limits its growth", () => {
  const account = { nameTag: "acc", tags: ["dept:a", "dept:b"] };
  const user = decodeUserClaims(
    encodeUser(createUser(), createAccount(), {
      tags: Array.from({ length: 65 }, (_, i) => `t:${i}`),
    }, { name: "bob" }),
  );
  const fill = (allow: string[], deny: string[] = []) =>
    fillTemplate({ ...emptyUserPermissionLimits(), pub: { allow, deny } }, user, account).pub;
  assertEquals(fill(["{{name()}}.{{ account-name() }}"]).allow, ["bob.acc"]);
  assertEquals(fill(["a.{{account-tag(dept)}}"]).allow, ["a.a", "a.b"]);
  assertEquals(fill(["a.{{tag(none)}}"]), { allow: [], deny: [">"] });
  assertThrows(() => fill([], ["a.{{tag(none)}}"]), TemplateError, "is not defined");
  assertThrows(() => fill(["a.{{what()}}"]), TemplateError, "is not defined");
  assertThrows(() => fill(["{{tag(t)}}.{{tag(t)}}"]), TemplateError, "exceeds limit");
});
