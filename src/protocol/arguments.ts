/**
 * Splits the arguments of a control line.
 *
 * @module
 */

/** Most arguments any client operation takes; one more is noticed as an error. */
const MAX_ARGUMENTS = 6;

/** Start and end offsets of the arguments found last; reused between lines. */
export class ArgumentList {
  /** Pairs of start and end. */
  readonly offsets = new Int32Array(2 * MAX_ARGUMENTS);
  count = 0;

  /**
   * Finds the arguments in `[start, end)`, separated by blanks and tabs; with `lineBreaks` also
   * by CR and LF, as the reference splits SUB and UNSUB but not PUB.
   */
  split(buffer: Uint8Array, start: number, end: number, lineBreaks: boolean): void {
    let count = 0;
    let from = -1;
    for (let i = start; i < end; i++) {
      const byte = buffer[i]!;
      if (byte === 32 || byte === 9 || (lineBreaks && (byte === 13 || byte === 10))) {
        if (from >= 0) {
          if (count < MAX_ARGUMENTS) {
            this.offsets[2 * count] = from;
            this.offsets[2 * count + 1] = i;
          }
          count++;
          from = -1;
        }
      } else if (from < 0) from = i;
    }
    if (from >= 0) {
      if (count < MAX_ARGUMENTS) {
        this.offsets[2 * count] = from;
        this.offsets[2 * count + 1] = end;
      }
      count++;
    }
    this.count = count;
  }
}
