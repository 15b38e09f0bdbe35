/**
 * Looking into the running program: where its time and its memory go.
 *
 * @module
 */

/** The profiler of the process. One CPU profile runs at a time. */
export interface Profiler {
  /** Begins a CPU profile. Rejects with an Error when one runs already. */
  startCpuProfile(): Promise<void>;
  /** Ends it and returns it as JSON, in V8's `.cpuprofile` format. */
  stopCpuProfile(): Promise<string>;
  /** The heap as JSON, in V8's `.heapsnapshot` format. */
  heapSnapshot(): Promise<string>;
}
