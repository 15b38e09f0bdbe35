/**
 * The whole server, killed with SIGKILL under load, again and again on the same directory: what
 * publishers and consumers were told holds afterwards.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import {
  AckPolicy,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StoreCompression,
  type StreamConfig,
} from "@nats-io/jetstream";

const KILLS = 3;
const LOAD_MS = 700;
const OUTSTANDING = 256;
const READY_MS_MAX = 20_000;

/** A natsts process with JetStream in `directory`. */
class Process {
  private constructor(readonly child: Deno.ChildProcess, readonly port: number) {}

  static async start(directory: string, key: string): Promise<Process> {
    const ports = `${directory}/ports`;
    await Deno.mkdir(ports, { recursive: true });
    const config = `${directory}/server.conf`;
    await Deno.writeTextFile(
      config,
      `listen: "127.0.0.1:-1"\nports_file_dir: "${ports}"\n` +
        `jetstream { store_dir: "${directory}/js", key: "${key}" }\n`,
    );
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--no-check",
        new URL("../../main.ts", import.meta.url).pathname,
        "-c",
        config,
      ],
      stdout: "null",
      stderr: "null",
    }).spawn();
    const end = performance.now() + READY_MS_MAX;
    for (;;) {
      assert(performance.now() < end, "the server did not start");
      const file = [...Deno.readDirSync(ports)].find(({ name }) => name.includes(`${child.pid}.`));
      if (file !== undefined) {
        const { nats } = JSON.parse(await Deno.readTextFile(`${ports}/${file.name}`));
        return new Process(child, Number(new URL(nats[0]).port));
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.status;
  }
}

const STREAMS: readonly { name: string; config: Partial<StreamConfig> }[] = [
  { name: "LIMITS", config: { subjects: ["LIMITS"] } },
  { name: "PACKED", config: { subjects: ["PACKED"], compression: StoreCompression.S2 } },
  { name: "WORK", config: { subjects: ["WORK"], retention: RetentionPolicy.Workqueue } },
  { name: "INTEREST", config: { subjects: ["INTEREST"], retention: RetentionPolicy.Interest } },
];

/** What clients were told, by stream. */
interface Told {
  /** Bodies that were acknowledged, by sequence. */
  readonly stored: Map<number, string>;
  /** Sequences whose acknowledgement was sent, and those for which it was confirmed. */
  readonly acked: Set<number>;
  readonly confirmed: Set<number>;
}

async function load(nc: NatsConnection, told: Map<string, Told>, round: number): Promise<void> {
  const js = jetstream(nc);
  const gone = { is: false };
  nc.closed().then(() => gone.is = true);
  const publishers = STREAMS.map(async ({ name }) => {
    const { stored } = told.get(name)!;
    let count = 0;
    while (!gone.is) {
      const batch = Array.from({ length: OUTSTANDING }, async () => {
        const body = `${round}-${count++}`;
        const { seq } = await js.publish(name, body, { msgID: `${name}-${body}`, timeout: 2000 });
        assert(!stored.has(seq), `sequence ${seq} of ${name} was given twice`);
        stored.set(seq, body);
      });
      await Promise.allSettled(batch);
    }
  });
  const workers = STREAMS.map(async ({ name }) => {
    const { acked, confirmed } = told.get(name)!;
    const consumer = await js.consumers.get(name, "C");
    const messages = await consumer.consume({ max_messages: 200 });
    for await (const m of messages) {
      if (gone.is) break;
      if (m.seq % 3 === 0) continue;
      acked.add(m.seq);
      m.ackAck({ timeout: 2000 }).then((ok) => ok && confirmed.add(m.seq), () => {});
    }
  });
  await Promise.allSettled([...publishers, ...workers]);
}

async function check(nc: NatsConnection, told: Map<string, Told>): Promise<void> {
  const jsm = await jetstreamManager(nc);
  const js = jetstream(nc);
  for (const { name, config } of STREAMS) {
    const { stored, acked, confirmed } = told.get(name)!;
    const present = new Map<number, string>();
    const { state } = await jsm.streams.info(name);
    if (state.messages > 0 && name !== "WORK") {
      const reader = await js.consumers.get(name);
      for await (const m of await reader.consume()) {
        present.set(m.seq, m.string());
        if (m.info.pending === 0) break;
      }
      assertEquals(new Set(present.values()).size, present.size, `${name} holds a message twice`);
    }
    const keepsAll = !("retention" in config);
    for (const [seq, body] of stored) {
      if (name === "WORK" || (!keepsAll && acked.has(seq))) continue;
      assertEquals(
        present.get(seq),
        body,
        `${name}: acknowledged message ${seq} of ${stored.size}`,
      );
    }
    // Everything that was never acknowledged comes again, and nothing that was confirmed does.
    const consumer = await js.consumers.get(name, "C");
    const again = new Set<number>();
    for (;;) {
      const { num_pending, num_ack_pending } = await consumer.info();
      // Messages that went with an acknowledgement that was not confirmed leave the count late.
      if (num_pending === 0 && num_ack_pending <= again.size) break;
      const before = again.size;
      for await (const m of await consumer.fetch({ max_messages: 500, expires: 3000 })) {
        again.add(m.seq);
      }
      const left = `${num_pending} + ${num_ack_pending}`;
      assert(again.size > before || num_pending === 0, `${name}: ${left} messages do not come`);
    }
    for (const seq of confirmed) assert(!again.has(seq), `${name}: ${seq} was acknowledged`);
    for (const seq of stored.keys()) {
      if (!acked.has(seq)) assert(again.has(seq), `${name}: ${seq} is lost to its consumer`);
    }
  }
}

Deno.test({
  name: "kill -9 under load loses nothing that was acknowledged",
  // The clients keep timers of their own a moment after their server vanished.
  sanitizeOps: false,
  sanitizeResources: false,
}, async () => {
  const directory = await Deno.makeTempDir();
  const told = new Map<string, Told>(
    STREAMS.map(({ name }) => [
      name,
      { stored: new Map(), acked: new Set(), confirmed: new Set() },
    ]),
  );
  try {
    for (let round = 0; round <= KILLS; round++) {
      const server = await Process.start(directory, "secret");
      try {
        const nc = await connect({ servers: `127.0.0.1:${server.port}`, reconnect: false });
        const jsm = await jetstreamManager(nc);
        if (round === 0) {
          for (const { name, config } of STREAMS) {
            await jsm.streams.add({ name, ...config });
            await jsm.consumers.add(name, {
              durable_name: "C",
              ack_policy: AckPolicy.Explicit,
              ack_wait: 1_000_000_000,
              max_ack_pending: -1,
            });
          }
        } else await check(nc, told);
        if (round === KILLS) {
          await nc.close();
          continue;
        }
        const loaded = load(nc, told, round);
        await new Promise((resolve) => setTimeout(resolve, LOAD_MS));
        await server.kill();
        await loaded;
      } finally {
        await server.kill().catch(() => {});
      }
    }
    const counts = [...told].map(([name, { stored, confirmed }]) =>
      `${name} ${stored.size} stored, ${confirmed.size} acknowledged`
    );
    console.log(counts.join("; "));
    for (const { stored, confirmed } of told.values()) {
      assert(stored.size > 100 && confirmed.size > 10, counts.join("; "));
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
