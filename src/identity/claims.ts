/**
 * What all claims have in common, and the permissions and limits that several kinds of them state.
 *
 * Numbers that are limits are -1 for "unlimited". What a JWT leaves out is 0, empty or null, as
 * in the reference; a limit that is left out therefore allows nothing.
 *
 * Reference: nats-io/jwt v2.8 claims.go, types.go.
 *
 * @module
 */
import {
  bool,
  decodeValue,
  duration,
  encodeValue,
  type Field,
  field,
  int,
  int64,
  JsonShapeError,
  type JsonType,
  list,
  OMIT,
  optional,
  type Shape,
  shape,
  text,
} from "../base/json/mod.ts";

/** Stands for no limit. */
export const NO_LIMIT = -1;

/** Kinds of claims that this server reads. */
export type ClaimsKind =
  | "operator"
  | "account"
  | "user"
  | "activation"
  | "authorization_response";

/** The standard part of a JWT. */
export interface ClaimsData {
  audience: string;
  /** Seconds since the epoch; 0 is never. */
  expires: number;
  id: string;
  /** Seconds since the epoch. */
  issuedAt: number;
  /** Public key that signed. */
  issuer: string;
  name: string;
  /** Seconds since the epoch; 0 is at once. */
  notBefore: number;
  /** Public key of whom this is about. */
  subject: string;
}

/** JSON fields of {@linkcode ClaimsData}. */
export const claimsDataFields = {
  audience: field("aud", text, OMIT),
  expires: field("exp", int64, OMIT),
  id: field("jti", text, OMIT),
  issuedAt: field("iat", int64, OMIT),
  issuer: field("iss", text, OMIT),
  name: field("name", text, OMIT),
  notBefore: field("nbf", int64, OMIT),
  subject: field("sub", text, OMIT),
};

/** Claims data with nothing said. */
export function emptyClaimsData(): ClaimsData {
  return {
    audience: "",
    expires: 0,
    id: "",
    issuedAt: 0,
    issuer: "",
    name: "",
    notBefore: 0,
    subject: "",
  };
}

/** Tags, kind and version of claims. */
export interface GenericFields {
  tags: string[];
  type: string;
  version: number;
}

/** JSON fields of {@linkcode GenericFields}. */
export const genericFields = {
  tags: field("tags", list(text), OMIT),
  type: field("type", text, OMIT),
  version: field("version", int, OMIT),
};

/** Generic fields with nothing said. */
export function emptyGenericFields(): GenericFields {
  return { tags: [], type: "", version: 0 };
}

/** Subjects that are allowed and denied; empty lists say nothing. */
export interface SubjectClaim {
  allow: string[];
  deny: string[];
}

const subjectClaim: Shape<SubjectClaim> = shape(
  "Permission",
  () => ({ allow: [], deny: [] }),
  {
    allow: field("allow", list(text), OMIT),
    deny: field("deny", list(text), OMIT),
  },
);

/** Permission to answer requests. */
export interface ResponseClaim {
  max: number;
  /** Nanoseconds. */
  ttl: bigint;
}

const responseClaim: Shape<ResponseClaim> = shape(
  "ResponsePermission",
  () => ({ max: 0, ttl: 0n }),
  { max: field("max", int), ttl: field("ttl", duration) },
);

/** What may be published and subscribed to. */
export interface PermissionsClaim {
  pub: SubjectClaim;
  sub: SubjectClaim;
  resp: ResponseClaim | null;
}

/** JSON fields of {@linkcode PermissionsClaim}. */
export const permissionsFields = {
  pub: field("pub", subjectClaim, OMIT),
  sub: field("sub", subjectClaim, OMIT),
  resp: field("resp", optional(responseClaim), OMIT),
};

/** Permissions with nothing said. */
export function emptyPermissions(): PermissionsClaim {
  return { pub: { allow: [], deny: [] }, sub: { allow: [], deny: [] }, resp: null };
}

/** JSON of {@linkcode PermissionsClaim}. */
export const permissionsShape: Shape<PermissionsClaim> = shape(
  "Permissions",
  emptyPermissions,
  permissionsFields,
);

/** Limits of one connection. */
export interface NatsLimits {
  subs: number;
  data: number;
  payload: number;
}

/** JSON fields of {@linkcode NatsLimits}. */
export const natsLimitsFields = {
  subs: field("subs", int64, OMIT),
  data: field("data", int64, OMIT),
  payload: field("payload", int64, OMIT),
};

/** A time of day, `15:04:05` each. */
export interface TimeRange {
  start: string;
  end: string;
}

const timeRange: Shape<TimeRange> = shape("TimeRange", () => ({ start: "", end: "" }), {
  start: field("start", text, OMIT),
  end: field("end", text, OMIT),
});

/** From where and when a user may connect. */
export interface UserLimits {
  /** Networks in CIDR notation; empty is everywhere. */
  src: string[];
  times: TimeRange[];
  /** Time zone of `times`; empty is the server's. */
  locale: string;
}

/** A list of networks, in JSON also as one text with commas. */
const cidrList: JsonType<string[]> = {
  ...list(text),
  decode(value, place, current) {
    if (typeof value !== "string") return list(text).decode(value, place, current);
    const parts = value.split(",").map((part) => part.trim().toLowerCase());
    return [...new Set(parts.filter((part) => part !== ""))];
  },
};

/** JSON fields of {@linkcode UserLimits}. */
export const userLimitsFields = {
  src: field("src", cidrList, OMIT),
  times: field("times", list(timeRange), OMIT),
  locale: field("times_location", text, OMIT),
};

/** Everything that a user's JWT or a scope says about the user's rights. */
export interface UserPermissionLimits extends PermissionsClaim, UserLimits, NatsLimits {
  /** Needs no signature of the nonce. */
  bearerToken: boolean;
  proxyRequired: boolean;
  allowedConnectionTypes: string[];
}

/** JSON fields of {@linkcode UserPermissionLimits}. */
export const userPermissionLimitsFields = {
  ...permissionsFields,
  ...userLimitsFields,
  ...natsLimitsFields,
  bearerToken: field("bearer_token", bool, OMIT),
  proxyRequired: field("proxy_required", bool, OMIT),
  allowedConnectionTypes: field("allowed_connection_types", list(text), OMIT),
};

/** Rights with nothing said. */
export function emptyUserPermissionLimits(): UserPermissionLimits {
  return {
    ...emptyPermissions(),
    src: [],
    times: [],
    locale: "",
    subs: 0,
    data: 0,
    payload: 0,
    bearerToken: false,
    proxyRequired: false,
    allowedConnectionTypes: [],
  };
}

/** The rights of all users whom one signing key signs. */
export interface UserScope {
  kind: "user_scope";
  /** Public key of the signer. */
  key: string;
  role: string;
  template: UserPermissionLimits;
  description: string;
}

const userScope: Shape<UserScope> = shape(
  "UserScope",
  () => ({
    kind: "user_scope",
    key: "",
    role: "",
    template: { ...emptyUserPermissionLimits(), subs: -1, data: -1, payload: -1 },
    description: "",
  }),
  {
    kind: field("kind", text) as Field<"user_scope">,
    key: field("key", text),
    role: field("role", text),
    template: field(
      "template",
      shape("UserPermissionLimits", emptyUserPermissionLimits, userPermissionLimitsFields),
    ),
    description: field("description", text),
  },
);

/** Signing keys, each with its scope or null. */
export type SigningKeys = Map<string, UserScope | null>;

/** Signing keys as JSON has them: a list of keys and scopes. */
export const signingKeysType: JsonType<SigningKeys> = {
  goName: "SigningKeys",
  zero: () => new Map(),
  isEmpty: (keys) => keys.size === 0,
  encode(keys) {
    const parts = [...keys].sort(([a], [b]) => a < b ? -1 : 1)
      .map(([key, scope]) => scope === null ? encodeValue(key) : userScope.encode(scope));
    return `[${parts.join(",")}]`;
  },
  decode(value) {
    if (!Array.isArray(value)) {
      throw new JsonShapeError("json: cannot unmarshal into Go value of type []interface {}");
    }
    const keys: SigningKeys = new Map();
    for (const element of value) {
      if (typeof element === "string") keys.set(element, null);
      else if (element !== null && typeof element === "object" && !Array.isArray(element)) {
        if (element.kind !== "user_scope") {
          throw new JsonShapeError(`unknown signing key scope ${encodeValue(element.type ?? "")}`);
        }
        const scope = decodeValue(userScope, element);
        keys.set(scope.key, scope);
      }
    }
    return keys;
  },
};

/** JSON of signing keys, to compare them by. */
export function encodeSigningKeys(keys: Iterable<[string, UserScope | null]>): string {
  return signingKeysType.encode(new Map(keys));
}
