/**
 * WebSocket frames and handshakes: whatever comes and however it is split, the payload is the same,
 * or the peer is told what it did wrong.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { TransportProtocolError } from "../../../src/platform/mod.ts";
import {
  closePayload,
  CloseStatus,
  FrameError,
  FrameReader,
  Opcode,
} from "../../../src/transport/websocket/frames.ts";
import {
  HandshakeError,
  type HandshakeRules,
  parseOrigin,
  upgrade,
} from "../../../src/transport/websocket/handshake.ts";
import { parseHttpRequest } from "../../../src/transport/websocket/http_request.ts";
import {
  clientFrame,
  type Frame,
  joined,
  MAX_PAYLOAD,
  packed,
  Peer,
  randomBytes,
  readAll,
  serve,
  serverFrames,
} from "../../harness/websocket.ts";
import { SeededRandom } from "../../sim/random.ts";

for (const seed of [1, 2, 3, 4, 5, 6]) {
  Deno.test(`messages come through, however they are split, seed ${seed}`, async () => {
    const random = new SeededRandom(seed);
    const compress = seed % 2 === 0;
    const masked = seed % 3 !== 0;
    const wire: Uint8Array[] = [];
    const expected: Uint8Array[] = [];
    let pings = 0;
    for (let i = 0; i < 60; i++) {
      const size = random.below([5, 200, 70_000][random.below(3)]!);
      const message = randomBytes(random, size);
      expected.push(message);
      const compressed = compress && random.below(2) === 0;
      const payload = compressed ? packed(message) : message;
      const cuts = [
        ...new Set([
          0,
          payload.length,
          ...Array.from({ length: random.below(3) }, () => random.below(payload.length + 1)),
        ]),
      ].sort((a, b) => a - b);
      if (cuts.length === 1) cuts.push(0);
      for (let part = 1; part < cuts.length; part++) {
        wire.push(clientFrame(random, {
          opcode: part === 1 ? Opcode.Binary : Opcode.Continuation,
          payload: payload.slice(cuts[part - 1], cuts[part]),
          final: part === cuts.length - 1,
          compressed: compressed && part === 1,
          masked,
        }));
        if (random.below(4) === 0) {
          pings++;
          wire.push(
            clientFrame(random, {
              opcode: Opcode.Ping,
              payload: randomBytes(random, random.below(126)),
              masked,
            }),
          );
        }
      }
    }
    const peer = new Peer(joined(wire), random);
    const transport = serve(peer, { compress, masked });
    assertEquals(await readAll(transport, random), joined(expected));
    await transport.farewell(CloseStatus.Normal, "Client Closed");
    const got = serverFrames(joined(peer.got));
    assertEquals(got.filter(({ first }) => first === 0x8a).length, pings);
    assertEquals(got.at(-1), { first: 0x88, payload: closePayload(1000, "Client Closed") });
  });

  Deno.test(`what is written leaves in frames, seed ${seed}`, async () => {
    const random = new SeededRandom(seed);
    const options = { compress: seed % 2 === 0, browser: seed % 3 === 0 };
    const peer = new Peer(new Uint8Array(0), random);
    const transport = serve(peer, options);
    const sent: Uint8Array[] = [];
    for (let i = 0; i < 30; i++) {
      const part = randomBytes(random, 1 + random.below([60, 3000, 20_000][random.below(3)]!));
      part.fill(7, Math.floor(part.length / 3));
      sent.push(part);
      assertEquals(await transport.write(part), part.length);
    }
    // A client takes them apart as this server does with what comes.
    const wire = joined(peer.got);
    if (options.browser) {
      for (const { payload } of serverFrames(wire)) assert(payload.length <= 4096);
    }
    const back = serve(new Peer(wire, random), { compress: options.compress, masked: false });
    assertEquals(await readAll(back, random), joined(sent));
  });

  Deno.test(`any bytes give payload or an error, seed ${seed}`, async () => {
    const random = new SeededRandom(seed);
    for (let i = 0; i < 300; i++) {
      const peer = new Peer(randomBytes(random, random.below(400)), random);
      // Sensible first bytes now and then.
      if (peer.sent.length > 2 && random.below(2) === 0) {
        peer.sent[0] = [0x82, 0xc2, 0x02, 0x88, 0x89, 0x80][random.below(6)]!;
        peer.sent[1] = 0x80 | random.below(128);
      }
      const transport = serve(peer, { compress: random.below(2) === 0 });
      try {
        await readAll(transport, random);
      } catch (error) {
        assert(error instanceof TransportProtocolError, String(error));
      }
    }
  });
}

const BROKEN: readonly [message: string, frames: Frame[]][] = [
  ["mask bit missing", [{ opcode: 2, payload: new Uint8Array(3), masked: false }]],
  ["RSV2 and RSV3 must be clear", [{ opcode: 0x22, payload: new Uint8Array(3) }]],
  ["unknown opcode 3", [{ opcode: 3, payload: new Uint8Array(3) }]],
  ["invalid continuation frame", [{ opcode: 0, payload: new Uint8Array(3) }]],
  ["control frame does not have final bit set", [{
    opcode: 9,
    payload: new Uint8Array(3),
    final: false,
  }]],
  [
    "control frame length bigger than maximum allowed of 125 bytes",
    [{ opcode: 9, payload: new Uint8Array(126) }],
  ],
  [
    "new message started before final frame for previous message was received",
    [{ opcode: 2, payload: new Uint8Array(3), final: false }, {
      opcode: 2,
      payload: new Uint8Array(3),
    }],
  ],
  [
    "compressed frame received without negotiated permessage-deflate",
    [{ opcode: 2, payload: new Uint8Array(3), compressed: true }],
  ],
  ["close frame payload cannot be 1 byte", [{ opcode: 8, payload: new Uint8Array(1) }]],
  ["invalid close status code 1005", [{ opcode: 8, payload: closePayload(1005, "") }]],
];

for (const [message, frames] of BROKEN) {
  Deno.test(`the peer is told: ${message}`, async () => {
    const random = new SeededRandom(1);
    const good = clientFrame(random, { opcode: 2, payload: new Uint8Array([1, 2, 3]) });
    const peer = new Peer(
      joined([good, ...frames.map((frame) => clientFrame(random, frame))]),
      random,
    );
    const transport = serve(peer);
    const error = await assertRejects(() => readAll(transport, random), TransportProtocolError);
    assertEquals(error.message, message);
    await transport.farewell(CloseStatus.GoingAway, "Read Error");
    assertEquals(serverFrames(joined(peer.got)), [{
      first: 0x88,
      payload: closePayload(CloseStatus.ProtocolError, message),
    }]);
  });
}

Deno.test("a close is answered once, and ends what can be read", async () => {
  const random = new SeededRandom(1);
  const close = clientFrame(random, { opcode: 8, payload: closePayload(1000, "bye") });
  const message = clientFrame(random, { opcode: 2, payload: new Uint8Array([9]) });
  const peer = new Peer(joined([message, close, message]), random);
  const transport = serve(peer);
  assertEquals(await readAll(transport, random), new Uint8Array([9]));
  await transport.farewell(CloseStatus.Normal, "Client Closed");
  assertEquals(serverFrames(joined(peer.got)), [{
    first: 0x88,
    payload: closePayload(1000, "bye"),
  }]);
});

Deno.test("compressed messages are limited, packed and unpacked", async () => {
  const random = new SeededRandom(1);
  const bomb = packed(new Uint8Array(MAX_PAYLOAD + 1));
  const peer = new Peer(
    clientFrame(random, { opcode: 2, payload: bomb, compressed: true }),
    random,
  );
  const error = await assertRejects(
    () => readAll(serve(peer, { compress: true }), random),
    TransportProtocolError,
  );
  assertEquals(error.message, "maximum payload exceeded");
  const part = clientFrame(random, {
    opcode: 2,
    payload: randomBytes(random, 60_000),
    compressed: true,
    final: false,
  });
  const more = clientFrame(random, {
    opcode: 0,
    payload: randomBytes(random, 60_000),
    final: false,
  });
  const endless = new Peer(joined([part, ...Array(20).fill(more)]), random);
  await assertRejects(
    () => readAll(serve(endless, { compress: true }), random),
    TransportProtocolError,
  );
});

Deno.test("a reader needs no memory for what it was only promised", () => {
  const sink = { onControl: () => {}, onCompressed: () => {} };
  const reader = new FrameReader(sink, true, false);
  const header = new Uint8Array([
    0x82,
    0xff,
    0,
    0,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    1,
    2,
    3,
    4,
    5,
  ]);
  assertEquals(reader.decode(header, 0, header.length, 0), 1);
  const impossible = new FrameReader(sink, true, false);
  const negative = new Uint8Array([0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
  try {
    impossible.decode(negative, 0, negative.length, 0);
    assert(false);
  } catch (error) {
    assert(error instanceof FrameError);
    assertEquals(error.message, "invalid 64-bit payload length");
  }
});

const RULES: HandshakeRules = {
  compression: true,
  sameOrigin: false,
  allowedOrigins: [parseOrigin("https://app.example.com")],
  headers: new Map([["X-Own", "yes"]]),
  secure: false,
  mqtt: false,
};

const GOOD =
  "GET /chat HTTP/1.1\r\nHost: a:80\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13";

Deno.test("a handshake is granted as RFC 6455 shows it", () => {
  const granted = upgrade(parseHttpRequest(`${GOOD}\r\nCookie: a=1; b="2"`)!, RULES);
  assertEquals(
    granted.response,
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nX-Own: yes\r\n\r\n",
  );
  assertEquals([...granted.cookies], [["a", "1"], ["b", "2"]]);
});

const REFUSED: readonly [status: number, reason: string, head: string][] = [
  [405, "request method must be GET", GOOD.replace("GET", "POST")],
  [400, "'Host' missing in request", GOOD.replace("Host: a:80\r\n", "")],
  [400, "invalid value for header 'Upgrade'", GOOD.replace("websocket\r", "socket\r")],
  [400, "invalid value for header 'Connection'", GOOD.replace(", Upgrade", "")],
  [400, "key missing", GOOD.replace(/Sec-WebSocket-Key.*\r\n/, "")],
  [400, "invalid websocket key", GOOD.replace("dGhl", "")],
  [400, "invalid version", GOOD.replace("13", "12")],
  [
    403,
    "origin not allowed: not in the allowed list",
    `${GOOD}\r\nOrigin: https://evil.example.com`,
  ],
  [404, "mqtt websocket endpoint not enabled", GOOD.replace("/chat", "/mqtt")],
];

for (const [status, reason, head] of REFUSED) {
  Deno.test(`a handshake is refused: ${reason}`, () => {
    try {
      upgrade(parseHttpRequest(head)!, RULES);
      assert(false, "it was granted");
    } catch (error) {
      assert(error instanceof HandshakeError, String(error));
      assertEquals([error.status, error.message], [status, reason]);
      assert(error.response.startsWith(`HTTP/1.1 ${status} `));
    }
  });
}

Deno.test("any head is granted or refused", () => {
  const random = new SeededRandom(7);
  for (let i = 0; i < 3000; i++) {
    const chars = [...GOOD];
    for (let change = random.below(4); change >= 0; change--) {
      chars[random.below(chars.length)] = String.fromCharCode(random.below(256));
    }
    const request = parseHttpRequest(chars.join(""));
    if (request === null) continue;
    try {
      upgrade(request, RULES);
    } catch (error) {
      assert(error instanceof HandshakeError, String(error));
    }
  }
});
