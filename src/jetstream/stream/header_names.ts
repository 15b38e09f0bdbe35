/**
 * Names of the headers that JetStream acts on.
 *
 * Reference: server/stream.go, ADR-8, ADR-43, ADR-49, ADR-50, ADR-51.
 *
 * @module
 */

/** Headers of published messages. */
export const MsgHeader = {
  MsgId: "Nats-Msg-Id",
  ExpectedStream: "Nats-Expected-Stream",
  ExpectedLastSeq: "Nats-Expected-Last-Sequence",
  ExpectedLastSubjSeq: "Nats-Expected-Last-Subject-Sequence",
  ExpectedLastSubjSeqSubj: "Nats-Expected-Last-Subject-Sequence-Subject",
  ExpectedLastMsgId: "Nats-Expected-Last-Msg-Id",
  StreamSource: "Nats-Stream-Source",
  LastConsumerSeq: "Nats-Last-Consumer",
  LastStreamSeq: "Nats-Last-Stream",
  ConsumerStalled: "Nats-Consumer-Stalled",
  Rollup: "Nats-Rollup",
  MsgSize: "Nats-Msg-Size",
  ResponseType: "Nats-Response-Type",
  Ttl: "Nats-TTL",
  MarkerReason: "Nats-Marker-Reason",
  Incr: "Nats-Incr",
  CounterSources: "Nats-Counter-Sources",
  BatchId: "Nats-Batch-Id",
  BatchSeq: "Nats-Batch-Sequence",
  BatchCommit: "Nats-Batch-Commit",
  Schedule: "Nats-Schedule",
  ScheduleTarget: "Nats-Schedule-Target",
  ScheduleSource: "Nats-Schedule-Source",
  ScheduleTtl: "Nats-Schedule-TTL",
  ScheduleRollup: "Nats-Schedule-Rollup",
  ScheduleTimeZone: "Nats-Schedule-Time-Zone",
  Scheduler: "Nats-Scheduler",
  ScheduleNext: "Nats-Schedule-Next",
  ClientInfo: "Nats-Request-Info",
  RequiredApiLevel: "Nats-Required-Api-Level",
} as const;

/** `Nats-Schedule-Next` of a schedule that has no next time. */
export const SCHEDULE_PURGE = "purge";
/** `Nats-Rollup` for the message's subject. */
export const ROLLUP_SUBJECT = "sub";
/** `Nats-Rollup` for the whole stream. */
export const ROLLUP_ALL = "all";
