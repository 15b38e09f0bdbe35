/**
 * What core NATS is measured by.
 *
 * @module
 */
import type { Case } from "./harness.ts";

/** Publishers, subscribers and requests without JetStream. */
export const CORE_CASES: readonly Case[] = [
  { name: "publish only 16 B", args: ["pub", "t", "--size", "16", "--msgs", "3000000"] },
  { name: "publish only 128 B", args: ["pub", "t", "--size", "128", "--msgs", "2000000"] },
  {
    name: "1:1 16 B",
    args: ["pub", "t", "--size", "16", "--msgs", "2000000"],
    beside: ["sub", "t", "--size", "16", "--msgs", "2000000"],
  },
  {
    name: "1:1 16 KiB",
    args: ["pub", "t", "--size", "16384", "--msgs", "50000"],
    beside: ["sub", "t", "--size", "16384", "--msgs", "50000"],
  },
  {
    name: "fan-out 1:4 128 B",
    args: ["pub", "t", "--size", "128", "--msgs", "300000"],
    beside: ["sub", "t", "--size", "128", "--msgs", "300000", "--clients", "4"],
  },
  {
    name: "4:4 128 B",
    args: ["pub", "t", "--size", "128", "--msgs", "400000", "--clients", "4"],
    beside: ["sub", "t", "--size", "128", "--msgs", "400000", "--clients", "4"],
  },
  {
    name: "fresh subjects, wildcard subscriber, 128 B",
    args: ["pub", "t", "--size", "128", "--msgs", "400000", "--multisubject"],
    beside: ["sub", "t", "--size", "128", "--msgs", "400000", "--multisubject"],
  },
  {
    name: "request/reply, 1 client",
    args: ["service", "request", "t", "--size", "128", "--msgs", "10000"],
    beside: ["service", "serve", "t", "--size", "128"],
  },
  {
    name: "request/reply, 4 clients",
    args: ["service", "request", "t", "--size", "128", "--msgs", "20000", "--clients", "4"],
    beside: ["service", "serve", "t", "--size", "128"],
  },
];
