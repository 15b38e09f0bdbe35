/**
 * Where log lines end up: standard error, files and the system's log.
 *
 * @module
 */
import dgram from "node:dgram";
import net from "node:net";
import type { LogFiles, SyslogConnection } from "../log.ts";

const encoder = new TextEncoder();
const LOG_FILE_MODE = 0o640;
/** Where syslog daemons listen (Go's log/syslog). */
const LOCAL_SYSLOG_PATHS = ["/dev/log", "/var/run/syslog", "/var/run/log"];

/** The files of this machine. */
export function systemLogFiles(): LogFiles {
  return {
    open: (path) => {
      const file = Deno.openSync(path, { append: true, create: true, mode: LOG_FILE_MODE });
      return {
        sizeBytes: file.statSync().size,
        write: (bytes) => {
          for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
        },
        close: () => file.close(),
      };
    },
    rename: (from, to) => Deno.renameSync(from, to),
    remove: (path) => Deno.removeSync(path),
    names: (folder) =>
      [...Deno.readDirSync(folder)].filter((entry) => !entry.isDirectory)
        .map((entry) => entry.name),
  };
}

/** Writes lines to standard error. */
export function standardErrorLines(): { isTerminal: boolean; write(line: string): void } {
  return {
    isTerminal: Deno.stderr.isTerminal(),
    write: (line) => void Deno.stderr.writeSync(encoder.encode(line)),
  };
}

/** A connection that loses lines while nobody takes them, as a log must not stop its server. */
export function dialSyslog(
  network: "udp" | "tcp" | "unix" | "local",
  address: string,
): SyslogConnection {
  switch (network) {
    case "udp":
      return udpSyslog(address);
    case "tcp": {
      const { hostname, port } = new URL(`tcp://${address}`);
      const host = hostname.replace(/^\[|\]$/g, "");
      return streamSyslog(() => net.connect({ host, port: Number(port) }));
    }
    case "unix":
      return streamSyslog(() => net.connect({ path: address }));
    case "local":
      return localSyslog();
  }
}

function udpSyslog(address: string): SyslogConnection {
  const { hostname, port } = new URL(`udp://${address}`);
  const host = hostname.replace(/^\[|\]$/g, "");
  const socket = dgram.createSocket(host.includes(":") ? "udp6" : "udp4");
  socket.on("error", () => {});
  socket.unref();
  return {
    send: (line) => socket.send(encoder.encode(line), Number(port), host, () => {}),
    close: () => socket.close(),
  };
}

/** A stream that is opened again when it broke, with the line that found out. */
function streamSyslog(connect: () => net.Socket): SyslogConnection {
  const open = (): net.Socket => {
    const socket = connect();
    socket.on("error", () => {});
    socket.unref();
    return socket;
  };
  let socket = open();
  return {
    send: (line) => {
      if (socket.destroyed) socket = open();
      socket.write(line);
    },
    close: () => void socket.destroy(),
  };
}

/** The daemon of this machine. Throws when there is none. */
function localSyslog(): SyslogConnection {
  for (const path of LOCAL_SYSLOG_PATHS) {
    try {
      if (!Deno.statSync(path).isSocket) continue;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) continue;
      throw error;
    }
    return datagramSyslog(path) ?? streamSyslog(() => net.connect({ path }));
  }
  throw new Error("Unix syslog delivery error");
}

/** What Deno has for datagrams over Unix sockets, behind `--unstable-net`. */
interface UnixDatagrams {
  listenDatagram?(options: { transport: "unixpacket"; path: string }): {
    send(bytes: Uint8Array, to: { transport: "unixpacket"; path: string }): Promise<number>;
    close(): void;
  };
}

function datagramSyslog(path: string): SyslogConnection | null {
  const { listenDatagram } = Deno as unknown as UnixDatagrams;
  if (listenDatagram === undefined) return null;
  const folder = Deno.makeTempDirSync({ prefix: "natsts-syslog-" });
  const socket = listenDatagram({ transport: "unixpacket", path: `${folder}/socket` });
  return {
    send: (line) => {
      // A daemon that is away loses the line; the next one finds it again.
      socket.send(encoder.encode(line), { transport: "unixpacket", path }).catch(() => {});
    },
    close: () => {
      socket.close();
      Deno.removeSync(folder, { recursive: true });
    },
  };
}
