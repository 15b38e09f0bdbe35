/**
 * The CONNECT operation: what a client says about itself.
 *
 * Reference: ClientOpts in server/client.go, decoded as Go's encoding/json does it: keys match
 * without regard to case, null leaves a field alone, a value of the wrong type is an error that
 * is reported after the other fields were taken.
 *
 * @module
 */

/** Fields of CONNECT with the values a client has before it sent one. */
export class ConnectOptions {
  echo = true;
  verbose = true;
  pedantic = true;
  tls_required = false;
  nkey = "";
  jwt = "";
  sig = "";
  auth_token = "";
  user = "";
  pass = "";
  name = "";
  lang = "";
  version = "";
  protocol = 0;
  account = "";
  new_account = false;
  headers = false;
  no_responders = false;
  remote_account = "";
  proxy_sig = "";
}

/** Thrown when CONNECT's JSON cannot be decoded; the text follows encoding/json. */
export class ConnectDecodeError extends Error {
  override readonly name = "ConnectDecodeError";
}

type FieldName = keyof ConnectOptions;

const FIELD_BY_LOWER_NAME: ReadonlyMap<string, FieldName> = new Map(
  (Object.keys(new ConnectOptions()) as FieldName[]).map((name) => [name, name]),
);

const textDecoder = new TextDecoder();

function jsonKind(value: unknown): string {
  if (Array.isArray(value)) return "array";
  switch (typeof value) {
    case "boolean":
      return "bool";
    case "object":
      return "object";
    default:
      return typeof value;
  }
}

function goKind(fieldDefault: unknown): string {
  return typeof fieldDefault === "boolean"
    ? "bool"
    : typeof fieldDefault === "number"
    ? "int"
    : "string";
}

/**
 * Decodes the JSON of `bytes` into `target`, keeping what it does not mention.
 *
 * Throws {@linkcode ConnectDecodeError}.
 */
export function decodeConnect(bytes: Uint8Array, target: ConnectOptions): void {
  let decoded: unknown;
  try {
    decoded = JSON.parse(textDecoder.decode(bytes));
  } catch (cause) {
    const text = bytes.length === 0 ? "unexpected end of JSON input" : (cause as Error).message;
    throw new ConnectDecodeError(text, { cause });
  }
  if (decoded === null) return;
  if (typeof decoded !== "object" || Array.isArray(decoded)) {
    throw new ConnectDecodeError(
      `json: cannot unmarshal ${jsonKind(decoded)} into Go value of type server.ClientOpts`,
    );
  }
  let firstError: string | null = null;
  const fields = target as unknown as Record<string, unknown>;
  for (const [key, value] of Object.entries(decoded)) {
    const field = FIELD_BY_LOWER_NAME.get(key.toLowerCase());
    if (field === undefined || value === null) continue;
    const wanted = typeof fields[field];
    if (typeof value !== wanted || (wanted === "number" && !Number.isSafeInteger(value))) {
      const shown = typeof value === "number" && wanted === "number"
        ? `number ${value}`
        : jsonKind(value);
      firstError ??= `json: cannot unmarshal ${shown} into Go struct field ClientOpts.${field} ` +
        `of type ${goKind(fields[field])}`;
      continue;
    }
    fields[field] = value;
  }
  if (firstError !== null) throw new ConnectDecodeError(firstError);
}
