/**
 * natsts and the real server take turns on one data directory: random histories of streams and
 * consumers on natsts, then on the real server, then on natsts again, and each finds exactly what
 * the other has left. Skipped where the real server is not on the path. `DIRECTORY_SEED` repeats
 * a run, `DIRECTORY_ROUNDS` makes it longer.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { startServer } from "../../src/mod.ts";
import { JsClient, type Json } from "../harness/jetstream.ts";
import { referenceProgram, ReferenceServer } from "../harness/reference_server.ts";
import { answers, Generator } from "./_stream_operations.ts";

const program = referenceProgram("nats-server");
if (program === null) console.log("nats-server is not on the path: comparison skipped");

const STREAMS = 4;
const OPERATIONS = 60;
/** How long acknowledgements may take. */
const SETTLE_MS = 100;
/**
 * What changes with the server and with the moment. The reference forgets when a consumer that it
 * recovered was created, and estimates what is pending.
 */
const VOLATILE = new Set([
  "created",
  "num_pending",
  "ts",
  "cluster",
  "last_active",
  "push_bound",
  "num_waiting",
]);

const CREATED = "stream created";

function stable(_key: string, value: Json): Json {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !VOLATILE.has(key)));
}

/** All that a server knows of its streams, a line each. */
async function content(connection: NatsConnection): Promise<string[]> {
  const js = new JsClient(connection);
  const lines: string[] = [];
  for (const { config: { name } } of (await js.api("STREAM.LIST")).streams ?? []) {
    const { config, created, state } = await js.streamInfo(name, { deleted_details: true });
    for (const part of [config, state]) lines.push(`${name} ${JSON.stringify(part)}`);
    lines.push(`${name} ${CREATED} ${created}`);
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
      const msg = await connection.request(`$JS.API.STREAM.MSG.GET.${name}`, `{"seq":${seq}}`);
      lines.push(`${name} ${seq} ${msg.string()}`);
    }
    const { consumers } = await js.api(`CONSUMER.LIST.${name}`);
    for (const consumer of consumers ?? []) {
      // The reference may count messages as pending that the stream does not have any more.
      const { ack_floor, num_ack_pending, ...rest } = consumer;
      const isWhole = state.first_seq <= ack_floor.stream_seq + 1 && !(state.num_deleted > 0);
      const acks = isWhole ? { ack_floor, num_ack_pending } : {};
      lines.push(JSON.stringify({ ...rest, ...acks }, stable));
    }
  }
  return lines;
}

/** Both must have the same; shows what only one of them has. */
function assertSame(after: readonly string[], before: readonly string[], what: string): void {
  const only = (some: readonly string[], others: readonly string[]) =>
    some.filter((line) => !others.includes(line));
  assertEquals({ after: only(after, before), before: only(before, after) }, {
    after: [],
    before: [],
  }, what);
}

async function play(connection: NatsConnection, generators: readonly Generator[]): Promise<void> {
  const js = new JsClient(connection);
  for (const generator of generators) {
    for (let i = 0; i < OPERATIONS; i++) {
      const operation = generator.next();
      // The reference's consumers lose what they have pending of other subjects then.
      const isPartialPurge = operation.subject.includes("PURGE") &&
        JSON.stringify(operation.body).includes("filter");
      if (!isPartialPurge) await answers(connection, operation);
    }
    const { consumers } = await js.api(`CONSUMER.NAMES.${generator.name}`);
    for (const consumer of consumers ?? []) {
      const msgs = await js.fetch(generator.name, consumer, 6, { expiresMs: 0, no_wait: true });
      for (const [index, msg] of msgs.entries()) if (index % 3 !== 1) msg.respond();
    }
  }
  await connection.flush();
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
}

Deno.test({
  name: "natsts and nats-server take turns on a data directory",
  ignore: program === null,
  async fn() {
    const rounds = Number(Deno.env.get("DIRECTORY_ROUNDS") ?? 2);
    const seed = Number(Deno.env.get("DIRECTORY_SEED") ?? Math.floor(Math.random() * 1e6));
    console.log(`seed ${seed}`);
    for (let round = 0; round < rounds; round++) {
      const storeDir = Deno.makeTempDirSync({ prefix: "natsts-turns-" });
      const generators = Array.from(
        { length: STREAMS },
        (_, i) => new Generator(seed + round * STREAMS + i, `S${i}`, { subject: `s${i}` }),
      );
      const onNatsts = async (use: (connection: NatsConnection) => Promise<string[]>) => {
        await using server = await startServer({
          host: "127.0.0.1",
          port: -1,
          jetStream: true,
          storeDir,
        });
        const connection = await connect({ servers: `127.0.0.1:${server.port}` });
        try {
          return await use(connection);
        } finally {
          await connection.close();
        }
      };
      const onReference = async (use: (connection: NatsConnection) => Promise<string[]>) => {
        await using server = await ReferenceServer.start(program!, ["-js", "-sd", storeDir]);
        const connection = await connect({ servers: `127.0.0.1:${server.port}` });
        try {
          return await use(connection);
        } finally {
          await connection.close();
        }
      };
      try {
        const label = `seed ${seed + round * STREAMS}`;
        const first = await onNatsts(async (connection) => {
          for (const { name, config } of generators) {
            await connection.request(
              `$JS.API.STREAM.CREATE.${name}`,
              JSON.stringify({ ...config, storage: "file" }),
            );
          }
          await play(connection, generators);
          return await content(connection);
        });
        const second = await onReference(async (connection) => {
          assertSame(await content(connection), first, `${label}: nats-server after natsts`);
          await play(connection, generators);
          return await content(connection);
        });
        await onNatsts(async (connection) => {
          // An update makes the reference forget when a stream that it recovered was created.
          const isKept = (line: string) => !line.includes(CREATED);
          const third = (await content(connection)).filter(isKept);
          assertSame(third, second.filter(isKept), `${label}: natsts after nats-server`);
          return third;
        });
      } finally {
        await Deno.remove(storeDir, { recursive: true });
      }
    }
  },
});
