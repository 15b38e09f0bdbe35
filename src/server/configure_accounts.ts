/**
 * Makes the accounts that the options declare.
 *
 * Reference: configureAccounts in server/server.go.
 *
 * @module
 */
import { byteStringOfText } from "../base/text/byte_string.ts";
import { SYSTEM_ACCOUNT } from "../core/account/account.ts";
import type { Core } from "../core/core.ts";
import { SubjectMappings } from "../subject/mod.ts";

/** Fills `core` with the configured accounts and the system account. */
export function configureAccounts(core: Core): void {
  const { options } = core;
  for (const declared of options.accounts) {
    const account = core.addAccount(byteStringOfText(declared.name));
    account.defaultPermissions = declared.defaultPermissions;
    if (declared.mappings.length > 0) {
      const mappings = new SubjectMappings(core.env.random.below, options.cluster.name);
      for (const { source, destinations } of declared.mappings) {
        mappings.add(
          byteStringOfText(source),
          destinations.map((destination) => ({
            ...destination,
            subject: byteStringOfText(destination.subject),
          })),
        );
      }
      account.mapper = mappings;
    }
    if (declared.limits !== null) {
      const { maxConnections, maxSubscriptions, maxPayload } = declared.limits;
      account.limits = { maxConnections, maxSubscriptions, maxPayload };
    }
  }
  if (options.systemAccount !== "") core.setSystemAccount(options.systemAccount);
  else if (!options.noSystemAccount) core.setSystemAccount(SYSTEM_ACCOUNT);
}
