/**
 * MQTT packets of random bytes, and in random pieces.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ConnectPacket, connectTrace, readConnect } from "../../../src/mqtt/wire/connect.ts";
import { FLAGS_MASK, MqttError, PacketType, TYPE_MASK } from "../../../src/mqtt/wire/packet.ts";
import { PacketReader } from "../../../src/mqtt/wire/packet_reader.ts";
import { PacketWriter, writePublishHeader } from "../../../src/mqtt/wire/packet_writer.ts";
import { PublishPacket, publishTrace, readPublish } from "../../../src/mqtt/wire/publish.ts";
import {
  readPacketId,
  readSubscribe,
  readUnsubscribe,
  subscribeTrace,
  unsubscribeTrace,
} from "../../../src/mqtt/wire/subscribe.ts";
import { subjectOfFilter, subjectOfTopic, topicOfSubject } from "../../../src/mqtt/wire/topic.ts";
import { SeededRandom } from "../../sim/random.ts";

const SEED = 20261125;

function randomBytes(random: SeededRandom, sizeMax: number): Uint8Array {
  const bytes = new Uint8Array(random.below(sizeMax + 1));
  // Small numbers and letters get further into a packet than any bytes do.
  for (let i = 0; i < bytes.length; i++) {
    const range = random.below(4);
    bytes[i] = range === 0 ? random.below(256) : range === 1 ? random.below(4) : 0x61;
  }
  return bytes;
}

function readAny(type: number, flags: number, reader: PacketReader, length: number): void {
  const rules = { rejectQoS2Pub: false, newClientId: () => "made" };
  switch (type) {
    case PacketType.Connect: {
      const packet = new ConnectPacket();
      readConnect(reader, packet, rules);
      connectTrace(packet);
      return;
    }
    case PacketType.Publish: {
      const packet = new PublishPacket();
      packet.flags = flags;
      readPublish(reader, length, packet, false);
      publishTrace(flags, packet.topic, packet.payload.length, packet.packetId);
      return;
    }
    case PacketType.Subscribe:
      subscribeTrace(readSubscribe(reader, { flags, length }, () => {}));
      return;
    case PacketType.Unsubscribe:
      unsubscribeTrace(readUnsubscribe(reader, { flags, length }, () => {}));
      return;
    default:
      readPacketId(reader);
  }
}

Deno.test("random packets are read or refused, and never beyond their buffer", () => {
  const random = new SeededRandom(SEED);
  const types = Object.values(PacketType);
  const connect = Uint8Array.of(0, 4, 0x4d, 0x51, 0x54, 0x54, 4);
  let read = 0;
  for (let round = 0; round < 20_000; round++) {
    const type = types[random.below(types.length)]!;
    const tail = randomBytes(random, 24);
    const head = type === PacketType.Connect ? connect : new Uint8Array(0);
    const bytes = new Uint8Array(head.length + tail.length);
    bytes.set(head);
    bytes.set(tail, head.length);
    const reader = new PacketReader();
    reader.feed(bytes);
    try {
      readAny(type, random.below(2) === 0 ? 2 : random.below(16), reader, bytes.length);
      read++;
    } catch (error) {
      assert(error instanceof MqttError, `seed ${SEED}, round ${round}: ${error}`);
    }
    assert(reader.position <= bytes.length, `seed ${SEED}, round ${round}`);
  }
  assert(read > 1000, `${read}`);
});

Deno.test("topics come back from subjects, which have no empty tokens", () => {
  const random = new SeededRandom(SEED + 1);
  const letters = ["/", "/", ".", "a", "é", "$", "*", "b"];
  for (let round = 0; round < 20_000; round++) {
    let topic = "";
    for (let i = 1 + random.below(9); i > 0; i--) topic += letters[random.below(letters.length)]!;
    const subject = subjectOfTopic(topic);
    assertEquals(topicOfSubject(subject), topic, `seed ${SEED + 1}, ${subject}`);
    assert(subject.split(".").every((token) => token !== ""), `seed ${SEED + 1}, ${subject}`);
    assertEquals(subjectOfFilter(topic), subject);
  }
});

Deno.test("packets come out whole, however they arrive", () => {
  const random = new SeededRandom(SEED + 2);
  const writer = new PacketWriter();
  const sent: string[] = [];
  for (let i = 0; i < 300; i++) {
    const payload = new Uint8Array(random.below(i % 10 === 0 ? 40_000 : 40)).fill(i);
    const qos = random.below(3);
    const topic = `t/${i}`;
    writePublishHeader(writer, topic, payload.length, {
      packetId: i + 1,
      qos,
      dup: false,
      retained: false,
    });
    writer.raw(payload);
    sent.push(`${topic} ${qos} ${qos > 0 ? i + 1 : 0} ${payload.length}`);
  }
  const all = writer.bytes;
  const got: string[] = [];
  const reader = new PacketReader();
  const packet = new PublishPacket();
  for (let at = 0; at < all.length;) {
    const size = 1 + random.below(random.below(3) === 0 ? 5000 : 3);
    const chunk = all.slice(at, at + size);
    at += size;
    reader.feed(chunk);
    while (reader.hasMore) {
      reader.packetStart = reader.position;
      const first = reader.byte("packet type");
      assertEquals(first & TYPE_MASK, PacketType.Publish);
      const length = reader.packetLength(-1);
      if (length < 0) break;
      packet.flags = first & FLAGS_MASK;
      readPublish(reader, length, packet, false);
      const { topic, flags, packetId, payload } = packet;
      got.push(`${topic} ${flags >> 1} ${packetId} ${payload.length}`);
    }
  }
  assertEquals(got, sent, `seed ${SEED + 2}`);
});
