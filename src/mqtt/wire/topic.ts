/**
 * Topics and filters of MQTT as NATS subjects, and back. All are byte strings.
 *
 * | topic | subject |
 * |---|---|
 * | `/` first | `/.` |
 * | `/` last, or with a `/` behind it | `./` |
 * | other `/` | `.` |
 * | `.` | `//` |
 * | `+`, `#` in filters | `*`, `>` |
 *
 * Reference: mqttToNATSSubjectConversion and natsSubjectToMQTTTopic in server/mqtt.go.
 *
 * @module
 */
import { goQuote } from "../../base/text/go_format.ts";
import { textOfByteString } from "../../base/text/byte_string.ts";
import { MqttError } from "./packet.ts";

const TAB = 9;
const LINE_FEED = 10;
const FORM_FEED = 12;
const CARRIAGE_RETURN = 13;
const BLANK = 32;
const HASH = 35;
const PLUS = 43;
const DOT = 46;
const SLASH = 47;
const DELETE = 127;

/** The subject of a topic to publish to. Throws {@linkcode MqttError} for wildcards. */
export function subjectOfTopic(topic: string): string {
  return convert(topic, false);
}

/** The subject of a topic filter. Throws {@linkcode MqttError} for what subjects cannot hold. */
export function subjectOfFilter(filter: string): string {
  return convert(filter, true);
}

function convert(topic: string, wildcards: boolean): string {
  const last = topic.length - 1;
  let subject = "";
  // What `[copied, i)` holds is the same in the subject.
  let copied = 0;
  let endsWithDot = false;
  for (let i = 0; i <= last; i++) {
    let converted: string;
    switch (topic.charCodeAt(i)) {
      case SLASH:
        if (i === 0 || (endsWithDot && copied === i)) converted = "/.";
        else if (i === last || topic.charCodeAt(i + 1) === SLASH) converted = "./";
        else converted = ".";
        break;
      case DOT:
        converted = "//";
        break;
      case PLUS:
      case HASH:
        if (!wildcards) {
          const shown = goQuote(textOfByteString(topic));
          throw new MqttError(`wildcards not allowed in publish's topic: ${shown}`);
        }
        converted = topic.charCodeAt(i) === PLUS ? "*" : ">";
        break;
      case TAB:
      case LINE_FEED:
      case FORM_FEED:
      case CARRIAGE_RETURN:
      case BLANK:
      case DELETE:
        throw new MqttError("character not supported for MQTT topics");
      default:
        continue;
    }
    subject += topic.slice(copied, i) + converted;
    copied = i + 1;
    endsWithDot = converted.charCodeAt(converted.length - 1) === DOT;
  }
  if (copied === 0) return topic;
  if (copied <= last) return subject + topic.slice(copied);
  return endsWithDot ? subject + "/" : subject;
}

/** The topic of a subject without wildcards. */
export function topicOfSubject(subject: string): string {
  const last = subject.length - 1;
  let topic = "";
  let copied = 0;
  for (let i = 0; i <= last; i++) {
    const code = subject.charCodeAt(i);
    if (code === DOT) {
      topic += subject.slice(copied, i) + "/";
      copied = i + 1;
    } else if (code === SLASH) {
      // A slash alone, as at the end, stands only for what the dot before it has said.
      const next = i < last ? subject.charCodeAt(i + 1) : 0;
      topic += subject.slice(copied, i);
      if (next === DOT) topic += "/";
      else if (next === SLASH) topic += ".";
      if (next === DOT || next === SLASH) i++;
      copied = i + 1;
    }
  }
  return copied === 0 ? subject : topic + subject.slice(copied);
}

/** Whether `foo.>` has to be subscribed to as `foo` as well, as `foo/#` means both. */
export function coversLevelAbove(subject: string): boolean {
  return subject.length >= 3 && subject.endsWith(".>");
}

/** Whether a filter begins with a wildcard, which topics that begin with `$` do not match. */
export function beginsWithWildcard(subject: string): boolean {
  return subject === ">" || subject === "*" || subject.startsWith("*.");
}
