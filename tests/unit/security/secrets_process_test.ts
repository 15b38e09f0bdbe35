/**
 * Secrets of a server that runs as a process of its own: what is in its configuration, in its
 * environment, in the files that it reads and in the logins of its clients is in no command line of
 * any process, no log at any level, no page of monitoring and no error.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { hashSync } from "bcryptjs";
import {
  type Authenticator,
  connect,
  type ConnectionOptions,
  jwtAuthenticator,
  nkeyAuthenticator,
} from "@nats-io/transport-node";
import { withCertificates } from "../../harness/certs.ts";
import {
  createAccount,
  createUser,
  encodeAccount,
  encodeOperator,
  encodeUser,
  type KeyPair,
} from "../../harness/jwt.ts";
import { until } from "../../harness/server.ts";
import { assertNone, PAGES } from "./_secrets.ts";

const START_MS_MAX = 60_000;
const main = new URL("../../../main.ts", import.meta.url).pathname;
const decoder = new TextDecoder();

/** Nobody else on the machine has it in his command line. */
function newSecret(name: string): string {
  return `${name}-${crypto.randomUUID()}`;
}

function seedOf(pair: KeyPair): string {
  return decoder.decode(pair.getSeed());
}

function command(args: readonly string[], env: Record<string, string> = {}): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", main, ...args],
    env,
    stdout: "piped",
    stderr: "piped",
  });
}

/** A server in a process of its own; ends with its block. */
class ServerProcess implements AsyncDisposable {
  log = "";
  readonly process: Deno.ChildProcess;
  readonly #reading: Promise<unknown>;

  private constructor(args: readonly string[], env: Record<string, string>) {
    this.process = command(args, env).spawn();
    const { stdout, stderr } = this.process;
    this.#reading = Promise.all(
      [stdout, stderr].map((stream) =>
        stream.pipeThrough(new TextDecoderStream())
          .pipeTo(new WritableStream({ write: (text) => void (this.log += text) }))
      ),
    );
  }

  static async start(
    args: readonly string[],
    env: Record<string, string> = {},
  ): Promise<ServerProcess> {
    const server = new ServerProcess(args, env);
    try {
      await until(() => server.log.includes("Server is ready"), () => server.log, START_MS_MAX);
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  get port(): number {
    return Number(/Listening for client connections on [^ ]*:(\d+)/.exec(this.log)![1]);
  }

  /** Everything that monitoring shows. */
  async pages(): Promise<string> {
    const [, port] = /http monitor on [^ ]*:(\d+)/.exec(this.log)!;
    const pages = PAGES.map(async (page) => {
      const response = await fetch(`http://127.0.0.1:${port}/${page}`);
      return `${page}\n${await response.text()}`;
    });
    return (await Promise.all(pages)).join("\n");
  }

  /** Logs in, does a little, and leaves; returns the error when it is refused. */
  async logIn(options: ConnectionOptions): Promise<string> {
    try {
      const nc = await connect({
        servers: `127.0.0.1:${this.port}`,
        reconnect: false,
        timeout: START_MS_MAX,
        ...options,
      });
      nc.publish("greetings", "hello");
      await nc.flush();
      await nc.close();
      return "";
    } catch (error) {
      return `${error}\n${(error as Error).cause ?? ""}`;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.process.kill("SIGTERM");
    } catch (_ended) {
      // It could not start.
    }
    await this.process.status;
    await this.#reading;
  }
}

/** The command lines of all processes of the machine; empty where there is no such folder. */
function commandLines(): string {
  if (Deno.build.os !== "linux") return "";
  const lines: string[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      lines.push(Deno.readTextFileSync(`/proc/${name}/cmdline`).replaceAll("\0", " "));
    } catch (_gone) {
      continue;
    }
  }
  assert(lines.some((line) => line.includes("main.ts")));
  return lines.join("\n");
}

/** Looks everywhere for what must not be there. */
async function assertQuiet(
  server: ServerProcess,
  secrets: readonly string[],
  errors: readonly string[],
): Promise<void> {
  assertNone(commandLines(), secrets, "a command line");
  assertNone(await server.pages(), secrets, "monitoring");
  assertNone(errors.join("\n"), secrets, "an error");
  assertNone(server.log, secrets, "the log");
}

const HEAD = `
  listen: "127.0.0.1:-1", http: "127.0.0.1:-1", debug: true, trace: true
`;

Deno.test("secrets of the command line are on no page and in no log", async () => {
  const secret = newSecret("flag");
  await using server = await ServerProcess.start([
    ...["-a", "127.0.0.1", "-p", "-1", "-m", "-1", "-DV"],
    ...["--user", "u", "--pass", secret],
  ]);
  assertNone(await server.pages(), [secret], "a page");
  assertNone(server.log, [secret], "the log");
});

Deno.test("secrets of a configuration and of its users stay inside the process", async () => {
  await withCertificates(async ({ factory, ca, server: { certFile, keyFile, keys } }) => {
    const [plain, wrong, encryption, hashed] = ["plain", "wrong", "encryption", "hashed"]
      .map(newSecret) as [string, string, string, string];
    const env = { SECRET_PASSWORD: newSecret("env"), SECRET_STORE_KEY: encryption };
    const hash = hashSync(hashed, 4);
    const [user, stranger] = [createUser(), createUser()];
    const config = `${factory.folder}/server.conf`;
    const text = `${HEAD}
      jetstream { store_dir: "${factory.folder}/js", key: $SECRET_STORE_KEY, cipher: aes }
      tls { cert_file: "${certFile}", key_file: "${keyFile}", ca_file: "${ca.certFile}" }
      accounts {
        APP { jetstream: enabled, users [
          { user: plain, password: "${plain}" }, { user: hashed, password: "${hash}" }
          { user: env, password: $SECRET_PASSWORD }, { nkey: ${user.getPublicKey()} }
        ] }
        SYS { users [ { user: sys, password: "${plain}-sys" } ] }
      }
      system_account: SYS
    `;
    await Deno.writeTextFile(config, text);
    const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", keys.privateKey));
    const keyLines = (await Deno.readTextFile(keyFile)).split("\n")
      .filter((line) => line !== "" && !line.startsWith("-----"));
    const secrets = [
      ...[plain, wrong, encryption, hashed, hash, env.SECRET_PASSWORD],
      ...[seedOf(user), seedOf(stranger)],
      // The key of the certificate: as it is in its file, whole, and in another writing.
      ...[...keyLines, pkcs8.toBase64(), pkcs8.slice(-32).toHex()],
    ];
    await using server = await ServerProcess.start(["-c", config], env);
    const tls = { caFile: ca.certFile };
    const seed = (pair: KeyPair): Authenticator => nkeyAuthenticator(pair.getSeed());
    // One who says to be `user` and signs with another key.
    const liar: Authenticator = (nonce) => ({
      ...nkeyAuthenticator(stranger.getSeed())(nonce) as { sig: string },
      nkey: user.getPublicKey(),
    });
    const good: ConnectionOptions[] = [
      { user: "plain", pass: plain },
      { user: "hashed", pass: hashed },
      { user: "env", pass: env.SECRET_PASSWORD },
      { authenticator: seed(user) },
    ];
    const bad: ConnectionOptions[] = [
      { user: "plain", pass: wrong },
      { user: "hashed", pass: wrong },
      { user: "hashed", pass: hash },
      { user: "nobody", pass: wrong },
      { token: wrong },
      { authenticator: seed(stranger) },
      { authenticator: liar },
    ];
    for (const login of good) assertEquals(await server.logIn({ ...login, tls }), "");
    const errors: string[] = [];
    for (const login of bad) errors.push(await server.logIn({ ...login, tls }));
    assert(errors.every((error) => error.includes("Authorization Violation")), errors.join("\n"));
    assert(server.log.includes("CONNECT {") && server.log.includes("[REDACTED]"));
    await assertQuiet(server, secrets, errors);

    // A configuration that cannot be loaded again is told of without what is in it.
    const late = newSecret("late");
    await Deno.writeTextFile(config, `${text}\nauthorization { token: "${late}", wrong: 1 }`);
    server.process.kill("SIGHUP");
    await until(() => server.log.includes("Failed to reload"), () => server.log, START_MS_MAX);
    assertNone(server.log, [late, plain, encryption], "the log");
  });
});

Deno.test("bearers' JWTs, seeds and tokens stay inside the process", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const account = createAccount();
    const [bearerKeys, userKeys, sentinelKeys] = [createUser(), createUser(), createUser()];
    const bearer = encodeUser(bearerKeys, account, { bearer_token: true });
    const sentinel = encodeUser(sentinelKeys, account, { bearer_token: true });
    const user = encodeUser(userKeys, account);
    const config = `${directory}/operator.conf`;
    await Deno.writeTextFile(
      config,
      `${HEAD}
      operator: ${encodeOperator()}
      resolver: MEMORY
      resolver_preload: { ${account.getPublicKey()}: ${encodeAccount(account)} }
      default_sentinel: ${sentinel}
    `,
    );
    await using server = await ServerProcess.start(["-c", config]);
    const good = [
      { authenticator: jwtAuthenticator(bearer) },
      { authenticator: jwtAuthenticator(user, userKeys.getSeed()) },
      {},
    ];
    for (const login of good) assertEquals(await server.logIn(login), "");
    const forged = `${bearer.slice(0, -10)}AAAAAAAAAA`;
    const errors = [
      await server.logIn({ authenticator: jwtAuthenticator(user, bearerKeys.getSeed()) }),
      await server.logIn({ authenticator: jwtAuthenticator(user) }),
    ];
    assert(errors.every((error) => error.includes("Authorization Violation")), errors.join("\n"));
    errors.push(await server.logIn({ authenticator: jwtAuthenticator(forged) }));
    const seeds = [bearerKeys, userKeys, sentinelKeys, account].map(seedOf);
    await assertQuiet(server, [bearer, sentinel, forged, ...seeds], errors);

    const token = newSecret("token");
    const simple = `${directory}/token.conf`;
    await Deno.writeTextFile(simple, `${HEAD}\nauthorization { token: $SECRET_TOKEN }`);
    await using byToken = await ServerProcess.start(["-c", simple], { SECRET_TOKEN: token });
    assertEquals(await byToken.logIn({ token }), "");
    const wrong = newSecret("wrong");
    const refused = await byToken.logIn({ token: wrong });
    assert(refused.includes("Authorization Violation"), refused);
    await assertQuiet(byToken, [token, wrong], [refused]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("errors in a configuration show no secret of it", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const secret = newSecret("config");
    const configs = [
      `authorization { user: u, password: "${secret}", token: "${secret}" }`,
      `authorization { user: u, password: ["${secret}"] }`,
      `authorization { user: u, password: { a: "${secret}" } }`,
      `authorization { user: u, password: "${secret}", wrong: 1 }`,
      `authorization { user: u, password: "${secret} }`,
      `authorization { token: 12 "${secret}" }`,
      `authorization { users: [ { nkey: "SU${secret}" } ] }`,
      `accounts { A { users: [ { user: u, password: "${secret}" }, { user: u, password: "${secret}" } ] } }`,
      `jetstream { key: ["${secret}"] }`,
      `authorization { user: u, password: $SECRET, token: $SECRET }`,
      `leafnodes { remotes: [ { url: "nats://u:${secret}@:99999x" } ] }`,
      `leafnodes { remotes: [ { url: "nats://u:${secret}/${secret}@host" } ] }`,
      `cluster { authorization { user: u, password: "${secret}", x: 1 }, routes: ["nats://u:${secret}@[bad"] }`,
      `gateway { name: A, gateways: [ { name: B, url: "nats://u:${secret}@[bad" } ] }`,
      `leafnodes { remotes: [ { url: "nats://h", proxy { url: "http://u:${secret}@[bad" } } ] }`,
    ];
    const outputs = await Promise.all(configs.map(async (config, i) => {
      const path = `${directory}/${i}.conf`;
      await Deno.writeTextFile(path, config);
      const { code, stdout, stderr } = await command(["-t", "-c", path], { SECRET: secret })
        .output();
      assertEquals(code, 1, config);
      return `${config}\n`.replaceAll(secret, "…") + decoder.decode(stdout) +
        decoder.decode(stderr);
    }));
    const flags = await command(["--routes", `nats://u:${secret}@[bad`, "--cluster", "nats://h:1"])
      .output();
    assertNone(outputs.join("\n"), [secret], "an error");
    const said = decoder.decode(flags.stderr);
    assert(flags.code !== 0 && said.includes("xxxxx"), said);
    assertNone(said, [secret], "an error of flags");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
