/**
 * Volume for the ported tests of server/norace_1_test.go and server/norace_2_test.go.
 *
 * @module
 */
import type { JsClient } from "../../harness/jetstream.ts";
import { until } from "../../harness/server.ts";

const CHUNK = 5000;

/**
 * Publishes `count` messages without waiting for each, and waits until the stream has taken them
 * all: until its last sequence has grown by so many.
 */
export async function flood(
  js: JsClient,
  stream: string,
  count: number,
  subject: string | ((index: number) => string),
  data: string | Uint8Array = "",
): Promise<void> {
  const lastSeq = async () => (await js.streamInfo(stream)).state.last_seq;
  const before = await lastSeq();
  for (let i = 0; i < count; i++) {
    js.nc.publish(typeof subject === "string" ? subject : subject(i), data);
    if (i % CHUNK === CHUNK - 1) await js.nc.flush();
  }
  await js.nc.flush();
  await until(async () => await lastSeq() === before + count);
}

/** Milliseconds that something took. */
export async function elapsed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
