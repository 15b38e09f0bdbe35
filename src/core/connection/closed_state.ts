/**
 * Why a connection was closed, with the texts that monitoring shows.
 *
 * @module
 */

/** Reasons for closing a connection (server/client.go ClosedState). */
export const ClosedState = {
  ClientClosed: "Client Closed",
  AuthenticationTimeout: "Authentication Timeout",
  AuthenticationViolation: "Authentication Failure",
  TLSHandshakeError: "TLS Handshake Failure",
  SlowConsumerPendingBytes: "Slow Consumer (Pending Bytes)",
  SlowConsumerWriteDeadline: "Slow Consumer (Write Deadline)",
  WriteError: "Write Error",
  ReadError: "Read Error",
  ParseError: "Parse Error",
  StaleConnection: "Stale Connection",
  ProtocolViolation: "Protocol Violation",
  BadClientProtocolVersion: "Bad Client Protocol Version",
  MaxAccountConnectionsExceeded: "Maximum Account Connections Exceeded",
  MaxConnectionsExceeded: "Maximum Connections Exceeded",
  MaxPayloadExceeded: "Maximum Message Payload Exceeded",
  MaxControlLineExceeded: "Maximum Control Line Exceeded",
  MaxSubscriptionsExceeded: "Maximum Subscriptions Exceeded",
  ServerShutdown: "Server Shutdown",
  AuthenticationExpired: "Authentication Expired",
  MissingAccount: "Missing Account",
  Revocation: "Credentials Revoked",
  WrongPort: "Incorrect Port",
  WrongGateway: "Wrong Gateway",
  MinimumVersionRequired: "Minimum Version Required",
  ClusterNamesIdentical: "Cluster Names Identical",
  DuplicateRemoteLeafnodeConnection: "Duplicate Remote LeafNode Connection",
  NoRespondersRequiresHeaders: "No Responders Requires Headers",
  DuplicateClientID: "Duplicate Client ID",
  Kicked: "Kicked",
  ProxyNotTrusted: "Proxy Not Trusted",
  ProxyRequired: "Proxy Required",
} as const;

/** One of the values of {@linkcode ClosedState}. */
export type ClosedState = typeof ClosedState[keyof typeof ClosedState];
