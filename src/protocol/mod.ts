/**
 * The client protocol: its parser, INFO and CONNECT.
 *
 * @module
 */
export * from "./arguments.ts";
export * from "./client_parser.ts";
export * from "./connect_options.ts";
export * from "./headers.ts";
export * from "./inbound_message.ts";
export * from "./info.ts";
export * from "./message_header.ts";
export * from "./parser_state.ts";
export * from "./size.ts";
