/**
 * Reads `tls` blocks.
 *
 * Reference: parseTLS and getTLSConfig in server/opts.go, parseOCSPPeer in server/ocsp_peer.go.
 *
 * @module
 */
import { DurationError, parseDurationMs } from "../base/text/duration.ts";
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
  secondsOrDuration,
  showValue,
  typeName,
} from "./fields.ts";
import type { ConfigToken } from "./parser.ts";
import { checkTlsFiles, TlsFileError } from "./tls_files.ts";
import {
  DEFAULT_CIPHER_SUITES,
  DEFAULT_CURVE_PREFERENCES,
  defaultOcspPeerOptions,
  defaultTlsOptions,
  INSECURE_CIPHER_SUITES,
  type OcspPeerOptions,
  type TlsOptions,
} from "./tls_options.ts";
import { quoteText } from "./url.ts";

/** A `tls` block while it is read. */
interface TlsBlock {
  tls: TlsOptions;
  /** Clients' and leaf nodes' blocks know no `verify_cert_and_check_known_urls`. */
  clientContext: boolean;
  insecureCiphers: string[];
  certificatesGiven: boolean;
}

/**
 * Reads the `tls` block at `token` and checks that its files can be used.
 *
 * @throws {ConfigError}
 */
export function readTls(
  process: Processing,
  token: ConfigToken,
  context: "client" | "server",
): TlsOptions {
  const tls = parseTls(process, token, context === "client");
  try {
    checkTlsFiles(tls, process.source);
  } catch (error) {
    if (!(error instanceof TlsFileError)) throw error;
    throw new ConfigError(token, error.message);
  }
  return tls;
}

function parseTls(process: Processing, token: ConfigToken, clientContext: boolean): TlsOptions {
  return process.guardThrowing((frame) => {
    frame.last = token;
    const block: TlsBlock = {
      tls: defaultTlsOptions(),
      clientContext,
      insecureCiphers: [],
      certificatesGiven: false,
    };
    readFields(process, frame, asMap(token.value), block, tlsFields, {
      onError: "stop",
      unknown: (field) => {
        throw field.error(`error parsing tls config, unknown field ${quoteText(field.key)}`);
      },
    });
    const { tls, insecureCiphers } = block;
    if (tls.certificates.length > 0 && tls.certFile !== "") {
      throw new ConfigError(
        token,
        "error parsing tls config, cannot combine 'cert_file' option with 'certs' option",
      );
    }
    if (!tls.allowInsecureCiphers && insecureCiphers.length > 0) {
      throw new ConfigError(
        token,
        "insecure cipher suites configured without 'allow_insecure_cipher_suites' option set: " +
          insecureCiphers.join(", "),
      );
    }
    return tls;
  });
}

function fileName(field: Field): string {
  if (typeof field.value === "string") return field.value;
  throw field.error(
    `error parsing tls config, expected '${field.key.toLowerCase()}' to be filename`,
  );
}

function flag(field: Field): boolean {
  if (typeof field.value === "boolean") return field.value;
  throw field.error(
    `error parsing tls config, expected '${field.key.toLowerCase()}' to be a boolean`,
  );
}

function names(field: Field, check: (name: string, token: ConfigToken) => void): string[] {
  const tokens = field.list();
  if (tokens.length === 0) {
    throw field.error(
      `error parsing tls config, '${field.key.toLowerCase()}' cannot be empty`,
    );
  }
  return tokens.map((token) => {
    field.frame.last = token;
    const name = asString(token.value);
    check(name, token);
    return name;
  });
}

const CERT_STORES: ReadonlySet<string> = new Set(["windowscurrentuser", "windowslocalmachine"]);
const CERT_MATCHES: ReadonlySet<string> = new Set(["issuer", "subject", "thumbprint"]);

function storeText(field: Field, expected: string): string {
  if (typeof field.value === "string" && field.value !== "") return field.value;
  throw field.error(expected);
}

const tlsFields = fieldTable<TlsBlock>({
  "cert_file": ({ tls }, field) => void (tls.certFile = fileName(field)),
  "key_file": ({ tls }, field) => void (tls.keyFile = fileName(field)),
  "ca_file": ({ tls }, field) => void (tls.caFile = fileName(field)),
  "insecure": ({ tls }, field) => void (tls.insecure = flag(field)),
  "verify": ({ tls }, field) => void (tls.verify = flag(field)),
  "verify_and_map": ({ tls }, field) => {
    tls.map = flag(field);
    if (tls.map) tls.verify = true;
  },
  "verify_cert_and_check_known_urls": ({ tls, clientContext }, field) => {
    const check = flag(field);
    if (check && clientContext) {
      throw field.error("verify_cert_and_check_known_urls not supported in this context");
    }
    if (check) tls.verify = true;
    tls.checkKnownUrls = check;
  },
  "allow_insecure_cipher_suites": ({ tls }, field) => void (tls.allowInsecureCiphers = flag(field)),
  "cipher_suites": (block, field) => {
    block.tls.ciphers = names(field, (name, token) => {
      if (INSECURE_CIPHER_SUITES.includes(name)) block.insecureCiphers.push(name);
      else if (!DEFAULT_CIPHER_SUITES.includes(name)) {
        throw new ConfigError(token, `unrecognized cipher ${name}`);
      }
    });
  },
  "curve_preferences": ({ tls }, field) => {
    tls.curvePreferences = names(field, (name, token) => {
      if (!DEFAULT_CURVE_PREFERENCES.includes(name)) {
        throw new ConfigError(token, `unrecognized curve preference ${name}`);
      }
    });
  },
  "timeout": ({ tls }, field) => void (tls.timeoutMs = timeout(field, "tls")),
  "reload_interval": ({ tls }, field) => {
    tls.reloadIntervalMs = timeout(field, "tls");
    if (tls.reloadIntervalMs < 0) {
      throw field.error("error parsing tls config, 'reload_interval' must not be negative");
    }
  },
  "connection_rate_limit": ({ tls }, field) => {
    if (typeof field.value !== "bigint") {
      throw field.error("error parsing tls config, 'connection_rate_limit' wrong type");
    }
    tls.rateLimit = field.int();
  },
  "pinned_certs": ({ tls }, field) => {
    if (!Array.isArray(field.value)) {
      throw field.error(
        "error parsing tls config, expected 'pinned_certs' to be a list of hex-encoded sha256 " +
          "of DER encoded SubjectPublicKeyInfo",
      );
    }
    if (field.value.length === 0) return;
    tls.pinnedCerts = new Set();
    for (const token of field.value) {
      field.frame.last = token;
      const entry = asString(token.value).toLowerCase();
      if (!/^[a-f0-9]{64}$/.test(entry)) {
        throw new ConfigError(
          token,
          `error parsing tls config, 'pinned_certs' key ${entry} does not look like ` +
            "hex-encoded sha256 of DER encoded SubjectPublicKeyInfo",
        );
      }
      tls.pinnedCerts.add(entry);
    }
  },
  "cert_store": (_, field) => {
    const store = storeText(field, "expected 'cert_store' to be a valid non-empty string");
    throw field.error(
      CERT_STORES.has(store.toLowerCase())
        ? "cert_store not compatible with current operating system"
        : "cert store type not implemented",
    );
  },
  "cert_match_by": ({ tls }, field) => {
    const by = storeText(field, "expected 'cert_match_by' to be a valid non-empty string");
    if (!CERT_MATCHES.has(by.toLowerCase())) {
      throw field.error("cert match by type not implemented");
    }
    tls.certMatchBy = by.toLowerCase();
  },
  "cert_match": ({ tls }, field) => {
    tls.certMatch = storeText(field, "expected 'cert_match' to be a valid non-empty string");
  },
  "ca_certs_match": ({ tls }, field) => {
    if (typeof field.value === "string") tls.caCertsMatch = [field.value];
    else if (Array.isArray(field.value)) {
      tls.caCertsMatch = field.value.map((token) => {
        if (typeof token.value === "string") return token.value;
        throw field.error(
          "error parsing ca_cert_match: unsupported type *conf.token where string is expected",
        );
      });
    } else tls.caCertsMatch = [];
  },
  "cert_match_skip_invalid": ({ tls }, field) => {
    if (typeof field.value !== "boolean") {
      throw field.error("expected 'cert_match_skip_invalid' to be a boolean");
    }
    tls.certMatchSkipInvalid = field.value;
  },
  "handshake_first|first|immediate": ({ tls }, field) => handshakeFirst(tls, field),
  "ocsp_peer": ({ tls }, field) => {
    if (typeof field.value === "boolean") {
      tls.ocspPeer = { ...defaultOcspPeerOptions(), verify: field.value };
    } else if (field.value instanceof Map) {
      tls.ocspPeer = readOcspPeer(field);
    } else {
      // The reference prints the type of the whole block here.
      throw field.error(
        "error parsing ocsp peer config: unsupported type map[string]interface {}",
      );
    }
  },
  "certs|certificates": (block, field) => {
    if (!Array.isArray(field.value)) {
      throw field.error(
        "error parsing certificates config: unsupported type map[string]interface {}",
      );
    }
    block.certificatesGiven = true;
    block.tls.certificates = field.value.map((token) => certificatePair(token, field.frame));
  },
  "min_version": ({ tls }, field) => {
    const fail = (reason: string) => field.error(`error parsing tls config: ${reason}`);
    const version = field.value;
    if (typeof version !== "string") {
      throw fail(`'min_version' wrong type: ${showValue(version)}`);
    }
    if (version === "1.2" || version === "1.3") tls.minVersion = version;
    else if (version === "1.0" || version === "1.1") {
      throw fail(`unsupported TLS version: TLS ${version}`);
    } else throw fail(`unknown version: ${version}`);
  },
});

/** A `timeout` field, or one like it, of the block `name`: seconds or a duration; in ms. */
export function timeout(field: Field, name: string): number {
  const prefix = `error parsing ${name} config, '${field.key.toLowerCase()}'`;
  try {
    const ms = secondsOrDuration(field.value);
    if (ms === null) throw field.error(`${prefix} wrong type`);
    return ms;
  } catch (error) {
    if (!(error instanceof DurationError)) throw error;
    throw field.error(`${prefix} ${error.message}`);
  }
}

function handshakeFirst(tls: TlsOptions, field: Field): void {
  const value = field.value;
  if (typeof value === "boolean") {
    tls.handshakeFirst = value;
    return;
  }
  if (typeof value !== "string") {
    throw field.error(
      `field ${quoteText(field.key)} should be a boolean or a string, got ${typeName(value)}`,
    );
  }
  switch (value.toLowerCase()) {
    case "true":
    case "on":
      tls.handshakeFirst = true;
      return;
    case "false":
    case "off":
      tls.handshakeFirst = false;
      return;
    case "auto":
    case "auto_fallback":
      tls.handshakeFirst = true;
      tls.fallbackDelayMs = Defaults.tlsHandshakeFirstFallbackMs;
      return;
  }
  try {
    tls.fallbackDelayMs = parseDurationMs(value);
    tls.handshakeFirst = true;
  } catch (error) {
    if (!(error instanceof DurationError)) throw error;
    throw field.error(`field ${quoteText(field.key)}'s value ${quoteText(value)} is invalid`);
  }
}

function certificatePair(
  token: ConfigToken,
  frame: Frame,
): { certFile: string; keyFile: string } {
  frame.last = token;
  if (!(token.value instanceof Map)) {
    throw new ConfigError(
      token,
      `error parsing certificates config: unsupported type ${typeName(token.value)}`,
    );
  }
  const pair = { certFile: "", keyFile: "" };
  let last = token;
  for (const [key, file] of token.value) {
    last = frame.last = file;
    if (typeof file.value !== "string") {
      throw new ConfigError(
        file,
        `error parsing certificates config: unsupported type ${typeName(file.value)}`,
      );
    }
    if (key === "cert_file") pair.certFile = file.value;
    else if (key === "key_file") pair.keyFile = file.value;
    else {
      throw new ConfigError(
        file,
        `error parsing tls certs config, unknown field ${quoteText(key)}`,
      );
    }
  }
  if (pair.certFile === "" || pair.keyFile === "") {
    throw new ConfigError(
      last,
      "error parsing certificates config: both 'cert_file' and 'cert_key' options are required",
    );
  }
  return pair;
}

function readOcspPeer(field: Field): OcspPeerOptions {
  const unknown = (field: Field): ConfigError =>
    field.error(`error parsing tls peer config, unknown field [${quoteText(field.key)}]`);
  const peer = defaultOcspPeerOptions();
  try {
    field.process.guardThrowing((frame) =>
      readFields(field.process, frame, field.map(), peer, ocspPeerFields(unknown), {
        onError: "stop",
        unknown: (field) => {
          throw unknown(field);
        },
      })
    );
  } catch (error) {
    // The place is stated twice: by the inner block and by the outer one.
    if (error instanceof ConfigError) throw field.error(error.message);
    throw error;
  }
  return peer;
}

function ocspPeerFields(unknown: (field: Field) => ConfigError) {
  const bool = (field: Field): boolean => {
    if (typeof field.value === "boolean") return field.value;
    throw unknown(field);
  };
  const duration = (field: Field, detailed: boolean): number => {
    const wrong = (why: string) =>
      field.error(`error parsing tls peer config, conversion error: ${why}`);
    try {
      const ms = secondsOrDuration(field.value);
      if (ms === null) throw wrong("unexpected type");
      return ms;
    } catch (error) {
      if (!(error instanceof DurationError)) throw error;
      throw wrong(detailed ? error.message : "unexpected type");
    }
  };
  return fieldTable<OcspPeerOptions>({
    "verify": (peer, field) => void (peer.verify = bool(field)),
    "allowed_clockskew": (peer, field) => {
      const ms = duration(field, false);
      if (ms >= 0) peer.clockSkewMs = ms;
    },
    "ca_timeout": (peer, field) => {
      const ms = duration(field, true);
      if (ms >= 0) peer.timeoutMs = ms;
    },
    "cache_ttl_when_next_update_unset": (peer, field) => {
      const ms = duration(field, true);
      if (ms >= 0) peer.ttlUnsetNextUpdateMs = ms;
    },
    "warn_only": (peer, field) => void (peer.warnOnly = bool(field)),
    "unknown_is_good": (peer, field) => void (peer.unknownIsGood = bool(field)),
    "allow_when_ca_unreachable": (peer, field) => void (peer.allowWhenCaUnreachable = bool(field)),
  });
}
