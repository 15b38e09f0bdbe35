/**
 * The process and the machine it runs on.
 *
 * @module
 */

/** Figures that monitoring shows. */
export interface ProcessUsage {
  /** Resident memory in bytes. */
  readonly residentBytes: number;
  /** CPU use in percent of one core since the last call. */
  readonly cpuPercent: number;
}

/** Signals the server reacts to. */
export type SignalName = "SIGINT" | "SIGTERM" | "SIGQUIT" | "SIGHUP" | "SIGUSR1" | "SIGUSR2";

/** The process natsts runs in. */
export interface Process {
  readonly pid: number;
  /** Operating system name as Go's GOOS prints it, e.g. "linux". */
  readonly os: string;
  /** Architecture as Go's GOARCH prints it, e.g. "amd64". */
  readonly arch: string;
  readonly hostname: string;
  readonly cpuCount: number;
  /** An environment variable, or null when unset. */
  env(name: string): string | null;
  usage(): ProcessUsage;
  /** Calls `handler` on each delivery of `signal`; the returned function stops that. */
  onSignal(signal: SignalName, handler: () => void): () => void;
}
