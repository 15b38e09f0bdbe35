/**
 * Ports: server/jetstream_consumer_test.go and server/jetstream_test.go, tests of pull consumers,
 * of mirrors and sources of other accounts, and of deliveries to them.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { jetStreamServer, type JsClient } from "../../harness/jetstream.ts";
import { until } from "../../harness/server.ts";
import { accountStream, clientOf, messagesOf, storedMsg } from "./_jetstream_a.ts";
import { next, pendingCount } from "./_jetstream_consumer.ts";

Deno.test("TestJetStreamConsumerPullCrossAccountExpires", async () => {
  const next = "$JS.API.CONSUMER.MSG.NEXT";
  await using server = await jetStreamServer(
    {},
    `jetstream: {max_mem_store: 4GB, max_file_store: 1TB}
    accounts: {
      JS: {
        jetstream: enabled
        users: [ {user: dlc, password: foo} ]
        exports [ { service: "${next}.>", response: stream } ]
      },
      IU: {
        users: [ {user: mh, password: bar} ]
        imports [ { service: { subject: "${next}.*.*", account: JS } } ]
        exports [ { service: "${next}.>", response: stream } ]
      },
      IU2: {
        users: [ {user: ik, password: bar} ]
        imports [ { service: { subject: "${next}.*.*", account: IU } } ]
      },
    }`,
  );
  const js = await clientOf(server, "dlc", "foo");
  await js.addStream({ name: "PC", subjects: ["foo"] });
  await js.publishMany(50, "foo", "OK");
  await js.addConsumer("PC", { durable_name: "PC", ack_policy: "explicit" });
  const pull = (client: JsClient, consumer: string, reply: string): void =>
    client.nc.publish(`${next}.PC.${consumer}`, `{"batch":10}`, { reply });
  const waiting = async (consumer: string): Promise<number> =>
    (await js.consumerInfo("PC", consumer)).num_waiting;
  const gone = (consumer: string): Promise<void> =>
    until(() => js.consumerInfo("PC", consumer).then(() => false, () => true));
  /** A batch that is served, then requests that wait, whose requester leaves. */
  const expectRemoved = async (client: JsClient, consumer: string, reply: string) => {
    const inbox = client.subscribe(reply);
    pull(client, consumer, reply);
    await pendingCount(inbox, 10);
    await js.purge("PC");
    for (let i = 0; i < 10; i++) pull(client, consumer, reply);
    await client.nc.flush();
    assertEquals(await waiting(consumer), 10);
    inbox.subscription.unsubscribe();
    await until(async () => await waiting(consumer) === 0);
  };
  const ephemeral = async (inactiveMs: number): Promise<string> => {
    const { name } = await js.addConsumer("PC", { ack_policy: "explicit" });
    const consumer = accountStream(server, "JS", "PC").consumers.get(name)!;
    consumer.inactiveMs = inactiveMs;
    consumer.timers.inactive!.setDelay(inactiveMs);
    return name;
  };

  const importer = await clientOf(server, "mh", "bar");
  await expectRemoved(importer, "PC", "xx");

  const first = await ephemeral(50);
  const inbox = importer.subscribe("zz");
  pull(importer, first, "zz");
  await importer.nc.flush();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assertEquals(await waiting(first), 1);
  inbox.subscription.unsubscribe();
  await gone(first);

  await js.publishMany(10, "foo", "OK");
  const second = await ephemeral(500);
  await expectRemoved(await clientOf(server, "ik", "bar"), second, "yy");
  await gone(second);
});

Deno.test("TestJetStreamMirrorCrossAccountWithFilteredSubjectAndSubjectTransform", async () => {
  const subjects = ["a", "b", "c"].map((end) => `CONSUMER.CREATE.S.*.public.${end}`);
  const exports = subjects.map((subject) =>
    `{ service: "$JS.API.${subject}", response_type: stream, accounts: ["INTERNAL"] }`
  );
  const imports = subjects.map((subject) =>
    `{ service: { account: "PUBLIC", subject: "$JS.API.${subject}" }, to: "JS.PUBLIC.${subject}" }`
  );
  await using server = await jetStreamServer(
    {},
    `accounts: {
      PUBLIC: {
        jetstream: enabled
        exports: [
          ${exports.join("\n")}
          { service: "$JS.FC.>" }
          { stream: "shared.public.>", accounts: ["INTERNAL"] }
        ]
        users: [ {user: "public", password: "pwd"} ]
      },
      INTERNAL: {
        jetstream: enabled
        imports: [
          ${imports.join("\n")}
          { service: { account: "PUBLIC", subject: "$JS.FC.>" }, to: "$JS.FC.>" }
          { stream: { account: "PUBLIC", subject: "shared.public.>" }, to: "shared.public.>" }
        ]
        users: [ {user: "internal", password: "pwd"} ]
      }
    }`,
  );
  let owner = await clientOf(server, "public", "pwd");
  await owner.addStream({ name: "S", subjects: ["public.>"] });
  let js = await clientOf(server, "internal", "pwd");
  const external = { api: "JS.PUBLIC", deliver: "shared.public" };
  const mirror = (name: string, more: Record<string, unknown>) =>
    js.addStream({ name, mirror: { name: "S", external, ...more } });
  const hold = async (count: number, messages: [string, string, number][]): Promise<void> => {
    for (const name of ["M1", "M2", "M3"]) {
      await until(
        async () => (await js.streamInfo(name)).state.messages === count,
        () => `${name} does not hold ${count} messages`,
      );
    }
    for (const [stream, subject, seq] of messages) {
      assertEquals((await storedMsg(js, stream, { seq })).subject, subject);
    }
  };
  await mirror("M1", { filter_subject: "public.a" });
  await owner.publish("public.a", "hello");
  await mirror("M2", { subject_transforms: [{ src: "public.b", dest: "" }] });
  await owner.publish("public.b", "hello");
  await mirror("M3", { subject_transforms: [{ src: "public.c", dest: "public.d" }] });
  await owner.publish("public.c", "hello");
  const stored: [string, string, number][] = [
    ["M1", "public.a", 1],
    ["M2", "public.b", 2],
    ["M3", "public.d", 3],
  ];
  await hold(1, stored);
  await server.restart();
  js = await clientOf(server, "internal", "pwd");
  await hold(1, stored);
  owner = await clientOf(server, "public", "pwd");
  for (const subject of ["public.a", "public.b", "public.c"]) await owner.publish(subject, "hello");
  await hold(2, [...stored, ["M1", "public.a", 4], ["M2", "public.b", 5], ["M3", "public.d", 6]]);
});

Deno.test("TestJetStreamConsumerPullCrossAccountExpiresNoDataRace", async () => {
  const next = "$JS.API.CONSUMER.MSG.NEXT";
  const config = `accounts: {
    JS: {
      jetstream: enabled
      users: [ {user: dlc, password: foo} ]
      exports [ { service: "${next}.>", response: stream } ]
    },
    IU: {
      jetstream: enabled
      users: [ {user: ik, password: bar} ]
      imports [ { service: { subject: "${next}.*.*", account: JS } }]
    },
  }`;
  // The requester leaves at different moments while its requests are served.
  for (let round = 0; round < 10; round++) {
    await using server = await jetStreamServer({}, config);
    const js = await clientOf(server, "dlc", "foo");
    await js.addStream({ name: "PC", subjects: ["foo"] });
    const count = 100;
    await js.publishMany(count, "foo", "OK");
    await js.addConsumer("PC", { durable_name: "PC", ack_policy: "explicit" });
    const requester = await clientOf(server, "ik", "bar");
    const inbox = requester.subscribe("xx");
    for (let i = 0; i < count; i++) {
      requester.nc.publish(`${next}.PC.PC`, `{"batch":1}`, { reply: "xx" });
    }
    await until(() => inbox.count > round);
    inbox.subscription.unsubscribe();
    await requester.nc.flush();
    // Requests that nobody waits for any more are forgotten, and the server goes on.
    await until(async () => (await js.consumerInfo("PC", "PC")).num_waiting === 0);
  }
});

Deno.test("TestJetStreamFlowControlCrossAccountFanOut", async () => {
  const source = (name: string) =>
    `ACCT_${name}: {
      jetstream: enabled
      users: [{user: usr${name}, password: pwd}]
      exports: [
        {service: "$JS.API.CONSUMER.>"}
        {stream: "RI.DELIVER.${name}.>"}
        {service: "$JS.FC.>"}
      ]
    }`;
  const imports = (name: string) =>
    `{service: {account: ACCT_${name}, subject: "$JS.API.CONSUMER.>"}, to: "RI.JS.${name}.API.CONSUMER.>"}
    {stream: {account: ACCT_${name}, subject: "RI.DELIVER.${name}.>"}}
    {service: {account: ACCT_${name}, subject: "$JS.FC.>"}}`;
  await using server = await jetStreamServer(
    {},
    `accounts: {
      ${source("A")}
      ${source("B")}
      SOURCER: {
        jetstream: enabled
        users: [{user: src, password: pwd}]
        imports: [
          ${imports("A")}
          ${imports("B")}
        ]
      }
      $SYS {users: [{user: admin, password: pwd}]}
    }`,
  );
  // 2.5 MiB from each: more than the first window, so that each has to ask for flow control.
  const payload = new Uint8Array(256 * 1024).fill(88);
  for (const name of ["A", "B"]) {
    const js = await clientOf(server, `usr${name}`, "pwd");
    await js.addStream({ name: "TEST", subjects: [name] });
    for (let i = 0; i < 10; i++) await js.publish(name, payload);
  }
  const js = await clientOf(server, "src", "pwd");
  await js.addStream({
    name: "DEST",
    sources: ["A", "B"].map((name) => ({
      name: "TEST",
      external: { api: `RI.JS.${name}.API`, deliver: `RI.DELIVER.${name}` },
    })),
  });
  await messagesOf(js, "DEST", 20);
  const { sources } = await js.streamInfo("DEST");
  assertEquals(sources.map(({ lag }: { lag: number }) => lag), [0, 0]);
  for (const name of ["ACCT_A", "ACCT_B"]) {
    const [consumer, ...others] = accountStream(server, name, "TEST").consumers.values();
    assertEquals(others, []);
    const { windowBytes, windowBytesMax } = consumer!;
    await until(
      () => consumer!.windowBytes > windowBytesMax / 16,
      () => `account ${name}: the window of ${windowBytes} bytes has not grown`,
    );
  }
});

Deno.test("TestJetStreamImportConsumerStreamSubjectRemapSingle", async (t) => {
  const config = `jetstream: {max_mem_store: 4GB, max_file_store: 1TB}
    accounts: {
      JS: {
        jetstream: enabled
        users: [ {user: js, password: pwd} ]
        exports [
          { stream: "deliver.*" }
          { stream: "foo.*" }
        ]
      },
      IM: {
        users: [ {user: im, password: pwd} ]
        imports [
          { stream:  { account: JS, subject: "deliver.ORDERS" }, to: "d.*" }
          { stream:  { account: JS, subject: "foo.*" }, to: "bar.*" }
        ]
      },
    }`;
  for (const [name, queue] of [["noqueue", undefined], ["queue", "queue"]] as const) {
    await t.step(name, async () => {
      await using server = await jetStreamServer({}, config);
      const js = await clientOf(server, "js", "pwd");
      await js.addStream({ name: "ORDERS", subjects: ["foo"], storage: "memory" });
      await js.publish("foo", "OK");
      const receiver = await clientOf(server, "im", "pwd");
      // The second goes through a transform.
      for (const [from, to] of [["deliver.ORDERS", "d.ORDERS"], ["foo.ORDERS", "bar.ORDERS"]]) {
        await js.addConsumer("ORDERS", {
          deliver_subject: from,
          ack_policy: "explicit",
          deliver_group: queue,
        });
        const msg = await next(receiver.subscribe(to!, queue), 10_000);
        assertEquals(msg.subject, "foo");
        assert(msg.reply !== undefined && msg.reply !== "");
      }
    });
  }
});
