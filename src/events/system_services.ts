/**
 * Services that the server itself offers in its accounts.
 *
 * Reference: userInfoReq, idzReq and registerSystemImportsForExisting in server/events.go.
 *
 * @module
 */
import { textOfByteString } from "../base/text/byte_string.ts";
import { goJson } from "../base/text/go_format.ts";
import type { Permissions, SubjectPermission } from "../config/mod.ts";
import type { Account } from "../core/account/account.ts";
import type { Connection } from "../core/connection/connection.ts";
import { InternalClient } from "../core/internal/internal_client.ts";
import { type EventServer, serverApiResponse, serverInfo } from "./server_info.ts";

/** Asks all servers, or one by its id, for their names. */
const SERVER_PREFIX = "$SYS.REQ.SERVER.";
/** Tells who asks what it may do. */
const USER_INFO_SUBJECT = "$SYS.REQ.USER.INFO";

const NS_PER_MS = 1_000_000;

/** Answers of one server to its clients' questions about themselves. */
export class SystemServices {
  readonly #client: InternalClient;
  #sequence = 0;

  constructor(readonly server: EventServer) {
    this.#client = new InternalClient(server.core);
  }

  /** Subscribes in all accounts. Without a system account there are no system services. */
  start(): void {
    const { core, info } = this.server;
    if (core.systemAccount === null) return;
    core.describeServer = () => serverInfo(this.server, ++this.#sequence);
    for (const whom of ["PING", info.server_id]) {
      this.#client.subscribe(
        core.systemAccount,
        `${SERVER_PREFIX}${whom}.IDZ`,
        (_subscription, account, _subject, reply) => {
          if (reply !== "") this.#client.publishText(account, reply, "", this.#identity());
        },
      );
    }
    for (const account of core.accounts.values()) {
      this.#client.subscribe(
        account,
        USER_INFO_SUBJECT,
        (_subscription, _account, _subject, reply, _message, _headerBytes, from) => {
          if (from !== null && reply !== "") this.#answerUserInfo(account, reply, from);
        },
      );
    }
  }

  #identity(): string {
    const { server_name: name, host, server_id: id } = this.server.info;
    return goJson({ name, host, id });
  }

  #answerUserInfo(account: Account, reply: string, from: Connection): void {
    const text = serverApiResponse(this.server, ++this.#sequence, userInfo(from));
    this.#client.publishText(account, reply, "", text);
  }
}

/** Who a client is and what it may do, in the reference's fields. */
function userInfo(connection: Connection) {
  const account = textOfByteString(connection.account?.name ?? "");
  const { permissions } = connection;
  return {
    user: connection.rawAuthUser,
    account,
    account_name: account || undefined,
    permissions: permissions === null
      ? undefined
      : shownPermissions({ ...permissions.source, response: permissions.response }),
  };
}

function shownPermissions({ publish, subscribe, response }: Permissions) {
  return {
    publish: shownSubjects(publish),
    subscribe: shownSubjects(subscribe),
    responses: response === null
      ? undefined
      : { max: response.maxMsgs, ttl: Math.round(response.expiresMs * NS_PER_MS) },
  };
}

function shownSubjects(subjects: SubjectPermission | null) {
  const shown = (list: readonly string[] | null | undefined) =>
    list === null || list === undefined || list.length === 0 ? undefined : list;
  return { allow: shown(subjects?.allow), deny: shown(subjects?.deny) };
}
