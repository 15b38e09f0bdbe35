/**
 * What the reply subject of a fast batch's message says (ADR-50):
 *
 * ```text
 * <prefix>.<batch id>.<flow>.<ok|fail>.<batch sequence>.<operation>.$FI
 * ```
 *
 * Reference: getFastBatch in server/stream.go.
 *
 * @module
 */

/** End of each such subject. */
const SUFFIX = ".$FI";
const FLOW_DEFAULT = 10;
const FLOW_MAX = 65_535;

const Operation = { Start: 0, Append: 1, Commit: 2, CommitEob: 3, Ping: 4 } as const;

/** One message's place in a fast batch. */
export interface FastBatchMessage {
  /** Byte string. */
  readonly id: string;
  /** Messages between two acknowledgements that the client allows at most. */
  readonly flow: number;
  /** A gap does not end the batch. */
  readonly gapOk: boolean;
  readonly seq: number;
  readonly ping: boolean;
  readonly commit: boolean;
  /** The commit has no message. */
  readonly commitEob: boolean;
}

/** Whether `reply` is one of a fast batch. */
export function isFastBatchReply(reply: string): boolean {
  return reply.length > SUFFIX.length && reply.endsWith(SUFFIX);
}

/** The parts of a reply subject; null when they do not fit together. */
export function parseFastBatchReply(reply: string): FastBatchMessage | null {
  const tokens = reply.slice(0, -SUFFIX.length).split(".");
  if (tokens.length < 6) return null;
  const [id, flowText, gap, seqText, operationText] = tokens.slice(-5) as [
    string,
    string,
    string,
    string,
    string,
  ];
  if (!/^\d{1,9}$/.test(operationText) || !/^\d{1,15}$/.test(seqText)) return null;
  const operation = Number(operationText);
  const seq = Number(seqText);
  if (operation > Operation.Ping || seq === 0) return null;
  const commitEob = operation === Operation.CommitEob;
  if (seq === 1 && commitEob) return null;
  if (operation === Operation.Start && seq !== 1) return null;
  if (operation === Operation.Append && seq <= 1) return null;
  if (gap !== "ok" && gap !== "fail") return null;
  const flow = /^\d{1,18}$/.test(flowText) ? Number(flowText) : 0;
  return {
    id,
    flow: flow === 0 ? FLOW_DEFAULT : Math.min(flow, FLOW_MAX),
    gapOk: gap === "ok",
    seq,
    ping: operation === Operation.Ping,
    commit: commitEob || operation === Operation.Commit,
    commitEob,
  };
}
