/**
 * V8's profilers through `node:inspector`.
 *
 * @module
 */
import { Session } from "node:inspector";
import type { Profiler } from "../profiler.ts";

/** The profiler of this process. */
export function systemProfiler(): Profiler {
  return new InspectorProfiler();
}

function post(session: Session, method: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    session.post(method, (error, result) => error ? reject(error) : resolve(result));
  });
}

class InspectorProfiler implements Profiler {
  #running: Session | null = null;

  async startCpuProfile(): Promise<void> {
    if (this.#running !== null) throw new Error("cpu profiling already in use");
    const session = new Session();
    this.#running = session;
    session.connect();
    await post(session, "Profiler.enable");
    await post(session, "Profiler.start");
  }

  async stopCpuProfile(): Promise<string> {
    const session = this.#running;
    if (session === null) throw new Error("cpu profiling is not in use");
    try {
      const { profile } = await post(session, "Profiler.stop") as { profile: unknown };
      return JSON.stringify(profile);
    } finally {
      this.#running = null;
      session.disconnect();
    }
  }

  async heapSnapshot(): Promise<string> {
    const session = new Session();
    session.connect();
    try {
      const chunks: string[] = [];
      session.on("HeapProfiler.addHeapSnapshotChunk", ({ params }) => chunks.push(params.chunk));
      await post(session, "HeapProfiler.takeHeapSnapshot");
      return chunks.join("");
    } finally {
      session.disconnect();
    }
  }
}
