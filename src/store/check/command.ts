/**
 * `store check DIR [--repair] [--json] [--key KEY] [--cipher NAME]`: verifies all streams of a data directory.
 *
 * DIR may be the `store_dir` of a server, its `jetstream` folder, the folder of an account or the
 * one of a stream. Without `--repair` nothing is changed. With it no server may use the directory.
 *
 * @module
 */
import { type Disk, isNotFound } from "../../platform/mod.ts";
import type { StoreCipherName } from "../../base/crypto/mod.ts";
import { type KeyGenerator, StoreKeys } from "../file/stream/keys.ts";
import { StoreError, type StoreErrorCode } from "../errors.ts";
import type { StoreEnvironment } from "../stream_store.ts";
import { checkStream, formatReport, repairStream, type StreamReport } from "./check_store.ts";

/** What `store` without or with wrong arguments prints. */
export const STORE_USAGE =
  `Usage: store check DIR [--repair] [--json] [--key KEY] [--cipher chacha|aes]

Verifies each block of each stream in DIR: a store_dir, or the directory of an account or stream.
  --repair  move damage aside, into the stream's directory "lost"; stop the server first
  --json    print JSON instead of tables
  --key     the server's key, for encrypted streams; better give it as NATS_STORE_KEY, since others
            may see a command line
  --cipher  what the server encrypts with, chacha or aes; the other one is tried as well
`;

/** What the command needs to read encrypted streams. */
export interface StoreCommandKeys {
  /** The server's key unless the command line has one; empty for none. */
  readonly key: string;
  /** Derives the keys of an account. */
  readonly generator: (serverKey: string, account: string) => KeyGenerator | null;
}

/** What a command prints, and how the process ends. */
export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  /** 0: all is sound; 1: something is damaged or was lost; 2: the command could not run. */
  readonly exitCode: 0 | 1 | 2;
}

interface FoundStream {
  readonly account: string;
  readonly name: string;
  readonly path: string;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function directories(disk: Disk, path: string): string[] {
  try {
    return disk.list(path).filter((entry) => entry.isDirectory).map(({ name }) => name).sort();
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}

function streamsOf(disk: Disk, path: string): FoundStream[] {
  return directories(disk, `${path}/streams`)
    .map((name) => ({ account: baseName(path), name, path: `${path}/streams/${name}` }));
}

/** The streams below `path`, whichever level of a data directory it is. */
export function findStreams(disk: Disk, path: string): FoundStream[] {
  const names = directories(disk, path);
  if (names.includes("msgs")) {
    const account = baseName(path.slice(0, Math.max(0, path.lastIndexOf("/streams/"))));
    return [{ account, name: baseName(path), path }];
  }
  if (names.includes("streams")) return streamsOf(disk, path);
  const root = names.includes("jetstream") ? `${path}/jetstream` : path;
  return directories(disk, root).flatMap((name) => streamsOf(disk, `${root}/${name}`));
}

interface StreamResult extends StreamReport {
  readonly account: string;
  /** What a repair had to give up; null without one. */
  readonly lost: { readonly msgs: number; readonly bytes: number } | null;
  /** Why a repair was not possible and changed nothing; null when it was, or was not asked for. */
  readonly notRepaired: string | null;
}

function formatResult({ account, lost, notRepaired, ...report }: StreamResult): string {
  const text = `account ${account}, ${formatReport(report)}`;
  if (notRepaired !== null) return `${text}\nnot repaired: ${notRepaired}`;
  if (lost === null) return text;
  const what = lost.msgs === 0 && lost.bytes === 0
    ? "nothing was lost"
    : `${lost.msgs} messages and ${lost.bytes} bytes were lost, see its directory "lost"`;
  return `${text}\nrepaired: ${what}`;
}

/** Command line of {@linkcode runStoreCommand}, or null when it is wrong. */
interface Arguments {
  readonly directory: string;
  readonly repair: boolean;
  readonly json: boolean;
  readonly key: string;
  readonly cipher: StoreCipherName;
}

/** What the errors of a repair mean to who runs the command. */
const REASONS: Partial<Record<StoreErrorCode, string>> = {
  no_main_key: "it is encrypted and needs its key",
  key_invalid: "the key does not open it",
  bad_key_size: "its meta.key is damaged",
};

const CIPHERS: Record<string, StoreCipherName> = {
  chacha: "ChaCha20-Poly1305",
  aes: "AES-GCM",
};

function parse(args: readonly string[], key: string): Arguments | null {
  const words: string[] = [];
  const parsed = { repair: false, json: false, key, cipher: CIPHERS["chacha"] };
  for (let i = 0; i < args.length; i++) {
    const [flag, ...rest] = args[i]!.split("=");
    const value = () => rest.length > 0 ? rest.join("=") : args[++i] ?? "";
    if (flag === "--repair" && rest.length === 0) parsed.repair = true;
    else if (flag === "--json" && rest.length === 0) parsed.json = true;
    else if (flag === "--key") parsed.key = value();
    else if (flag === "--cipher") parsed.cipher = CIPHERS[value()];
    else if (args[i]!.startsWith("-")) return null;
    else words.push(args[i]!);
  }
  const [command, directory, ...more] = words;
  const { cipher } = parsed;
  if (command !== "check" || directory === undefined || more.length > 0) return null;
  return cipher === undefined ? null : { ...parsed, cipher, directory };
}

async function tryRepair(
  env: StoreEnvironment,
  path: string,
  name: string,
  keys: StoreKeys | null,
): Promise<Pick<StreamResult, "lost" | "notRepaired">> {
  try {
    return { lost: await repairStream(env, path, name, keys), notRepaired: null };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return { lost: null, notRepaired: REASONS[error.code] ?? error.message };
  }
}

/** Runs `store ARGS`. */
export async function runStoreCommand(
  args: readonly string[],
  env: StoreEnvironment,
  secrets: StoreCommandKeys,
): Promise<CommandResult> {
  const parsed = parse(args, secrets.key);
  if (parsed === null) return { stdout: "", stderr: STORE_USAGE, exitCode: 2 };
  const { directory, repair, json, key, cipher } = parsed;
  const streams = findStreams(env.disk, directory.replace(/(?<=.)\/+$/, ""));
  if (streams.length === 0) {
    return { stdout: "", stderr: `no streams in "${directory}"\n`, exitCode: 2 };
  }
  const results: StreamResult[] = [];
  for (const { account, name, path } of streams) {
    const generator = secrets.generator(key, account);
    const keys = generator === null ? null : new StoreKeys(env, cipher, generator, null);
    const report = checkStream(env, path, name, keys);
    const repaired = repair && !report.isSound
      ? await tryRepair(env, path, name, keys)
      : { lost: null, notRepaired: null };
    results.push({ account, ...report, ...repaired });
  }
  const isSound = results.every(({ isSound, lost }) => isSound || lost?.msgs === 0);
  const stdout = json ? JSON.stringify(results, null, 2) : results.map(formatResult).join("\n\n");
  return { stdout: `${stdout}\n`, stderr: "", exitCode: isSound ? 0 : 1 };
}
