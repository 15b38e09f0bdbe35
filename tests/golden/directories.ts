/**
 * The golden data directories: how the server that writes each is set up, what is done to it, and
 * how it ends.
 *
 * @module
 */
import type { NatsConnection } from "@nats-io/transport-node";
import {
  fillStreams,
  fillWithConsumers,
  fillWithFeatures,
  fillWithMirrors,
  writeMore,
} from "./scenarios.ts";

/** A run of the server: what is done in it, and the signal that ends it. */
export interface Run {
  readonly fill: (connection: NatsConnection) => Promise<void>;
  readonly end: "SIGINT" | "SIGKILL";
}

/** A data directory. */
export interface GoldenDirectory {
  readonly name: string;
  /** Configuration of JetStream beside `store_dir`. */
  readonly jetStream?: string;
  /** Key and cipher, for `store check`. */
  readonly encryption?: { readonly key: string; readonly cipher: string };
  readonly runs: readonly Run[];
  /** Changes the files afterwards; `streams` is the directory of the account's streams. */
  readonly spoil?: (streams: string) => void;
}

const KEY = "golden-key";

function encrypted(cipher: string): Pick<GoldenDirectory, "jetStream" | "encryption"> {
  return { jetStream: `key: "${KEY}", cipher: ${cipher}`, encryption: { key: KEY, cipher } };
}

/** All of them. */
export const DIRECTORIES: readonly GoldenDirectory[] = [
  { name: "plain", runs: [{ fill: (nc) => fillStreams(nc, "none"), end: "SIGINT" }] },
  { name: "s2", runs: [{ fill: (nc) => fillStreams(nc, "s2"), end: "SIGINT" }] },
  {
    name: "chacha",
    ...encrypted("chacha"),
    runs: [{ fill: (nc) => fillStreams(nc, "none"), end: "SIGINT" }],
  },
  {
    name: "aes-s2",
    ...encrypted("aes"),
    runs: [{ fill: (nc) => fillStreams(nc, "s2"), end: "SIGINT" }],
  },
  { name: "features", runs: [{ fill: fillWithFeatures, end: "SIGINT" }] },
  { name: "mirrors", runs: [{ fill: fillWithMirrors, end: "SIGINT" }] },
  { name: "consumers", runs: [{ fill: fillWithConsumers, end: "SIGINT" }] },
  {
    name: "consumers-chacha",
    ...encrypted("chacha"),
    runs: [{ fill: fillWithConsumers, end: "SIGINT" }],
  },
  { name: "killed", runs: [{ fill: (nc) => fillStreams(nc, "none"), end: "SIGKILL" }] },
  { name: "killed-features", runs: [{ fill: fillWithFeatures, end: "SIGKILL" }] },
  {
    name: "killed-aes",
    ...encrypted("aes"),
    runs: [{ fill: (nc) => fillStreams(nc, "s2"), end: "SIGKILL" }],
  },
  {
    name: "stale-index",
    runs: [
      { fill: (nc) => fillStreams(nc, "none"), end: "SIGINT" },
      { fill: writeMore, end: "SIGKILL" },
    ],
  },
  {
    name: "no-index",
    runs: [{ fill: fillWithFeatures, end: "SIGINT" }],
    spoil(streams) {
      for (const { name } of Deno.readDirSync(streams)) {
        for (const file of ["index.db", "thw.db", "sched.db"]) {
          try {
            Deno.removeSync(`${streams}/${name}/msgs/${file}`);
          } catch (error) {
            if (!(error instanceof Deno.errors.NotFound)) throw error;
          }
        }
      }
    },
  },
];

/** The configuration file of the server that has `directory` in `storeDir`. */
export function configOf(directory: GoldenDirectory, storeDir: string): string {
  const more = directory.jetStream === undefined ? "" : `, ${directory.jetStream}`;
  return `jetstream: { store_dir: "${storeDir}"${more} }\n`;
}
