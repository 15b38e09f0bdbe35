// Ports: test/ocsp_peer_test.go
/**
 * Clients are checked by OCSP: who may connect.
 *
 * What Go's client calls "remote error: tls: bad certificate" is a closed connection here, because
 * the TLS of Deno sends no alert for an application; the server's log is asserted instead.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
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

const LONG = `{ verify: true, ca_timeout: 5, allowed_clockskew: 30 }`;

Deno.test("TestOCSPPeerGoodClients", async (t) => {
  await withOcspWorld(async (world) => {
    setGood(world);
    const cases: [string, string, Bundled][] = [
      ["Default cache, client of intermediate CA 1", ocspTlsBlock(world, LONG), world.userA1],
      ["Default cache, client of intermediate CA 2", ocspTlsBlock(world, "true"), world.userB1],
      [
        "Explicit true cache, client of intermediate CA 1",
        `ocsp_cache: true\n${ocspTlsBlock(world, LONG)}`,
        world.userA1,
      ],
    ];
    for (const [name, config, user] of cases) {
      await t.step(name, async () => {
        await withoutStore(world);
        await using server = await OcspServer.start(world, config);
        await expectServed(server, user);
      });
    }
  });
});

Deno.test("TestOCSPPeerUnknownClient", async (t) => {
  await withOcspWorld(async (world) => {
    world.root.responder.set(world.first.ca, "good");
    await t.step("Default cache, client unknown to intermediate CA 1", async () => {
      await using server = await OcspServer.start(world, ocspTlsBlock(world, "true"));
      await expectRefused(server, world.userA1);
    });
  });
});

Deno.test("TestOCSPPeerRevokedClient", async (t) => {
  await withOcspWorld(async (world) => {
    setFirst(world, world.userA1, "revoked");
    await t.step("client revoked by intermediate CA 1", async () => {
      await using server = await OcspServer.start(world, ocspTlsBlock(world, "true"));
      await expectRefused(server, world.userA1);
    });
    for (
      const [name, ocspPeer] of [
        ["Explicit disable", "false"],
        ["Implicit disable", ""],
        ["Explicit disable (long form)", "{ verify: false }"],
      ] as const
    ) {
      await t.step(name, async () => {
        await withoutStore(world);
        await using server = await OcspServer.start(world, ocspTlsBlock(world, ocspPeer));
        await expectServed(server, world.userA1);
      });
    }
  });
});

Deno.test("TestOCSPPeerUnknownAndRevokedIntermediate", async (t) => {
  await withOcspWorld(async (world) => {
    setGood(world);
    world.root.responder.set(world.first.ca, "revoked");
    world.root.responder.set(world.second.ca, "unknown");
    for (
      const [name, user] of [
        ["client's intermediate is revoked", world.userA1],
        ["client's intermediate is unknown", world.userB1],
      ] as const
    ) {
      await t.step(name, async () => {
        await withoutStore(world);
        await using server = await OcspServer.start(world, ocspTlsBlock(world, "true"));
        await expectRefused(server, user);
      });
    }
  });
});

Deno.test("TestOCSPPeerGoodClientsNoneCache", async (t) => {
  await withOcspWorld(async (world) => {
    setGood(world);
    for (
      const [name, config, user] of [
        [
          "None cache explicit long form, client of intermediate CA 1",
          `${ocspTlsBlock(world, LONG)} ocsp_cache: { type: none }`,
          world.userA1,
        ],
        [
          "None cache explicit short form, client of intermediate CA 1",
          `${ocspTlsBlock(world, LONG)} ocsp_cache: false`,
          world.userA1,
        ],
      ] as const
    ) {
      await t.step(name, async () => {
        await using server = await OcspServer.start(world, config);
        await expectServed(server, user);
      });
    }
  });
});

Deno.test("TestOCSPPeerWarnOnlyOption", async (t) => {
  await withOcspWorld(async (world) => {
    setFirst(world, world.userA1, "revoked");
    await t.step("Revoked NATS client with warn_only explicitly set to false", async () => {
      const block = ocspTlsBlock(world, "{ verify: true, warn_only: false }");
      await using server = await OcspServer.start(world, block);
      await expectRefused(server, world.userA1);
    });
    await t.step("Revoked NATS client with warn_only explicitly set to true", async () => {
      await withoutStore(world);
      const block = ocspTlsBlock(world, "{ verify: true, warn_only: true }");
      await using server = await OcspServer.start(world, block);
      await expectServed(server, world.userA1);
    });
  });
});

Deno.test("TestOCSPPeerUnknownIsGoodOption", async (t) => {
  await withOcspWorld(async (world) => {
    world.root.responder.set(world.first.ca, "good");
    await t.step("Unknown NATS client with no unknown_is_good option set", async () => {
      await using server = await OcspServer.start(world, ocspTlsBlock(world, "true"));
      await expectRefused(server, world.userA1);
    });
    await t.step("Unknown NATS client with unknown_is_good set to true", async () => {
      await withoutStore(world);
      const block = ocspTlsBlock(world, "{ verify: true, unknown_is_good: true }");
      await using server = await OcspServer.start(world, block);
      await expectServed(server, world.userA1);
    });
  });
});

Deno.test("TestOCSPPeerUndelegatedCAResponseSigner", async (t) => {
  await withOcspWorld(async (world) => {
    const { first, userA1 } = world;
    setFirst(world, userA1, "good");
    first.responder.answer({ signer: first.ca });
    await t.step("responder is CA (undelegated)", async () => {
      await using server = await OcspServer.start(world, ocspTlsBlock(world, "true"));
      await expectServed(server, userA1);
    });
  });
});

Deno.test("TestOCSPPeerDelegatedCAResponseSigner", async (t) => {
  await withOcspWorld(async (world) => {
    setFirst(world, world.userA1, "good");
    await t.step("responder is delegated by the CA", async () => {
      await using server = await OcspServer.start(world, ocspTlsBlock(world, "true"));
      await expectServed(server, world.userA1);
    });
  });
});

Deno.test("TestOCSPPeerBadDelegatedCAResponseSigner", async (t) => {
  await withOcspWorld(async (world) => {
    const { first, userA1, userA2 } = world;
    setFirst(world, userA1, "good");
    // Issued by the authority, but not to sign answers.
    first.responder.answer({ signer: userA2, embed: true });
    await t.step("responder is not a legal delegate", async () => {
      await using server = await OcspServer.start(world, ocspTlsBlock(world, "true"));
      await expectRefused(server, userA1);
      assertEquals(server.log.texts("warn", "Invalid OCSP response delegation: ").length, 1);
    });
  });
});
