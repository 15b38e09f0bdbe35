/**
 * Requests that are refused: with code, error code and text of the table, and as the real server
 * refuses them.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { headers as makeHeaders, type NatsConnection } from "@nats-io/transport-node";
import { jetStreamErrors } from "../../../src/jsapi/error_table.ts";
import { type ApiFailureData, jetStreamServer } from "../../harness/jetstream.ts";
import { onBothServers, referenceProgram } from "../../harness/reference_server.ts";
import { type ErrorCase, errorCases, LISTENED } from "./_api_error_cases.ts";

const TIMEOUT_MS = 5000;

async function errorOf(connection: NatsConnection, wanted: ErrorCase): Promise<ApiFailureData> {
  const { subject, body } = wanted;
  const given = Object.entries(wanted.headers);
  const all = makeHeaders();
  for (const [name, value] of given) all.set(name, value);
  const payload = typeof body === "string" ? body : JSON.stringify(body);
  const options = given.length > 0 ? { headers: all } : {};
  const answer = await connection.request(subject, payload, { timeout: TIMEOUT_MS, ...options });
  return answer.json<{ error: ApiFailureData }>().error;
}

/** The text of an error as a pattern: tags stand for any text. */
function pattern(text: string): RegExp {
  const parts = text.split(/\{\w+\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join("[^]*")}$`);
}

Deno.test("requests are refused with code and text of their error", async () => {
  await using server = await jetStreamServer();
  const { nc } = await server.jetStream();
  nc.subscribe(LISTENED);
  for (const wanted of errorCases) {
    const error = await errorOf(nc, wanted);
    const about = `${wanted.error || "no error"}: ${wanted.subject} ${JSON.stringify(error)}`;
    if (wanted.error === "") {
      assertEquals(error, undefined, about);
      continue;
    }
    const [code, errCode, text] = jetStreamErrors[wanted.error];
    assertEquals([error?.code, error?.err_code], [code, errCode], about);
    assertMatch(error.description, pattern(text), about);
  }
});

const program = referenceProgram("nats-server");
if (program === null) console.log("nats-server is not on the path: comparison skipped");

Deno.test({
  name: "requests are refused as the reference refuses them",
  ignore: program === null,
  async fn() {
    await onBothServers(program!, async (theirs, ours) => {
      for (const side of [theirs, ours]) {
        side.subscribe(LISTENED);
        await side.flush();
      }
      for (const wanted of errorCases) {
        const [expected, actual] = await Promise.all(
          [theirs, ours].map((side) => errorOf(side, wanted)),
        );
        assertEquals(actual, expected, `${wanted.error || "no error"}: ${wanted.subject}`);
      }
    });
  },
});
