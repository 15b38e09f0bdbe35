/**
 * Who is who: nkeys and the JWTs of operators, accounts, users and activations.
 *
 * @module
 */
export * from "./account_claims.ts";
export * from "./authorization_request.ts";
export * from "./authorization_response.ts";
export * from "./claims.ts";
export * from "./decode.ts";
export * from "./public_key.ts";
export * from "./restrictions.ts";
export * from "./server_keys.ts";
export * from "./template.ts";
export * from "./user_claims.ts";
export * from "./validate_account.ts";
export * from "./validation.ts";
