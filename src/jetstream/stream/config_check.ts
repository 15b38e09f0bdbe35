/**
 * Checks of a stream's configuration, and its defaults.
 *
 * Reference: checkStreamCfg in server/stream.go.
 *
 * @module
 */
import { byteStringOfText, textOfByteString } from "../../base/text/byte_string.ts";
import { formatDurationNs } from "../../base/text/duration.ts";
import { goQuote } from "../../base/text/go_format.ts";
import { ServerError } from "../../errors/mod.ts";
import { type ApiError, apiError, type StreamConfig } from "../../jsapi/mod.ts";
import {
  isValidAssetName,
  isValidPublishSubject,
  isValidSubject,
  newSubjectTransform,
  subjectIsSubsetMatch,
  subjectsCollide,
  validateMapping,
} from "../../subject/mod.ts";
import { checkMirror, checkSources, type UpstreamChecks } from "./upstream_check.ts";

/** Longest description of a stream or consumer, in bytes. */
export const DESCRIPTION_BYTES_MAX = 4 * 1024;
/** Most metadata of a stream or consumer: the sum of all keys and values in bytes. */
export const METADATA_BYTES_MAX = 128 * 1024;
/** Longest name of a stream or consumer. */
export const NAME_BYTES_MAX = 255;
/** Most replicas of a stream. */
export const REPLICAS_MAX = 5;

const MS = 1_000_000n;
const SECOND = 1000n * MS;
const DUPLICATES_DEFAULT = 120n * SECOND;
const SHORTEST_TIME = 100n * MS;

/** What the check of a configuration must know about its surroundings. */
export interface StreamCheckContext {
  /** Longest duplicate window of this server in nanoseconds; 0 is none. */
  readonly duplicatesMax: bigint;
  /** Configuration of another stream of the account, or null. */
  lookup(name: string): StreamConfig | null;
  /** What the account's limits say about `max_bytes`; a limit of 0 is none. */
  maxBytesLimits(config: StreamConfig): { required: boolean; limit: number };
}

/** An invalid configuration. */
export function invalidStream(text: string): ApiError {
  return apiError("JSStreamInvalidConfigF", { err: text });
}

/** Something that would be adjusted silently, in a request that does not want that. */
export function pedantic(text: string): ApiError {
  return apiError("JSPedanticErrF", { err: text });
}

/** Bytes of all keys and values. */
export function metadataBytes(metadata: ReadonlyMap<string, string>): number {
  let total = 0;
  for (const [key, value] of metadata) {
    total += byteStringOfText(key).length + byteStringOfText(value).length;
  }
  return total;
}

/**
 * A copy of `config` with its defaults. Throws {@linkcode ApiError} when it is not valid, or when
 * it is `isPedantic` and something would be adjusted.
 */
export function checkStreamConfig(
  config: StreamConfig,
  context: StreamCheckContext,
  isPedantic: boolean,
): StreamConfig {
  checkTexts(config);
  const checked = { ...config };
  setDefaults(checked, isPedantic);
  checkTimes(checked, context, isPedantic);
  if (checked.denyPurge && checked.allowRollup) {
    throw invalidStream("roll-ups require the purge permission");
  }
  checkFeatures(checked, isPedantic);
  const upstreams: UpstreamChecks = { streamSubjects: [], deliverPrefixes: [], apiPrefixes: [] };
  checkMirror(checked, context, isPedantic, upstreams);
  checkSources(checked, context, upstreams);
  checkPrefixes(upstreams);
  checkCycles(checked, context);
  checkSubjects(checked);
  const { required, limit } = context.maxBytesLimits(checked);
  if (required && checked.maxBytes <= 0) throw apiError("JSStreamMaxBytesRequired");
  if (limit > 0 && checked.maxBytes > limit) throw apiError("JSStreamMaxStreamBytesExceeded");
  checkTransforms(checked, isPedantic);
  const { placement } = checked;
  if (placement !== null) {
    if (placement.cluster === "" && placement.tags.length === 0 && placement.preferred === "") {
      checked.placement = null;
    } else if (placement.preferred !== "") {
      throw invalidStream("preferred server not permitted in placement");
    }
  }
  return checked;
}

function checkTexts(config: StreamConfig): void {
  if (!isValidAssetName(byteStringOfText(config.name))) {
    throw invalidStream("stream name is required and can not contain '.', '*', '>', '\\', '/'");
  }
  if (byteStringOfText(config.name).length > NAME_BYTES_MAX) {
    throw invalidStream(`stream name is too long, maximum allowed is ${NAME_BYTES_MAX}`);
  }
  if (byteStringOfText(config.description).length > DESCRIPTION_BYTES_MAX) {
    throw invalidStream(
      `stream description is too long, maximum allowed is ${DESCRIPTION_BYTES_MAX}`,
    );
  }
  if (metadataBytes(config.metadata) > METADATA_BYTES_MAX) {
    throw invalidStream(`stream metadata exceeds maximum size of ${METADATA_BYTES_MAX} bytes`);
  }
}

/** Limits of which 0 and everything below -1 mean "none", by their names in JSON. */
const UNLIMITED: readonly [
  keyof StreamConfig & ("maxMsgs" | "maxMsgsPer" | "maxBytes" | "maxMsgSize" | "maxConsumers"),
  string,
][] = [
  ["maxMsgs", "max_msgs"],
  ["maxMsgsPer", "max_msgs_per_subject"],
  ["maxBytes", "max_bytes"],
  ["maxMsgSize", "max_msg_size"],
  ["maxConsumers", "max_consumers"],
];

function setDefaults(config: StreamConfig, isPedantic: boolean): void {
  if (config.replicas === 0) config.replicas = 1;
  if (config.replicas > REPLICAS_MAX) throw invalidStream(`maximum replicas is ${REPLICAS_MAX}`);
  if (config.replicas < 0) throw apiError("JSReplicasCountCannotBeNegative");
  for (const [name, key] of UNLIMITED) {
    const value = config[name];
    if (value > 0 || value === -1) continue;
    if (isPedantic && value < -1) throw pedantic(`${key} must be set to -1`);
    config[name] = -1;
  }
}

function checkTimes(
  config: StreamConfig,
  context: StreamCheckContext,
  isPedantic: boolean,
): void {
  const { maxAge } = config;
  const { duplicatesMax } = context;
  if (maxAge < 0n) throw invalidStream("max age can not be negative");
  if (maxAge !== 0n && maxAge < SHORTEST_TIME) throw invalidStream("max age needs to be >= 100ms");
  if (config.duplicates === 0n && config.mirror === null && config.sources.length === 0) {
    let window = DUPLICATES_DEFAULT;
    if (duplicatesMax > 0n && window > duplicatesMax) {
      if (isPedantic) throw pedantic("duplicate window limits are higher than current limits");
      window = duplicatesMax;
    }
    if (maxAge !== 0n && maxAge < window) {
      if (isPedantic) throw pedantic("duplicate window cannot be bigger than max age");
      window = maxAge;
    }
    config.duplicates = window;
  }
  const { duplicates } = config;
  if (duplicates < 0n) throw invalidStream("duplicates window can not be negative");
  if (maxAge !== 0n && duplicates > maxAge) {
    throw invalidStream("duplicates window can not be larger then max age");
  }
  if (duplicatesMax > 0n && duplicates > duplicatesMax) {
    throw invalidStream(
      `duplicates window can not be larger then server limit of ${formatDurationNs(duplicatesMax)}`,
    );
  }
  if (duplicates > 0n && duplicates < SHORTEST_TIME) {
    throw invalidStream("duplicates window needs to be >= 100ms");
  }
}

function checkFeatures(config: StreamConfig, isPedantic: boolean): void {
  if (config.allowMsgCounter) {
    if (config.discard === "new") throw invalidStream("counter stream cannot use discard new");
    if (config.allowMsgTtl) throw invalidStream("counter stream cannot use message TTLs");
    if (config.allowMsgSchedules) {
      throw invalidStream("counter stream cannot use message schedules");
    }
    if (config.retention !== "limits") {
      throw invalidStream("counter stream can only use limits retention");
    }
  }
  checkDiscardNewPer(config);
  const markerTtl = config.subjectDeleteMarkerTtl;
  if (markerTtl < 0n) throw invalidStream("subject delete marker TTL must not be negative");
  if (markerTtl > 0n) {
    if (markerTtl < SECOND) {
      throw invalidStream("subject delete marker TTL must be at least 1 second");
    }
    if (!config.allowMsgTtl) {
      if (isPedantic) {
        throw invalidStream("subject delete marker cannot be set if message TTLs are disabled");
      }
      config.allowMsgTtl = true;
    }
    if (!config.allowRollup) {
      if (isPedantic) {
        throw invalidStream("subject delete marker cannot be set if roll-ups are disabled");
      }
      config.allowRollup = true;
      config.denyPurge = false;
    }
  }
  if (config.allowMsgSchedules) {
    if (config.discard === "new") throw invalidStream("message scheduling cannot use discard new");
    if (!config.allowRollup) {
      if (isPedantic) {
        throw invalidStream("message scheduling cannot be set if roll-ups are disabled");
      }
      config.allowRollup = true;
      config.denyPurge = false;
    }
  }
  if (config.persistMode === "async") {
    if (config.storage !== "file") {
      throw invalidStream("async persist mode is only supported on file storage");
    }
    if (config.replicas > 1) {
      throw invalidStream("async persist mode is not supported on replicated streams");
    }
    if (config.allowAtomicPublish) {
      throw invalidStream("async persist mode is not supported with atomic batch publish");
    }
  }
}

/** Throws when "discard new per subject" lacks what it needs. */
export function checkDiscardNewPer(config: StreamConfig): void {
  if (!config.discardNewPer) return;
  if (config.discard !== "new") {
    throw invalidStream("discard new per subject requires discard new policy to be set");
  }
  if (config.maxMsgsPer <= 0) {
    throw invalidStream("discard new per subject requires max msgs per subject > 0");
  }
}

function checkPrefixes({ streamSubjects, deliverPrefixes, apiPrefixes }: UpstreamChecks): void {
  for (const prefix of deliverPrefixes) {
    if (!isValidPublishSubject(prefix)) {
      throw apiError("JSStreamInvalidExternalDeliverySubjErrF", {
        prefix: textOfByteString(prefix),
      });
    }
    for (const subject of streamSubjects) {
      if (subjectsCollide(subject, `${prefix}.${subject}`)) {
        throw apiError("JSStreamExternalDelPrefixOverlapsErrF", {
          prefix: textOfByteString(prefix),
          subject: textOfByteString(subject),
        });
      }
    }
  }
  for (const prefix of apiPrefixes) {
    if (!isValidPublishSubject(prefix)) {
      throw invalidStream(
        `stream external api prefix ${
          goQuote(textOfByteString(prefix))
        } must be a valid subject without wildcards`,
      );
    }
    if (subjectsCollide(prefix, "$JS.API")) {
      throw apiError("JSStreamExternalApiOverlapErrF", {
        prefix: textOfByteString(prefix),
        subject: "$JS.API",
      });
    }
  }
}

/** Sources and mirrors must not lead back to where they started. */
function checkCycles(config: StreamConfig, context: StreamCheckContext): void {
  const toVisit = [config];
  const visited = new Set<string>();
  for (let next = toVisit.shift(); next !== undefined; next = toVisit.shift()) {
    visited.add(next.name);
    const { subjects } = next;
    for (const { name, external, filterSubject } of next.sources) {
      if (external !== null) continue;
      if (visited.has(name)) {
        const overlaps = filterSubject === "" ||
          subjects.some((subject) => subjectsCollide(subject, filterSubject));
        if (overlaps) throw invalidStream("detected cycle");
        continue;
      }
      const found = context.lookup(name);
      if (found !== null) toVisit.push(found);
    }
    const { mirror } = next;
    if (mirror === null || mirror.external !== null) continue;
    if (visited.has(mirror.name)) throw invalidStream("detected cycle");
    const found = context.lookup(mirror.name);
    if (found !== null) toVisit.push(found);
  }
}

function checkSubjects(config: StreamConfig): void {
  const { subjects } = config;
  if (subjects.length === 0) {
    if (config.mirror === null && config.sources.length === 0) {
      config.subjects = [byteStringOfText(config.name)];
    }
    return;
  }
  if (config.mirror !== null) throw apiError("JSMirrorWithSubjectsErr");
  const seen = new Set<string>();
  for (const [index, subject] of subjects.entries()) {
    if (!isValidSubject(subject)) throw invalidStream("invalid subject");
    if (seen.has(subject)) throw invalidStream("duplicate subjects detected");
    if (subject === ">") {
      if (!config.noAck) throw invalidStream("capturing all subjects requires no-ack to be true");
      if (config.replicas !== 1) {
        throw invalidStream("capturing all subjects requires replicas of 1");
      }
    }
    if (!config.noAck) checkReserved(subject);
    for (const other of subjects.slice(index + 1)) {
      if (subjectsCollide(other, subject)) {
        throw invalidStream(
          `subject ${goQuote(textOfByteString(subject))} overlaps with ${
            goQuote(textOfByteString(other))
          }`,
        );
      }
    }
    seen.add(subject);
  }
}

function checkReserved(subject: string): void {
  for (const namespace of ["$JS.>", "$JSC.>", "$NRG.>"]) {
    if (subjectsCollide(subject, namespace) && !subjectIsSubsetMatch(subject, "$JS.EVENT.>")) {
      throw invalidStream("subjects that overlap with jetstream api require no-ack to be true");
    }
  }
  if (subjectsCollide(subject, "$SYS.>") && !subjectIsSubsetMatch(subject, "$SYS.ACCOUNT.>")) {
    throw invalidStream("subjects that overlap with system api require no-ack to be true");
  }
}

/** `validateMapping`, with its error given to `wrap`. */
export function checkMapping(
  source: string,
  destination: string,
  wrap: (error: Error) => ApiError,
): void {
  try {
    validateMapping(source, destination);
  } catch (error) {
    throw wrap(error as Error);
  }
}

/** The error of a subject that cannot be used: the well-known text and the subject. */
export function badSubject(subject: string): string {
  return `${new ServerError("ErrBadSubject").message} ${textOfByteString(subject)}`;
}

/** For transforms that are only checked. */
const noRandom = (): number => 0;

function checkTransforms(config: StreamConfig, isPedantic: boolean): void {
  const transform = config.subjectTransform;
  if (transform !== null) {
    const { source, destination } = transform;
    if (source !== "" && !isValidSubject(source)) {
      throw apiError("JSStreamTransformInvalidSource", { err: badSubject(source) });
    }
    checkMapping(
      source,
      destination,
      (err) => apiError("JSStreamTransformInvalidDestination", { err }),
    );
  }
  if (config.rePublish === null) return;
  const rePublish = { ...config.rePublish };
  config.rePublish = rePublish;
  if (rePublish.source === "") {
    if (isPedantic) throw pedantic("republish source can not be empty");
    rePublish.source = ">";
  }
  if (
    rePublish.destination === ">" && rePublish.source === ">" && transform !== null &&
    config.subjects.length === 1 && transform.source === config.subjects[0]
  ) {
    if (isPedantic) throw pedantic("implicit republish based on subject transform");
    rePublish.source = rePublish.destination = transform.destination;
  }
  const { source, destination } = rePublish;
  if (config.subjects.some((subject) => subjectsCollide(destination, subject))) {
    throw invalidStream("stream configuration for republish destination forms a cycle");
  }
  try {
    newSubjectTransform(source, destination, noRandom);
  } catch (cause) {
    const text = `stream configuration for republish with transform from '${
      textOfByteString(source)
    }' to '${textOfByteString(destination)}' not valid`;
    throw apiError("JSStreamInvalidConfigF", { err: new Error(text, { cause }) });
  }
}
