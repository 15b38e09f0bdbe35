/**
 * Everything of `platform/deno` together, as a server wants it.
 *
 * @module
 */
import type { Logger } from "../log.ts";
import { systemClock } from "./clock.ts";
import { systemDisk } from "./disk.ts";
import { systemHttp, systemHttpClient } from "./http.ts";
import { systemLoop } from "./loop.ts";
import { systemNet } from "./net.ts";
import { systemPasswords } from "./passwords.ts";
import { systemProcess } from "./process.ts";
import { systemProfiler } from "./profiler.ts";
import { systemRandom } from "./random.ts";
import { systemConfigSource } from "./config_source.ts";
import { systemTls } from "./tls.ts";

/** The real world around a server. */
export function systemEnvironment(log: Logger) {
  return {
    clock: systemClock(),
    disk: systemDisk(),
    loop: systemLoop(),
    random: systemRandom(),
    net: systemNet(),
    http: systemHttp(),
    httpClient: systemHttpClient,
    process: systemProcess(),
    passwords: systemPasswords(),
    profiler: systemProfiler(),
    tls: systemTls(),
    files: systemConfigSource(),
    runtime: `deno${Deno.version.deno}`,
    log,
  };
}

/** Appends a line to standard error. */
export function writeStandardError(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(line));
}
