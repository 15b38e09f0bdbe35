/**
 * Which requests to a measured service are measured: a share of them, or those whose headers say
 * that they are traced (Zipkin B3, Jaeger, W3C trace context).
 *
 * Reference: shouldSample in server/accounts.go.
 *
 * @module
 */
import type { MessageHeader } from "../../protocol/mod.ts";
import type { Random } from "../../platform/mod.ts";
import type { LatencyTracking } from "./exports.ts";

/** A request that is measured, with the headers that asked for it. */
export interface Sample {
  readonly header: Record<string, string[]> | null;
}

const UBER = "Uber-Trace-Id";
const UBER_CONTEXT_PREFIX = "Uberctx-";
const B3 = "B3";
const B3_SAMPLED = "X-B3-Sampled";
const B3_TRACE = "X-B3-Traceid";
const B3_PARENT_SPAN = "X-B3-Parentspanid";
const B3_SPAN = "X-B3-Spanid";
const TRACE_PARENT = "Traceparent";
const TRACE_STATE = "Tracestate";

/** Null when the request is not measured; `header` reads its headers only when that matters. */
export function sampleRequest(
  { sampling }: LatencyTracking,
  random: Random,
  header: () => MessageHeader,
): Sample | null {
  if (sampling >= 100) return { header: null };
  if (sampling > 0 && random.below(100) <= sampling) return { header: null };
  const all = header();
  if (all.size === 0) return null;
  return sampleByUber(all) ?? null;
}

function pick(all: MessageHeader, names: readonly string[]): Record<string, string[]> {
  const picked: Record<string, string[]> = {};
  for (const name of names) {
    const values = all.get(name);
    if (values !== undefined) picked[name] = values;
  }
  return picked;
}

function sampleByUber(all: MessageHeader): Sample | null {
  const trace = all.get(UBER);
  if (trace === undefined) return sampleByB3(all);
  const parts = trace[0]!.split(":");
  const flags = parts[3] ?? "";
  if (parts.length !== 4 || !/^[0-9a-fA-F]{1,2}$/.test(flags)) return null;
  if ((parseInt(flags, 16) & 1) === 0) return null;
  const context = [...all.keys()].filter((name) => name.startsWith(UBER_CONTEXT_PREFIX));
  return { header: pick(all, [UBER, ...context]) };
}

function sampleByB3(all: MessageHeader): Sample | null {
  const sampled = all.get(B3_SAMPLED)?.[0];
  if (sampled === "0") return null;
  if (sampled === "1" || all.has(B3_TRACE)) {
    return { header: pick(all, [B3_SAMPLED, B3_TRACE, B3_PARENT_SPAN, B3_SPAN]) };
  }
  const single = all.get(B3);
  if (single === undefined) return sampleByTraceParent(all);
  const parts = single[0]!.split("-");
  const denied = (parts.length > 2 && parts[2] === "0") || (parts.length === 1 && parts[0] === "0");
  return denied ? null : { header: { [B3]: single } };
}

function sampleByTraceParent(all: MessageHeader): Sample | null {
  const parts = all.get(TRACE_PARENT)?.[0]?.split("-") ?? [];
  const flags = parts[3] ?? "";
  // As a signed byte, which flags from 80 on are too large for.
  if (parts.length !== 4 || !/^[0-7][0-9a-fA-F]$/.test(flags)) return null;
  if ((parseInt(flags, 16) & 1) === 0) return null;
  return { header: pick(all, [TRACE_PARENT, TRACE_STATE]) };
}
