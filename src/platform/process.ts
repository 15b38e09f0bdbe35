/**
 * The process and the machine it runs on.
 *
 * @module
 */

/** Figures that monitoring shows. */
export interface ProcessUsage {
  /** Resident memory in bytes. */
  readonly residentBytes: number;
  /** Bytes of the JavaScript heap in use, and reserved. */
  readonly heapUsedBytes: number;
  readonly heapTotalBytes: number;
  /** CPU use in percent of one core, over the last second or longer. */
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
  /** Name of the program, without its folder. */
  readonly programName: string;
  readonly cpuCount: number;
  /** Directory for files that may go at any time. */
  readonly temporaryDirectory: string;
  /** Memory of the machine in bytes. */
  memoryBytes(): number;
  /** An environment variable, or null when unset. */
  env(name: string): string | null;
  usage(): ProcessUsage;
  /** Writes a small text file at once. Throws what the system says. */
  writeFile(path: string, text: string): void;
  /** Throws what the system says. */
  removeFile(path: string): void;
  /** Calls `handler` on each delivery of `signal`; the returned function stops that. */
  onSignal(signal: SignalName, handler: () => void): () => void;
}
