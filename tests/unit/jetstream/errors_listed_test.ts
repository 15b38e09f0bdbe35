/**
 * Every error of JetStream's API, with the test that makes it occur on one server, or the reason
 * why none can. The names and numbers are those of the reference's server/errors.json. The reasons
 * are about natsts; what clusters and nobody need was looked up in the reference's sources.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type JetStreamErrorName, jetStreamErrors } from "../../../src/jsapi/error_table.ts";
import { errorCases } from "./_api_error_cases.ts";

/** The test, with its file below `tests`, or why there is none. */
type Shown = { readonly file: string; readonly test: string } | { readonly never: string };

/** One of the requests of `_api_error_cases.ts`. */
const IN_CASES: Shown = {
  file: "unit/jetstream/api_errors_test.ts",
  test: "requests are refused with code and text of their error",
};
const CLUSTER: Shown = { never: "only operations of JetStream clusters can end in it" };
const UNUSED: Shown = { never: "the reference's sources name it in the table of errors alone" };

const LISTED: Readonly<Record<JetStreamErrorName, readonly [number, Shown]>> = {
  JSAccountResourcesExceededErr: [10002, {
    file: "parity/server/jwt_jetstream_test.ts",
    test: "TestJWTJetStreamTiers",
  }],
  JSBadRequestErr: [10003, IN_CASES],
  JSClusterIncompleteErr: [10004, UNUSED],
  JSClusterNoPeersErrF: [10005, CLUSTER],
  JSClusterNotActiveErr: [10006, CLUSTER],
  JSClusterNotAssignedErr: [10007, CLUSTER],
  JSClusterNotAvailErr: [10008, CLUSTER],
  JSClusterNotLeaderErr: [10009, CLUSTER],
  JSClusterRequiredErr: [10010, IN_CASES],
  JSClusterTagsErr: [10011, UNUSED],
  JSConsumerCreateErrF: [10012, IN_CASES],
  JSConsumerNameExistErr: [10013, IN_CASES],
  JSConsumerNotFoundErr: [10014, IN_CASES],
  JSSnapshotDeliverSubjectInvalidErr: [10015, IN_CASES],
  JSConsumerDurableNameNotInSubjectErr: [10016, {
    never: "the only subject for durables has a token for the name",
  }],
  JSConsumerDurableNameNotMatchSubjectErr: [10017, IN_CASES],
  JSConsumerDurableNameNotSetErr: [10018, IN_CASES],
  JSConsumerEphemeralWithDurableInSubjectErr: [10019, UNUSED],
  JSConsumerEphemeralWithDurableNameErr: [10020, IN_CASES],
  JSStreamExternalApiOverlapErrF: [10021, IN_CASES],
  JSStreamExternalDelPrefixOverlapsErrF: [10022, IN_CASES],
  JSInsufficientResourcesErr: [10023, {
    file: "parity/server/msgtrace_jetstream_test.ts",
    test: "TestMsgTraceJetStream",
  }],
  JSStreamInvalidExternalDeliverySubjErrF: [10024, IN_CASES],
  JSInvalidJSONErr: [10025, IN_CASES],
  JSMaximumConsumersLimitErr: [10026, IN_CASES],
  JSMaximumStreamsLimitErr: [10027, {
    file: "unit/jetstream/rare_errors_test.ts",
    test: "limits of accounts are refused with their errors",
  }],
  JSMemoryResourcesExceededErr: [10028, IN_CASES],
  JSMirrorConsumerSetupFailedErrF: [10029, {
    file: "unit/jetstream/rare_errors_test.ts",
    test: "mirrors and sources show that their consumer could not be set up",
  }],
  JSMirrorMaxMessageSizeTooBigErr: [10030, IN_CASES],
  JSMirrorWithSourcesErr: [10031, IN_CASES],
  JSMirrorWithStartSeqAndTimeErr: [10032, UNUSED],
  JSMirrorWithSubjectFiltersErr: [10033, UNUSED],
  JSMirrorWithSubjectsErr: [10034, IN_CASES],
  JSNoAccountErr: [10035, CLUSTER],
  JSClusterUnSupportFeatureErr: [10036, UNUSED],
  JSNoMessageFoundErr: [10037, IN_CASES],
  JSNotEmptyRequestErr: [10038, IN_CASES],
  JSNotEnabledForAccountErr: [10039, {
    file: "unit/jetstream/rare_errors_test.ts",
    test: "limits of accounts are refused with their errors",
  }],
  JSClusterPeerNotMemberErr: [10040, CLUSTER],
  JSRaftGeneralErrF: [10041, CLUSTER],
  JSRestoreSubscribeFailedErrF: [10042, {
    never: "an internal subscription of an account that has JetStream does not fail",
  }],
  JSSequenceNotFoundErrF: [10043, IN_CASES],
  JSClusterServerNotMemberErr: [10044, CLUSTER],
  JSSourceConsumerSetupFailedErrF: [10045, {
    file: "unit/jetstream/rare_errors_test.ts",
    test: "mirrors and sources show that their consumer could not be set up",
  }],
  JSSourceMaxMessageSizeTooBigErr: [10046, IN_CASES],
  JSStorageResourcesExceededErr: [10047, IN_CASES],
  JSStreamAssignmentErrF: [10048, CLUSTER],
  JSStreamCreateErrF: [10049, {
    file: "parity/server/jetstream_a_streams_test.ts",
    test: "TestJetStreamAddStreamWithFilestoreFailure",
  }],
  JSStreamDeleteErrF: [10050, {
    file: "unit/jetstream/rare_errors_test.ts",
    test: "${verb} fails with ${name} when the disk does",
  }],
  JSStreamGeneralErrorF: [10051, {
    file: "unit/jetstream/rare_errors_test.ts",
    test: "${verb} fails with ${name} when the disk does",
  }],
  JSStreamInvalidConfigF: [10052, IN_CASES],
  JSStreamLimitsErrF: [10053, {
    never: "the checks of limits have errors of their own, which clients get as they are",
  }],
  JSStreamMessageExceedsMaximumErr: [10054, IN_CASES],
  JSStreamMirrorNotUpdatableErr: [10055, IN_CASES],
  JSStreamMismatchErr: [10056, IN_CASES],
  JSStreamMsgDeleteFailedF: [10057, IN_CASES],
  JSStreamNameExistErr: [10058, IN_CASES],
  JSStreamNotFoundErr: [10059, IN_CASES],
  JSStreamNotMatchErr: [10060, IN_CASES],
  JSStreamReplicasNotUpdatableErr: [10061, UNUSED],
  JSStreamRestoreErrF: [10062, {
    file: "unit/jetstream/rare_errors_test.ts",
    test: "what is no snapshot is refused where a stream is restored",
  }],
  JSStreamSequenceNotMatchErr: [10063, {
    never: "only replicas and mirrors expect a sequence, and a mirror has nobody to answer",
  }],
  JSStreamSnapshotErrF: [10064, IN_CASES],
  JSStreamSubjectOverlapErr: [10065, IN_CASES],
  JSStreamTemplateCreateErrF: [10066, UNUSED],
  JSStreamTemplateDeleteErrF: [10067, UNUSED],
  JSStreamTemplateNotFoundErr: [10068, UNUSED],
  JSStreamUpdateErrF: [10069, IN_CASES],
  JSStreamWrongLastMsgIDErrF: [10070, IN_CASES],
  JSStreamWrongLastSequenceErrF: [10071, IN_CASES],
  JSTempStorageFailedErr: [10072, UNUSED],
  JSTemplateNameNotMatchSubjectErr: [10073, UNUSED],
  JSStreamReplicasNotSupportedErr: [10074, IN_CASES],
  JSPeerRemapErr: [10075, CLUSTER],
  JSNotEnabledErr: [10076, {
    file: "unit/jetstream/rare_errors_test.ts",
    test: "healthz says that JetStream is not enabled once it has stopped",
  }],
  JSStreamStoreFailedF: [10077, IN_CASES],
  JSConsumerConfigRequiredErr: [10078, {
    never: "a request without a configuration has an empty one",
  }],
  JSConsumerDeliverToWildcardsErr: [10079, IN_CASES],
  JSConsumerPushMaxWaitingErr: [10080, IN_CASES],
  JSConsumerDeliverCycleErr: [10081, IN_CASES],
  JSConsumerMaxPendingAckPolicyRequiredErr: [10082, IN_CASES],
  JSConsumerSmallHeartbeatErr: [10083, IN_CASES],
  JSConsumerPullRequiresAckErr: [10084, IN_CASES],
  JSConsumerPullNotDurableErr: [10085, UNUSED],
  JSConsumerPullWithRateLimitErr: [10086, IN_CASES],
  JSConsumerMaxWaitingNegativeErr: [10087, {
    never: "a negative number becomes 0 before it is looked at",
  }],
  JSConsumerHBRequiresPushErr: [10088, IN_CASES],
  JSConsumerFCRequiresPushErr: [10089, IN_CASES],
  JSConsumerDirectRequiresPushErr: [10090, IN_CASES],
  JSConsumerDirectRequiresEphemeralErr: [10091, IN_CASES],
  JSConsumerOnMappedErr: [10092, UNUSED],
  JSConsumerFilterNotSubsetErr: [10093, UNUSED],
  JSConsumerInvalidPolicyErrF: [10094, IN_CASES],
  JSConsumerInvalidSamplingErrF: [10095, IN_CASES],
  JSStreamInvalidErr: [10096, {
    file: "unit/jetstream/rare_errors_test.ts",
    test: "addConsumer() refuses what requests cannot ask for",
  }],
  JSStreamHeaderExceedsMaximumErr: [10097, IN_CASES],
  JSConsumerWQRequiresExplicitAckErr: [10098, IN_CASES],
  JSConsumerWQMultipleUnfilteredErr: [10099, IN_CASES],
  JSConsumerWQConsumerNotUniqueErr: [10100, IN_CASES],
  JSConsumerWQConsumerNotDeliverAllErr: [10101, IN_CASES],
  JSConsumerNameTooLongErrF: [10102, IN_CASES],
  JSConsumerBadDurableNameErr: [10103, {
    never: "names are checked with the configuration, which has an error of its own",
  }],
  JSConsumerStoreFailedErrF: [10104, {
    file: "unit/jetstream/rare_errors_test.ts",
    test: "${verb} fails with ${name} when the disk does",
  }],
  JSConsumerExistingActiveErr: [10105, {
    never: "a consumer with this name is updated before it could come to this",
  }],
  JSConsumerReplacementWithDifferentNameErr: [10106, {
    never: "a consumer with this name is updated before it could come to this",
  }],
  JSConsumerDescriptionTooLongErrF: [10107, IN_CASES],
  JSConsumerWithFlowControlNeedsHeartbeats: [10108, IN_CASES],
  JSStreamSealedErr: [10109, IN_CASES],
  JSStreamPurgeFailedF: [10110, IN_CASES],
  JSStreamRollupFailedF: [10111, IN_CASES],
  JSConsumerInvalidDeliverSubject: [10112, IN_CASES],
  JSStreamMaxBytesRequired: [10113, {
    file: "unit/jetstream/rare_errors_test.ts",
    test: "limits of accounts are refused with their errors",
  }],
  JSConsumerMaxRequestBatchNegativeErr: [10114, {
    never: "a negative number becomes 0 before it is looked at",
  }],
  JSConsumerMaxRequestExpiresTooSmall: [10115, IN_CASES],
  JSConsumerMaxDeliverBackoffErr: [10116, IN_CASES],
  JSStreamInfoMaxSubjectsErr: [10117, UNUSED],
  JSStreamOfflineErr: [10118, CLUSTER],
  JSConsumerOfflineErr: [10119, CLUSTER],
  JSNoLimitsErr: [10120, {
    file: "parity/server/jetstream_b_limits_test.ts",
    test: "TestJetStreamTieredLimits",
  }],
  JSConsumerMaxPendingAckExcessErrF: [10121, IN_CASES],
  JSStreamMaxStreamBytesExceeded: [10122, {
    file: "unit/jetstream/rare_errors_test.ts",
    test: "limits of accounts are refused with their errors",
  }],
  JSStreamMoveAndScaleErr: [10123, CLUSTER],
  JSStreamMoveInProgressF: [10124, CLUSTER],
  JSConsumerMaxRequestBatchExceededF: [10125, {
    file: "parity/server/jetstream_a_one_server_test.ts",
    test: "one server's part of TestJetStreamLimits",
  }],
  JSConsumerReplicasExceedsStream: [10126, {
    file: "unit/jetstream/rare_errors_test.ts",
    test: "addConsumer() refuses what requests cannot ask for",
  }],
  JSConsumerNameContainsPathSeparatorsErr: [10127, IN_CASES],
  JSStreamNameContainsPathSeparatorsErr: [10128, IN_CASES],
  JSStreamMoveNotInProgress: [10129, CLUSTER],
  JSStreamNameExistRestoreFailedErr: [10130, IN_CASES],
  JSConsumerCreateFilterSubjectMismatchErr: [10131, IN_CASES],
  JSConsumerCreateDurableAndNameMismatch: [10132, {
    file: "unit/jetstream/rare_errors_test.ts",
    test: "addConsumer() refuses what requests cannot ask for",
  }],
  JSReplicasCountCannotBeNegative: [10133, IN_CASES],
  JSConsumerReplicasShouldMatchStream: [10134, {
    never:
      "a stream of one server has one replica; other numbers of a consumer have errors of their own",
  }],
  JSConsumerMetadataLengthErrF: [10135, IN_CASES],
  JSConsumerDuplicateFilterSubjects: [10136, IN_CASES],
  JSConsumerMultipleFiltersNotAllowed: [10137, IN_CASES],
  JSConsumerOverlappingSubjectFilters: [10138, IN_CASES],
  JSConsumerEmptyFilter: [10139, IN_CASES],
  JSSourceDuplicateDetected: [10140, IN_CASES],
  JSSourceInvalidStreamName: [10141, IN_CASES],
  JSMirrorInvalidStreamName: [10142, IN_CASES],
  JSMirrorWithFirstSeqErr: [10143, IN_CASES],
  JSSourceMultipleFiltersNotAllowed: [10144, IN_CASES],
  JSSourceInvalidSubjectFilter: [10145, IN_CASES],
  JSSourceInvalidTransformDestination: [10146, IN_CASES],
  JSSourceOverlappingSubjectFilters: [10147, IN_CASES],
  JSConsumerAlreadyExists: [10148, IN_CASES],
  JSConsumerDoesNotExist: [10149, IN_CASES],
  JSMirrorMultipleFiltersNotAllowed: [10150, IN_CASES],
  JSMirrorInvalidSubjectFilter: [10151, IN_CASES],
  JSMirrorOverlappingSubjectFilters: [10152, IN_CASES],
  JSConsumerInactiveThresholdExcess: [10153, IN_CASES],
  JSMirrorInvalidTransformDestination: [10154, IN_CASES],
  JSStreamTransformInvalidSource: [10155, IN_CASES],
  JSStreamTransformInvalidDestination: [10156, IN_CASES],
  JSPedanticErrF: [10157, IN_CASES],
  JSStreamDuplicateMessageConflict: [10158, {
    never:
      "a message id is without a sequence only within the commit of a batch, which nothing interrupts",
  }],
  JSConsumerPriorityPolicyWithoutGroup: [10159, IN_CASES],
  JSConsumerInvalidPriorityGroupErr: [10160, IN_CASES],
  JSConsumerEmptyGroupName: [10161, IN_CASES],
  JSConsumerInvalidGroupNameErr: [10162, IN_CASES],
  JSStreamExpectedLastSeqPerSubjectNotReady: [10163, UNUSED],
  JSStreamWrongLastSequenceConstantErr: [10164, {
    file: "parity/server/jetstream_batch_stage_test.ts",
    test: "TestJetStreamAtomicBatchPublishStageAndCommit",
  }],
  JSMessageTTLInvalidErr: [10165, IN_CASES],
  JSMessageTTLDisabledErr: [10166, IN_CASES],
  JSStreamTooManyRequests: [10167, {
    never: "there is no queue of messages to overflow: docs/deviations.md",
  }],
  JSMessageIncrDisabledErr: [10168, IN_CASES],
  JSMessageIncrMissingErr: [10169, IN_CASES],
  JSMessageIncrPayloadErr: [10170, IN_CASES],
  JSMessageIncrInvalidErr: [10171, IN_CASES],
  JSMessageCounterBrokenErr: [10172, {
    file: "parity/server/jetstream_a_one_server_test.ts",
    test: "one server's part of TestJetStreamAllowMsgCounter",
  }],
  JSMirrorWithCountersErr: [10173, IN_CASES],
  JSAtomicPublishDisabledErr: [10174, IN_CASES],
  JSAtomicPublishMissingSeqErr: [10175, IN_CASES],
  JSAtomicPublishIncompleteBatchErr: [10176, IN_CASES],
  JSAtomicPublishUnsupportedHeaderBatchErr: [10177, {
    file: "parity/server/jetstream_batch_atomic_test.ts",
    test: "TestJetStreamAtomicBatchPublishDenyHeaders R1",
  }],
  JSConsumerPushWithPriorityGroupErr: [10178, IN_CASES],
  JSAtomicPublishInvalidBatchIDErr: [10179, IN_CASES],
  JSStreamMinLastSeqErr: [10180, UNUSED],
  JSConsumerAckPolicyInvalidErr: [10181, {
    never: "the JSON of an unknown policy is refused first",
  }],
  JSConsumerReplayPolicyInvalidErr: [10182, {
    never: "the JSON of an unknown policy is refused first",
  }],
  JSConsumerAckWaitNegativeErr: [10183, IN_CASES],
  JSConsumerBackOffNegativeErr: [10184, IN_CASES],
  JSRequiredApiLevelErr: [10185, IN_CASES],
  JSMirrorWithMsgSchedulesErr: [10186, IN_CASES],
  JSSourceWithMsgSchedulesErr: [10187, IN_CASES],
  JSMessageSchedulesDisabledErr: [10188, IN_CASES],
  JSMessageSchedulesPatternInvalidErr: [10189, IN_CASES],
  JSMessageSchedulesTargetInvalidErr: [10190, IN_CASES],
  JSMessageSchedulesTTLInvalidErr: [10191, IN_CASES],
  JSMessageSchedulesRollupInvalidErr: [10192, IN_CASES],
  JSStreamExpectedLastSeqPerSubjectInvalid: [10193, IN_CASES],
  JSStreamOfflineReasonErrF: [10194, {
    file: "parity/server/jetstream_offline_test.ts",
    test: "TestJetStreamOfflineStreamAndConsumerAfterDowngrade",
  }],
  JSConsumerOfflineReasonErrF: [10195, {
    file: "parity/server/jetstream_offline_test.ts",
    test: "TestJetStreamOfflineStreamAndConsumerAfterDowngrade",
  }],
  JSConsumerPriorityGroupWithPolicyNone: [10196, IN_CASES],
  JSConsumerPinnedTTLWithoutPriorityPolicyNone: [10197, IN_CASES],
  JSMirrorWithAtomicPublishErr: [10198, IN_CASES],
  JSAtomicPublishTooLargeBatchErrF: [10199, {
    file: "parity/server/jetstream_batch_atomic_test.ts",
    test: "TestJetStreamAtomicBatchPublishLimits R1",
  }],
  JSAtomicPublishInvalidBatchCommitErr: [10200, {
    file: "parity/server/jetstream_batch_atomic_test.ts",
    test: "TestJetStreamAtomicBatchPublishCommitUnsupported",
  }],
  JSAtomicPublishContainsDuplicateMessageErr: [10201, {
    file: "parity/server/jetstream_batch_atomic_test.ts",
    test: "TestJetStreamAtomicBatchPublishDedupeNotAllowed R1",
  }],
  JSClusterServerMemberChangeInflightErr: [10202, CLUSTER],
  JSMessageSchedulesSourceInvalidErr: [10203, IN_CASES],
  JSConsumerInvalidResetErr: [10204, IN_CASES],
  JSBatchPublishDisabledErr: [10205, {
    file: "parity/server/jetstream_batch_fast_test.ts",
    test: "TestJetStreamFastBatchPublish R1",
  }],
  JSBatchPublishInvalidPatternErr: [10206, {
    file: "parity/server/jetstream_batch_fast_test.ts",
    test: "TestJetStreamFastBatchPublish R1",
  }],
  JSBatchPublishInvalidBatchIDErr: [10207, {
    file: "parity/server/jetstream_batch_fast_test.ts",
    test: "TestJetStreamFastBatchPublish R1",
  }],
  JSBatchPublishUnknownBatchIDErr: [10208, {
    file: "parity/server/jetstream_batch_fast_test.ts",
    test: "TestJetStreamFastBatchPublish R1",
  }],
  JSMirrorWithBatchPublishErr: [10209, IN_CASES],
  JSAtomicPublishTooManyInflight: [10210, {
    file: "parity/server/jetstream_batch_atomic_test.ts",
    test: "TestJetStreamAtomicBatchPublishLimits R1",
  }],
  JSBatchPublishTooManyInflight: [10211, {
    file: "parity/server/jetstream_batch_fast_test.ts",
    test: "TestJetStreamFastBatchPublishLimits R1",
  }],
  JSMessageSchedulesSchedulerInvalidErr: [10212, IN_CASES],
  JSMirrorDurableConsumerCfgInvalid: [10213, IN_CASES],
  JSMirrorConsumerRequiresAckFCErr: [10214, {
    file: "parity/server/jetstream_a_mirrors_test.ts",
    test: "TestJetStreamDurableStreamMirrorAndSourceIncorrectConsumerConfig",
  }],
  JSSourceDurableConsumerCfgInvalid: [10215, IN_CASES],
  JSSourceDurableConsumerDuplicateDetected: [10216, IN_CASES],
  JSSourceConsumerRequiresAckFCErr: [10217, {
    file: "parity/server/jetstream_a_mirrors_test.ts",
    test: "TestJetStreamDurableStreamMirrorAndSourceIncorrectConsumerConfig",
  }],
  JSConsumerAckFCRequiresPushErr: [10218, IN_CASES],
  JSConsumerAckFCRequiresFCErr: [10219, IN_CASES],
  JSConsumerAckFCRequiresMaxAckPendingErr: [10220, IN_CASES],
  JSConsumerAckFCRequiresNoAckWaitErr: [10221, IN_CASES],
  JSConsumerAckFCRequiresNoMaxDeliverErr: [10222, IN_CASES],
  JSMessageSchedulesTimeZoneInvalidErr: [10223, IN_CASES],
};

const TESTS = new URL("../../", import.meta.url);

function mentions(text: string, name: JetStreamErrorName): boolean {
  const [, errCode, description] = jetStreamErrors[name];
  const [start = ""] = description.split("{");
  return new RegExp(`\\b(${name}|${errCode})\\b`).test(text) ||
    (start.length > 10 && text.includes(start));
}

Deno.test("each error of JetStream is listed once, under its number", () => {
  const listed = Object.entries(LISTED).map(([name, [errCode]]) => [name, errCode]);
  const known = Object.entries(jetStreamErrors).map(([name, [, errCode]]) => [name, errCode]);
  assertEquals(listed, known);
  assertEquals(new Set(listed.map(([, errCode]) => errCode)).size, 222);
});

Deno.test("each error that can occur on one server has the test that is listed", async () => {
  const inCases = new Set(errorCases.map(({ error }) => error));
  const texts = new Map<string, string>();
  for (const [key, [, shown]] of Object.entries(LISTED)) {
    const name = key as JetStreamErrorName;
    assertEquals(inCases.has(name), shown === IN_CASES, `${name} and _api_error_cases.ts`);
    if ("never" in shown) continue;
    const { file, test } = shown;
    const text = texts.get(file) ?? await Deno.readTextFile(new URL(file, TESTS));
    texts.set(file, text);
    const isThere = ['"', "`"].some((quote) => text.includes(`${quote}${test}${quote}`));
    assert(isThere, `${file} has no test "${test}" for ${name}`);
    if (shown !== IN_CASES) assert(mentions(text, name), `${file} does not speak of ${name}`);
  }
});
