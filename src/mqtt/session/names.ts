/**
 * Names of what MQTT keeps in JetStream, the same as the reference's, so that the data of one
 * server can be that of the other.
 *
 * @module
 */

/** Streams. */
export const StreamName = {
  Sessions: "$MQTT_sess",
  Messages: "$MQTT_msgs",
  Retained: "$MQTT_rmsgs",
  QoS2In: "$MQTT_qos2in",
  Out: "$MQTT_out",
} as const;

/** Beginnings of subjects. */
export const SubjectPrefix = {
  All: "$MQTT.",
  Sessions: "$MQTT.sess.",
  Messages: "$MQTT.msgs.",
  Retained: "$MQTT.rmsgs.",
  QoS2In: "$MQTT.qos2.in.",
  Out: "$MQTT.out.",
  PubRel: "$MQTT.out.pubrel.",
  PubRelDelivery: "$MQTT.deliver.pubrel.",
  Delivery: "$MQTT.sub.",
} as const;

/** Beginning of the streams that held one session each, in old versions. */
export const OLD_SESSION_STREAM_PREFIX = "$MQTT_sess_";
/** Subject of all retained messages, in old versions. */
export const OLD_RETAINED_SUBJECT = "$MQTT.rmsgs";
/** Beginning of the durable name of consumers of PUBRELs. */
export const PUBREL_DURABLE_PREFIX = "$MQTT_PUBREL_";
/** Ends the id of the subscription to the level above, which `foo/#` has as well. */
export const LEVEL_ABOVE_SUFFIX = " fwc";

/** Unacknowledged messages of a subscription when the options say nothing. */
export const MAX_ACK_PENDING_DEFAULT = 1024;
/** Sum of what all subscriptions of a session may have unacknowledged. */
export const MAX_ACK_PENDING_TOTAL = 0xffff;
/** Wait before a message is sent again when the options say nothing. */
export const ACK_WAIT_DEFAULT_MS = 30_000;
