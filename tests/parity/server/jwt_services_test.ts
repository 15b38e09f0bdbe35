/**
 * Ports: server/jwt_test.go, the tests of messages between accounts of JWTs.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { errors, jwtAuthenticator, type NatsConnection } from "@nats-io/transport-node";
import {
  createAccount,
  createUser,
  encodeAccount,
  encodeUser,
  type KeyPair,
} from "../../harness/jwt.ts";
import { until } from "../../harness/server.ts";
import { temporaryDirectory } from "../../sim/environment.ts";
import { type JwtServer, jwtServer, oKp } from "./_jwt.ts";
import { OperatorWorld } from "./_jwt_jetstream.ts";

// deno-lint-ignore no-explicit-any -- whatever a test wants to state
type Body = Record<string, any>;

const MIB = 1024 * 1024;

function connect(server: JwtServer, account: KeyPair): Promise<NatsConnection> {
  const user = createUser();
  return server.test.connect({
    authenticator: jwtAuthenticator(encodeUser(user, account), user.getSeed()),
  });
}

async function answer(client: NatsConnection, subject: string, timeout = 10_000): Promise<string> {
  return (await client.request(subject, "yes?", { timeout })).string();
}

/** Serves requests after `delayMs`. */
async function serve(
  client: NatsConnection,
  subject: string,
  delayMs: () => number = () => 0,
): Promise<void> {
  client.subscribe(subject, {
    callback: (_error, message) => void setTimeout(() => void message.respond("yes!"), delayMs()),
  });
  await client.flush();
}

Deno.test("TestJWTResponseThreshold", async (t) => {
  // The reference has 20 ms, within which a busy machine answers nobody.
  const thresholdMs = 500;
  await using server = await jwtServer();
  const [exporter, importer] = [createAccount(), createAccount()];
  const type = "service";
  const subject = "srvc";
  server.addAccount(exporter, {
    exports: [{ subject, type, response_threshold: thresholdMs * 1e6 }],
  }, { name: "Export" });
  server.addAccount(importer, {
    imports: [{ subject, type, account: exporter.getPublicKey() }],
  }, { name: "Import" });
  let delayMs = 0;
  await serve(await connect(server, exporter), subject, () => delayMs);
  const client = await connect(server, importer);
  await t.step("No-Timeout", async () => {
    delayMs = thresholdMs / 10;
    const once = () => answer(client, subject, 2 * thresholdMs).catch(() => "");
    await until(async () => await once() === "yes!");
  });
  await t.step("Timeout", async () => {
    delayMs = 2 * thresholdMs;
    await assertRejects(() => answer(client, subject, 3 * thresholdMs), errors.TimeoutError);
  });
});

/** What one account gets of the other's subjects. */
interface Wildcards {
  readonly imports: Body[];
  readonly served: string;
  readonly published: string;
  readonly asked: string;
  readonly received: string;
  readonly jetStream?: boolean;
}

async function checkWildcards(
  { imports, served, published, asked, received, jetStream = false }: Wildcards,
): Promise<void> {
  using directory = temporaryDirectory();
  const [system, exporter, importer] = [createAccount(), createAccount(), createAccount()];
  await using server = await jwtServer({
    systemAccount: system.getPublicKey(),
    resolverPreloads: new Map([[system.getPublicKey(), encodeAccount(system, {}, {}, oKp)]]),
    jetStream,
    storeDir: directory.path,
    jetStreamMaxMemory: 10 * MIB,
    jetStreamMaxStore: 10 * MIB,
  });
  server.addAccount(exporter, {
    exports: [
      { subject: "$request.*.$in.*.>", type: "service" },
      { subject: "$events.*.$in.*.>", type: "stream" },
    ],
  }, { name: "Export" });
  server.addAccount(importer, {
    imports: imports.map((one) => ({ account: exporter.getPublicKey(), ...one })),
  }, { name: "Import" });
  const exporting = await connect(server, exporter);
  const importing = await connect(server, importer);
  await serve(exporting, served);
  assertEquals(await answer(importing, asked), "yes!");
  const events = importing.subscribe(received, { max: 1, timeout: 10_000 });
  await importing.flush();
  exporting.publish(published, "event!");
  for await (const event of events) {
    assertEquals([event.subject, event.string()], [received, "event!"]);
  }
}

Deno.test("TestJWTAccountImportsWithWildcardSupport", async (t) => {
  await t.step("To", () =>
    checkWildcards({
      imports: [
        { subject: "my.request.*.*.>", type: "service", to: "$request.*.$in.*.>" },
        { subject: "$events.*.$in.*.>", type: "stream", to: "prefix" },
      ],
      served: "$request.1.$in.2.bar",
      published: "$events.1.$in.2.bar",
      asked: "my.request.1.2.bar",
      received: "prefix.$events.1.$in.2.bar",
    }));
  await t.step("LocalSubject-No-Reorder", () =>
    checkWildcards({
      imports: [
        { subject: "$request.*.$in.*.>", type: "service", local_subject: "my.request.*.*.>" },
        { subject: "$events.*.$in.*.>", type: "stream", local_subject: "my.events.*.*.>" },
      ],
      served: "$request.1.$in.2.bar",
      published: "$events.1.$in.2.bar",
      asked: "my.request.1.2.bar",
      received: "my.events.1.2.bar",
    }));
  for (const jetStream of [false, true]) {
    await t.step(`LocalSubject-Reorder ${jetStream}`, () =>
      checkWildcards({
        imports: [
          { subject: "$request.*.$in.*.>", type: "service", local_subject: "my.request.$2.$1.>" },
          { subject: "$events.*.$in.*.>", type: "stream", local_subject: "my.events.$2.$1.>" },
        ],
        served: "$request.2.$in.1.bar",
        published: "$events.1.$in.2.bar",
        asked: "my.request.1.2.bar",
        received: "my.events.2.1.bar",
        jetStream,
      }));
  }
});

/** An exporter with and without positions of the importer's key, and what the importer imports. */
function protectedImport(pass: boolean) {
  const [exporter, importer] = [createAccount(), createAccount()];
  const last = pass ? importer.getPublicKey() : "foo";
  const exporting = (more: Body): Body => ({
    exports: [
      { subject: "service.*", type: "service", ...more },
      { subject: "stream.*", type: "stream", ...more },
    ],
  });
  const account = exporter.getPublicKey();
  const imports = [
    { account, subject: `service.${last}`, type: "service" },
    { account, subject: `stream.${last}`, type: "stream" },
  ];
  return {
    exporter,
    importer,
    on: exporting({ account_token_position: 2 }),
    off: exporting({}),
    importing: { imports },
    service: `service.${last}`,
    stream: `stream.${last}`,
  };
}

async function noResponders(client: NatsConnection, subject: string): Promise<void> {
  const error = await assertRejects(() => answer(client, subject), errors.RequestError);
  assert(error.isNoResponders());
}

/** Collects what comes on a subject. */
async function collect(client: NatsConnection, subject: string): Promise<string[]> {
  const got: string[] = [];
  client.subscribe(subject, { callback: (_error, message) => void got.push(message.string()) });
  await client.flush();
  return got;
}

async function publishAll(
  from: NatsConnection,
  to: NatsConnection,
  ...subjects: string[]
): Promise<void> {
  for (const subject of subjects) from.publish(subject, "hello");
  // The server has delivered what `from` published before it answers the PING of `to`.
  await from.flush();
  await to.flush();
}

Deno.test("TestJWTAccountProtectedImport", async (t) => {
  for (const pass of [true, false]) {
    const { exporter, importer, on, importing, service, stream } = protectedImport(pass);
    await t.step(pass ? "pass" : "fail", async (t) => {
      await using server = await jwtServer();
      server.addAccount(exporter, on);
      server.addAccount(importer, importing);
      const [from, to] = [await connect(server, exporter), await connect(server, importer)];
      await t.step("service", async () => {
        await serve(from, "service.*");
        if (pass) assertEquals(await answer(to, service), "yes!");
        else await noResponders(to, service);
      });
      await t.step("stream", async () => {
        const got = await collect(to, stream);
        await publishAll(from, to, "stream.foo", stream);
        assertEquals(got, pass ? ["hello"] : []);
      });
    });
  }
  await t.step("reload-off-2-on", async () => {
    const { exporter, importer, on, off, importing, service, stream } = protectedImport(false);
    using world = new OperatorWorld();
    await using server = await world.start({ jetStream: false });
    await world.push(server, importer, importing);
    await world.push(server, exporter, off);
    const from = await world.connect(server, exporter);
    const to = await world.connect(server, importer);
    await serve(from, "service.*");
    assertEquals(await answer(to, service), "yes!");
    const got = await collect(to, stream);
    await publishAll(from, to, stream);
    assertEquals(got, ["hello"]);
    await world.push(server, exporter, on);
    await noResponders(to, service);
    await publishAll(from, to, stream);
    assertEquals(got, ["hello"]);
  });
});
