// Ports: server/feature_flags_test.go
import { assert, assertEquals } from "@std/assert";
import { featureFlag, mergedFeatureFlags } from "../../../src/config/feature_flags.ts";
import { errorOf } from "./_opts.ts";

Deno.test("TestGetFeatureFlag", () => {
  const known = new Map([["test_flag", true]]);
  const nothing = new Map<string, boolean>();
  assertEquals(featureFlag(nothing, "", known), false);
  assertEquals(featureFlag(nothing, "test_flag", known), true);
  // What the user says counts more.
  assertEquals(featureFlag(new Map([["test_flag", false]]), "test_flag", known), false);
  // A flag that is no longer known is off, whatever the user says.
  assertEquals(featureFlag(new Map([["test_flag", true]]), "test_flag", nothing), false);
});

Deno.test("TestFeatureFlagsConfigParseNonBool", () => {
  const error = errorOf('feature_flags {\n  opt_in_flag: "true"\n}\n');
  assert(
    error.includes('error parsing feature flag "opt_in_flag": expected bool, got string'),
    error,
  );
});

Deno.test("TestGetMergedFeatureFlags", () => {
  const known = new Map([["test_flag", true], ["test_flag_default", true]]);
  const merged = mergedFeatureFlags(
    new Map([["test_flag", false], ["unknown_flag", false]]),
    known,
  );
  assertEquals(merged, new Map([["test_flag", false], ["test_flag_default", true]]));
});
