/**
 * States of the protocol parser. The numbers appear in the log line of a parse error, so they
 * are the reference's (server/parser.go).
 *
 * @module
 */

/** Where in an operation the parser stands between two reads. */
export const ParserState = {
  OP_START: 0,
  OP_PLUS: 1,
  OP_PLUS_O: 2,
  OP_PLUS_OK: 3,
  OP_MINUS: 4,
  OP_MINUS_E: 5,
  OP_MINUS_ER: 6,
  OP_MINUS_ERR: 7,
  OP_MINUS_ERR_SPC: 8,
  MINUS_ERR_ARG: 9,
  OP_C: 10,
  OP_CO: 11,
  OP_CON: 12,
  OP_CONN: 13,
  OP_CONNE: 14,
  OP_CONNEC: 15,
  OP_CONNECT: 16,
  CONNECT_ARG: 17,
  OP_H: 18,
  OP_HP: 19,
  OP_HPU: 20,
  OP_HPUB: 21,
  OP_HPUB_SPC: 22,
  HPUB_ARG: 23,
  OP_P: 29,
  OP_PU: 30,
  OP_PUB: 31,
  OP_PUB_SPC: 32,
  PUB_ARG: 33,
  OP_PI: 34,
  OP_PIN: 35,
  OP_PING: 36,
  OP_PO: 37,
  OP_PON: 38,
  OP_PONG: 39,
  MSG_PAYLOAD: 40,
  MSG_END_R: 41,
  MSG_END_N: 42,
  OP_S: 43,
  OP_SU: 44,
  OP_SUB: 45,
  OP_SUB_SPC: 46,
  SUB_ARG: 47,
  OP_U: 59,
  OP_UN: 60,
  OP_UNS: 61,
  OP_UNSU: 62,
  OP_UNSUB: 63,
  OP_UNSUB_SPC: 64,
  UNSUB_ARG: 65,
  OP_I: 71,
  OP_IN: 72,
  OP_INF: 73,
  OP_INFO: 74,
  INFO_ARG: 75,
} as const;

/** One of the values of {@linkcode ParserState}. */
export type ParserState = typeof ParserState[keyof typeof ParserState];
