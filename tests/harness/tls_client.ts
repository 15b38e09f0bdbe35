/**
 * A raw client's TLS, over a socket or over a connection inside the process.
 *
 * @module
 */
import { Duplex } from "node:stream";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import type { Socket } from "node:net";
import type { RawConnection } from "./raw_client.ts";

/** `inner` as the stream that TLS wants below it. */
function streamOver(inner: RawConnection): Duplex {
  const buffer = new Uint8Array(16 * 1024);
  return new Duplex({
    read() {
      inner.read(buffer).then(
        (count) => void this.push(count === null ? null : buffer.slice(0, count)),
        () => void this.push(null),
      );
    },
    write(chunk: Uint8Array, _encoding, done) {
      const writeAll = async (): Promise<void> => {
        for (let at = 0; at < chunk.length;) at += await inner.write(chunk.subarray(at));
      };
      writeAll().then(() => done(), done);
    },
    destroy(error, done) {
      inner.close();
      done(error);
    },
  });
}

/** Shakes hands over `inner`; rejects when that fails. */
export async function tlsOver(
  inner: RawConnection,
  options: ConnectionOptions,
): Promise<RawConnection> {
  const socket: TLSSocket = connect({
    ...options,
    socket: streamOver(inner) as unknown as Socket,
  });
  const queue: Uint8Array[] = [];
  let ended = false;
  let wake: (() => void) | null = null;
  const awake = (): void => {
    wake?.();
    wake = null;
  };
  const end = (): void => {
    ended = true;
    awake();
  };
  socket.on("data", (chunk: Uint8Array) => {
    queue.push(chunk);
    awake();
  });
  socket.on("end", end);
  socket.on("close", end);
  await new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", () => resolve());
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed during the handshake")));
  });
  socket.on("error", end);
  return {
    async read(target) {
      while (queue.length === 0) {
        if (ended) return null;
        await new Promise<void>((resolve) => wake = resolve);
      }
      const chunk = queue.shift()!;
      const part = chunk.subarray(0, target.length);
      target.set(part);
      if (part.length < chunk.length) queue.unshift(chunk.subarray(part.length));
      return part.length;
    },
    write: (bytes) =>
      new Promise((resolve, reject) => {
        socket.write(bytes.slice(), (error) => error ? reject(error) : resolve(bytes.length));
      }),
    close() {
      socket.destroy();
      end();
    },
  };
}
