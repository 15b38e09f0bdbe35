// Ports: server/store_test.go
import { assert, assertEquals } from "@std/assert";
import { GenericSublist, sublistOf } from "../../../src/base/containers/gsl/mod.ts";
import { DeleteRange, DeleteSlice } from "../../../src/store/delete_blocks.ts";
import { LoadCode, StoredMsg } from "../../../src/store/stored_msg.ts";
import { eachStore, put } from "../../sim/store_permutations.ts";
import { deletedEntries } from "./_filestore.ts";

Deno.test("TestStoreDeleteSlice", () => {
  const slice = new DeleteSlice([2]);
  const seen: number[] = [];
  slice.range((seq) => seen.push(seq) > 0);
  assertEquals(seen, [2]);
  assertEquals(slice.state(), { first: 2, last: 2, count: 1 });
});

Deno.test("TestStoreDeleteRange", () => {
  const range = new DeleteRange(2, 1);
  const seen: number[] = [];
  range.range((seq) => seen.push(seq) > 0);
  assertEquals(seen, [2]);
  assertEquals(range.state(), { first: 2, last: 2, count: 1 });
});

Deno.test("TestStoreMsgLoadNextMsgMulti", (t) =>
  eachStore(t, { subjects: ["foo.*"] }, (fs) => {
    for (let i = 0; i < 1000; i++) put(fs, `foo.${i}`, "ZZZ");
    const msg = new StoredMsg();
    const literals = new GenericSublist<null>();
    for (let i = 0; i < 1000; i++) literals.insert(`foo.${i}`, null);
    for (const list of [sublistOf(["foo.>"]), literals]) {
      for (let i = 0; i < 1000; i++) {
        assertEquals(fs.loadNextMsgMulti(list, i + 1, msg), LoadCode.Found);
        assertEquals([msg.subject(), msg.seq], [`foo.${i}`, i + 1]);
      }
    }
    const three = sublistOf(["foo.2", "foo.222", "foo.999"]);
    let seq = 0;
    for (
      const [subject, expected] of [["foo.2", 3], ["foo.222", 223], ["foo.999", 1000]] as const
    ) {
      assertEquals(fs.loadNextMsgMulti(three, seq + 1, msg), LoadCode.Found);
      assertEquals([msg.subject(), msg.seq], [subject, expected]);
      seq = msg.seq;
    }
    assertEquals(fs.loadNextMsgMulti(three, seq + 1, msg), LoadCode.Eof);
    assertEquals(msg.skip, 1000);
  }));

Deno.test("TestStoreSubjectStateConsistency", (t) =>
  eachStore(t, { subjects: ["foo"] }, (fs) => {
    const msg = new StoredMsg();
    const expect = (msgs: number, first: number, last: number) => {
      assertEquals(fs.subjectsState("foo").get("foo"), { msgs, first, last });
      assertEquals(fs.loadNextMsg("foo", 0, msg), LoadCode.Found);
      assertEquals(msg.seq, first);
      assertEquals(fs.loadLastMsg("foo", msg), LoadCode.Found);
      assertEquals(msg.seq, last);
    };
    const store = (count: number) => {
      for (let i = 0; i < count; i++) put(fs, "foo");
    };
    const remove = (seq: number) => assert(fs.removeMsg(seq));
    store(4);
    expect(4, 1, 4);
    remove(1);
    expect(3, 2, 4);
    remove(4);
    expect(2, 2, 3);
    remove(2);
    expect(1, 3, 3);
    store(3);
    expect(4, 3, 7);
    remove(7);
    remove(3);
    remove(5);
    expect(1, 6, 6);
    store(1);
    remove(8);
    store(1);
    expect(2, 6, 9);
  }));

Deno.test("TestStoreCompactCleansUpDmap", async (t) => {
  for (let compact = 2; compact <= 4; compact++) {
    await t.step(`Compact(${compact})`, (t) =>
      eachStore(t, { subjects: ["foo"] }, (fs) => {
        for (let i = 0; i < 3; i++) put(fs, "foo");
        assertEquals([deletedEntries(fs), fs.state().deleted], [0, []]);
        fs.removeMsg(2);
        assertEquals([deletedEntries(fs), fs.state().deleted], [1, [2]]);
        fs.compact(compact);
        assertEquals([deletedEntries(fs), fs.state().deleted], [0, []]);
        assertEquals([fs.state().firstSeq, fs.state().lastSeq], [Math.max(3, compact), 3]);
      }));
  }
});
