/**
 * Times as Go prints them.
 *
 * @module
 */

/** `2006-01-02 15:04:05 -0700 MST` of a time in seconds since the epoch, in UTC. */
export function formatGoTime(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ")} +0000 UTC`;
}
