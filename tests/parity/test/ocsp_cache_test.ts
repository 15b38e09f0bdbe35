// Ports: test/ocsp_peer_test.go
/**
 * The cache of what responders have said: figures, file, and what it decides when no responder
 * answers. Time passes on the server's and the responders' clocks instead of in sleeps.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { compressS2 } from "../../../src/base/compress/mod.ts";
import {
  type Bundled,
  expectRefused,
  expectServed,
  OcspServer,
  ocspTlsBlock,
  type OcspWorld,
  setFirst,
  setGood,
  withOcspWorld,
  withoutStore,
} from "../../harness/ocsp_ca.ts";
import { cacheKey, type CertificateStatus } from "../../harness/ocsp_responder.ts";
import { until } from "../../harness/server.ts";

const LONG = `{ verify: true, ca_timeout: 5, allowed_clockskew: 30 }`;
const LONG_AGO_MS = Date.UTC(2023, 4, 29, 17, 56, 45);

/** Puts an answer about UserA1 that is long out of date into a cache's file. */
async function writeOldAnswer(
  world: OcspWorld,
  status: CertificateStatus,
  folder = "_rc_",
): Promise<void> {
  const { first, userA1 } = world;
  const answer = first.responder.answerAt(LONG_AGO_MS, userA1, first.ca, status);
  const item = {
    subject: "CN=UserA1,O=Testnats,L=Tacoma,ST=WA,C=US",
    cached_at: "2023-05-29T17:56:45Z",
    resp_status: status,
    resp_expires: "2023-05-29T17:56:49Z",
    resp: compressS2(answer).toBase64(),
  };
  await Deno.mkdir(`${world.folder}/${folder}`, { recursive: true });
  const text = JSON.stringify({ [cacheKey(userA1)]: item }, null, 2);
  await Deno.writeTextFile(`${world.folder}/${folder}/cache.json`, text);
}

Deno.test("TestOCSPPeerGoodClientsLocalCache", async (t) => {
  await withOcspWorld(async (world) => {
    setGood(world);
    const cases: [string, string, Bundled][] = [
      [
        "Default cache, short form, UserA1 client of intermediate CA 1",
        `${ocspTlsBlock(world, LONG)} ocsp_cache: true`,
        world.userA1,
      ],
      [
        "Local cache long form, UserB1 client of intermediate CA 2",
        `${ocspTlsBlock(world, "true")} ocsp_cache: { type: local }`,
        world.userB1,
      ],
    ];
    for (const [name, config, user] of cases) {
      await t.step(name, async () => {
        await withoutStore(world);
        await using server = await OcspServer.start(world, config);
        await (await server.connect(user)).close();
        const { ocsp_peer_cache: before } = await server.varz();
        assertEquals([before.cache_misses, before.cached_responses], [2, 2]);
        await expectServed(server, user);
        const { ocsp_peer_cache: after } = await server.varz();
        assertEquals([after.cache_misses, after.cache_hits, after.cached_responses], [2, 2, 2]);
      });
    }
  });
});

Deno.test("TestOCSPResponseCacheMonitor", async (t) => {
  await withOcspWorld(async (world) => {
    for (
      const [name, cache, type] of [
        ["local cache, explicit cache true", "ocsp_cache: true", "local"],
        ["local cache, explicit cache type local", "ocsp_cache: { type: local }", "local"],
        ["local cache, implicit default", "", "local"],
        ["none cache, explicit cache false (short)", "ocsp_cache: false", ""],
        ["none cache, explicit cache false (long)", "ocsp_cache: { type: none }", ""],
      ] as const
    ) {
      await t.step(name, async () => {
        const config = `${ocspTlsBlock(world, "{ verify: true }")} ${cache}`;
        await using server = await OcspServer.start(world, config);
        assertEquals((await server.varz()).ocsp_peer_cache?.cache_type ?? "", type);
      });
    }
  });
});

Deno.test("TestOCSPResponseCacheChangeAndReload", async () => {
  await withOcspWorld(async (world) => {
    const config = (type: string): string =>
      `${ocspTlsBlock(world, "true")} ocsp_cache: { type: ${type} }`;
    await using server = await OcspServer.start(world, config("none"));
    assertEquals((await server.varz()).ocsp_peer_cache?.cache_type ?? "", "");
    await server.reload(config("local"));
    assertEquals((await server.varz()).ocsp_peer_cache?.cache_type, "local");
  });
});

Deno.test("TestOCSPPeerPreserveRevokedCacheItem", async (t) => {
  await withOcspWorld(async (world) => {
    setFirst(world, world.userA1, "good");
    const cache = "ocsp_cache: { type: local, preserve_revoked: true }";
    const figures = ({ ocsp_peer_cache: figures }: Awaited<ReturnType<OcspServer["varz"]>>) => [
      figures.cached_responses ?? 0,
      figures.cached_revoked_responses ?? 0,
      figures.cached_good_responses ?? 0,
      figures.cached_unknown_responses ?? 0,
    ];
    await t.step("Test expired revoked cert not actually deleted", async () => {
      await writeOldAnswer(world, "revoked");
      await world.first.responder.stop();
      const block = ocspTlsBlock(world, "{ verify: true, ca_timeout: 0.5 }");
      await using server = await OcspServer.start(world, `${block} ${cache}`);
      await expectRefused(server, world.userA1);
      assertEquals(figures(await server.varz()), [1, 1, 0, 0]);
    });
    await t.step("Test expired revoked cert replaced by current good cert", async () => {
      world.first.responder.resume();
      const config = `${ocspTlsBlock(world, "true")} ${cache}`;
      await using server = await OcspServer.start(world, config);
      await server.connect(world.userA1);
      assertEquals(figures(await server.varz()), [2, 0, 2, 0]);
    });
  });
});

Deno.test("TestOCSPPeerAllowWhenCAUnreachableOption", async (t) => {
  await withOcspWorld(async (world) => {
    setFirst(world, world.userA1, "good");
    await world.first.responder.stop();
    const ocspPeer = "{ verify: true, ca_timeout: 0.5, allow_when_ca_unreachable: true }";
    const config = `${ocspTlsBlock(world, ocspPeer)}
      ocsp_cache: { type: local, preserve_revoked: true }`;
    const cases: [string, CertificateStatus | null, boolean][] = [
      ["Expired Revoked response in cache for UserA1 is honored", "revoked", false],
      ["Expired Good response in cache for UserA1 is irrelevant", "good", true],
      ["Expired Unknown response in cache for UserA1 is irrelevant", "unknown", true],
      ["No response in cache for UserA1", null, true],
    ];
    for (const [name, status, served] of cases) {
      await t.step(name, async () => {
        await withoutStore(world);
        if (status !== null) await writeOldAnswer(world, status);
        await using server = await OcspServer.start(world, config);
        await (served ? expectServed : expectRefused)(server, world.userA1);
      });
    }
  });
});

Deno.test("TestOCSPResponseCacheLocalStoreOpt", async (t) => {
  await withOcspWorld(async (world) => {
    setFirst(world, world.userA1, "good");
    await world.first.responder.stop();
    const ocspPeer = "{ verify: true, ca_timeout: 0.5, allow_when_ca_unreachable: true }";
    for (const [store, folder] of [["_custom_", "_custom_"], ["", "_rc_"]] as const) {
      await t.step(`Test load from local store "${store}"`, async () => {
        await withoutStore(world, folder);
        await writeOldAnswer(world, "revoked", folder);
        const config = `${ocspTlsBlock(world, ocspPeer)}
          ocsp_cache: { type: local, local_store: "${store}", preserve_revoked: true }`;
        await using server = await OcspServer.start(world, config);
        // Refused only if the file was found and loaded.
        await expectRefused(server, world.userA1);
      });
    }
  });
});

Deno.test("TestOCSPPeerIncrementalSaveLocalCache", async (t) => {
  await withOcspWorld(async (world) => {
    setGood(world);
    await t.step("Local cache with custom save_interval", async () => {
      const config = `${ocspTlsBlock(world, LONG)}
        ocsp_cache: { type: local, save_interval: 1 }`;
      const path = `${world.folder}/_rc_/cache.json`;
      const size = async (): Promise<number> => {
        try {
          return (await Deno.stat(path)).size;
        } catch (error) {
          if (error instanceof Deno.errors.NotFound) return 0;
          throw error;
        }
      };
      assertEquals(await size(), 0);
      await using server = await OcspServer.start(world, config);
      await (await server.connect(world.userA1)).close();
      await until(async () => await size() > 0);
      const first = await size();
      await (await server.connect(world.userB1)).close();
      await until(async () => await size() > first);
    });
  });
});

Deno.test("TestOCSPPeerNextUpdateUnset", async (t) => {
  await withOcspWorld(async (world) => {
    const { first, userA1 } = world;
    setFirst(world, userA1, "good");
    first.responder.answer({ signer: first.delegate, embed: true, ttlMs: 0 });
    for (
      const [name, ttl, misses] of [
        ["TTL set to 4 seconds, second connection uses the cache", 4, 2],
        ["TTL set to 1 second, second connection does not use the cache", 1, 3],
      ] as const
    ) {
      await t.step(name, async () => {
        await withoutStore(world);
        const ocspPeer = `{ verify: true, ca_timeout: 5, allowed_clockskew: 0
          cache_ttl_when_next_update_unset: ${ttl} }`;
        const config = `${ocspTlsBlock(world, ocspPeer)} ocsp_cache: true`;
        await using server = await OcspServer.start(world, config);
        // Answers know whole seconds only: begin with one.
        server.advance(1000 - Date.now() % 1000);
        await (await server.connect(userA1)).close();
        server.advance(2000);
        await server.connect(userA1);
        const { ocsp_peer_cache: figures } = await server.varz();
        assert(figures !== undefined);
        assertEquals([figures.cache_misses, figures.cached_responses], [misses, 2]);
      });
    }
  });
});
