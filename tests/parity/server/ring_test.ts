// Ports: server/ring_test.go
import { assertEquals } from "@std/assert";
import type { Connection } from "../../../src/core/connection/connection.ts";
import type { ClosedState } from "../../../src/core/connection/closed_state.ts";
import { ClosedConnections } from "../../../src/server/closed_connections.ts";

/** As much of a connection as the ring looks at. */
const closed = { subscriptions: new Map(), account: null } as unknown as Connection;
const reason = "Client Closed" as unknown as ClosedState;

Deno.test("TestRBAppendAndLenAndTotal", () => {
  const ring = new ClosedConnections(10);
  for (let i = 0; i < 5; i++) ring.add(closed, reason, i);
  assertEquals(ring.all().length, 5);
  assertEquals(ring.total, 5);
  for (let i = 0; i < 25; i++) ring.add(closed, reason, i);
  assertEquals(ring.all().length, 10);
  assertEquals(ring.total, 30);
});

Deno.test("TestRBclosedClients", () => {
  const ring = new ClosedConnections(10);
  const master: number[] = [];
  for (let i = 1; i <= 100; i++) {
    master.push(i);
    ring.add(closed, reason, i);
    assertEquals(ring.all().map(({ stopMs }) => stopMs), master.slice(-10));
  }
});
