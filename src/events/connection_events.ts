/**
 * Events of clients that come, go, or are refused.
 *
 * Reference: accountConnectEvent, accountDisconnectEvent, sendAuthErrorEvent and
 * sendAccountAuthErrorEvent in server/events.go.
 *
 * @module
 */
import { encodeJson } from "../base/json/mod.ts";
import { textOfByteString } from "../base/text/byte_string.ts";
import { goJson } from "../base/text/go_format.ts";
import type { Account } from "../core/account/account.ts";
import { type ClientInfo, clientInfoOf, clientInfoShape } from "../core/connection/client_info.ts";
import type { ClosedState } from "../core/connection/closed_state.ts";
import type { Connection } from "../core/connection/connection.ts";
import type { SystemSender } from "./sender.ts";

/** Where owners of accounts hear of refused clients. */
const ACCOUNT_AUTH_ERROR = "$SYS.ACCOUNT.CLIENT.AUTH.ERR";

function clientOf(connection: Connection): ClientInfo {
  // Which server it is stands beside the client.
  const info = clientInfoOf(connection, { name: "", cluster: "" });
  info.nameTag = textOfByteString(connection.account?.nameTag ?? "");
  return info;
}

/** Announces clients of one server. */
export class ConnectionEvents {
  readonly #authErrorSubject: string;

  constructor(readonly sender: SystemSender) {
    this.#authErrorSubject = `$SYS.SERVER.${sender.server.info.server_id}.CLIENT.AUTH.ERR`;
  }

  connected(connection: Connection): void {
    const { account } = connection;
    if (account === null) return;
    const subject = `$SYS.ACCOUNT.${account.name}.CONNECT`;
    if (!this.sender.hasInterest(subject)) return;
    const client = clientOf(connection);
    client.rtt = 0n;
    const head = goJson(this.sender.eventHead("client_connect")).slice(0, -1);
    this.sender.send(subject, `${head},"client":${encodeJson(clientInfoShape, client)}}`);
  }

  disconnected(connection: Connection, reason: ClosedState): void {
    const { account } = connection;
    if (account === null) return;
    const subject = `$SYS.ACCOUNT.${account.name}.DISCONNECT`;
    if (!this.sender.hasInterest(subject)) return;
    this.sender.send(subject, this.#farewell(connection, reason, account));
  }

  refusedIn(account: Account, connection: Connection, reason: string): void {
    if (!this.sender.hasInterest(ACCOUNT_AUTH_ERROR, account)) return;
    const text = this.#farewell(connection, reason, account);
    this.sender.send(ACCOUNT_AUTH_ERROR, text, account);
  }

  refused(connection: Connection, reason: ClosedState): void {
    if (!this.sender.hasInterest(this.#authErrorSubject)) return;
    const text = this.#farewell(connection, reason, connection.account);
    this.sender.send(this.#authErrorSubject, text);
  }

  #farewell(connection: Connection, reason: string, account: Account | null): string {
    const { inMsgs, inBytes, outMsgs, outBytes, core: { env } } = connection;
    const client = clientOf(connection);
    client.stop = env.clock.nowNs();
    client.account = account === null ? "N/A" : textOfByteString(account.name);
    const head = goJson(this.sender.eventHead("client_disconnect")).slice(0, -1);
    // As the client counts: what came in here it has sent.
    const tail = goJson({
      sent: { msgs: inMsgs, bytes: inBytes },
      received: { msgs: outMsgs, bytes: outBytes },
      reason,
    }).slice(1);
    return `${head},"client":${encodeJson(clientInfoShape, client)},${tail}`;
  }
}
