/**
 * Frames of the WebSocket protocol, taken apart and made.
 *
 * Ports: server/websocket_test.go
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ClosedState } from "../../../src/core/connection/closed_state.ts";
import { TransportError } from "../../../src/platform/mod.ts";
import { closeStatusOf } from "../../../src/server/websocket.ts";
import {
  closePayload,
  CloseStatus,
  CONTROL_BYTES_MAX,
  FrameError,
  FrameReader,
  isControl,
  Opcode,
  writeFrameHeader,
} from "../../../src/transport/websocket/frames.ts";
import {
  clientFrame,
  type Frame,
  joined,
  Peer,
  serve,
  serverFrames,
} from "../../harness/websocket.ts";
import { SeededRandom } from "../../sim/random.ts";

const random = new SeededRandom(1);
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function frame(
  opcode: number,
  payload: string | Uint8Array,
  more: Partial<Frame> = {},
): Uint8Array {
  const bytes = typeof payload === "string" ? encoder.encode(payload) : payload;
  return clientFrame(random, { opcode, payload: bytes, ...more });
}

/** A peer whose bytes come in the given pieces, and then end or fail. */
class PieceByPiece extends Peer {
  constructor(readonly pieces: Uint8Array[], readonly failure: Error | null = null) {
    super(new Uint8Array(0), random);
  }

  override read(target: Uint8Array): Promise<number | null> {
    const piece = this.pieces.shift();
    if (piece === undefined) {
      return this.failure === null ? Promise.resolve(null) : Promise.reject(this.failure);
    }
    target.set(piece);
    return Promise.resolve(piece.length);
  }
}

/** What the server makes of the pieces: what it read, what it answered, and how it ended. */
async function exchange(pieces: Uint8Array[], failure: Error | null = null) {
  const peer = new PieceByPiece(pieces, failure);
  const transport = serve(peer);
  const reads: string[] = [];
  let error = "";
  try {
    for (;;) {
      const target = new Uint8Array(100_000);
      const count = await transport.read(target);
      if (count === null) break;
      reads.push(decoder.decode(target.subarray(0, count)));
    }
  } catch (thrown) {
    error = (thrown as Error).message;
  }
  for (let i = 0; i < 10; i++) await Promise.resolve();
  return { reads, error, answers: serverFrames(joined(peer.got)) };
}

Deno.test("TestWSIsControlFrame", () => {
  assertEquals([Opcode.Binary, Opcode.Text].map(isControl), [false, false]);
  assertEquals([Opcode.Ping, Opcode.Pong, Opcode.Close].map(isControl), [true, true, true]);
});

Deno.test("TestWSUnmask", () => {
  const text = "this is a clear text";
  const whole = frame(Opcode.Binary, text);
  assert(!decoder.decode(whole).includes("clear"));
  for (const cuts of [[whole.length], [9, 17, whole.length]]) {
    const reader = new FrameReader({ onControl: () => {}, onCompressed: () => {} }, true, false);
    let seen = "";
    let from = 0;
    for (const to of cuts) {
      const part = whole.slice(from, to);
      seen += decoder.decode(part.subarray(0, reader.decode(part, 0, part.length, 0)));
      from = to;
    }
    assertEquals(seen, text);
  }
});

Deno.test("TestWSCreateCloseMessage", () => {
  const letters = (size: number): string =>
    Array.from({ length: size }, (_, i) => String.fromCharCode(65 + i % 26)).join("");
  const fits = closePayload(CloseStatus.InternalError, letters(10));
  assertEquals(fits[0]! * 256 + fits[1]!, CloseStatus.InternalError);
  assertEquals(decoder.decode(fits.subarray(2)), letters(10));
  const cut = closePayload(CloseStatus.ProtocolError, letters(CONTROL_BYTES_MAX + 10));
  assertEquals(cut[0]! * 256 + cut[1]!, CloseStatus.ProtocolError);
  assertEquals(cut.length - 2, CONTROL_BYTES_MAX - 2);
  assert(decoder.decode(cut).endsWith("..."));
});

Deno.test("TestWSCreateFrameHeader", () => {
  for (const compressed of [false, true]) {
    for (
      const [opcode, size] of [[Opcode.Binary, 10], [Opcode.Text, 600], [
        Opcode.Text,
        100_000,
      ]] as const
    ) {
      const out = new Uint8Array(14);
      const length = writeFrameHeader(out, 0, { opcode, final: true, compressed }, size);
      assertEquals(out[0], opcode | 0x80 | (compressed ? 0x40 : 0));
      const view = new DataView(out.buffer);
      if (size <= 125) assertEquals([length, out[1]], [2, size]);
      else if (size < 65536) assertEquals([length, out[1], view.getUint16(2)], [4, 126, size]);
      else assertEquals([length, out[1], view.getBigUint64(2)], [10, 127, BigInt(size)]);
    }
  }
});

Deno.test("TestWSReadUncompressedFrames", async () => {
  const both = joined([frame(2, "first message"), frame(2, "second message")]);
  assertEquals((await exchange([both.slice()])).reads, ["first messagesecond message"]);
  const pieces = [both.slice(0, 11), both.slice(11, 32), both.slice(32)];
  assertEquals((await exchange(pieces)).reads, ["first", " messagesecond ", "message"]);
});

Deno.test("TestWSReadVariousFrameSizes", async () => {
  for (const size of [100, 1000, 70_000]) {
    const text = Array.from({ length: size }, (_, i) => String.fromCharCode(65 + i % 26)).join("");
    assertEquals((await exchange([frame(2, text)])).reads, [text]);
  }
});

Deno.test("TestWSReadFragmentedFrames", async () => {
  const pieces = [
    frame(2, "first", { final: false }),
    frame(0, "second", { final: false }),
    frame(0, "third"),
  ];
  assertEquals((await exchange(pieces)).reads, ["first", "second", "third"]);
});

Deno.test("TestWSReadPartialFrameHeaderAtEndOfReadBuffer", async () => {
  const [one, two] = [frame(2, "msg1"), frame(2, "msg2")];
  const pieces = [joined([one, two.slice(0, 1)]), two.slice(1, 6), two.slice(6)];
  assertEquals((await exchange(pieces)).reads, ["msg1", "msg2"]);
});

Deno.test("TestWSReadPingFrame", async () => {
  for (const payload of ["", "optional payload"]) {
    const { reads, answers } = await exchange([frame(Opcode.Ping, payload)]);
    assertEquals(reads, []);
    assertEquals(answers, [{ first: 0x80 | Opcode.Pong, payload: encoder.encode(payload) }]);
  }
});

Deno.test("TestWSReadPongFrame", async () => {
  for (const payload of ["", "optional payload"]) {
    const { reads, answers } = await exchange([frame(Opcode.Pong, payload)]);
    assertEquals([reads, answers], [[], []]);
  }
});

Deno.test("TestWSReadCloseFrame", async () => {
  for (
    const payload of [
      closePayload(1000, ""),
      closePayload(1000, "optional payload"),
      new Uint8Array(0),
    ]
  ) {
    const { reads, answers, error } = await exchange([
      joined([frame(2, "msg"), frame(8, payload)]),
    ]);
    assertEquals([reads, error], [["msg"], ""]);
    assertEquals(answers, [{ first: 0x80 | Opcode.Close, payload }]);
  }
});

Deno.test("TestWSReadControlFrameBetweebFragmentedFrames", async () => {
  const wire = joined([
    frame(2, "first", { final: false }),
    frame(Opcode.Pong, ""),
    frame(0, "second"),
  ]);
  assertEquals((await exchange([wire])).reads, ["firstsecond"]);
});

Deno.test("TestWSCloseFrameWithPartialOrInvalid", async () => {
  const payload = closePayload(CloseStatus.Normal, "hello");
  const close = frame(8, payload);
  const good = await exchange([close.slice(0, 1), close.slice(1)]);
  assertEquals([good.reads, good.error], [[], ""]);
  assertEquals(good.answers, [{ first: 0x80 | Opcode.Close, payload }]);
  for (
    const [bad, text] of [
      [payload.slice(0, 1), "close frame payload cannot be 1 byte"],
      [closePayload(CloseStatus.NoStatus, ""), "invalid close status code"],
    ] as const
  ) {
    const wire = frame(8, bad);
    const { reads, error, answers } = await exchange([wire.slice(0, 1), wire.slice(1)]);
    assertEquals(reads, []);
    assertStringIncludes(error, text);
    assertEquals(answers.map(({ first }) => first), [0x80 | Opcode.Close]);
    const told = answers[0]!.payload;
    assertEquals(told[0]! * 256 + told[1]!, CloseStatus.ProtocolError);
  }
});

Deno.test("TestWSReadGetErrors", async () => {
  for (
    const [size, extra] of [[10, 1], [10, 3], [200, 1], [200, 2], [200, 5], [70_000, 1], [
      70_000,
      5,
    ], [70_000, 13]] as const
  ) {
    const first = frame(2, "msg");
    const rest = frame(2, new Uint8Array(size)).slice(0, extra);
    const { reads, error } = await exchange(
      [joined([first, rest])],
      new TransportError("on purpose"),
    );
    assertEquals([reads, error], [["msg"], "on purpose"]);
  }
});

Deno.test("TestWSHandleControlFrameErrors", async () => {
  const payload = closePayload(CloseStatus.Normal, "this is a close message");
  const whole = frame(8, payload);
  const cut = await exchange([whole.slice(0, -4)], new TransportError("on purpose"));
  assertEquals([cut.reads, cut.error], [[], "on purpose"]);
  payload[10] = 0xf1;
  const { reads, error, answers } = await exchange([frame(8, payload)]);
  assertEquals([reads, error], [[], ""]);
  assertEquals(answers.map(({ first }) => first), [0x80 | Opcode.Close]);
  const told = answers[0]!.payload;
  assertEquals(told[0]! * 256 + told[1]!, CloseStatus.InvalidPayload);
  assertStringIncludes(decoder.decode(told.subarray(2)), "utf8");
});

Deno.test("TestWSReadErrors", async (t) => {
  const huge = new Uint8Array(14);
  huge.set([0x82, 0xff, 0x80]);
  const cases: readonly [text: string, bad: Uint8Array, alsoRead?: string][] = [
    ["mask bit missing", frame(2, "hello", { masked: false })],
    ["control frame length bigger than maximum allowed", frame(9, new Uint8Array(200))],
    ["control frame does not have final bit set", frame(9, "hello", { final: false })],
    [
      "new message started before final frame for previous message was received",
      joined([frame(2, "frag1", { final: false }), frame(2, "new message")]),
      "frag1",
    ],
    [
      "invalid continuation frame",
      joined([frame(2, "frame"), frame(0, "more", { final: false })]),
      "frame",
    ],
    ["invalid continuation frame", frame(0, "frame", { final: false })],
    ["unknown opcode", frame(11, "hello", { final: false })],
    ["invalid 64-bit payload length", huge],
    [
      "compressed frame received without negotiated permessage-deflate",
      frame(2, "compressed", { compressed: true }),
    ],
  ];
  for (const [text, bad, more = ""] of cases) {
    await t.step(text, async () => {
      const { reads, error } = await exchange([joined([frame(2, "hello"), bad])]);
      assertStringIncludes(error, text);
      assertEquals(reads.join(""), `hello${more}`);
    });
  }
});

Deno.test("TestWSReadHugePayloadLenDoesNotPanic", async () => {
  const bytes = new Uint8Array(14).fill(0xff, 2, 10);
  bytes.set([0x82, 0xff]);
  const { error } = await exchange([bytes]);
  assertEquals(error, "invalid 64-bit payload length");
  const reader = new FrameReader({ onControl: () => {}, onCompressed: () => {} }, true, false);
  let thrown: unknown = null;
  try {
    reader.decode(bytes, 0, bytes.length, 0);
  } catch (caught) {
    thrown = caught;
  }
  assert(thrown instanceof FrameError);
});

Deno.test("TestWSEnqueueCloseMsg", async (t) => {
  const { PolicyViolation, ProtocolError, GoingAway, TooBig } = CloseStatus;
  const statuses: readonly [ClosedState, number][] = [
    [ClosedState.ClientClosed, CloseStatus.Normal],
    [ClosedState.AuthenticationTimeout, PolicyViolation],
    [ClosedState.AuthenticationViolation, PolicyViolation],
    [ClosedState.SlowConsumerPendingBytes, PolicyViolation],
    [ClosedState.SlowConsumerWriteDeadline, PolicyViolation],
    [ClosedState.MaxAccountConnectionsExceeded, PolicyViolation],
    [ClosedState.MaxConnectionsExceeded, PolicyViolation],
    [ClosedState.MaxControlLineExceeded, PolicyViolation],
    [ClosedState.MaxSubscriptionsExceeded, PolicyViolation],
    [ClosedState.MissingAccount, PolicyViolation],
    [ClosedState.AuthenticationExpired, PolicyViolation],
    [ClosedState.Revocation, PolicyViolation],
    [ClosedState.TLSHandshakeError, CloseStatus.TlsHandshake],
    [ClosedState.ParseError, ProtocolError],
    [ClosedState.ProtocolViolation, ProtocolError],
    [ClosedState.BadClientProtocolVersion, ProtocolError],
    [ClosedState.MaxPayloadExceeded, TooBig],
    [ClosedState.ServerShutdown, GoingAway],
    [ClosedState.WriteError, GoingAway],
    [ClosedState.ReadError, GoingAway],
    [ClosedState.StaleConnection, GoingAway],
    // Any other.
    [ClosedState.Kicked, CloseStatus.InternalError],
  ];
  for (const [reason, status] of statuses) {
    await t.step(reason, async () => {
      const peer = new Peer(new Uint8Array(0), random);
      await serve(peer).farewell(closeStatusOf(reason), reason);
      assertEquals(serverFrames(joined(peer.got)), [{
        first: 0x80 | Opcode.Close,
        payload: closePayload(status, reason),
      }]);
    });
  }
});
