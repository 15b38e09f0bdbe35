/**
 * Reads the `websocket` and `mqtt` blocks.
 *
 * Reference: parseWebsocket, parseMQTT and parseSimpleAuth in server/opts.go.
 *
 * @module
 */
import { ConfigError } from "./errors.ts";
import {
  asMap,
  type Field,
  fieldTable,
  type Frame,
  type Processing,
  readFields,
  typeName,
} from "./fields.ts";
import type { ConfigToken } from "./parser.ts";
import { durationOrFail, readListen } from "./process_shared.ts";
import { readTls } from "./process_tls.ts";
import type { MqttOptions, WebsocketOptions } from "./websocket_options.ts";

/**
 * Reads the `websocket` block.
 *
 * @throws {ConfigError} when it is not a map
 */
export function readWebsocket(process: Processing, token: ConfigToken): void {
  readListener(process, token, "websocket", process.options.websocket, websocketFields);
}

/**
 * Reads the `mqtt` block.
 *
 * @throws {ConfigError} when it is not a map
 */
export function readMqtt(process: Processing, token: ConfigToken): void {
  readListener(process, token, "mqtt", process.options.mqtt, mqttFields);
}

function readListener<T>(
  process: Processing,
  token: ConfigToken,
  name: string,
  target: T,
  table: ReturnType<typeof fieldTable<T>>,
): void {
  process.guard(undefined, (frame: Frame) => {
    frame.last = token;
    if (!(token.value instanceof Map)) {
      throw new ConfigError(token, `Expected ${name} to be a map, got ${typeName(token.value)}`);
    }
    readFields(process, frame, token.value, target, table, { onError: "collect" });
  });
}

interface SimpleAuth {
  username: string;
  password: string;
  token: string;
  authTimeoutMs: number;
}

function readSimpleAuth(target: SimpleAuth, field: Field): void {
  const { process, token } = field;
  const auth: SimpleAuth = { username: "", password: "", token: "", authTimeoutMs: 0 };
  process.guard(undefined, (frame) => {
    frame.last = token;
    readFields(process, frame, asMap(token.value), auth, simpleAuthFields, {
      onError: "collect",
    });
    Object.assign(target, auth);
  });
}

const simpleAuthFields = fieldTable<SimpleAuth>({
  "user|username": (auth, field) => void (auth.username = field.string()),
  "pass|password": (auth, field) => void (auth.password = field.string()),
  "token": (auth, field) => void (auth.token = field.string()),
  // Anything but a number is a second, without a word.
  "timeout": (auth, field) => {
    const numeric = typeof field.value === "bigint" || typeof field.value === "number";
    auth.authTimeoutMs = numeric ? Number(field.value) * 1000 : 1000;
  },
});

const websocketFields = fieldTable<WebsocketOptions>({
  "listen": (websocket, field) => readListen(websocket, field),
  "port": (websocket, field) => void (websocket.port = field.int()),
  "host|net": (websocket, field) => void (websocket.host = field.string()),
  "advertise": (websocket, field) => void (websocket.advertise = field.string()),
  "no_tls": (websocket, field) => void (websocket.noTls = field.bool()),
  "tls": (websocket, field) => {
    const tls = readTls(field.process, field.token, "client");
    websocket.tlsConfig = tls;
    websocket.tlsMap = tls.map;
    websocket.tlsPinnedCerts = tls.pinnedCerts;
  },
  "same_origin": (websocket, field) => void (websocket.sameOrigin = field.bool()),
  "allowed_origins|allowed_origin|allow_origins|allow_origin|origins|origin": (
    websocket,
    field,
  ) => {
    websocket.allowedOrigins = field.strings("allowed origins") ?? [];
  },
  "handshake_timeout": (websocket, field) => {
    if (typeof field.value === "bigint") websocket.handshakeTimeoutMs = field.int() * 1000;
    else if (typeof field.value === "string") {
      websocket.handshakeTimeoutMs = durationOrFail(field, field.value);
    } else {
      throw field.error(
        `error parsing handshake timeout: unsupported type ${typeName(field.value)}`,
      );
    }
  },
  "compress|compression": (websocket, field) => {
    websocket.compression = field.bool();
  },
  "authorization|authentication": readSimpleAuth,
  "jwt_cookie": (websocket, field) => void (websocket.jwtCookie = field.string()),
  "user_cookie": (websocket, field) => void (websocket.usernameCookie = field.string()),
  "pass_cookie": (websocket, field) => void (websocket.passwordCookie = field.string()),
  "token_cookie": (websocket, field) => void (websocket.tokenCookie = field.string()),
  "no_auth_user": (websocket, field) => void (websocket.noAuthUser = field.string()),
  "headers": (websocket, field) => {
    if (!(field.value instanceof Map)) {
      throw field.error(`error parsing headers: unsupported type ${typeName(field.value)}`);
    }
    websocket.headers = new Map();
    for (const [name, token] of field.value) {
      field.frame.last = token;
      if (typeof token.value === "string") websocket.headers.set(name, token.value);
      else {
        field.process.report(
          token,
          `error parsing header key ${name}: unsupported type ${typeName(token.value)}`,
        );
      }
    }
  },
  "ping_interval": (websocket, field) => {
    websocket.pingIntervalMs = field.duration("ping_interval");
  },
});

const MAX_ACK_PENDING_MAX = 0xffff;

const mqttFields = fieldTable<MqttOptions>({
  "listen": (mqtt, field) => readListen(mqtt, field),
  "port": (mqtt, field) => void (mqtt.port = field.int()),
  "host|net": (mqtt, field) => void (mqtt.host = field.string()),
  "tls": (mqtt, field) => {
    const tls = readTls(field.process, field.token, "client");
    mqtt.tlsConfig = tls;
    mqtt.tlsTimeoutMs = tls.timeoutMs;
    mqtt.tlsMap = tls.map;
    mqtt.tlsPinnedCerts = tls.pinnedCerts;
  },
  "authorization|authentication": readSimpleAuth,
  "no_auth_user": (mqtt, field) => void (mqtt.noAuthUser = field.string()),
  "ack_wait|ackwait": (mqtt, field) => void (mqtt.ackWaitMs = field.duration("ack_wait")),
  "js_api_timeout|api_timeout": (mqtt, field) => {
    mqtt.jsApiTimeoutMs = field.duration("js_api_timeout");
  },
  "max_ack_pending|max_pending|max_inflight": (mqtt, field) => {
    const max = field.int();
    if (max < 0 || max > MAX_ACK_PENDING_MAX) {
      throw field.error(`invalid value ${max}, should in [0..${MAX_ACK_PENDING_MAX}] range`);
    }
    mqtt.maxAckPending = max;
  },
  "js_domain": (mqtt, field) => void (mqtt.jsDomain = field.string()),
  "stream_replicas": (mqtt, field) => void (mqtt.streamReplicas = field.int()),
  "consumer_replicas": (_, field) => {
    field.warn("consumer replicas setting ignored in this server version");
  },
  "consumer_memory_storage": (mqtt, field) => {
    mqtt.consumerMemoryStorage = field.bool();
  },
  "consumer_inactive_threshold|consumer_auto_cleanup": (mqtt, field) => {
    mqtt.consumerInactiveThresholdMs = field.duration("consumer_inactive_threshold");
  },
  "reject_qos2_publish": (mqtt, field) => void (mqtt.rejectQoS2Pub = field.bool()),
  "downgrade_qos2_subscribe": (mqtt, field) => void (mqtt.downgradeQoS2Sub = field.bool()),
});
