/**
 * Style and script of the live page: figures, plots and tables from `/varz`, `/accstatz` and
 * `/connz`, polled once a second while the page is looked at. Nothing comes from elsewhere.
 *
 * @module
 */

/** CSS of the page, for light and dark displays. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --text: #1c2330; --dim: #667085; --line: #d9dee7;
  --card: #fff; --page: #f4f6fa; --in: #2563c9; --out: #c2410c }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e9ef; --dim: #98a2b3; --line: #2d3546; --card: #171d2b; --page: #0e1320;
    --in: #6ea8fe; --out: #fb923c }
}
* { box-sizing: border-box }
body { margin: 0 auto; padding: 24px; max-width: 1200px; background: var(--page);
  color: var(--text); font: 15px/1.5 system-ui, sans-serif }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 16px }
header span { overflow-wrap: anywhere }
h1 { margin: 0; font-size: 26px }
h2 { margin: 0 0 8px; font-size: 14px; font-weight: 600 }
.dim { color: var(--dim) }
nav ul { display: flex; flex-wrap: wrap; gap: 4px 16px; padding: 0; margin: 12px 0 20px;
  list-style: none }
a { color: var(--in); text-decoration: none }
a:hover, a:focus { text-decoration: underline }
.endpoint { color: var(--dim); font: 12px ui-monospace, monospace }
.tiles, .plots { display: grid; gap: 12px; margin-bottom: 12px }
.tiles { grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)) }
.plots { grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)) }
@media (min-width: 900px) { .tables { grid-template-columns: minmax(0, 2fr) minmax(0, 3fr) } }
.card { padding: 14px 16px; background: var(--card); border: 1px solid var(--line);
  border-radius: 8px; min-width: 0 }
.tile b { display: block; font-size: 22px; font-variant-numeric: tabular-nums }
.tile.alert b { color: var(--out) }
svg { display: block; width: 100%; height: 120px }
svg path { fill: none; stroke-width: 2; vector-effect: non-scaling-stroke }
.in { stroke: var(--in); color: var(--in) } .out { stroke: var(--out); color: var(--out) }
.grid { stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke }
.legend { display: flex; justify-content: space-between; font-size: 13px }
.scroll { overflow-x: auto }
table { width: 100%; font-size: 14px; border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: 4px 12px 4px 0; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line) }
th:first-child, td:first-child, td.text, th.text { text-align: left }
td.text { max-width: 11em; overflow: hidden; text-overflow: ellipsis }
th:last-child, td:last-child { padding-right: 0 }
th { color: var(--dim); font-size: 13px; font-weight: 500 }
`;

/** Script of the page; plain JavaScript, because it is sent as it stands. */
export const PAGE_SCRIPT = `
"use strict";
const base = document.body.dataset.base;
const POINTS = 120;
const history = [];
const byId = (id) => document.getElementById(id);
const get = (path) => fetch(base + path).then((answer) => answer.json());

function short(value) {
  const units = ["", "K", "M", "G", "T"];
  let i = 0;
  while (value >= 1000 && i < units.length - 1) { value /= 1000; i++; }
  return (i > 0 && value < 100 ? value.toFixed(1) : Math.round(value)) + units[i];
}

function path(values, top) {
  return values.map((value, i) => {
    const x = 300 - (values.length - 1 - i) * 300 / (POINTS - 1);
    const y = 98 - value / top * 92;
    return (i === 0 ? "M" : "L") + x.toFixed(1) + " " + y.toFixed(1);
  }).join("");
}

function plot(id, names, unit) {
  const series = names.map((name) => history.map((point) => point[name]));
  const top = Math.max(1, ...series.flat());
  series.forEach((values, i) => {
    byId(id + i).setAttribute("d", path(values, top));
    byId(id + "v" + i).textContent = short(values[values.length - 1] || 0) + unit;
  });
  byId(id + "top").textContent = "max " + short(top) + unit;
}

function fill(id, rows) {
  const body = byId(id);
  body.replaceChildren(...rows.map((cells) => {
    const row = document.createElement("tr");
    for (const cell of cells) {
      const item = document.createElement("td");
      if (typeof cell === "string") item.className = "text";
      item.textContent = typeof cell === "number" ? short(cell) : cell;
      row.append(item);
    }
    return row;
  }));
}

let last = null;
function take(varz, atMs) {
  const rate = (name) =>
    last === null ? 0 : Math.max(0, varz[name] - last.varz[name]) * 1000 / (atMs - last.atMs);
  history.push({
    inMsgs: rate("in_msgs"), outMsgs: rate("out_msgs"),
    inBytes: rate("in_bytes"), outBytes: rate("out_bytes"),
    connections: varz.connections, subscriptions: varz.subscriptions,
    mem: varz.mem, cpu: varz.cpu,
  });
  if (history.length > POINTS) history.shift();
  last = { varz, atMs };
  byId("name").textContent = varz.server_name;
  byId("uptime").textContent = "up " + varz.uptime;
  byId("connections").textContent = short(varz.connections);
  byId("subscriptions").textContent = short(varz.subscriptions);
  byId("slow").textContent = short(varz.slow_consumers);
  byId("slow").parentElement.classList.toggle("alert", varz.slow_consumers > 0);
  byId("mem").textContent = short(varz.mem) + "B";
  byId("cpu").textContent = varz.cpu + " %";
  plot("msgs", ["inMsgs", "outMsgs"], "/s");
  plot("bytes", ["inBytes", "outBytes"], "B/s");
  plot("clients", ["connections", "subscriptions"], "");
  plot("process", ["mem"], "B");
}

async function poll() {
  if (!document.hidden) {
    try {
      const [varz, accounts, connz] = await Promise.all([
        get("/varz"), get("/accstatz?unused=1"), get("/connz?sort=pending&auth=1&limit=10"),
      ]);
      take(varz, performance.now());
      fill("accounts", accounts.account_statz.map((account) => [
        account.acc, account.conns, account.num_subscriptions, account.received.msgs,
        account.sent.msgs, account.slow_consumers,
      ]));
      fill("connz", connz.connections.map((one) => [
        String(one.cid), one.name || "", one.ip + ":" + one.port, one.name_tag || "",
        one.subscriptions, one.in_msgs, one.out_msgs, one.pending_bytes,
      ]));
      byId("state").textContent = "";
    } catch (_gone) {
      byId("state").textContent = "no answer from the server";
    }
  }
  setTimeout(poll, 1000);
}
poll();
`;
