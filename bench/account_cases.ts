/**
 * What accounts and permissions are measured by.
 *
 * @module
 */
import type { Case } from "./harness.ts";

const SHARED = `accounts {
  A { users [{user: a, password: a}], exports [{stream: t}, {service: s}] }
  B { users [{user: b, password: b}]
      imports [{stream: {account: A, subject: t}}, {service: {account: A, subject: s}}] }
}`;

const RULES = Array.from({ length: 99 }, (_, i) => `"rule.${i}.*.>"`);

const PERMISSIONS = `authorization { users [ { user: a, password: a
  permissions { publish: [${RULES.join(", ")}, "t"], subscribe: ">" } } ] }`;

/** Streams and services between accounts, and publishing under many rules. */
export const ACCOUNT_CASES: readonly Case[] = [
  {
    name: "1:1 16 B over a stream export",
    config: SHARED,
    logins: ["a:a", "b:b"],
    args: ["pub", "t", "--size", "16", "--msgs", "2000000"],
    beside: ["sub", "t", "--size", "16", "--msgs", "2000000"],
    goal: 1,
  },
  {
    name: "request/reply over a service import, 1 client",
    config: SHARED,
    logins: ["b:b", "a:a"],
    args: ["service", "request", "s", "--size", "128", "--msgs", "10000"],
    beside: ["service", "serve", "s", "--size", "128"],
    goal: 1,
  },
  {
    name: "publish only 128 B with 100 rules",
    config: PERMISSIONS,
    logins: ["a:a", "a:a"],
    args: ["pub", "t", "--size", "128", "--msgs", "2000000"],
    goal: 1,
  },
];
