/**
 * Errors that need more than a request: limits of accounts, a disk that fails, other servers'
 * answers, or a caller inside the server.
 *
 * @module
 */
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { connect } from "@nats-io/transport-node";
import { jetStreamErrors } from "../../../src/jsapi/error_table.ts";
import { ApiError, type ConsumerConfig, type JetStreamErrorName } from "../../../src/jsapi/mod.ts";
import { healthz } from "../../../src/monitor/mod.ts";
import {
  type ApiFailureData,
  jetStreamOf,
  jetStreamServer,
  type JsClient,
} from "../../harness/jetstream.ts";
import {
  onBothServers,
  referenceProgram,
  ReferenceServer,
} from "../../harness/reference_server.ts";
import { until } from "../../harness/server.ts";
import { SimulatedDisk } from "../../sim/disk.ts";
import { SeededRandom } from "../../sim/random.ts";
import { World } from "./_world.ts";

const program = referenceProgram("nats-server");
if (program === null) console.log("nats-server is not on the path: comparison skipped");

/** What a client is told where the text has no tags. */
function dataOf(name: JetStreamErrorName): ApiFailureData {
  const [code, err_code, description] = jetStreamErrors[name];
  return { code, err_code, description };
}

const LIMITED = `accounts: {
  A: {
    jetstream: {
      max_store: 1000, max_streams: 1, max_bytes_required: true
      disk_max_stream_bytes: 900, max_consumers: 5
    }
    users: [ { user: a, password: a } ]
  }
  N: { users: [ { user: n, password: n } ] }
}`;

function stream(name: string, more: Record<string, unknown>): readonly [string, string] {
  return [`STREAM.CREATE.${name}`, JSON.stringify({ name, ...more })];
}

/** User, request, and the error of its answer; the name "" is none. */
const LIMIT_CASES: readonly (readonly [string, string, string, JetStreamErrorName | ""])[] = [
  ["n", "INFO", "", "JSNotEnabledForAccountErr"],
  ["n", "STREAM.INFO.S", "", "JSNotEnabledForAccountErr"],
  ["a", ...stream("S", {}), "JSStreamMaxBytesRequired"],
  ["a", ...stream("S", { max_bytes: 950 }), "JSStreamMaxStreamBytesExceeded"],
  ["a", ...stream("S", { max_bytes: 900, max_consumers: 6 }), "JSMaximumConsumersLimitErr"],
  ["a", ...stream("S", { max_bytes: 900 }), ""],
  ["a", ...stream("T", { max_bytes: 50 }), "JSMaximumStreamsLimitErr"],
];

async function refusals(port: number): Promise<(ApiFailureData | undefined)[]> {
  const found = [];
  for (const [user, verb, body] of LIMIT_CASES) {
    const client = await connect({ servers: `127.0.0.1:${port}`, user, pass: user });
    const answer = await client.request(`$JS.API.${verb}`, body);
    found.push(answer.json<{ error?: ApiFailureData }>().error);
    await client.close();
  }
  return found;
}

const EXPECTED = LIMIT_CASES.map(([, , , name]) => name === "" ? undefined : dataOf(name));

Deno.test("limits of accounts are refused with their errors", async () => {
  await using server = await jetStreamServer({}, LIMITED);
  assertEquals(await refusals(server.test.port), EXPECTED);
});

Deno.test({
  name: "the reference refuses limits of accounts with the same errors",
  ignore: program === null,
  async fn() {
    const directory = await Deno.makeTempDir({ prefix: "natsts-limits-" });
    try {
      const file = `${directory}/server.conf`;
      await Deno.writeTextFile(file, `jetstream: { store_dir: "${directory}/js" }\n${LIMITED}`);
      await using reference = await ReferenceServer.start(program!, ["-c", file]);
      assertEquals(await refusals(reference.port), EXPECTED);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});

Deno.test("healthz says that JetStream is not enabled once it has stopped", async () => {
  await using server = await jetStreamServer();
  await jetStreamOf(server.test).stop();
  const { code, body } = healthz(server.test.server);
  assertEquals([code, body.error], [503, dataOf("JSNotEnabledErr").description]);
});

/** Answers consumer requests of a mirror and a source with nothing that can be used. */
async function setupErrors(js: Pick<JsClient["nc"], "request" | "subscribe">) {
  js.subscribe("fake.CONSUMER.CREATE.>", {
    callback: (_error, msg) => {
      msg.respond("{}");
    },
  });
  const external = { api: "fake", deliver: "fake.deliver" };
  const origin = { name: "O", external };
  const errors: Record<string, ApiFailureData> = {};
  for (const [name, config] of [["M", { mirror: origin }], ["S", { sources: [origin] }]] as const) {
    await js.request(`$JS.API.STREAM.CREATE.${name}`, JSON.stringify({ name, ...config }));
    await until(async () => {
      const info = (await js.request(`$JS.API.STREAM.INFO.${name}`)).json<{
        mirror?: { error?: ApiFailureData };
        sources?: { error?: ApiFailureData }[];
      }>();
      const error = info.mirror?.error ?? info.sources?.[0]?.error;
      if (error !== undefined) errors[name] = error;
      return error !== undefined;
    });
  }
  return errors;
}

const SETUP_ERRORS = {
  M: { code: 500, err_code: 10029, description: "invalid consumer create response" },
  S: { code: 500, err_code: 10045, description: "invalid consumer create response" },
};

Deno.test("mirrors and sources show that their consumer could not be set up", async () => {
  await using server = await jetStreamServer();
  assertEquals(await setupErrors((await server.jetStream()).nc), SETUP_ERRORS);
});

Deno.test({
  name: "mirrors and sources of the reference show the same",
  ignore: program === null,
  async fn() {
    await onBothServers(program!, async (theirs) => {
      assertEquals(await setupErrors(theirs), SETUP_ERRORS);
    });
  },
});

Deno.test("what is no snapshot is refused where a stream is restored", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const config = { name: "S", subjects: ["s"] };
  const { deliver_subject } = await js.api("STREAM.RESTORE.S", { config, state: {} });
  let { error } = await answerTo("no snapshot");
  if (error === undefined) ({ error } = await answerTo(""));
  assertEquals([error?.code, error?.err_code], [500, 10062]);
  assertMatch(error!.description, /^restore failed: ./);
  assertEquals((await js.api("STREAM.NAMES")).total, 0);

  async function answerTo(chunk: string) {
    const answer = await js.nc.request(deliver_subject, chunk);
    return answer.data.length === 0 ? {} : answer.json<{ error?: ApiFailureData }>();
  }
});

/** Each request that fails when its first change of the disk does. */
const DISK_CASES: readonly (readonly [JetStreamErrorName, string, string])[] = [
  ["JSStreamDeleteErrF", "STREAM.DELETE.S", ""],
  ["JSStreamGeneralErrorF", "STREAM.PURGE.S", ""],
  ["JSStreamUpdateErrF", "STREAM.UPDATE.S", `{"name":"S","subjects":["s"],"max_msgs":9}`],
  ["JSStreamMsgDeleteFailedF", "STREAM.MSG.DELETE.S", `{"seq":2}`],
  [
    "JSConsumerStoreFailedErrF",
    "CONSUMER.CREATE.S.C",
    `{"stream_name":"S","config":{"name":"C","ack_policy":"explicit"}}`,
  ],
  ["JSConsumerStoreFailedErrF", "CONSUMER.PAUSE.S.D", `{"pause_until":"2099-01-01T00:00:00Z"}`],
];

for (const [name, verb, body] of DISK_CASES) {
  Deno.test(`${verb} fails with ${name} when the disk does`, async () => {
    const random = new SeededRandom(1);
    const disk = new SimulatedDisk(random);
    const world = new World("/js", random, { disk });
    const stream = world.addStream({ name: "S", subjects: ["s"] });
    world.addConsumer(stream, { durable: "D", ackPolicy: "explicit" });
    for (let i = 0; i < 3; i++) world.publish("s", "body");
    const answers = world.listen("answer");
    disk.plan = { crashAt: 0, failAt: disk.calls + 1, failCode: "EIO" };
    world.publish(`$JS.API.${verb}`, body, "answer");
    await until(() => {
      world.js.endTurn();
      return answers.length > 0;
    });
    const { error } = JSON.parse(answers[0]!.body);
    const [code, errCode, text] = jetStreamErrors[name];
    assertEquals([error.code, error.err_code], [code, errCode], answers[0]!.body);
    assertMatch(error.description, new RegExp(`^${text.replace("{err}", ".*simulated failure")}$`));
    await world.stop();
  });
}

// Requests are refused for something else before they could come to this.
const INSIDE: readonly (readonly [JetStreamErrorName, Partial<ConsumerConfig>])[] = [
  ["JSConsumerReplicasExceedsStream", { replicas: 3 }],
  ["JSConsumerCreateDurableAndNameMismatch", { durable: "D", name: "N" }],
];

Deno.test("addConsumer() refuses what requests cannot ask for", async () => {
  const random = new SeededRandom(1);
  const world = new World("/js", random, { disk: new SimulatedDisk(random) });
  const stream = world.addStream({ name: "S", subjects: ["s"] });
  for (const [name, config] of INSIDE) {
    const add = () => world.addConsumer(stream, { ackPolicy: "explicit", ...config });
    const { code, errCode, description } = assertThrows(add, ApiError);
    assertEquals({ code, err_code: errCode, description }, dataOf(name));
  }
  await world.stop();
  const late = assertThrows(() => world.addConsumer(stream, { ackPolicy: "explicit" }), ApiError);
  assertEquals(late.id, "JSStreamInvalidErr");
});
