// Ports: server/jetstream_test.go
/**
 * JetStream across accounts: imports of its API, of deliveries and of advisories.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { jetStreamServer, textOf } from "../../harness/jetstream.ts";
import type { Inbox } from "../../harness/server.ts";
import { next, nextText, pendingCount } from "./_jetstream_consumer.ts";
import { accountStream, ask, clientOf } from "./_jetstream_a.ts";

Deno.test("TestJetStreamAccountImportAll", async () => {
  await using server = await jetStreamServer(
    {},
    `no_auth_user: rip
    jetstream: {max_mem_store: 64GB, max_file_store: 10TB}
    accounts: {
      JS: {
        jetstream: enabled
        users: [ {user: dlc, password: foo} ]
        exports [ { service: "$JS.API.>" } ]
      },
      IU: {
        users: [ {user: rip, password: bar} ]
        imports [ { service: { subject: "$JS.API.>", account: JS }, to: "jsapi.>"} ]
      },
    }`,
  );
  const owner = await clientOf(server, "dlc", "foo");
  await owner.addStream({ name: "ORDERS", subjects: ["ORDERS.*"] });
  const js = await server.jetStream();
  const info = await js.request("jsapi.INFO");
  assertEquals(info.error, undefined);
  assertEquals(info.streams, 1);
  const names = await js.request("jsapi.STREAM.NAMES");
  assertEquals(names.error, undefined);
  assertEquals(names.streams, ["ORDERS"]);
});

Deno.test("TestJetStreamAccountImportBasics", async () => {
  await using server = await jetStreamServer(
    {},
    `no_auth_user: rip
    jetstream: {max_mem_store: 64GB, max_file_store: 10TB}
    accounts: {
      JS: {
        jetstream: enabled
        users: [ {user: dlc, password: foo} ]
        exports [
          { service: "ORDERS.*" }
          { service: "$JS.API.CONSUMER.MSG.NEXT.*.*" }
          { stream: "deliver.ORDERS" }
          { service: "$JS.ACK.ORDERS.*.>" }
          { service: "$JS.ACK.*.*.ORDERS.*.>" }
        ]
      },
      IU: {
        users: [ {user: rip, password: bar} ]
        imports [
          { service: { subject: "ORDERS.*", account: JS }, to: "my.orders.$1" }
          { service: { subject: "$JS.API.CONSUMER.MSG.NEXT.ORDERS.d", account: JS }, to: "nxt.msg" }
          { stream:  { subject: "deliver.ORDERS", account: JS }, to: "d" }
          { service: { subject: "$JS.ACK.ORDERS.*.>", account: JS } }
          { service: { subject: "$JS.ACK.*.*.ORDERS.*.>", account: JS } }
        ]
      },
    }`,
  );
  const owner = await clientOf(server, "dlc", "foo");
  await owner.addStream({ name: "ORDERS", subjects: ["ORDERS.*"] });
  const stream = accountStream(server, "JS", "ORDERS");
  const js = await server.jetStream();
  const ack = await js.publish("my.orders.foo", "ORDERS-1");
  assertEquals([ack.stream, ack.seq], ["ORDERS", 1]);
  assertEquals(stream.fastState().msgs, 1);
  await js.publish("my.orders.bar", "ORDERS-2");
  assertEquals(stream.fastState().msgs, 2);
  await owner.addConsumer("ORDERS", { durable_name: "d", ack_policy: "explicit" });
  await nextText(ask(js, "nxt.msg"), "ORDERS-1");
  await owner.addConsumer("ORDERS", {
    durable_name: "p",
    deliver_subject: "deliver.ORDERS",
    ack_policy: "explicit",
  });
  const inbox = js.subscribe("d");
  await pendingCount(inbox, 2);
  const first = await next(inbox);
  assertEquals(first.subject, "ORDERS.foo");
  first.respond("+ACK");
  await js.nc.flush();
  assertEquals((await owner.consumerInfo("ORDERS", "p")).ack_floor.consumer_seq, 1);
  const second = await next(inbox);
  assertEquals(second.subject, "ORDERS.bar");
  await js.ackSync(second, "");
  assertEquals((await owner.consumerInfo("ORDERS", "p")).ack_floor.consumer_seq, 2);
});

/** The subjects of the next `count` messages. */
async function subjectsOf(inbox: Inbox, count: number): Promise<string[]> {
  const subjects: string[] = [];
  for (let i = 0; i < count; i++) subjects.push((await next(inbox)).subject);
  return subjects.sort();
}

Deno.test("TestJetStreamAccountImportJSAdvisoriesAsService", async () => {
  await using server = await jetStreamServer(
    {},
    `no_auth_user: pp
    jetstream: {max_mem_store: 64GB, max_file_store: 10TB}
    accounts {
      JS {
        jetstream: enabled
        users: [ {user: pp, password: foo} ]
        imports [
          { service: { account: AGG, subject: '$JS.EVENT.ADVISORY.ACC.JS.>' }, to: '$JS.EVENT.ADVISORY.>' }
        ]
      }
      AGG {
        users: [ {user: agg, password: foo} ]
        exports: [
          { service: '$JS.EVENT.ADVISORY.ACC.*.>', response: Singleton, account_token_position: 5 }
        ]
      }
    }`,
  );
  const js = await server.jetStream();
  const aggregator = await clientOf(server, "agg", "foo");
  const own = js.subscribe("$JS.EVENT.ADVISORY.>");
  await js.nc.flush();
  const all = aggregator.subscribe("$JS.EVENT.ADVISORY.ACC.JS.>");
  await aggregator.nc.flush();
  await js.addStream({ name: "ORDERS", subjects: ["ORDERS.*"] });
  assertEquals(await subjectsOf(own, 2), [
    "$JS.EVENT.ADVISORY.API",
    "$JS.EVENT.ADVISORY.STREAM.CREATED.ORDERS",
  ]);
  const subjects: string[] = [];
  for (let i = 0; i < 2; i++) {
    const msg = await next(all);
    const { client } = JSON.parse(textOf(msg));
    if (client !== undefined) {
      assert(client.host !== undefined && client.user !== undefined && client.lang !== undefined);
    }
    subjects.push(msg.subject);
  }
  assertEquals(subjects.sort(), [
    "$JS.EVENT.ADVISORY.ACC.JS.API",
    "$JS.EVENT.ADVISORY.ACC.JS.STREAM.CREATED.ORDERS",
  ]);
});

Deno.test("TestJetStreamAccountImportJSAdvisoriesAsStream", async () => {
  await using server = await jetStreamServer(
    {},
    `no_auth_user: pp
    jetstream: {max_mem_store: 64GB, max_file_store: 10TB}
    accounts {
      JS {
        jetstream: enabled
        users: [ {user: pp, password: foo} ]
        exports [ { stream: '$JS.EVENT.ADVISORY.>' } ]
      }
      AGG {
        users: [ {user: agg, password: foo} ]
        imports: [
          { stream: { account: JS, subject: '$JS.EVENT.ADVISORY.>' }, to: '$JS.EVENT.ADVISORY.ACC.JS.>' }
        ]
      }
    }`,
  );
  const js = await server.jetStream();
  const aggregator = await clientOf(server, "agg", "foo");
  const own = js.subscribe("$JS.EVENT.ADVISORY.>");
  await js.nc.flush();
  const all = aggregator.subscribe("$JS.EVENT.ADVISORY.ACC.JS.>");
  await aggregator.nc.flush();
  await js.addStream({ name: "ORDERS", subjects: ["ORDERS.*"] });
  assertEquals(await subjectsOf(own, 2), [
    "$JS.EVENT.ADVISORY.API",
    "$JS.EVENT.ADVISORY.STREAM.CREATED.ORDERS",
  ]);
  assertEquals(await subjectsOf(all, 2), [
    "$JS.EVENT.ADVISORY.ACC.JS.API",
    "$JS.EVENT.ADVISORY.ACC.JS.STREAM.CREATED.ORDERS",
  ]);
});

Deno.test("TestJetStreamCrossAccountsDeliverSubjectInterest", async () => {
  await using server = await jetStreamServer(
    {},
    `jetstream: {max_mem_store: 4GB, max_file_store: 1TB}
    accounts: {
      A: {
        jetstream: enabled
        users: [ {user: a, password: pwd} ]
        exports [ { stream: "_d_" } ]
      },
      B: {
        users: [ {user: b, password: pwd} ]
        imports [ { stream: { account: A, subject: "_d_"}, to: "foo" } ]
      },
    }`,
  );
  const js = await clientOf(server, "a", "pwd");
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.publishMany(100, "foo", "OK");
  await js.addConsumer("TEST", { durable_name: "dlc", deliver_subject: "_d_" });
  // The import alone is no interest.
  await new Promise((resolve) => setTimeout(resolve, 100));
  let info = await js.consumerInfo("TEST", "dlc");
  assertEquals([info.num_pending, info.delivered.consumer_seq], [100, 0]);
  const other = await clientOf(server, "b", "pwd");
  const inbox = other.subscribe("foo");
  await pendingCount(inbox, 100);
  info = await js.consumerInfo("TEST", "dlc");
  assertEquals([info.num_pending, info.delivered.consumer_seq], [0, 100]);
});
