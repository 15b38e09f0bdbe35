/**
 * `nats auth` of the official command line against natsts: its files configure the server, and its
 * pushes change accounts. Skipped where it is not installed.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { referenceProgram } from "../harness/reference_server.ts";
import { type TestServer, testServer } from "../harness/server.ts";
import { temporaryDirectory } from "../sim/environment.ts";

const program = referenceProgram("nats");

/** The command line with a home of its own. */
class Cli {
  server: TestServer | null = null;

  constructor(readonly home: string) {}

  /** Runs a command; gives both outputs and whether it ended well. */
  async run(...args: string[]): Promise<{ success: boolean; text: string }> {
    const url = this.server === null ? [] : ["--server", `nats://127.0.0.1:${this.server.port}`];
    const { success, stdout, stderr } = await new Deno.Command(program!, {
      args: ["--no-context", ...url, ...args],
      cwd: this.home,
      env: {
        HOME: this.home,
        XDG_CONFIG_HOME: `${this.home}/config`,
        XDG_DATA_HOME: `${this.home}/data`,
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).output();
    const decoder = new TextDecoder();
    return { success, text: decoder.decode(stdout) + decoder.decode(stderr) };
  }

  async ok(...args: string[]): Promise<string> {
    const { success, text } = await this.run(...args);
    assert(success, `nats ${args.join(" ")}\n${text}`);
    return text;
  }

  /** Where the command line keeps an operator: the layout of `nsc`. */
  get store(): string {
    return `${this.home}/data/nats/nsc/stores/OP`;
  }

  jwt(account: string): string {
    return Deno.readTextFileSync(`${this.store}/accounts/${account}/${account}.jwt`).trim();
  }
}

Deno.test({
  name: "nats auth makes operators, accounts and users that a server takes as they are",
  ignore: program === null,
  async fn() {
    using directory = temporaryDirectory();
    const cli = new Cli(directory.path);
    // The commands of docs/operator_mode.md.
    await cli.ok("auth", "operator", "add", "OP", "--signing-key");
    await cli.ok(
      ...["auth", "account", "add", "APP", "--operator", "OP", "--defaults"],
      ...["--jetstream", "--js-disk", "10MB", "--js-memory", "1MB"],
    );
    const user = (name: string, account: string) =>
      cli.ok(
        ...["auth", "user", "add", name, account, "--operator", "OP", "--defaults"],
        ...["--credential", `${name}.creds`],
      );
    await user("alice", "APP");
    await user("admin", "SYSTEM");
    const system = cli.jwt("SYSTEM");
    const { sub: systemKey } = JSON.parse(
      atob(system.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/")),
    );
    await using server = await testServer(
      {},
      `
        operator: "${cli.store}/OP.jwt"
        resolver { type: full, dir: "${directory.path}/jwts", allow_delete: true }
        resolver_preload { ${systemKey}: ${system} }
        jetstream { store_dir: "${directory.path}/js" }
      `,
    );
    cli.server = server;
    const alice = ["--creds", "alice.creds"];
    const admin = ["--creds", "admin.creds"];
    const early = await cli.run(...alice, "pub", "greetings", "hello");
    assert(!early.success);
    assertStringIncludes(early.text, "Authorization Violation");
    const pushed = await cli.ok(...admin, "auth", "account", "push", "APP", "--operator", "OP");
    assertMatch(pushed, /Success 1 Failed 0 Expected 1/);
    await cli.ok(...alice, "pub", "greetings", "hello");
    await cli.ok(...alice, "stream", "add", "S", "--subjects", "s", "--defaults");
    const info = await cli.ok(...alice, "account", "info");
    assertStringIncludes(info, "APP (");
    assertStringIncludes(info, "of 10 MiB");
    assertStringIncludes(await cli.ok(...admin, "server", "list"), "Server Overview");
    const names = [...Deno.readDirSync(`${directory.path}/jwts`)].map(({ name }) => name);
    assertEquals(names.filter((name) => name.endsWith(".jwt")).length, 2);
  },
});
