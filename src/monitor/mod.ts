/**
 * Monitoring over HTTP: the reference's endpoints, and metrics for Prometheus.
 *
 * @module
 */
export { gatewayz, routez } from "./absent_features.ts";
export { leafz } from "./leafz.ts";
export { jsz, jszAccount, jszJson, type JszOptions } from "./jsz.ts";
export { accountInfo, accountStatistics, accountStatz, accountz } from "./accounts.ts";
export { type ConnectionState, connz, type ConnzOptions } from "./connz.ts";
export { BadRequestError, nsOfMs, timeText, uptimeText } from "./go_values.ts";
export { healthz, type HealthzOptions } from "./healthz.ts";
export { type Monitor, startMonitoring } from "./monitor.ts";
export { ProfilingPort } from "./profiling.ts";
export { debugVariables } from "./runtime_state.ts";
export type { MonitoredServer, MonitorEnvironment } from "./source.ts";
export { subsz, type SubszOptions } from "./subsz.ts";
export { jetStreamPart, kindFields, varzUnmonitored } from "./varz.ts";
