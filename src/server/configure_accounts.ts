/**
 * Makes the accounts that the options declare.
 *
 * Reference: configureAccounts in server/server.go.
 *
 * @module
 */
import { byteStringOfText } from "../base/text/byte_string.ts";
import { linkAccounts } from "./account_links.ts";
import { SYSTEM_ACCOUNT } from "../core/account/account.ts";
import type { OperatorMode } from "../operator/operator_mode.ts";
import { emptyUser } from "../config/mod.ts";
import { configureOperatorAccounts } from "./operators.ts";
import type { Core } from "../core/core.ts";
import { SubjectMappings } from "../subject/mod.ts";

/** Fills `core` with the configured accounts and the system account. */
export function configureAccounts(core: Core, operators: OperatorMode | null): void {
  const { options } = core;
  if (operators !== null) return configureOperatorAccounts(core, operators);
  for (const declared of options.accounts) {
    if (declared.name === SYSTEM_ACCOUNT) options.systemAccount ||= SYSTEM_ACCOUNT;
    const account = core.addAccount(byteStringOfText(declared.name));
    account.defaultPermissions = declared.defaultPermissions;
    account.traceDestination = byteStringOfText(declared.traceDest);
    account.traceSampling = declared.traceDestSampling;
    account.mapper = null;
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
    account.updatedMs = core.env.clock.nowMs();
    if (declared.limits !== null) {
      account.limits = { ...declared.limits };
    }
  }
  linkAccounts(core, options.accounts);
  if (options.systemAccount !== "") core.setSystemAccount(byteStringOfText(options.systemAccount));
  else if (!options.noSystemAccount) core.setSystemAccount(SYSTEM_ACCOUNT);
}

const OPEN_USER = "nats-";
const PASSWORD_LENGTH = 8;
const PASSWORD_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/**
 * Lets everybody into the global account when all that the configuration has is a system account
 * with users: those are there to watch the server, not to lock clients out. Changes `options`.
 */
export function openGlobalAccount(core: Core): void {
  const { options } = core;
  const onlySystem = options.systemAccount !== "" && core.accounts.size === 2;
  if (
    !onlySystem || options.trustedOperators.length > 0 || options.noAuthUser !== "" ||
    options.authBlockDefined
  ) return;
  // After a reload it is the same user again: its clients stay.
  let password = core.openUser.slice(OPEN_USER.length);
  while (password.length < PASSWORD_LENGTH) {
    password += PASSWORD_DIGITS[core.env.random.below(PASSWORD_DIGITS.length)];
  }
  const user = { ...emptyUser(), username: `${OPEN_USER}${password}`, password };
  options.users = [...(options.users ?? []), user];
  options.noAuthUser = user.username;
  core.openUser = user.username;
}
