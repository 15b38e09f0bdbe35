/**
 * What can be asked of servers in the system account: the pages of monitoring and some more.
 *
 * Reference: initEventTracking, idzReq, statszReq, kickClient and ldmClient in server/events.go;
 * profilez and expvarz in server/monitor.go.
 *
 * @module
 */
import { base64, decodeJson, JsonShapeError, JsonSyntaxError } from "../base/json/mod.ts";
import { formatDurationNs } from "../base/text/duration.ts";
import { goJson, goQuote } from "../base/text/go_format.ts";
import { ClosedState } from "../core/connection/closed_state.ts";
import {
  accountz,
  BadRequestError,
  connz,
  debugVariables,
  gatewayz,
  healthz,
  jszJson,
  leafz,
  routez,
  subsz,
} from "../monitor/mod.ts";
import { meantFor } from "./event_filter.ts";
import { answering, readOptions, type ServiceHandler } from "./requests.ts";
import type { SystemSender } from "./sender.ts";
import {
  accountzRequest,
  connectionRequest,
  connzRequest,
  filterOnly,
  gatewayzRequest,
  healthzRequest,
  ipqueueszRequest,
  jszRequest,
  leafzRequest,
  plainFilter,
  type ProfilezRequest,
  profilezRequest,
  raftzRequest,
  routezRequest,
  stateOf,
  subszRequest,
} from "./service_options.ts";
import type { Statsz } from "./statsz.ts";

const NS_PER_MS = 1e6;
/** A CPU profile may take so long. */
const PROFILE_NS_MAX = 15_000_000_000n;

/** Says who the server is. */
function identity(sender: SystemSender): ServiceHandler {
  return ({ reply }) => {
    if (reply === "") return;
    const { server_name: name, host, server_id: id } = sender.server.info;
    sender.send(reply, goJson({ name, host, id }));
  };
}

/** Tells the statistics to whoever asks; to everybody when the request has no reply subject. */
export function statistics(sender: SystemSender, statsz: Statsz): ServiceHandler {
  const options = filterOnly("StatszEventOptions");
  return (request) => {
    const read = readOptions(options, request);
    if ("wrong" in read) {
      const error = { code: 400, description: read.wrong };
      return sender.answer(request.reply === "" ? statsz.subject : request.reply, { error });
    }
    if (request.body.length > 0 && !meantFor(sender.server, read.asked)) return;
    if (request.reply === "") statsz.force();
    else statsz.answer(request.reply);
  };
}

async function cpuProfile(sender: SystemSender, durationNs: bigint): Promise<string> {
  const { profiler } = sender.server.env;
  await profiler.startCpuProfile();
  await sender.pause(Number(durationNs) / NS_PER_MS);
  return await profiler.stopCpuProfile();
}

/** A profile in V8's format, or what is wrong. */
async function profile(
  sender: SystemSender,
  { name, duration }: ProfilezRequest,
): Promise<{ profile: string | null; error?: string }> {
  const failed = (error: string) => ({ profile: null, error });
  let text: string;
  switch (name) {
    case "":
      return failed("Profile name not specified");
    case "cpu":
      if (duration <= 0n || duration > PROFILE_NS_MAX) {
        return failed(`Duration ${formatDurationNs(duration)} should be between 0s and 15s`);
      }
      try {
        text = await cpuProfile(sender, duration);
      } catch (error) {
        return failed(`Failed to start CPU profile: ${(error as Error).message}`);
      }
      break;
    case "heap":
      text = await sender.server.env.profiler.heapSnapshot();
      break;
    default:
      return failed(`Profile ${goQuote(name)} not found`);
  }
  return { profile: base64(new TextEncoder().encode(text)) };
}

/** The services that every server has by its id and that all servers have as PING, by name. */
export function monitoringServices(
  sender: SystemSender,
  statsz: Statsz,
): ReadonlyMap<string, ServiceHandler> {
  const { server } = sender;
  const { log } = server.env;
  return new Map<string, ServiceHandler>([
    ["IDZ", identity(sender)],
    ["STATSZ", statistics(sender, statsz)],
    ["VARZ", answering(sender, filterOnly("VarzEventOptions"), () => goJson(server.varz()))],
    ["SUBSZ", answering(sender, subszRequest, (asked) => goJson(subsz(server, asked)))],
    [
      "CONNZ",
      answering(
        sender,
        connzRequest,
        (asked) => goJson(connz(server, { ...asked, state: stateOf(asked) })),
      ),
    ],
    ["ROUTEZ", answering(sender, routezRequest, () => goJson(routez(server)))],
    ["GATEWAYZ", answering(sender, gatewayzRequest, () => goJson(gatewayz(server)))],
    ["LEAFZ", answering(sender, leafzRequest, (asked) => goJson(leafz(server, asked)))],
    [
      "ACCOUNTZ",
      answering(sender, accountzRequest, ({ account }) => goJson(accountz(server, account))),
    ],
    ["JSZ", answering(sender, jszRequest, (asked) => jszJson(server, asked))],
    [
      "HEALTHZ",
      answering(sender, healthzRequest, (asked) => {
        if (asked.jsEnabled) {
          log.warn("Healthcheck: js-enabled deprecated, use js-enabled-only instead");
        }
        const jsEnabledOnly = asked.jsEnabledOnly || asked.jsEnabled;
        const { code, body: { status, ...rest } } = healthz(server, { ...asked, jsEnabledOnly });
        return goJson({ status, status_code: code, ...rest });
      }),
    ],
    [
      "PROFILEZ",
      answering(sender, profilezRequest, async (asked) => goJson(await profile(sender, asked))),
    ],
    [
      "EXPVARZ",
      answering(sender, filterOnly("ExpvarzEventOptions"), () => goJson(debugVariables(server))),
    ],
    ["IPQUEUESZ", answering(sender, ipqueueszRequest, () => "{}")],
    ["RAFTZ", answering(sender, raftzRequest, () => "{}")],
  ]);
}

/** A service that does something to one connection. */
function onConnection(sender: SystemSender, act: (cid: number) => void): ServiceHandler {
  return (request) => {
    let cid: number;
    try {
      ({ cid } = decodeJson(connectionRequest, request.body));
    } catch (error) {
      if (!(error instanceof JsonShapeError || error instanceof JsonSyntaxError)) throw error;
      sender.server.env.log.error(
        `SYSTEM - Error unmarshalling kick client request: ${error.message}`,
      );
      return;
    }
    return answering(sender, plainFilter, () => {
      act(cid);
      return "";
    }, false)(request);
  };
}

/** The services that only the server with the id in their subject has, by name. */
export function controlServices(sender: SystemSender): ReadonlyMap<string, ServiceHandler> {
  const { server } = sender;
  return new Map<string, ServiceHandler>([
    [
      "RELOAD",
      answering(sender, plainFilter, async () => {
        try {
          await server.reload();
        } catch (error) {
          throw new BadRequestError((error as Error).message, { cause: error });
        }
        return "";
      }, false),
    ],
    [
      "KICK",
      onConnection(sender, (cid) => {
        const connection = server.clients.get(cid);
        if (connection === undefined) throw new BadRequestError("no such client or leafnode id");
        connection.close(ClosedState.Kicked);
      }),
    ],
    [
      "LDM",
      onConnection(sender, (cid) => {
        const connection = server.clients.get(cid);
        if (connection === undefined) throw new BadRequestError("no such client id");
        if (!server.announceLameDuck(connection)) {
          throw new BadRequestError(
            "client does not support Lame Duck Mode or is not ready to receive the notification",
          );
        }
      }),
    ],
  ]);
}
