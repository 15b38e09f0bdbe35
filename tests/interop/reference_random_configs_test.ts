/**
 * Creates and changes streams and consumers with random configurations on natsts and on the real
 * server, also invalid ones and such as are no configurations at all, and compares every answer.
 * Skipped where the real server is not on the path. `CONFIGS_SEED` repeats a run, `CONFIGS_ROUNDS`
 * makes it longer.
 *
 * Left out is where natsts differs on purpose (docs/deviations.md).
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { emptyOptions, processConfigText } from "../../src/config/mod.ts";
import { startServer } from "../../src/mod.ts";
import { systemConfigSource } from "../../src/platform/deno/config_source.ts";
import { referenceProgram, ReferenceServer } from "../harness/reference_server.ts";
import { type Config, ConfigGenerator } from "./_random_configs.ts";

const program = referenceProgram("nats-server");
if (program === null) console.log("nats-server is not on the path: comparison skipped");

const OPERATIONS = 40;
const TIMEOUT_MS = 10_000;

/** What no two servers share, or what changes on its own: consumers of mirrors and sources. */
const MASKS: readonly [RegExp, string][] = [
  [/"(created|ts|timestamp|time|first_ts|last_ts|last_active|pinned_ts)":"[^"]*"/g, '"$1":""'],
  [/"leader":"[^"]*"/g, '"leader":""'],
  [/"(pause_remaining|active|consumers|consumer_count)":-?\d+/g, '"$1":0'],
  [/"total":\d+,"errors":\d+/g, ""],
  [/"name":"(C\d-)?[A-Za-z0-9]{8}"/g, '"name":"$1random"'],
  // Go names them in random order.
  [/(violates consumers: )[^"]*/, "$1"],
];

function masked(text: string): string {
  const answer = MASKS.reduce((masked, [pattern, by]) => masked.replace(pattern, by), text);
  if (!answer.includes('"lag":')) return answer;
  // Go's order of sources is random; what is known of an upstream depends on the moment.
  const document = JSON.parse(answer);
  const upstreams = [document.mirror, ...document.sources ?? []];
  for (const upstream of upstreams.filter((one) => one !== undefined)) {
    delete upstream.error;
    if (upstream === document.mirror) delete upstream.filter_subject;
  }
  document.sources?.sort((a: Config, b: Config) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
  return JSON.stringify(document);
}

const ACCOUNT = "users: [{user: u, password: p}], jetstream";
/** Settings of servers, with the store's directory to be put in. */
const SERVERS: Readonly<Record<string, (storeDir: string) => string>> = {
  plain: (storeDir) => `jetstream { store_dir: "${storeDir}" }`,
  lenient: (storeDir) => `jetstream { store_dir: "${storeDir}", strict: false }`,
  limited: (storeDir) =>
    `jetstream {
      store_dir: "${storeDir}", max_mem: 10MB, max_file: 10MB
      limits { max_ack_pending: 50, duplicate_window: "1m", max_request_batch: 100 }
    }
    accounts { A { ${ACCOUNT} {
      max_mem: 5MB, max_file: 5MB, max_streams: 4, max_consumers: 3, max_ack_pending: 20
      store_max_stream_bytes: 1MB, memory_max_stream_bytes: 1MB
    } } }
    no_auth_user: u`,
  required: (storeDir) =>
    `jetstream { store_dir: "${storeDir}" }
    accounts { A { ${ACCOUNT} { max_bytes_required: true } } }
    no_auth_user: u`,
};

/** One request. */
interface Operation {
  readonly subject: string;
  readonly body: unknown;
  /** Notes that it was accepted. */
  readonly accepted: () => void;
}

/** What a round has made so far, and what it does next. */
class Round {
  readonly #generator: ConfigGenerator;
  readonly #streams: Map<string, Config> = new Map();
  /** By stream and name. */
  readonly #consumers: Map<string, Config> = new Map();

  constructor(seed: number) {
    this.#generator = new ConfigGenerator(seed);
  }

  forget(stream: string): void {
    this.#streams.delete(stream);
    for (const key of [...this.#consumers.keys()]) {
      if (key.startsWith(`${stream}/`)) this.#consumers.delete(key);
    }
  }

  #streamOperation(name: string): Operation {
    const generator = this.#generator;
    const present = this.#streams.get(name);
    const config = present !== undefined && generator.chance(0.9)
      ? generator.changedStream(present)
      : generator.stream(name);
    const verb = present !== undefined && generator.chance(0.75) ? "UPDATE" : "CREATE";
    return {
      subject: `STREAM.${verb}.${name}`,
      body: generator.chance(0.1) ? { ...config, pedantic: true } : config,
      accepted: () => void this.#streams.set(name, config),
    };
  }

  #consumerOperation(stream: string): Operation {
    const generator = this.#generator;
    const name = generator.pick(["C1", "C2"]);
    const key = `${stream}/${name}`;
    const kind = generator.random.unit();
    if (kind < 0.05) {
      const accepted = () => void this.#consumers.delete(key);
      return { subject: `CONSUMER.DELETE.${stream}.${name}`, body: "", accepted };
    }
    const accepted = () => {};
    if (kind < 0.1) return { subject: `CONSUMER.INFO.${stream}.${name}`, body: "", accepted };
    if (kind < 0.15) {
      const body = generator.pick<unknown>([
        "",
        {},
        { pause_until: "2099-01-01T00:00:00Z" },
        { pause_until: "2001-01-01T00:00:00Z" },
      ]);
      return { subject: `CONSUMER.PAUSE.${stream}.${name}`, body, accepted };
    }
    const present = this.#consumers.get(key);
    const config = present !== undefined && generator.chance(0.9)
      ? generator.changedConsumer(present)
      : generator.consumer(name);
    const create = `CONSUMER.CREATE.${stream}`;
    const { filter_subject: filter } = config;
    const shown = typeof filter === "string" && /^\S+$/.test(filter) ? filter : "a";
    return {
      subject: generator.pick([
        ...Array.from({ length: 6 }, () => `${create}.${name}`),
        `${create}.${name}.${shown}`,
        `${create}.${name}.${shown}`,
        `CONSUMER.DURABLE.CREATE.${stream}.${name}`,
        create,
      ]),
      body: {
        stream_name: stream,
        config,
        action: generator.pick(["", "", "create", "update"]),
        ...generator.chance(0.1) ? { pedantic: true } : {},
      },
      accepted: () => void this.#consumers.set(key, config),
    };
  }

  /** The next request, and the stream that it is about. */
  next(): Operation & { readonly stream: string; readonly spoiled: boolean } {
    const generator = this.#generator;
    const stream = generator.pick(["S1", "S2", "S3"]);
    const kind = generator.random.unit();
    const look = (subject: string): Operation => ({ subject, body: "", accepted: () => {} });
    let operation: Operation;
    if (kind < 0.35) operation = this.#streamOperation(stream);
    else if (kind < 0.4) {
      const accepted = () => this.forget(stream);
      operation = { subject: `STREAM.DELETE.${stream}`, body: "", accepted };
    } else if (kind < 0.43) operation = look(`STREAM.INFO.${stream}`);
    else if (kind < 0.45) operation = look("INFO");
    else operation = this.#consumerOperation(stream);
    const { body } = operation;
    const spoiled = typeof body === "object" && generator.chance(0.12);
    if (!spoiled) return { ...operation, stream, spoiled };
    const whole = body as Config;
    const config = whole["config"] as Config | undefined;
    return {
      ...operation,
      body: config !== undefined && generator.chance(0.8)
        ? { ...whole, config: generator.spoiled(config) }
        : generator.spoiled(whole),
      stream,
      spoiled,
    };
  }
}

async function answerOf(
  connection: NatsConnection,
  subject: string,
  body: unknown,
): Promise<string> {
  const payload = typeof body === "string" ? body : JSON.stringify(body);
  const options = { timeout: TIMEOUT_MS };
  try {
    return masked((await connection.request(`$JS.API.${subject}`, payload, options)).string());
  } catch (error) {
    // A subject that nobody can publish to.
    return `"error": ${(error as Error).message}`;
  }
}

async function playRound(seed: number, sides: readonly NatsConnection[]): Promise<void> {
  const round = new Round(seed);
  const log: string[] = [];
  const ask = async (subject: string, body: unknown = ""): Promise<string> => {
    log.push(`${subject} ${JSON.stringify(body)}`);
    const [theirs, ours] = await Promise.all(sides.map((side) => answerOf(side, subject, body)));
    assertEquals(ours, theirs, `seed ${seed}\n${log.join("\n")}`);
    return ours!;
  };
  for (let i = 0; i < OPERATIONS; i++) {
    const { subject, body, accepted, stream, spoiled } = round.next();
    if ((await ask(subject, body)).includes('"error":')) continue;
    if (!spoiled) accepted();
    else {
      // Whatever it has become, the round does not know it.
      await ask(`STREAM.DELETE.${stream}`);
      round.forget(stream);
    }
  }
  for (const stream of ["S1", "S2", "S3"]) await ask(`STREAM.DELETE.${stream}`);
}

async function compare(
  settings: (storeDir: string) => string,
  rounds: readonly number[],
): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "natsts-configs-" });
  try {
    await Deno.writeTextFile(`${folder}/go.conf`, settings(`${folder}/go`));
    await using reference = await ReferenceServer.start(program!, ["-c", `${folder}/go.conf`]);
    const options = emptyOptions();
    processConfigText(options, settings(`${folder}/ts`), systemConfigSource());
    await using natsts = await startServer({ ...options, host: "127.0.0.1", port: -1 });
    const sides = await Promise.all(
      [reference.port, natsts.port].map((port) => connect({ servers: `127.0.0.1:${port}` })),
    );
    try {
      // An upstream; and the reference removes the directory of an account without streams, in the
      // background.
      const keep = JSON.stringify({ name: "KEEP", subjects: ["keep.>"], max_bytes: 1000 });
      for (const side of sides) await side.request("$JS.API.STREAM.CREATE.KEEP", keep);
      for (const seed of rounds) await playRound(seed, sides);
    } finally {
      await Promise.all(sides.map((side) => side.close()));
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test({
  name: "random configurations are answered as the reference does",
  ignore: program === null,
  async fn(t) {
    const count = Number(Deno.env.get("CONFIGS_ROUNDS") ?? 5);
    const seed = Number(Deno.env.get("CONFIGS_SEED") ?? Math.floor(Math.random() * 1e6));
    console.log(`seed ${seed}`);
    const rounds = Array.from({ length: count }, (_, i) => seed + i);
    for (const [name, settings] of Object.entries(SERVERS)) {
      await t.step(name, () => compare(settings, rounds));
    }
  },
});
