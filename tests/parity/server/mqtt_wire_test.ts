/**
 * MQTT packets and topics, without a server.
 *
 * Ports: server/mqtt_test.go
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { byteStringOf, byteStringOfText } from "../../../src/base/text/byte_string.ts";
import { ConnectPacket, readConnect } from "../../../src/mqtt/wire/connect.ts";
import {
  ConnectFlag,
  MqttError,
  PacketTooLargeError,
  PacketType,
  PublishFlag,
  TYPE_MASK,
} from "../../../src/mqtt/wire/packet.ts";
import { PacketReader } from "../../../src/mqtt/wire/packet_reader.ts";
import { PacketWriter } from "../../../src/mqtt/wire/packet_writer.ts";
import {
  decodeFlags,
  encodeFlags,
  PublishPacket,
  readPublish,
} from "../../../src/mqtt/wire/publish.ts";
import { readPacketId, readSubscribe, readUnsubscribe } from "../../../src/mqtt/wire/subscribe.ts";
import { subjectOfFilter, subjectOfTopic, topicOfSubject } from "../../../src/mqtt/wire/topic.ts";

const A = 0x61;
const B = 0x62;

function readerOf(...bytes: number[]): PacketReader {
  const reader = new PacketReader();
  reader.feed(Uint8Array.from(bytes));
  return reader;
}

function fails(run: () => unknown, text: string): void {
  const error = assertThrows(run, MqttError);
  assertStringIncludes(error.message, text);
}

Deno.test("TestMQTTReader", () => {
  assertEquals(readerOf(0, 2, A, B).bytes(""), Uint8Array.of(A, B));
  // What is to be kept is copied: as a text.
  const kept = readerOf(0, 2, A, B);
  const text = kept.text("");
  kept.buffer[2] = 0x63;
  assertEquals(text, "ab");

  const bytes = readerOf(A, B);
  assertEquals(bytes.byte(""), A);
  assert(bytes.hasMore);
  assertEquals(bytes.byte(""), B);
  assert(!bytes.hasMore);
  fails(() => bytes.byte("test"), "error reading test");

  assertEquals(readerOf(0, 2, A, B).text(""), "ab");
  fails(() => readerOf(10).uint16("uint16"), "error reading uint16");
  assertEquals(readerOf(0x82, 0xff, 0x3).varInt(), 0xff82);
  fails(() => readerOf(0xff, 0xff, 0xff, 0xff, 0xff).varInt(), "malformed");

  const reader = readerOf(0, 2, A, B, PacketType.Publish, 0x82, 0xff, 0x3);
  reader.text("");
  for (let i = 0; i < 2; i++) {
    reader.packetStart = reader.position;
    assertEquals(reader.byte("") & TYPE_MASK, PacketType.Publish);
    assertEquals(reader.packetLength(1024 * 1024), -1);
    if (i > 0) break;
    assertEquals(reader.partial, Uint8Array.of(PacketType.Publish, 0x82, 0xff, 0x3));
    reader.feed(Uint8Array.of(A, B, 0x63));
    assertEquals(
      reader.buffer.slice(0, reader.end),
      Uint8Array.of(PacketType.Publish, 0x82, 0xff, 0x3, A, B, 0x63),
    );
    assertEquals(reader.partial.length, 0);
    assertEquals(reader.position, 0);
    assertEquals(reader.packetStart, 0);
  }
  assertEquals(reader.partial, Uint8Array.of(PacketType.Publish, 0x82, 0xff, 0x3, A, B, 0x63));
});

Deno.test("TestMQTTWriter", () => {
  const writer = new PacketWriter();
  const reader = new PacketReader();
  writer.uint16(1234);
  reader.feed(writer.bytes);
  assertEquals(reader.uint16(""), 1234);
  writer.reset();
  writer.text("test");
  assertEquals(writer.length, 6);
  writer.reset();
  writer.sized(new TextEncoder().encode("test"));
  assertEquals(writer.length, 6);

  const values = [0, 1, 127, 128, 16383, 16384, 2097151, 2097152, 268435455];
  const lengths = [1, 1, 1, 2, 2, 3, 3, 4, 4];
  let total = 0;
  writer.reset();
  for (const [i, value] of values.entries()) {
    writer.varInt(value);
    total += lengths[i]!;
    assertEquals(writer.length, total);
  }
  reader.feed(writer.bytes);
  for (const value of values) assertEquals(reader.varInt(), value);
});

Deno.test("TestMQTTPacketLenMaxPayloadViolation", () => {
  const maxPayload = 1024;
  const writer = new PacketWriter();
  writer.byte(PacketType.Connect);
  writer.varInt(maxPayload);
  writer.raw(new Uint8Array(maxPayload).fill(A));
  const reader = new PacketReader();
  reader.feed(writer.bytes);
  reader.byte("packet type");
  const error = assertThrows(() => reader.packetLength(maxPayload), PacketTooLargeError);
  assertEquals(error.packetBytes, writer.length);
  assertEquals(reader.partial.length, 0);
});

Deno.test("TestMQTTParseConnect", async (t) => {
  const start = [0, 4, 0x4d, 0x51, 0x54, 0x54];
  const bad = [0x42, 0x41, 0x44];
  const clean = ConnectFlag.CleanSession;
  const will = ConnectFlag.Will | clean;
  const user = ConnectFlag.UserName | clean;
  const cases: [name: string, bytes: number[], text: string][] = [
    ["packet in buffer error", [0], "unexpected EOF"],
    ["bad proto name", [0, 4, ...bad], "protocol name"],
    ["invalid proto name", [0, 3, ...bad], "expected connect packet with protocol name"],
    [
      "old proto not supported",
      [0, 6, 0x4d, 0x51, 0x49, 0x73, 0x64, 0x70],
      "older protocol",
    ],
    ["error on protocol level", start, "protocol level"],
    ["unacceptable protocol version", [...start, 10], "unacceptable protocol version"],
    ["error on flags", [...start, 4], "flags"],
    ["reserved flag", [...start, 4, 1], "connect flags reserved bit not set to 0"],
    [
      "will qos without will flag",
      [...start, 4, 1 << 3],
      "if Will flag is set to 0, Will QoS must be 0 too",
    ],
    [
      "will retain without will flag",
      [...start, 4, 1 << 5],
      "if Will flag is set to 0, Will Retain flag must be 0 too",
    ],
    [
      "will qos",
      [...start, 4, 3 << 3 | 1 << 2],
      "if Will flag is set to 1, Will QoS can be 0, 1 or 2",
    ],
    [
      "no user but password",
      [...start, 4, ConnectFlag.Password],
      "password flag set but username flag is not",
    ],
    ["missing keep alive", [...start, 4, 0], "keep alive"],
    ["missing client ID", [...start, 4, 0, 0, 1], "client ID"],
    [
      "empty client ID",
      [...start, 4, 0, 0, 1, 0, 0],
      "when client ID is empty, clean session flag must be set to 1",
    ],
    ["invalid utf8 client ID", [...start, 4, 0, 0, 1, 0, 1, 241], "invalid utf8 for client ID"],
    ["client ID with null byte", [...start, 4, 0, 0, 1, 0, 3, A, 0, B], ""],
    ["client ID with invalid character", [...start, 4, 0, 0, 1, 0, 1, 0x2e], ""],
    ["missing will topic", [...start, 4, will, 0, 0, 0, 0], "Will topic"],
    ["empty will topic", [...start, 4, will, 0, 0, 0, 0, 0, 0], "empty Will topic not allowed"],
    [
      "invalid utf8 will topic",
      [...start, 4, will, 0, 0, 0, 0, 0, 1, 241],
      "invalid utf8 for Will topic",
    ],
    [
      "invalid wildcard will topic",
      [...start, 4, will, 0, 0, 0, 0, 0, 1, 0x23],
      "wildcards not allowed",
    ],
    ["error on will message", [...start, 4, will, 0, 0, 0, 0, 0, 1, A, 0, 3], "Will message"],
    ["error on username", [...start, 4, user, 0, 0, 0, 0], "user name"],
    ["empty username", [...start, 4, user, 0, 0, 0, 0, 0, 0], "empty user name not allowed"],
    [
      "invalid utf8 username",
      [...start, 4, user, 0, 0, 0, 0, 0, 1, 241],
      "invalid utf8 for user name",
    ],
    ["username with null byte", [...start, 4, user, 0, 0, 0, 0, 0, 3, A, 0, B], ""],
    [
      "error on password",
      [...start, 4, user | ConnectFlag.Password, 0, 0, 0, 0, 0, 1, A],
      "password",
    ],
  ];
  for (const [name, bytes, text] of cases) {
    await t.step(name, () => {
      const rules = { rejectQoS2Pub: false, newClientId: () => "made" };
      fails(() => readConnect(readerOf(...bytes), new ConnectPacket(), rules), text);
    });
  }
});

Deno.test("TestMQTTTopicAndSubjectConversion", async (t) => {
  const cases: [topic: string, subject: string][] = [
    ["/", "/./"],
    ["//", "/././"],
    ["///", "/./././"],
    ["////", "/././././"],
    ["foo", "foo"],
    ["/foo", "/.foo"],
    ["//foo", "/./.foo"],
    ["///foo", "/././.foo"],
    ["///foo/", "/././.foo./"],
    ["///foo//", "/././.foo././"],
    ["///foo///", "/././.foo./././"],
    ["//.foo.//", "/././/foo//././"],
    ["foo/bar", "foo.bar"],
    ["/foo/bar", "/.foo.bar"],
    ["/foo/bar/", "/.foo.bar./"],
    ["foo/bar/baz", "foo.bar.baz"],
    ["/foo/bar/baz", "/.foo.bar.baz"],
    ["/foo/bar/baz/", "/.foo.bar.baz./"],
    ["bar/", "bar./"],
    ["bar//", "bar././"],
    ["bar///", "bar./././"],
    ["foo//bar", "foo./.bar"],
    ["foo///bar", "foo././.bar"],
    ["foo////bar", "foo./././.bar"],
    [".", "//"],
    ["..", "////"],
    ["...", "//////"],
    ["./", "//./"],
    [".//.", "//././/"],
    ["././.", "//.//.//"],
    ["././/.", "//.//././/"],
    [".foo", "//foo"],
    ["foo.", "foo//"],
    [".foo.", "//foo//"],
    ["foo../bar/", "foo////.bar./"],
    ["foo../bar/.", "foo////.bar.//"],
    ["/foo/", "/.foo./"],
    ["./foo/.", "//.foo.//"],
    ["foo.bar/baz", "foo//bar.baz"],
  ];
  for (const [topic, subject] of cases) {
    await t.step(topic, () => {
      assertEquals(subjectOfTopic(topic), subject);
      assertEquals(topicOfSubject(subject), topic);
    });
  }
  const wrong: [topic: string, text: string][] = [
    ["foo/+", "wildcards not allowed in publish"],
    ["foo/#", "wildcards not allowed in publish"],
    ["foo bar", "not supported"],
    ["foo\x7fbar", "not supported"],
  ];
  for (const [topic, text] of wrong) {
    await t.step(topic, () => fails(() => subjectOfTopic(topic), text));
  }
});

Deno.test("TestMQTTFilterConversion", () => {
  const cases: [topic: string, subject: string][] = [
    ["+", "*"],
    ["/+", "/.*"],
    ["+/", "*./"],
    ["/+/", "/.*./"],
    ["foo/+", "foo.*"],
    ["foo/+/", "foo.*./"],
    ["foo/+/bar", "foo.*.bar"],
    ["foo/+/+", "foo.*.*"],
    ["foo/+/+/", "foo.*.*./"],
    ["foo/+/+/bar", "foo.*.*.bar"],
    ["foo//+", "foo./.*"],
    ["foo//+/", "foo./.*./"],
    ["foo//+//", "foo./.*././"],
    ["foo//+//bar", "foo./.*./.bar"],
    ["foo///+///bar", "foo././.*././.bar"],
    ["foo.bar///+///baz", "foo//bar././.*././.baz"],
    ["#", ">"],
    ["/#", "/.>"],
    ["/foo/#", "/.foo.>"],
    ["foo/#", "foo.>"],
    ["foo//#", "foo./.>"],
    ["foo///#", "foo././.>"],
    ["foo/bar/#", "foo.bar.>"],
    ["foo/bar.baz/#", "foo.bar//baz.>"],
    // Wildcards of NATS are not escaped.
    ["foo*/bar", "foo*.bar"],
    ["foo>/bar", "foo>.bar"],
    ["foo/*/bar", "foo.*.bar"],
    ["foo/*/bar/*", "foo.*.bar.*"],
    ["foo/>", "foo.>"],
    ["foo/*/bar/>", "foo.*.bar.>"],
  ];
  for (const [topic, subject] of cases) assertEquals(subjectOfFilter(topic), subject);
});

Deno.test("TestMQTTParseSub", async (t) => {
  const cases: [name: string, bytes: number[], flags: number, length: number, text: string][] = [
    ["reserved flag", [], 3, 0, "wrong subscribe reserved flags"],
    ["ensure packet loaded", [1, 2], 2, 10, "unexpected EOF"],
    ["error reading packet id", [1], 2, 1, "reading packet identifier"],
    ["packet id cannot be zero", [0, 0], 2, 2, "packet identifier cannot be 0"],
    [
      "missing filters",
      [0, 1],
      2,
      2,
      "subscribe protocol must contain at least 1 topic filter",
    ],
    ["error reading topic", [0, 1, 0, 2, A], 2, 5, "topic filter"],
    ["empty topic", [0, 1, 0, 0], 2, 4, "topic filter cannot be empty"],
    ["invalid utf8 topic", [0, 1, 0, 1, 241], 2, 5, "invalid utf8 for topic filter"],
    ["topic with null byte", [0, 1, 0, 3, A, 0, B, 0], 2, 8, ""],
    ["missing qos", [0, 1, 0, 1, A], 2, 5, "QoS"],
    ["invalid qos", [0, 1, 0, 1, A, 3], 2, 6, "subscribe QoS value must be 0, 1 or 2"],
  ];
  for (const [name, bytes, flags, length, text] of cases) {
    await t.step(name, () => {
      fails(() => readSubscribe(readerOf(...bytes), { flags, length }, () => {}), text);
    });
  }
});

Deno.test("TestMQTTParsePub", async (t) => {
  const name = [0, 3, 0x66, 0x6f, 0x6f];
  const cases: [name: string, flags: number, bytes: number[], length: number, text: string][] = [
    ["qos not supported", 3 << 1, [], 0, "QoS=3 is invalid in MQTT"],
    ["packet in buffer error", 0, [], 10, "unexpected EOF"],
    ["error on topic", 0, [0, 3, 0x66, 0x6f], 4, "topic"],
    ["empty topic", 0, [0, 0], 2, "topic cannot be empty"],
    ["wildcards topic", 0, [0, 1, 0x23], 3, "wildcards not allowed"],
    ["invalid utf8 topic", 0, [0, 1, 241], 3, ""],
    ["topic with null byte", 0, [0, 3, 0x66, 0, 0x6f], 5, ""],
    ["error on packet identifier", 1 << 1, name, 5, "packet identifier"],
    ["invalid packet identifier", 1 << 1, [...name, 0, 0], 7, "packet identifier cannot be 0"],
  ];
  for (const [title, flags, bytes, length, text] of cases) {
    await t.step(title, () => {
      const packet = new PublishPacket();
      packet.flags = flags;
      fails(() => readPublish(readerOf(...bytes), length, packet, false), text);
    });
  }
});

Deno.test("TestMQTTNatsHeaderFlags", () => {
  for (let flags = 0; flags <= 0xf; flags++) {
    const encoded = encodeFlags(flags);
    assert(/^[0-9a-f]$/.test(encoded));
    assertEquals(decodeFlags(`0${encoded}`), flags);
  }
  assertEquals(encodeFlags(0xf0 | PublishFlag.Retain), "1");
  assertEquals(encodeFlags(0), "0");
  assertEquals(encodeFlags(PublishFlag.Retain), "1");
  assertEquals(encodeFlags(2 << 1 | PublishFlag.Retain), "5");
  assertEquals(encodeFlags(0xf), "f");
  for (const value of ["", "2"]) assertEquals(decodeFlags(value), 0);
});

Deno.test("TestMQTTParsePIMsg", () => {
  fails(() => readPacketId(readerOf()), "unexpected EOF");
  fails(() => readPacketId(readerOf(0)), "packet identifier");
  fails(() => readPacketId(readerOf(0, 0)), "packet identifier cannot be 0");
});

Deno.test("TestMQTTParseUnsub", async (t) => {
  const cases: [name: string, bytes: number[], flags: number, length: number, text: string][] = [
    ["reserved flag", [], 3, 0, "wrong unsubscribe reserved flags"],
    ["ensure packet loaded", [1, 2], 2, 10, "unexpected EOF"],
    ["error reading packet id", [1], 2, 1, "reading packet identifier"],
    ["packet id cannot be zero", [0, 0], 2, 2, "packet identifier cannot be 0"],
    [
      "missing filters",
      [0, 1],
      2,
      2,
      "subscribe protocol must contain at least 1 topic filter",
    ],
    ["error reading topic", [0, 1, 0, 2, A], 2, 5, "topic filter"],
    ["empty topic", [0, 1, 0, 0], 2, 4, "topic filter cannot be empty"],
    ["invalid utf8 topic", [0, 1, 0, 1, 241], 2, 5, "invalid utf8 for topic filter"],
    ["topic with null byte", [0, 1, 0, 3, A, 0, B], 2, 7, ""],
  ];
  for (const [name, bytes, flags, length, text] of cases) {
    await t.step(name, () => {
      fails(() => readUnsubscribe(readerOf(...bytes), { flags, length }, () => {}), text);
    });
  }
});

Deno.test("topics keep their bytes beyond ASCII", () => {
  const topic = byteStringOfText("käse/+");
  assertEquals(subjectOfFilter(topic), byteStringOfText("käse.*"));
  const bytes = Uint8Array.of(0xc3, 0xa4);
  assertEquals(topicOfSubject(byteStringOf(bytes, 0, 2)), byteStringOf(bytes, 0, 2));
});
