/**
 * `/healthz`: whether the server serves.
 *
 * Reference: healthz, HandleHealthz in server/monitor.go, readyForConnections in server/server.go.
 *
 * @module
 */
import type { Query } from "./go_values.ts";
import type { MonitoredServer } from "./source.ts";

/** A question to {@linkcode healthz}. */
export interface HealthzOptions {
  readonly stream?: string;
  readonly account?: string;
  readonly consumer?: string;
  /** List what is wrong with its kind. */
  readonly details?: boolean;
}

/** An answer with its HTTP status. */
export interface Health {
  readonly code: number;
  /** What is shown. */
  readonly body: {
    readonly status: "ok" | "error";
    readonly error?: string;
    readonly errors?: readonly { readonly type: string; readonly error: string }[];
  };
}

/** Reads the question from a request. @throws {BadRequestError} */
export function healthzOptions(query: Query, warn: (text: string) => void): HealthzOptions {
  if (query.bool("js-enabled")) {
    warn("Healthcheck: js-enabled deprecated, use js-enabled-only instead");
  }
  // What these would leave out of the check is not there without JetStream; they still must parse.
  for (const name of ["js-enabled-only", "js-server-only", "js-meta-only"]) query.bool(name);
  return {
    details: query.bool("details"),
    account: query.text("account"),
    stream: query.text("stream"),
    consumer: query.text("consumer"),
  };
}

/** What `/healthz` says. */
export function healthz(server: MonitoredServer, options: HealthzOptions = {}): Health {
  const { account = "", stream = "", consumer = "", details = false } = options;
  const failed = (code: number, type: string, error: string): Health => ({
    code,
    body: details ? { status: "error", errors: [{ type, error }] } : { status: "error", error },
  });
  const missing = (name: string, what: string): Health =>
    failed(400, "BAD_REQUEST", `"${name}" must not be empty when checking ${what} health`);
  if (account === "" && stream !== "") return missing("account", "stream");
  if (stream === "" && consumer !== "") return missing("stream", "consumer");
  if (!server.ready) {
    return failed(500, "CONNECTION", "failed to be ready for connections after 1ms: server");
  }
  return { code: 200, body: { status: "ok" } };
}
