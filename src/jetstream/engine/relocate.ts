/**
 * Moves accounts of servers before 2.2.3, which had no directory of their own for JetStream.
 *
 * Reference: checkStoreDir in server/jetstream.go.
 *
 * @module
 */
import { byteStringOfText } from "../../base/text/byte_string.ts";
import { goQuote } from "../../base/text/go_format.ts";
import type { JetStream } from "./jet_stream.ts";

/** Moves directories of known accounts that stand beside JetStream's into it, if it is empty. */
export function relocateAccounts(js: JetStream): void {
  const { disk } = js.storeEnv;
  const { storeDir } = js.config;
  if (js.entries(storeDir).length > 0) return;
  const parent = storeDir.slice(0, storeDir.lastIndexOf("/"));
  for (const name of js.entries(parent)) {
    if (!js.core.accounts.has(byteStringOfText(name))) continue;
    const from = `${parent}/${name}`;
    const to = `${storeDir}/${name}`;
    disk.makeDirs(storeDir);
    js.core.env.log.notice(`JetStream relocated account ${goQuote(from)} to ${goQuote(to)}`);
    disk.rename(from, to);
  }
}
