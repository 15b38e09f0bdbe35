/**
 * Checks by OCSP of the certificates of peers.
 *
 * @module
 */
export { type CacheStats, LocalCache, NoCache, type ResponseCache } from "./cache.ts";
export { PeerCertificate } from "./certificate.ts";
export { type Chain, verifiedChains } from "./chains.ts";
export { type OcspEvents, PeerCheck } from "./peer_check.ts";
export { encodeOcspRequest } from "./responder.ts";
export { statusText } from "./response.ts";
