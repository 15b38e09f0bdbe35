/**
 * Other servers, played by a client of the system account.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import type { NatsConnection } from "@nats-io/transport-node";
import { CapturedLog } from "../../harness/captured_log.ts";
import { type TestServer, testServer, until } from "../../harness/server.ts";

const DEADLINE_MS = 10_000;
const eventually = (done: () => boolean): Promise<void> => until(done, undefined, DEADLINE_MS);

interface Played {
  server: TestServer;
  system: NatsConnection;
  logger: CapturedLog;
  /** Reports the connections that the server `id` has in the account A. */
  report(id: string, conns: number): void;
}

async function withSystem(use: (played: Played) => Promise<void>): Promise<void> {
  const logger = new CapturedLog({ debug: true });
  await using server = await testServer(
    { logger },
    `accounts {
       $SYS { users = [{user: sys, password: pwd}] }
       A { users = [{user: a, password: pwd}], limits { max_connections: 3 } }
     }`,
  );
  const system = await server.connect({ user: "sys", pass: "pwd" });
  let seq = 0;
  const report = (id: string, conns: number): void =>
    system.publish(
      "$SYS.SERVER.ACCOUNT.A.CONNS",
      JSON.stringify({ server: { id, seq: ++seq }, acc: "A", conns, leafnodes: 0 }),
    );
  await use({ server, system, logger, report });
}

const connect = (server: TestServer): Promise<NatsConnection> =>
  server.connect({ user: "a", pass: "pwd" });

Deno.test("connections on other servers count, until these go", async () => {
  await withSystem(async ({ server, system, report }) => {
    const { remoteServers } = server.server.events!;
    const [oldest] = [await connect(server), await connect(server), await connect(server)];
    const account = server.account("A");
    report("X", 1);
    report("Y", 1);
    await eventually(() => account.connections.size === 1);
    assertEquals([...account.connections][0]!.id, oldest.info!.client_id);
    assertEquals([account.remote!.clients, remoteServers.count], [2, 2]);
    await assertRejects(() => connect(server));

    // It has none any more, but is there.
    report("X", 0);
    await eventually(() => account.remote!.clients === 1);
    await (await connect(server)).close();

    system.publish("$SYS.SERVER.Y.SHUTDOWN", JSON.stringify({ id: "Y" }));
    await eventually(() => account.remote!.clients === 0);
    assertEquals(remoteServers.count, 1);
    await (await connect(server)).close();
  });
});

Deno.test("servers that are silent for too long are forgotten", async () => {
  await withSystem(async ({ server, system, logger, report }) => {
    const { remoteServers } = server.server.events!;
    remoteServers.checkMs = 10;
    remoteServers.silenceMs = 20;
    await connect(server);
    report("X", 2);
    const account = server.account("A");
    await eventually(() => account.remote !== null);
    await eventually(() => account.remote!.clients === 0);
    assertEquals(remoteServers.count, 0);
    assertEquals(logger.texts("debug", "orphan"), ['Detected orphan remote server: "X"']);
    // Statistics are a sign of life as well.
    system.publish("$SYS.SERVER.Z.STATSZ", JSON.stringify({ server: { id: "Z", seq: 7 } }));
    await eventually(() => logger.texts("debug", 'orphan remote server: "Z"').length === 1);
  });
});

Deno.test("what is wrong with reports is logged", async () => {
  await withSystem(async ({ server, system, logger }) => {
    const { id } = server.server;
    const conns = "$SYS.SERVER.ACCOUNT.A.CONNS";
    const say = (subject: string, body: unknown): void =>
      system.publish(subject, typeof body === "string" ? body : JSON.stringify(body));
    say(conns, "");
    say(conns, "{");
    say(conns, { server: { id }, acc: "A", conns: 1 });
    say(conns, { server: { id: "X", seq: 2 }, acc: "unknown", conns: 1 });
    say("$SYS.SERVER.X.STATSZ", { server: { id: "X", seq: 2 } });
    say("$SYS.SERVER.X.STATSZ", { server: { id: "X", seq: 2 } });
    say("$SYS.SERVER.X.STATSZ", "");
    say("$SYS.SERVER.X.STATSZ", "[]");
    say("$SYS.SERVER.X.SHUTDOWN", "");
    say("$SYS.SERVER.X.SHUTDOWN", "[]");
    say("$SYS.SERVER.X.SHUTDOWN", {});
    await system.flush();
    const { remoteServers } = server.server.events!;
    await eventually(() => remoteServers.count === 0 && logger.texts("error").length === 5);
    assertEquals(logger.texts("error"), [
      "SYSTEM - No message body provided",
      "SYSTEM - Error unmarshalling account connection event message: " +
      "unexpected end of JSON input",
      "SYSTEM - Processing our own account connection event message: ignored",
      'Received out of order remote server update from: "X"',
      'Remote server sent invalid (empty) shutdown message to "$SYS.SERVER.X.SHUTDOWN"',
    ]);
    assertEquals(logger.texts("debug", "remote server"), [
      "Received empty server info for remote server update",
      "Received bad server info for remote server update",
      "Received bad server info for remote server shutdown",
    ]);
    assertEquals(server.account("A").remote, null);
  });
});
