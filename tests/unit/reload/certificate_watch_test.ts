/**
 * Certificates that are replaced on disk.
 *
 * @module
 */
import {
  assertEquals,
  assertNotEquals,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import { applyBaseline, emptyOptions, processConfigText } from "../../../src/config/mod.ts";
import { Server } from "../../../src/mod.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";
import { systemEnvironment } from "../../../src/platform/deno/environment.ts";
import { reloadCertificates } from "../../../src/reload/tls.ts";
import { CapturedLog } from "../../harness/captured_log.ts";
import { withCertificates } from "../../harness/certs.ts";
import { LISTEN, reloadServer } from "../../harness/reload.ts";
import { until } from "../../harness/server.ts";

const NAMES = [{ type: "dns", value: "localhost" }, { type: "ip", value: "127.0.0.1" }] as const;

/** A TLS connection that stays open, and the fingerprint of the server's certificate. */
async function open(
  port: number,
): Promise<{ fingerprint: string; ping(): Promise<void>; close(): void }> {
  const socket = connectTcp(port, "127.0.0.1");
  await new Promise((resolve) => socket.once("data", resolve));
  const tls = connectTls({ socket, rejectUnauthorized: false });
  tls.on("error", () => {});
  await new Promise<void>((resolve) => tls.once("secureConnect", () => resolve()));
  const ping = async (): Promise<void> => {
    const answer = new Promise<string>((resolve) =>
      tls.once("data", (chunk: Uint8Array) => resolve(new TextDecoder().decode(chunk)))
    );
    tls.write('CONNECT {"verbose":false}\r\nPING\r\n');
    assertEquals(await answer, "PONG\r\n");
  };
  const close = (): void => {
    tls.destroy();
    socket.destroy();
  };
  return { fingerprint: tls.getPeerCertificate().fingerprint256, ping, close };
}

Deno.test("certificates replaced on disk are picked up with reload_interval", () =>
  withCertificates(async ({ factory, ca, server: pair }) => {
    const log = new CapturedLog();
    const config = `${LISTEN} https: 127.0.0.1:-1
      tls { cert_file: "${pair.certFile}", key_file: "${pair.keyFile}", reload_interval: 0.01 }`;
    await using server = await reloadServer(config, { logger: log });
    const before = await open(server.port);
    // A certificate without its key is a moment that passes: the former pair stays.
    await Deno.writeTextFile(pair.keyFile, "nothing");
    await until(() => log.texts("warn", "Changed certificates cannot be used").length > 0);
    const meanwhile = await open(server.port);
    assertEquals(meanwhile.fingerprint, before.fingerprint);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assertEquals(log.texts("warn", "Changed certificates cannot be used").length, 1);
    const next = await factory.issue(
      "next",
      { subject: "CN=localhost", names: [...NAMES] },
      ca,
    );
    await Deno.writeTextFile(pair.certFile, next.certPem);
    await Deno.writeTextFile(pair.keyFile, next.keyPem);
    await until(() => log.texts("notice", "Reloaded: tls certificates").length > 0);
    const after = await open(server.port);
    assertNotEquals(after.fingerprint, before.fingerprint);
    // Whoever was there is unharmed.
    for (const connection of [before, meanwhile, after]) {
      await connection.ping();
      connection.close();
    }
    // Monitoring has the new one, too.
    const page = connectTls({
      port: server.server.monitorPort,
      host: "127.0.0.1",
      rejectUnauthorized: false,
    });
    page.on("error", () => {});
    await new Promise<void>((resolve) => page.once("secureConnect", () => resolve()));
    assertEquals(page.getPeerCertificate().fingerprint256, after.fingerprint);
    page.destroy();
    await new Promise((resolve) => setTimeout(resolve));
  }));

Deno.test("without reload_interval nobody looks, and a reload turns it on and off", () =>
  withCertificates(async ({ factory, ca, server: pair }) => {
    const log = new CapturedLog();
    const config = (more: string) =>
      `${LISTEN} tls { cert_file: "${pair.certFile}", key_file: "${pair.keyFile}"\n${more} }`;
    await using server = await reloadServer(config(""), { logger: log });
    const replace = async (name: string): Promise<void> => {
      const next = await factory.issue(name, { subject: "CN=localhost", names: [...NAMES] }, ca);
      await Deno.writeTextFile(pair.certFile, next.certPem);
      await Deno.writeTextFile(pair.keyFile, next.keyPem);
    };
    const seen = () => log.texts("notice", "Reloaded: tls certificates").length;
    await replace("a");
    await new Promise((resolve) => setTimeout(resolve, 50));
    assertEquals(seen(), 0);
    await server.reload(config("reload_interval: 10ms"));
    await replace("b");
    await until(() => seen() === 1);
    await server.reload(config(""));
    await replace("c");
    await new Promise((resolve) => setTimeout(resolve, 50));
    assertEquals(seen(), 1);
    assertStringIncludes(log.texts("notice", "Reloaded: tls").join(), "tls = enabled");
  }));

Deno.test("a certificate replaced between two reads is not served with the former key", () =>
  withCertificates(async ({ factory, ca, server: pair }) => {
    const next = await factory.issue("next", { subject: "CN=localhost", names: [...NAMES] }, ca);
    const source = systemConfigSource();
    /** Reads of the certificate that still find the former one. */
    let former = Infinity;
    const options = emptyOptions();
    const config = `${LISTEN} tls { cert_file: "${pair.certFile}", key_file: "${pair.keyFile}" }`;
    processConfigText(options, config, source);
    applyBaseline(options);
    await using server = new Server(options, {
      ...systemEnvironment(new CapturedLog()),
      files: {
        ...source,
        readFile: (path) =>
          source.readFile(path === pair.certFile && former-- <= 0 ? next.certFile : path),
      },
    });
    server.start();
    const { tls } = server;
    former = 1;
    assertEquals(await reloadCertificates(server), "");
    assertStrictEquals(server.tls, tls);
    assertNotEquals(await reloadCertificates(server), "");
    assertStrictEquals(server.tls, tls);
  }));
