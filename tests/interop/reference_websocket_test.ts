/**
 * Sends the same handshakes and frames to natsts and to the real server, and compares the answers:
 * HTTP, frames, close codes and what the log says. Skipped where the real server is not there.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { emptyOptions, processConfigText } from "../../src/config/mod.ts";
import { startServer } from "../../src/mod.ts";
import { systemConfigSource } from "../../src/platform/deno/config_source.ts";
import { CapturedLog } from "../harness/captured_log.ts";
import { referenceProgram, ReferenceServer } from "../harness/reference_server.ts";
import { until } from "../harness/server.ts";
import { joined } from "../harness/websocket.ts";
import { type ServerFrame, WebsocketClient } from "../harness/websocket_client.ts";

const program = referenceProgram("nats-server");
const decoder = new TextDecoder();
/** How often the real server may fail to say why it ends a connection. */
const TRIES_MAX = 100;

/** A listener to compare, and all that its server has logged. */
interface Side {
  readonly port: number;
  log(): string;
}

/** Gives `use` the listeners of the real server and of natsts. */
async function onBoth(
  block: string,
  use: (theirs: Side, ours: Side) => Promise<void>,
  config = "",
): Promise<void> {
  const text =
    `websocket { host: "127.0.0.1", port: -1, no_tls: true, ${block} }\nmax_payload: 100000\n${config}`;
  const file = Deno.makeTempFileSync();
  try {
    Deno.writeTextFileSync(file, text);
    let heard = "";
    await using _reference = await ReferenceServer.start(program!, ["-c", file], (more) => {
      heard += more;
    });
    const [, port] = /websocket clients on ws:\/\/[^ ]*:(\d+)/.exec(heard)!;
    const options = emptyOptions();
    processConfigText(options, text, systemConfigSource());
    const log = new CapturedLog();
    await using server = await startServer({
      ...options,
      host: "127.0.0.1",
      port: -1,
      logger: log,
    });
    await use(
      { port: Number(port), log: () => heard },
      { port: server.websocket!.port, log: () => log.lines.map((line) => line.text).join("\n") },
    );
  } finally {
    await Deno.remove(file);
  }
}

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const VALID: readonly string[] = [
  "Host: localhost",
  "Upgrade: websocket",
  "Connection: Upgrade",
  `Sec-WebSocket-Key: ${KEY}`,
  "Sec-WebSocket-Version: 13",
];

/** A valid request, without the lines that begin as `without`, and with more. */
function request(more: readonly string[] = [], without = "-", first = "GET / HTTP/1.1"): string {
  const kept = VALID.filter((line) => !line.startsWith(without));
  return `${[first, ...kept, ...more].join("\r\n")}\r\n\r\n`;
}

const DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate";

const REQUESTS: Record<string, string> = {
  "plain": request(),
  "in small letters": request().toLowerCase().replace("get / http/1.1", "GET / HTTP/1.1")
    .replace(KEY.toLowerCase(), KEY),
  "a query": request([], "-", "GET /x/y?z=1 HTTP/1.1"),
  "an absolute target": request([], "-", "GET http://localhost/x HTTP/1.1"),
  "compression": request([DEFLATE]),
  "compression with parameters": request([`${DEFLATE}; client_max_window_bits`]),
  "compression behind another": request(["Sec-WebSocket-Extensions: foo, permessage-deflate; x"]),
  "another extension": request(["Sec-WebSocket-Extensions: permessage-deflate-x"]),
  "no masking": request(["Nats-No-Masking: true"]),
  "no masking, false": request(["Nats-No-Masking: false"]),
  "no masking and compression": request(["Nats-No-Masking: true", DEFLATE]),
  "upgrade in a list": request(["Upgrade: foo, WebSocket"], "Upgrade"),
  "upgrade in two lines": request(["Upgrade: foo", "Upgrade: websocket"], "Upgrade"),
  "connection in a list": request(["Connection: keep-alive, Upgrade"], "Connection"),
  "a protocol": request(["Sec-WebSocket-Protocol: nats"]),
  "a browser": request(["User-Agent: Mozilla/5.0", "Origin: http://localhost"]),
  "mqtt": request([], "-", "GET /mqtt HTTP/1.1"),
  "no upgrade": request([], "Upgrade"),
  "another upgrade": request(["Upgrade: websockets"], "Upgrade"),
  "no connection": request([], "Connection"),
  "another connection": request(["Connection: close"], "Connection"),
  "no key": request([], "Sec-WebSocket-Key"),
  "a key that is too short": request(["Sec-WebSocket-Key: abc"], "Sec-WebSocket-Key"),
  "a key that is no base64": request(["Sec-WebSocket-Key: a b"], "Sec-WebSocket-Key"),
  "no version": request([], "Sec-WebSocket-Version"),
  "another version": request(["Sec-WebSocket-Version: 12"], "Sec-WebSocket-Version"),
  "post": request([], "-", "POST / HTTP/1.1"),
  "head": request([], "-", "DELETE / HTTP/1.1"),
  "nothing but a target": "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
};

/** Origins to try with rules about them. */
const ORIGINS: readonly string[] = [
  "http://localhost",
  "http://localhost:80",
  "http://localhost:8080",
  "https://localhost",
  "http://LOCALHOST",
  "http://good.example",
  "https://good.example:443",
  "https://good.example",
  "http://bad.example",
  "file://",
  "null",
  "//localhost",
];

/** The answer, without what natsts does not say or says beside it, and what was logged of it. */
async function answer(side: Side, text: string): Promise<unknown> {
  const before = side.log().length;
  using client = await WebsocketClient.ask(side.port, text);
  const { response } = client;
  const granted = response.startsWith("HTTP/1.1 101 ");
  const head = response.split("\r\n").filter((line) =>
    !/^date:/i.test(line) && (granted || !/^connection:/i.test(line))
  );
  if (granted) return { head };
  const body = await client.body();
  const logged = () => side.log().slice(before).match(/websocket handshake error: .*/g) ?? [];
  await until(() => logged().length > 0, () => `nothing is logged: ${side.log().slice(before)}`);
  return { head, body, logged: logged() };
}

function compare(name: string, block: string, requests: Record<string, string>): void {
  Deno.test({ name, ignore: program === null }, async (t) => {
    await onBoth(block, async (theirs, ours) => {
      for (const [what, text] of Object.entries(requests)) {
        await t.step(what, async () => {
          assertEquals(await answer(ours, text), await answer(theirs, text));
        });
      }
    });
  });
}

const origins = Object.fromEntries(
  ORIGINS.map((origin) => [origin, request([`Origin: ${origin}`])]),
);
compare("handshakes are answered as by nats-server", "", REQUESTS);
compare(
  "handshakes are answered as by nats-server with compression and headers",
  'compression: true, headers { "X-Header": some }',
  REQUESTS,
);
compare("origins are checked as by nats-server: the same", "same_origin: true", origins);
compare(
  "origins are checked as by nats-server: a list",
  'allowed_origins: ["http://good.example", "https://good.example"]',
  origins,
);

/** Sends frames, and waits for what they cause. */
interface Script {
  /** Headers of the handshake. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly compress?: boolean;
  readonly browser?: boolean;
  /** What is sent, and what is waited for: a text, a frame's first byte, or the end. */
  readonly steps: readonly (readonly [
    send: (client: WebsocketClient) => readonly Uint8Array[],
    wait: string | number | null,
  ])[];
}

const text = (payload: string, more = {}): Script["steps"][0][0] => (client) => [
  client.frame(payload, more),
];
const ends = (
  payload: string | Uint8Array,
  more: Parameters<WebsocketClient["frame"]>[1] = {},
): Script => ({ steps: [[(client) => [client.frame(payload, more)], null]] });
const LOGIN: Script["steps"][0] = [text('CONNECT {"verbose":false}\r\nPING\r\n'), "PONG\r\n"];
const ECHO = (size: number): string =>
  `SUB foo 1\r\nPUB foo ${size}\r\n${"x".repeat(size)}\r\nPING\r\n`;
const bytes = (...values: number[]) => Uint8Array.from(values);

const SCRIPTS: Record<string, Script> = {
  "login": { steps: [LOGIN, [text(ECHO(10)), "PONG\r\n"]] },
  "text frames": { steps: [LOGIN, [text(ECHO(10), { opcode: 1 }), "PONG\r\n"]] },
  "a large message": { steps: [LOGIN, [text(ECHO(70_000)), "PONG\r\n"]] },
  "an empty frame": { steps: [LOGIN, [text(""), ""], [text("PING\r\n"), "PONG\r\n"]] },
  "fragments with a ping between": {
    steps: [LOGIN, [
      (client) => [
        client.frame("SUB foo 1\r\nPUB fo", { final: false }),
        client.frame("hello", { opcode: 9 }),
      ],
      0x8a,
    ], [
      (client) => [
        client.frame("o 2\r\nok\r", { opcode: 0, final: false }),
        client.frame("\nPING\r\n", { opcode: 0 }),
      ],
      "PONG\r\n",
    ]],
  },
  "pings": {
    steps: [
      LOGIN,
      [text("", { opcode: 9 }), 0x8a],
      [text("x".repeat(125), { opcode: 9 }), 0x8a],
      [text("", { opcode: 10 }), ""],
      [text("PING\r\n"), "PONG\r\n"],
    ],
  },
  "no masking": {
    headers: { "Nats-No-Masking": "true" },
    steps: [
      [text('CONNECT {"verbose":false}\r\nPING\r\n', { masked: false }), "PONG\r\n"],
      [text(ECHO(300), { masked: false }), "PONG\r\n"],
    ],
  },
  "compression": {
    compress: true,
    steps: [
      LOGIN,
      [text(ECHO(10), { compressed: true }), "PONG\r\n"],
      [text(ECHO(5000).replace("SUB foo 1\r\n", ""), { compressed: true }), "PONG\r\n"],
      [text("PING\r\n"), "PONG\r\n"],
    ],
  },
  "a browser": { browser: true, steps: [LOGIN, [text(ECHO(20_000)), "PONG\r\n"]] },
  "a payload that is too large": { steps: [LOGIN, [text("PUB foo 100001\r\n"), null]] },
  "a close": ends(bytes(0x03, 0xe8, 0x62, 0x79, 0x65), { opcode: 8 }),
  "a close of one byte": ends(bytes(3), { opcode: 8 }),
  "a close without a status": ends("", { opcode: 8 }),
  "a close with a bad text": ends(bytes(0x03, 0xe8, 0xff, 0xfe), { opcode: 8 }),
  "a close with a long text": ends(
    joined([bytes(3, 0xe9), new Uint8Array(123).fill(97)]),
    { opcode: 8 },
  ),
  ...Object.fromEntries(
    [999, 1001, 1002, 1004, 1005, 1006, 1007, 1011, 1015, 1016, 2999, 3000, 4999, 5000].map((
      status,
    ) => [`a close with ${status}`, ends(bytes(status >> 8, status & 255), { opcode: 8 })]),
  ),
  "a frame that is not masked": ends("PING\r\n", { masked: false }),
  "a compressed frame that was not negotiated": ends("PING\r\n", { compressed: true }),
  "an unknown opcode": ends("x", { opcode: 3 }),
  "an unknown opcode of a control frame": ends("x", { opcode: 11 }),
  "reserved bits": ends("x", { opcode: 0x22 }),
  "a control frame that is too long": ends("x".repeat(126), { opcode: 9 }),
  "a control frame in parts": ends("x", { opcode: 9, final: false }),
  "a continuation of nothing": ends("x", { opcode: 0 }),
  "a message within a message": {
    steps: [[(client) => [client.frame("PI", { final: false }), client.frame("NG")], null]],
  },
  "damaged compression": {
    compress: true,
    steps: [LOGIN, [(client) => [client.frame(bytes(255, 255, 255), { opcode: 0x42 })], null]],
  },
};

/** What differs between any two servers, or two runs. */
function masked(part: string): string {
  return part.replaceAll(/INFO \{.*\} ?\r\n/g, "INFO\r\n");
}

/** What came until `wait` came: control frames one by one, and messages put together. */
async function come(client: WebsocketClient, wait: string | number | null): Promise<unknown[]> {
  const seen: unknown[] = [];
  let data = "";
  const flush = () => {
    if (data !== "") seen.push(masked(data));
    data = "";
  };
  while (wait !== "") {
    let frame: ServerFrame;
    try {
      frame = await client.next();
    } catch (error) {
      if (wait !== null) throw error;
      flush();
      return [...seen, "end"];
    }
    if ((frame.first & 0x08) !== 0) {
      flush();
      seen.push([frame.first, decoder.decode(frame.payload), frame.payload.slice(0, 2)]);
      if (frame.first === wait) return seen;
    } else {
      data += decoder.decode(frame.payload);
      if (typeof wait === "string" && data.endsWith(wait)) break;
    }
  }
  flush();
  return seen;
}

async function play(side: Side, script: Script): Promise<unknown[][]> {
  const { headers = {}, compress = false, browser = false } = script;
  using client = await WebsocketClient.connect(side.port, { headers, compress, browser });
  const seen: unknown[][] = [];
  for (const [send, wait] of script.steps) {
    for (const frame of send(client)) await client.write(frame);
    seen.push(await come(client, wait));
  }
  return seen;
}

function saysGoodbye(seen: readonly unknown[][]): boolean {
  return seen.flat().some((one) => Array.isArray(one) && one[0] === 0x88);
}

/**
 * As {@linkcode play}, again until the server says goodbye: nats-server closes connections that
 * broke a protocol while what it has to tell them is on its way, so that it seldom arrives.
 */
async function playToTheEnd(side: Side, script: Script): Promise<unknown[][]> {
  const hasEnd = script.steps.at(-1)![1] === null;
  for (let tries = 0;; tries++) {
    const seen = await play(side, script);
    if (!hasEnd || tries === TRIES_MAX || saysGoodbye(seen)) return seen;
  }
}

/** What `ours` has to be where `theirs` has not heard goodbye in all its tries: that, without it. */
function comparable(ours: readonly unknown[][], theirs: readonly unknown[][]): unknown[][] {
  if (saysGoodbye(theirs)) return [...ours];
  return ours.map((step) => step.filter((one) => !saysGoodbye([[one]])));
}

Deno.test(
  { name: "frames are answered as by nats-server", ignore: program === null },
  async (t) => {
    for (const compression of [false, true]) {
      await onBoth(`compression: ${compression}`, async (theirs, ours) => {
        for (const [name, script] of Object.entries(SCRIPTS)) {
          if (script.compress === true && !compression) continue;
          await t.step(`${name}, compression ${compression}`, async () => {
            const expected = await playToTheEnd(theirs, script);
            assertEquals(comparable(await play(ours, script), expected), expected);
          });
        }
      });
    }
  },
);

Deno.test({ name: "frames are marked as by nats-server", ignore: program === null }, async (t) => {
  const first = async (side: Side, compress: boolean, browser: boolean, size: number) => {
    using client = await WebsocketClient.ready(side.port, { compress, browser });
    await client.send(`SUB foo 1\r\nPUB foo ${size}\r\n${"x".repeat(size)}\r\n`);
    let got = 0;
    const marks = new Set<number>();
    let largest = 0;
    while (got < size) {
      const { first, payload, raw } = await client.next();
      if (payload.subarray(0, 4).every((byte, i) => byte === "INFO".charCodeAt(i))) continue;
      got += payload.length;
      marks.add(first);
      largest = Math.max(largest, raw.length);
    }
    return { marks, isSmall: largest <= 4096 };
  };
  await onBoth("compression: true", async (theirs, ours) => {
    for (const compress of [false, true]) {
      for (const browser of [false, true]) {
        for (const size of [10, 30, 60, 200, 20_000]) {
          await t.step(`compress ${compress}, browser ${browser}, ${size} bytes`, async () => {
            assertEquals(
              await first(ours, compress, browser, size),
              await first(theirs, compress, browser, size),
            );
          });
        }
      }
    }
  });
});

Deno.test({ name: "cookies log in as with nats-server", ignore: program === null }, async (t) => {
  const block = "user_cookie: u, pass_cookie: p, token_cookie: t";
  const login = async (side: Side, cookie: string, connect: Record<string, unknown>) => {
    const headers = { Cookie: cookie };
    const { client, answer } = await WebsocketClient.login(side.port, { headers }, connect);
    client[Symbol.dispose]();
    return answer;
  };
  await onBoth(block, async (theirs, ours) => {
    for (
      const cookie of [
        "u=a; p=b",
        "u=a;p=b",
        'u="a"; p="b"',
        "u=a; u=x; p=b",
        "p=b; u=a; other",
        "u=a",
        "U=a; p=b",
        "u=a; p=x",
        "u=a; p=b,c",
        "u =a; p=b",
        "",
      ]
    ) {
      for (const connect of [{}, { user: "a", pass: "b" }, { user: "x", pass: "b" }]) {
        await t.step(`${cookie} ${JSON.stringify(connect)}`, async () => {
          assertEquals(await login(ours, cookie, connect), await login(theirs, cookie, connect));
        });
      }
    }
  }, "authorization { user: a, password: b }");
});
