/**
 * Reads the `accounts` block and subject mappings.
 *
 * Reference: parseAccounts, parseAccountMappings, parseAccountLimits, parseAccountMsgTrace and
 * parseJetStreamForAccount in server/opts.go.
 *
 * @module
 */
import { IntegerError, parseInt64 } from "../base/text/size.ts";
import { byteStringOfText } from "../base/text/byte_string.ts";
import { isValidPublishSubject, isValidSubject } from "../subject/mod.ts";
import { checkAccountLinks } from "./account_check.ts";
import {
  type AccountLimits,
  type AccountOptions,
  type JetStreamAccountLimits,
  type MapDestination,
  newAccountOptions,
  unlimitedJetStream,
} from "./account_options.ts";
import type { NkeyUser, User } from "./auth_options.ts";
import { Defaults } from "./baseline.ts";
import { ConfigError } from "./errors.ts";
import {
  asMap,
  asString,
  type Field,
  fieldTable,
  type Frame,
  type Processing,
  readFields,
  showValue,
  typeName,
} from "./fields.ts";
import { checkMapping, MappingError } from "./mapping_check.ts";
import { isValidPublicKey } from "./nkeys.ts";
import type { Options } from "./options.ts";
import type { ConfigMap, ConfigToken } from "./parser.ts";
import { readExports, readImports } from "./process_account_links.ts";
import { applyDefaultPermissions, readPermissions, readUsers } from "./process_auth.ts";
import { enabledOrDisabled } from "./process_jetstream.ts";
import { quoteText } from "./url.ts";

/** Names of users and nkeys that are taken: they must differ across all accounts. */
export function takenNames(options: Options): Set<string> {
  return new Set([
    ...(options.users ?? []).map(({ username }) => username),
    ...(options.nkeys ?? []).map(({ nkey }) => nkey),
  ]);
}

function isReserved(name: string): boolean {
  return name === Defaults.globalAccount;
}

/** Reads the `accounts` field: a block, or an array of names. */
export function readAccounts(process: Processing, token: ConfigToken): void {
  const { options } = process;
  const complete = process.guard(false, (frame) => {
    frame.last = token;
    if (Array.isArray(token.value)) readNames(process, frame, token.value);
    else if (token.value instanceof Map) readBlocks(process, frame, token.value);
    return true;
  });
  // Links can only be judged when all accounts are right.
  if (!complete || process.errors.length > 0) return;
  checkAccountLinks(options.accounts, {
    noSystemAccount: options.noSystemAccount,
    report: (message) => process.report(token, message),
  });
}

function readNames(process: Processing, frame: Frame, tokens: readonly ConfigToken[]): void {
  const seen = new Set<string>();
  for (const token of tokens) {
    frame.last = token;
    const name = asString(token.value);
    if (isReserved(name)) {
      process.report(token, `${quoteText(name)} is a Reserved Account`);
    } else if (seen.has(name)) {
      process.report(token, `Duplicate Account Entry: ${name}`);
    } else {
      process.options.accounts.push(newAccountOptions(name));
      seen.add(name);
    }
  }
}

/** An account while it is read. */
interface AccountBlock {
  account: AccountOptions;
  users: User[];
  nkeys: NkeyUser[];
  usersToken: ConfigToken | null;
}

function readBlocks(process: Processing, frame: Frame, map: ConfigMap): void {
  const { options } = process;
  const taken = takenNames(options);
  for (const [name, token] of map) {
    frame.last = token;
    if (token.usedVariable) continue;
    if (!(token.value instanceof Map)) {
      process.report(token, "Expected map entries for accounts");
      continue;
    }
    if (isReserved(name)) {
      process.report(token, `${quoteText(name)} is a Reserved Account`);
      continue;
    }
    const account = newAccountOptions(name);
    options.accounts.push(account);
    const block: AccountBlock = { account, users: [], nkeys: [], usersToken: null };
    readFields(process, frame, token.value, block, accountFields, { onError: "collect" });
    addUsers(process, block, taken);
  }
}

function addUsers(process: Processing, block: AccountBlock, taken: Set<string>): void {
  const { options } = process;
  const { account, users, nkeys, usersToken } = block;
  if (users.length > 0 || nkeys.length > 0) {
    if (options.username !== "") {
      process.report(usersToken, "Can not have a single user/pass and accounts");
      return;
    }
    if (options.authorization !== "") {
      process.report(usersToken, "Can not have a token and accounts");
      return;
    }
  }
  applyDefaultPermissions(users, nkeys, account.defaultPermissions);
  for (const user of nkeys) {
    if (taken.has(user.nkey)) {
      process.report(usersToken, `Duplicate nkey ${quoteText(user.nkey)} detected`);
    }
    taken.add(user.nkey);
    user.account = account.name;
  }
  for (const user of users) {
    if (taken.has(user.username)) {
      process.report(usersToken, `Duplicate user ${quoteText(user.username)} detected`);
    }
    taken.add(user.username);
    user.account = account.name;
  }
  if (nkeys.length > 0) (options.nkeys ??= []).push(...nkeys);
  if (users.length > 0) (options.users ??= []).push(...users);
}

const accountFields = fieldTable<AccountBlock>({
  "nkey": ({ account }, field) => {
    if (typeof field.value !== "string" || !isValidPublicKey(field.value, "A")) {
      throw field.error(
        `Not a valid public nkey for an account: ${quoteText(showValue(field.value))}`,
      );
    }
    account.nkey = field.value;
  },
  "imports": ({ account }, field) => {
    const { streams, services } = readImports(field.process, field.token);
    account.streamImports.push(...streams);
    account.serviceImports.push(...services);
  },
  "exports": ({ account }, field) => {
    const { streams, services } = readExports(field.process, field.token);
    account.streamExports.push(...streams);
    account.serviceExports.push(...services);
  },
  "jetstream": ({ account }, field) => readAccountJetStream(account, field),
  "users": (block, field) => {
    block.usersToken = field.token;
    const read = readUsers(field.process, field.token, null);
    block.users = read?.users ?? [];
    block.nkeys = read?.nkeys ?? [];
  },
  "default_permissions": ({ account }, field) => {
    account.defaultPermissions = readPermissions(field.process, field.token);
  },
  "mappings|maps": ({ account }, field) => readMappings(account, field),
  "limits": ({ account }, field) => {
    if (!(field.value instanceof Map)) {
      throw field.error(
        `Expected account limits to be a map/struct, got ${showValue(field.value)}`,
      );
    }
    const { process, token, value } = field;
    process.guard(undefined, (frame) => {
      frame.last = token;
      readFields(process, frame, value, account.limits, limitFields, {
        onError: "collect",
        unknown: (inner) => {
          if (inner.token.usedVariable) return;
          inner.report(`Unknown field ${quoteText(inner.key)} parsing account limits`);
        },
      });
    });
  },
  "msg_trace|trace_dest": ({ account }, field) => {
    readTrace(account, field);
    if (account.traceDest !== "" && account.traceDestSampling === 0) {
      account.traceDestSampling = 100;
    } else if (account.traceDestSampling > 0 && account.traceDest === "") {
      field.process.warnings.push(
        field.error("Trace destination sampling ignored since no destination was set"),
      );
      account.traceDestSampling = 0;
    }
  },
});

/** The reference keeps these limits in 32 bits, and cuts off what is above. */
function int32(field: Field): number {
  return field.int() | 0;
}

const limitFields = fieldTable<AccountLimits>({
  "max_connections|max_conn": (limits, field) => void (limits.maxConnections = int32(field)),
  "max_subscriptions|max_subs": (limits, field) => {
    limits.maxSubscriptions = int32(field);
  },
  "max_payload|max_pay": (limits, field) => void (limits.maxPayload = int32(field)),
  "max_leafnodes|max_leafs": (limits, field) => void (limits.maxLeafNodes = int32(field)),
});

/** Reads `mappings` of an account, or those of the global account at the top level. */
export function readMappings(account: AccountOptions, field: Field): void {
  const { process, token } = field;
  process.guard(undefined, (frame) => {
    frame.last = token;
    for (const [source, entry] of asMap(token.value)) {
      if (!isValidSubject(byteStringOfText(source))) {
        process.report(token, `Subject ${quoteText(source)} is not a valid subject`);
        continue;
      }
      frame.last = entry;
      readMapping(process, account, source, entry);
    }
  });
}

function readMapping(
  process: Processing,
  account: AccountOptions,
  source: string,
  token: ConfigToken,
): void {
  let where = `Error adding mapping for ${quoteText(source)}`;
  let destinations: MapDestination[];
  if (typeof token.value === "string") {
    where += ` to ${quoteText(token.value)}`;
    destinations = [{ subject: token.value, weight: 100, cluster: "" }];
  } else if (Array.isArray(token.value)) {
    destinations = [];
    for (const entry of token.value) {
      process.collect(() => destinations.push(readDestination(process, entry)));
    }
  } else {
    try {
      destinations = [readDestination(process, token)];
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      process.errors.push(error);
      return;
    }
  }
  try {
    checkMapping(source, destinations);
  } catch (error) {
    if (!(error instanceof MappingError)) throw error;
    process.report(token, `${where} : ${error.message}`);
    return;
  }
  const mapping = { source, destinations };
  const old = account.mappings.findIndex((other) => other.source === source);
  if (old >= 0) account.mappings[old] = mapping;
  else account.mappings.push(mapping);
}

interface DestinationBlock {
  destination: MapDestination;
  weightGiven: boolean;
}

function readDestination(process: Processing, token: ConfigToken): MapDestination {
  if (!(token.value instanceof Map)) {
    throw new ConfigError(token, "Expected an entry for the mapping destination");
  }
  const block: DestinationBlock = {
    destination: { subject: "", weight: 0, cluster: "" },
    weightGiven: false,
  };
  readFields(process, { last: token }, token.value, block, destinationFields, {
    onError: "stop",
    unknown: (field) => {
      throw field.error(`Unknown field ${quoteText(field.key)} for mapping destination`);
    },
  });
  if (!block.weightGiven) {
    throw new ConfigError(
      token,
      `Missing weight for mapping destination ${quoteText(block.destination.subject)}`,
    );
  }
  return block.destination;
}

const destinationFields = fieldTable<DestinationBlock>({
  "dest|destination": ({ destination }, field) => {
    destination.subject = field.string();
  },
  "weight": (block, field) => {
    let weight: bigint;
    if (typeof field.value === "bigint") weight = field.value;
    else if (typeof field.value === "string") {
      const text = field.value.replace(/%$/, "");
      try {
        weight = parseInt64(text, "Atoi");
      } catch (error) {
        if (!(error instanceof IntegerError)) throw error;
        throw field.error(`Invalid weight ${quoteText(text)} for mapping destination`);
      }
    } else throw field.error(`Unknown entry type for weight of ${showValue(field.value)}\n`);
    if (weight < 0n || weight > 100n) {
      throw field.error(`Invalid weight ${weight} for mapping destination`);
    }
    block.destination.weight = Number(weight);
    block.weightGiven = true;
  },
  "cluster": ({ destination }, field) => void (destination.cluster = field.string()),
});

function traceDestination(account: AccountOptions, field: Field): void {
  if (typeof field.value !== "string") {
    throw field.error(
      `Field ${quoteText(field.key)} should be a string, got ${typeName(field.value)}`,
    );
  }
  if (!isValidPublishSubject(byteStringOfText(field.value))) {
    throw field.error(`Trace destination ${quoteText(field.value)} is not valid`);
  }
  account.traceDest = field.value;
}

function readTrace(account: AccountOptions, field: Field): void {
  const { value, key: topKey } = field;
  if (typeof value === "string") {
    traceDestination(account, field);
    return;
  }
  if (!(value instanceof Map)) {
    throw field.error(
      `Expected account message trace ${quoteText(topKey)} to be a string or a map/struct, ` +
        `got ${typeName(value)}`,
    );
  }
  readFields(field.process, field.frame, value, account, traceFields, {
    onError: "stop",
    unknown: (inner) => {
      if (inner.token.usedVariable) return;
      throw inner.error(
        `Unknown field ${quoteText(inner.key)} parsing account message trace map/struct ` +
          quoteText(topKey),
      );
    },
  });
}

const traceFields = fieldTable<AccountOptions>({
  "dest": traceDestination,
  "sampling": (account, field) => {
    let sampling: bigint;
    if (typeof field.value === "bigint") sampling = field.value;
    else if (typeof field.value === "string") {
      try {
        sampling = parseInt64(field.value.replace(/%$/, ""), "Atoi");
      } catch (error) {
        if (!(error instanceof IntegerError)) throw error;
        throw field.error(
          `Invalid trace destination sampling value ${quoteText(field.value)}`,
        );
      }
    } else {
      throw field.error(
        `Trace destination sampling field ${quoteText(field.key)} should be an integer or a ` +
          `percentage, got ${typeName(field.value)}`,
      );
    }
    if (sampling <= 0n || sampling > 100n) {
      throw field.error(
        `Ttrace destination sampling value ${sampling} is invalid, needs to be [1..100]`,
      );
    }
    account.traceDestSampling = Number(sampling);
  },
});

function readAccountJetStream(account: AccountOptions, field: Field): void {
  const { value } = field;
  // The reference does not say where the field itself is wrong.
  if (typeof value === "boolean") {
    if (value) account.jetStream = unlimitedJetStream();
  } else if (typeof value === "string") {
    account.jetStream = enabledOrDisabled(null, value) ? unlimitedJetStream() : null;
  } else if (value instanceof Map) {
    const block = { account, limits: unlimitedJetStream() };
    readFields(field.process, field.frame, value, block, accountJetStreamFields, {
      onError: "stop",
    });
    account.jetStream = block.limits;
  } else {
    throw new ConfigError(
      null,
      `Expected map, bool or string to define JetStream, got ${typeName(value)}`,
    );
  }
}

interface AccountJetStreamBlock {
  account: AccountOptions;
  limits: JetStreamAccountLimits;
}

function sizeOrFail(field: Field): number {
  if (typeof field.value === "bigint") return field.int();
  throw field.error(
    `Expected a parseable size for ${quoteText(field.key)}, got ${showValue(field.value)}`,
  );
}

const accountJetStreamFields = fieldTable<AccountJetStreamBlock>({
  "max_memory|max_mem|mem|memory": ({ limits }, field) => {
    limits.maxMemory = sizeOrFail(field);
  },
  "max_store|max_file|max_disk|store|disk": ({ limits }, field) => {
    limits.maxStore = sizeOrFail(field);
  },
  "max_streams|streams": ({ limits }, field) => void (limits.maxStreams = sizeOrFail(field)),
  "max_consumers|consumers": ({ limits }, field) => {
    limits.maxConsumers = sizeOrFail(field);
  },
  "max_bytes_required|max_stream_bytes|max_bytes": ({ limits }, field) => {
    if (typeof field.value !== "boolean") {
      throw field.error(
        `Expected a parseable bool for ${quoteText(field.key)}, got ${showValue(field.value)}`,
      );
    }
    limits.maxBytesRequired = field.value;
  },
  "mem_max_stream_bytes|memory_max_stream_bytes": ({ limits }, field) => {
    limits.memoryMaxStreamBytes = sizeOrFail(field);
  },
  "disk_max_stream_bytes|store_max_stream_bytes": ({ limits }, field) => {
    limits.storeMaxStreamBytes = sizeOrFail(field);
  },
  "max_ack_pending": ({ limits }, field) => void (limits.maxAckPending = sizeOrFail(field)),
  "cluster_traffic": ({ account }, field) => {
    if (field.value === "system" || field.value === "") account.nrgAccount = "";
    else if (field.value === "owner") account.nrgAccount = account.name;
    else {
      const expected = typeof field.value === "string"
        ? "Expected 'system' or 'owner' string value for "
        : "Expected either 'system' or 'owner' string value for ";
      throw field.error(`${expected}${quoteText(field.key)}, got ${showValue(field.value)}`);
    }
  },
});
