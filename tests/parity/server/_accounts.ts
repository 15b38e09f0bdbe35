/**
 * What the ports of server/accounts_test.go share: accounts to which tests add exports and imports.
 *
 * @module
 */
import { Account } from "../../../src/core/account/account.ts";
import { type ExportRule, PUBLIC_EXPORT } from "../../../src/core/account/exports.ts";
import type { RawClient } from "../../harness/raw_client.ts";
import { type TestServer, testServer } from "../../harness/server.ts";

/** An account without a server. */
export const newAccount = (name: string): Account =>
  new Account(name, { cache: true, hashSeed: 1 });

/** An export for `accounts` only. */
export const only = (...accounts: Account[]): ExportRule => ({
  ...PUBLIC_EXPORT,
  approved: new Set(accounts.map(({ name }) => name)),
});

/** Subscriptions of an account beside those by which it asks the system account. */
export const subscriptions = (account: Account): number =>
  account.sublist.count - account.serviceImports.filter(({ internal }) => internal).length;

/** A server with accounts `$foo`, `$bar` ... that share nothing, with a user `foo`, `bar` each. */
export async function accountServer(...names: string[]): Promise<TestServer> {
  const accounts = names.map((name) => `$${name} { users: [ {user: ${name}, pass: pwd} ] }`);
  return await testServer({}, `accounts { ${accounts.join("\n")} }`);
}

/** A client of the user `user` of {@linkcode accountServer}. */
export const rawOf = (server: TestServer, user: string): Promise<RawClient> =>
  server.rawLogin({ user, pass: "pwd" });

/** Sends `text` and waits until it was handled. */
export async function send(client: RawClient, text: string): Promise<void> {
  await client.send(text);
  await client.flush();
}
