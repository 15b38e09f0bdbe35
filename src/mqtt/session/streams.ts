/**
 * The streams in which an account keeps what MQTT needs; they are made before its first session.
 *
 * Reference: mqttCreateAccountSessionManager, transferUniqueSessStreamsToMuxed and
 * transferRetainedToPerKeySubjectStream in server/mqtt.go.
 *
 * @module
 */
import { byteStringOfText } from "../../base/text/byte_string.ts";
import { shortHash } from "../../base/crypto/short_hash.ts";
import { emptyStreamConfig, type StreamConfig } from "../../jsapi/mod.ts";
import {
  ErrorCode,
  expectRefusal,
  type JsApi,
  JsRequestError,
  type StreamAnswer,
} from "./js_api.ts";
import {
  OLD_RETAINED_SUBJECT,
  OLD_SESSION_STREAM_PREFIX,
  StreamName,
  SubjectPrefix,
} from "./names.ts";

const TRANSFER_RETRY_MS = 5000;
const TRANSFER_MAX_MS = 10_000;

/** Makes the streams that are not there. */
export class AccountStreams {
  #stopped = false;

  /** `domainToken` is the domain with a dot behind, or empty. */
  constructor(readonly api: JsApi, readonly domainToken: string) {}

  stop(): void {
    this.#stopped = true;
  }

  /** Rejects when JetStream does not do what is needed. */
  async ensure(): Promise<void> {
    const { domainToken } = this;
    const madeSessions = await this.#ensure("sessions", {
      name: StreamName.Sessions,
      subjects: [`${SubjectPrefix.Sessions}${domainToken}>`],
      maxMsgsPer: 1,
    });
    if (madeSessions?.created === true) void this.#transferSessions();
    await this.#ensure("messages", {
      name: StreamName.Messages,
      subjects: [`${SubjectPrefix.Messages}>`],
      retention: "interest",
    });
    await this.#ensure("QoS2 incoming messages", {
      name: StreamName.QoS2In,
      subjects: [`${SubjectPrefix.QoS2In}>`],
      discard: "new",
      maxMsgsPer: 1,
      discardNewPer: true,
    });
    await this.#ensure("QoS2 outgoing PUBREL", {
      name: StreamName.Out,
      subjects: [`${SubjectPrefix.Out}>`],
      retention: "interest",
    });
    await this.#ensureRetained();
  }

  /** The stream if it had to be made, otherwise null. */
  async #ensure(what: string, config: Partial<StreamConfig>): Promise<StreamAnswer | null> {
    const name = config.name!;
    if (await this.#lookUp(name, what) !== null) return null;
    const { streamReplicas } = this.api.core.options.mqtt;
    try {
      return await this.api.createStream({
        ...emptyStreamConfig(),
        ...config,
        replicas: Math.max(1, streamReplicas),
      });
    } catch (error) {
      if (error instanceof JsRequestError && error.errorCode === ErrorCode.StreamNameExists) {
        return null;
      }
      throw this.#failed(`create ${what} stream`, error);
    }
  }

  async #lookUp(name: string, what: string): Promise<StreamAnswer | null> {
    const { api } = this;
    let found: StreamAnswer;
    try {
      found = await api.streamInfo(name);
    } catch (error) {
      if (error instanceof JsRequestError && error.errorCode === ErrorCode.StreamNotFound) {
        return null;
      }
      throw this.#failed(`lookup ${what} stream`, error);
    }
    const { streamReplicas } = api.core.options.mqtt;
    if (streamReplicas > 0 && streamReplicas !== found.replicas) {
      api.core.env.log.warn(
        `MQTT ${what} stream replicas mismatch: current is ${found.replicas} but configuration ` +
          `is ${streamReplicas} for '${api.account.name} > ${name}'`,
      );
    }
    return found;
  }

  #failed(action: string, cause: unknown): Error {
    const { message } = cause as Error;
    return new Error(`${action} for account "${this.api.account.name}": ${message}`, { cause });
  }

  async #ensureRetained(): Promise<void> {
    const name = StreamName.Retained;
    const subjects = [`${SubjectPrefix.Retained}>`];
    const made = await this.#ensure("retained messages", { name, subjects, maxMsgsPer: 1 });
    if (made !== null) return;
    let found = await this.#lookUp(name, "retained messages");
    if (found === null) {
      throw new Error(
        "could not look up or create the retained messages stream for account " +
          `"${this.api.account.name}"`,
      );
    }
    const perSubject = found.config["max_msgs_per_subject"] === 1;
    if (JSON.stringify(found.config["subjects"]) !== JSON.stringify(subjects)) {
      found = await this.#update(name, { ...found.config, subjects });
    }
    if (perSubject) return;
    await this.#transferRetained();
    await this.#update(name, { ...found.config, max_msgs_per_subject: 1 });
    await this.#transferRetained();
  }

  async #update(name: string, config: Record<string, unknown>): Promise<StreamAnswer> {
    try {
      return await this.api.updateStream(name, config);
    } catch (error) {
      throw new Error(`failed to update stream config: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  /** Moves sessions out of streams of their own, as old versions had them. */
  async #transferSessions(): Promise<void> {
    const { log, loop } = this.api.core.env;
    try {
      const names = (await this.api.streamNames())
        .filter((name) => name.startsWith(OLD_SESSION_STREAM_PREFIX));
      if (names.length === 0) return;
      log.notice(`Transferring ${names.length} MQTT session streams...`);
      for (const name of names) await this.#transferSession(name);
      log.notice(`Transfer of ${names.length} MQTT session streams done!`);
    } catch (error) {
      if (this.#stopped) return;
      log.error(`Unable to transfer MQTT session streams: ${(error as Error).message}`);
      log.warn(
        `Failed to transfer all MQTT session streams, will try again in ${
          TRANSFER_RETRY_MS / 1000
        }s`,
      );
      loop.setTimer(() => {
        if (!this.#stopped) void this.#transferSessions();
      }, TRANSFER_RETRY_MS);
    }
  }

  async #transferSession(name: string): Promise<void> {
    const { api } = this;
    const { log } = api.core.env;
    log.notice(`  Transferring stream "${name}" to "${StreamName.Sessions}"`);
    const { payload } = await api.loadLast(name, name);
    const id = textField(payload, "id");
    if (id === null) {
      log.warn(
        "    Unable to unmarshal the content of this stream, may not be a legitimate MQTT " +
          "session stream, skipping",
      );
      return;
    }
    const hash = shortHash(id);
    const subject = `${SubjectPrefix.Sessions}${this.domainToken}${hash}`;
    await api.storeSession(subject, hash, null, payload);
    await api.deleteStream(name);
  }

  /** Moves retained messages out of the one subject that old versions had for all. */
  async #transferRetained(): Promise<void> {
    const { api } = this;
    const { clock, log } = api.core.env;
    const startMs = clock.monotonicMs();
    let processed = 0;
    let transferred = 0;
    for (;;) {
      const old = await api.loadNext(StreamName.Retained, OLD_RETAINED_SUBJECT)
        .catch((error) => {
          expectRefusal(error, ErrorCode.NoMessageFound);
          return null;
        });
      if (old === null) break;
      const subject = textField(old.payload, "subject");
      if (subject === null) {
        log.warn(
          `    Unable to unmarshal retained message with sequence ${old.sequence}, skipping`,
        );
      } else {
        const target = SubjectPrefix.Retained + byteStringOfText(subject);
        await api.store(target, null, old.payload);
        transferred++;
      }
      await api.deleteMsg(StreamName.Retained, old.sequence);
      processed++;
      if (clock.monotonicMs() - startMs > TRANSFER_MAX_MS) {
        log.notice(
          "timed out while transferring retained messages from '$MQTT.rmsgs', " +
            `${processed} processed, ${transferred} successfully transferred`,
        );
        return;
      }
    }
    if (processed > 0) {
      log.notice(
        `Processed ${processed} messages from '$MQTT.rmsgs', successfully transferred ` +
          `${transferred}`,
      );
    } else log.debug("No messages found to transfer from '$MQTT.rmsgs'");
  }
}

/** A text in a JSON object, empty when it is missing; null when `json` is no object. */
function textField(json: Uint8Array, name: string): string | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(json));
    if (value === null || typeof value !== "object" || Array.isArray(value)) return null;
    return String((value as Record<string, unknown>)[name] ?? "");
  } catch (_notJson) {
    return null;
  }
}
