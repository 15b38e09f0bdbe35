// Ports: server/client_test.go
/**
 * Reading, setting and removing headers as bytes.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  appendHeader,
  headerValue,
  removeHeader,
  removeHeadersWithPrefix,
  setHeader,
  setMessageHeader,
  sliceHeader,
} from "../../../src/protocol/mod.ts";

const STREAM = "Nats-Expected-Stream";
const LAST_SEQ = "Nats-Expected-Last-Sequence";
const LAST_SUBJECT_SEQ = "Nats-Expected-Last-Subject-Sequence";
const LAST_SUBJECT_SEQ_SUBJECT = "Nats-Expected-Last-Subject-Sequence-Subject";
const LAST_MSG_ID = "Nats-Expected-Last-Msg-Id";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (from: Uint8Array | null): string => new TextDecoder().decode(from!);

function headersOf(...pairs: [name: string, value: string][]): Uint8Array {
  let headers = bytes("NATS/1.0\r\n\r\n");
  for (const [name, value] of pairs) headers = appendHeader(headers, name, value);
  return headers;
}

const EXPECTATIONS: [string, string][] = [
  ["a", "1"],
  [STREAM, "my-stream"],
  [LAST_SEQ, "22"],
  ["b", "2"],
  [LAST_SUBJECT_SEQ, "24"],
  [LAST_MSG_ID, "1"],
  ["c", "3"],
];

Deno.test("TestRemoveHeaderIfPrefixPresent", () => {
  const left = removeHeadersWithPrefix(headersOf(...EXPECTATIONS), "Nats-Expected-");
  assertEquals(text(left), "NATS/1.0\r\na: 1\r\nb: 2\r\nc: 3\r\n\r\n");
});

Deno.test("TestRemoveHeaderIfPrefixPresentSkipsValueMatches", () => {
  const headers = headersOf(
    ["X-Note", "see Nats-Expected-Stream below"],
    [STREAM, "my-stream"],
    [LAST_SEQ, "22"],
    ["c", "3"],
  );
  assertEquals(
    text(removeHeadersWithPrefix(headers, "Nats-Expected-")),
    "NATS/1.0\r\nX-Note: see Nats-Expected-Stream below\r\nc: 3\r\n\r\n",
  );
});

Deno.test("TestRemoveHeaderIfPresentDuplicates", () => {
  const headers = headersOf(["a", "1"], ["a", "2"], ["c", "3"], ["a", "4"], ["a", "5"]);
  assertEquals(text(removeHeader(headers, "a")), "NATS/1.0\r\nc: 3\r\n\r\n");
});

Deno.test("TestRemoveHeaderIfPresentOrderingPrefix", () => {
  const headers = headersOf([LAST_SUBJECT_SEQ_SUBJECT, "foo"], [LAST_SUBJECT_SEQ, "24"]);
  assertEquals(
    text(removeHeader(headers, LAST_SUBJECT_SEQ)),
    text(appendHeader(null, LAST_SUBJECT_SEQ_SUBJECT, "foo")),
  );
});

Deno.test("TestRemoveHeaderIfPresentOrderingSuffix", () => {
  const headers = headersOf(["Previous-Nats-Msg-Id", "user"], ["Nats-Msg-Id", "control"]);
  assertEquals(
    text(removeHeader(headers, "Nats-Msg-Id")),
    text(appendHeader(null, "Previous-Nats-Msg-Id", "user")),
  );
});

Deno.test("TestRemoveHeaderIfPresentSkipsValueMatches", () => {
  const headers = headersOf(
    ["X-Note", "Nats-Msg-Id is set below"],
    ["Nats-Msg-Id", "real-id"],
    ["c", "3"],
  );
  assertEquals(
    text(removeHeader(headers, "Nats-Msg-Id")),
    "NATS/1.0\r\nX-Note: Nats-Msg-Id is set below\r\nc: 3\r\n\r\n",
  );
});

/** The bytes as they are and without their blanks. */
const SPACINGS: [string, (headers: Uint8Array) => Uint8Array][] = [
  ["Normal", (headers) => headers],
  ["Trimmed", (headers) => bytes(text(headers).replaceAll(" ", ""))],
];

Deno.test("TestSetHeaderOrderingPrefix", async (t) => {
  for (const [name, spaced] of SPACINGS) {
    await t.step(name, () => {
      const headers = headersOf([LAST_SUBJECT_SEQ_SUBJECT, "foo"], [LAST_SUBJECT_SEQ, "24"]);
      const wanted = headersOf([LAST_SUBJECT_SEQ_SUBJECT, "foo"], [LAST_SUBJECT_SEQ, "12"]);
      assertEquals(
        text(setHeader(spaced(headers), LAST_SUBJECT_SEQ, "12")),
        text(spaced(wanted)),
      );
    });
  }
});

Deno.test("TestSetHeaderOrderingSuffix", async (t) => {
  for (const [name, spaced] of SPACINGS) {
    await t.step(name, () => {
      const headers = headersOf(["Previous-Nats-Msg-Id", "user"], ["Nats-Msg-Id", "control"]);
      const wanted = headersOf(["Previous-Nats-Msg-Id", "user"], ["Nats-Msg-Id", "other"]);
      assertEquals(text(setHeader(spaced(headers), "Nats-Msg-Id", "other")), text(spaced(wanted)));
    });
  }
});

Deno.test("TestSetHeaderDoesNotOverwriteUnderlyingBuffer", async (t) => {
  const initial = "NATS/1.0\r\nKey1: Val1\r\nKey2: Val2\r\n\r\n";
  const body = "this is the message body\r\n";
  const cases: [string, string, string, string, boolean][] = [
    [
      "existing key new value larger",
      "Key1",
      "Val1Updated",
      "NATS/1.0\r\nKey1: Val1Updated\r\nKey2: Val2\r\n\r\n",
      true,
    ],
    [
      "existing key new value smaller",
      "Key1",
      "v1",
      "NATS/1.0\r\nKey1: v1\r\nKey2: Val2\r\n\r\n",
      false,
    ],
    [
      "new key",
      "Key3",
      "Val3",
      "NATS/1.0\r\nKey1: Val1\r\nKey2: Val2\r\nKey3: Val3\r\n\r\n",
      true,
    ],
  ];
  for (const [name, key, value, wanted, newArray] of cases) {
    await t.step(name, () => {
      const buffer = bytes(initial + body);
      const headers = setHeader(buffer.subarray(0, initial.length), key, value);
      assertEquals(text(headers), wanted);
      assertEquals(text(buffer.subarray(initial.length)), body);
      const kept = newArray ? initial : wanted;
      assertEquals(text(buffer.subarray(0, kept.length)), kept);
    });
  }
});

Deno.test("TestClientSetHeaderDoesNotMutateInputMsg", () => {
  const headers = "NATS/1.0\r\nClientInfo: {old}\r\nKey2: Val2\r\n\r\n";
  const body = "this is the message body\r\n";
  const input = bytes(headers + body);
  const out = setMessageHeader(input, headers.length, "ClientInfo", "{newvalue}");
  assertEquals(text(input), headers + body);
  const wanted = "NATS/1.0\r\nKey2: Val2\r\nClientInfo: {newvalue}\r\n\r\n";
  assertEquals(text(out.message), wanted + body);
  assertEquals(out.headerBytes, wanted.length);
});

/** The value seen by view and by copy; the view ends where the value does. */
function assertSliced(headers: Uint8Array, name: string, wanted: string): void {
  const sliced = sliceHeader(headers, name);
  assert(sliced !== null);
  assertEquals(sliced.length, wanted.length);
  assertEquals(text(sliced), wanted);
  assertEquals(headerValue(headers, 0, headers.length, name), wanted);
}

Deno.test("TestSliceHeader", () => {
  assertSliced(headersOf(...EXPECTATIONS), LAST_SUBJECT_SEQ, "24");
});

Deno.test("TestSliceHeaderOrderingPrefix", () => {
  const headers = headersOf([LAST_SUBJECT_SEQ_SUBJECT, "foo"], [LAST_SUBJECT_SEQ, "24"]);
  assertSliced(headers, LAST_SUBJECT_SEQ, "24");
});

Deno.test("TestSliceHeaderOrderingSuffix", () => {
  const headers = headersOf(["Previous-Nats-Msg-Id", "user"], ["Nats-Msg-Id", "control"]);
  assertSliced(headers, "Nats-Msg-Id", "control");
});

Deno.test("appendHeader() keeps values from adding headers", () => {
  assertEquals(
    text(appendHeader(null, "A", "x\r\nB: y")),
    "NATS/1.0\r\nA: x  B: y\r\n\r\n",
  );
});
