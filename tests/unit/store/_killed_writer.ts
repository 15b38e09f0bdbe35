/**
 * Writes messages and prints the last acknowledged sequence until it is killed.
 *
 * @module
 */
import { streamStoreConfig } from "../../../src/store/config.ts";
import { FileStore } from "../../../src/store/file/file_store.ts";
import { realEnvironment } from "../../sim/environment.ts";

const store = new FileStore(
  realEnvironment(),
  { storeDir: `${Deno.args[0]}/S`, blockBytes: 20_000, asyncFlush: true },
  streamStoreConfig({ name: "S", subjects: ["foo"] }),
);
const payload = new Uint8Array(100);
const encoder = new TextEncoder();
for (;;) {
  let seq = 0;
  for (let i = 0; i < 10; i++) seq = store.storeMsg("foo", new Uint8Array(0), payload, 0);
  store.flushAllPending();
  Deno.stdout.writeSync(encoder.encode(`${seq}\n`));
}
