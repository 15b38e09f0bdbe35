/**
 * `/metrics`: the figures of `/varz`, `/connz`, `/subsz`, `/routez` and `/healthz` for Prometheus,
 * under the names that prometheus-nats-exporter gives them, so that its dashboards work without it.
 * An addition of natsts; the reference has none.
 *
 * @module
 */
import { connz } from "./connz.ts";
import { routez } from "./absent_features.ts";
import { healthz } from "./healthz.ts";
import type { MonitoredServer } from "./source.ts";
import { subsz } from "./subsz.ts";

/** The content type of Prometheus' text format. */
export const METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Texts of `/varz` that become a label of a metric that is always 1. */
const LABEL_KEYS = new Set(["server_id", "server_name", "version"]);
/** Figures of single connections that are summed up. */
const CONNECTION_SUMS = [
  "pending_bytes",
  "subscriptions",
  "in_bytes",
  "out_bytes",
  "in_msgs",
  "out_msgs",
] as const;
const CONNECTION_COUNTERS = new Set<string>(["in_bytes", "out_bytes", "in_msgs", "out_msgs"]);

function escapeLabel(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

/** Collects metrics of one server. */
class MetricsText {
  #text = "";

  constructor(readonly serverId: string) {}

  add(endpoint: string, name: string, value: number, type = "gauge", label = ""): void {
    const metric = `gnatsd_${endpoint}_${name.replace(/[^a-zA-Z0-9_]/g, "_")}`;
    const labels = `server_id="${escapeLabel(this.serverId)}"${label}`;
    this.#text += `# HELP ${metric} ${name}\n# TYPE ${metric} ${type}\n` +
      `${metric}{${labels}} ${value}\n`;
  }

  /** Adds all numbers at the top of `fields`. */
  addNumbers(endpoint: string, fields: object): void {
    for (const [name, value] of Object.entries(fields)) {
      if (typeof value === "number") this.add(endpoint, name, value);
      else if (typeof value === "string" && LABEL_KEYS.has(name)) {
        this.add(endpoint, name, 1, "gauge", `,value="${escapeLabel(value)}"`);
      }
    }
  }

  get text(): string {
    return this.#text;
  }
}

/** The metrics in Prometheus' text format; `shown` is what `/varz` shows now. */
export function metrics(server: MonitoredServer, shown: object): string {
  const out = new MetricsText(server.info.server_id);
  out.addNumbers("varz", shown);
  const { connections, ...totals } = connz(server);
  for (const name of ["num_connections", "total", "offset", "limit"] as const) {
    out.add("connz", name, totals[name]);
  }
  for (const name of CONNECTION_SUMS) {
    const sum = (connections ?? []).reduce((total, connection) => total + connection[name], 0);
    out.add("connz", name, sum, CONNECTION_COUNTERS.has(name) ? "counter" : "gauge");
  }
  out.addNumbers("subsz", subsz(server));
  out.addNumbers("routez", routez(server));
  out.add("healthz", "status", healthz(server).code === 200 ? 0 : 1);
  return out.text;
}
