/**
 * A stream is opened with another choice of encryption, compression or server key than it was
 * written with, and with the same content.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import { StoreError } from "../../../src/store/errors.ts";
import { streamStoreConfig } from "../../../src/store/config.ts";
import { readMetaFile } from "../../../src/store/file/meta_file.ts";
import { FileStore } from "../../../src/store/file/file_store.ts";
import type { FileStoreOptions } from "../../../src/store/file/stream/options.ts";
import { HighwayHash } from "../../../src/base/crypto/mod.ts";
import { SimulatedCrash, SimulatedDisk } from "../../sim/disk.ts";
import {
  realEnvironment,
  simulatedEnvironment,
  temporaryDirectory,
} from "../../sim/environment.ts";
import { SeededRandom } from "../../sim/random.ts";
import { contentOf } from "../../sim/stream_model.ts";
import { put } from "../../sim/store_permutations.ts";

const keyGen = () => new Uint8Array(32).fill(1);
const rotated = () => new Uint8Array(32).fill(2);

type Kind = Pick<FileStoreOptions, "cipher" | "keyGen" | "oldKeyGen">;

const KINDS: Record<string, Kind> = {
  plain: {},
  ChaCha20: { cipher: "ChaCha20-Poly1305", keyGen },
  AES: { cipher: "AES-GCM", keyGen },
  "rotated ChaCha20": { cipher: "ChaCha20-Poly1305", keyGen: rotated, oldKeyGen: keyGen },
  "rotated AES": { cipher: "AES-GCM", keyGen: rotated, oldKeyGen: keyGen },
};
const CONSUMER = { ackPolicy: "explicit", maxDeliver: 0, memoryStorage: false } as const;
const META_FILES = [["/js/S", "S", "S"], ["/js/S/obs/C", "S/C", "S.C"]] as const;
const COMPRESSIONS = ["none", "s2"] as const;

function opener(path: string) {
  const env = realEnvironment();
  return (kind: Kind, compression: "none" | "s2") =>
    new FileStore(
      env,
      { storeDir: `${path}/S`, blockBytes: 400, ...kind },
      streamStoreConfig({ name: "S", subjects: ["s.*"], compression }),
    );
}

for (const withIndex of [true, false]) {
  Deno.test(`a stream is converted when it is opened, ${withIndex ? "with" : "without"} index.db`, async (t) => {
    for (const from of ["plain", "ChaCha20", "AES"]) {
      for (const [to, kind] of Object.entries(KINDS)) {
        if (to === "plain" && from !== "plain") continue;
        await t.step(`from ${from} to ${to}`, async () => {
          for (const compression of COMPRESSIONS) {
            using dir = temporaryDirectory();
            const open = opener(dir.path);
            let fs = open(KINDS[from]!, compression);
            for (let i = 0; i < 30; i++) put(fs, `s.${i % 7}`, `message ${i}`);
            for (const seq of [1, 9, 20, 30]) fs.removeMsg(seq);
            const consumer = fs.consumerStore("C", 0n, CONSUMER);
            consumer.updateDelivered(1, 5, 1, 0, 1000);
            const before = { content: contentOf(fs), state: fs.state() };
            await fs.stop();
            if (!withIndex) Deno.removeSync(`${dir.path}/S/msgs/index.db`);

            const other = compression === "s2" ? "none" : "s2";
            fs = open(kind, other);
            assertEquals(fs.state(), { ...before.state, consumers: 0 });
            assertEquals(contentOf(fs), before.content);
            assertEquals(fs.consumerStore("C", 0n, CONSUMER).state().delivered.stream, 5);
            put(fs, "s.new", "after");
            await fs.stop();

            // All is under the present key: the one before it is not needed any more.
            const { oldKeyGen: _, ...alone } = kind;
            fs = open(alone, other);
            assertEquals(contentOf(fs).slice(0, -1), before.content);
            assertEquals(fs.consumerStore("C", 0n, CONSUMER).state().delivered.stream, 5);
            assertEquals(fs.state().lost, null);
            await fs.stop();
            assertEquals(realEnvironment().disk.stat(`${dir.path}/S/lost`), null);
          }
        });
      }
    }
  });
}

Deno.test("an encrypted stream is not opened without its key, and stays intact", async () => {
  for (const cipher of ["ChaCha20-Poly1305", "AES-GCM"] as const) {
    using dir = temporaryDirectory();
    const open = opener(dir.path);
    const fs = open({ cipher, keyGen }, "none");
    for (let i = 0; i < 20; i++) put(fs, "s.1", `message ${i}`);
    const content = contentOf(fs);
    await fs.stop();
    assertEquals(assertThrows(() => open({}, "none"), StoreError).code, "no_main_key");
    const error = assertThrows(() => open({ cipher, keyGen: rotated }, "none"), StoreError);
    assertEquals(error.code, "key_invalid");
    const again = open({ cipher, keyGen }, "none");
    assertEquals(contentOf(again), content);
    await again.stop();
  }
});

Deno.test("a crash at any call of a conversion, or after it, costs nothing", () => {
  const hasher = new HighwayHash();
  const first = Date.now();
  for (const [from, to] of [["plain", "AES"], ["AES", "rotated ChaCha20"]] as const) {
    for (const compression of COMPRESSIONS) {
      for (let n = 1, crashed = true; crashed; n++) {
        const seed = first + n;
        const random = new SeededRandom(seed);
        const disk = new SimulatedDisk(random);
        const env = simulatedEnvironment(disk, random, hasher);
        const config = streamStoreConfig({ name: "S", subjects: ["s.*"], compression });
        const open = (kind: Kind) =>
          new FileStore(
            env,
            { storeDir: "/js/S", blockBytes: 400, syncAlways: true, ...kind },
            config,
          );
        let fs = open(KINDS[from]!);
        for (let i = 0; i < 30; i++) put(fs, `s.${i % 7}`, `message ${i}`);
        fs.removeMsg(9);
        const consumer = fs.consumerStore("C", 0n, CONSUMER);
        consumer.updateDelivered(1, 5, 1, 0, 1000);
        consumer.stop();
        const content = contentOf(fs);
        fs.core.settleBeforeRemoval();
        disk.syncDirNow("/js");
        fs.abandon();
        if (random.chance(0.5)) disk.removeTree("/js/S/msgs/index.db");
        disk.syncDirNow("/js");
        crashed = false;
        disk.plan.crashAt = disk.calls + n;
        try {
          fs = open(KINDS[to]!);
          contentOf(fs);
          fs.consumerStore("C", 0n, CONSUMER);
          fs.abandon();
        } catch (error) {
          if (!(error instanceof SimulatedCrash)) throw error;
          crashed = true;
        }
        disk.reboot(random.chance(0.7));
        const note = `seed ${seed}: ${from} to ${to}, ${compression}, call ${n}`;
        for (const [directory, hashName, keyName] of META_FILES) {
          const { cipher = "AES-GCM", keyGen = null, oldKeyGen = null } = KINDS[to]!;
          const meta = readMetaFile(env, {
            directory,
            hashName,
            keyName,
            cipher,
            keyGen,
            oldKeyGen,
          });
          assertEquals(typeof JSON.parse(new TextDecoder().decode(meta)), "object", note);
        }
        fs = open(KINDS[to]!);
        assertEquals(contentOf(fs), content, note);
        assertEquals(fs.state().lost, null, note);
        const again = fs.consumerStore("C", 0n, CONSUMER);
        assertEquals(again.state().delivered.stream, 5, note);
        fs.abandon();
      }
    }
  }
});

Deno.test("what is written to a stream that was opened empty is under a key", async () => {
  for (const [from, to] of [["AES", "AES"], ["plain", "ChaCha20"], ["ChaCha20", "rotated AES"]]) {
    using dir = temporaryDirectory();
    const open = opener(dir.path);
    await open(KINDS[from!]!, "none").stop();
    let fs = open(KINDS[to!]!, "none");
    put(fs, "s.1", "secret");
    const content = contentOf(fs);
    await fs.stop();
    const file = Deno.readFileSync(`${dir.path}/S/msgs/1.blk`);
    assertEquals(new TextDecoder("latin1").decode(file).includes("secret"), false);
    fs = open(KINDS[to!]!, "none");
    assertEquals(contentOf(fs), content);
    await fs.stop();
  }
});
