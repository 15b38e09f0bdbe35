/**
 * The claims of an account: its limits, exports, imports, signing keys and revocations.
 *
 * Reference: nats-io/jwt v2.8 account_claims.go, exports.go, imports.go.
 *
 * @module
 */
import {
  bool,
  duration,
  embed,
  field,
  int,
  int64,
  JsonShapeError,
  type JsonType,
  list,
  map,
  OMIT,
  optional,
  type Shape,
  shape,
  text,
  uint16,
  word,
} from "../base/json/mod.ts";
import {
  type ClaimsData,
  claimsDataFields,
  emptyClaimsData,
  emptyGenericFields,
  emptyPermissions,
  type GenericFields,
  genericFields,
  type NatsLimits,
  natsLimitsFields,
  type PermissionsClaim,
  permissionsShape,
  type SigningKeys,
  signingKeysType,
} from "./claims.ts";

/** Revocations: public key or `*`, and the second up to which what was issued is void. */
export type RevocationList = Map<string, number>;

/** What an export or import is; empty when the JWT does not say. */
export type ExportType = "" | "stream" | "service";

/** JSON of {@linkcode ExportType}. */
export const exportType: JsonType<ExportType> = word<ExportType>(
  "ExportType",
  ["", "stream", "service"],
  { empty: "", error: (shown) => `unknown export type ${shown}` },
);

/** Limits of an account that the operator sets. */
export interface AccountLimitsClaim {
  imports: number;
  exports: number;
  wildcardExports: boolean;
  disallowBearer: boolean;
  conn: number;
  leafNodeConn: number;
}

/** JetStream limits of an account or of one tier. */
export interface JetStreamLimitsClaim {
  memoryStorage: number;
  diskStorage: number;
  streams: number;
  consumer: number;
  maxAckPending: number;
  memoryMaxStreamBytes: number;
  diskMaxStreamBytes: number;
  maxBytesRequired: boolean;
}

/** All limits of an account. */
export interface OperatorLimits extends NatsLimits, AccountLimitsClaim, JetStreamLimitsClaim {
  tieredLimits: Map<string, JetStreamLimitsClaim>;
}

const jetStreamLimitsFields = {
  memoryStorage: field("mem_storage", int64, OMIT),
  diskStorage: field("disk_storage", int64, OMIT),
  streams: field("streams", int64, OMIT),
  consumer: field("consumer", int64, OMIT),
  maxAckPending: field("max_ack_pending", int64, OMIT),
  memoryMaxStreamBytes: field("mem_max_stream_bytes", int64, OMIT),
  diskMaxStreamBytes: field("disk_max_stream_bytes", int64, OMIT),
  maxBytesRequired: field("max_bytes_required", bool, OMIT),
};

/** JetStream limits with nothing said, which turns JetStream off. */
export function emptyJetStreamLimits(): JetStreamLimitsClaim {
  return {
    memoryStorage: 0,
    diskStorage: 0,
    streams: 0,
    consumer: 0,
    maxAckPending: 0,
    memoryMaxStreamBytes: 0,
    diskMaxStreamBytes: 0,
    maxBytesRequired: false,
  };
}

/** Limits with nothing said. */
export function emptyOperatorLimits(): OperatorLimits {
  return {
    subs: 0,
    data: 0,
    payload: 0,
    imports: 0,
    exports: 0,
    wildcardExports: false,
    disallowBearer: false,
    conn: 0,
    leafNodeConn: 0,
    ...emptyJetStreamLimits(),
    tieredLimits: new Map(),
  };
}

const operatorLimits: Shape<OperatorLimits> = shape("OperatorLimits", emptyOperatorLimits, {
  ...natsLimitsFields,
  imports: field("imports", int64, OMIT),
  exports: field("exports", int64, OMIT),
  wildcardExports: field("wildcards", bool, OMIT),
  disallowBearer: field("disallow_bearer", bool, OMIT),
  conn: field("conn", int64, OMIT),
  leafNodeConn: field("leaf", int64, OMIT),
  ...embed("JetStreamLimits", jetStreamLimitsFields),
  tieredLimits: field(
    "tiered_limits",
    map(shape("JetStreamLimits", emptyJetStreamLimits, jetStreamLimitsFields)),
    OMIT,
  ),
});

/** An import of an account. */
export interface ImportClaims {
  name: string;
  /** The publisher's subject: the exporter's of a stream, the importer's of a service. */
  subject: string;
  /** Public key of the exporter. */
  account: string;
  /** Activation JWT, or empty. */
  token: string;
  /** Where the subject is seen at the other side, the old way of saying it. */
  to: string;
  /** The importer's subject. */
  localSubject: string;
  type: ExportType;
  share: boolean;
  allowTrace: boolean;
}

const importClaims: Shape<ImportClaims> = shape(
  "Import",
  () => ({
    name: "",
    subject: "",
    account: "",
    token: "",
    to: "",
    localSubject: "",
    type: "",
    share: false,
    allowTrace: false,
  }),
  {
    name: field("name", text, OMIT),
    subject: field("subject", text, OMIT),
    account: field("account", text, OMIT),
    token: field("token", text, OMIT),
    to: field("to", text, OMIT),
    localSubject: field("local_subject", text, OMIT),
    type: field("type", exportType, OMIT),
    share: field("share", bool, OMIT),
    allowTrace: field("allow_trace", bool, OMIT),
  },
);

/** Latency tracking of an exported service; sampling 0 is by the requests' headers. */
export interface LatencyClaim {
  sampling: number;
  results: string;
}

const samplingRate: JsonType<number> = {
  ...int,
  isEmpty: () => false,
  encode: (value) => value === 0 ? '"headers"' : String(value),
  decode(value, place, current) {
    if (typeof value === "string" && value.toLowerCase() === "headers") return 0;
    return int.decode(value, place, current);
  },
};

/** An export of an account. */
export interface ExportClaims {
  name: string;
  subject: string;
  type: ExportType;
  tokenReq: boolean;
  revocations: RevocationList;
  responseType: string;
  /** Nanoseconds. */
  responseThreshold: bigint;
  latency: LatencyClaim | null;
  accountTokenPosition: number;
  advertise: boolean;
  allowTrace: boolean;
  description: string;
  infoUrl: string;
}

const exportClaims: Shape<ExportClaims> = shape(
  "Export",
  () => ({
    name: "",
    subject: "",
    type: "",
    tokenReq: false,
    revocations: new Map(),
    responseType: "",
    responseThreshold: 0n,
    latency: null,
    accountTokenPosition: 0,
    advertise: false,
    allowTrace: false,
    description: "",
    infoUrl: "",
  }),
  {
    name: field("name", text, OMIT),
    subject: field("subject", text, OMIT),
    type: field("type", exportType, OMIT),
    tokenReq: field("token_req", bool, OMIT),
    revocations: field("revocations", map(int64), OMIT),
    responseType: field("response_type", text, OMIT),
    responseThreshold: field("response_threshold", duration, OMIT),
    latency: field(
      "service_latency",
      optional(
        shape("ServiceLatency", () => ({ sampling: 0, results: "" }), {
          sampling: field("sampling", samplingRate),
          results: field("results", text),
        }),
      ),
      OMIT,
    ),
    accountTokenPosition: field("account_token_position", uint16, OMIT),
    advertise: field("advertise", bool, OMIT),
    allowTrace: field("allow_trace", bool, OMIT),
    description: field("description", text, OMIT),
    infoUrl: field("info_url", text, OMIT),
  },
);

/** One destination of a mapping; weight 0 is 100. */
export interface WeightedMapping {
  subject: string;
  weight: number;
  cluster: string;
}

/** Share of the messages of a destination in percent. */
export function weightOf({ weight }: WeightedMapping): number {
  return weight === 0 ? 100 : weight;
}

/** Delegates authentication of the account's users to a service. */
export interface ExternalAuthorization {
  authUsers: string[];
  allowedAccounts: string[];
  xkey: string;
}

/** Where message traces go. */
export interface TraceClaim {
  destination: string;
  sampling: number;
}

/** The part of an account's JWT that is about accounts. */
export interface AccountBody extends GenericFields {
  imports: ImportClaims[];
  exports: ExportClaims[];
  limits: OperatorLimits;
  signingKeys: SigningKeys;
  revocations: RevocationList;
  defaultPermissions: PermissionsClaim;
  mappings: Map<string, WeightedMapping[]>;
  authorization: ExternalAuthorization;
  trace: TraceClaim | null;
  clusterTraffic: string;
  description: string;
  infoUrl: string;
}

/** The claims of an account. */
export interface AccountClaims extends ClaimsData {
  nats: AccountBody;
}

function emptyAccountBody(): AccountBody {
  return {
    imports: [],
    exports: [],
    limits: emptyOperatorLimits(),
    signingKeys: new Map(),
    revocations: new Map(),
    defaultPermissions: emptyPermissions(),
    mappings: new Map(),
    authorization: { authUsers: [], allowedAccounts: [], xkey: "" },
    trace: null,
    clusterTraffic: "",
    description: "",
    infoUrl: "",
    ...emptyGenericFields(),
  };
}

const accountBody: Shape<AccountBody> = shape("Account", emptyAccountBody, {
  imports: field("imports", list(importClaims), OMIT),
  exports: field("exports", list(exportClaims), OMIT),
  limits: field("limits", operatorLimits, OMIT),
  signingKeys: field("signing_keys", signingKeysType, OMIT),
  revocations: field("revocations", map(int64), OMIT),
  defaultPermissions: field("default_permissions", permissionsShape, OMIT),
  mappings: field(
    "mappings",
    map(list(shape("WeightedMapping", () => ({ subject: "", weight: 0, cluster: "" }), {
      subject: field("subject", text),
      weight: field("weight", uint16, OMIT),
      cluster: field("cluster", text, OMIT),
    }))),
    OMIT,
  ),
  authorization: field(
    "authorization",
    shape(
      "ExternalAuthorization",
      () => ({ authUsers: [], allowedAccounts: [], xkey: "" }) as ExternalAuthorization,
      {
        authUsers: field("auth_users", list(text), OMIT),
        allowedAccounts: field("allowed_accounts", list(text), OMIT),
        xkey: field("xkey", text, OMIT),
      },
    ),
    OMIT,
  ),
  trace: field(
    "trace",
    optional(shape("MsgTrace", () => ({ destination: "", sampling: 0 }), {
      destination: field("dest", text, OMIT),
      sampling: field("sampling", int, OMIT),
    })),
    OMIT,
  ),
  clusterTraffic: field("cluster_traffic", text, OMIT),
  description: field("description", text, OMIT),
  infoUrl: field("info_url", text, OMIT),
  ...genericFields,
});

/** JSON of {@linkcode AccountClaims}. */
export const accountClaimsShape: Shape<AccountClaims> = shape(
  "AccountClaims",
  () => ({ ...emptyClaimsData(), nats: emptyAccountBody() }),
  { ...claimsDataFields, nats: field("nats", accountBody, OMIT) },
);

/** Checks of a version 1 account JWT: signing keys are keys only. */
export function checkV1Account(claims: AccountClaims): void {
  for (const scope of claims.nats.signingKeys.values()) {
    if (scope !== null) {
      throw new JsonShapeError(
        "json: cannot unmarshal object into Go struct field v1NatsAccount.nats.signing_keys of " +
          "type string",
      );
    }
  }
}

/** Whether nothing is said about limits, as in an account that signed itself. */
export function limitsAreEmpty(limits: OperatorLimits): boolean {
  return operatorLimits.encode(limits) === "{}";
}

/** Whether JetStream limits say nothing. */
export function jetStreamLimitsAreEmpty(limits: JetStreamLimitsClaim): boolean {
  return Object.values(jetStreamLimitsFields)
    .every(({ type }, i) => {
      const name = Object.keys(jetStreamLimitsFields)[i] as keyof JetStreamLimitsClaim;
      return (type as JsonType<unknown>).isEmpty(limits[name]);
    });
}

/** Whether the account may use JetStream. */
export function isJetStreamEnabled(limits: OperatorLimits): boolean {
  const some = ({ memoryStorage, diskStorage }: JetStreamLimitsClaim): boolean =>
    memoryStorage !== 0 || diskStorage !== 0;
  return limits.tieredLimits.size > 0 ? [...limits.tieredLimits.values()].some(some) : some(limits);
}
