/**
 * Ports: server/msgtrace_test.go, traces in accounts whose JWTs change.
 *
 * @module
 */
import { assertEquals, assertLess } from "@std/assert";
import { headers, jwtAuthenticator, type NatsConnection } from "@nats-io/transport-node";
import {
  createAccount,
  createUser,
  encodeAccount,
  encodeUser,
  type KeyPair,
} from "../../harness/jwt.ts";
import { type TestServer, testServer } from "../../harness/server.ts";
import { ask } from "./_events.ts";
import { ojwt, oKp } from "./_jwt.ts";
import { type Json, nextTrace, openInbox, TRACE_PARENT, traceHeaders } from "./_msgtrace.ts";

/** A server with a directory of JWTs and a system account. */
interface Operated {
  readonly server: TestServer;
  connect(account: KeyPair, name?: string): Promise<NatsConnection>;
  /** Pushes a JWT as the reference's `updateJwt` does. */
  update(account: KeyPair, nats: Json): Promise<void>;
}

async function withResolver(use: (operated: Operated) => Promise<void>): Promise<void> {
  const system = createAccount();
  const dir = await Deno.makeTempDir();
  try {
    await using server = await testServer(
      {},
      `operator: ${ojwt}
       resolver: { type: full, dir: "${dir}" }
       system_account: ${system.getPublicKey()}`,
    );
    const connect = (account: KeyPair, name?: string): Promise<NatsConnection> => {
      const user = createUser();
      const authenticator = jwtAuthenticator(encodeUser(user, account), user.getSeed());
      return server.connect(name === undefined ? { authenticator } : { authenticator, name });
    };
    await use({
      server,
      connect,
      update: async (account, nats) => {
        const client = await connect(system);
        const jwt = encodeAccount(account, nats, {}, oKp);
        assertEquals((await ask(client, "$SYS.REQ.CLAIMS.UPDATE", jwt)).error, undefined);
        await client.close();
      },
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Three steps: something is not allowed, then allowed, then not again. */
const CHANGES = [
  { name: "not allowed", allowed: false },
  { name: "allowed", allowed: true },
  { name: "not allowed again", allowed: false },
] as const;

function external() {
  const all = headers();
  all.set("traceparent", TRACE_PARENT);
  return all;
}

Deno.test("TestMsgTraceAccountTraceDestJWTUpdate", (t) =>
  withResolver(async ({ server, connect, update }) => {
    const account = createAccount();
    await update(account, {});
    const client = await connect(account);
    const traces = await openInbox(client, "acc.trace.dest");
    for (const [i, { name, allowed }] of CHANGES.entries()) {
      await t.step(`trace destination ${name}`, async () => {
        client.publish("foo", "hello", { headers: external() });
        if (allowed) (await nextTrace(traces)).ingress(server);
        await client.flush();
        assertEquals(traces.count, 0);
        if (i < 2) await update(account, i === 0 ? { trace: { dest: "acc.trace.dest" } } : {});
      });
    }
  }));

Deno.test("TestMsgTraceServiceJWTUpdate", (t) =>
  withResolver(async ({ server, connect, update }) => {
    const [exporter, importer] = [createAccount(), createAccount()];
    const [exporterKey, importerKey] = [exporter.getPublicKey(), importer.getPublicKey()];
    const exports = (more: Json) => ({ exports: [{ subject: "req", type: "service", ...more }] });
    await update(exporter, exports({}));
    await update(importer, {
      imports: [{ account: exporterKey, subject: "req", type: "service" }],
    });
    const service = await connect(exporter, "Service");
    service.subscribe("req", { callback: (_, message) => void message.respond("resp") });
    await service.flush();
    const requester = await connect(importer);
    const traces = await openInbox(requester, "trace.dest");
    for (const [i, { name, allowed }] of CHANGES.entries()) {
      await t.step(`trace ${name}`, async () => {
        const options = { headers: traceHeaders("trace.dest", true), timeout: 5000 };
        const reply = await requester.request("req", "request", options);
        assertEquals(reply.string(), "resp");
        const trace = await nextTrace(traces);
        assertEquals(trace.ingress(server).acc, importerKey);
        assertEquals(trace.events("si").map(({ acc }) => acc), [exporterKey]);
        const egress = trace.events("eg").map(({ name, acc, sub }) => [name, acc, sub]);
        assertEquals(egress, allowed ? [["Service", exporterKey, "req"]] : []);
        await requester.flush();
        assertEquals(traces.count, 0);
        if (i < 2) await update(exporter, exports({ allow_trace: i === 0 }));
      });
    }
  }));

Deno.test("TestMsgTraceStreamJWTUpdate", (t) =>
  withResolver(async ({ server, connect, update }) => {
    const [exporter, importer] = [createAccount(), createAccount()];
    const [exporterKey, importerKey] = [exporter.getPublicKey(), importer.getPublicKey()];
    const imports = (more: Json) => ({
      imports: [{ account: exporterKey, subject: "info", to: "b", type: "stream", ...more }],
    });
    await update(exporter, { exports: [{ subject: "info", type: "stream" }] });
    await update(importer, imports({}));
    const publisher = await connect(exporter);
    const traces = await openInbox(publisher, "trace.dest");
    const receiver = await connect(importer, "BInfo");
    const inbox = await openInbox(receiver, "b.info");
    for (const [i, { name, allowed }] of CHANGES.entries()) {
      await t.step(`trace ${name}`, async () => {
        publisher.publish("info", "some info", { headers: traceHeaders("trace.dest", true) });
        assertEquals((await inbox.next())!.string(), "some info");
        const trace = await nextTrace(traces);
        trace.ingress(server);
        const exported = trace.events("se").map(({ acc, to }) => [acc, to]);
        assertEquals(exported, [[importerKey, "b.info"]]);
        const egress = trace.events("eg").map(({ name, acc, sub }) => [name, acc, sub]);
        assertEquals(egress, allowed ? [["BInfo", importerKey, "info"]] : []);
        await publisher.flush();
        assertEquals(traces.count, 0);
        if (i < 2) await update(importer, imports({ allow_trace: i === 0 }));
      });
    }
  }));

Deno.test("TestMsgTraceAccDestWithSamplingJWTUpdate", (t) =>
  withResolver(async ({ connect, update }) => {
    const account = createAccount();
    const dest = "acc.trace.dest";
    await update(account, { trace: { dest } });
    const client = await connect(account);
    const traces = await openInbox(client, dest);
    for (const [i, sampling] of [100, 25, 100].entries()) {
      await t.step(`${sampling} percent`, async () => {
        if (i > 0) await update(account, { trace: { dest, sampling } });
        const total = 400;
        for (let n = 0; n < total; n++) client.publish("foo", "hello", { headers: external() });
        await client.flush();
        const { count } = traces;
        for (let n = 0; n < count; n++) (await nextTrace(traces)).events("in");
        if (sampling === 100) assertEquals(count, total);
        else assertLess(count, Math.floor(sampling * total / 100 * 1.35));
      });
    }
  }));
