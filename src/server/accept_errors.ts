/**
 * What a listener does when a connection cannot be accepted: it says so and waits, longer each
 * time, so that a machine without free file descriptors is not kept busy with trying.
 *
 * Reference: acceptError in server/server.go.
 *
 * @module
 */
import type { Listener, Logger, Loop, Transport } from "../platform/mod.ts";

/** How long a listener waits after the first failure. */
export const ACCEPT_SLEEP_MIN_MS = 10;
/** The longest wait. */
export const ACCEPT_SLEEP_MAX_MS = 1000;

/** Waits of one server's listeners. */
export class AcceptErrors {
  readonly #wakers = new Set<() => void>();
  #stopped = false;

  constructor(readonly log: Logger, readonly loop: Loop) {}

  /**
   * Logs `error` of the listener called `name`; waits `delayMs` when it may be gone by then.
   *
   * @returns the wait for the next failure in ms, or -1 once the server stops
   */
  async wait(name: string, error: Error, temporary: boolean, delayMs: number): Promise<number> {
    if (this.#stopped) return -1;
    if (!temporary) {
      this.log.error(`${name} Accept error: ${error.message}`);
      return delayMs;
    }
    this.log.error(`Temporary ${name} Accept Error(${error.message}), sleeping ${delayMs}ms`);
    await this.#sleep(delayMs);
    return this.#stopped ? -1 : Math.min(2 * delayMs, ACCEPT_SLEEP_MAX_MS);
  }

  /**
   * Gives each connection that comes to `listener`, which is called `name`, to `serve`. Resolves once
   * the listener is closed, which `isClosed` says.
   */
  async acceptAll(
    name: string,
    listener: Listener,
    isClosed: () => boolean,
    serve: (transport: Transport) => void,
  ): Promise<void> {
    let delayMs = ACCEPT_SLEEP_MIN_MS;
    for (;;) {
      let transport: Transport;
      try {
        transport = await listener.accept();
      } catch (error) {
        if (isClosed()) return;
        // What can fail here is the want of descriptors or memory, or a peer that has left again.
        delayMs = await this.wait(name, error as Error, true, delayMs);
        if (delayMs < 0) return;
        continue;
      }
      delayMs = ACCEPT_SLEEP_MIN_MS;
      serve(transport);
    }
  }

  async #sleep(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.loop.setTimer(resolve, delayMs);
    this.#wakers.add(resolve);
    await promise;
    this.#wakers.delete(resolve);
    this.loop.clearTimer(timer);
  }

  /** Ends all waits. */
  stop(): void {
    this.#stopped = true;
    for (const wake of this.#wakers) wake();
  }
}
