/**
 * The claims of users, operators and activations.
 *
 * Reference: nats-io/jwt v2.8 user_claims.go, operator_claims.go, activation_claims.go.
 *
 * @module
 */
import { bool, field, list, OMIT, type Shape, shape, text } from "../base/json/mod.ts";
import { type ExportType, exportType } from "./account_claims.ts";
import {
  type ClaimsData,
  claimsDataFields,
  emptyClaimsData,
  emptyGenericFields,
  emptyUserPermissionLimits,
  type GenericFields,
  genericFields,
  type UserPermissionLimits,
  userPermissionLimitsFields,
} from "./claims.ts";

/** The part of a user's JWT that is about users. */
export interface UserBody extends UserPermissionLimits, GenericFields {
  /** Public key of the account, when a signing key of it signed. */
  issuerAccount: string;
}

/** The claims of a user. */
export interface UserClaims extends ClaimsData {
  nats: UserBody;
}

const emptyUserBody = (): UserBody => ({
  ...emptyUserPermissionLimits(),
  issuerAccount: "",
  ...emptyGenericFields(),
});

/** JSON of {@linkcode UserClaims}. */
export const userClaimsShape: Shape<UserClaims> = shape(
  "UserClaims",
  () => ({ ...emptyClaimsData(), nats: emptyUserBody() }),
  {
    ...claimsDataFields,
    nats: field(
      "nats",
      shape("User", emptyUserBody, {
        ...userPermissionLimitsFields,
        issuerAccount: field("issuer_account", text, OMIT),
        ...genericFields,
      }),
      OMIT,
    ),
  },
);

/** Whether a user's JWT says nothing of the user's rights, as that of a scoped user must. */
export function hasEmptyPermissions({ nats }: UserClaims): boolean {
  return nats.pub.allow.length + nats.pub.deny.length === 0 &&
    nats.sub.allow.length + nats.sub.deny.length === 0 && nats.resp === null &&
    nats.src.length === 0 && nats.times.length === 0 && nats.locale === "" &&
    nats.subs === 0 && nats.data === 0 && nats.payload === 0 && !nats.bearerToken &&
    !nats.proxyRequired && nats.allowedConnectionTypes.length === 0;
}

/** The part of an operator's JWT that is about operators. */
export interface OperatorBody extends GenericFields {
  signingKeys: string[];
  accountServerUrl: string;
  operatorServiceUrls: string[];
  /** Public key of the system account, or empty. */
  systemAccount: string;
  /** Oldest server version that the operator accepts, or empty. */
  assertServerVersion: string;
  strictSigningKeyUsage: boolean;
}

/** The claims of an operator. */
export interface OperatorClaims extends ClaimsData {
  nats: OperatorBody;
}

const emptyOperatorBody = (): OperatorBody => ({
  signingKeys: [],
  accountServerUrl: "",
  operatorServiceUrls: [],
  systemAccount: "",
  assertServerVersion: "",
  strictSigningKeyUsage: false,
  ...emptyGenericFields(),
});

/** JSON of {@linkcode OperatorClaims}. */
export const operatorClaimsShape: Shape<OperatorClaims> = shape(
  "OperatorClaims",
  () => ({ ...emptyClaimsData(), nats: emptyOperatorBody() }),
  {
    ...claimsDataFields,
    nats: field(
      "nats",
      shape("Operator", emptyOperatorBody, {
        signingKeys: field("signing_keys", list(text), OMIT),
        accountServerUrl: field("account_server_url", text, OMIT),
        operatorServiceUrls: field("operator_service_urls", list(text), OMIT),
        systemAccount: field("system_account", text, OMIT),
        assertServerVersion: field("assert_server_version", text, OMIT),
        strictSigningKeyUsage: field("strict_signing_key_usage", bool, OMIT),
        ...genericFields,
      }),
      OMIT,
    ),
  },
);

/** The part of an activation that is about activations. */
export interface ActivationBody extends GenericFields {
  importSubject: string;
  importType: ExportType;
  /** Public key of the exporter, when a signing key of it signed. */
  issuerAccount: string;
}

/** The permission of an exporter to import one of its exports. */
export interface ActivationClaims extends ClaimsData {
  nats: ActivationBody;
}

const emptyActivationBody = (): ActivationBody => ({
  importSubject: "",
  importType: "",
  issuerAccount: "",
  ...emptyGenericFields(),
});

/** JSON of {@linkcode ActivationClaims}. */
export const activationClaimsShape: Shape<ActivationClaims> = shape(
  "ActivationClaims",
  () => ({ ...emptyClaimsData(), nats: emptyActivationBody() }),
  {
    ...claimsDataFields,
    nats: field(
      "nats",
      shape("Activation", emptyActivationBody, {
        importSubject: field("subject", text, OMIT),
        importType: field("kind", exportType, OMIT),
        issuerAccount: field("issuer_account", text, OMIT),
        ...genericFields,
      }),
      OMIT,
    ),
  },
);
