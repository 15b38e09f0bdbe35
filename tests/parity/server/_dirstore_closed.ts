/**
 * A program that opens a store in a folder it may not look into, and prints what becomes of it. It
 * gives up the rights of root first, to which nothing is closed.
 *
 * @module
 */
import process from "node:process";
import { DirStore } from "../../../src/resolver/dir_store.ts";
import { realEnvironment } from "../../sim/environment.ts";

const NOBODY = 65_534;

if (Deno.uid() === 0) {
  try {
    process.setgid!(NOBODY);
    process.setuid!(NOBODY);
  } catch (_notMapped) {
    // Containers may have no other user.
    console.log("root");
    Deno.exit(0);
  }
}
try {
  new DirStore(realEnvironment(), Deno.args[0]!, { create: true });
  console.log("opened");
} catch (error) {
  console.log((error as Error).name);
}
