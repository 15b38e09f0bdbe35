/**
 * The INFO operation: what a server tells about itself.
 *
 * Reference: Info in server/server.go.
 *
 * @module
 */
import { byteStringOfText } from "../base/text/byte_string.ts";
import { goJson } from "../base/text/go_format.ts";

/** The fields of INFO for clients, in wire order. Fields after `headers` are left out when empty. */
export interface Info {
  server_id: string;
  server_name: string;
  version: string;
  proto: number;
  git_commit: string;
  go: string;
  host: string;
  port: number;
  headers: boolean;
  auth_required: boolean;
  tls_required: boolean;
  tls_verify: boolean;
  tls_available: boolean;
  /** -1 is unlimited. */
  max_payload: number;
  jetstream: boolean;
  ip: string;
  client_id: number;
  client_ip: string;
  nonce: string;
  cluster: string;
  cluster_dynamic: boolean;
  domain: string;
  connect_urls: string[];
  ws_connect_urls: string[];
  ldm: boolean;
  compression: string;
  connect_info: boolean;
  remote_account: string;
  acc_is_sys: boolean;
  api_lvl: number;
  xkey: string;
}

/** Fields that are sent even when empty. */
const ALWAYS_SENT: ReadonlySet<string> = new Set([
  "server_id",
  "server_name",
  "version",
  "proto",
  "go",
  "host",
  "port",
  "headers",
  "max_payload",
]);

/** An INFO with nothing set. */
export function emptyInfo(): Info {
  return {
    server_id: "",
    server_name: "",
    version: "",
    proto: 1,
    git_commit: "",
    go: "",
    host: "",
    port: 0,
    headers: false,
    auth_required: false,
    tls_required: false,
    tls_verify: false,
    tls_available: false,
    max_payload: 0,
    jetstream: false,
    ip: "",
    client_id: 0,
    client_ip: "",
    nonce: "",
    cluster: "",
    cluster_dynamic: false,
    domain: "",
    connect_urls: [],
    ws_connect_urls: [],
    ldm: false,
    compression: "",
    connect_info: false,
    remote_account: "",
    acc_is_sys: false,
    api_lvl: 0,
    xkey: "",
  };
}

function isEmpty(value: unknown): boolean {
  return value === "" || value === 0 || value === false ||
    (Array.isArray(value) && value.length === 0);
}

/**
 * The whole line, `INFO {…} CR LF`, as the reference writes it (with its blank before CR), as a
 * byte string.
 */
export function infoLine(info: Info): string {
  const shown: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(info)) {
    if (ALWAYS_SENT.has(key) || !isEmpty(value)) shown[key] = value;
  }
  return byteStringOfText(`INFO ${goJson(shown)} \r\n`);
}
