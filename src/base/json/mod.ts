/**
 * JSON as Go reads and writes it.
 *
 * @module
 */
export { indentJson } from "./indent.ts";
export { JsonSyntaxError, type JsonValue, parseJson, parseJsonBytes } from "./parse.ts";
export {
  base64,
  bool,
  bytes,
  decodeJson,
  type DecodeOptions,
  decodeValue,
  duration,
  embed,
  encodeJson,
  encodeTime,
  encodeValue,
  type Field,
  field,
  float64,
  int,
  int32,
  int64,
  JsonShapeError,
  type JsonType,
  list,
  map,
  named,
  OMIT,
  optional,
  parseTime,
  raw,
  type Shape,
  shape,
  subject,
  text,
  time,
  uint16,
  uint64,
  word,
  ZERO_TIME_NS,
} from "./shape.ts";
