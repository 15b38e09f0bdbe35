/**
 * Clients that speak MQTT 3.1.1.
 *
 * @module
 */
export { MqttConnection, type MqttContext } from "./mqtt_connection.ts";
export { MqttSessions } from "./session/mqtt_sessions.ts";
