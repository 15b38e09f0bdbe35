/**
 * `store check DIR [--repair] [--json]`: verifies all streams of a data directory.
 *
 * DIR may be the `store_dir` of a server, its `jetstream` folder, the folder of an account or the
 * one of a stream. Without `--repair` nothing is changed. With it no server may use the directory.
 *
 * @module
 */
import { type Disk, isNotFound } from "../../platform/mod.ts";
import type { StoreEnvironment } from "../stream_store.ts";
import { checkStream, formatReport, repairStream, type StreamReport } from "./check_store.ts";

/** What `store` without or with wrong arguments prints. */
export const STORE_USAGE = `Usage: store check DIR [--repair] [--json]

Verifies each block of each stream in DIR: a store_dir, or the directory of an account or stream.
  --repair  move damage aside, into the stream's directory "lost"; stop the server first
  --json    print JSON instead of tables
`;

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
}

function formatResult({ account, lost, ...report }: StreamResult): string {
  const text = `account ${account}, ${formatReport(report)}`;
  if (lost === null) return text;
  const what = lost.msgs === 0 && lost.bytes === 0
    ? "nothing was lost"
    : `${lost.msgs} messages and ${lost.bytes} bytes were lost, see its directory "lost"`;
  return `${text}\nrepaired: ${what}`;
}

/** Runs `store ARGS`. */
export async function runStoreCommand(
  args: readonly string[],
  env: StoreEnvironment,
): Promise<CommandResult> {
  const flags = new Set(args.filter((arg) => arg.startsWith("-")));
  const [command, directory, ...more] = args.filter((arg) => !arg.startsWith("-"));
  const repair = flags.delete("--repair");
  const json = flags.delete("--json");
  if (command !== "check" || directory === undefined || more.length > 0 || flags.size > 0) {
    return { stdout: "", stderr: STORE_USAGE, exitCode: 2 };
  }
  const streams = findStreams(env.disk, directory.replace(/(?<=.)\/+$/, ""));
  if (streams.length === 0) {
    return { stdout: "", stderr: `no streams in "${directory}"\n`, exitCode: 2 };
  }
  const results: StreamResult[] = [];
  for (const { account, name, path } of streams) {
    const report = checkStream(env, path, name);
    const mends = repair && !report.isSound && !report.isEncrypted;
    const lost = mends ? await repairStream(env, path, name) : null;
    results.push({ account, ...report, lost });
  }
  const isSound = results.every(({ isSound, lost }) => isSound || lost?.msgs === 0);
  const stdout = json ? JSON.stringify(results, null, 2) : results.map(formatResult).join("\n\n");
  return { stdout: `${stdout}\n`, stderr: "", exitCode: isSound ? 0 : 1 };
}
