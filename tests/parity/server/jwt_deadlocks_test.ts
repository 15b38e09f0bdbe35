/**
 * Ports: server/jwt_test.go, the tests of accounts that import from each other and change together.
 *
 * The Go tests look for deadlocks. There are no locks here; what is left to show is that the same
 * steps end, and that every import is there then.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { createAccount, encodeActivation, type KeyPair } from "../../harness/jwt.ts";
import { PONG } from "../../harness/raw_client.ts";
import { jwtServer } from "./_jwt.ts";

// deno-lint-ignore no-explicit-any -- whatever a test wants to state
type Body = Record<string, any>;

const ACCOUNTS = 10;
/** The Go test makes 30, for goroutines to meet by chance; here each round does the same. */
const ROUNDS = 2;

Deno.test("TestJWTAccountImportSignerDeadlock", async () => {
  await using server = await jwtServer();
  const [exporter, signer, importer] = [createAccount(), createAccount(), createAccount()];
  const account = exporter.getPublicKey();
  server.addAccount(exporter, {
    signing_keys: [signer.getPublicKey()],
    exports: [
      { subject: "foo", type: "service", token_req: true },
      { subject: "bar", type: "stream", token_req: true },
    ],
  });
  const imported = (subject: string, type: "service" | "stream"): Body => {
    const by = { issuer_account: account };
    const token = encodeActivation(importer, signer, type, subject, {}, by);
    return { account, subject, type, token };
  };
  server.addAccount(importer, { imports: [imported("foo", "service"), imported("bar", "stream")] });
  await server.account(exporter);
  await (await server.client(importer)).expect(PONG);
  const live = server.test.account(importer.getPublicKey());
  assertEquals(live.streamImports.length, 1);
  assertEquals(live.serviceImports.filter(({ internal }) => !internal).length, 1);
});

Deno.test("TestJWTUpdateAccountClaimsStreamAndServiceImportDeadlock", async (t) => {
  for (const type of ["stream", "service"]) {
    await t.step(type, async () => {
      await using server = await jwtServer();
      const all = Array.from({ length: ACCOUNTS }, (): { pair: KeyPair; claims: Body } => ({
        pair: createAccount(),
        claims: { exports: [], imports: [] },
      }));
      for (const { pair } of all) {
        server.addAccount(pair);
        await server.account(pair);
        await (await server.client(pair)).expect(PONG);
      }
      for (let round = 0; round < ROUNDS; round++) {
        const subject = (pair: KeyPair): string => `${pair.getPublicKey()}.${round}`;
        for (const { pair, claims } of all) {
          claims.exports.push({ subject: subject(pair), type });
          for (const other of all) {
            if (other.pair === pair) continue;
            const account = other.pair.getPublicKey();
            claims.imports.push({ account, subject: subject(other.pair), type });
          }
        }
        await Promise.all(all.map(({ pair, claims }) => server.update(pair, claims)));
      }
      for (const { pair } of all) {
        const live = server.test.account(pair.getPublicKey());
        const imports = type === "stream"
          ? live.streamImports
          : live.serviceImports.filter(({ internal }) => !internal);
        assertEquals(imports.length, ROUNDS * (ACCOUNTS - 1));
        assertEquals(imports.filter(({ invalid }) => invalid).length, 0);
      }
    });
  }
});
