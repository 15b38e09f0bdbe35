/**
 * Checks of where a stream gets its messages from: its mirror or its sources.
 *
 * Reference: checkStreamCfg, composeIName and composeCName in server/stream.go.
 *
 * @module
 */
import { byteStringOfText } from "../../base/text/byte_string.ts";
import {
  apiError,
  type JetStreamErrorName,
  type StreamConfig,
  type StreamConsumerSource,
  type StreamSource,
  type SubjectTransformConfig,
} from "../../jsapi/mod.ts";
import {
  isLiteralSubject,
  isValidAssetName,
  isValidSubject,
  subjectIsSubsetMatch,
  subjectsCollide,
} from "../../subject/mod.ts";
import {
  badSubject,
  checkMapping,
  invalidStream,
  pedantic,
  type StreamCheckContext,
} from "./config_check.ts";

/** What the checks of upstreams collect for later checks. */
export interface UpstreamChecks {
  readonly streamSubjects: string[];
  readonly deliverPrefixes: string[];
  readonly apiPrefixes: string[];
}

/** The error for each mistake in the filters of a mirror or source. */
interface FilterErrors {
  readonly invalidFilter: JetStreamErrorName;
  readonly invalidDestination: JetStreamErrorName;
  readonly consumer: JetStreamErrorName;
}

const MIRROR_ERRORS: FilterErrors = {
  invalidFilter: "JSMirrorInvalidSubjectFilter",
  invalidDestination: "JSMirrorInvalidTransformDestination",
  consumer: "JSMirrorDurableConsumerCfgInvalid",
};

const SOURCE_ERRORS: FilterErrors = {
  invalidFilter: "JSSourceInvalidSubjectFilter",
  invalidDestination: "JSSourceInvalidTransformDestination",
  consumer: "JSSourceDurableConsumerCfgInvalid",
};

function checkTransform(transform: SubjectTransformConfig, errors: FilterErrors): void {
  const { source, destination } = transform;
  if (source !== "" && !isValidSubject(source)) {
    throw apiError(errors.invalidFilter, { err: badSubject(source) });
  }
  checkMapping(source, destination, (err) => apiError(errors.invalidDestination, { err }));
}

function checkConsumer(
  source: StreamSource,
  consumer: StreamConsumerSource,
  errors: FilterErrors,
): void {
  const { name, deliverSubject } = consumer;
  if (
    !isValidAssetName(byteStringOfText(name)) || !isLiteralSubject(deliverSubject) ||
    !isValidSubject(deliverSubject) || source.optStartSeq !== 0 || source.optStartTime !== null ||
    source.filterSubject !== ""
  ) throw apiError(errors.consumer);
}

function notePrefixes({ external }: StreamSource, notes: UpstreamChecks): void {
  if (external === null) return;
  if (external.deliverPrefix !== "") notes.deliverPrefixes.push(external.deliverPrefix);
  if (external.apiPrefix !== "") notes.apiPrefixes.push(external.apiPrefix);
}

/** Features that a mirror, which must be equal to its origin, cannot have. */
const NOT_ON_MIRRORS: readonly [(config: StreamConfig) => boolean, JetStreamErrorName][] = [
  [({ firstSeq }) => firstSeq > 0, "JSMirrorWithFirstSeqErr"],
  [({ subjects }) => subjects.length > 0, "JSMirrorWithSubjectsErr"],
  [({ sources }) => sources.length > 0, "JSMirrorWithSourcesErr"],
  [({ allowMsgCounter }) => allowMsgCounter, "JSMirrorWithCountersErr"],
  [({ allowAtomicPublish }) => allowAtomicPublish, "JSMirrorWithAtomicPublishErr"],
  [({ allowBatchPublish }) => allowBatchPublish, "JSMirrorWithBatchPublishErr"],
  [({ allowMsgSchedules }) => allowMsgSchedules, "JSMirrorWithMsgSchedulesErr"],
];

/** Checks the mirror of `config`, if it has one; whether direct gets are inherited is set. */
export function checkMirror(
  config: StreamConfig,
  context: StreamCheckContext,
  isPedantic: boolean,
  notes: UpstreamChecks,
): void {
  const { mirror } = config;
  if (mirror === null) return;
  for (const [has, error] of NOT_ON_MIRRORS) if (has(config)) throw apiError(error);
  if (mirror.consumer !== null) checkConsumer(mirror, mirror.consumer, MIRROR_ERRORS);
  if (mirror.filterSubject !== "" && mirror.subjectTransforms.length > 0) {
    throw apiError("JSMirrorMultipleFiltersNotAllowed");
  }
  if (config.subjectDeleteMarkerTtl > 0n) {
    throw invalidStream("subject delete markers forbidden on mirrors");
  }
  for (const [index, transform] of mirror.subjectTransforms.entries()) {
    checkTransform(transform, MIRROR_ERRORS);
    const overlaps = mirror.subjectTransforms.some((other, at) =>
      at !== index && subjectsCollide(transform.source, other.source)
    );
    if (overlaps) throw apiError("JSMirrorOverlappingSubjectFilters");
  }
  if (mirror.external !== null) {
    notePrefixes(mirror, notes);
    return;
  }
  if (!isValidAssetName(byteStringOfText(mirror.name))) {
    throw apiError("JSMirrorInvalidStreamName");
  }
  const origin = context.lookup(mirror.name);
  if (origin === null) return;
  notes.streamSubjects.push(...origin.subjects);
  if (config.maxMsgSize > 0 && origin.maxMsgSize > 0 && config.maxMsgSize < origin.maxMsgSize) {
    throw apiError("JSMirrorMaxMessageSizeTooBigErr");
  }
  if (isPedantic && config.mirrorDirect !== origin.allowDirect) {
    throw pedantic("origin stream has direct get set, mirror has it disabled");
  }
  config.mirrorDirect = origin.allowDirect;
}

/** Name by which a source is known among the sources of its stream. */
export function sourceIndexName(source: StreamSource, hash: (text: string) => string): string {
  let name = source.name;
  if (source.external !== null) name += `:${hash(source.external.apiPrefix)}`;
  if (source.consumer !== null) name += `:C=${hash(source.consumer.name)}`;
  let filter = source.filterSubject;
  let destination = "";
  if (source.subjectTransforms.length === 0) {
    if (filter === "") filter = ">";
    destination = ">";
  } else {
    filter = source.subjectTransforms.map(({ source: from }) => from === "" ? ">" : from)
      .join("\f");
    destination = source.subjectTransforms.map(({ destination: to }) => to === "" ? ">" : to)
      .join("\f");
  }
  return `${name} ${filter} ${destination}`;
}

/** Checks the sources of `config`. */
export function checkSources(
  config: StreamConfig,
  context: StreamCheckContext,
  notes: UpstreamChecks,
): void {
  const { sources } = config;
  if (sources.length === 0) return;
  if (config.allowMsgSchedules) throw apiError("JSSourceWithMsgSchedulesErr");
  const names = new Set<string>();
  const consumers = new Set<string>();
  for (const source of sources) {
    if (!isValidAssetName(byteStringOfText(source.name))) {
      throw apiError("JSSourceInvalidStreamName");
    }
    // Names are only compared here: any one-to-one mapping of the prefix does for a hash.
    const name = sourceIndexName(source, (prefix) => prefix);
    if (names.has(name)) throw apiError("JSSourceDuplicateDetected");
    names.add(name);
    checkSourceFilters(source);
    if (source.consumer !== null) {
      checkConsumer(source, source.consumer, SOURCE_ERRORS);
      const key = `${source.name} ${source.external?.apiPrefix ?? ""} ${source.consumer.name}`;
      if (consumers.has(key)) throw apiError("JSSourceDurableConsumerDuplicateDetected");
      consumers.add(key);
    }
    if (source.external !== null) {
      notePrefixes(source, notes);
      continue;
    }
    const origin = context.lookup(source.name);
    if (origin === null) continue;
    notes.streamSubjects.push(...origin.subjects);
    if (config.maxMsgSize > 0 && origin.maxMsgSize > 0 && config.maxMsgSize < origin.maxMsgSize) {
      throw apiError("JSSourceMaxMessageSizeTooBigErr");
    }
  }
}

function checkSourceFilters(source: StreamSource): void {
  const transforms = source.subjectTransforms;
  if (source.filterSubject !== "" && transforms.length > 0) {
    throw apiError("JSSourceMultipleFiltersNotAllowed");
  }
  for (const transform of transforms) checkTransform(transform, SOURCE_ERRORS);
  for (const [index, transform] of transforms.entries()) {
    const overlaps = transforms.some((other, at) =>
      at !== index && subjectIsSubsetMatch(transform.source, other.source)
    );
    if (overlaps) throw apiError("JSSourceOverlappingSubjectFilters");
  }
}
