/**
 * What let people into servers of this kind, or let them take servers down, and the test that shows
 * that it does not here. Lessons about parts that are not built come with these parts.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ConnectionPermissions } from "../../../src/core/permission/permissions.ts";
import type { Permissions } from "../../../src/config/mod.ts";

/** Each lesson, and the tests by their files. */
const SHOWN: readonly [lesson: string, file: string, test: string][] = [
  [
    "GO-2026-4826: Nats-Trace-Dest to subjects that the user may not publish to",
    "tests/parity/server/msgtrace_client_test.ts",
    "TestMsgTraceIngressRequiresPublishPermissionForTraceDest",
  ],
  [
    "GO-2026-4826: Nats-Trace-Dest to subjects of the server",
    "tests/parity/server/msgtrace_client_test.ts",
    "TestMsgTraceIngressRejectsReservedTraceDest",
  ],
  [
    "GO-2026-4827: credentials from the command line shown in monitoring",
    "tests/unit/security/secrets_process_test.ts",
    "secrets of the command line are on no page and in no log",
  ],
  [
    "GO-2026-4827: credentials from the command line shown in monitoring",
    "tests/parity/server/opts_blocks_test.ts",
    "TestRedactArgs",
  ],
  [
    "GO-2026-4828: verify_and_map and distinguished names in another order",
    "tests/parity/internal/ldap/dn_test.ts",
    "TestDNEqual",
  ],
  [
    "integer overflow of offset + limit in connz",
    "tests/parity/server/monitor_closed_test.ts",
    "TestMonitorConnzOffsetOverflow",
  ],
  [
    "integer overflow of offset + limit in subsz",
    "tests/parity/server/monitor_subsz_test.ts",
    "TestMonitorSubszOffsetOverflow",
  ],
  [
    "memory held by CONNECTs that do not end",
    "tests/unit/server/abuse_test.ts",
    "a flood of CONNECTs without an end holds no more than their control lines",
  ],
  [
    "memory held by payloads that do not come",
    "tests/unit/server/abuse_test.ts",
    "a payload that is announced and never comes costs next to nothing",
  ],
  [
    "clients without CONNECT pass by the authorization service",
    "tests/parity/server/auth_callout_test.ts",
    "TestAuthCalloutNoAuthUserPreConnectInvokesCallout",
  ],
  [
    "no_auth_user without CONNECT passes by proxy_required",
    "tests/unit/server/proxies_test.ts",
    "a client without CONNECT does not become a user who needs a proxy",
  ],
];

Deno.test("each lesson about one server has its test", async () => {
  for (const [lesson, file, test] of SHOWN) {
    const text = await Deno.readTextFile(file);
    assert(text.includes(`Deno.test("${test}"`), `${lesson}: ${file} has no test "${test}"`);
  }
});

function permissions(source: Partial<Permissions>): {
  compiled: ConnectionPermissions;
  reports: string[];
} {
  const reports: string[] = [];
  const complete = { publish: null, subscribe: null, response: null, ...source };
  const compiled = new ConnectionPermissions(complete, (text) => reports.push(text));
  return { compiled, reports };
}

Deno.test("white space in permission subjects lets nobody through", () => {
  for (
    const subject of [
      "secret.>",
      " secret.>",
      "secret.> ",
      "\tsecret.>",
      "secret.>\t",
      "\nsecret.>",
    ]
  ) {
    const { compiled } = permissions({
      publish: { allow: null, deny: [subject] },
      subscribe: { allow: null, deny: [subject] },
    });
    assertEquals(compiled.canPublish("secret.a", 0), false, JSON.stringify(subject));
    assertEquals(compiled.canSubscribe("secret.a", null), false, JSON.stringify(subject));
    assertEquals(compiled.canPublish("other", 0), true);
  }
  for (const subject of ["open secret", "open\tsecret", " open secret "]) {
    const { compiled, reports } = permissions({ publish: { allow: [subject], deny: null } });
    assertEquals(compiled.canPublish("secret", 0), false);
    assertEquals(compiled.canPublish("open", 0), false);
    assertEquals(reports.length, 1);
  }
});

Deno.test("a queue behind a denied subject does not open it for publishing", () => {
  const { compiled } = permissions({ publish: { allow: null, deny: ["secret q"] } });
  assertEquals(compiled.canPublish("secret", 0), false);
});

Deno.test("a queue-scoped deny holds for its queue, whatever else is allowed", () => {
  const { compiled } = permissions({ subscribe: { allow: [">"], deny: ["work q", "any *.x"] } });
  assertEquals(compiled.canSubscribe("work", "q"), false);
  assertEquals(compiled.canSubscribe("work", "other"), true);
  assertEquals(compiled.canSubscribe("work", null), true);
  assertEquals(compiled.canSubscribe("any", "a.x"), false);
});
