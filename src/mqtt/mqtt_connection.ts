/**
 * The edge of MQTT clients: reads their packets, one after the other, and answers them.
 *
 * What takes an answer of JetStream is waited for before the next packet is read.
 *
 * Reference: mqttParse, mqttProcessConnect, mqttProcessPub, mqttProcessPubRel,
 * mqttHandlePubRetain and mqttHandleClosedClient in server/mqtt.go.
 *
 * @module
 */
import { bytesOfByteString, textOfByteString } from "../base/text/byte_string.ts";
import { goQuote } from "../base/text/go_format.ts";
import { nuid } from "../base/text/nuid.ts";
import { type Authenticator, AuthOutcome } from "../core/auth/authenticator.ts";
import { ClosedState } from "../core/connection/closed_state.ts";
import type { Connection } from "../core/connection/connection.ts";
import type { Core } from "../core/core.ts";
import { isReservedText, refusePublishTo } from "../core/deliver/refuse.ts";
import type { TimerHandle } from "../platform/mod.ts";
import { sendPacket, sendRetained } from "./deliver.ts";
import { type AccountSessions, SessionCollisionError } from "./session/account_sessions.ts";
import { ErrorCode, JsRequestError, JsUnansweredError } from "./session/js_api.ts";
import type { MqttSessions } from "./session/mqtt_sessions.ts";
import { StreamName, SubjectPrefix } from "./session/names.ts";
import { retainedHeaders } from "./session/retained_message.ts";
import type { MqttSession } from "./session/session.ts";
import { CERTIFICATES, sparkplugKind } from "./sparkplug.ts";
import { ClientSubscriptions } from "./subscribe.ts";
import { ConnectPacket, connectTrace, readConnect } from "./wire/connect.ts";
import {
  checkFixedHeaderFlags,
  checkRemainingLength,
  ConnectRefusedError,
  FLAGS_MASK,
  isRetained,
  MqttError,
  PacketTooLargeError,
  PacketType,
  PublishFlag,
  qosOf,
  ReturnCode,
  TYPE_MASK,
} from "./wire/packet.ts";
import { PacketReader } from "./wire/packet_reader.ts";
import { connAck, identifiedPacket, PacketWriter, pingResp, subAck } from "./wire/packet_writer.ts";
import {
  deliveryHeaders,
  PublishPacket,
  publishTrace,
  pubRelHeaders,
  readPublish,
  readPublishHeaders,
  waitingHeaders,
} from "./wire/publish.ts";
import {
  readPacketId,
  readSubscribe,
  readUnsubscribe,
  subscribeTrace,
  type TopicFilter,
  unsubscribeTrace,
} from "./wire/subscribe.ts";
import { subjectOfTopic, topicOfSubject } from "./wire/topic.ts";

const READ_BUFFER_BYTES = 16 * 1024;
const NO_BYTES = new Uint8Array(0);
/** What JetStream says of a second message with the same packet id. */
const DUPLICATE = "maximum messages per subject exceeded";

/** What an MQTT connection needs of its server. */
export interface MqttContext {
  readonly core: Core;
  readonly auth: Authenticator;
  readonly mqttSessions: MqttSessions;
}

/** A message to be published, as PUBLISH, PUBREL and wills make them. Texts are byte strings. */
interface Outgoing {
  flags: number;
  topic: string;
  subject: string;
  payload: Uint8Array;
}

/** The connection ends, as another part has seen to already. */
class EndedError extends Error {
  override readonly name = "EndedError";
  readonly code = "MQTT_ENDED";
}

/** Serves one MQTT client. */
export class MqttConnection {
  readonly #reader = new PacketReader();
  readonly #publish = new PublishPacket();
  readonly #packet = new ConnectPacket();
  #connected = false;
  #disconnected = false;
  #sessions: AccountSessions | null = null;
  #session: MqttSession | null = null;
  #subscriptions: ClientSubscriptions | null = null;
  #silence: TimerHandle | null = null;
  #lastReadMs = 0;

  constructor(readonly context: MqttContext, readonly connection: Connection) {}

  /** Serves the client until it is gone. */
  async serve(): Promise<void> {
    const { connection, context: { core } } = this;
    if (connection.expectConnect) {
      const timeoutMs = connection.listenerAuth?.authTimeoutMs || core.options.authTimeoutMs;
      connection.setAuthTimer(timeoutMs, () => {
        connection.debug("Authentication Timeout");
        connection.close(ClosedState.AuthenticationTimeout);
      });
    }
    try {
      await this.#readLoop();
    } finally {
      if (this.#silence !== null) core.env.loop.clearTimer(this.#silence);
      if (!this.#disconnected) await this.#leave(this.#packet.will !== null);
    }
  }

  async #readLoop(): Promise<void> {
    const { connection, context: { core } } = this;
    const buffer = new Uint8Array(READ_BUFFER_BYTES);
    while (!connection.closed) {
      let count: number | null;
      try {
        count = await connection.transport.read(buffer);
      } catch (_error) {
        connection.close(ClosedState.ReadError);
        return;
      }
      if (connection.closed) return;
      if (count === null) {
        connection.close(ClosedState.ClientClosed);
        return;
      }
      core.turnMs = core.env.clock.monotonicMs();
      this.#lastReadMs = core.turnMs;
      connection.lastInboundMs = core.turnMs;
      this.#reader.feed(buffer.subarray(0, count));
      try {
        await this.#take();
      } catch (error) {
        this.#fail(error);
        return;
      }
      if (core.crowded !== null) await this.#stall();
    }
  }

  /** Gives a crowded receiver a moment before more is read. */
  async #stall(): Promise<void> {
    const { core } = this.context;
    const crowded = core.crowded!;
    core.crowded = null;
    const { loop } = core.env;
    await new Promise<void>((resolve) => {
      const timer = loop.setTimer(resolve, 10);
      void crowded.out.drained().then(() => {
        loop.clearTimer(timer);
        resolve();
      });
    });
  }

  #fail(error: unknown): void {
    const { connection } = this;
    if (error instanceof EndedError || connection.closed) return;
    if (error instanceof PacketTooLargeError) {
      this.#maxPayloadExceeded(error.packetBytes);
      return;
    }
    connection.error((error as Error).message);
    connection.close(ClosedState.ProtocolViolation);
  }

  #maxPayloadExceeded(sizeBytes: number): void {
    const { connection } = this;
    connection.error(`maximum payload exceeded: ${sizeBytes} vs ${connection.maxPayload}`);
    connection.sendError("Maximum Payload Violation");
    connection.close(ClosedState.MaxPayloadExceeded);
  }

  /** Handles what has been read. */
  async #take(): Promise<void> {
    const reader = this.#reader;
    const { connection } = this;
    while (reader.hasMore && !connection.closed) {
      reader.packetStart = reader.position;
      const first = reader.byte("packet type");
      const type = first & TYPE_MASK;
      if (!this.#connected && type !== PacketType.Connect) throw this.#notConnect(type);
      checkFixedHeaderFlags(type, first & FLAGS_MASK);
      const length = reader.packetLength(this.#connected ? -1 : connection.maxPayload);
      if (length < 0) return;
      checkRemainingLength(type, length);
      const working = this.#handle(type, first & FLAGS_MASK, length);
      if (working !== null) await working;
    }
  }

  #notConnect(type: number): MqttError {
    const { buffer, end } = this.#reader;
    const start = String.fromCharCode(...buffer.subarray(0, Math.min(4, end)));
    return new MqttError(
      start === "GET " && !this.connection.overWebsocket
        ? "MQTT clients over websocket must connect to the Websocket port, not the MQTT port"
        : `the first packet should be a CONNECT (${PacketType.Connect}), got ${type}`,
    );
  }

  /** Handles a packet; null when nothing has to be waited for. */
  #handle(type: number, flags: number, length: number): Promise<void> | null {
    const reader = this.#reader;
    switch (type) {
      case PacketType.Publish:
        return this.#onPublish(flags, length);
      case PacketType.PubAck:
        this.#onPubAck(this.#packetId("PUBACK"));
        return null;
      case PacketType.PubRec:
        return this.#onPubRec(this.#packetId("PUBREC"));
      case PacketType.PubRel:
        return this.#onPubRel(this.#packetId("PUBREL"));
      case PacketType.PubComp:
        this.#onPubComp(this.#packetId("PUBCOMP"));
        return null;
      case PacketType.Subscribe:
        return this.#onSubscribe(flags, length);
      case PacketType.Unsubscribe:
        return this.#onUnsubscribe(flags, length);
      case PacketType.PingReq:
        this.#traceIn("PINGREQ", "");
        sendPacket(this.connection, pingResp());
        this.#traceOut("PINGRESP", "");
        return null;
      case PacketType.Connect:
        if (this.#connected) throw new MqttError("received a second CONNECT packet");
        return this.#onConnect();
      case PacketType.Disconnect:
        this.#traceIn("DISCONNECT", "");
        return this.#onDisconnect();
      default:
        reader.position += length;
        throw new MqttError(`received unknown packet type ${type >> 4}`);
    }
  }

  #traceIn(operation: string, text: string): void {
    const { connection } = this;
    if (connection.trace) {
      connection.traceLine(`<<- [${text === "" ? operation : `${operation} ${text}`}]`);
    }
  }

  #traceOut(operation: string, text: string): void {
    const { connection } = this;
    if (connection.trace) {
      connection.traceLine(`->> [${text === "" ? operation : `${operation} ${text}`}]`);
    }
  }

  #packetId(operation: string): number {
    const packetId = readPacketId(this.#reader);
    this.#traceIn(operation, `pi=${packetId}`);
    return packetId;
  }

  // Coming

  async #onConnect(): Promise<void> {
    const { connection, context: { core } } = this;
    const packet = this.#packet;
    try {
      readConnect(this.#reader, packet, {
        rejectQoS2Pub: core.options.mqtt.rejectQoS2Pub,
        newClientId: () => nuid(core.env.random),
      });
    } catch (error) {
      this.#name(packet.clientId);
      if (error instanceof ConnectRefusedError) this.#sendConnAck(error.returnCode, false);
      throw error;
    }
    this.#name(packet.clientId);
    this.#traceIn("CONNECT", connectTrace(packet));
    connection.connect.user = textOfByteString(packet.userName);
    connection.connect.pass = textOfByteString(packet.password);
    connection.connect.auth_token = connection.connect.pass;
    if (core.operators !== null) connection.connect.jwt = connection.connect.pass;
    this.#mapWill();
    try {
      await this.#login();
    } catch (error) {
      if (error instanceof EndedError) throw error;
      throw new MqttError(`unable to connect: ${(error as Error).message}`);
    }
    connection.debug("Client connected");
    this.#connected = true;
    if (packet.silenceMs > 0) this.#watchSilence(packet.silenceMs);
  }

  #name(clientId: string): void {
    const { connection } = this;
    connection.mqttClientId = textOfByteString(clientId);
    connection.addToLabel(connection.mqttClientId);
  }

  #mapWill(): void {
    const { will } = this.#packet;
    if (will === null) return;
    const mapped = this.#mapped(will.subject);
    if (mapped === null) return;
    will.mapped = will.subject;
    will.subject = mapped;
    will.topic = topicOfSubject(mapped);
  }

  #mapped(subject: string): string | null {
    const mapped = this.connection.account?.mapper?.map(subject) ?? null;
    return mapped === subject ? null : mapped;
  }

  #sendConnAck(returnCode: number, present: boolean): void {
    sendPacket(this.connection, connAck(returnCode, present));
    this.#traceOut("CONNACK", `sp=${present} rc=${returnCode}`);
  }

  async #login(): Promise<void> {
    const { connection, context } = this;
    connection.clearAuthTimer();
    const outcome = await context.auth.check(connection);
    if (connection.closed) throw new EndedError();
    if (outcome === AuthOutcome.AccountFull) throw new EndedError();
    if (outcome === AuthOutcome.Refused) {
      this.#sendConnAck(ReturnCode.NotAuthorized, false);
      connection.authViolation();
      throw new EndedError();
    }
    connection.connectReceived = true;
    context.core.events?.connected(connection);
    const sessions = await context.mqttSessions.of(connection.account!);
    const { clientId } = this.#packet;
    if (connection.closed) throw new EndedError();
    if (!(await sessions.lockForConnect(clientId, connection))) {
      connection.close(ClosedState.DuplicateClientID);
      throw new EndedError();
    }
    try {
      await this.#join(sessions, clientId);
    } finally {
      sessions.unlock(clientId);
    }
  }

  /** Takes the session over, or begins one. */
  async #join(sessions: AccountSessions, clientId: string): Promise<void> {
    const { connection } = this;
    const { cleanSession } = this.#packet;
    let session = sessions.find(clientId);
    let existed = session !== undefined;
    if (session === undefined) {
      try {
        ({ session, existed } = await sessions.load(clientId));
      } catch (error) {
        if (error instanceof SessionCollisionError) {
          this.#sendConnAck(ReturnCode.IdentifierRejected, false);
        }
        const account = textOfByteString(connection.account!.name);
        throw new Error(
          `${(error as Error).message} for account ${goQuote(account)}, session ` +
            goQuote(textOfByteString(clientId)),
          { cause: error },
        );
      }
    }
    let present = false;
    if (existed) {
      if (cleanSession || session.clean) {
        await session.clear(true).catch((error) => {
          sessions.remove(session);
          throw error;
        });
      } else present = true;
      this.#replace(sessions, session);
    } else sessions.add(session);
    session.connection = connection;
    session.clean = cleanSession;
    session.pubRelSubscription = null;
    await session.save().catch((error) => {
      session.connection = null;
      sessions.remove(session);
      throw error;
    });
    this.#sessions = sessions;
    this.#session = session;
    const receiver = { connection, session, writer: new PacketWriter() };
    this.#subscriptions = new ClientSubscriptions(receiver, sessions);
    this.#sendConnAck(ReturnCode.Accepted, present);
    const filters: TopicFilter[] = [];
    for (const [subject, qos] of session.subscriptions) {
      filters.push({ topic: topicOfSubject(subject), subject, qos });
    }
    if (filters.length > 0) await this.#subscriptions.subscribe(filters, true);
  }

  /** Sends away the client that has the session [MQTT-3.1.4-2]. */
  #replace(sessions: AccountSessions, session: MqttSession): void {
    const other = session.connection;
    if (other === null) return;
    const { connection } = this;
    sessions.noteTaken(session.id);
    connection.core.env.log.warn(
      `${connection.label} - Replacing old client ${goQuote(other.label)} since both have the ` +
        `same client ID ${goQuote(connection.mqttClientId)}`,
    );
    // Its will is not published, since its session goes on.
    session.connection = null;
    other.close(ClosedState.DuplicateClientID);
  }

  #watchSilence(silenceMs: number): void {
    const { connection, context: { core: { env } } } = this;
    const look = (delayMs: number): void => {
      this.#silence = env.loop.setTimer(() => {
        const silentMs = env.clock.monotonicMs() - this.#lastReadMs;
        if (connection.closed) return;
        if (silentMs >= silenceMs) connection.close(ClosedState.ReadError);
        else look(silenceMs - silentMs);
      }, delayMs);
    };
    look(silenceMs);
  }

  // Going

  async #onDisconnect(): Promise<void> {
    this.#packet.will = null;
    this.#disconnected = true;
    await this.#leave(false);
    this.connection.close(ClosedState.ClientClosed);
    throw new EndedError();
  }

  /** Leaves the session, which ends when it was a clean one, and publishes the will. */
  async #leave(withWill: boolean): Promise<void> {
    const sessions = this.#sessions;
    const session = this.#session;
    const { connection } = this;
    if (sessions === null || session === null || session.connection !== connection) return;
    try {
      sessions.lock(session, connection);
    } catch (_error) {
      return;
    }
    try {
      session.connection = null;
      if (session.clean) sessions.remove(session);
      sessions.noteLeft(session.id);
      if (session.clean) await session.clear(false);
      const { will } = this.#packet;
      if (withWill && will !== null) {
        const { topic, subject, message: payload, qos, retain } = will;
        const flags = qos << 1 | (retain ? PublishFlag.Retain : 0);
        await this.#deliver({ flags, topic, subject, payload });
      }
    } catch (error) {
      connection.error((error as Error).message);
    } finally {
      sessions.unlock(session.id);
    }
  }

  // Publishing

  #onPublish(flags: number, length: number): Promise<void> | null {
    const { connection, context: { core } } = this;
    const packet = this.#publish;
    packet.flags = flags;
    readPublish(this.#reader, length, packet, core.options.mqtt.rejectQoS2Pub);
    const mapped = this.#mapped(packet.subject);
    if (mapped !== null) {
      packet.mapped = packet.subject;
      packet.subject = mapped;
      packet.topic = topicOfSubject(mapped);
    }
    if (connection.trace) {
      const { topic, payload, packetId } = packet;
      this.#traceIn("PUBLISH", publishTrace(flags, topic, payload.length, packetId));
      this.#tracePayload(payload);
    }
    const qos = qosOf(flags);
    const headers = bytesOfByteString(qos === 2 ? waitingHeaders(packet) : deliveryHeaders(qos));
    const total = headers.length + packet.payload.length;
    if (connection.maxPayload >= 0 && total > connection.maxPayload) {
      this.#maxPayloadExceeded(total);
      throw new EndedError();
    }
    if (qos === 0) {
      if (needsRetaining(packet) === null) {
        if (this.#admit(packet, total)) this.#send(packet, headers);
        return null;
      }
      return this.#deliver(packet);
    }
    return qos === 1 ? this.#publishOnce(packet) : this.#keepForRelease(packet, headers);
  }

  #tracePayload(payload: Uint8Array): void {
    const { maxTracedMsgLen } = this.context.core.options;
    const shown = maxTracedMsgLen > 0 && payload.length > maxTracedMsgLen
      ? `"${new TextDecoder().decode(payload.subarray(0, maxTracedMsgLen))}..."`
      : goQuote(new TextDecoder().decode(payload));
    this.connection.traceLine(`<<- MSG_PAYLOAD: [${shown}]`);
  }

  async #publishOnce(packet: PublishPacket): Promise<void> {
    const { packetId } = packet;
    await this.#deliver(packet);
    this.#answer(PacketType.PubAck, packetId);
  }

  async #keepForRelease(packet: PublishPacket, headers: Uint8Array): Promise<void> {
    const { packetId } = packet;
    try {
      await this.#session!.api.store(this.#waitingSubject(packetId), headers, packet.payload);
    } catch (error) {
      const again = error instanceof JsRequestError &&
        error.errorCode === ErrorCode.StreamStoreFailed && error.description === DUPLICATE;
      if (!again) throw error;
    }
    this.#answer(PacketType.PubRec, packetId);
  }

  #waitingSubject(packetId: number): string {
    return `${SubjectPrefix.QoS2In}${this.#packet.clientId}.${packetId}`;
  }

  #answer(type: number, packetId: number): void {
    sendPacket(this.connection, identifiedPacket(type, packetId));
    this.#traceOut(ANSWER_NAMES[type]!, `pi=${packetId}`);
  }

  async #onPubRel(packetId: number): Promise<void> {
    const { api } = this.#session!;
    try {
      const stored = await api.loadLast(StreamName.QoS2In, this.#waitingSubject(packetId))
        .catch(ignoreJetStream);
      if (stored === null) return;
      await api.deleteMsg(StreamName.QoS2In, stored.sequence).catch(ignoreJetStream);
      const published = readPublishHeaders(stored.headers);
      if (published === null || published.qos !== 2 || published.subject === "") {
        throw new MqttError("invalid message in QoS2 PUBREL stream");
      }
      const { subject, qos, retained } = published;
      await this.#deliver({
        flags: qos << 1 | (retained ? PublishFlag.Retain : 0),
        topic: topicOfSubject(subject),
        subject,
        payload: stored.payload,
      });
    } finally {
      this.#answer(PacketType.PubComp, packetId);
    }
  }

  /** Counts a message; false when the client may not publish it. */
  #admit({ subject }: Outgoing, size: number): boolean {
    const { connection, context: { core } } = this;
    const account = connection.account!;
    const { stats } = core;
    connection.inMsgs++;
    connection.inBytes += size;
    connection.lastActivityMs = core.turnMs;
    account.inMsgs++;
    account.inBytes += size;
    stats.inMsgs++;
    stats.inBytes += size;
    stats.inClientMsgs++;
    stats.inClientBytes += size;
    const { permissions } = connection;
    const refused = isReservedText(subject, account === core.systemAccount) ||
      (permissions !== null && permissions.limitsPublish &&
        !permissions.canPublish(subject, core.turnMs));
    if (refused) refusePublishTo(connection, subject);
    return !refused;
  }

  #send({ subject, payload }: Outgoing, headers: Uint8Array): void {
    const { connection, context: { core } } = this;
    // Mappings may have dropped it.
    if (subject === "") return;
    core.internal.deliver(
      connection.account!,
      subject,
      subject,
      "",
      headers,
      payload,
      connection,
    );
  }

  /** Delivers a message to all, and to sessions through JetStream when it must not be lost. */
  async #deliver(message: Outgoing): Promise<void> {
    const qos = qosOf(message.flags);
    const headers = bytesOfByteString(deliveryHeaders(qos));
    if (!this.#admit(message, headers.length + message.payload.length)) return;
    const retaining = needsRetaining(message);
    if (retaining !== null) await this.#retain(message, retaining);
    this.#send(message, headers);
    if (qos === 0 || message.subject === "") return;
    const { api } = this.#session!;
    await api.store(SubjectPrefix.Messages + message.subject, headers, message.payload);
  }

  async #retain(message: Outgoing, what: "message" | "birth"): Promise<void> {
    const { connection } = this;
    const { api } = this.#session!;
    let { topic, subject, flags } = message;
    const { payload } = message;
    if (what === "birth") {
      topic = CERTIFICATES + topic;
      subject = subjectOfTopic(topic);
      flags |= PublishFlag.Retain;
      if (payload.length > 0) api.send(subject, payload.slice(), NO_BYTES);
    }
    const retained = {
      origin: api.id,
      subject,
      topic,
      payload,
      flags,
      source: this.#packet.userName,
    };
    try {
      await api.store(SubjectPrefix.Retained + subject, retainedHeaders(retained), payload);
    } catch (error) {
      connection.error(
        `unable to store retained message for account ${
          goQuote(textOfByteString(connection.account!.name))
        }, subject ${goQuote(textOfByteString(subject))}: ${(error as Error).message}`,
      );
    }
  }

  // Being delivered to

  #ownSession(): MqttSession {
    const session = this.#session;
    if (session === null || session.connection !== this.connection) {
      throw new MqttError("invalid MQTT session");
    }
    return session;
  }

  #onPubAck(packetId: number): void {
    const session = this.#ownSession();
    session.api.acknowledge(session.untrackPublish(packetId));
  }

  async #onPubRec(packetId: number): Promise<void> {
    const session = this.#ownSession();
    session.trackPubRel(packetId, "");
    const ackSubject = session.untrackPublish(packetId);
    await session.api.store(
      SubjectPrefix.PubRel + session.idHash,
      bytesOfByteString(pubRelHeaders(packetId)),
      NO_BYTES,
    );
    session.api.acknowledge(ackSubject);
  }

  #onPubComp(packetId: number): void {
    const session = this.#session;
    if (session === null || session.connection !== this.connection) return;
    session.api.acknowledge(session.untrackPubRel(packetId));
  }

  // Subscribing

  readonly #onUnusable = (topic: string, why: string): void => {
    this.connection.error(`invalid topic ${goQuote(textOfByteString(topic))}: ${why}`);
  };

  async #onSubscribe(flags: number, length: number): Promise<void> {
    const packet = readSubscribe(this.#reader, { flags, length }, this.#onUnusable);
    this.#traceIn("SUBSCRIBE", this.connection.trace ? subscribeTrace(packet) : "");
    const { filters, packetId } = packet;
    const made = await this.#locked(() => this.#subscriptions!.subscribe(filters, false));
    this.#traceOut("SUBACK", `pi=${packetId}`);
    sendPacket(this.connection, subAck(packetId, filters.map(({ qos }) => qos)));
    for (const subscription of made) sendRetained(subscription);
  }

  async #onUnsubscribe(flags: number, length: number): Promise<void> {
    const packet = readUnsubscribe(this.#reader, { flags, length }, this.#onUnusable);
    this.#traceIn("UNSUBSCRIBE", this.connection.trace ? unsubscribeTrace(packet) : "");
    await this.#locked(() => this.#subscriptions!.unsubscribe(packet.filters));
    this.#traceOut("UNSUBACK", `pi=${packet.packetId}`);
    sendPacket(this.connection, identifiedPacket(PacketType.UnsubAck, packet.packetId));
  }

  async #locked<T>(work: () => Promise<T>): Promise<T> {
    const sessions = this.#sessions!;
    const session = this.#session!;
    sessions.lock(session, this.connection);
    try {
      return await work();
    } finally {
      sessions.unlock(session.id);
    }
  }
}

const ANSWER_NAMES: Readonly<Record<number, string>> = {
  [PacketType.PubAck]: "PUBACK",
  [PacketType.PubRec]: "PUBREC",
  [PacketType.PubComp]: "PUBCOMP",
};

/** What of a message is to be stored for those who subscribe later; null for nothing. */
function needsRetaining({ flags, topic }: Outgoing): "message" | "birth" | null {
  const kind = sparkplugKind(topic);
  const isBirth = kind !== null && kind.isBirth && !kind.isCertificate;
  // A birth must not ask to be retained.
  if (isRetained(flags) === isBirth) return null;
  return isBirth ? "birth" : "message";
}

function ignoreJetStream(error: unknown): null {
  if (error instanceof JsRequestError || error instanceof JsUnansweredError) return null;
  throw error;
}
