/**
 * `/healthz`: whether the server serves, and all that JetStream has stored.
 *
 * Reference: healthz, HandleHealthz in server/monitor.go, readyForConnections in server/server.go.
 *
 * @module
 */
import { byteStringOfText } from "../base/text/byte_string.ts";
import type { JetStream } from "../jetstream/mod.ts";
import { apiError } from "../jsapi/mod.ts";
import type { Query } from "./go_values.ts";
import type { MonitoredServer } from "./source.ts";

/** A question to {@linkcode healthz}. */
export interface HealthzOptions {
  readonly stream?: string;
  readonly account?: string;
  readonly consumer?: string;
  /** List what is wrong with its kind. */
  readonly details?: boolean;
  /** Of JetStream, look only whether it runs. */
  readonly jsEnabledOnly?: boolean;
  /** Leave JetStream out. */
  readonly jsServerOnly?: boolean;
}

/** Something that is wrong. */
export interface HealthzError {
  readonly type: "CONNECTION" | "BAD_REQUEST" | "JETSTREAM" | "ACCOUNT" | "STREAM" | "CONSUMER";
  readonly account?: string;
  readonly stream?: string;
  readonly consumer?: string;
  readonly error: string;
}

/** An answer with its HTTP status. */
export interface Health {
  readonly code: number;
  /** What is shown. */
  readonly body: {
    readonly status: "ok" | "error" | "unavailable";
    readonly error?: string;
    readonly errors?: readonly HealthzError[];
  };
}

/** Reads the question from a request. @throws {BadRequestError} */
export function healthzOptions(query: Query, warn: (text: string) => void): HealthzOptions {
  const jsEnabled = query.bool("js-enabled");
  if (jsEnabled) warn("Healthcheck: js-enabled deprecated, use js-enabled-only instead");
  const jsEnabledOnly = query.bool("js-enabled-only") || jsEnabled;
  const jsServerOnly = query.bool("js-server-only");
  // There is no meta layer on one server.
  query.bool("js-meta-only");
  return {
    jsEnabledOnly,
    jsServerOnly,
    details: query.bool("details"),
    account: query.text("account"),
    stream: query.text("stream"),
    consumer: query.text("consumer"),
  };
}

/** What `/healthz` says. */
export function healthz(server: MonitoredServer, options: HealthzOptions = {}): Health {
  const { account = "", stream = "", consumer = "", details = false } = options;
  const failed = (code: number, status: "error" | "unavailable", error: HealthzError): Health => ({
    code,
    body: details ? { status: "error", errors: [error] } : { status, error: error.error },
  });
  const missing = (name: string, what: string): Health =>
    failed(400, "error", {
      type: "BAD_REQUEST",
      error: `"${name}" must not be empty when checking ${what} health`,
    });
  if (account === "" && stream !== "") return missing("account", "stream");
  if (stream === "" && consumer !== "") return missing("stream", "consumer");
  if (!server.ready) {
    const error = "failed to be ready for connections after 1ms: server";
    return failed(500, "error", { type: "CONNECTION", error });
  }
  const ok: Health = { code: 200, body: { status: "ok" } };
  if (options.jsServerOnly === true || !server.options.jetStream) return ok;
  const js = server.jetStream;
  if (js === null || js.stopping) {
    const error = apiError("JSNotEnabledErr").description;
    return failed(503, "unavailable", { type: "JETSTREAM", error });
  }
  if (options.jsEnabledOnly === true) return ok;
  const absent = absentAsset(js, { account, stream, consumer });
  if (absent !== null) return failed(404, "unavailable", absent);
  const errors = assetErrors(js, account, stream);
  if (errors.length === 0) return ok;
  if (!details) return failed(503, "unavailable", errors[0]!);
  return { code: 503, body: { status: "error", errors } };
}

interface AskedAsset {
  readonly account: string;
  readonly stream: string;
  readonly consumer: string;
}

/** What was asked for and is not stored here. */
function absentAsset(
  js: JetStream,
  { account, stream, consumer }: AskedAsset,
): HealthzError | null {
  const { storeDir } = js.config;
  if (account === "") return null;
  if (!js.entries(storeDir).includes(account)) {
    return { type: "ACCOUNT", account, error: `JetStream account "${account}" not found` };
  }
  if (stream === "") return null;
  const place = `on account "${account}"`;
  if (!js.entries(`${storeDir}/${account}/streams`).includes(stream)) {
    const error = `JetStream stream "${stream}" not found ${place}`;
    return { type: "STREAM", account, stream, error };
  }
  const running = js.accounts.get(byteStringOfText(account))?.streams.get(stream);
  if (consumer === "" || running === undefined || running.consumers.has(consumer)) return null;
  const error = `JetStream consumer "${consumer}" not found for stream "${stream}" ${place}`;
  return { type: "CONSUMER", account, stream, consumer, error };
}

/** What is stored and does not run as it should; empty names stand for all. */
function assetErrors(js: JetStream, askedAccount: string, askedStream: string): HealthzError[] {
  const { storeDir } = js.config;
  const errors: HealthzError[] = [];
  for (const account of js.entries(storeDir)) {
    if (js.stagingDirectory.endsWith(`/${account}`)) continue;
    if (askedAccount !== "" && account !== askedAccount) continue;
    const name = byteStringOfText(account);
    const found = js.core.accounts.get(name);
    if (found?.trust?.expired === true) {
      // Whose time is over is no matter of JetStream's health, unless just that is asked.
      if (askedAccount === "") continue;
      const error = `JetStream account '${account}' is expired`;
      return [{ type: "ACCOUNT", account, error }];
    }
    if (found === undefined) {
      const error = `JetStream account '${account}' could not be resolved`;
      errors.push({ type: "ACCOUNT", account, error });
      continue;
    }
    const streams = js.accounts.get(name)?.streams;
    for (const stream of js.entries(`${storeDir}/${account}/streams`)) {
      if (askedStream !== "" && stream !== askedStream) continue;
      const running = streams?.get(stream);
      const what = `JetStream stream '${account} > ${stream}'`;
      if (running === undefined) {
        errors.push({ type: "STREAM", account, stream, error: `${what} could not be recovered` });
        continue;
      }
      const failure = running.store.writeError();
      if (failure === null) continue;
      const error = `${what} write error: ${failure.message}`;
      errors.push({ type: "STREAM", account, stream, error });
    }
  }
  return errors;
}
