/**
 * Makes the golden data directories with the real server: `data/NAME/jetstream` are the files, and
 * `data/NAME/expected.json` is what that server says of them when it opens a copy.
 *
 * ```sh
 * deno run -A tests/golden/make.ts [NAME...]
 * ```
 *
 * @module
 */
import { connect } from "@nats-io/transport-node";
import { copyTree } from "./copy.ts";
import { referenceProgram, ReferenceServer } from "../harness/reference_server.ts";
import { type Content, readContent } from "./content.ts";
import { configOf, DIRECTORIES, type GoldenDirectory } from "./directories.ts";

const program = referenceProgram("nats-server");
if (program === null) throw new Error("the golden directories are made with nats-server");
const data = new URL("data/", import.meta.url).pathname;

async function run(
  directory: GoldenDirectory,
  storeDir: string,
  use: Parameters<typeof withServer>[1],
  end: Deno.Signal = "SIGINT",
): Promise<void> {
  const path = `${storeDir}/server.conf`;
  Deno.writeTextFileSync(path, configOf(directory, storeDir));
  await withServer(["-c", path], use, end);
}

async function withServer(
  args: string[],
  use: (connection: Awaited<ReturnType<typeof connect>>) => Promise<void>,
  end: Deno.Signal,
): Promise<void> {
  await using server = await ReferenceServer.start(program!, args);
  const connection = await connect({ servers: `127.0.0.1:${server.port}` });
  try {
    await use(connection);
    // Before the client leaves: consumers that nobody listens to may go.
    if (end === "SIGKILL") await server.kill();
  } finally {
    await connection.close();
  }
}

async function make(directory: GoldenDirectory): Promise<void> {
  const storeDir = Deno.makeTempDirSync({ prefix: "natsts-golden-" });
  const copy = Deno.makeTempDirSync({ prefix: "natsts-golden-" });
  try {
    for (const { fill, end } of directory.runs) await run(directory, storeDir, fill, end);
    directory.spoil?.(`${storeDir}/jetstream/$G/streams`);
    const target = `${data}${directory.name}`;
    Deno.mkdirSync(target, { recursive: true });
    await Deno.remove(target, { recursive: true });
    copyTree(`${storeDir}/jetstream`, `${target}/jetstream`);
    copyTree(`${target}/jetstream`, `${copy}/jetstream`);
    let content: Content = {};
    await run(directory, copy, async (connection) => {
      content = await readContent(connection);
    });
    Deno.writeTextFileSync(`${target}/expected.json`, `${JSON.stringify(content, null, 1)}\n`);
    console.log(`${directory.name}: ${Object.keys(content).join(", ")}`);
  } finally {
    for (const path of [storeDir, copy]) await Deno.remove(path, { recursive: true });
  }
}

for (const directory of DIRECTORIES) {
  if (Deno.args.length === 0 || Deno.args.includes(directory.name)) await make(directory);
}
