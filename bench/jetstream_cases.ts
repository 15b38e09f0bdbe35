/**
 * What JetStream is measured by, with the ratios that issue 5 asks for.
 *
 * @module
 */
import type { Case } from "./harness.ts";

const CONFIG = 'jetstream { store_dir: "DIR" }\n';
const ALWAYS = 'jetstream { store_dir: "DIR", sync_interval: always }\n';
const FILE = ["--create", "--storage", "file"];
const MEMORY = ["--create", "--storage", "memory"];

const publish = (how: string, msgs: number, ...more: string[]): string[] => [
  ...["js", "pub", how, "t", "--size", "128", "--msgs", String(msgs), ...more],
];
const full = publish("async", 500_000, "--batch", "500", ...FILE);
const read = (how: string, ...more: string[]): string[] => ["js", how, "--msgs", "500000", ...more];
const puts = ["kv", "put", "--size", "128", "--msgs", "20000"];

/** Publishing, consuming and reading of one stream. */
export const JETSTREAM_CASES: readonly Case[] = [
  {
    name: "js publish async 128 B, batch 500, file",
    args: publish("async", 500_000, "--batch", "500", ...FILE),
    goal: 1.5,
  },
  {
    name: "js publish async 128 B, batch 500, memory",
    args: publish("async", 500_000, "--batch", "500", ...MEMORY),
    goal: 1.2,
  },
  { name: "js publish sync, file", args: publish("sync", 20_000, ...FILE), goal: 1.5 },
  {
    name: "js publish atomic, batch 500, file",
    args: publish("atomic", 300_000, "--batch", "500", ...FILE),
    goal: 1.3,
  },
  {
    name: "js publish fast, batch 500, file",
    args: publish("fast", 500_000, "--batch", "500", ...FILE),
    goal: 1.2,
  },
  {
    name: "js publish async, sync always",
    args: publish("async", 20_000, "--batch", "500", ...FILE),
    config: ALWAYS,
    goal: 10,
  },
  { name: "js ordered consumer", prepare: [full], args: read("ordered"), goal: 1.3 },
  { name: "js consume, explicit acks", prepare: [full], args: read("consume"), goal: 1.3 },
  { name: "js fetch, explicit acks", prepare: [full], args: read("fetch"), goal: 1.3 },
  {
    name: "js direct get sync",
    prepare: [full],
    args: ["js", "get", "sync", "--msgs", "20000"],
    goal: 1,
  },
  {
    name: "js direct get batch",
    prepare: [full],
    args: ["js", "get", "batch", "--msgs", "500000"],
    goal: 1.3,
  },
  { name: "kv put", args: puts, goal: 1 },
  { name: "kv get", prepare: [puts], args: ["kv", "get", "--msgs", "20000"], goal: 1 },
  {
    name: "js 8 publishers and 8 consumers",
    prepare: [publish("async", 1000, "--batch", "500", ...FILE)],
    args: publish("async", 400_000, "--batch", "500", "--clients", "8"),
    beside: ["js", "consume", "--msgs", "400000", "--clients", "8"],
    goal: 1.3,
  },
].map((one) => ({ config: CONFIG, ...one }));
