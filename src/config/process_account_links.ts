/**
 * Reads what accounts export to and import from each other. Whether an import is allowed is
 * checked when all accounts are known, in `account_check.ts`.
 *
 * Reference: parseAccountExports, parseAccountImports and their parts in server/opts.go.
 *
 * @module
 */
import { DurationError, parseDurationMs } from "../base/text/duration.ts";
import { IntegerError, parseInt64 } from "../base/text/size.ts";
import type {
  ServiceExport,
  ServiceImport,
  ServiceLatencyOptions,
  ServiceResponseType,
  StreamExport,
  StreamImport,
} from "./account_options.ts";
import { Defaults } from "./baseline.ts";
import { ConfigError, UnknownFieldError } from "./errors.ts";
import {
  asString,
  type Field,
  fieldTable,
  type Processing,
  readFields,
  showValue,
  typeName,
} from "./fields.ts";
import type { ConfigMap, ConfigToken, ConfigValue } from "./parser.ts";
import { quoteText } from "./url.ts";

/** The exports of one account. */
export interface Exports {
  streams: StreamExport[];
  services: ServiceExport[];
}

/** The imports of one account. */
export interface Imports {
  streams: StreamImport[];
  services: ServiceImport[];
}

function arrayOf(token: ConfigToken, what: string): ConfigToken[] {
  if (Array.isArray(token.value)) return token.value;
  throw new ConfigError(token, `${what} should be an array, got ${typeName(token.value)}`);
}

/** Reads `exports`. */
export function readExports(process: Processing, token: ConfigToken): Exports {
  const exports: Exports = { streams: [], services: [] };
  for (const entry of arrayOf(token, "Exports")) {
    process.collect(() => readExport(process, entry, exports));
  }
  return exports;
}

/** One export while it is read; its fields may come in any order. */
interface ExportBlock {
  kind: "stream" | "service" | null;
  subject: string;
  accounts: string[] | null;
  position: number;
  responseType: ServiceResponseType;
  response: ConfigToken | null;
  thresholdMs: number;
  threshold: boolean;
  latency: ServiceLatencyOptions | null;
  latencyToken: ConfigToken | null;
  allowTrace: boolean;
  traceToken: ConfigToken | null;
}

function readExport(process: Processing, token: ConfigToken, exports: Exports): void {
  if (!(token.value instanceof Map)) {
    throw new ConfigError(
      token,
      `Export Items should be a map with type entry, got ${typeName(token.value)}`,
    );
  }
  const map = token.value;
  const block: ExportBlock = {
    kind: null,
    subject: "",
    accounts: null,
    position: 0,
    responseType: "Singleton",
    response: null,
    thresholdMs: 0,
    threshold: false,
    latency: null,
    latencyToken: null,
    allowTrace: false,
    traceToken: null,
  };
  const complete = process.guard(false, (frame) => {
    frame.last = token;
    readFields(process, frame, map, block, exportFields, { onError: "collect" });
    return true;
  });
  if (!complete || block.kind === null) return;
  const { subject, accounts, position: accountTokenPosition } = block;
  if (block.kind === "stream") {
    exports.streams.push({ subject, accounts, accountTokenPosition });
  } else {
    exports.services.push({
      subject,
      accounts,
      accountTokenPosition,
      responseType: block.responseType,
      responseThresholdMs: block.thresholdMs || Defaults.serviceExportResponseThresholdMs,
      latency: block.latency,
      allowTrace: block.allowTrace,
    });
  }
}

const NOT_A_SERVICE = {
  response: "Detected response directive on non-service",
  latency: "Detected latency directive on non-service",
  trace: "Detected allow_trace directive on non-service",
};

const exportFields = fieldTable<ExportBlock>({
  "stream": (block, field) => {
    if (block.kind === "service") {
      throw field.error(
        `Detected stream ${quoteText(showValue(field.value))} but already saw a service`,
      );
    }
    if (block.response !== null) throw new ConfigError(block.response, NOT_A_SERVICE.response);
    if (block.latencyToken !== null) {
      throw new ConfigError(block.latencyToken, NOT_A_SERVICE.latency);
    }
    if (block.traceToken !== null) throw new ConfigError(block.traceToken, NOT_A_SERVICE.trace);
    if (typeof field.value !== "string") {
      throw field.error(`Expected stream name to be string, got ${typeName(field.value)}`);
    }
    block.kind = "stream";
    block.subject = field.value;
  },
  "service": (block, field) => {
    if (block.kind === "stream") {
      throw field.error(
        `Detected service ${quoteText(showValue(field.value))} but already saw a stream`,
      );
    }
    if (typeof field.value !== "string") {
      throw field.error(`Expected service name to be string, got ${typeName(field.value)}`);
    }
    block.kind = "service";
    block.subject = field.value;
  },
  "response|response_type": (block, field) => {
    if (block.response !== null) throw field.error("Duplicate response type definition");
    block.response = field.token;
    if (typeof field.value !== "string") {
      throw field.error(`Expected response type to be string, got ${typeName(field.value)}`);
    }
    block.responseType = responseType(field, field.value);
    if (block.kind === "stream") throw field.error(NOT_A_SERVICE.response);
  },
  "threshold|response_threshold|response_max_time|response_time": (block, field) => {
    if (block.threshold) throw field.error("Duplicate response threshold detected");
    block.threshold = true;
    const expected = "Expected response threshold to be a parseable time duration, got ";
    if (typeof field.value !== "string") throw field.error(expected + typeName(field.value));
    try {
      block.thresholdMs = parseDurationMs(field.value);
    } catch (error) {
      if (!(error instanceof DurationError)) throw error;
      throw field.error(expected + quoteText(field.value));
    }
    if (block.kind === "stream") throw field.error(NOT_A_SERVICE.response);
  },
  "accounts": (block, field) => {
    block.accounts = field.list().map((token) => {
      field.frame.last = token;
      return asString(token.value);
    });
    if (block.accounts.length === 0) block.accounts = null;
  },
  "latency": (block, field) => {
    block.latencyToken = field.token;
    block.latency = readLatency(field);
    if (block.kind === "stream") throw field.error(NOT_A_SERVICE.latency);
  },
  "account_token_position": (block, field) => void (block.position = field.int()),
  "allow_trace": (block, field) => {
    block.traceToken = field.token;
    block.allowTrace = field.bool();
    if (block.kind === "stream") throw field.error(NOT_A_SERVICE.trace);
  },
});

function responseType(field: Field, text: string): ServiceResponseType {
  switch (text.toLowerCase()) {
    case "single":
    case "singleton":
      return "Singleton";
    case "stream":
      return "Streamed";
    case "chunk":
    case "chunked":
      return "Chunked";
  }
  throw field.error(`Unknown response type: ${quoteText(text)}`);
}

function readLatency(field: Field): ServiceLatencyOptions {
  const value = field.value;
  if (typeof value === "string") {
    return { subject: value, sampling: Defaults.serviceLatencySampling };
  }
  if (!(value instanceof Map)) {
    throw field.error(
      `Expected latency entry to be a map/struct or string, got ${typeName(value)}`,
    );
  }
  const sampling = latencySampling(value);
  const subject = value.get("subject");
  if (subject === undefined) throw field.error("Latency subject required, but missing");
  if (typeof subject.value !== "string") {
    // The reference prints the type of its empty result.
    throw new ConfigError(subject, "Expected latency subject to be a string, got string");
  }
  return { subject: subject.value, sampling };
}

function latencySampling(latency: ConfigMap): number {
  const token = latency.get("sampling");
  if (token === undefined) return Defaults.serviceLatencySampling;
  const value: ConfigValue = token.value;
  let sampling: bigint;
  if (typeof value === "bigint") sampling = value;
  else if (typeof value === "string") {
    if (value.trim().toLowerCase() === "headers") return 0;
    try {
      sampling = parseInt64(value.replace(/%$/, ""), "Atoi");
    } catch (error) {
      if (!(error instanceof IntegerError)) throw error;
      throw new ConfigError(token, `Failed to parse latency sample: ${error.message}`);
    }
  } else {
    throw new ConfigError(
      token,
      `Expected latency sample to be a string or map/struct, got ${typeName(value)}`,
    );
  }
  if (sampling < 1n || sampling > 100n) {
    throw new ConfigError(token, "bad sampling percentage, should be 1-100");
  }
  return Number(sampling);
}

/** Reads `imports`. */
export function readImports(process: Processing, token: ConfigToken): Imports {
  const imports: Imports = { streams: [], services: [] };
  for (const entry of arrayOf(token, "Imports")) {
    process.collect(() => {
      const read = readImport(process, entry);
      if (read === null) return;
      if (read.kind === "stream") {
        imports.streams.push(read.stream);
        return;
      }
      const { service } = read;
      const twin = imports.services.find(({ to, account }) =>
        to === service.to && account === service.account
      );
      if (twin !== undefined) {
        throw new ConfigError(
          entry,
          `Duplicate service import subject ${quoteText(service.to)}, previously used in ` +
            `import for account ${quoteText(twin.account)}, subject ${quoteText(twin.subject)}`,
        );
      }
      imports.services.push(service);
    });
  }
  return imports;
}

/** One import while it is read. */
interface ImportBlock {
  kind: "stream" | "service" | null;
  account: string;
  subject: string;
  to: string;
  prefix: string;
  share: boolean;
  allowTrace: boolean;
  traceToken: ConfigToken | null;
}

type Import =
  | { kind: "stream"; stream: StreamImport }
  | { kind: "service"; service: ServiceImport };

function readImport(process: Processing, token: ConfigToken): Import | null {
  if (!(token.value instanceof Map)) {
    throw new ConfigError(
      token,
      `Import Items should be a map with type entry, got ${typeName(token.value)}`,
    );
  }
  const map = token.value;
  const block: ImportBlock = {
    kind: null,
    account: "",
    subject: "",
    to: "",
    prefix: "",
    share: false,
    allowTrace: false,
    traceToken: null,
  };
  const complete = process.guard(false, (frame) => {
    frame.last = token;
    readFields(process, frame, map, block, importFields, { onError: "collect" });
    return true;
  });
  if (!complete || block.kind === null) return null;
  const { account, subject, to, prefix, share, allowTrace } = block;
  if (block.kind === "stream") {
    return { kind: "stream", stream: { account, subject, to, prefix, allowTrace } };
  }
  return { kind: "service", service: { account, subject, to: to || subject, share } };
}

function remoteSubject(block: ImportBlock, field: Field, kind: "Stream" | "Service"): void {
  if (!(field.value instanceof Map)) {
    throw field.error(
      `${kind} entry should be an account map, got ${typeName(field.value)}`,
    );
  }
  let account = "";
  let subject = "";
  const map = field.value;
  const process = field.process;
  process.guard(undefined, (frame) => {
    for (const [key, token] of map) {
      frame.last = token;
      const name = key.toLowerCase();
      if (name === "account") account = asString(token.value);
      else if (name === "subject") subject = asString(token.value);
      else if (!token.usedVariable) process.errors.push(new UnknownFieldError(token, key));
    }
  });
  if (account === "" || subject === "") {
    throw field.error("Expect an account name and a subject");
  }
  block.account = account;
  block.subject = subject;
  block.kind = kind === "Stream" ? "stream" : "service";
}

const importFields = fieldTable<ImportBlock>({
  "stream": (block, field) => {
    if (block.kind === "service") {
      throw field.error("Detected stream but already saw a service");
    }
    remoteSubject(block, field, "Stream");
  },
  "service": (block, field) => {
    if (block.kind === "stream") throw field.error("Detected service but already saw a stream");
    if (block.traceToken !== null) {
      throw new ConfigError(
        block.traceToken,
        "Detected allow_trace directive on a non-stream",
      );
    }
    remoteSubject(block, field, "Service");
  },
  "prefix": (block, field) => void (block.prefix = field.string()),
  "to": (block, field) => {
    block.to = field.string();
    if (block.kind === "stream" && block.prefix !== "") {
      throw field.error("Stream import can not have a 'prefix' and a 'to' property");
    }
  },
  "share": (block, field) => void (block.share = field.bool()),
  "allow_trace": (block, field) => {
    if (block.kind === "service") {
      throw field.error("Detected allow_trace directive on a non-stream");
    }
    block.allowTrace = field.bool();
    block.traceToken = field.token;
  },
});
