/**
 * A queue between two parts of the server, with limits and a signal (server/ipqueue.go).
 *
 * The reference signals through a channel with room for one token: an element that comes to an
 * empty queue puts the token there, and a reader that takes one of several puts it back. Here a
 * callback takes the channel's place. It is called at those same moments and should only take a
 * note, for instance schedule the reader's turn: it runs inside `push` and `popOne`.
 *
 * The reference's pool of slices is left to the garbage collector.
 *
 * @module
 */
import { RingQueue } from "./ring_queue.ts";

/** Why an element was not taken in; the message is the reference's. */
export class IpQueueLimitError extends Error {
  override readonly name = "IpQueueLimitError";
  constructor(readonly limit: "len" | "size") {
    super(`IPQ ${limit} limit reached`);
  }
}

/** What monitoring sees of a queue. */
export interface IpQueueView {
  readonly name: string;
  readonly length: number;
  readonly inProgress: number;
}

/** Settings of an {@linkcode IpQueue}. */
export interface IpQueueOptions<T> {
  /** Size of an element in bytes. Must always give the same for the same element. */
  readonly sizeOf?: (element: T) => number;
  /** Most elements; unlimited unless above 0. */
  readonly lengthMax?: number;
  /** Most bytes by `sizeOf`; unlimited unless above 0. */
  readonly sizeMaxBytes?: number;
  /** Called when there is something to take. */
  readonly onReady?: () => void;
}

/** A named queue. Names are registered in a map that the owner gives, for monitoring. */
export class IpQueue<T> implements IpQueueView {
  readonly #registry: Map<string, IpQueueView>;
  readonly #elements = new RingQueue<T>();
  readonly #sizeOf: ((element: T) => number) | null;
  readonly #lengthMax: number;
  readonly #sizeMaxBytes: number;
  readonly #onReady: (() => void) | null;
  #sizeBytes = 0;
  #inProgress = 0;

  constructor(
    registry: Map<string, IpQueueView>,
    readonly name: string,
    options: IpQueueOptions<T> = {},
  ) {
    this.#registry = registry;
    this.#sizeOf = options.sizeOf ?? null;
    this.#lengthMax = options.lengthMax ?? 0;
    this.#sizeMaxBytes = options.sizeMaxBytes ?? 0;
    this.#onReady = options.onReady ?? null;
    registry.set(name, this);
  }

  /** Number of elements. */
  get length(): number {
    return this.#elements.size;
  }

  /** Sum of the elements' sizes in bytes; 0 without `sizeOf`. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Elements that {@linkcode pop} gave and {@linkcode done} has not been told of. */
  get inProgress(): number {
    return this.#inProgress;
  }

  /** Adds `element`; null, or why it was not taken in. */
  push(element: T): IpQueueLimitError | null {
    const length = this.#elements.size;
    if (this.#lengthMax > 0 && length === this.#lengthMax) return new IpQueueLimitError("len");
    if (this.#sizeOf !== null) {
      const sizeBytes = this.#sizeOf(element);
      if (this.#sizeMaxBytes > 0 && this.#sizeBytes + sizeBytes > this.#sizeMaxBytes) {
        return new IpQueueLimitError("size");
      }
      this.#sizeBytes += sizeBytes;
    }
    this.#elements.push(element);
    if (length === 0) this.#onReady?.();
    return null;
  }

  /**
   * Takes all elements, which then count as in progress until {@linkcode done}. Null if there
   * are none, which can happen after a signal when somebody drained the queue.
   */
  pop(): T[] | null {
    if (this.#elements.size === 0) return null;
    const elements = this.#elements.takeAll();
    this.#sizeBytes = 0;
    this.#inProgress += elements.length;
    return elements;
  }

  /** Takes the oldest element and signals again if there are more; undefined if there is none. */
  popOne(): T | undefined {
    if (this.#elements.size === 0) return undefined;
    const element = this.#elements.shift()!;
    if (this.#elements.size > 0) {
      if (this.#sizeOf !== null) this.#sizeBytes -= this.#sizeOf(element);
      this.#onReady?.();
    } else {
      this.#sizeBytes = 0;
    }
    return element;
  }

  /** To be told of `elements` from {@linkcode pop} once they are dealt with. */
  done(elements: readonly T[] | null): void {
    if (elements !== null) this.#inProgress -= elements.length;
  }

  /** Drops all elements and returns how many there were. */
  drain(): number {
    const length = this.#elements.size;
    this.#elements.clear();
    this.#sizeBytes = 0;
    return length;
  }

  /** Takes the queue out of the registry. It goes on working. */
  unregister(): void {
    this.#registry.delete(this.name);
  }
}
