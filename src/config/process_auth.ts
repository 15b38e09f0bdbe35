/**
 * Reads `authorization` blocks: users, nkeys, permissions and the callout.
 *
 * Reference: parseAuthorization, parseUsers, parseUserPermissions and parseAuthCallout in
 * server/opts.go.
 *
 * @module
 */
import { isValidSubject } from "../subject/mod.ts";
import { byteStringOfText } from "../base/text/byte_string.ts";
import {
  type AuthCalloutOptions,
  CONNECTION_TYPES,
  emptyNkeyUser,
  emptyUser,
  type NkeyUser,
  type Permissions,
  type ResponsePermission,
  type SubjectPermission,
  type User,
} from "./auth_options.ts";
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
import { isValidPublicKey } from "./nkeys.ts";
import type { ConfigMap, ConfigToken, ConfigValue } from "./parser.ts";
import { durationOrFail } from "./process_shared.ts";
import { timeout } from "./process_tls.ts";
import { quoteList, quoteText } from "./url.ts";

/** A parsed `authorization` block. */
export interface Authorization {
  user: string;
  pass: string;
  token: string;
  nkey: string;
  account: string;
  proxyRequired: boolean;
  /** Null when the block has no `users`. */
  users: User[] | null;
  nkeys: NkeyUser[];
  timeoutMs: number;
  defaultPermissions: Permissions | null;
  callout: AuthCalloutOptions | null;
}

/** An `authorization` block that says nothing. */
export function emptyAuthorization(): Authorization {
  return {
    user: "",
    pass: "",
    token: "",
    nkey: "",
    account: "",
    proxyRequired: false,
    users: null,
    nkeys: [],
    timeoutMs: 0,
    defaultPermissions: null,
    callout: null,
  };
}

/** The map of a block; its errors belong to the innermost token that was looked at. */
function mapOf(token: ConfigToken, frame: Frame): ConfigMap {
  frame.last = token;
  return asMap(token.value);
}

/** Reads an `authorization` block. Null when it could not be read; that has been reported. */
export function readAuthorization(process: Processing, token: ConfigToken): Authorization | null {
  return process.guard<Authorization | null>(null, (frame) => {
    const auth = emptyAuthorization();
    const map = mapOf(token, frame);
    readFields(process, frame, map, auth, authorizationFields, { onError: "collect" });
    return auth;
  });
}

/** `timeout` of an authorization block in ms, with a warning above a minute. */
export function authTimeout(field: Field, block: string): number {
  const ms = timeout(field, block);
  if (ms > 60_000) {
    field.warn(
      `timeout of ${showValue(field.value)} (${(ms / 1000).toFixed(6)} seconds) is high, ` +
        "consider keeping it under 60 seconds. possibly caused by unquoted duration; " +
        "use '1m' instead of 1m, for example",
    );
  }
  return ms;
}

const authorizationFields = fieldTable<Authorization>({
  "user|username": (auth, field) => void (auth.user = field.string()),
  "pass|password": (auth, field) => void (auth.pass = field.string()),
  "token": (auth, field) => void (auth.token = field.string()),
  "timeout": (auth, field) => void (auth.timeoutMs = authTimeout(field, "authorization")),
  "users": (auth, field) => {
    const read = readUsers(field.process, field.token);
    auth.users = read?.users ?? null;
    auth.nkeys = read?.nkeys ?? [];
    applyDefaultPermissions(auth.users ?? [], auth.nkeys, auth.defaultPermissions);
  },
  "default_permission|default_permissions|permissions": (auth, field) => {
    auth.defaultPermissions = readPermissions(field.process, field.token);
    applyDefaultPermissions(auth.users ?? [], auth.nkeys, auth.defaultPermissions);
  },
  "auth_callout|auth_hook": (auth, field) => {
    auth.callout = readCallout(field.process, field.token);
  },
  "proxy_required": (auth, field) => void (auth.proxyRequired = field.bool()),
});

/** Gives the users who have no permissions of their own the default ones. */
export function applyDefaultPermissions(
  users: readonly User[],
  nkeys: readonly NkeyUser[],
  permissions: Permissions | null,
): void {
  if (permissions === null) return;
  for (const user of users) user.permissions ??= permissions;
  for (const user of nkeys) user.permissions ??= permissions;
}

/** A user entry while it is read: it turns out at its end which kind of user it is. */
interface UserEntry {
  user: User;
  nkey: NkeyUser;
  permissions: Permissions | null;
  last: ConfigToken;
}

/**
 * Reads an array of users. Null when a value had the wrong type; that has been reported.
 *
 * @throws {ConfigError}
 */
export function readUsers(
  process: Processing,
  token: ConfigToken,
  place: ConfigToken | null = token,
): { users: User[]; nkeys: NkeyUser[] } | null {
  return process.guard<{ users: User[]; nkeys: NkeyUser[] } | null>(null, (frame) => {
    const users: User[] = [];
    const nkeys: NkeyUser[] = [];
    for (const [entryToken, map] of entries(process, frame, token, "users", place)) {
      const entry: UserEntry = {
        user: emptyUser(),
        nkey: emptyNkeyUser(),
        permissions: null,
        last: entryToken,
      };
      readFields(process, frame, map, entry, userFields, { onError: "collect" });
      const { user, nkey, permissions } = entry;
      const last = [...map.values()].at(-1) ?? entryToken;
      if (nkey.nkey === "" && user.username === "") {
        throw new ConfigError(last, "User entry requires a user");
      }
      if (nkey.nkey === "") {
        user.permissions = permissions;
        users.push(user);
        continue;
      }
      if (!isValidPublicKey(nkey.nkey, "U")) {
        throw new ConfigError(last, "Not a valid public nkey for a user");
      }
      if (user.username !== "" || user.password !== "") {
        throw new ConfigError(last, "Nkey users do not take usernames or passwords");
      }
      nkey.permissions = permissions;
      nkeys.push(nkey);
    }
    return { users, nkeys };
  });
}

/**
 * The maps of an array of users; what is not a map is reported.
 *
 * @param place where it is reported that this is no array: some blocks of the reference do not say
 */
export function* entries(
  process: Processing,
  frame: Frame,
  token: ConfigToken,
  name: string,
  place: ConfigToken | null = token,
): Generator<[ConfigToken, ConfigMap]> {
  frame.last = token;
  if (!Array.isArray(token.value)) {
    throw new ConfigError(
      place,
      `Expected ${name} field to be an array, got ${showValue(token.value)}`,
    );
  }
  for (const entry of token.value) {
    frame.last = entry;
    if (entry.value instanceof Map) yield [entry, entry.value];
    else {
      process.report(
        entry,
        `Expected user entry to be a map/struct, got ${showValue(entry.value)}`,
      );
    }
  }
}

const userFields = fieldTable<UserEntry>({
  "nkey": (entry, field) => void (entry.nkey.nkey = field.string()),
  "user|username": (entry, field) => void (entry.user.username = field.string()),
  "pass|password": (entry, field) => void (entry.user.password = field.string()),
  "permission|permissions|authorization": (entry, field) => {
    entry.permissions = readPermissions(field.process, field.token);
  },
  "allowed_connection_types|connection_types|clients": (entry, field) => {
    const types = connectionTypes(field);
    entry.nkey.allowedConnectionTypes = types;
    entry.user.allowedConnectionTypes = types === null ? null : new Set(types);
  },
  "proxy_required": (entry, field) => {
    entry.nkey.proxyRequired = entry.user.proxyRequired = field.bool();
  },
});

function connectionTypes(field: Field): Set<string> | null {
  const names = field.strings("allowed connection types");
  if (names === null) return null;
  const known = new Set<string>();
  const unknown: string[] = [];
  for (const name of names.map((name) => name.toUpperCase())) {
    if ((CONNECTION_TYPES as readonly string[]).includes(name)) known.add(name);
    else unknown.push(name);
  }
  if (unknown.length > 0) field.report(`invalid connection types ${quoteList(unknown)}`);
  return known;
}

function readCallout(process: Processing, token: ConfigToken): AuthCalloutOptions | null {
  return process.guard<AuthCalloutOptions | null>(null, (frame) => {
    frame.last = token;
    if (!(token.value instanceof Map)) {
      throw new ConfigError(
        token,
        `Expected authorization callout to be a map/struct, got ${showValue(token.value)}`,
      );
    }
    const callout: AuthCalloutOptions = {
      issuer: "",
      account: "",
      authUsers: [],
      xKey: "",
      allowedAccounts: [],
    };
    readFields(process, frame, token.value, callout, calloutFields, {
      onError: "stop",
      unknown: (field) => {
        if (field.token.usedVariable) return;
        field.report(`Unknown field ${quoteText(field.key)} parsing authorization callout`);
      },
    });
    const last = [...token.value.values()].at(-1) ?? token;
    callout.account ||= Defaults.globalAccount;
    if (callout.issuer === "") {
      throw new ConfigError(last, "Authorization callouts require an issuer to be specified");
    }
    if (callout.authUsers.length === 0) {
      throw new ConfigError(
        last,
        "Authorization callouts require authorized users to be specified",
      );
    }
    return callout;
  });
}

function stringList(field: Field, name: string): string[] {
  if (!Array.isArray(field.value)) {
    throw field.error(`Expected ${name} field to be an array, got *conf.token`);
  }
  return field.value.map((token) => {
    field.frame.last = token;
    return asString(token.value);
  });
}

const calloutFields = fieldTable<AuthCalloutOptions>({
  "issuer": (callout, field) => {
    callout.issuer = field.string();
    if (!isValidPublicKey(callout.issuer, "A")) {
      throw field.error(
        "Expected callout user to be a valid public account nkey, got " +
          quoteText(callout.issuer),
      );
    }
  },
  "account|acc": (callout, field) => void (callout.account = field.string()),
  "auth_users|users": (callout, field) => {
    callout.authUsers.push(...stringList(field, "auth_users"));
  },
  "xkey|key": (callout, field) => {
    callout.xKey = field.string();
    if (!isValidPublicKey(callout.xKey, "X")) {
      throw field.error(
        `Expected callout xkey to be a valid public xkey, got ${quoteText(callout.xKey)}`,
      );
    }
  },
  "allowed_accounts": (callout, field) => {
    callout.allowedAccounts.push(...stringList(field, "allowed accounts"));
  },
});

/**
 * Reads permissions. Null when a value had the wrong type; that has been reported.
 *
 * @param place where it is reported that this is no map
 * @throws {ConfigError}
 */
export function readPermissions(
  process: Processing,
  token: ConfigToken,
  place: ConfigToken | null = token,
): Permissions | null {
  return process.guard<Permissions | null>(null, (frame) => {
    frame.last = token;
    if (!(token.value instanceof Map)) {
      throw new ConfigError(
        place,
        `Expected permissions to be a map/struct, got ${showValue(token.value)}`,
      );
    }
    const permissions: Permissions = { publish: null, subscribe: null, response: null };
    readFields(process, frame, token.value, permissions, permissionFields, {
      onError: "collect",
      unknown: reportUnknownPermission,
    });
    if (permissions.response !== null) {
      // Who may answer may not publish anything else, unless allowed explicitly.
      permissions.publish ??= { allow: null, deny: null };
      permissions.publish.allow ??= [];
    }
    return permissions;
  });
}

function reportUnknownPermission(field: Field): void {
  if (field.token.usedVariable) return;
  field.report(`Unknown field ${quoteText(field.key)} parsing permissions`);
}

const permissionFields = fieldTable<Permissions>({
  "pub|publish|import": (permissions, field) => {
    permissions.publish = readSubjects(field.process, field.token, false);
  },
  "sub|subscribe|export": (permissions, field) => {
    permissions.subscribe = readSubjects(field.process, field.token, true);
  },
  "publish_allow_responses|allow_responses": (permissions, field) => {
    if (field.value === false) return;
    permissions.response = field.value === true
      ? defaultResponse()
      : readResponses(field.process, field.token);
  },
});

function defaultResponse(): ResponsePermission {
  return { maxMsgs: Defaults.allowResponseMaxMsgs, expiresMs: Defaults.allowResponseExpiresMs };
}

function readResponses(process: Processing, token: ConfigToken): ResponsePermission | null {
  return process.guard<ResponsePermission | null>(null, (frame) => {
    frame.last = token;
    if (!(token.value instanceof Map)) {
      process.report(token, "error parsing response permissions, expected a boolean or a map");
      return null;
    }
    const response = defaultResponse();
    try {
      readFields(process, frame, token.value, response, responseFields, {
        onError: "stop",
        unknown: reportUnknownPermission,
      });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      process.errors.push(error);
      return null;
    }
    return response;
  });
}

const responseFields = fieldTable<ResponsePermission>({
  // Zero means the default in both.
  "max|max_msgs|max_messages|max_responses": (response, field) => {
    response.maxMsgs = field.int() || response.maxMsgs;
  },
  "expires|expiration|ttl": (response, field) => {
    if (typeof field.value !== "string") {
      throw field.error("error parsing expires, not a duration string");
    }
    response.expiresMs = durationOrFail(field, field.value, "error parsing expires: ") ||
      response.expiresMs;
  },
});

/** Subjects in the new style (`allow`, `deny`) or the old one (a subject or an array). */
function readSubjects(
  process: Processing,
  token: ConfigToken,
  allowQueue: boolean,
): SubjectPermission | null {
  if (!(token.value instanceof Map)) {
    return { allow: readPermissionSubjects(token, allowQueue, null), deny: null };
  }
  if (token.value.size === 0) return null;
  const permission: SubjectPermission = { allow: null, deny: null };
  for (const [key, value] of token.value) {
    const side = key.toLowerCase();
    if (side === "allow" || side === "deny") {
      process.collect(() => {
        permission[side] = readPermissionSubjects(value, allowQueue);
      });
    } else if (!value.usedVariable) {
      process.report(
        value,
        `Unknown field name ${quoteText(key)} parsing subject permissions, ` +
          "only 'allow' or 'deny' are permitted",
      );
    }
  }
  return permission;
}

/**
 * Reads a subject or an array of subjects.
 *
 * @param place where errors are reported; in the old style of permissions the reference says nothing
 * @throws {ConfigError}
 */
export function readPermissionSubjects(
  token: ConfigToken,
  allowQueue: boolean,
  place: ConfigToken | null = token,
): string[] {
  const subjects = subjectList(token, place);
  const wrong = checkPermissionSubjects(subjects, allowQueue);
  if (wrong !== null) throw new ConfigError(place, wrong);
  return subjects;
}

function subjectList(token: ConfigToken, place: ConfigToken | null): string[] {
  const value: ConfigValue = token.value;
  if (typeof value === "string") return [value];
  if (!Array.isArray(value)) {
    throw new ConfigError(
      place,
      "Expected subject permissions to be a subject, or array of subjects, got " +
        typeName(value),
    );
  }
  return value.map((element) => {
    if (typeof element.value === "string") return element.value;
    throw new ConfigError(element, "Subject in permissions array cannot be cast to string");
  });
}

/** What is wrong with the subjects of a permission, or null. */
export function checkPermissionSubjects(
  subjects: readonly string[] | null,
  allowQueue: boolean,
): string | null {
  const valid = (text: string) => isValidSubject(byteStringOfText(text));
  for (const subject of subjects ?? []) {
    if (valid(subject)) continue;
    const notValid = (text: string) => `subject ${quoteText(text)} is not a valid subject`;
    if (!allowQueue) return notValid(subject);
    // A subject and a queue group.
    const parts = subject.split(/\s+/).filter((part) => part !== "");
    if (parts.length !== 2) return notValid(subject);
    if (!valid(parts[0]!)) return notValid(parts[0]!);
    if (!valid(parts[1]!)) return `queue ${quoteText(parts[1]!)} is not a valid queue`;
  }
  return null;
}
