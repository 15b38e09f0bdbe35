/**
 * A hub that this server connects to, again and again.
 *
 * Reference: leafNodeCfg and connectToRemoteLeafNode in server/leafnode.go.
 *
 * @module
 */
import { splitHostPort } from "../base/text/host_port.ts";
import {
  type Options,
  parseServerUrl,
  type RemoteLeafOptions,
  type ServerUrl,
  serverUrlsAreEqual,
  UrlError,
  type UrlUser,
} from "../config/mod.ts";
import type { Account } from "../core/account/account.ts";
import type { CoreEnvironment } from "../core/core.ts";
import { type Net, type Transport, TransportError } from "../platform/mod.ts";

/** How long a connect may take where the options do not say it. */
const DIAL_MS = 1000;

/** What remotes need of the world. */
export type RemoteEnvironment = CoreEnvironment & { readonly net: Net };

/** One remote of the configuration. */
export class RemoteLeaf {
  #urls: ServerUrl[];
  #current: ServerUrl | null = null;
  #delayMs = 0;
  #attempts = 0;
  #first = true;
  #stopped = false;
  #wake: (() => void) | null = null;
  /** Credentials of the configuration, for hubs that were discovered. */
  readonly #user: UrlUser | null;

  constructor(
    readonly options: RemoteLeafOptions,
    readonly account: Account,
    readonly server: Options,
    readonly env: RemoteEnvironment,
  ) {
    this.#urls = [...options.urls];
    if (!options.noRandomize) {
      for (let i = this.#urls.length - 1; i > 0; i--) {
        const j = env.random.below(i + 1);
        [this.#urls[i], this.#urls[j]] = [this.#urls[j]!, this.#urls[i]!];
      }
    }
    this.#user = this.#urls.find(({ user }) => user !== null)?.user ?? null;
  }

  /** Who this server logs in as at the present hub. */
  get user(): UrlUser | null {
    return this.#current?.user ?? this.#user;
  }

  /** Connects until {@linkcode stop}; `serve` resolves when a connection is gone. */
  async run(serve: (transport: Transport) => Promise<void>): Promise<void> {
    while (!this.#stopped) {
      const delayMs = this.#delayMs;
      this.#delayMs = 0;
      if (delayMs > 0) await this.#sleep(delayMs);
      const transport = await this.#dial();
      if (transport === null) return;
      await serve(transport);
      await this.#sleep(this.server.leafNode.reconnectIntervalMs);
    }
  }

  /** A connection, or null once this is stopped. */
  async #dial(): Promise<Transport | null> {
    const { log, net, random } = this.env;
    const { reconnectIntervalMs } = this.server.leafNode;
    while (!this.#stopped) {
      const { host: address } = this.#nextUrl();
      try {
        log.debug(`Trying to connect as leafnode to remote server on "${address}"`);
        const { host, port } = splitHostPort(address);
        const dialMs = this.options.dialTimeoutMs || this.server.leafNode.dialTimeoutMs || DIAL_MS;
        const transport = await net.dial(host, Number(port), dialMs);
        if (!this.#stopped) return transport;
        transport.close();
      } catch (error) {
        if (!(error instanceof TransportError)) throw error;
        if (this.#stopped) break;
        this.#attempts++;
        const text = `Error trying to connect as leafnode to remote server "${address}" ` +
          `(attempt ${this.#attempts}): ${error.message}`;
        if (this.#mayReport()) log.error(text);
        else log.debug(text);
        await this.#sleep(reconnectIntervalMs * (1 + random.unit()));
      }
    }
    return null;
  }

  /** Not every failure is worth a line. */
  #mayReport(): boolean {
    const every = this.#first ? this.server.connectErrorReports : this.server.reconnectErrorReports;
    return this.#attempts === 1 || this.#attempts % Math.max(1, every) === 0;
  }

  #nextUrl(): ServerUrl {
    const current = this.#current;
    if (current !== null && this.#urls.length > 1 && serverUrlsAreEqual(current, this.#urls[0]!)) {
      this.#urls.push(this.#urls.shift()!);
    }
    this.#current = this.#urls[0]!;
    return this.#current;
  }

  /** The hub has taken this server in. */
  connected(): void {
    this.#attempts = 0;
    this.#first = false;
  }

  /** Puts the next attempt off by at least `delayMs`. */
  delay(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  /** The hub tells where else its cluster can be reached, `host:port` each. */
  discovered(addresses: readonly string[]): void {
    const { urls: configured } = this.options;
    const found: ServerUrl[] = [];
    for (const address of addresses) {
      if (configured.some(({ host }) => host === address)) continue;
      try {
        found.push(parseServerUrl(`nats-leaf://${address}`));
      } catch (error) {
        if (!(error instanceof UrlError)) throw error;
        this.env.log.error(`Error parsing url "${address}": ${error.message}`);
      }
    }
    this.#urls = [...found, ...configured];
  }

  async #sleep(delayMs: number): Promise<void> {
    if (this.#stopped) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.env.loop.setTimer(resolve, delayMs);
    this.#wake = resolve;
    await promise;
    this.#wake = null;
    this.env.loop.clearTimer(timer);
  }

  /** Connects no more; a connection that is there stays. */
  stop(): void {
    this.#stopped = true;
    this.#wake?.();
  }
}
