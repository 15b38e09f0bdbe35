/**
 * Publishes, deletes, purges, reads and changes limits at random on natsts and on the real server,
 * and compares every answer. Skipped where the real server is not on the path. `OPS_SEED` repeats
 * a run, `OPS_ROUNDS` makes it longer.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { NatsConnection } from "@nats-io/transport-node";
import { onBothServers, referenceProgram } from "../harness/reference_server.ts";
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
    const rounds = Number(Deno.env.get("OPS_ROUNDS") ?? 12);
    const seed = Number(Deno.env.get("OPS_SEED") ?? Math.floor(Math.random() * 1e6));
    console.log(`seed ${seed}`);
    await onBothServers(program!, async (theirs, ours) => {
      for (let round = 0; round < rounds; round++) await playRound(seed + round, theirs, ours);
    });
  },
});
