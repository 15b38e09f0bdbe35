/**
 * Reads the fields of operator mode: operators, account resolvers, preloaded accounts.
 *
 * Reference: the operator and resolver cases of processConfigFileLine in server/opts.go,
 * readOperatorJWT in server/jwt.go.
 *
 * @module
 */
import { byteStringOf } from "../base/text/byte_string.ts";
import { DurationError, parseDurationMs } from "../base/text/duration.ts";
import {
  decodeAccountClaims,
  decodeOperatorClaims,
  JWT_PREFIX,
  JwtError,
  parseDecoratedJwt,
} from "../identity/mod.ts";
import { type ConfigSource, FileError } from "../platform/config_source.ts";
import { Defaults } from "./baseline.ts";
import { ConfigError } from "./errors.ts";
import { asInt, asString, type Field, typeName, WrongTypeError } from "./fields.ts";
import type { AccountResolverOptions, TrustedOperator } from "./operator_options.ts";
import type { Options } from "./options.ts";
import type { ConfigMap, ConfigToken } from "./parser.ts";
import { urlOrFail } from "./process_shared.ts";
import { formatServerUrl } from "./url.ts";

/** Reads an operator's JWT from a file, or takes the text itself when it is one. */
function readOperator(fileOrJwt: string, source: ConfigSource): TrustedOperator {
  let contents = fileOrJwt;
  try {
    const bytes = source.readFile(fileOrJwt);
    contents = byteStringOf(bytes, 0, bytes.length);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    if (!fileOrJwt.startsWith(JWT_PREFIX)) throw new JwtError(error.message, { cause: error });
  }
  const jwt = parseDecoratedJwt(contents);
  return { jwt, claims: decodeOperatorClaims(jwt) };
}

/** Reads `operator`: files or JWTs. */
export function readOperators(options: Options, field: Field): void {
  const { process, value, token } = field;
  const files: string[] = [];
  if (typeof value === "string") files.push(value);
  else if (Array.isArray(value)) {
    for (const element of value) {
      if (typeof element.value === "string") files.push(element.value);
      else {
        field.report(
          "error parsing operators: unsupported type *conf.token where string is expected",
        );
      }
    }
  } else field.report(`error parsing operators: unsupported type ${typeName(value)}`);
  options.trustedOperators = [];
  for (const file of files) {
    try {
      options.trustedOperators.push(readOperator(file, process.source));
    } catch (error) {
      if (!(error instanceof JwtError)) throw error;
      field.report(`error parsing operator JWT: ${error.message}`);
    }
  }
  const only = options.trustedOperators.length === 1 ? options.trustedOperators[0] : undefined;
  if (only === undefined) return;
  // What the configuration itself says about these two counts more.
  if (options.accountResolver === null) {
    try {
      const url = urlOrFail(only.claims.nats.accountServerUrl, "account resolver", token);
      options.accountResolver = urlResolver(formatServerUrl(url) + "/accounts");
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error; // an operator without a server is fine
    }
  }
  options.systemAccount ||= only.claims.nats.systemAccount;
}

function urlResolver(url: string): AccountResolverOptions {
  return { kind: "url", url: url.endsWith("/") ? url : url + "/" };
}

/** Reads `resolver`: `MEMORY`, `URL(…)`, or a block with a directory. */
export function readResolver(options: Options, field: Field): void {
  const { value } = field;
  if (typeof value === "string") {
    options.accountResolver = null;
    // The reference looks for the words anywhere in the text.
    const url = /URL(?:\(\s*"?([^\s"]*)"?\s*\))?\s*/i.exec(value);
    if (/MEM|MEMORY/i.test(value)) options.accountResolver = { kind: "memory" };
    else if (url !== null) {
      const text = (url[1] ?? "").replace(/\)$/, "");
      urlOrFail(text, "account resolver", field.token);
      options.accountResolver = urlResolver(text);
    }
  } else if (value instanceof Map) {
    options.accountResolver = directoryResolver(value, field);
  } else {
    throw field.error(`error parsing operator resolver, wrong type ${typeName(value)}`);
  }
  if (options.accountResolver === null) {
    field.report(
      'error parsing account resolver, should be MEM or  URL("url") or a map containing dir ' +
        "and type state=[FULL|CACHE])",
    );
  }
}

function directoryResolver(map: ConfigMap, field: Field): AccountResolverOptions | null {
  const look = <T>(name: string, read: (token: ConfigToken) => T, fallback: T): T => {
    const token = map.get(name);
    if (token === undefined) return fallback;
    field.frame.last = token;
    return read(token);
  };
  const text = (token: ConfigToken) => asString(token.value);
  const flag = (token: ConfigToken) => {
    if (typeof token.value !== "boolean") throw new WrongTypeError(token.value, "bool");
    return token.value;
  };
  const duration = (token: ConfigToken) => {
    try {
      return parseDurationMs(asString(token.value));
    } catch (error) {
      if (!(error instanceof DurationError)) throw error;
      throw field.error(error.message);
    }
  };
  const dir = look("dir", text, "");
  const type = look("type", text, "").toUpperCase();
  const allowDelete = look("allow_delete", flag, false);
  const hardDelete = look("hard_delete", flag, false);
  const limit = look("limit", (token) => asInt(token.value, token), 0);
  const ttlMs = look("ttl", duration, 0);
  const syncMs = look("interval", duration, 0);
  const fetchTimeoutMs = look("timeout", duration, Defaults.accountFetchTimeoutMs);
  switch (type) {
    case "CACHE":
      checkDirectory(dir, field);
      if (syncMs !== 0) field.report("CACHE does not accept sync");
      if (allowDelete) field.report("CACHE does not accept allow_delete");
      if (map.has("hard_delete")) field.report("CACHE does not accept hard_delete");
      return { kind: "cache", dir, limit: limit <= 0 ? 1000 : limit, ttlMs, fetchTimeoutMs };
    case "FULL":
      checkDirectory(dir, field);
      if (ttlMs !== 0) field.report("FULL does not accept ttl");
      if (map.has("hard_delete") && !allowDelete) {
        field.report("hard_delete has no effect without delete");
      }
      return {
        kind: "full",
        dir,
        limit: limit === 0 ? Number.MAX_SAFE_INTEGER : limit,
        syncIntervalMs: syncMs <= 0 ? 60_000 : syncMs,
        fetchTimeoutMs,
        delete: !allowDelete ? "no" : hardDelete ? "hard" : "rename",
      };
    case "MEM":
    case "MEMORY":
      return { kind: "memory" };
  }
  return null;
}

function checkDirectory(dir: string, field: Field): void {
  if (dir === "") {
    field.report("dir has no value and needs to point to a directory");
    return;
  }
  const info = field.process.source.stat(dir);
  if (info !== null && (!info.isDirectory || !info.ownerMayWrite)) {
    field.report("dir needs to point to an accessible directory");
  }
}

/** Reads `resolver_preload`: account JWTs by public key. */
export function readPreloads(options: Options, field: Field): void {
  if (!(field.value instanceof Map)) {
    throw field.error("preload should be a map of account_public_key:account_jwt");
  }
  options.resolverPreloads = new Map();
  for (const [key, token] of field.value) {
    field.frame.last = token;
    if (typeof token.value !== "string") {
      field.process.report(token, "preload map value should be a string JWT");
      continue;
    }
    try {
      decodeAccountClaims(token.value);
      options.resolverPreloads.set(key, token.value);
    } catch (error) {
      if (!(error instanceof JwtError)) throw error;
      field.process.report(token, "invalid account JWT");
    }
  }
}
