/**
 * Options of the WebSocket and MQTT listeners.
 *
 * Reference: WebsocketOpts and MQTTOpts in server/opts.go.
 *
 * @module
 */
import type { TlsOptions } from "./tls_options.ts";

/** The WebSocket listener. */
export interface WebsocketOptions {
  host: string;
  /** 0 is no listener, -1 a random port. */
  port: number;
  advertise: string;
  noAuthUser: string;
  /** Name of the cookie that carries the user JWT. */
  jwtCookie: string;
  usernameCookie: string;
  passwordCookie: string;
  tokenCookie: string;
  username: string;
  password: string;
  token: string;
  authTimeoutMs: number;
  /** Serve without TLS. */
  noTls: boolean;
  tlsConfig: TlsOptions | null;
  tlsMap: boolean;
  tlsPinnedCerts: Set<string> | null;
  /** Require the `Origin` header to name this host. */
  sameOrigin: boolean;
  allowedOrigins: string[];
  compression: boolean;
  handshakeTimeoutMs: number;
  pingIntervalMs: number;
  /** Headers added to the upgrade response. */
  headers: Map<string, string>;
}

/** The MQTT listener. */
export interface MqttOptions {
  host: string;
  /** 0 is no listener, -1 a random port. */
  port: number;
  noAuthUser: string;
  username: string;
  password: string;
  token: string;
  /** JetStream domain that holds the sessions. */
  jsDomain: string;
  streamReplicas: number;
  /** Read and ignored, as in the reference. */
  consumerReplicas: number;
  consumerMemoryStorage: boolean;
  consumerInactiveThresholdMs: number;
  authTimeoutMs: number;
  tlsConfig: TlsOptions | null;
  tlsMap: boolean;
  tlsTimeoutMs: number;
  tlsPinnedCerts: Set<string> | null;
  /** Wait before a message is sent again; 0 is the default. */
  ackWaitMs: number;
  jsApiTimeoutMs: number;
  maxAckPending: number;
  rejectQoS2Pub: boolean;
  downgradeQoS2Sub: boolean;
}

/** WebSocket options with nothing set. */
export function emptyWebsocketOptions(): WebsocketOptions {
  return {
    host: "",
    port: 0,
    advertise: "",
    noAuthUser: "",
    jwtCookie: "",
    usernameCookie: "",
    passwordCookie: "",
    tokenCookie: "",
    username: "",
    password: "",
    token: "",
    authTimeoutMs: 0,
    noTls: false,
    tlsConfig: null,
    tlsMap: false,
    tlsPinnedCerts: null,
    sameOrigin: false,
    allowedOrigins: [],
    compression: false,
    handshakeTimeoutMs: 0,
    pingIntervalMs: 0,
    headers: new Map(),
  };
}

/** MQTT options with nothing set. */
export function emptyMqttOptions(): MqttOptions {
  return {
    host: "",
    port: 0,
    noAuthUser: "",
    username: "",
    password: "",
    token: "",
    jsDomain: "",
    streamReplicas: 0,
    consumerReplicas: 0,
    consumerMemoryStorage: false,
    consumerInactiveThresholdMs: 0,
    authTimeoutMs: 0,
    tlsConfig: null,
    tlsMap: false,
    tlsTimeoutMs: 0,
    tlsPinnedCerts: null,
    ackWaitMs: 0,
    jsApiTimeoutMs: 0,
    maxAckPending: 0,
    rejectQoS2Pub: false,
    downgradeQoS2Sub: false,
  };
}
