/**
 * The page at the root of the monitoring port: links, and a live view.
 *
 * Reference: HandleRoot in server/monitor.go, which has the links alone.
 *
 * @module
 */
import { PAGE_SCRIPT, PAGE_STYLE } from "./live_page.ts";

/** Links in the order of the page. */
const LINKS: readonly (readonly [title: string, path: string])[] = [
  ["General", "/varz"],
  ["JetStream", "/jsz"],
  ["Connections", "/connz"],
  ["Accounts", "/accountz"],
  ["Account Stats", "/accstatz"],
  ["Subscriptions", "/subsz"],
  ["Routes", "/routez"],
  ["LeafNodes", "/leafz"],
  ["Gateways", "/gatewayz"],
  ["Raft Groups", "/raftz"],
  ["Health Probe", "/healthz"],
  ["Prometheus", "/metrics"],
];

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

function tile(id: string, title: string): string {
  return `<div class="card tile"><span class="dim">${title}</span><b id="${id}">-</b></div>`;
}

/** A plot of one or two series over the last two minutes. */
function plot(id: string, title: string, names: readonly string[]): string {
  const classes = ["in", "out"];
  const lines = names.map((_name, i) => `<path id="${id}${i}" class="${classes[i]}"/>`).join("");
  const legend = names.map((name, i) =>
    `<span class="${classes[i]}">${name} <b id="${id}v${i}"></b></span>`
  ).join(" ");
  return `<section class="card">
<h2>${title}</h2>
<svg viewBox="0 0 300 100" preserveAspectRatio="none" role="img"
 aria-label="${title}, last two minutes">
<path class="grid" d="M0 6H300M0 52H300M0 98H300"/>${lines}</svg>
<div class="legend"><span>${legend}</span><span class="dim" id="${id}top"></span></div>
</section>`;
}

function table(id: string, title: string, heads: readonly string[], texts: number): string {
  const cells = heads.map((head, i) => `<th${i < texts ? ' class="text"' : ""}>${head}</th>`);
  return `<section class="card scroll"><h2>${title}</h2>
<table><thead><tr>${cells.join("")}</tr></thead><tbody id="${id}"></tbody></table></section>`;
}

/** The page, in ASCII; `resolve` puts the base path before a path. */
export function rootPage(version: string, resolve: (path: string) => string): string {
  const links = LINKS.map(([title, path]) => {
    const target = escapeHtml(resolve(path));
    return `<li><a href="${target}">${title} <span class="endpoint">${path}</span></a></li>`;
  });
  const base = resolve("/").replace(/\/$/, "");
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>NATS monitoring</title>
<style>${PAGE_STYLE}</style>
</head>
<body data-base="${escapeHtml(base)}">
<header><h1>NATS</h1><span>v${escapeHtml(version)}</span>
<span class="dim" id="name"></span><span class="dim" id="uptime"></span>
<span class="dim" id="state" role="status"></span></header>
<nav><ul>
${links.join("\n")}
<li><a href="https://docs.nats.io/running-a-nats-service/nats_admin/monitoring">Help</a></li>
</ul></nav>
<noscript><p>The live view needs JavaScript; the links above do not.</p></noscript>
<main>
<div class="tiles">
${tile("connections", "Connections")}
${tile("subscriptions", "Subscriptions")}
${tile("slow", "Slow consumers")}
${tile("mem", "Memory")}
${tile("cpu", "CPU")}
</div>
<div class="plots">
${plot("msgs", "Messages", ["in", "out"])}
${plot("bytes", "Bytes", ["in", "out"])}
${plot("clients", "Clients", ["connections", "subscriptions"])}
${plot("process", "Memory", ["resident"])}
</div>
<div class="plots tables">
${table("accounts", "Accounts", ["name", "conns", "subs", "received", "sent", "slow"], 1)}
${
    table(
      "connz",
      "Connections with most pending",
      ["cid", "name", "address", "account", "subs", "in", "out", "pending"],
      4,
    )
  }
</div>
</main>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`;
}
