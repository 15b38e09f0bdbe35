/**
 * Publishes, deletes, purges, reads and changes limits at random on natsts and on the real server,
 * and compares every answer. Skipped where the real server is not on the path. `OPS_SEED` repeats
 * a run, `OPS_ROUNDS` makes it longer.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { startServer } from "../../src/mod.ts";
import { referenceProgram, ReferenceServer } from "../harness/reference_server.ts";
import { answers, Generator, type Operation } from "./_stream_operations.ts";

const program = referenceProgram("nats-server");
if (program === null) console.log("nats-server is not on the path: comparison skipped");

const OPERATIONS = 100;
async function playRound(seed: number, theirs: NatsConnection, ours: NatsConnection) {
  const name = `S${seed}`;
  const generator = new Generator(seed, name);
  const log: string[] = [];
  const compare = async (operation: Operation) => {
    log.push(JSON.stringify(operation));
    const [expected, actual] = await Promise.all(
      [theirs, ours].map((connection) => answers(connection, operation)),
    );
    assertEquals(actual, expected, `seed ${seed}\n${log.join("\n")}`);
    return actual!;
  };
  const { config } = generator;
  const created = await compare({ subject: `$JS.API.STREAM.CREATE.${name}`, body: config });
  if (created.includes('"error":')) return;
  // The reference takes sequence 0 of a stream without any for a deleted one.
  await compare({ subject: "s.1" });
  for (let i = 0; i < OPERATIONS; i++) await compare(generator.next());
  const all = { subject: `$JS.API.STREAM.INFO.${name}`, body: { deleted_details: true } };
  await compare(all);
  await compare({ subject: `$JS.API.STREAM.DELETE.${name}` });
}

Deno.test({
  name: "streams change and are read as the reference does",
  ignore: program === null,
  async fn() {
    const store = Deno.makeTempDirSync({ prefix: "natsts-ops-" });
    const rounds = Number(Deno.env.get("OPS_ROUNDS") ?? 12);
    const seed = Number(Deno.env.get("OPS_SEED") ?? Math.floor(Math.random() * 1e6));
    console.log(`seed ${seed}`);
    try {
      await using reference = await ReferenceServer.start(program!, ["-js", "-sd", `${store}/go`]);
      await using natsts = await startServer({
        host: "127.0.0.1",
        port: -1,
        jetStream: true,
        storeDir: `${store}/ts`,
      });
      const [theirs, ours] = await Promise.all(
        [reference.port, natsts.port].map((port) => connect({ servers: `127.0.0.1:${port}` })),
      );
      try {
        // The reference removes the directory of an account without streams, in the background.
        await theirs!.request("$JS.API.STREAM.CREATE.KEEP", JSON.stringify({ name: "KEEP" }));
        for (let round = 0; round < rounds; round++) {
          await playRound(seed + round, theirs!, ours!);
        }
      } finally {
        await Promise.all([theirs!.close(), ours!.close()]);
      }
    } finally {
      await Deno.remove(store, { recursive: true });
    }
  },
});
