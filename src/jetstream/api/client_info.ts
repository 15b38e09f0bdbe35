/**
 * A client as JetStream's events name it.
 *
 * Reference: getClientInfo in server/client.go, forAdvisory in server/events.go.
 *
 * @module
 */
import {
  duration,
  encodeJson,
  field,
  int,
  OMIT,
  optional,
  type Shape,
  shape,
  text,
  time,
} from "../../base/json/mod.ts";
import { textOfByteString } from "../../base/text/byte_string.ts";
import type { Connection } from "../../core/connection/connection.ts";

interface ClientInfo {
  start: bigint | null;
  host: string;
  id: number;
  account: string;
  user: string;
  name: string;
  lang: string;
  version: string;
  rtt: bigint;
  server: string;
  cluster: string;
  kind: string;
  clientType: string;
}

const clientInfoShape: Shape<ClientInfo> = shape(
  "ClientInfo",
  () => ({
    start: null,
    host: "",
    id: 0,
    account: "",
    user: "",
    name: "",
    lang: "",
    version: "",
    rtt: 0n,
    server: "",
    cluster: "",
    kind: "",
    clientType: "",
  }),
  {
    start: field("start", optional(time), OMIT),
    host: field("host", text, OMIT),
    id: field("id", int, OMIT),
    account: field("acc", text, OMIT),
    user: field("user", text, OMIT),
    name: field("name", text, OMIT),
    lang: field("lang", text, OMIT),
    version: field("ver", text, OMIT),
    rtt: field("rtt", duration, OMIT),
    server: field("server", text, OMIT),
    cluster: field("cluster", text, OMIT),
    kind: field("kind", text, OMIT),
    clientType: field("client_type", text, OMIT),
  },
);

/** JSON of the client at the other end of `connection`; of nobody when it is the server itself. */
export function clientInfo(
  connection: Connection | null,
  server: { readonly name: string; readonly cluster: string },
): string {
  const info = clientInfoShape.create();
  if (connection !== null) {
    info.start = BigInt(Math.floor(connection.startMs)) * 1_000_000n;
    info.host = connection.host;
    info.id = connection.id;
    info.account = textOfByteString(connection.account?.name ?? "");
    info.user = connection.rawAuthUser;
    info.name = connection.connect.name;
    info.lang = connection.connect.lang;
    info.version = connection.connect.version;
    info.rtt = BigInt(Math.round(connection.rttMs * 1e6));
    info.server = server.name;
    info.cluster = server.cluster;
    info.kind = connection.kindName;
    info.clientType = "nats";
  }
  return encodeJson(clientInfoShape, info);
}
