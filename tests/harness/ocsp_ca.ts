/**
 * A root with two intermediate authorities below it, their responders, a server and clients: the
 * world in which clients are checked by OCSP.
 *
 * ```text
 * root (responder) ─┬─ intermediate1 (responder) ─┬─ server
 *                   │                             ├─ userA1, userA2
 *                   └─ intermediate2 (responder) ─┴─ userB1
 * ```
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { connect, type ConnectionOptions, type NatsConnection } from "@nats-io/transport-node";
import {
  applyBaseline,
  emptyOptions,
  type Options,
  processConfigText,
} from "../../src/config/mod.ts";
import type { Disk } from "../../src/platform/mod.ts";
import { systemConfigSource } from "../../src/platform/deno/config_source.ts";
import { systemEnvironment } from "../../src/platform/deno/environment.ts";
import { Server } from "../../src/server/server.ts";
import { CapturedLog } from "./captured_log.ts";
import {
  CertificateFactory,
  ExtendedKeyUsage,
  type IssuedCertificate,
  type KeyKind,
  writeBundle,
} from "./certs.ts";
import { type CertificateStatus, OcspResponder } from "./ocsp_responder.ts";

/** A certificate and the file of it and those above it. */
export interface Bundled extends IssuedCertificate {
  readonly bundleFile: string;
}

/** An authority and who answers for it. */
export interface OcspAuthority {
  readonly ca: IssuedCertificate;
  readonly responder: OcspResponder;
  /** May answer in the authority's place. */
  readonly delegate: IssuedCertificate;
}

/** See the module. */
export interface OcspWorld {
  readonly folder: string;
  readonly root: OcspAuthority;
  readonly first: OcspAuthority;
  readonly second: OcspAuthority;
  readonly server: Bundled;
  readonly userA1: Bundled;
  readonly userA2: Bundled;
  readonly userB1: Bundled;
}

const PLACE = "C=US, ST=WA, L=Tacoma, O=Testnats";

/** Runs `use` with fresh certificates and responders; nobody is known to be good. */
export async function withOcspWorld(
  use: (world: OcspWorld) => Promise<void>,
  keyKind: KeyKind = "p256",
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "natsts-ocsp-" });
  await using atRoot = OcspResponder.listen();
  await using atFirst = OcspResponder.listen();
  await using atSecond = OcspResponder.listen();
  try {
    const factory = new CertificateFactory(folder, keyKind);
    const authority = async (
      name: string,
      responder: OcspResponder,
      above?: OcspAuthority,
    ): Promise<OcspAuthority> => {
      const request = { subject: `${PLACE}, CN=${name}`, authority: true };
      const ca = above === undefined
        ? await factory.issue(name, request)
        : await factory.issue(name, { ...request, ocspUrl: above.responder.url }, above.ca);
      const delegate = await factory.issue(`${name}-ocsp`, {
        subject: `${PLACE}, CN=OCSP Responder`,
        usages: [ExtendedKeyUsage.ocspSigning],
      }, ca);
      responder.answer({ signer: delegate, embed: true });
      return { ca, responder, delegate };
    };
    const root = await authority("root", atRoot);
    const first = await authority("intermediate1", atFirst, root);
    const second = await authority("intermediate2", atSecond, root);
    const leaf = async (name: string, { ca, responder }: OcspAuthority): Promise<Bundled> => {
      const own = await factory.issue(name, {
        subject: `${PLACE}, CN=${name}`,
        names: [{ type: "dns", value: "localhost" }, { type: "ip", value: "127.0.0.1" }],
        ocspUrl: responder.url,
      }, ca);
      return { ...own, bundleFile: await writeBundle(own, ca) };
    };
    await use({
      folder,
      root,
      first,
      second,
      server: await leaf("TestServer1", first),
      userA1: await leaf("UserA1", first),
      userA2: await leaf("UserA2", first),
      userB1: await leaf("UserB1", second),
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Says what is known of a certificate of the first authority and of that authority. */
export function setFirst(
  { root, first }: OcspWorld,
  user: IssuedCertificate,
  status: CertificateStatus,
): void {
  root.responder.set(first.ca, "good");
  first.responder.set(user, status);
}

/** The `tls` block of a server whose clients are checked; `ocspPeer` is the value of `ocsp_peer`. */
export function ocspTlsBlock({ server, root }: OcspWorld, ocspPeer: string): string {
  return `tls {
    cert_file: "${server.bundleFile}"
    key_file: "${server.keyFile}"
    ca_file: "${root.ca.certFile}"
    timeout: 5
    verify: true
    ${ocspPeer === "" ? "" : `ocsp_peer: ${ocspPeer}`}
  }\n`;
}

/** A disk on which relative paths begin at `folder`. */
function diskAt(disk: Disk, folder: string): Disk {
  const at = (path: string): string => path.startsWith("/") ? path : `${folder}/${path}`;
  return {
    open: (path, mode) => disk.open(at(path), mode),
    readFile: (path) => disk.readFile(at(path)),
    writeFile: (path, content) => disk.writeFile(at(path), content),
    rename: (from, to) => disk.rename(at(from), at(to)),
    remove: (path) => disk.remove(at(path)),
    removeTree: (path) => disk.removeTree(at(path)),
    makeDirs: (path) => disk.makeDirs(at(path)),
    list: (path) => disk.list(at(path)),
    stat: (path) => disk.stat(at(path)),
    freeBytes: (path) => disk.freeBytes(at(path)),
    syncDir: (path) => disk.syncDir(at(path)),
    syncDirNow: (path) => disk.syncDirNow(at(path)),
  };
}

function optionsOf(config: string): Options {
  const options = emptyOptions();
  const text = `listen: "127.0.0.1:-1"\nhttp: "127.0.0.1:-1"\n${config}`;
  processConfigText(options, text, systemConfigSource());
  return options;
}

/** A server with the configuration `config`, whose working directory is the world's folder. */
export class OcspServer implements AsyncDisposable {
  readonly #clients: NatsConnection[] = [];

  private constructor(
    readonly world: OcspWorld,
    readonly server: Server,
    readonly log: CapturedLog,
    readonly time: { aheadMs: number },
  ) {}

  static async start(world: OcspWorld, config: string): Promise<OcspServer> {
    const options = optionsOf(config);
    applyBaseline(options);
    const log = new CapturedLog({ debug: true });
    const environment = systemEnvironment(log);
    const disk = diskAt(environment.disk, world.folder);
    const { clock } = environment;
    const time = { aheadMs: 0 };
    for (const { responder } of [world.root, world.first, world.second]) responder.aheadMs = 0;
    const server = new Server(options, {
      ...environment,
      disk,
      clock: { ...clock, nowMs: () => clock.nowMs() + time.aheadMs },
    });
    await server.prepare();
    server.start();
    return new OcspServer(world, server, log, time);
  }

  /** Takes another configuration over. */
  async reload(config: string): Promise<void> {
    await this.server.reloadOptions(optionsOf(config));
  }

  /** Lets time pass for the server and the responders. */
  advance(ms: number): void {
    this.time.aheadMs += ms;
    const { root, first, second } = this.world;
    for (const { responder } of [root, first, second]) responder.aheadMs += ms;
  }

  /** Connects with the certificate of `user`; rejects when it is refused. */
  async connect(user: Bundled, options: ConnectionOptions = {}): Promise<NatsConnection> {
    const client = await connect({
      servers: `localhost:${this.server.port}`,
      reconnect: false,
      timeout: 5000,
      tls: {
        ca: this.world.root.ca.certPem,
        cert: await Deno.readTextFile(user.bundleFile),
        key: user.keyPem,
      },
      ...options,
    });
    this.#clients.push(client);
    await client.flush();
    return client;
  }

  /** `/varz` as monitoring answers. */
  // deno-lint-ignore no-explicit-any -- tests look into it field by field
  async varz(): Promise<any> {
    const response = await fetch(`http://127.0.0.1:${this.server.monitorPort}/varz`);
    return await response.json();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    await this.server.stop();
  }
}

/** Connects and is served. */
export async function expectServed(server: OcspServer, user: Bundled): Promise<void> {
  const client = await server.connect(user);
  client.subscribe("ping", { callback: (_error, message) => void message.respond("pong") });
  await client.flush();
  assertEquals((await client.request("ping", "ping")).string(), "pong");
  await client.close();
}

/** Is refused, and the log says why. */
export async function expectRefused(server: OcspServer, user: Bundled): Promise<void> {
  await assertRejects(() => server.connect(user));
  assertEquals(
    server.log.texts("error", "TLS handshake error: client not OCSP valid").length,
    1,
    JSON.stringify(server.log.lines.slice(-20)),
  );
  assertEquals(server.server.clients.size, 0);
}

/** All that users need is good. */
export function setGood({ root, first, second, userA1, userB1 }: OcspWorld): void {
  root.responder.set(first.ca, "good");
  root.responder.set(second.ca, "good");
  first.responder.set(userA1, "good");
  second.responder.set(userB1, "good");
}

/** Removes the file of a cache. */
export async function withoutStore(world: OcspWorld, folder = "_rc_"): Promise<void> {
  await Deno.remove(`${world.folder}/${folder}`, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}
