/**
 * Certificates that are replaced on disk are picked up without a signal, with `reload_interval` in
 * the `tls` block of clients. natsts' own: the reference waits for a reload.
 *
 * @module
 */
import type { TimerHandle } from "../platform/mod.ts";
import type { Server } from "../server/server.ts";
import { reloadCertificates } from "./tls.ts";

/** Looks for changed files of one server's `tls` block from time to time. */
export class CertificateWatch {
  #timer: TimerHandle | null = null;
  /** What was wrong with the files when they were last looked at; said once. */
  #complaint = "";

  constructor(readonly server: Server) {}

  /** Looks as often as the options say now; not at all when they say nothing. */
  start(): void {
    this.stop();
    const { options, env } = this.server;
    const intervalMs = options.tlsConfig?.reloadIntervalMs ?? 0;
    if (intervalMs <= 0) return;
    this.#timer = env.loop.setTimer(() => void this.#look(), intervalMs);
  }

  stop(): void {
    if (this.#timer !== null) this.server.env.loop.clearTimer(this.#timer);
    this.#timer = null;
  }

  async #look(): Promise<void> {
    const timer = this.#timer;
    const { env } = this.server;
    try {
      const complaint = await reloadCertificates(this.server);
      if (complaint !== "" && complaint !== this.#complaint) {
        env.log.warn(`Changed certificates cannot be used, the former ones stay: ${complaint}`);
      }
      this.#complaint = complaint;
    } catch (error) {
      env.log.error(`Looking for changed certificates failed: ${(error as Error).stack ?? error}`);
    }
    // Meanwhile it may have been stopped or started anew.
    if (this.#timer === timer) this.start();
  }
}
