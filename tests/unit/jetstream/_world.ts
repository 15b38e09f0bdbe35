/**
 * JetStream without sockets, on virtual time: what is published, delivered and acknowledged
 * happens when the test says so.
 *
 * @module
 */
import { emptyOptions } from "../../../src/config/mod.ts";
import { Core } from "../../../src/core/core.ts";
import { emptyConsumerConfig, emptyStreamConfig } from "../../../src/jsapi/mod.ts";
import type { ConsumerConfig, StreamConfig } from "../../../src/jsapi/mod.ts";
import type { Consumer } from "../../../src/jetstream/consumer/consumer.ts";
import { addConsumer } from "../../../src/jetstream/consumer/create.ts";
import { JetStream } from "../../../src/jetstream/mod.ts";
import { createStream } from "../../../src/jetstream/stream/create.ts";
import type { Stream } from "../../../src/jetstream/stream/stream.ts";
import type { JsAccount } from "../../../src/jetstream/engine/js_account.ts";
import type { Disk } from "../../../src/platform/disk.ts";
import type { PasswordChecker } from "../../../src/platform/mod.ts";
import type { SeededRandom } from "../../sim/random.ts";
import { VirtualTime } from "../../sim/virtual_time.ts";

const NO_BYTES = new Uint8Array(0);
const encoder = new TextEncoder();

/** A message as a subscriber inside the server got it. */
export interface Received {
  readonly subject: string;
  readonly reply: string;
  readonly headers: string;
  readonly body: string;
}

/** One JetStream and its time. */
export class World {
  readonly time = new VirtualTime();
  readonly js: JetStream;
  readonly account: JsAccount;

  constructor(
    storeDir: string,
    random: SeededRandom,
    more: { disk?: Disk; syncAlways?: boolean; nowMs?: number } = {},
  ) {
    this.time.nowMs = more.nowMs ?? this.time.nowMs;
    const passwords: PasswordChecker = {
      matches: () => Promise.resolve(false),
      close: () => {},
    };
    const env = { ...this.time.environment(more.disk), random, passwords };
    const options = { ...emptyOptions(), jetStream: true, storeDir, maxPayload: 1 << 20 };
    options.disableJetStreamBanner = true;
    options.syncAlways = more.syncAlways ?? false;
    const core = new Core(options, env);
    core.setSystemAccount();
    this.js = new JetStream({
      core,
      options,
      version: "2.14.5",
      serverId: "ID",
      serverName: "NAME",
      storeEnv: env,
      machine: {
        memoryBytes: () => 2 ** 33,
        diskFreeBytes: () => 2 ** 40,
        temporaryDirectory: storeDir,
      },
    });
    this.js.start();
    this.account = this.js.accountOf(core.globalAccount)!;
  }

  addStream(config: Partial<StreamConfig>): Stream {
    const full = { ...emptyStreamConfig(), ...config };
    return createStream(this.account, full, { pedantic: false, recoveredNs: null });
  }

  addConsumer(stream: Stream, config: Partial<ConsumerConfig>): Consumer {
    const full = { ...emptyConsumerConfig(), ...config };
    return addConsumer(stream, full, { name: "", action: "", pedantic: false });
  }

  /** Publishes and ends the turn. */
  publish(subject: string, body = "", reply = "", headers: Record<string, string> = {}): void {
    this.send(subject, body, reply, headers);
    this.js.endTurn();
  }

  /** Publishes within the turn. */
  send(subject: string, body = "", reply = "", headers: Record<string, string> = {}): void {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = lines.length === 0
      ? NO_BYTES
      : encoder.encode(`NATS/1.0\r\n${lines.join("")}\r\n`);
    this.js.client.publish(this.account.account, subject, reply, head, encoder.encode(body));
  }

  /** Collects what is published on `subject`. */
  listen(subject: string): Received[] {
    const all: Received[] = [];
    const decoder = new TextDecoder();
    this.js.client.subscribe(
      this.account.account,
      subject,
      (_subscription, _account, on, reply, message, headerBytes) => {
        all.push({
          subject: on,
          reply,
          headers: decoder.decode(message.subarray(0, headerBytes)),
          body: decoder.decode(message.subarray(headerBytes)),
        });
      },
    );
    return all;
  }

  /** Lets time pass. */
  advance(ms: number): void {
    this.time.advance(ms);
    this.js.core.turnMs = this.time.nowMs;
    this.js.endTurn();
  }

  stop(): Promise<void> {
    return this.js.stop();
  }
}
