/**
 * The server's well-known errors: one name and one exact text each.
 *
 * The reference keeps them as global error values that are compared by identity
 * (server/errors.go). Here they are data: {@linkcode serverErrorTexts} gives the text that
 * clients, operators and logs see, and {@linkcode ServerError} carries the name as its `code`,
 * so callers compare codes and stack traces start where the error happened.
 *
 * Errors of configuration files (with file, line and position) live in `src/config`.
 *
 * @module
 */

/** Text of each well-known error by its name in the reference. */
export const serverErrorTexts = {
  ErrConnectionClosed: "connection closed",
  ErrAuthentication: "authentication error",
  ErrAuthTimeout: "authentication timeout",
  ErrAuthExpired: "authentication expired",
  ErrAuthProxyNotTrusted: "proxy is not trusted",
  ErrAuthProxyRequired: "proxy connection required",
  ErrMaxPayload: "maximum payload exceeded",
  ErrMaxControlLine: "maximum control line exceeded",
  ErrReservedPublishSubject: "reserved internal subject",
  ErrBadPublishSubject: "invalid publish subject",
  ErrBadSubject: "invalid subject",
  ErrBadQualifier: "bad qualifier",
  ErrBadClientProtocol: "invalid client protocol",
  ErrTooManyConnections: "maximum connections exceeded",
  ErrTooManyAccountConnections: "maximum account active connections exceeded",
  ErrLeafNodeLoop: "leafnode loop detected",
  ErrTooManySubs: "maximum subscriptions exceeded",
  ErrTooManySubTokens: "subject has exceeded number of tokens limit",
  ErrClientConnectedToRoutePort: "attempted to connect to route port",
  ErrClientConnectedToLeafNodePort: "attempted to connect to leaf node port",
  ErrLeafNodeHasSameClusterName: "remote leafnode has same cluster name",
  ErrLeafNodeDisabled: "leafnodes disabled",
  ErrConnectedToWrongPort: "attempted to connect to wrong port",
  ErrAccountExists: "account exists",
  ErrBadAccount: "bad account",
  ErrReservedAccount: "reserved account",
  ErrMissingAccount: "account missing",
  ErrMissingService: "service missing",
  ErrBadServiceType: "bad service response type",
  ErrBadSampling: "bad sampling percentage, should be 1-100",
  ErrAccountValidation: "account validation failed",
  ErrAccountExpired: "account expired",
  ErrNoAccountResolver: "account resolver missing",
  ErrAccountResolverUpdateTooSoon: "account resolver update too soon",
  ErrAccountResolverSameClaims: "account resolver no new claims",
  ErrStreamImportAuthorization: "stream import not authorized",
  ErrStreamImportBadPrefix: "stream import prefix can not contain wildcard tokens",
  ErrStreamImportDuplicate: "stream import already exists",
  ErrServiceImportAuthorization: "service import not authorized",
  ErrImportFormsCycle: "import forms a cycle",
  ErrCycleSearchDepth: "search cycle depth exhausted",
  ErrClientOrRouteConnectedToGatewayPort: "attempted to connect to gateway port",
  ErrWrongGateway: "wrong gateway",
  ErrGatewayNameHasSpaces: "gateway name cannot contain spaces",
  ErrNoSysAccount: "system account not setup",
  ErrRevocation: "credentials have been revoked",
  ErrServerNotRunning: "server is not running",
  ErrServerNameHasSpaces: "server name cannot contain spaces",
  ErrBadMsgHeader: "bad message header detected",
  ErrMsgHeadersNotSupported: "message headers not supported",
  ErrNoRespondersRequiresHeaders: "no responders requires headers support",
  ErrClusterNameConfigConflict: "cluster name conflicts between cluster and gateway definitions",
  ErrClusterNameRemoteConflict: "cluster name from remote server conflicts",
  ErrClusterNameHasSpaces: "cluster name cannot contain spaces",
  ErrMalformedSubject: "malformed subject",
  ErrSubscribePermissionViolation: "subscribe permission violation",
  ErrNoTransforms: "no matching transforms available",
  ErrCertNotPinned: "certificate not pinned",
  ErrDuplicateServerName: "duplicate server name",
  ErrMinimumVersionRequired: "minimum version required",
  ErrLeafNodeMinVersionRejected: "connection rejected since minimum version required is",
  ErrInvalidMappingDestination: "invalid mapping destination",
  ErrInvalidMappingDestinationSubject: "invalid mapping destination: invalid transform",
  ErrMappingDestinationNotUsingAllWildcards:
    "invalid mapping destination: not using all of the token wildcard(s)",
  ErrUnknownMappingDestinationFunction: "invalid mapping destination: unknown function",
  ErrMappingDestinationIndexOutOfRange: "invalid mapping destination: wildcard index out of range",
  ErrMappingDestinationNotEnoughArgs:
    "invalid mapping destination: not enough arguments passed to the function",
  ErrMappingDestinationInvalidArg:
    "invalid mapping destination: function argument is invalid or in the wrong format",
  ErrMappingDestinationTooManyArgs:
    "invalid mapping destination: too many arguments passed to the function",
  ErrMappingDestinationNotSupportedForImport:
    "invalid mapping destination: the only mapping function allowed for import transforms is {{Wildcard()}}",
} as const;

/** Name of a well-known error. */
export type ServerErrorCode = keyof typeof serverErrorTexts;

/** Codes that are also an `ErrInvalidMappingDestination`. */
export type MappingDestinationErrorCode =
  | "ErrInvalidMappingDestination"
  | "ErrInvalidMappingDestinationSubject"
  | "ErrMappingDestinationNotUsingAllWildcards"
  | "ErrUnknownMappingDestinationFunction"
  | "ErrMappingDestinationIndexOutOfRange"
  | "ErrMappingDestinationNotEnoughArgs"
  | "ErrMappingDestinationInvalidArg"
  | "ErrMappingDestinationTooManyArgs"
  | "ErrMappingDestinationNotSupportedForImport";

/** A well-known error; its message is the reference's text for `code`. */
export class ServerError extends Error {
  override readonly name: string = "ServerError";
  /** Name of the error in the reference, for comparisons. */
  readonly code: ServerErrorCode;

  constructor(code: ServerErrorCode, options?: ErrorOptions) {
    super(serverErrorTexts[code], options);
    this.code = code;
  }

  /** Whether this error is `code` or a special case of it. */
  is(code: ServerErrorCode): boolean {
    return this.code === code;
  }
}

/**
 * A subject mapping's destination that cannot be used. Each of its codes counts as
 * `ErrInvalidMappingDestination` too.
 */
export class MappingDestinationError extends ServerError {
  override readonly name = "MappingDestinationError";
  /** The destination token at fault, or the empty string. */
  readonly token: string;

  constructor(token: string, code: MappingDestinationErrorCode) {
    super(code);
    this.token = token;
    if (token !== "") this.message = `${serverErrorTexts[code]} in ${token}`;
  }

  override is(code: ServerErrorCode): boolean {
    return code === this.code || code === "ErrInvalidMappingDestination";
  }
}

/**
 * Wraps an error with detail for traces. Its message stays the wrapped error's, so the detail
 * reaches nobody who did not ask for it with {@linkcode unpackIfErrorContext}.
 */
export class ErrorContext extends Error {
  override readonly name = "ErrorContext";
  override readonly cause: Error;
  /** The added detail. */
  readonly context: string;

  constructor(cause: Error, context: string) {
    super(cause.message);
    this.cause = cause;
    this.context = context;
  }
}

/** The error's message, followed by each wrapped context from the inside out. */
export function unpackIfErrorContext(error: Error): string {
  if (!(error instanceof ErrorContext)) return error.message;
  return `${unpackIfErrorContext(error.cause)}: ${error.context}`;
}

/** Whether `error`, or an error it wraps through `cause`, is the well-known error `code`. */
export function errorIs(error: unknown, code: ServerErrorCode): boolean {
  for (let e = error; e instanceof Error; e = e.cause) {
    if (e instanceof ServerError && e.is(code)) return true;
  }
  return false;
}
