/**
 * TCP on `Deno.listen` and `Deno.connect`. A read or write happens once per batch, so the
 * wrapper adds one promise to it and nothing else. Error texts are those of Go's `net` package,
 * which the reference logs as they come (server.go AcceptLoop, util.go natsListen).
 *
 * @module
 */
import {
  type Endpoint,
  type Listener,
  ListenError,
  type Net,
  type TlsState,
  type Transport,
  TransportError,
} from "../net.ts";
import { errnoCode, errnoText } from "./errno.ts";

/**
 * Connections the kernel completes before they are accepted. Deno's default of 128 makes a burst
 * of clients wait a second for a resent SYN.
 */
const ACCEPT_BACKLOG = 4096;

const IPV4_MAPPED_PREFIX = "::ffff:";
const CLOSED_REASON = "use of closed network connection";

/** Opens TCP sockets of this machine. */
export function systemNet(): Net {
  return { listen, dial, interfaceAddresses };
}

/** `host:port` as Go's `net.JoinHostPort` prints it: IPv6 addresses in brackets. */
function joinHostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function endpointOf(address: Deno.NetAddr): Endpoint {
  const host = address.hostname;
  // A dual-stack listener shows IPv4 peers as mapped IPv6 addresses; Go prints the IPv4 form.
  return {
    host: host.startsWith(IPV4_MAPPED_PREFIX) && host.includes(".")
      ? host.slice(IPV4_MAPPED_PREFIX.length)
      : host,
    port: address.port,
  };
}

/** True when `error` comes from our own `close()` and not from the network. */
function isClosedError(error: unknown): boolean {
  return error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted;
}

class TcpTransport implements Transport {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly tls: TlsState | null = null;
  readonly #conn: Deno.TcpConn;
  #closed = false;

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    this.local = endpointOf(conn.localAddr);
    this.remote = endpointOf(conn.remoteAddr);
  }

  async read(target: Uint8Array): Promise<number | null> {
    try {
      return await this.#conn.read(target);
    } catch (error) {
      throw this.#broken("read", error);
    }
  }

  async write(source: Uint8Array): Promise<number> {
    try {
      return await this.#conn.write(source);
    } catch (error) {
      throw this.#broken("write", error);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#conn.close();
  }

  #broken(operation: "read" | "write", cause: unknown): TransportError {
    const ends = `${joinHostPort(this.local.host, this.local.port)}->` +
      joinHostPort(this.remote.host, this.remote.port);
    if (this.#closed || isClosedError(cause)) {
      const message = `${operation} tcp ${ends}: ${CLOSED_REASON}`;
      return new TransportError(CLOSED_REASON, { cause, message });
    }
    const reason = errnoText(cause);
    return new TransportError(reason, {
      cause,
      message: `${operation} tcp ${ends}: ${operation}: ${reason}`,
    });
  }
}

function transportOf(conn: Deno.TcpConn): Transport {
  // The server batches writes itself; Nagle would only delay them.
  conn.setNoDelay(true);
  return new TcpTransport(conn);
}

class TcpListener implements Listener {
  readonly address: Endpoint;
  readonly #listener: Deno.TcpListener;
  #closed = false;

  constructor(listener: Deno.TcpListener) {
    this.#listener = listener;
    this.address = endpointOf(listener.addr as Deno.NetAddr);
  }

  async accept(): Promise<Transport> {
    try {
      return transportOf(await this.#listener.accept());
    } catch (error) {
      const at = joinHostPort(this.address.host, this.address.port);
      const closed = this.#closed || isClosedError(error);
      const reason = closed ? CLOSED_REASON : errnoText(error);
      throw new TransportError(reason, {
        cause: error,
        message: `accept tcp ${at}: ${closed ? "" : "accept4: "}${reason}`,
      });
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.close();
  }
}

/**
 * The addresses to try for a configured host, best first. Go listens on both IP versions when the
 * host is a wildcard of either kind, and prefers IPv4 for names that have both.
 */
function bindHosts(host: string): string[] {
  if (host === "" || host === "0.0.0.0" || host === "::") return ["::", "0.0.0.0"];
  if (host === "localhost") return ["127.0.0.1", "::1"];
  return [host];
}

/** True when the machine lacks the address's IP version, so that the other one may work. */
function isFamilyMissing(error: unknown): boolean {
  const code = errnoCode(error);
  return code === "EAFNOSUPPORT" || code === "EADDRNOTAVAIL";
}

/**
 * Calls `open` with each address to try for `host` until one can be had.
 *
 * @throws {ListenError} with the text of Go's `net.Listen`
 */
export function openOnHost<T>(host: string, port: number, open: (hostname: string) => T): T {
  if (!(Number.isInteger(port) && port >= 0 && port <= 65535)) {
    throw new ListenError(`listen tcp: address ${port}: invalid port`);
  }
  let failure: unknown;
  for (const hostname of bindHosts(host)) {
    try {
      return open(hostname);
    } catch (error) {
      failure = error;
      if (!isFamilyMissing(error)) break;
    }
  }
  const message = errnoCode(failure) === null
    ? `listen tcp: lookup ${host}: no such host`
    : `listen tcp ${joinHostPort(host, port)}: bind: ${errnoText(failure)}`;
  throw new ListenError(message, { cause: failure });
}

function listen(host: string, port: number): Listener {
  return openOnHost(host, port, (hostname) => {
    return new TcpListener(Deno.listen({ hostname, port, tcpBacklog: ACCEPT_BACKLOG }));
  });
}

async function dial(host: string, port: number, timeoutMs: number): Promise<Transport> {
  const at = joinHostPort(host, port);
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), timeoutMs);
  try {
    return transportOf(
      await Deno.connect({ hostname: host, port, signal: deadline.signal }),
    );
  } catch (cause) {
    if (deadline.signal.aborted) {
      throw new TransportError("i/o timeout", { cause, message: `dial tcp ${at}: i/o timeout` });
    }
    if (errnoCode(cause) === null) {
      throw new TransportError("no such host", {
        cause,
        message: `dial tcp: lookup ${host}: no such host`,
      });
    }
    const reason = errnoText(cause);
    throw new TransportError(reason, { cause, message: `dial tcp ${at}: connect: ${reason}` });
  } finally {
    clearTimeout(timer);
  }
}

/** Go's `IsGlobalUnicast` leaves out loopback and link-local addresses alike. */
function isGlobalUnicast(address: string): boolean {
  return !(address.startsWith("127.") || address.startsWith("169.254.") || address === "::1" ||
    /^fe[89ab]/i.test(address));
}

function interfaceAddresses(all = false): string[] {
  const addresses = Deno.networkInterfaces().map((item) => item.address);
  return all ? addresses : addresses.filter(isGlobalUnicast);
}
