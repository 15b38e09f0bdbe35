/**
 * The thread that compares passwords for `passwords.ts`.
 *
 * @module
 */
import { compareSync } from "bcryptjs";

/** What a worker's global scope is to this file. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<{ given: string; hash: string }>) => void) | null;
  postMessage(message: boolean): void;
}

const scope = globalThis as unknown as WorkerScope;
scope.onmessage = ({ data: { given, hash } }) => scope.postMessage(compareSync(given, hash));
