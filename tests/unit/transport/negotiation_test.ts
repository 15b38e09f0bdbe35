/**
 * Cipher suites and key exchanges that the operator left out are refused, whatever client and
 * runtime settle on.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { connect, type ConnectionOptions } from "@nats-io/transport-node";
import { emptyOptions, processConfigText } from "../../../src/config/mod.ts";
import { startServer } from "../../../src/mod.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";
import { NegotiationGuard } from "../../../src/platform/deno/server_hello.ts";
import { CapturedLog } from "../../harness/captured_log.ts";
import { withCertificates } from "../../harness/certs.ts";

const u16 = (value: number): number[] => [value >> 8, value & 255];
const sized16 = (bytes: number[]): number[] => [...u16(bytes.length), ...bytes];
const extension = (type: number, body: number[]): number[] => [...u16(type), ...sized16(body)];
const message = (type: number, body: number[]): number[] => [type, 0, ...sized16(body)];
const record = (type: number, body: number[]): number[] => [type, 3, 3, ...sized16(body)];

const RANDOM = Array.from({ length: 32 }, (_, i) => i);
const SESSION = [4, 1, 2, 3, 4];
const AES_128 = 0xc02b;
const AES_256 = 0xc02c;
const P256 = 23;
const X25519 = 29;

function hello(suite: number, extensions: number[]): number[] {
  return message(2, [3, 3, ...RANDOM, ...SESSION, ...u16(suite), 0, ...sized16(extensions)]);
}

/** Flights of a server, as records. */
const hello13 = (group: number): number[] =>
  record(
    22,
    hello(0x1301, [
      ...extension(43, [3, 4]),
      ...extension(51, [...u16(group), ...sized16([9, 9, 9])]),
    ]),
  );
const retry13 = (group: number): number[] =>
  record(22, hello(0x1301, [...extension(43, [3, 4]), ...extension(51, u16(group))]));
const keyExchange = (group: number): number[] => message(12, [3, ...u16(group), 2, 7, 7]);
const CERTIFICATE = message(11, Array.from({ length: 300 }, () => 5));
/** All in one record. */
const hello12 = (suite: number, group: number): number[] =>
  record(22, [...hello(suite, []), ...CERTIFICATE, ...keyExchange(group), ...message(14, [])]);
/** A record for each message, and one message in two records. */
const hello12InParts = (suite: number, group: number): number[] => [
  ...record(22, hello(suite, [])),
  ...record(22, CERTIFICATE.slice(0, 100)),
  ...record(22, CERTIFICATE.slice(100)),
  ...record(22, keyExchange(group)),
];
const resumed12 = (suite: number): number[] => [
  ...record(22, hello(suite, [])),
  ...record(20, [1]),
];
const CHANGE_CIPHER_SPEC = record(20, [1]);

type Names = readonly string[] | null;

/** What the guard says of `bytes`, given whole and split at each byte. */
function verdict(suites: Names, groups: Names, bytes: number[]): string {
  const verdicts = new Set<string>();
  for (let split = 0; split < bytes.length; split++) {
    const guard = new NegotiationGuard(suites, groups);
    const first = guard.inspect(new Uint8Array(bytes.slice(0, split)));
    const reason = first ?? guard.inspect(new Uint8Array(bytes.slice(split)));
    verdicts.add(reason ?? (guard.done ? "allowed" : "open"));
  }
  assertEquals(verdicts.size, 1, [...verdicts].join());
  return [...verdicts][0]!;
}

Deno.test("NegotiationGuard reads suites and groups wherever the bytes are split", () => {
  const p256 = ["CurveP256"];
  const aes256 = ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"];
  const left = (name: string, option: string) =>
    `tls: settled on ${name}, which ${option} leaves out`;
  const cases: [Names, Names, number[], string][] = [
    [null, p256, hello13(P256), "allowed"],
    [null, p256, hello13(X25519), left("X25519", "curve_preferences")],
    [null, p256, hello13(0x6399), left("0x6399", "curve_preferences")],
    [aes256, null, hello13(X25519), "allowed"],
    [null, p256, [...retry13(P256), ...CHANGE_CIPHER_SPEC, ...hello13(P256)], "allowed"],
    [null, p256, retry13(P256), "open"],
    [null, p256, retry13(X25519), left("X25519", "curve_preferences")],
    [null, p256, hello12(AES_128, P256), "allowed"],
    [null, p256, hello12(AES_128, X25519), left("X25519", "curve_preferences")],
    [null, p256, hello12InParts(AES_128, P256), "allowed"],
    [null, p256, hello12InParts(AES_128, X25519), left("X25519", "curve_preferences")],
    [aes256, null, hello12(AES_256, X25519), "allowed"],
    [
      aes256,
      null,
      hello12(AES_128, X25519),
      left("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "cipher_suites"),
    ],
    [aes256, p256, hello12(AES_256, P256), "allowed"],
    [aes256, p256, hello12(AES_256, X25519), left("X25519", "curve_preferences")],
    [aes256, p256, resumed12(AES_256), "allowed"],
    [
      aes256,
      p256,
      resumed12(AES_128),
      left("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "cipher_suites"),
    ],
    [
      null,
      p256,
      record(22, [...hello(AES_128, []), ...CERTIFICATE, ...message(14, [])]),
      "tls: the key exchange is not by a named group",
    ],
    [null, p256, record(22, message(2, [3, 3])), "tls: the server's own handshake cannot be read"],
  ];
  for (const [suites, groups, bytes, wanted] of cases) {
    assertEquals(verdict(suites, groups, bytes), wanted);
  }
});

Deno.test("connections that settle on what was left out are refused and logged", async (t) => {
  const cases: [config: string, tls: ConnectionOptions["tls"] & object, refusal: RegExp | null][] =
    [
      ["curve_preferences: [X25519MLKEM768, X25519]", {}, null],
      ["curve_preferences: [CurveP521]", {}, /settled on X25519\w*, which curve_preferences/],
      ["cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA]", {}, null],
    ];
  await withCertificates(async ({ ca, server: own }) => {
    for (const [config, tls, refusal] of cases) {
      await t.step(config, async () => {
        const options = emptyOptions();
        processConfigText(
          options,
          `listen: "127.0.0.1:-1"
           tls { cert_file: "${own.certFile}", key_file: "${own.keyFile}", ${config} }`,
          systemConfigSource(),
        );
        const logger = new CapturedLog();
        const server = await startServer({ ...options, logger });
        const client = () =>
          connect({
            servers: `localhost:${server.port}`,
            reconnect: false,
            tls: { ca: ca.certPem, ...tls },
          });
        try {
          if (refusal === null) {
            const connection = await client();
            await connection.flush();
            await connection.close();
            assertEquals(logger.texts("error"), []);
          } else {
            await assertRejects(client);
            const [line, ...more] = logger.texts("error");
            assertEquals(more, []);
            assert(refusal.test(line!), line);
            assertStringIncludes(line!, "TLS handshake error: ");
            assertEquals(server.closedConnections.all()[0]!.reason, "TLS Handshake Failure");
          }
          assertEquals(logger.texts("warn", "curve_preferences").length, 1);
        } finally {
          await server.stop();
        }
      });
    }
  });
});
