/**
 * Other servers with the same system account: they are known by what they report, and forgotten
 * when they say that they go or have been silent for long.
 *
 * Reference: remoteConnsUpdate, remoteServerUpdate, remoteServerShutdown and checkRemoteServers in
 * server/events.go.
 *
 * @module
 */
import {
  decodeJson,
  field,
  int,
  JsonShapeError,
  JsonSyntaxError,
  type Shape,
  shape,
  text,
  uint64,
} from "../base/json/mod.ts";
import { byteStringOfText } from "../base/text/byte_string.ts";
import { goQuote } from "../base/text/go_format.ts";
import { updateRemoteServer } from "../core/account/remote_connections.ts";
import type { TimerHandle } from "../platform/mod.ts";
import type { ServiceRequest } from "./requests.ts";
import type { SystemSender } from "./sender.ts";

const CHECK_MS = 90_000;
const SILENCE_MS = 150_000;

/** How a server names itself, as far as that matters here. */
interface RemoteInfo {
  id: string;
  seq: number;
}

const remoteInfo: Shape<RemoteInfo> = shape("ServerInfo", () => ({ id: "", seq: 0 }), {
  id: field("id", text),
  seq: field("seq", uint64),
});

/** What a server reports of one of its accounts. */
interface AccountReport {
  server: RemoteInfo;
  account: string;
  connections: number;
  leafNodes: number;
}

const accountReport: Shape<AccountReport> = shape("AccountNumConns", () => ({
  server: remoteInfo.create(),
  account: "",
  connections: 0,
  leafNodes: 0,
}), {
  server: field("server", remoteInfo),
  account: field("acc", text),
  connections: field("conns", int),
  leafNodes: field("leafnodes", int),
});

const statisticsReport: Shape<{ server: RemoteInfo }> = shape(
  "ServerStatsMsg",
  () => ({ server: remoteInfo.create() }),
  { server: field("server", remoteInfo) },
);

/** What is known of a server. */
interface RemoteServer {
  /** Grows with each message that it sends. */
  seq: number;
  /** Monotonic time of its last message. */
  heardMs: number;
}

/** The servers that one server hears. */
export class RemoteServers {
  readonly #servers = new Map<string, RemoteServer>();
  #timer: TimerHandle | null = null;
  #stopped = false;
  /** Time between two looks for servers that are gone. */
  checkMs: number = CHECK_MS;
  /** A server that is silent for so long is gone. */
  silenceMs: number = SILENCE_MS;

  constructor(readonly sender: SystemSender) {}

  /** How many are there. */
  get count(): number {
    return this.#servers.size;
  }

  /** A server has reported the connections of one of its accounts. */
  accountReported({ body }: ServiceRequest): void {
    const { core, env, info } = this.sender.server;
    if (body.length === 0) return env.log.error("SYSTEM - No message body provided");
    const report = this.#read(accountReport, body, (wrong) =>
      env.log.error(
        `SYSTEM - Error unmarshalling account connection event message: ${wrong}`,
      ));
    if (report === null) return;
    // An account that is not in use here needs no count.
    const account = core.accounts.get(byteStringOfText(report.account));
    if (account === undefined) return;
    const { server, connections: clients, leafNodes } = report;
    if (server.id === info.server_id) {
      env.log.error("SYSTEM - Processing our own account connection event message: ignored");
      return;
    }
    const excess = updateRemoteServer(account, server.id, { clients, leafNodes });
    this.#heard(server);
    for (const connection of excess) connection.maxAccountConnectionsExceeded();
  }

  /** A server has reported its statistics. */
  statisticsReported({ body }: ServiceRequest): void {
    const { env, info } = this.sender.server;
    if (body.length === 0) {
      env.log.debug("Received empty server info for remote server update");
      return;
    }
    const report = this.#read(
      statisticsReport,
      body,
      () => env.log.debug("Received bad server info for remote server update"),
    );
    if (report !== null && report.server.id !== info.server_id) this.#heard(report.server);
  }

  /** A server goes, which stands in the subject. */
  left({ subject, body }: ServiceRequest): void {
    const { log } = this.sender.server.env;
    if (body.length === 0) {
      log.error(`Remote server sent invalid (empty) shutdown message to ${goQuote(subject)}`);
      return;
    }
    const info = this.#read(
      remoteInfo,
      body,
      () => log.debug("Received bad server info for remote server shutdown"),
    );
    if (info !== null) this.#forget(subject.split(".")[2]!);
  }

  #read<T>(shape: Shape<T>, body: Uint8Array, wrong: (text: string) => void): T | null {
    try {
      return decodeJson(shape, body);
    } catch (error) {
      if (!(error instanceof JsonShapeError || error instanceof JsonSyntaxError)) throw error;
      wrong(error.message);
      return null;
    }
  }

  #heard({ id, seq }: RemoteInfo): void {
    const { clock, log } = this.sender.server.env;
    const known = this.#servers.get(id);
    if (known !== undefined && seq <= known.seq) {
      log.error(`Received out of order remote server update from: ${goQuote(id)}`);
      return;
    }
    this.#servers.set(id, { seq, heardMs: clock.monotonicMs() });
    if (this.#timer === null) this.check();
  }

  #forget(id: string): void {
    if (!this.#servers.delete(id)) return;
    for (const account of this.sender.server.core.accounts.values()) account.remote?.remove(id);
  }

  /** Forgets servers that have been silent for too long, and looks again later. */
  check(): void {
    this.#clear();
    const { clock, log, loop } = this.sender.server.env;
    const nowMs = clock.monotonicMs();
    for (const [id, { heardMs }] of [...this.#servers]) {
      if (nowMs - heardMs <= this.silenceMs) continue;
      log.debug(`Detected orphan remote server: ${goQuote(id)}`);
      this.#forget(id);
    }
    if (this.#servers.size === 0 || this.#stopped) return;
    this.#timer = loop.setTimer(() => this.check(), this.checkMs);
  }

  /** Looks for nothing any more. */
  stop(): void {
    this.#stopped = true;
    this.#clear();
  }

  #clear(): void {
    if (this.#timer !== null) this.sender.server.env.loop.clearTimer(this.#timer);
    this.#timer = null;
  }
}
