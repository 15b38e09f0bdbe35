/**
 * The page at the root of the monitoring port: a list of links.
 *
 * Reference: HandleRoot in server/monitor.go.
 *
 * @module
 */

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

/** The page, in ASCII; `resolve` puts the base path before a path. */
export function rootPage(version: string, resolve: (path: string) => string): string {
  const links = LINKS.map(([title, path]) => {
    const target = escapeHtml(resolve(path));
    return `  <li><a href="${target}">${title} <span class="endpoint">${path}</span></a></li>`;
  });
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>NATS monitoring</title>
<style>
  body { font-family: system-ui, sans-serif; margin: 32px }
  ul { list-style: none; padding: 0 }
  a { color: rgb(72 72 92); text-decoration: none }
  .endpoint { color: #999; font: 12px monospace }
</style>
</head>
<body>
<h1>NATS</h1>
<p>v${escapeHtml(version)}</p>
<ul>
${links.join("\n")}
</ul>
<p><a href="https://docs.nats.io/running-a-nats-service/nats_admin/monitoring">Help</a></p>
</body>
</html>
`;
}
