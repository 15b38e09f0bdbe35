/**
 * The server name in a TLS ClientHello (RFC 8446 section 4.1.2, RFC 6066 section 3). It picks the
 * certificate before the handshake begins.
 *
 * @module
 */

const EXTENSION_SERVER_NAME = 0;
const RECORD_HEADER_BYTES = 5;
const HANDSHAKE_HEADER_BYTES = 4;
const VERSION_AND_RANDOM_BYTES = 34;

/** The name that the client asks for, or "" when `hello`, the first record, has none. */
export function readServerName(hello: Uint8Array): string {
  const view = new DataView(hello.buffer, hello.byteOffset, hello.byteLength);
  try {
    let at = RECORD_HEADER_BYTES + HANDSHAKE_HEADER_BYTES + VERSION_AND_RANDOM_BYTES;
    at += 1 + view.getUint8(at); // session id
    at += 2 + view.getUint16(at); // cipher suites
    at += 1 + view.getUint8(at); // compression methods
    const end = at + 2 + view.getUint16(at);
    at += 2;
    while (at + 4 <= end) {
      const type = view.getUint16(at);
      const size = view.getUint16(at + 2);
      at += 4;
      if (type === EXTENSION_SERVER_NAME) {
        // One list with one entry of type host name.
        const length = view.getUint16(at + 3);
        return String.fromCharCode(...hello.subarray(at + 5, at + 5 + length));
      }
      at += size;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    // Cut off or malformed: TLS itself will say so.
  }
  return "";
}
