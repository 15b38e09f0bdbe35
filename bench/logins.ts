/**
 * How many clients a second can log in with nkeys of the configuration, and with JWTs in operator
 * mode (resolver MEMORY), one after another and 50 at a time, on natsts and the Go server in turn:
 *
 * ```sh
 * deno run -A bench/logins.ts [--connections=2000] [--rounds=5]
 * ```
 *
 * Each client connects, signs the nonce of INFO, sends CONNECT and PING, and counts when PONG is
 * there; then it leaves. Each is a user of its own. The same against a server that says yes to all
 * shows what the client alone costs.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { encodePublicKey } from "../src/identity/mod.ts";
import {
  createAccount,
  encodeAccount,
  encodeOperator,
  encodeUser,
  operatorKeys,
} from "../tests/harness/jwt.ts";
import { freePort, type Kind, median, option, startServer, waitForPort } from "./harness.ts";

const CONNECTIONS = Number(option("connections", "2000"));
const ROUNDS = Number(option("rounds", "5"));
/** Not counted: compilers and caches settle. */
const WARM_UP = 300;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

interface User {
  readonly publicKey: string;
  readonly privateKey: KeyObject;
  /** The part of CONNECT that does not depend on the nonce. */
  readonly credentials: string;
}

interface Way {
  readonly name: string;
  readonly config: string;
  readonly users: readonly User[];
}

function newUser(credentialsOf: (publicKey: string) => Record<string, string>): User {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const der = publicKey.export({ format: "der", type: "spki" });
  const key = encodePublicKey("U", new Uint8Array(der.subarray(der.length - 32)));
  const credentials = JSON.stringify(credentialsOf(key)).slice(1, -1);
  return { publicKey: key, privateKey, credentials };
}

function users(credentialsOf: (publicKey: string) => Record<string, string>): User[] {
  return Array.from({ length: CONNECTIONS }, () => newUser(credentialsOf));
}

function byNkey(): Way {
  const all = users((nkey) => ({ nkey }));
  const list = all.map(({ publicKey }) => `{ nkey: ${publicKey} }`).join("\n");
  return { name: "nkey", config: `authorization { users = [\n${list}\n] }`, users: all };
}

function byJwt(): Way {
  const account = createAccount();
  const config = `
    operator: ${encodeOperator(operatorKeys)}
    resolver: MEMORY
    resolver_preload: { ${account.getPublicKey()}: ${encodeAccount(account)} }
  `;
  return { name: "JWT", config, users: users((key) => ({ jwt: encodeUser(key, account) })) };
}

/** Reads until `token` is there. */
async function readUntil(
  connection: Deno.Conn,
  buffer: Uint8Array<ArrayBuffer>,
  token: string,
): Promise<string> {
  for (let text = "";;) {
    const count = await connection.read(buffer);
    if (count === null) throw new Error(`the server closed the connection: ${text}`);
    text += decoder.decode(buffer.subarray(0, count));
    if (text.includes(token)) return text;
  }
}

async function logIn(port: number, user: User, buffer: Uint8Array<ArrayBuffer>): Promise<void> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const info = await readUntil(connection, buffer, "\r\n");
  const { nonce } = JSON.parse(info.slice(info.indexOf("{")));
  const sig = sign(null, Buffer.from(nonce), user.privateKey).toString("base64url");
  await connection.write(
    encoder.encode(`CONNECT {"verbose":false,${user.credentials},"sig":"${sig}"}\r\nPING\r\n`),
  );
  const answer = await readUntil(connection, buffer, "\r\n");
  if (!answer.startsWith("PONG")) throw new Error(answer);
  connection.close();
}

/** Logins a second with `atOnce` clients at a time. */
async function rateOf(port: number, { users }: Way, atOnce: number): Promise<number> {
  let next = 0;
  const run = async (end: number) => {
    await Promise.all(Array.from({ length: atOnce }, async () => {
      const buffer = new Uint8Array(4096);
      while (next < end) await logIn(port, users[next++ % users.length]!, buffer);
    }));
  };
  await run(WARM_UP);
  const startMs = performance.now();
  await run(WARM_UP + CONNECTIONS);
  return CONNECTIONS / (performance.now() - startMs) * 1000;
}

/** A server that says yes to everybody. */
const YES_SERVER = `
  const listener = Deno.listen({ hostname: "127.0.0.1", port: Number(Deno.args[0]), tcpBacklog: 4096 });
  const info = new TextEncoder().encode('INFO {"nonce":"0123456789abcdefghij"}\\r\\n');
  const pong = new TextEncoder().encode("PONG\\r\\n");
  for await (const connection of listener) void (async () => {
    try {
      await connection.write(info);
      const buffer = new Uint8Array(8192);
      while (await connection.read(buffer) !== null) await connection.write(pong);
      connection.close();
    } catch { connection.close(); }
  })();
`;

async function start(kind: Kind | "client alone", port: number, config: string) {
  if (kind !== "client alone") return startServer(kind, port, ["-c", config]);
  const script = `${config}.ts`;
  await Deno.writeTextFile(script, YES_SERVER);
  const args = ["run", "-A", "--no-check", script, String(port)];
  return new Deno.Command(Deno.execPath(), { args, stderr: "null" }).spawn();
}

async function measure(
  kind: Kind | "client alone",
  way: Way,
  directory: string,
): Promise<{ oneByOne: number; manyAtOnce: number }> {
  const port = freePort();
  const config = `${directory}/${way.name}.conf`;
  await Deno.writeTextFile(config, way.config);
  const server = await start(kind, port, config);
  try {
    await waitForPort(port);
    const oneByOne = await rateOf(port, way, 1);
    return { oneByOne, manyAtOnce: await rateOf(port, way, 50) };
  } finally {
    try {
      server.kill("SIGKILL");
    } catch (_ended) {
      // By itself: what came of that has been thrown already.
    }
    await server.status;
  }
}

const directory = await Deno.makeTempDir();
try {
  console.log("login,at once,natsts/s,Go/s,client alone/s,ratio,lowest,highest");
  for (const way of [byNkey(), byJwt()]) {
    const found: { own: number[]; go: number[]; client: number[] }[] = [1, 50].map(() => ({
      own: [],
      go: [],
      client: [],
    }));
    for (let round = 0; round < ROUNDS; round++) {
      for (
        const [kind, key] of [["natsts", "own"], ["go", "go"], ["client alone", "client"]] as const
      ) {
        const { oneByOne, manyAtOnce } = await measure(kind, way, directory);
        found[0]![key].push(oneByOne);
        found[1]![key].push(manyAtOnce);
      }
    }
    for (const [i, { own, go, client }] of found.entries()) {
      const ratios = own.map((rate, round) => rate / go[round]!);
      const figures = [median(own), median(go), median(client)].map(Math.round);
      const spread = [median(ratios), Math.min(...ratios), Math.max(...ratios)]
        .map((ratio) => ratio.toFixed(2));
      console.log([way.name, i === 0 ? 1 : 50, ...figures, ...spread].join(","));
    }
  }
} finally {
  await Deno.remove(directory, { recursive: true });
}
