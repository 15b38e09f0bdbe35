/**
 * The server as seen from the system account: what it tells, and what it can be asked.
 *
 * Reference: setSystemAccount, initEventTracking and shutdownEventing in server.
 *
 * @module
 */
import { goJson } from "../base/text/go_format.ts";
import type { Account } from "../core/account/account.ts";
import type { ClientEvents } from "../core/connection/client_events.ts";
import type { ClosedState } from "../core/connection/closed_state.ts";
import type { Connection } from "../core/connection/connection.ts";
import type { Subscription } from "../core/connection/subscription.ts";
import { AccountConnections } from "./account_connections.ts";
import {
  accountServices,
  accountSubject,
  ALL_STATZ_SUBJECT,
  allAccountStatz,
  exportSystemServices,
  SUBSCRIBERS_SUBJECT,
  SystemServices,
  userInfo,
  userInfoSubject,
} from "./account_services.ts";
import { ConnectionEvents } from "./connection_events.ts";
import { RemoteServers } from "./remote_servers.ts";
import { requestHandler, type ServiceHandler } from "./requests.ts";
import { SystemSender } from "./sender.ts";
import type { EventServer } from "./server_info.ts";
import { controlServices, monitoringServices, statistics } from "./server_services.ts";
import { Statsz } from "./statsz.ts";
import { debugSubscribers } from "./subscribers.ts";

/** Events and services of one server with a system account. */
export class SystemEvents implements ClientEvents {
  readonly sender: SystemSender;
  readonly statsz: Statsz;
  readonly accountConnections: AccountConnections;
  readonly remoteServers: RemoteServers;
  readonly #connections: ConnectionEvents;
  readonly #systemAccount: Account;
  readonly #systemServices: SystemServices;

  constructor(readonly server: EventServer, systemAccount: Account) {
    this.#systemAccount = systemAccount;
    this.#systemServices = new SystemServices(systemAccount);
    this.sender = new SystemSender(server, systemAccount);
    this.remoteServers = new RemoteServers(this.sender);
    this.statsz = new Statsz(this.sender, this.remoteServers);
    this.accountConnections = new AccountConnections(this.sender);
    this.#connections = new ConnectionEvents(this.sender);
  }

  /** Subscribes to all that can be asked, and begins to tell what happens. */
  start(): void {
    const { core, info: { server_id: id } } = this.server;
    core.events = this;
    core.describeServer = () => this.sender.serverInfo();
    this.offer("$SYS.REQ.SERVER.PING", statistics(this.sender, this.statsz));
    for (const [name, handler] of monitoringServices(this.sender, this.statsz)) {
      for (const whom of [id, "PING"]) this.offer(`$SYS.REQ.SERVER.${whom}.${name}`, handler);
    }
    for (const [name, handler] of accountServices(this.sender, this.accountConnections)) {
      this.offer(accountSubject("*", name), handler);
    }
    this.offer(userInfoSubject("*"), userInfo(this.sender));
    this.offer(ALL_STATZ_SUBJECT, allAccountStatz(this.sender));
    this.offer(SUBSCRIBERS_SUBJECT, debugSubscribers(this.sender));
    for (const [name, handler] of controlServices(this.sender)) {
      this.offer(`$SYS.REQ.SERVER.${id}.${name}`, handler);
    }
    this.#listenToOthers();
    this.register();
    this.statsz.start();
  }

  #listenToOthers(): void {
    const { remoteServers: others, sender } = this;
    const left: ServiceHandler = (request) => others.left(request);
    const heard: [subject: string, handler: ServiceHandler][] = [
      ["$SYS.SERVER.ACCOUNT.*.CONNS", (request) => others.accountReported(request)],
      ["$SYS.SERVER.*.STATSZ", (request) => others.statisticsReported(request)],
      ["$SYS.SERVER.*.SHUTDOWN", left],
      ["$SYS.SERVER.*.LAMEDUCK", left],
    ];
    for (const [subject, handler] of heard) {
      sender.remoteSubscriptions.add(this.offer(subject, handler));
    }
  }

  /** Lets the system account ask on `subject`; of servers in the same `queue` one answers. */
  offer(subject: string, handler: ServiceHandler, queue: string | null = null): Subscription {
    const { client } = this.sender;
    const receive = requestHandler(this.sender, handler);
    return client.subscribe(this.#systemAccount, subject, receive, queue);
  }

  /** Ends what {@linkcode offer} began. */
  withdraw(subscription: Subscription): void {
    this.sender.client.unsubscribe(this.#systemAccount, subscription);
  }

  /** Makes the services known in all accounts; to be repeated when exports or imports change. */
  register(): void {
    exportSystemServices(this.#systemAccount);
    for (const account of this.server.core.accounts.values()) this.accountAdded(account);
  }

  accountAdded(account: Account): void {
    if (account !== this.#systemAccount) account.setUpWhenUsed(this.#systemServices);
  }

  connected(connection: Connection): void {
    this.#connections.connected(connection);
  }

  disconnected(connection: Connection, reason: ClosedState): void {
    this.#connections.disconnected(connection, reason);
  }

  refused(connection: Connection, reason: ClosedState): void {
    this.#connections.refused(connection, reason);
  }

  refusedIn(account: Account, connection: Connection, reason: string): void {
    this.#connections.refusedIn(account, connection, reason);
  }

  countChanged(account: Account): void {
    this.accountConnections.changed(account);
  }

  /** Says that the server takes no clients any more. */
  lameDuck(): void {
    this.#farewell("LAMEDUCK");
  }

  /** Says that the server goes, and falls silent. What was said is on its way to the clients. */
  stop(): void {
    this.statsz.stop();
    this.accountConnections.stop();
    this.remoteServers.stop();
    this.server.core.events = null;
    this.#farewell("SHUTDOWN");
    this.sender.close();
  }

  #farewell(what: "LAMEDUCK" | "SHUTDOWN"): void {
    const subject = `$SYS.SERVER.${this.server.info.server_id}.${what}`;
    if (this.sender.hasInterest(subject)) {
      this.sender.send(subject, goJson(this.sender.serverInfo()));
    }
  }
}
