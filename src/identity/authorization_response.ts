/**
 * What an authorization service answers: the JWT of the user whom a client shall be, or why not.
 *
 * Reference: AuthorizationResponseClaims in nats-io/jwt v2.8 authorization_claims.go.
 *
 * @module
 */
import { field, OMIT, type Shape, shape, text } from "../base/json/mod.ts";
import {
  type ClaimsData,
  claimsDataFields,
  emptyClaimsData,
  emptyGenericFields,
  type GenericFields,
  genericFields,
} from "./claims.ts";
import { decodeClaims } from "./decode.ts";
import { isValidPublicKey } from "./public_key.ts";
import { validateTimesOfClaims, ValidationResults } from "./validation.ts";

/** The answer itself. */
export interface AuthorizationResponseBody extends GenericFields {
  /** A user's JWT; empty when there is an error. */
  jwt: string;
  error: string;
  /** Public key of the account, when a signing key of it signed. */
  issuerAccount: string;
}

/** The claims of an answer; its subject is the asked user, its audience the server. */
export interface AuthorizationResponse extends ClaimsData {
  nats: AuthorizationResponseBody;
}

const emptyBody = (): AuthorizationResponseBody => ({
  jwt: "",
  error: "",
  issuerAccount: "",
  ...emptyGenericFields(),
});

const responseShape: Shape<AuthorizationResponse> = shape(
  "AuthorizationResponseClaims",
  () => ({ ...emptyClaimsData(), nats: emptyBody() }),
  {
    ...claimsDataFields,
    nats: field(
      "nats",
      shape("AuthorizationResponse", emptyBody, {
        jwt: field("jwt", text, OMIT),
        error: field("error", text, OMIT),
        issuerAccount: field("issuer_account", text, OMIT),
        ...genericFields,
      }),
      OMIT,
    ),
  },
);

/** Reads a signed answer. Throws JwtError. */
export function decodeAuthorizationResponse(token: string): AuthorizationResponse {
  return decodeClaims(token, "authorization_response", responseShape);
}

/** Checks an answer at `nowS`, seconds since the epoch. */
export function validateAuthorizationResponse(
  claims: AuthorizationResponse,
  nowS: number,
): ValidationResults {
  const results = new ValidationResults();
  const { jwt, error, issuerAccount } = claims.nats;
  if (!isValidPublicKey(claims.subject, "U")) results.error("Subject must be a user public key");
  if (!isValidPublicKey(claims.audience, "N")) {
    results.error("Audience must be a server public key");
  }
  if (error === "" && jwt === "") results.error("Error or Jwt is required");
  if (error !== "" && jwt !== "") results.error("Only Error or Jwt can be set");
  if (issuerAccount !== "" && !isValidPublicKey(issuerAccount, "A")) {
    results.error("issuer_account is not an account public key");
  }
  validateTimesOfClaims(claims, nowS, results);
  return results;
}
