/**
 * Sends the same bytes to natsts and to the real server and compares what comes back, line by
 * line in its order and INFO field by field, and whether the connection stays open. Skipped where
 * the real server is not on the path.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { emptyOptions, processConfigFile } from "../../src/config/mod.ts";
import { type StartOptions, startServer } from "../../src/mod.ts";
import { systemConfigSource } from "../../src/platform/deno/config_source.ts";
import { RawClient } from "../harness/raw_client.ts";

const goServer = [
  "/usr/local/bin",
  "/go/bin",
  "/root/go/bin",
  ...(Deno.env.get("PATH") ?? "")
    .split(":"),
].map((folder) => `${folder}/nats-server`).find((path) => {
  try {
    return Deno.statSync(path).isFile;
  } catch (_missing) {
    return false;
  }
});
if (goServer === undefined) console.log("nats-server is not on the path: comparison skipped");

const QUIET = 'CONNECT {"verbose":false,"pedantic":false}\r\n';

/** What is sent, piece by piece. */
const SCRIPTS: Record<string, readonly string[]> = {
  "ping before connect": ["PING\r\n"],
  "verbose by default": ["SUB foo 1\r\nPUB foo 2\r\nok\r\nPING\r\n"],
  "lower case": ["connect {}\r\nsub foo 1\r\npub foo 2\r\nok\r\nping\r\n"],
  "white space": [`${QUIET}SUB \t foo   1  \r\nPUB\tfoo\t 2 \r\nok\r\nPING  \r\nPONG\r\n`],
  "line ends with LF only": [`${QUIET}SUB foo 1\nPUB foo 2\nok\r\nPING\n`],
  "reply": [`${QUIET}SUB foo 1\r\nPUB foo bar 2\r\nok\r\nPING\r\n`],
  "leading zeros in the size": [`${QUIET}SUB foo 1\r\nPUB foo 002\r\nok\r\nPING\r\n`],
  "split everywhere": [...`${QUIET}SUB foo 1\r\nPUB foo bar 5\r\nhello\r\nPING\r\n`],
  "empty payload": [`${QUIET}SUB foo 1\r\nPUB foo 0\r\n\r\nPING\r\n`],
  "empty payload split": [`${QUIET}SUB foo 1\r\nPUB foo 0\r\n`, "\r\nPING\r\n"],
  "unknown operation": [`${QUIET}FOO\r\n`],
  "unknown operation P": [`${QUIET}PAB\r\n`],
  "bad payload end": [`${QUIET}PUB foo 2\r\nokxx\r\n`],
  "publish without size": [`${QUIET}PUB foo\r\n`],
  "publish with letters as size": [`${QUIET}PUB foo bar baz\r\n`],
  "negative size": [`${QUIET}PUB foo -1\r\n`],
  "too many arguments": [`${QUIET}PUB foo bar baz 2\r\nok\r\n`],
  "size over the limit": [`${QUIET}PUB foo 99999999\r\n`],
  "size over nine digits": [`${QUIET}PUB foo 9999999999\r\n`],
  "headers not negotiated": [`${QUIET}HPUB foo 12 14\r\nNATS/1.0\r\n\r\nok\r\n`],
  "headers": [
    'CONNECT {"verbose":false,"headers":true}\r\nSUB foo 1\r\n' +
    "HPUB foo 12 14\r\nNATS/1.0\r\n\r\nok\r\nHPUB foo re 12 12\r\nNATS/1.0\r\n\r\n\r\nPING\r\n",
  ],
  "header size over total": [
    'CONNECT {"verbose":false,"headers":true}\r\nHPUB foo 15 14\r\nNATS/1.0\r\n\r\nok\r\n',
  ],
  "no responders": [
    'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\nSUB re.* 9\r\n' +
    "PUB foo re.1 2\r\nok\r\nPING\r\n",
  ],
  "no responders without headers": ['CONNECT {"verbose":false,"no_responders":true}\r\nPING\r\n'],
  "no echo": ['CONNECT {"verbose":false,"echo":false}\r\nSUB foo 1\r\nPUB foo 2\r\nok\r\nPING\r\n'],
  "info after the first pong": [
    'CONNECT {"verbose":false,"protocol":1}\r\nPING\r\nPING\r\nSUB foo 1\r\nPUB foo 0\r\n\r\nPING\r\n',
  ],
  "bad protocol": ['CONNECT {"verbose":false,"protocol":22}\r\nPING\r\n'],
  "bad JSON": ["CONNECT {bad}\r\nPING\r\n"],
  "wrong JSON type": ['CONNECT {"verbose":"no"}\r\nPING\r\n'],
  "empty connect": ["CONNECT \r\nPING\r\n"],
  "account": ['CONNECT {"verbose":false,"account":"X"}\r\nPING\r\n'],
  "pedantic": ['CONNECT {"verbose":false,"pedantic":true}\r\nPUB foo.* 2\r\nok\r\nPING\r\n'],
  "invalid subjects": [
    `${QUIET}SUB foo. 1\r\nSUB .foo 2\r\nSUB foo..bar 3\r\nSUB foo.>.bar 4\r\nSUB > 5\r\n` +
    "PUB foo..bar 2\r\nok\r\nPUB foo. 2\r\nok\r\nPUB x 2\r\nok\r\nPING\r\n",
  ],
  "sub with one argument": [`${QUIET}SUB foo\r\nPING\r\n`],
  "sub with four arguments": [`${QUIET}SUB foo q 1 2\r\nPING\r\n`],
  "system queue": [`${QUIET}SUB foo _sys_ 1\r\nPING\r\n`],
  "unsub": [`${QUIET}SUB foo 1\r\nUNSUB 1\r\nPUB foo 2\r\nok\r\nUNSUB 7\r\nPING\r\n`],
  "unsub after two": [
    `${QUIET}SUB foo 1\r\nUNSUB 1 2\r\n${"PUB foo 2\r\nok\r\n".repeat(4)}PING\r\n`,
  ],
  "unsub with a max already reached": [
    `${QUIET}SUB foo 1\r\n${
      "PUB foo 2\r\nok\r\n".repeat(2)
    }UNSUB 1 1\r\nPUB foo 2\r\nok\r\nPING\r\n`,
  ],
  "unsub without argument": [`${QUIET}UNSUB \r\nPING\r\n`],
  "same sid twice": [
    `${QUIET}SUB foo 1\r\nSUB bar 1\r\nPUB bar 2\r\nok\r\nPUB foo 2\r\nok\r\nPING\r\n`,
  ],
  "reserved reply": [`${QUIET}PUB foo _R_.x 2\r\nok\r\nPUB foo $JS.ACK.x 2\r\nok\r\nPING\r\n`],
  "reserved subjects": [
    `${QUIET}PUB _GR_.x 2\r\nok\r\nPUB _GR_. 2\r\nok\r\nPUB $NRG.x 2\r\nok\r\nPING\r\n`,
  ],
  "err from the client": [`${QUIET}-ERR 'oh'\r\nPING\r\n`],
  "ok from the client": [`${QUIET}+OK\r\nPING\r\n`],
  "info from the client": [`${QUIET}INFO {}\r\nPING\r\n`],
  "route operations": [`${QUIET}RS+ foo\r\nPING\r\n`],
  "control line over the limit": [`${QUIET}PUB ${"x".repeat(5000)} 2\r\nok\r\n`],
  "control line without end": [`${QUIET}SUB ${"x".repeat(70000)}`],
  "connect again": [`${QUIET}SUB foo 1\r\n${QUIET}PUB foo 2\r\nok\r\nPING\r\n`],
  "wildcards overlap": [
    `${QUIET}SUB foo.* 1\r\nSUB foo.> 2\r\nSUB *.bar 3\r\nSUB > 4\r\nPUB foo.bar 1\r\nx\r\nPING\r\n`,
  ],
};

const encoder = new TextEncoder();

/** One message to several subscriptions of a client: in what order they get it nobody promises. */
const UNORDERED = new Set(["wildcards overlap"]);

/** What INFO says that no two servers share; their presence and order are compared all the same. */
const VOLATILE_INFO = new Set(
  "server_id server_name port go client_id nonce xkey".split(" "),
);

/** INFO without what is the server's own; other lines as they are. */
function shownLine(line: string): string {
  if (!line.startsWith("INFO ")) return line;
  const fields = Object.entries(JSON.parse(line.slice("INFO ".length)))
    .filter(([name]) => name !== "git_commit")
    .map(([name, value]) => [name, VOLATILE_INFO.has(name) ? typeof value : value]);
  return `INFO ${JSON.stringify(Object.fromEntries(fields))}`;
}

/** Everything the server sends until it is quiet or closes, in its order. */
async function play(port: number, pieces: readonly string[]): Promise<string> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  conn.setNoDelay(true);
  let text = "";
  let closed = false;
  const buffer = new Uint8Array(65536);
  const readUntil = async (idleMs: number, done: () => boolean): Promise<void> => {
    while (!closed && !done()) {
      let timer = 0 as unknown as ReturnType<typeof setTimeout>;
      const idle = new Promise<"idle">((resolve) => {
        timer = setTimeout(() => resolve("idle"), idleMs);
      });
      pending ??= conn.read(buffer).catch(() => null);
      const count = await Promise.race([pending, idle]);
      clearTimeout(timer);
      if (count === "idle") return;
      pending = null;
      if (count === null) closed = true;
      else text += new TextDecoder().decode(buffer.subarray(0, count));
    }
  };
  let pending: Promise<number | null> | null = null;
  await readUntil(3000, () => text.endsWith("\r\n"));
  for (const piece of pieces) {
    if (closed) break;
    try {
      await conn.write(encoder.encode(piece));
    } catch (_reset) {
      break;
    }
  }
  await readUntil(150, () => false);
  try {
    conn.close();
  } catch (_alreadyClosed) {
    // The server was first.
  }
  await pending;
  const shown = text.split("\r\n").map(shownLine).join("\n");
  return `${shown}\n${closed ? "closed" : "open"}`;
}

const login = (user: string, more = ""): string =>
  `CONNECT {"verbose":false,"headers":true,"user":"${user}","pass":"pw"${more}}\r\n`;

const SECURED = `
max_payload: 100
max_subscriptions: 3
max_sub_tokens: 4
authorization {
  default_permissions: { publish: "d.>", subscribe: ["d.>", "_INBOX.>"] }
  users = [
    { user: all, password: pw, permissions: { publish: ">", subscribe: ">" } }
    { user: deny, password: pw, permissions: {
        publish: { allow: ["p.>"], deny: ["p.secret", "p.*.secret"] }
        subscribe: { allow: ["s.>", "p.>", "q.* work", "q.only"], deny: ["s.secret", "s.q busy"] } } }
    { user: resp, password: pw, permissions: {
        subscribe: "req.>", allow_responses: { max: 2, expires: "1m" } } }
    { user: plain, password: pw }
    { user: hashed, password: "$2a$04$MCV0uHPDLuCbyMC0Z0TQ7.rLpGhKfQmhkB2WLpQqCO6wHRqzRSUuG" }
  ]
}
`;

const SECURED_SCRIPTS: Record<string, readonly string[]> = {
  "no connect": ["PING\r\n"],
  "no user": [`${QUIET}PING\r\n`],
  "wrong password": ['CONNECT {"verbose":false,"user":"all","pass":"no"}\r\nPING\r\n'],
  "unknown user": [`${login("nobody")}PING\r\n`],
  "wrong hashed password": [`${login("hashed")}PING\r\n`],
  "lower case connect": [`${login("all").replace("CONNECT", "connect")}PING\r\n`],
  "default permissions": [
    `${login("plain")}SUB d.x 1\r\nSUB e.x 2\r\nPUB d.x 1\r\nx\r\nPUB e.x 1\r\nx\r\nPING\r\n`,
  ],
  "publish allow and deny": [
    `${login("deny")}SUB p.> 1\r\nPUB p.a 1\r\nx\r\nPUB p.secret 1\r\nx\r\n` +
    `PUB p.a.secret 1\r\nx\r\nPUB other 1\r\nx\r\nPUB p.> 1\r\nx\r\nPING\r\n`,
  ],
  "subscribe deny": [
    `${login("deny")}SUB s.secret 1\r\nSUB s.a 2\r\nSUB z 3\r\nSUB s.q busy 4\r\nPING\r\n`,
  ],
  "queue permissions": [
    `${
      login("deny")
    }SUB q.a work 1\r\nSUB q.a other 2\r\nSUB q.a 3\r\nSUB q.only any 4\r\nPING\r\n`,
  ],
  "verbose with violations": [
    `${
      login("plain", ',"verbose":true')
    }SUB e 1\r\nSUB d.a 2\r\nPUB e 1\r\nx\r\nPUB d.a 1\r\nx\r\nPING\r\n`,
  ],
  "response permission without request": [`${login("resp")}PUB _INBOX.1 1\r\nx\r\nPING\r\n`],
  "payload over the limit": [`${login("all")}PUB a 101\r\n`],
  "payload at the limit": [`${login("all")}SUB a 1\r\nPUB a 100\r\n${"x".repeat(100)}\r\nPING\r\n`],
  "too many subscriptions": [
    `${login("all")}SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nSUB d 4\r\nPUB d 1\r\nx\r\nPING\r\n`,
  ],
  "too many tokens": [`${login("all")}SUB a.b.c.d 1\r\nSUB a.b.c.d.e 2\r\nPING\r\n`],
  "second login": [`${login("all")}SUB a 1\r\n${login("plain")}PUB a 1\r\nx\r\nPING\r\n`],
};

const TOKEN = 'authorization { token: "s3cr3t", timeout: 1 }';
const TOKEN_SCRIPTS: Record<string, readonly string[]> = {
  "token": ['CONNECT {"verbose":false,"auth_token":"s3cr3t"}\r\nPING\r\n'],
  "wrong token": ['CONNECT {"verbose":false,"auth_token":"guess"}\r\nPING\r\n'],
  "no token": [`${QUIET}PING\r\n`],
};

const NO_AUTH_USER = `
no_auth_user: guest
accounts {
  A { users = [ { user: guest, password: pw } ] }
  B { users = [ { user: other, password: pw } ] }
}
`;
const NO_AUTH_USER_SCRIPTS: Record<string, readonly string[]> = {
  "guest without connect": ["SUB a 1\r\nPUB a 1\r\nx\r\nPING\r\n"],
  "guest": [`${QUIET}SUB a 1\r\nPUB a 1\r\nx\r\nPING\r\n`],
  "other": [`${login("other")}SUB a 1\r\nPUB a 1\r\nx\r\nPING\r\n`],
  "wrong password": ['CONNECT {"verbose":false,"user":"other","pass":"no"}\r\nPING\r\n'],
};

const MAPPED = `
mappings {
  plain: other
  "w.*.*": "v.$2.{{wildcard(1)}}"
  "p.*.*": "p.{{partition(5,1,2)}}.$1"
  "pp.*": "pp.{{partition(7)}}.$1"
  "sl.*": "sl.{{SplitFromLeft(1,3)}}"
  "sr.*": "sr.{{splitFromRight(1,3)}}"
  "cl.*": "cl.{{SliceFromLeft(1,3)}}"
  "cr.*": "cr.{{SliceFromRight(1,3)}}"
  "sp.*": "sp.{{split(1,-)}}"
  "full.*.>": "moved.$1.>"
  "lost": [ { destination: lost, weight: 0% } ]
  "cluster": [ { destination: here, weight: 100%, cluster: elsewhere } ]
}
`;
const MAPPED_SCRIPTS: Record<string, readonly string[]> = Object.fromEntries(
  [
    "plain",
    "w.a.b",
    ...["1", "22", "abc", "x-y"].map((token) => `p.${token}.z`),
    ...["1", "22", "abc", "x-y"].map((token) => `pp.${token}`),
    ...["sl", "sr", "cl", "cr", "sp"].flatMap((name) =>
      ["a", "abc", "abcd", "abcdef", "abcdefgh", "-a--b-c-"].map((token) => `${name}.${token}`)
    ),
    "full.a.b",
    "full.a.b.c",
    "lost",
    "cluster",
    "unmapped",
  ].map((subject) => [
    subject,
    [`${QUIET}SUB > 1\r\nPUB ${subject} reply.x 2\r\nok\r\nPING\r\n`],
  ]),
);

/** Permissions are checked against where a mapping leads. */
const MAPPED_USERS = `
authorization { users = [
  { user: few, password: pw, permissions: { publish: ["in.>", "ok.*"], subscribe: ">" } }
  { user: deny, password: pw, permissions: { publish: { deny: "secret.>" }, subscribe: ">" } } ] }
mappings: { "in.1": "out.1", "in.2": "ok.2", "other": "ok.3", "leak": "secret.x" }
`;
const MAPPED_USERS_SCRIPTS: Record<string, readonly string[]> = Object.fromEntries(
  ["few", "deny"].flatMap((user) =>
    ["in.1", "in.2", "other", "leak"].map((subject) => [
      `${user} publishes ${subject}`,
      [`${login(user)}SUB > 1\r\nPUB ${subject} 1\r\nx\r\nPING\r\n`],
    ])
  ),
);

async function startGo(
  config: string,
): Promise<{ port: number; stop: () => Promise<void> }> {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr;
  listener.close();
  const child = new Deno.Command(goServer!, {
    args: ["-a", "127.0.0.1", "-p", String(port), "-c", config],
    stderr: "null",
  }).spawn();
  for (let tries = 0; tries < 200; tries++) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      break;
    } catch (_notYet) {
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
  return {
    port,
    stop: async () => {
      child.kill("SIGKILL");
      await child.status;
    },
  };
}

function optionsOf(config: string): StartOptions {
  const options = emptyOptions();
  processConfigFile(options, config, systemConfigSource());
  return { ...options, host: "127.0.0.1", port: -1 };
}

/** The first comparison by bcrypt starts its thread, which takes longer than scripts wait. */
async function compareOnce(port: number): Promise<void> {
  const client = await RawClient.connect(port);
  await client.login({ user: "hashed", pass: "no" });
  await client.expectEnd();
  await client.end();
}

const SETTINGS: readonly [name: string, config: string, Record<string, readonly string[]>][] = [
  ["without configuration", "max_payload: 1MB", SCRIPTS],
  ["with users and limits", SECURED, SECURED_SCRIPTS],
  ["with a token", TOKEN, TOKEN_SCRIPTS],
  ["with subject mappings", MAPPED, MAPPED_SCRIPTS],
  ["with mappings and permissions", MAPPED_USERS, MAPPED_USERS_SCRIPTS],
  ["with accounts and no_auth_user", NO_AUTH_USER, NO_AUTH_USER_SCRIPTS],
];

for (const [setting, text, scripts] of SETTINGS) {
  Deno.test({
    name: `natsts answers as nats-server does, byte for byte, ${setting}`,
    ignore: goServer === undefined,
  }, async (t) => {
    const config = await Deno.makeTempFile({ suffix: ".conf" });
    await Deno.writeTextFile(config, text);
    const own = await startServer(optionsOf(config));
    const go = await startGo(config);
    try {
      if (text.includes("$2a$")) await compareOnce(own.port);
      for (const [name, pieces] of Object.entries(scripts)) {
        await t.step(name, async () => {
          const [mine, theirs] = await Promise.all([play(own.port, pieces), play(go.port, pieces)]);
          const settle = UNORDERED.has(name)
            ? (text: string) => text.split("\n").sort().join("\n")
            : (text: string) => text;
          assertEquals(settle(mine), settle(theirs));
        });
      }
    } finally {
      await go.stop();
      await own.stop();
      await Deno.remove(config);
    }
  });
}
