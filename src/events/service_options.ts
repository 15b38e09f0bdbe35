/**
 * What requests to system services can ask for.
 *
 * Reference: ConnzEventOptions and the other event options in server/events.go, with the options
 * in server/monitor.go that they embed.
 *
 * @module
 */
import {
  bool,
  duration,
  embed,
  type Field,
  field,
  int,
  list,
  named,
  type Shape,
  shape,
  text,
  uint64,
} from "../base/json/mod.ts";
import {
  bareEventFilterFields,
  emptyEventFilter,
  type EventFilter,
  eventFilterFields,
} from "./event_filter.ts";
import type { ConnectionState } from "../monitor/mod.ts";

/** The shape of the options called `goName`: those of `struct`, and the filter of servers. */
function options<T extends object>(
  goName: string,
  struct: string,
  create: () => NoInfer<T>,
  fields: { readonly [K in keyof T]-?: Field<T[K]> },
): Shape<T & EventFilter> {
  const all = { ...embed(struct, fields), ...eventFilterFields };
  return shape<T & EventFilter>(
    goName,
    () => ({ ...create(), ...emptyEventFilter() }),
    all as { readonly [K in keyof (T & EventFilter)]-?: Field<(T & EventFilter)[K]> },
  );
}

/** The filter of servers alone, embedded in the Go struct `goName`. */
export function filterOnly(goName: string): Shape<EventFilter> {
  return shape(goName, emptyEventFilter, eventFilterFields);
}

/** The filter of servers by itself. */
export const plainFilter: Shape<EventFilter> = shape(
  "EventFilterOptions",
  emptyEventFilter,
  bareEventFilterFields,
);

/** What {@linkcode connzRequest} asks. */
export interface ConnzRequest extends EventFilter {
  sort: string;
  auth: boolean;
  subscriptions: boolean;
  subscriptionsDetail: boolean;
  offset: number;
  limit: number;
  cid: number;
  mqttClient: string;
  /** 0 open, 1 closed, 2 all. */
  state: number;
  user: string;
  account: string;
  filterSubject: string;
}

const STATES: readonly ConnectionState[] = ["open", "closed", "all"];

/** CONNZ. */
export const connzRequest: Shape<ConnzRequest> = options(
  "ConnzEventOptions",
  "ConnzOptions",
  () => ({
    sort: "",
    auth: false,
    subscriptions: false,
    subscriptionsDetail: false,
    offset: 0,
    limit: 0,
    cid: 0,
    mqttClient: "",
    state: 0,
    user: "",
    account: "",
    filterSubject: "",
  }),
  {
    sort: field("sort", named("server.SortOpt", text)),
    auth: field("auth", bool),
    subscriptions: field("subscriptions", bool),
    subscriptionsDetail: field("subscriptions_detail", bool),
    offset: field("offset", int),
    limit: field("limit", int),
    cid: field("cid", uint64),
    mqttClient: field("mqtt_client", text),
    state: field("state", named("server.ConnState", int)),
    user: field("user", text),
    account: field("acc", text),
    filterSubject: field("filter_subject", text),
  },
);

/** The state of the connections that are asked for. */
export function stateOf({ state }: ConnzRequest): ConnectionState {
  return STATES[state] ?? "none";
}

/** What {@linkcode subszRequest} asks. */
export interface SubszRequest extends EventFilter {
  offset: number;
  limit: number;
  subscriptions: boolean;
  account: string;
  test: string;
}

/** SUBSZ. */
export const subszRequest: Shape<SubszRequest> = options(
  "SubszEventOptions",
  "SubszOptions",
  () => ({ offset: 0, limit: 0, subscriptions: false, account: "", test: "" }),
  {
    offset: field("offset", int),
    limit: field("limit", int),
    subscriptions: field("subscriptions", bool),
    account: field("account", text),
    test: field("test", text),
  },
);

/** ROUTEZ; what it asks makes no difference without routes. */
export const routezRequest: Shape<
  EventFilter & { subscriptions: boolean; subscriptionsDetail: boolean }
> = options(
  "RoutezEventOptions",
  "RoutezOptions",
  () => ({ subscriptions: false, subscriptionsDetail: false }),
  {
    subscriptions: field("subscriptions", bool),
    subscriptionsDetail: field("subscriptions_detail", bool),
  },
);

/** What {@linkcode gatewayzRequest} asks. */
export interface GatewayzRequest extends EventFilter {
  name: string;
  accounts: boolean;
  accountName: string;
  subscriptions: boolean;
  subscriptionsDetail: boolean;
}

/** GATEWAYZ; what it asks makes no difference without gateways. */
export const gatewayzRequest: Shape<GatewayzRequest> = options(
  "GatewayzEventOptions",
  "GatewayzOptions",
  () => ({
    name: "",
    accounts: false,
    accountName: "",
    subscriptions: false,
    subscriptionsDetail: false,
  }),
  {
    name: field("name", text),
    accounts: field("accounts", bool),
    accountName: field("account_name", text),
    subscriptions: field("subscriptions", bool),
    subscriptionsDetail: field("subscriptions_detail", bool),
  },
);

/** LEAFZ. */
export const leafzRequest: Shape<EventFilter & { subscriptions: boolean; account: string }> =
  options("LeafzEventOptions", "LeafzOptions", () => ({ subscriptions: false, account: "" }), {
    subscriptions: field("subscriptions", bool),
    account: field("account", text),
  });

/** ACCOUNTZ. */
export const accountzRequest: Shape<EventFilter & { account: string }> = options(
  "AccountzEventOptions",
  "AccountzOptions",
  () => ({ account: "" }),
  { account: field("account", text) },
);

/** STATZ of accounts. */
export const accountStatzRequest: Shape<EventFilter & { accounts: string[]; unused: boolean }> =
  options(
    "AccountStatzEventOptions",
    "AccountStatzOptions",
    () => ({ accounts: [] as string[], unused: false }),
    { accounts: field("accounts", list(text)), unused: field("include_unused", bool) },
  );

/** What {@linkcode jszRequest} asks. */
export interface JszRequest extends EventFilter {
  account: string;
  accounts: boolean;
  streams: boolean;
  consumers: boolean;
  directConsumers: boolean;
  config: boolean;
  leaderOnly: boolean;
  offset: number;
  limit: number;
  raft: boolean;
  streamLeaderOnly: boolean;
}

/** JSZ. */
export const jszRequest: Shape<JszRequest> = options(
  "JszEventOptions",
  "JSzOptions",
  () => ({
    account: "",
    accounts: false,
    streams: false,
    consumers: false,
    directConsumers: false,
    config: false,
    leaderOnly: false,
    offset: 0,
    limit: 0,
    raft: false,
    streamLeaderOnly: false,
  }),
  {
    account: field("account", text),
    accounts: field("accounts", bool),
    streams: field("streams", bool),
    consumers: field("consumer", bool),
    directConsumers: field("direct_consumer", bool),
    config: field("config", bool),
    leaderOnly: field("leader_only", bool),
    offset: field("offset", int),
    limit: field("limit", int),
    raft: field("raft", bool),
    streamLeaderOnly: field("stream_leader_only", bool),
  },
);

/** What {@linkcode healthzRequest} asks. */
export interface HealthzRequest extends EventFilter {
  jsEnabled: boolean;
  jsEnabledOnly: boolean;
  jsServerOnly: boolean;
  jsMetaOnly: boolean;
  account: string;
  stream: string;
  consumer: string;
  details: boolean;
}

/** HEALTHZ. */
export const healthzRequest: Shape<HealthzRequest> = options(
  "HealthzEventOptions",
  "HealthzOptions",
  () => ({
    jsEnabled: false,
    jsEnabledOnly: false,
    jsServerOnly: false,
    jsMetaOnly: false,
    account: "",
    stream: "",
    consumer: "",
    details: false,
  }),
  {
    jsEnabled: field("js-enabled", bool),
    jsEnabledOnly: field("js-enabled-only", bool),
    jsServerOnly: field("js-server-only", bool),
    jsMetaOnly: field("js-meta-only", bool),
    account: field("account", text),
    stream: field("stream", text),
    consumer: field("consumer", text),
    details: field("details", bool),
  },
);

/** What {@linkcode profilezRequest} asks. */
export interface ProfilezRequest extends EventFilter {
  name: string;
  debug: number;
  /** Nanoseconds. */
  duration: bigint;
}

/** PROFILEZ. */
export const profilezRequest: Shape<ProfilezRequest> = options(
  "ProfilezEventOptions",
  "ProfilezOptions",
  () => ({ name: "", debug: 0, duration: 0n }),
  { name: field("name", text), debug: field("debug", int), duration: field("duration", duration) },
);

/** IPQUEUESZ; there are no queues between parts of this server. */
export const ipqueueszRequest: Shape<EventFilter & { all: boolean; filter: string }> = options(
  "IpqueueszEventOptions",
  "IpqueueszOptions",
  () => ({ all: false, filter: "" }),
  { all: field("all", bool), filter: field("filter", text) },
);

/** RAFTZ; there are no groups on a single server. */
export const raftzRequest: Shape<EventFilter & { account: string; group: string }> = options(
  "RaftzEventOptions",
  "RaftzOptions",
  () => ({ account: "", group: "" }),
  { account: field("account", text), group: field("group", text) },
);

/** A connection of this server. */
export const connectionRequest: Shape<{ cid: number }> = shape(
  "KickClientReq",
  () => ({ cid: 0 }),
  { cid: field("cid", uint64) },
);

/** CONNS; other servers say what they ask about. */
export const connsRequest: Shape<{ account: string }> = shape(
  "accNumConnsReq",
  () => ({ account: "" }),
  { account: field("acc", text) },
);
