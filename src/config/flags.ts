/**
 * The command line of the server: flags, the configuration file they name, and what wins over
 * what. It decides and returns; printing and exiting are the caller's.
 *
 * Reference: ConfigureOptions, overrideTLS, overrideCluster, MergeOptions and processSignal in
 * server/opts.go, main.go.
 *
 * @module
 */
import { byteStringOf, textOfByteString } from "../base/text/byte_string.ts";
import { type ConfigSource, FileError } from "../platform/config_source.ts";
import { ConfigParseError, ConfigProcessError, OptionsError } from "./errors.ts";
import { type FlagDefinition, FlagError, type ParsedFlags, parseFlags } from "./flag_set.ts";
import { AddressError, splitHostPort } from "./go_net.ts";
import { emptyOptions, type Options } from "./options.ts";
import { cloneOptions } from "./clone.ts";
import { processConfigFile } from "./process.ts";
import { checkTlsFiles, TlsFileError } from "./tls_files.ts";
import { defaultTlsOptions } from "./tls_options.ts";
import { parseServerUrl, quoteText, type ServerUrl, UrlError } from "./url.ts";
import { tlsUsage, USAGE, versionText } from "./usage.ts";

/** The name under which the reference reports. */
const PROGRAM = "nats-server";

/** What the command line asks for. */
export type CommandLine =
  /** Print and exit. */
  | { kind: "exit"; stdout: string; stderr: string; exitCode: number }
  /** Send `command` to the processes that `pid` names (empty: find them), then exit. */
  | { kind: "signal"; command: string; pid: string }
  /** Run a server. `warnings` go to standard error; `flagOptions` hold what flags alone say. */
  | { kind: "run"; options: Options; flagOptions: Options; warnings: string };

/** What flags set that is no option. */
interface FlagTarget {
  options: Options;
  version: boolean;
  help: boolean;
  tlsHelp: boolean;
  signal: string;
  configFile: string;
  debugAndTrace: boolean;
  traceAndVerbose: boolean;
  debugTraceAndVerbose: boolean;
}

function newTarget(): FlagTarget {
  return {
    options: { ...emptyOptions(), logtime: true },
    version: false,
    help: false,
    tlsHelp: false,
    signal: "",
    configFile: "",
    debugAndTrace: false,
    traceAndVerbose: false,
    debugTraceAndVerbose: false,
  };
}

type Definition = FlagDefinition<FlagTarget>;

const text = (set: (target: FlagTarget, value: string) => void): Definition => ({
  kind: "text",
  set,
});
const integer = (set: (options: Options, value: number) => void): Definition => ({
  kind: "integer",
  set: ({ options }, value) => set(options, value),
});
const boolean = (set: (target: FlagTarget, value: boolean) => void): Definition => ({
  kind: "boolean",
  set,
});
const option = (set: (options: Options, value: string) => void): Definition =>
  text(({ options }, value) => set(options, value));
const toggle = (set: (options: Options, value: boolean) => void): Definition =>
  boolean(({ options }, value) => set(options, value));

const DEFINITIONS: Readonly<Record<string, Definition>> = {
  "h|help": boolean((target, value) => void (target.help = value)),
  "v|version": boolean((target, value) => void (target.version = value)),
  "help_tls": boolean((target, value) => void (target.tlsHelp = value)),
  "p|port": integer((options, value) => void (options.port = value)),
  "n|name|server_name": option((options, value) => void (options.serverName = value)),
  "a|addr|net": option((options, value) => void (options.host = value)),
  "client_advertise": option((options, value) => void (options.clientAdvertise = value)),
  "D|debug": toggle((options, value) => void (options.debug = value)),
  "V|trace": toggle((options, value) => void (options.trace = value)),
  "VV": boolean((target, value) => void (target.traceAndVerbose = value)),
  "DV": boolean((target, value) => void (target.debugAndTrace = value)),
  "DVV": boolean((target, value) => void (target.debugTraceAndVerbose = value)),
  "T|logtime": toggle((options, value) => void (options.logtime = value)),
  "logtime_utc": toggle((options, value) => void (options.logtimeUtc = value)),
  "user": option((options, value) => void (options.username = value)),
  "pass": option((options, value) => void (options.password = value)),
  "auth": option((options, value) => void (options.authorization = value)),
  "m|http_port": integer((options, value) => void (options.httpPort = value)),
  "ms|https_port": integer((options, value) => void (options.httpsPort = value)),
  "c|config": text((target, value) => void (target.configFile = value)),
  "t": toggle((options, value) => void (options.checkConfig = value)),
  "sl|signal": text((target, value) => void (target.signal = value)),
  "P|pid": option((options, value) => void (options.pidFile = value)),
  "ports_file_dir": option((options, value) => void (options.portsFileDir = value)),
  "l|log": option((options, value) => void (options.logFile = value)),
  "log_size_limit": integer((options, value) => void (options.logSizeLimit = value)),
  "s|syslog": toggle((options, value) => void (options.syslog = value)),
  "r|remote_syslog": option((options, value) => void (options.remoteSyslog = value)),
  "profile": integer((options, value) => void (options.profPort = value)),
  "routes": option((options, value) => void (options.routesStr = value)),
  "cluster|cluster_listen": option((options, value) => {
    options.cluster.listenStr = value;
  }),
  "cluster_advertise": option((options, value) => void (options.cluster.advertise = value)),
  "no_advertise": toggle((options, value) => void (options.cluster.noAdvertise = value)),
  "connect_retries": integer((options, value) => {
    options.cluster.connectRetries = value;
  }),
  "cluster_name": option((options, value) => void (options.cluster.name = value)),
  "tls": toggle((options, value) => void (options.tls = value)),
  "tlsverify": toggle((options, value) => void (options.tlsVerify = value)),
  "tlscert": option((options, value) => void (options.tlsCert = value)),
  "tlskey": option((options, value) => void (options.tlsKey = value)),
  "tlscacert": option((options, value) => void (options.tlsCaCert = value)),
  "max_traced_msg_len": integer((options, value) => void (options.maxTracedMsgLen = value)),
  "js|jetstream": toggle((options, value) => void (options.jetStream = value)),
  "sd|store_dir": option((options, value) => void (options.storeDir = value)),
};

function flagDefinitions(): Map<string, Definition> {
  const out = new Map<string, Definition>();
  for (const [names, definition] of Object.entries(DEFINITIONS)) {
    for (const name of names.split("|")) out.set(name, definition);
  }
  return out;
}

/** The names of all flags, without their dashes. */
export function flagNames(): string[] {
  return [...flagDefinitions().keys()];
}

function exit(exitCode: number, stdout: string, stderr = ""): CommandLine {
  return { kind: "exit", stdout, stderr, exitCode };
}

/**
 * Decides what a command line asks for.
 *
 * @param args the arguments, without the program
 * @param source files and the environment
 * @param ownVersion the version of natsts, for `--version`
 */
export function readCommandLine(
  args: readonly string[],
  source: ConfigSource,
  ownVersion: string,
): CommandLine {
  const target = newTarget();
  let parsed: ParsedFlags<FlagTarget>;
  try {
    parsed = parseFlags(args, flagDefinitions());
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    // As with `--help`, the usage text ends the program, and so it ends well.
    return exit(0, USAGE + "\n", error.message + "\n");
  }
  const applyAll = () => parsed.flags.forEach(({ apply }) => apply(target));
  applyAll();
  if (target.version) return exit(0, versionText(ownVersion));
  if (target.help) return exit(0, USAGE + "\n");
  if (target.tlsHelp) return exit(0, tlsUsage());
  const command = parsed.rest[0];
  if (command !== undefined) {
    if (command.toLowerCase() === "version") return exit(0, versionText(ownVersion));
    if (command.toLowerCase() === "help") return exit(0, USAGE + "\n");
    return failure(`unrecognized command: ${quoteText(command)}`);
  }
  if (target.signal !== "") return signalOf(target.signal, source);
  const flagOptions = cloneOptions(target.options);
  rememberExplicit(flagOptions, target, parsed.names);
  try {
    return configure(target, parsed.names, flagOptions, applyAll, source);
  } catch (error) {
    if (isReported(error)) return failure(error.message);
    throw error;
  }
}

function failure(message: string): CommandLine {
  return exit(1, "", `${PROGRAM}: ${message}\n`);
}

function isReported(error: unknown): error is Error {
  return error instanceof ConfigProcessError || error instanceof ConfigParseError ||
    error instanceof FileError || error instanceof OptionsError ||
    error instanceof TlsFileError || error instanceof UrlError || error instanceof AddressError;
}

function configure(
  target: FlagTarget,
  names: readonly string[],
  flagOptions: Options,
  applyAll: () => void,
  source: ConfigSource,
): CommandLine {
  const { options, configFile } = target;
  let warnings = "";
  if (configFile !== "") {
    const found = processConfigFile(options, configFile, source);
    if (options.checkConfig) {
      // Warnings are fine to run with, but not to pass the test with.
      if (found.length > 0) throw new ConfigProcessError([], found);
      return exit(
        0,
        "",
        `${PROGRAM}: configuration file ${configFile} is valid (${options.configDigest})\n`,
      );
    }
    if (found.length > 0) warnings = new ConfigProcessError([], found).message;
    applyAll(); // flags win over the file
  } else if (options.checkConfig) {
    throw new OptionsError(
      "must specify [-c, --config] option to check configuration file syntax",
    );
  }
  override(target, names, source);
  const { cluster } = options;
  if (
    options.routesStr !== "" && cluster.listenStr === "" && cluster.host === "" &&
    cluster.port === 0
  ) {
    throw new OptionsError(
      "solicited routes require cluster capabilities, e.g. --cluster",
    );
  }
  return { kind: "run", options, flagOptions, warnings };
}

/** Flags that mean more than one option, or that replace a whole block of the file. */
function override(target: FlagTarget, names: readonly string[], source: ConfigSource): void {
  const { options } = target;
  let tls = false;
  let tlsOff = false;
  for (const name of names) {
    switch (name) {
      case "tls":
        if (options.tls) tls = true;
        else {
          options.tlsConfig = null;
          tlsOff = true;
          tls = false;
        }
        break;
      case "tlsverify":
      case "tlscert":
      case "tlskey":
      case "tlscacert":
        if (!tlsOff) tls = true;
        break;
      case "VV":
        options.trace = options.traceVerbose = target.traceAndVerbose;
        break;
      case "DVV":
        options.trace = options.debug = options.traceVerbose = target.debugTraceAndVerbose;
        break;
      case "DV":
        options.trace = options.debug = target.debugAndTrace;
        break;
      case "cluster":
      case "cluster_listen":
        overrideCluster(options);
        break;
      case "routes":
        options.routes = options.routesStr === "" ? [] : routesFromText(options.routesStr);
        break;
    }
  }
  if (tls) overrideTls(options, source);
}

/** Remembers the booleans that flags set, by the reference's names: a reload keeps them. */
function rememberExplicit(
  flagOptions: Options,
  target: FlagTarget,
  names: readonly string[],
): void {
  const explicit = flagOptions.inCmdLine;
  const set = (value: boolean, ...fields: string[]) => {
    for (const field of fields) explicit.set(field, value);
  };
  for (const name of names) {
    switch (name) {
      case "DVV":
        set(target.debugTraceAndVerbose, "Debug", "Trace", "TraceVerbose");
        break;
      case "DV":
        set(target.debugAndTrace, "Debug", "Trace");
        break;
      case "VV":
        set(target.traceAndVerbose, "Trace", "TraceVerbose");
        break;
      case "D":
      case "debug":
        set(flagOptions.debug, "Debug");
        break;
      case "V":
      case "trace":
        set(flagOptions.trace, "Trace");
        break;
      case "T":
      case "logtime":
        set(flagOptions.logtime, "Logtime");
        break;
      case "s":
      case "syslog":
        set(flagOptions.syslog, "Syslog");
        break;
      case "no_advertise":
        set(flagOptions.cluster.noAdvertise, "Cluster.NoAdvertise");
        break;
      case "js":
        set(flagOptions.jetStream, "JetStream");
        break;
    }
  }
}

function overrideTls(options: Options, source: ConfigSource): void {
  if (options.tlsCert === "") {
    throw new OptionsError("TLS Server certificate must be present and valid");
  }
  if (options.tlsKey === "") {
    throw new OptionsError("TLS Server private key must be present and valid");
  }
  const tls = {
    ...defaultTlsOptions(),
    certFile: options.tlsCert,
    keyFile: options.tlsKey,
    caFile: options.tlsCaCert,
    verify: options.tlsVerify,
  };
  checkTlsFiles(tls, source);
  options.tlsConfig = tls;
}

function overrideCluster(options: Options): void {
  const { cluster } = options;
  if (cluster.listenStr === "") {
    cluster.port = 0; // enough to turn clustering off
    return;
  }
  // A URL cannot have port -1, so a random port takes a detour.
  const random = cluster.listenStr.endsWith(":-1");
  if (random) cluster.listenStr = cluster.listenStr.slice(0, -2) + "0";
  const url = parseServerUrl(cluster.listenStr);
  const { host, port } = splitHostPort(url.host);
  cluster.host = host;
  if (!/^\d+$/.test(port)) throw new OptionsError("expected integer");
  cluster.port = random ? -1 : Number(port);
  if (url.user === null) {
    // The file's login must not stay with the flag's address.
    cluster.username = cluster.password = "";
    return;
  }
  if (url.user.password === null) {
    throw new OptionsError("expected cluster password to be set");
  }
  cluster.username = url.user.username;
  cluster.password = url.user.password;
}

/**
 * Routes from a text with commas.
 *
 * @throws {UrlError} when one of them is no URL
 */
export function routesFromText(routes: string): ServerUrl[] {
  return routes.split(",").map((route) => parseServerUrl(route.trim()));
}

function signalOf(signal: string, source: ConfigSource): CommandLine {
  const [command, pid, ...more] = signal.split("=");
  if (more.length > 0) return failure(`invalid signal parameters: [${more.join(" ")}]`);
  return { kind: "signal", command: command!, pid: pid === undefined ? "" : pidOf(pid, source) };
}

/** A process id: the contents of the file of that name, or the text itself. */
function pidOf(pid: string, source: ConfigSource): string {
  try {
    const bytes = source.readFile(pid);
    return textOfByteString(byteStringOf(bytes, 0, bytes.length));
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    return pid;
  }
}

/** Options that the reference knows by these names, and which files and flags set explicitly. */
const EXPLICIT: Readonly<Record<string, (options: Options, value: boolean) => void>> = {
  "Trace": (options, value) => void (options.trace = value),
  "Debug": (options, value) => void (options.debug = value),
  "TraceVerbose": (options, value) => void (options.traceVerbose = value),
  "TraceHeaders": (options, value) => void (options.traceHeaders = value),
  "Logtime": (options, value) => void (options.logtime = value),
  "LogtimeUTC": (options, value) => void (options.logtimeUtc = value),
  "Syslog": (options, value) => void (options.syslog = value),
  "JetStream": (options, value) => void (options.jetStream = value),
  "Cluster.NoAdvertise": (options, value) => void (options.cluster.noAdvertise = value),
  "LeafNode.NoAdvertise": (options, value) => void (options.leafNode.noAdvertise = value),
};

/**
 * What a reload takes over: the options of the file under what `flags` said when the server was
 * started, booleans that either sets to false included.
 */
export function mergeFlags(file: Options, flags: Options | null): Options {
  const merged = mergeOptions(file, flags)!;
  for (const said of [file.inConfig, flags?.inCmdLine]) {
    for (const [name, value] of said ?? []) EXPLICIT[name]?.(merged, value);
  }
  return merged;
}

/** Options of which `flags` say something win over those of `file`. Neither is changed. */
export function mergeOptions(file: Options | null, flags: Options | null): Options | null {
  if (file === null) return flags;
  if (flags === null) return file;
  const out: Options = { ...file, cluster: { ...file.cluster } };
  out.port = flags.port || out.port;
  out.host = flags.host || out.host;
  out.dontListen ||= flags.dontListen;
  out.clientAdvertise = flags.clientAdvertise || out.clientAdvertise;
  out.username = flags.username || out.username;
  out.password = flags.password || out.password;
  out.authorization = flags.authorization || out.authorization;
  out.httpPort = flags.httpPort || out.httpPort;
  out.httpBasePath = flags.httpBasePath || out.httpBasePath;
  out.debug ||= flags.debug;
  out.trace ||= flags.trace;
  out.logtime ||= flags.logtime;
  out.logFile = flags.logFile || out.logFile;
  out.pidFile = flags.pidFile || out.pidFile;
  out.portsFileDir = flags.portsFileDir || out.portsFileDir;
  out.profPort = flags.profPort || out.profPort;
  out.cluster.listenStr = flags.cluster.listenStr || out.cluster.listenStr;
  out.cluster.noAdvertise ||= flags.cluster.noAdvertise;
  out.cluster.connectRetries = flags.cluster.connectRetries || out.cluster.connectRetries;
  out.cluster.advertise = flags.cluster.advertise || out.cluster.advertise;
  if (flags.routesStr !== "") {
    out.routes = routesFromText(flags.routesStr);
    out.routesStr = flags.routesStr;
  }
  out.jetStream ||= flags.jetStream;
  out.storeDir = flags.storeDir || out.storeDir;
  return out;
}
