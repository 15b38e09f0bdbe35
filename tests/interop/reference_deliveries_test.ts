/**
 * What consumers deliver across service imports, beside the real server: the same messages, with
 * the same subjects and replies. Skipped where the real server is not on the path.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { Msg } from "@nats-io/transport-node";
import { JsClient } from "../harness/jetstream.ts";
import { referenceProgram } from "../harness/reference_server.ts";
import { Inbox } from "../harness/server.ts";
import { onEachServer, type Side } from "./_system_account.ts";

const program = referenceProgram("nats-server");

const PULL = "$JS.API.CONSUMER.MSG.NEXT.ORDERS.pulled";

/** The consumers' account answers pulls of another account and pushes to a service of it. */
function config(storeDir: string, responseType: string): string {
  return `jetstream: { store_dir: "${storeDir}" }
    accounts: {
      JS: {
        jetstream: enabled
        users: [ {user: js, password: pwd} ]
        exports [ { service: "${PULL}", response: ${responseType} } ]
        imports [ { service: { account: OTHER, subject: "taken" }, to: "pushed" } ]
      },
      OTHER: {
        users: [ {user: other, password: pwd} ]
        exports [ { service: "taken" } ]
        imports [ { service: { account: JS, subject: "${PULL}" }, to: "pull" } ]
      },
    }`;
}

/** Subject, reply without what the server made up, and body. */
function shown(msg: Msg | null): string[] | null {
  if (msg === null) return null;
  const { reply = "" } = msg;
  const words = reply.startsWith("$JS.ACK.") ? reply.split(".").slice(0, 7) : [reply];
  return [msg.subject, words.join("."), msg.string()];
}

async function take(side: Side): Promise<unknown> {
  const js = new JsClient(await side.connect({ user: "js", pass: "pwd" }));
  const other = await side.connect({ user: "other", pass: "pwd" });
  await js.addStream({ name: "ORDERS", subjects: ["ORDERS.*"] });
  for (const subject of ["ORDERS.a", "ORDERS.b"]) await js.publish(subject, `for ${subject}`);
  await js.addConsumer("ORDERS", { durable_name: "pulled", ack_policy: "explicit" });
  const pulled = new Inbox(other, "answers");
  const pushed = new Inbox(other, "taken");
  await other.flush();
  other.publish("pull", `{"batch": 2}`, { reply: "answers" });
  const pulls = [shown(await pulled.next(1000)), shown(await pulled.next(200))];
  await js.addConsumer("ORDERS", {
    durable_name: "pushed",
    ack_policy: "none",
    deliver_subject: "pushed",
  });
  const pushes = [shown(await pushed.next(1000)), shown(await pushed.next(200))];
  return { pulls, pushes };
}

Deno.test({
  name: "what consumers deliver crosses service imports as with the real server",
  ignore: program === null,
  fn: async (t) => {
    for (const responseType of ["Singleton", "Stream"]) {
      await t.step(responseType, async () => {
        const { theirs, ours } = await onEachServer(
          program!,
          (storeDir) => config(storeDir, responseType),
          take,
        );
        assertEquals(ours, theirs);
      });
    }
  },
});
