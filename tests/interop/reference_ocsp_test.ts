/**
 * The same clients and responders with the real server: who may connect, what the log, the system
 * account and monitoring say, and one reads the cache of the other.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import {
  type Bundled,
  OcspServer,
  ocspTlsBlock,
  type OcspWorld,
  setGood,
  withOcspWorld,
  withoutStore,
} from "../harness/ocsp_ca.ts";
import { referenceProgram, ReferenceServer } from "../harness/reference_server.ts";
import { until } from "../harness/server.ts";

const program = referenceProgram("nats-server");
const ACCOUNTS = `system_account: SYS
  accounts { SYS { users: [{ user: sys, password: s }] }, A { users: [{ user: a, password: s }] } }\n`;

async function login(
  { root }: OcspWorld,
  port: number,
  user: string,
  { bundleFile, keyPem }: Bundled,
): Promise<NatsConnection> {
  const client = await connect({
    servers: `localhost:${port}`,
    reconnect: false,
    timeout: 5000,
    user,
    pass: "s",
    tls: { ca: root.ca.certPem, cert: await Deno.readTextFile(bundleFile), key: keyPem },
  });
  await client.flush();
  return client;
}

/** What one server did. */
interface Outcome {
  readonly connected: boolean;
  readonly log: string[];
  readonly events: string[];
}

/** Connects `user` while the system account listens. */
async function observe(
  world: OcspWorld,
  port: number,
  user: Bundled,
): Promise<Omit<Outcome, "log">> {
  const system = await login(world, port, "sys", world.userB1);
  const events: string[] = [];
  system.subscribe("$SYS.SERVER.*.OCSP.PEER.>", {
    callback: (_error, { subject, data }) => {
      const text = new TextDecoder().decode(data)
        .replace(/"(id|timestamp)":"[^"]*"/g, '"$1":"…"')
        .replace(/"server":\{.*?\},"reason"/, '"server":{…},"reason"');
      events.push(`${subject.replace(/SERVER\.[^.]+/, "SERVER.ID")} ${text}`);
    },
  });
  await system.flush();
  let connected = true;
  try {
    await (await login(world, port, "a", user)).close();
  } catch (_refused) {
    connected = false;
    await until(() => events.some((event) => event.includes("CONN.REJECT")));
  }
  await system.flush();
  await system.close();
  return { connected, events };
}

/** What was logged about the checks, without what differs from run to run. */
function normalised(lines: readonly string[]): string[] {
  return lines.filter((line) => /OCSP|Chain \[|TLS handshake error/.test(line)).map((line) =>
    line.replace(/^.*? - cid:\d+ - /, "")
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
      .replace(/Get "[^"]+": .*/, 'Get "…"')
      .replace(/(Could not parse OCSP CA response for \[.*?\]: ).*/, "$1…")
      .replace(/compression ratio: \[[\d.]+\]/, "compression ratio: […]")
      .replace(/rc-(go|ts)/g, "rc")
      .replace(/\(\d+ bytes\)/, "(N bytes)")
  );
}

function configFor(world: OcspWorld, ocspPeer: string, side: "go" | "ts"): string {
  return `${ACCOUNTS}${ocspTlsBlock(world, ocspPeer)}
    ocsp_cache: { type: local, local_store: "${world.folder}/rc-${side}" }\n`;
}

async function onReference(
  world: OcspWorld,
  ocspPeer: string,
  user: Bundled,
): Promise<Outcome> {
  const file = `${world.folder}/go.conf`;
  await Deno.writeTextFile(file, configFor(world, ocspPeer, "go"));
  let text = "";
  const heard = (part: string): void => void (text += part);
  let outcome: Omit<Outcome, "log">;
  {
    await using server = await ReferenceServer.start(program!, ["-c", file, "-D"], heard);
    outcome = await observe(world, server.port, user);
  }
  await until(() => text.includes("Stopping OCSP peer cache"));
  const lines = text.split("\n").map((line) => line.replace(/^\[\d+\] \S+ \S+ \[\w+\] /, ""));
  return { ...outcome, log: normalised(lines) };
}

async function onNatsts(world: OcspWorld, ocspPeer: string, user: Bundled): Promise<Outcome> {
  let outcome: Omit<Outcome, "log">;
  let lines: string[];
  {
    await using server = await OcspServer.start(world, configFor(world, ocspPeer, "ts"));
    outcome = await observe(world, server.server.port, user);
    await server.server.stop();
    lines = server.log.lines.map(({ text }) => text);
  }
  return { ...outcome, log: normalised(lines) };
}

/** Breaks answers: each byte of the signature's tail is another one. */
function broken(answer: Uint8Array): Uint8Array {
  return answer.slice(0, answer.length - 40);
}

const CASES: readonly {
  readonly name: string;
  readonly ocspPeer: string;
  readonly connects: boolean;
  readonly prepare: (world: OcspWorld) => void;
}[] = [
  { name: "good", ocspPeer: "true", connects: true, prepare: () => {} },
  {
    name: "revoked",
    ocspPeer: "true",
    connects: false,
    prepare: ({ first, userA1 }) => first.responder.set(userA1, "revoked"),
  },
  {
    name: "unknown",
    ocspPeer: "true",
    connects: false,
    prepare: ({ first, userA1 }) => first.responder.set(userA1, "unknown"),
  },
  {
    name: "unknown is good",
    ocspPeer: "{ verify: true, unknown_is_good: true }",
    connects: true,
    prepare: ({ first, userA1 }) => first.responder.set(userA1, "unknown"),
  },
  {
    name: "revoked intermediate",
    ocspPeer: "true",
    connects: false,
    prepare: ({ root, first }) => root.responder.set(first.ca, "revoked"),
  },
  {
    name: "revoked, warn only",
    ocspPeer: "{ verify: true, warn_only: true }",
    connects: true,
    prepare: ({ first, userA1 }) => first.responder.set(userA1, "revoked"),
  },
  {
    name: "signed by no delegate",
    ocspPeer: "true",
    connects: false,
    prepare: ({ first, userA2 }) => first.responder.answer({ signer: userA2, embed: true }),
  },
  {
    name: "signed by somebody else",
    ocspPeer: "true",
    connects: false,
    prepare: ({ first, second }) =>
      first.responder.answer({ signer: second.delegate, embed: true }),
  },
  {
    name: "a broken answer",
    ocspPeer: "true",
    connects: false,
    prepare: ({ first }) => first.responder.rewrite = broken,
  },
  {
    name: "an old answer",
    ocspPeer: "true",
    connects: false,
    prepare: ({ first, userA1 }) =>
      first.responder.rewrite = () =>
        first.responder.answerAt(Date.now() - 60_000, userA1, first.ca, "good"),
  },
  {
    name: "no answer",
    ocspPeer: "true",
    connects: false,
    prepare: ({ first }) => first.responder.rewrite = () => new Response(null, { status: 500 }),
  },
  {
    name: "no answer, which is allowed",
    ocspPeer: "{ verify: true, allow_when_ca_unreachable: true }",
    connects: true,
    prepare: ({ first }) => first.responder.rewrite = () => new Response(null, { status: 500 }),
  },
];

Deno.test({
  name: "clients are checked by OCSP as by the real server",
  ignore: program === null,
  fn: (t) =>
    withOcspWorld(async (world) => {
      for (const { name, ocspPeer, connects, prepare } of CASES) {
        await t.step(name, async () => {
          const { first, userA1 } = world;
          setGood(world);
          first.responder.answer({ signer: first.delegate, embed: true });
          first.responder.rewrite = null;
          for (const side of ["go", "ts"]) await withoutStore(world, `rc-${side}`);
          prepare(world);
          const theirs = await onReference(world, ocspPeer, userA1);
          const ours = await onNatsts(world, ocspPeer, userA1);
          assertEquals(ours.log, theirs.log);
          assertEquals(ours.events, theirs.events);
          assertEquals(theirs.connected, connects);
          assertEquals(ours.connected, connects);
        });
      }
    }),
});

Deno.test({
  name: "the real server and natsts read each other's cache",
  ignore: program === null,
  fn: () =>
    withOcspWorld(async (world) => {
      const { root, first, second, userA1, userB1 } = world;
      setGood(world);
      // Held long enough for the second server.
      for (const { responder, delegate } of [root, first, second]) {
        responder.answer({ signer: delegate, embed: true, ttlMs: 60_000 });
      }
      const peer = "{ verify: true, ca_timeout: 1 }";
      const move = (from: string, to: string): Promise<void> =>
        Deno.rename(`${world.folder}/rc-${from}`, `${world.folder}/rc-${to}`);
      const asked = (): number =>
        root.responder.asked + first.responder.asked + second.responder.asked;
      assert((await onReference(world, peer, userA1)).connected);
      const before = asked();
      await move("go", "ts");
      assert((await onNatsts(world, peer, userA1)).connected);
      assertEquals(asked(), before);
      await withoutStore(world, "rc-ts");
      assert((await onNatsts(world, peer, userB1)).connected);
      const after = asked();
      await move("ts", "go");
      assert((await onReference(world, peer, userB1)).connected);
      assertEquals(asked(), after);
    }),
});

/** Who may look at monitoring, and what the log says of the others. */
async function askMonitoring(
  { root, userA1, userB1 }: OcspWorld,
  port: number,
  log: () => string,
): Promise<unknown[]> {
  const outcomes: unknown[] = [];
  for (const user of [userA1, userB1, null]) {
    using client = Deno.createHttpClient({
      caCerts: [root.ca.certPem],
      ...(user === null
        ? {}
        : { cert: await Deno.readTextFile(user.bundleFile), key: user.keyPem }),
    });
    try {
      const response = await fetch(`https://localhost:${port}/varz`, { client });
      await response.body?.cancel();
      outcomes.push(response.status);
    } catch (_refused) {
      outcomes.push("refused");
    }
  }
  const lines = (): string[] => log().match(/monitoring: TLS handshake error from .*/g) ?? [];
  await until(() => lines().length >= 2);
  return [...outcomes, ...lines().map((line) => line.replace(/127\.0\.0\.1:\d+/, "ADDRESS"))];
}

Deno.test({
  name: "HTTPS monitoring checks by OCSP as the real server's",
  ignore: program === null,
  fn: () =>
    withOcspWorld(async (world) => {
      setGood(world);
      world.second.responder.set(world.userB1, "revoked");
      const config = `http_port: 0\nhttps: "127.0.0.1:-1"\n${ocspTlsBlock(world, "true")}
        ocsp_cache: false\n`;
      const file = `${world.folder}/https.conf`;
      await Deno.writeTextFile(file, config);
      let text = "";
      const heard = (part: string): void => void (text += part);
      await using reference = await ReferenceServer.start(program!, ["-c", file], heard);
      assert(reference.port > 0);
      const port = Number(/https monitor on 127\.0\.0\.1:(\d+)/.exec(text)![1]);
      await using natsts = await OcspServer.start(world, config);
      const ours = () => natsts.log.texts("error").join("\n");
      assertEquals(
        await askMonitoring(world, natsts.server.monitorPort, ours),
        await askMonitoring(world, port, () => text),
      );
    }),
});
