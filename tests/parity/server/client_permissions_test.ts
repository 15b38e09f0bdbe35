// Ports: server/client_test.go
/**
 * Permissions on subjects, queue groups and replies.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Permissions, ResponsePermission, User } from "../../../src/config/mod.ts";
import { emptyUser } from "../../../src/config/mod.ts";
import {
  ConnectionPermissions,
  splitSubjectQueue,
} from "../../../src/core/permission/permissions.ts";
import { subjectsCollide } from "../../../src/subject/mod.ts";
import { PERMISSIONS_ERR } from "../../harness/raw_client.ts";
import { Inbox, testServer } from "../../harness/server.ts";

const NONE: Permissions = { publish: null, subscribe: null, response: null };

function permissions(over: Partial<Permissions>): Permissions {
  return { ...NONE, ...over };
}

function compiled(over: Partial<Permissions>): ConnectionPermissions {
  return new ConnectionPermissions(permissions(over), () => {});
}

function user(username: string, password: string, over: Partial<Permissions> | null): User {
  return {
    ...emptyUser(),
    username,
    password,
    permissions: over === null ? null : permissions(over),
  };
}

Deno.test("TestSplitSubjectQueue", async (t) => {
  const cases: [string, string, [string, string | null] | null][] = [
    ["single subject", "foo", ["foo", null]],
    ["subject and queue", "foo bar", ["foo", "bar"]],
    ["subject and queue with surrounding spaces", " foo bar ", ["foo", "bar"]],
    ["subject and queue with extra spaces in the middle", "foo  bar", ["foo", "bar"]],
    ["subject, queue, and extra token", "foo  bar fizz", null],
    ["empty", "", null],
    ["tab only", "\t", null],
    ["newline only", "\n", null],
    ["mixed whitespace", " \t\r\n", null],
  ];
  for (const [name, text, wanted] of cases) {
    await t.step(name, () => {
      const rule = splitSubjectQueue(text);
      assertEquals(rule === null ? null : [rule.subject, rule.queue], wanted);
    });
  }
});

interface QueueCase {
  name: string;
  allow?: string[];
  deny?: string[];
  subject: string;
  queue?: string;
  denied?: boolean;
}

const QUEUE_CASES: readonly QueueCase[] = [
  { name: "plain subscription on foo", allow: ["foo"], subject: "foo" },
  {
    name: "queue subscribe with allowed group",
    allow: ["foo bar"],
    subject: "foo",
    queue: "bar",
  },
  {
    name: "queue subscribe with wildcard allowed group",
    allow: ["foo bar.*"],
    subject: "foo",
    queue: "bar.fizz",
  },
  {
    name: "queue subscribe with full wildcard subject and subgroup",
    allow: ["> bar.>"],
    subject: "whizz",
    queue: "bar.bang",
  },
  {
    name: "plain subscribe with full wildcard subject and subgroup",
    allow: ["> bar.>"],
    subject: "whizz",
    denied: true,
  },
  {
    name: "deny plain subscription on foo",
    allow: [">"],
    deny: ["foo"],
    subject: "foo",
    queue: "bar",
    denied: true,
  },
  {
    name: "allow plain subscription, except foo",
    allow: [">"],
    deny: ["foo"],
    subject: "bar",
  },
  {
    name: "deny everything",
    allow: [">"],
    deny: [">"],
    subject: "foo",
    queue: "bar",
    denied: true,
  },
  {
    name: "can only subscribe to queues v1",
    allow: ["> v1.>"],
    subject: "foo",
    queue: "v1.prod",
  },
  {
    name: "cannot subscribe to queues, plain subscribe ok",
    allow: [">"],
    deny: ["> >"],
    subject: "foo",
  },
  {
    name: "cannot subscribe to queues, queue subscribe not ok",
    deny: ["> >"],
    subject: "foo",
    queue: "bar",
    denied: true,
  },
  {
    name: "deny all queue subscriptions on dev or stg only",
    deny: ["> *.dev", "> *.stg"],
    subject: "foo",
    queue: "bar",
  },
  {
    name: "allow only queue subscription on dev or stg",
    allow: ["> *.dev", "> *.stg"],
    subject: "foo",
    queue: "bar",
    denied: true,
  },
  {
    name: "deny queue subscriptions with subject foo",
    deny: ["foo >"],
    subject: "foo",
    queue: "bar",
    denied: true,
  },
  {
    name: "plain sub is allowed, but queue subscribe with queue not in list",
    allow: ["foo bar"],
    subject: "foo",
    queue: "fizz",
    denied: true,
  },
  {
    name: "allow plain sub, but do queue subscribe",
    allow: ["foo"],
    subject: "foo",
    queue: "bar",
  },
  {
    name: "plain sub deny bypassed by queue deny rules",
    allow: [">"],
    deny: ["admin.>", "> restricted"],
    subject: "admin.secret",
    queue: "workers",
    denied: true,
  },
];

Deno.test("TestQueueSubscribePermissions", async (t) => {
  for (const { name, allow, deny, subject, queue, denied } of QUEUE_CASES) {
    await t.step(name, async () => {
      const subscribe = { allow: allow ?? null, deny: deny ?? null };
      await using server = await testServer({ users: [user("ada", "pw", { subscribe })] });
      const client = await server.rawLogin({ verbose: true, user: "ada", pass: "pw" });
      assertEquals(await client.line(), "+OK");
      await client.send(`SUB ${subject} ${queue ?? ""} 1\r\n`);
      const using = queue === undefined ? "" : ` using queue "${queue}"`;
      assertEquals(
        await client.line(),
        denied === true
          ? `-ERR 'Permissions Violation for Subscription to "${subject}"${using}'`
          : "+OK",
      );
    });
  }
});

Deno.test("TestClientSubscribeDenyWildcardOverlapBlocksDelivery", async (t) => {
  const cases = [
    ["suffix overlap", "*.secret", "foo.*", "foo.secret", "foo.public"],
    ["middle overlap", "foo.*.bar", "foo.baz.*", "foo.baz.bar", "foo.baz.qux"],
    ["nested wildcard overlap", "*.*.bar", "foo.*.*", "foo.baz.bar", "foo.baz.qux"],
    ["full wildcard overlap", "a.>", "*.b", "a.b", "z.b"],
  ] as const;
  for (const [name, deny, subject, blocked, allowed] of cases) {
    await t.step(name, async () => {
      assert(subjectsCollide(deny, subject));
      await using server = await testServer({
        users: [
          user("attacker", "pass", { subscribe: { allow: [">"], deny: [deny] } }),
          user("publisher", "pass", null),
        ],
      });
      const attacker = await server.connect({ user: "attacker", pass: "pass" });
      const publisher = await server.connect({ user: "publisher", pass: "pass" });
      const inbox = new Inbox(attacker, subject, "workers");
      await attacker.flush();
      publisher.publish(blocked, "blocked");
      publisher.publish(allowed, "ok");
      await publisher.flush();
      const message = await inbox.next(1000);
      assertEquals([message?.subject, message?.string()], [allowed, "ok"]);
    });
  }
});

Deno.test("TestClientQueueScopedSubscribeDenyBlocksOnlyMatchingQueue", async (t) => {
  const cases = [
    ["literal queue", "admin.secret workers", "workers", "auditors"],
    ["wildcard queue", "admin.secret work.*", "work.prod", "audit.prod"],
  ] as const;
  for (const [name, deny, deniedQueue, allowedQueue] of cases) {
    await t.step(name, async () => {
      await using server = await testServer({
        users: [
          user("attacker", "pass", { subscribe: { allow: [">"], deny: [deny] } }),
          user("publisher", "pass", null),
        ],
      });
      const attacker = await server.connect({ user: "attacker", pass: "pass" });
      const publisher = await server.connect({ user: "publisher", pass: "pass" });
      const denied = new Inbox(attacker, "admin.*", deniedQueue);
      const allowed = new Inbox(attacker, "admin.*", allowedQueue);
      const plain = new Inbox(attacker, "admin.*");
      await attacker.flush();
      publisher.publish("admin.secret", "secret");
      await publisher.flush();
      assertEquals((await allowed.next(1000))?.string(), "secret");
      assertEquals((await plain.next(1000))?.string(), "secret");
      assertEquals(await denied.next(100), null);
    });
  }
});

Deno.test("TestClientSetPermissionsClearsStaleMsgDenyState", () => {
  const denying = compiled({ subscribe: { allow: null, deny: ["foo.secret"] } });
  assert(denying.canSubscribe("foo.*", null));
  assert(denying.checksDeliveries);
  // New permissions are a new object: nothing of the old ones stays.
  const open = compiled({});
  assert(!open.checksDeliveries);
  assert(open.canSubscribe("foo.*", null));
  assert(!open.checksDeliveries);
});

Deno.test("TestClientSetPermissionsPublishDenyQueueQualifierFailsClosed", () => {
  const { canPublish } = {
    canPublish: (subject: string) =>
      compiled({ publish: { allow: null, deny: ["admin.secret workers"] } })
        .canPublish(subject, 0),
  };
  assertEquals(canPublish("admin.secret"), false);
  assertEquals(canPublish("admin.open"), true);
});

Deno.test("TestClientPublicPermissionsPreservesQueueQualifier", () => {
  const { source } = compiled({
    subscribe: { allow: ["events.* readers"], deny: ["admin.secret workers"] },
  });
  assertEquals(source.subscribe!.allow![0], "events.* readers");
  assertEquals(source.subscribe!.deny![0], "admin.secret workers");
});

Deno.test("TestResponsePermissions", async (t) => {
  const hourMs = 3_600_000;
  const cases: [string, ResponsePermission][] = [
    ["max_msgs", { maxMsgs: 2, expiresMs: hourMs }],
    ["no_expire_limit", { maxMsgs: 3, expiresMs: -1 }],
    ["expire", { maxMsgs: 1000, expiresMs: 100 }],
    ["no_msgs_limit", { maxMsgs: -1, expiresMs: 100 }],
  ];
  for (const [name, response] of cases) {
    await t.step(name, async () => {
      await using server = await testServer({
        users: [user("service", "pwd", { response }), user("ivan", "pwd", null)],
      });
      const service = await server.connect({ user: "service", pass: "pwd" });
      const requests = new Inbox(service, "request");
      await service.flush();
      const client = await server.connect({ user: "ivan", pass: "pwd" });
      const replies = new Inbox(client, "reply");
      client.publish("request", "req1", { reply: "reply" });
      const request = await requests.next();
      const answer = (): void => service.publish(request!.reply!, "reply");
      const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
      switch (name) {
        case "max_msgs":
          for (let i = 0; i < 10; i++) answer();
          assert((await replies.next()) !== null);
          assert((await replies.next()) !== null);
          assertEquals(await replies.next(100), null);
          break;
        case "no_expire_limit":
          answer();
          await pause(50);
          answer();
          assert((await replies.next()) !== null);
          assert((await replies.next()) !== null);
          break;
        default:
          answer();
          await pause(200);
          answer();
          assert((await replies.next()) !== null);
          assertEquals(await replies.next(100), null);
      }
    });
  }
});

Deno.test("TestClientDenySysGroupSub", async () => {
  await using server = await testServer();
  const client = await server.rawLogin();
  await client.send("SUB foo _sys_ 1\r\n");
  await client.expect(PERMISSIONS_ERR);
});
