/**
 * bcrypt in a worker that starts with the first password. Where no worker can be started, the
 * comparison runs on the event loop in slices.
 *
 * ```text
 * matches ─▶ [ queue ] ─▶ one at a time ─▶ worker ─▶ answer
 * ```
 *
 * @module
 */
import { compare } from "bcryptjs";
import type { PasswordChecker } from "../passwords.ts";

/** A comparison that waits or runs. */
interface Question {
  readonly given: string;
  readonly hash: string;
  readonly wanted: () => boolean;
  readonly answer: (matches: boolean) => void;
}

/** Compares passwords in a thread of this machine. */
export function systemPasswords(
  startWorker: () => Worker = () =>
    new Worker(new URL("./password_worker.ts", import.meta.url), { type: "module" }),
): PasswordChecker {
  return new WorkerPasswords(startWorker);
}

class WorkerPasswords implements PasswordChecker {
  readonly #startWorker: () => Worker;
  #worker: Worker | null = null;
  /** No worker can be had. */
  #alone = false;
  #running: Question | null = null;
  readonly #waiting: Question[] = [];
  #closed = false;

  constructor(startWorker: () => Worker) {
    this.#startWorker = startWorker;
  }

  matches(given: string, hash: string, wanted: () => boolean): Promise<boolean> {
    if (this.#closed) return Promise.resolve(false);
    return new Promise((answer) => {
      this.#waiting.push({ given, hash, wanted, answer });
      this.#next();
    });
  }

  #next(): void {
    if (this.#running !== null) return;
    let next = this.#waiting.shift();
    while (next !== undefined && !next.wanted()) {
      next.answer(false);
      next = this.#waiting.shift();
    }
    if (next !== undefined) this.#run(next);
  }

  #run(question: Question): void {
    this.#running = question;
    const worker = this.#alone ? null : this.#workerOrNull();
    if (worker !== null) {
      worker.postMessage({ given: question.given, hash: question.hash });
      return;
    }
    compare(question.given, question.hash).then(
      (matches) => this.#done(question, matches),
      () => this.#done(question, false),
    );
  }

  #done(question: Question, matches: boolean): void {
    if (this.#running !== question) return;
    this.#running = null;
    question.answer(matches);
    this.#next();
  }

  #workerOrNull(): Worker | null {
    if (this.#worker !== null) return this.#worker;
    try {
      const worker = this.#startWorker();
      worker.onmessage = ({ data }: MessageEvent<boolean>) => {
        if (this.#running !== null) this.#done(this.#running, data);
      };
      worker.onerror = (event) => {
        // Unheard, it would end the process.
        event.preventDefault();
        this.#goAlone();
      };
      this.#worker = worker;
    } catch (_noWorker) {
      this.#alone = true;
    }
    return this.#worker;
  }

  /** Does without the worker, also for what it was asked last. */
  #goAlone(): void {
    this.#worker?.terminate();
    this.#worker = null;
    this.#alone = true;
    if (this.#running !== null) this.#run(this.#running);
  }

  close(): void {
    this.#closed = true;
    this.#worker?.terminate();
    this.#worker = null;
    const running = this.#running;
    this.#running = null;
    running?.answer(false);
    for (const question of this.#waiting.splice(0)) question.answer(false);
  }
}
