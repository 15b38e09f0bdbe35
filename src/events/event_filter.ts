/**
 * Which servers a request is meant for.
 *
 * Reference: EventFilterOptions and filterRequest in server/events.go.
 *
 * @module
 */
import { bool, embed, field, list, text } from "../base/json/mod.ts";
import type { EventServer } from "./server_info.ts";

/** A request leaves out what does not matter to it. */
export interface EventFilter {
  serverName: string;
  cluster: string;
  host: string;
  /** Names must be equal, not only contain what is asked for. */
  exactMatch: boolean;
  tags: string[];
  /** Domain of JetStream. */
  domain: string;
}

/** A filter that lets all servers answer. */
export function emptyEventFilter(): EventFilter {
  return { serverName: "", cluster: "", host: "", exactMatch: false, tags: [], domain: "" };
}

/** The filter's fields. */
export const bareEventFilterFields = {
  serverName: field("server_name", text),
  cluster: field("cluster", text),
  host: field("host", text),
  exactMatch: field("exact_match", bool),
  tags: field("tags", list(text)),
  domain: field("domain", text),
};

/** The filter's fields, as requests with their own options embed them. */
export const eventFilterFields = embed("EventFilterOptions", bareEventFilterFields);

/** Whether the request is meant for this server. */
export function meantFor({ info, options }: EventServer, filter: EventFilter): boolean {
  const fits = (asked: string, own: string): boolean =>
    asked === "" || (filter.exactMatch ? own === asked : own.includes(asked));
  return fits(filter.serverName, info.server_name) && fits(filter.host, info.host) &&
    fits(filter.cluster, options.cluster.name) &&
    filter.tags.every((tag) => options.tags.includes(tag.trim().toLowerCase())) &&
    (filter.domain === "" || filter.domain === options.jetStreamDomain);
}
