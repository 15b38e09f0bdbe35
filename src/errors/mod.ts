/**
 * The server's well-known errors and their exact texts.
 *
 * @module
 */
export {
  ErrorContext,
  errorIs,
  MappingDestinationError,
  type MappingDestinationErrorCode,
  ServerError,
  type ServerErrorCode,
  serverErrorTexts,
  unpackIfErrorContext,
} from "./errors.ts";
