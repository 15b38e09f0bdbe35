import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { compressS2, S2Decoder } from "../../../src/base/compress/mod.ts";
import { StoreError } from "../../../src/store/errors.ts";
import { TAR_END, tarFile, TarReader } from "../../../src/store/file/format/tar.ts";
import { restoreSnapshot, SnapshotUnpacker } from "../../../src/store/file/stream/restore.ts";
import { realEnvironment, temporaryDirectory } from "../../sim/environment.ts";
import { bytesOf } from "../../sim/store_permutations.ts";

const { disk } = realEnvironment();

function concat(...parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** A snapshot with these files after its `meta.inf`. */
function snapshotOf(...files: Uint8Array[]): Uint8Array {
  return compressS2(concat(tarFile("meta.inf", bytesOf("{}"), 0), ...files, TAR_END));
}

function refused(snapshot: Uint8Array, admit?: (bytes: number) => void): StoreError {
  using dir = temporaryDirectory();
  const directory = `${dir.path}/in`;
  const unpacker = new SnapshotUnpacker({ disk, directory, ...(admit ? { admit } : {}) });
  const error = assertThrows(() => {
    unpacker.write(snapshot);
    unpacker.end();
  }, StoreError);
  assertThrows(() => unpacker.write(new Uint8Array(1)), StoreError);
  unpacker.abort();
  assertEquals([...Deno.readDirSync(dir.path)], []);
  return error;
}

Deno.test("a snapshot is unpacked wherever it is split", () => {
  using dir = temporaryDirectory();
  const noise = crypto.getRandomValues(new Uint8Array(700));
  const long = `obs/${"c".repeat(200)}/o.dat`;
  const snapshot = snapshotOf(
    tarFile("msgs/1.blk", noise, 0),
    tarFile("msgs/2.blk", new Uint8Array(0), 0),
    tarFile("obs/one/meta.inf", bytesOf("x".repeat(512)), 0),
    tarFile(long, bytesOf("state"), 0),
  );
  for (let cut = 0; cut <= snapshot.length; cut++) {
    if (cut > 80 && cut < snapshot.length - 80 && cut % 7 !== 0) continue;
    const directory = `${dir.path}/${cut}`;
    const unpacker = new SnapshotUnpacker({ disk, directory, sync: cut === 0 });
    unpacker.write(snapshot.subarray(0, cut));
    unpacker.write(snapshot.subarray(cut));
    assertEquals(unpacker.end(), {
      files: 5,
      bytes: 2 + 700 + 0 + 512 + 5,
      consumers: ["one", "c".repeat(200)],
    });
    assertEquals(disk.readFile(`${directory}/msgs/1.blk`), noise);
    assertEquals(disk.readFile(`${directory}/msgs/2.blk`).length, 0);
    assertEquals(disk.readFile(`${directory}/${long}`), bytesOf("state"));
    unpacker.abort();
  }
});

Deno.test("a snapshot cannot write outside of its directory", () => {
  for (
    const name of ["../x", "msgs/../../x", "a/..", "..", ".", "", "/", "msgs/", "a\\..\\x", "/../x"]
  ) {
    const error = refused(snapshotOf(tarFile(name, bytesOf("x"), 0)));
    assertEquals([error.code, error.message], ["bad_snapshot", "unexpected content"], name);
  }
  // Go's Join makes an absolute name a relative one.
  using dir = temporaryDirectory();
  const unpacker = new SnapshotUnpacker({ disk, directory: `${dir.path}/in` });
  unpacker.write(snapshotOf(tarFile("/etc/x", bytesOf("x"), 0)));
  unpacker.end();
  assert(Deno.statSync(`${dir.path}/in/etc/x`).isFile);
});

Deno.test("a snapshot with links, directories or devices is refused", () => {
  for (const type of "1234567gLK") {
    const file = tarFile("msgs/1.blk", new Uint8Array(0), 0);
    file[156] = type.charCodeAt(0);
    // The sum of the head changes with the type.
    const digits = new TextDecoder().decode(file.subarray(148, 154));
    const sum = parseInt(digits, 8) + type.charCodeAt(0) - 0x30;
    file.set(bytesOf(sum.toString(8).padStart(6, "0")), 148);
    assertEquals(refused(snapshotOf(file)).message, "unexpected content", type);
  }
});

Deno.test("a snapshot is refused before a file that is not admitted is written", () => {
  const seen: number[] = [];
  const snapshot = snapshotOf(tarFile("msgs/1.blk", new Uint8Array(5000), 0));
  const error = refused(snapshot, (bytes) => {
    seen.push(bytes);
    if (bytes > 1000) throw new StoreError("max_bytes");
  });
  assertEquals([error.code, seen], ["max_bytes", [2, 5002]]);
});

Deno.test("damaged, cut off and foreign snapshots are refused", () => {
  const snapshot = snapshotOf(tarFile("msgs/1.blk", new Uint8Array(3000).fill(7), 0));
  for (let cut = 0; cut < snapshot.length; cut += 3) {
    assertEquals(refused(snapshot.subarray(0, cut)).code, "bad_snapshot", `cut at ${cut}`);
  }
  for (let at = 0; at < snapshot.length; at++) {
    const flipped = snapshot.slice();
    flipped[at]! ^= 0x10;
    using dir = temporaryDirectory();
    const unpacker = new SnapshotUnpacker({ disk, directory: `${dir.path}/in` });
    try {
      unpacker.write(flipped);
      unpacker.end();
    } catch (error) {
      assertEquals((error as StoreError).code, "bad_snapshot", `flipped at ${at}`);
      continue;
    }
    // The flip made a copy come from elsewhere in a run of equal bytes.
    assertEquals(disk.readFile(`${dir.path}/in/meta.inf`), bytesOf("{}"));
    assertEquals(disk.readFile(`${dir.path}/in/msgs/1.blk`), new Uint8Array(3000).fill(7));
  }
  assertEquals(refused(compressS2(TAR_END)).code, "bad_snapshot");
  const failed = refused(snapshotOf(tarFile("errors.txt", bytesOf("Could not read"), 0)));
  assertEquals(failed.code, "bad_snapshot");
});

Deno.test("restoreSnapshot() removes what it wrote when it fails", async () => {
  using dir = temporaryDirectory();
  const directory = `${dir.path}/in`;
  async function* pieces() {
    yield snapshotOf(tarFile("msgs/1.blk", new Uint8Array(10), 0)).subarray(0, 60);
    await Promise.resolve();
    throw new Error("connection lost");
  }
  await assertRejects(() => restoreSnapshot(pieces(), { disk, directory }), Error, "lost");
  assertEquals([...Deno.readDirSync(dir.path)], []);
});

Deno.test("TarReader reads PAX records of name and size, and the prefix of ustar", () => {
  const found: [string, number][] = [];
  const reader = new TarReader({
    file: (name, size) => found.push([name, size]),
    content: () => {},
    fileEnd: () => {},
  });
  const name = `${"d".repeat(120)}/file`;
  reader.write(tarFile(name, new Uint8Array(3), 0));
  reader.write(tarFile("plain", new Uint8Array(1), 0));
  reader.write(TAR_END);
  reader.end();
  assertEquals(found, [[name, 3], ["plain", 1]]);
});

Deno.test("S2Decoder skips what may be skipped and refuses what may not", () => {
  const data = bytesOf("data".repeat(100));
  const stream = compressS2(data);
  const padding = Uint8Array.of(0xfe, 3, 0, 0, 1, 2, 3);
  const read = (bytes: Uint8Array): number => {
    const decoder = new S2Decoder();
    let size = 0;
    decoder.write(bytes, (part) => size += part.length);
    decoder.end();
    return size;
  };
  assertEquals(read(concat(stream, padding, stream)), 2 * data.length);
  assertThrows(() => read(padding), Error, "no stream identifier");
  assertThrows(() => read(concat(stream, Uint8Array.of(0x02, 0, 0, 0))), Error, "unknown chunk");
  assertThrows(() => read(concat(stream, Uint8Array.of(0, 255, 255, 255))), Error, "too large");
  assertThrows(() => read(stream.subarray(0, 12)), Error, "unexpected end");
});
