/**
 * The WebSocket listener: its options, TLS, and how it fails to start.
 *
 * Ports: server/websocket_test.go
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { emptyOptions, processConfigText, validateOptions } from "../../../src/config/mod.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";
import { StartError } from "../../../src/mod.ts";
import { CapturedLog } from "../../harness/captured_log.ts";
import { type IssuedCertificate, withCertificates } from "../../harness/certs.ts";
import { type ReloadServer, reloadServer } from "../../harness/reload.ts";
import { type TestServer, testServer, until } from "../../harness/server.ts";
import { WebsocketClient, type WebsocketLogin } from "../../harness/websocket_client.ts";

const port = ({ server }: Pick<TestServer, "server">): number => server.websocket!.port;

function block(pair: IssuedCertificate | null, more = "", outside = ""): string {
  const tls = pair === null
    ? ""
    : `tls { cert_file: "${pair.certFile}", key_file: "${pair.keyFile}" ${more} }`;
  return `websocket { listen: "127.0.0.1:-1"\n${tls} ${pair === null ? more : ""} }\n${outside}`;
}

Deno.test("TestWSValidateOptions", async (t) => {
  const cases: readonly [name: string, text: string, expected: string][] = [
    ["websocket disabled", "port: 4222", ""],
    ["no tls", block(null), "requires TLS configuration"],
    [
      "bad url in allowed list",
      block(null, 'no_tls: true, allowed_origins: ["http://this:is:bad:url"]'),
      "unable to parse",
    ],
    [
      "allowed origin must be absolute URL",
      block(null, 'no_tls: true, allowed_origins: ["foo"]'),
      "unable to parse",
    ],
    [
      "allowed origin scheme must be http or https",
      block(null, 'no_tls: true, allowed_origins: ["ftp://host.com"]'),
      "must be absolute URLs with http or https scheme",
    ],
    [
      "missing trusted configuration",
      block(null, 'no_tls: true, jwt_cookie: "jwt"'),
      "keys configuration is required",
    ],
    [
      "websocket username not allowed if users specified",
      block(
        null,
        "no_tls: true, authorization { user: b, password: pwd }",
        "authorization { users [ { user: a, password: b } ] }",
      ),
      "websocket authentication username not compatible with presence of users/nkeys",
    ],
    [
      "websocket token not allowed if users specified",
      block(
        null,
        "no_tls: true, authorization { token: mytoken }",
        "authorization { users [ { user: a, password: b } ] }",
      ),
      "websocket authentication token not compatible with presence of users/nkeys",
    ],
    [
      "headers with sec-websocket- prefix not allowed",
      block(null, 'no_tls: true, headers { "Sec-WebSocket-Key": "123" }'),
      'invalid header "Sec-WebSocket-Key", "Sec-WebSocket-" prefix not allowed',
    ],
    ...["Host", "Content-Length", "Connection", "Upgrade", "Nats-No-Masking"].map((name) =>
      [
        `header with ${name}`,
        block(null, `no_tls: true, headers { "${name}": "x" }`),
        `websocket: invalid header "${name}" not allowed`,
      ] as [string, string, string]
    ),
    ["disabled websocket listener", 'websocket { headers { "Host": "x" } }', ""],
  ];
  for (const [name, text, expected] of cases) {
    await t.step(name, () => {
      const check = (): void => {
        const options = emptyOptions();
        processConfigText(options, text, systemConfigSource());
        validateOptions(options);
      };
      if (expected === "") check();
      else assertStringIncludes(assertThrows(check, Error).message, expected);
    });
  }
});

Deno.test("TestWSFailureToStartServer", async () => {
  const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const text = `websocket { host: "127.0.0.1", port: ${taken.addr.port}, no_tls: true }`;
  const error = await assertRejects(() => testServer({}, text), StartError);
  assertStringIncludes(error.message, "Unable to listen");
  taken.close();
});

Deno.test("TestWSTLSConnection", async (t) => {
  await withCertificates(async ({ ca, server: pair }) => {
    await using server = await testServer({}, block(pair));
    await t.step("client uses TLS", async () => {
      using client = await WebsocketClient.connect(port(server), { ca: ca.certPem });
      assert(client.response.startsWith("HTTP/1.1 101 Switching Protocols\r\n"));
    });
    await t.step("client does not use TLS", async () => {
      const conn = await Deno.connect({ hostname: "127.0.0.1", port: port(server) });
      await conn.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
      const answer = await new Response(conn.readable).text();
      assert(answer.startsWith("HTTP/1.0 400 Bad Request\r\n"), answer);
    });
  });
});

/** Whether a client gets as far as INFO. */
async function comesIn(
  server: Pick<TestServer, "server">,
  login: WebsocketLogin,
): Promise<boolean> {
  try {
    const { client, answer } = await WebsocketClient.login(port(server), login);
    client[Symbol.dispose]();
    return answer === "PONG\r\n";
  } catch (_refused) {
    return false;
  }
}

function withClientCert(ca: IssuedCertificate, client: IssuedCertificate | null): WebsocketLogin {
  return client === null
    ? { ca: ca.certPem }
    : { ca: ca.certPem, cert: client.certPem, key: client.keyPem };
}

Deno.test("TestWSTLSVerifyClientCert", async (t) => {
  await withCertificates(async ({ ca, server: pair, client }) => {
    const text = block(pair, `, ca_file: "${ca.certFile}", verify: true`);
    await using server = await testServer({}, text);
    await t.step("client provides cert", async () => {
      assert(await comesIn(server, withClientCert(ca, client)));
    });
    await t.step("client does not provide cert", async () => {
      assert(!(await comesIn(server, withClientCert(ca, null))));
    });
  });
});

Deno.test("TestWSTLSVerifyAndMap", async (t) => {
  await withCertificates(async ({ ca, server: pair, client }) => {
    const name = "CN=www.nats.io,OU=NATS.io";
    for (const types of ["", ', allowed_connection_types: ["STANDARD", "WEBSOCKET"]']) {
      const accounts = `accounts { MyAccount { users [ { user: "${name}" ${types} } ] } }`;
      const text = block(pair, `, ca_file: "${ca.certFile}", verify_and_map: true`, accounts);
      await using server = await testServer({}, text);
      await t.step(`client provides cert ${types}`, async () => {
        const { client: one, info, answer } = await WebsocketClient.login(
          port(server),
          withClientCert(ca, client),
        );
        assertEquals(answer, "PONG\r\n");
        const connection = server.server.clients.get(info.client_id as number)!;
        assertEquals([connection.connect.user, connection.account!.name], [name, "MyAccount"]);
        one[Symbol.dispose]();
      });
      await t.step(`client does not provide cert ${types}`, async () => {
        assert(!(await comesIn(server, withClientCert(ca, null))));
      });
    }
  });
});

Deno.test("TestWSHandshakeTimeout", async () => {
  await withCertificates(async ({ server: pair }) => {
    const log = new CapturedLog({ debug: true });
    const text = `websocket { listen: "127.0.0.1:-1", handshake_timeout: 20ms
      tls { cert_file: "${pair.certFile}", key_file: "${pair.keyFile}" } }`;
    await using server = await testServer({ logger: log }, text);
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: port(server) });
    assertEquals(await conn.read(new Uint8Array(10)), null);
    conn.close();
    await until(() => log.texts("error", "timeout").length > 0);
    assert(log.texts("error", "timeout")[0]!.startsWith("websocket: "));
  });
});

Deno.test("TestWSReloadTLSConfig", async () => {
  await withCertificates(async ({ factory, ca, server: pair, client }) => {
    const other = await factory.issue("other-ca", { subject: "CN=Other CA" });
    const stranger = await factory.issue("stranger", {
      subject: "CN=localhost",
      names: [{ type: "dns", value: "localhost" }, { type: "ip", value: "127.0.0.1" }],
    }, other);
    await using server: ReloadServer = await reloadServer(block(stranger));
    const plain = withClientCert(ca, null);
    // Go's first certificate lacks the address; this one is of an authority that is not known.
    assert(!(await comesIn(server, plain)));
    const bound = port(server);
    await server.reload(block(pair));
    assert(await comesIn(server, plain));
    const { client: seen, info } = await WebsocketClient.login(port(server), plain);
    assertEquals([info.tls_available, info.tls_required, info.host, info.port], [
      true,
      true,
      "127.0.0.1",
      bound,
    ]);
    seen[Symbol.dispose]();
    await server.reload(block(pair, `, ca_file: "${ca.certFile}", verify: true`));
    assert(!(await comesIn(server, plain)));
    const known = withClientCert(ca, client);
    assert(await comesIn(server, known));
    const noBlock = await assertRejects(() => server.reload(block(null)), Error);
    assertStringIncludes(noBlock.message, "TLS configuration");
    assert(await comesIn(server, known));
    const noTls = await assertRejects(() => server.reload(block(null, "no_tls: true")), Error);
    assertStringIncludes(noTls.message, "not supported");
    assert(await comesIn(server, known));
  });
});

Deno.test("an address to advertise that is none keeps the server from starting", async () => {
  const text = block(null, 'no_tls: true, advertise: "xxx:host:yyy"');
  const error = await assertRejects(() => testServer({}, text), StartError);
  assertStringIncludes(error.message, "Unable to get websocket connect URLs");
});
