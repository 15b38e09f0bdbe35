/**
 * Checks of clients by OCSP, beyond the reference's tests: answers that are not to be believed,
 * responders that do not answer, chains, and the file of the cache.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { PeerCertificate, verifiedChains } from "../../../src/ocsp/mod.ts";
import { encodeRequest, mayAnswerFor, parseResponse } from "../../../src/ocsp/asn1.ts";
import { OcspResponseError, OcspStatus } from "../../../src/ocsp/response.ts";
import { StartError } from "../../../src/server/start_error.ts";
import { CertificateFactory, type IssuedCertificate } from "../../harness/certs.ts";
import {
  type Bundled,
  expectRefused,
  expectServed,
  OcspServer,
  ocspTlsBlock,
  setFirst,
  setGood,
  withOcspWorld,
  withoutStore,
} from "../../harness/ocsp_ca.ts";
import { until } from "../../harness/server.ts";

function read({ certificate }: IssuedCertificate): PeerCertificate {
  return new PeerCertificate(new Uint8Array(certificate.rawData));
}

Deno.test("parseResponse() takes an answer only about its certificate", async () => {
  await withOcspWorld((world) => {
    const { first, second, userA1, userA2, userB1 } = world;
    const answer = first.responder.answerAt(Date.now(), userA1, first.ca, "good");
    const issuer = read(first.ca);
    const response = parseResponse(answer, read(userA1), issuer);
    assertEquals(response.status, OcspStatus.Good);
    assert(mayAnswerFor(issuer, response));
    for (
      const [certificate, authority] of [[userA2, first.ca], [userB1, second.ca]] as const
    ) {
      assertThrows(
        () => parseResponse(answer, read(certificate), read(authority)),
        OcspResponseError,
      );
    }
    return Promise.resolve();
  });
});

Deno.test("parseResponse() never says something else for a changed answer", async () => {
  await withOcspWorld((world) => {
    const { first, userA1 } = world;
    const certificate = read(userA1);
    const issuer = read(first.ca);
    for (const status of ["good", "revoked", "unknown"] as const) {
      const answer = first.responder.answerAt(Date.now(), userA1, first.ca, status);
      const unchanged = parseResponse(answer, certificate, issuer);
      // Every fourth byte keeps the test short.
      for (let at = 0; at < answer.length; at += 4) {
        for (const changed of [answer.with(at, answer[at]! ^ 1), answer.slice(0, at)]) {
          try {
            const { status, nextUpdateMs, thisUpdateMs } = parseResponse(
              changed,
              certificate,
              issuer,
            );
            assertEquals(
              [status, nextUpdateMs, thisUpdateMs],
              [unchanged.status, unchanged.nextUpdateMs, unchanged.thisUpdateMs],
            );
          } catch (error) {
            assert(error instanceof OcspResponseError, String(error));
          }
        }
      }
    }
    return Promise.resolve();
  });
});

Deno.test("parseResponse() names what a responder complains about", async () => {
  await withOcspWorld((world) => {
    const { first, userA1 } = world;
    const complaint = Uint8Array.of(0x30, 3, 0x0a, 1, 6);
    assertThrows(
      () => parseResponse(complaint, read(userA1), read(first.ca)),
      OcspResponseError,
      "ocsp: error from server: unauthorized",
    );
    return Promise.resolve();
  });
});

Deno.test("encodeRequest() keeps serial numbers as they are", async () => {
  await withOcspWorld((world) => {
    const { first, userA1 } = world;
    const request = encodeRequest(read(userA1), read(first.ca)).toHex();
    const serial = read(userA1).names.serialNumber;
    const length = serial.length.toString(16).padStart(2, "0");
    assert(request.endsWith(`02${length}${serial.toHex()}`), request);
    return Promise.resolve();
  });
});

Deno.test("verifiedChains() finds the ways to trusted authorities", async () => {
  const folder = await Deno.makeTempDir({ prefix: "natsts-chains-" });
  try {
    const factory = new CertificateFactory(folder);
    const root = await factory.issue("root", { subject: "CN=root" });
    const middle = await factory.issue("middle", { subject: "CN=middle", authority: true }, root);
    const leaf = await factory.issue("leaf", { subject: "CN=leaf" }, middle);
    // The same name with another key, no authority, and one that is too old.
    const other = await factory.issue("other", { subject: "CN=middle", authority: true }, root);
    const user = await factory.issue("user", { subject: "CN=user" }, root);
    const old = await factory.issue("old", {
      subject: "CN=old",
      authority: true,
      expired: true,
    }, root);
    const ofUser = await factory.issue("ofUser", { subject: "CN=x" }, user);
    const ofOld = await factory.issue("ofOld", { subject: "CN=y" }, old);
    const chains = (sent: IssuedCertificate[], trusted: IssuedCertificate[]): string[] =>
      verifiedChains(sent.map(read), trusted.map(read), Date.now()).map((chain) =>
        chain.map(({ subject }) => subject.slice(3)).join(" ")
      );
    assertEquals(chains([leaf, middle], [root]), ["leaf middle root"]);
    assertEquals(chains([leaf, other, middle], [root]), ["leaf middle root"]);
    assertEquals(chains([leaf], [middle]), ["leaf middle"]);
    assertEquals(chains([leaf, middle], [middle, root]), ["leaf middle", "leaf middle root"]);
    assertEquals(chains([leaf], [leaf]), ["leaf"]);
    assertEquals(chains([leaf], [root]), []);
    assertEquals(chains([leaf, other], [root]), []);
    assertEquals(chains([ofUser, user], [root]), []);
    assertEquals(chains([ofOld, old], [root]), []);
    assertEquals(chains([], [root]), []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a good answer about one client lets no other one in", async () => {
  await withOcspWorld(async (world) => {
    const { first, userA1, userA2 } = world;
    setFirst(world, userA1, "good");
    const replay = first.responder.answerAt(Date.now(), userA1, first.ca, "good");
    first.responder.rewrite = () => replay;
    await using server = await OcspServer.start(world, ocspTlsBlock(world, "true"));
    await expectServed(server, userA1);
    await expectRefused(server, userA2);
  });
});

Deno.test("a responder that is silent ends neither the handshake's time nor the server", async () => {
  await withOcspWorld(async (world) => {
    setFirst(world, world.userA1, "good");
    const { promise, resolve } = Promise.withResolvers<Response>();
    let asked = 0;
    world.first.responder.rewrite = () => {
      asked++;
      return promise;
    };
    try {
      const block = ocspTlsBlock(world, "{ verify: true, ca_timeout: 30 }");
      {
        const short = block.replace("timeout: 5", "timeout: 0.2");
        await using server = await OcspServer.start(world, short);
        await assertRejects(() => server.connect(world.userA1));
        await until(() => server.log.texts("debug", "TLS handshake timeout").length === 1);
      }
      {
        const server = await OcspServer.start(world, block);
        const before = asked;
        const refused = assertRejects(() => server.connect(world.userA1));
        await until(() => asked > before);
        const start = performance.now();
        await server[Symbol.asyncDispose]();
        assert(performance.now() - start < 2000);
        await refused;
      }
    } finally {
      resolve(new Response(null, { status: 500 }));
    }
  });
});

Deno.test("a cache file that cannot be read is replaced", async () => {
  await withOcspWorld(async (world) => {
    setGood(world);
    const path = `${world.folder}/_rc_/cache.json`;
    for (const content of ["", "[]", '{"x":1}', '{"x":{"resp":7}}', "{"]) {
      await withoutStore(world);
      await Deno.mkdir(`${world.folder}/_rc_`);
      await Deno.writeTextFile(path, content);
      await using server = await OcspServer.start(world, ocspTlsBlock(world, "true"));
      assertEquals(server.log.texts("warn", "Unable to load OCSP peer cache: ").length, 1);
      await server.connect(world.userA1);
      await server.server.stop();
      assertEquals(Object.keys(JSON.parse(await Deno.readTextFile(path))).length, 2);
      const names = [...Deno.readDirSync(`${world.folder}/_rc_`)].map(({ name }) => name);
      assertEquals(names, ["cache.json"]);
    }
  });
});

Deno.test("ocsp_peer needs verify", async () => {
  await withOcspWorld(async (world) => {
    const block = ocspTlsBlock(world, "true");
    await assertRejects(
      () => OcspServer.start(world, block.replace("verify: true", "verify: false")),
      StartError,
      "OCSP peer verification for client connections requires TLS verify (mTLS) to be enabled",
    );
  });
});

Deno.test("HTTPS monitoring is for clients that are good by OCSP", async () => {
  await withOcspWorld(async (world) => {
    const { userA1, userB1, root } = world;
    setGood(world);
    world.second.responder.set(userB1, "revoked");
    const config = `http_port: 0\n https: "127.0.0.1:-1"\n${ocspTlsBlock(world, "true")}`;
    const server = await OcspServer.start(world, config);
    const ask = async (user: Bundled | null): Promise<Response> => {
      using client = Deno.createHttpClient({
        caCerts: [root.ca.certPem],
        ...(user === null
          ? {}
          : { cert: await Deno.readTextFile(user.bundleFile), key: user.keyPem }),
      });
      return await fetch(`https://localhost:${server.server.monitorPort}/varz`, { client });
    };
    try {
      for (let i = 0; i < 2; i++) {
        const response = await ask(userA1);
        assertEquals(response.status, 200);
        assertEquals((await response.json()).tls_ocsp_peer_verify, true);
      }
      await assertRejects(() => ask(userB1));
      await assertRejects(() => ask(null));
      const lines = server.log.texts("error", "monitoring: TLS handshake error from 127.0.0.1:");
      assertEquals(lines.map((line) => line.replace(/^.*?:\d+: /, "")), [
        "client not OCSP valid",
        "tls: client didn't provide a certificate",
      ]);
      using plain = await Deno.connect({ port: server.server.monitorPort });
      await plain.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
      await until(() => server.log.texts("error", "does not look like a TLS handshake").length > 0);
    } finally {
      await server[Symbol.asyncDispose]();
    }
  });
});

Deno.test("/varz tells that clients are checked by OCSP", async () => {
  await withOcspWorld(async (world) => {
    for (const [ocspPeer, shown] of [["true", true], ["false", undefined]] as const) {
      await using server = await OcspServer.start(world, ocspTlsBlock(world, ocspPeer));
      assertEquals((await server.varz()).tls_ocsp_peer_verify, shown);
    }
  });
});

Deno.test("a certificate that must be stapled is not served as if it were", async () => {
  await withOcspWorld(async (world) => {
    const factory = new CertificateFactory(world.folder);
    const own = await factory.issue("staple", { subject: "CN=localhost", mustStaple: true });
    const block = `tls { cert_file: "${own.certFile}", key_file: "${own.keyFile}" }\n`;
    for (const ocsp of ["true", "{ mode: must }", "{ mode: always }"]) {
      await assertRejects(
        () => OcspServer.start(world, `${block} ocsp: ${ocsp}`),
        StartError,
        "OCSP stapling is not possible",
      );
    }
    for (
      const [ocsp, warning] of [
        ["", "but no answer can be attached"],
        ["ocsp: false", "has MustStaple but OCSP is disabled"],
      ] as const
    ) {
      await using server = await OcspServer.start(world, `${block} ${ocsp}`);
      assertEquals(server.log.texts("warn", warning).length, 1);
    }
    // Nothing is stapled to others in these modes, by nats-server either.
    for (const ocsp of ["true", "{ mode: must }", "false"]) {
      const plain = ocspTlsBlock(world, "");
      await using server = await OcspServer.start(world, `${plain} ocsp: ${ocsp}`);
      await expectServed(server, world.userA1);
    }
  });
});

Deno.test("a reload turns checks on and off, and keeps the cache", async () => {
  await withOcspWorld(async (world) => {
    const { userA1, userB1, first } = world;
    setGood(world);
    world.second.responder.set(userB1, "revoked");
    first.responder.answer({ signer: first.delegate, embed: true, ttlMs: 60_000 });
    await using server = await OcspServer.start(world, ocspTlsBlock(world, ""));
    await expectServed(server, userB1);
    await server.reload(ocspTlsBlock(world, "true"));
    await expectRefused(server, userB1);
    await expectServed(server, userA1);
    const { asked } = first.responder;
    await server.reload(`${ocspTlsBlock(world, "true")} max_payload: 1000`);
    await expectServed(server, userA1);
    assertEquals(first.responder.asked, asked);
    await server.reload(ocspTlsBlock(world, "false"));
    await expectServed(server, userB1);
    assertEquals((await server.varz()).ocsp_peer_cache, undefined);
  });
});

Deno.test("a reload refuses nobody whose check is under way", async () => {
  await withOcspWorld(async (world) => {
    const { userA1, first } = world;
    setGood(world);
    const hold = Promise.withResolvers<void>();
    let asked = 0;
    first.responder.rewrite = async (answer) => {
      asked++;
      await hold.promise;
      return new Response(answer.slice());
    };
    await using server = await OcspServer.start(world, ocspTlsBlock(world, "true"));
    const connected = server.connect(userA1);
    await until(() => asked > 0);
    await server.reload(`${ocspTlsBlock(world, "true")} max_payload: 1000`);
    hold.resolve();
    await connected;
  });
});

for (const keyKind of ["rsa", "p384"] as const) {
  Deno.test(`answers with ${keyKind} signatures are believed, broken ones are not`, () =>
    withOcspWorld(async (world) => {
      const { first, userA1, userA2 } = world;
      setFirst(world, userA1, "good");
      first.responder.set(userA2, "revoked");
      await using server = await OcspServer.start(world, ocspTlsBlock(world, "true"));
      await expectServed(server, userA1);
      await expectRefused(server, userA2);
      const answer = first.responder.answerAt(Date.now(), userA1, first.ca, "good");
      const fails = (changed: Uint8Array): void =>
        void assertThrows(
          () => parseResponse(changed, read(userA1), read(first.ca)),
          OcspResponseError,
        );
      parseResponse(answer, read(userA1), read(first.ca));
      // In the middle of the answer's own signature, which stands before the delegate's certificate.
      const { rawData } = first.delegate.certificate;
      const at = answer.length - rawData.byteLength - 40;
      fails(answer.with(at, answer[at]! ^ 1));
    }, keyKind));
}
