// Ports: internal/ldap/dn_test.go
/**
 * Distinguished names: reading and comparing them.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  type DistinguishedName,
  parseDn,
  sameDn,
  sameDnReordered,
} from "../../../../src/core/auth/distinguished_name.ts";

function parsed(text: string): DistinguishedName {
  const name = parseDn(text);
  assert(typeof name !== "string", text);
  return name;
}

/** Relative names, each a list of types and values. */
const NAMES: Readonly<Record<string, readonly (readonly [string, string][])[]>> = {
  "": [],
  "cn=Jim\\2C \\22Hasse Hö\\22 Hansson!,dc=dummy,dc=com": [
    [["cn", 'Jim, "Hasse Hö" Hansson!']],
    [["dc", "dummy"]],
    [["dc", "com"]],
  ],
  "UID=jsmith,DC=example,DC=net": [[["UID", "jsmith"]], [["DC", "example"]], [["DC", "net"]]],
  "OU=Sales+CN=J. Smith,DC=example,DC=net": [
    [["OU", "Sales"], ["CN", "J. Smith"]],
    [["DC", "example"]],
    [["DC", "net"]],
  ],
  "CN=Lu\\C4\\8Di\\C4\\87": [[["CN", "Lučić"]]],
  "  CN  =  Lu\\C4\\8Di\\C4\\87  ": [[["CN", "Lučić"]]],
  "   A   =   1   ,   B   =   2   ": [[["A", "1"]], [["B", "2"]]],
  "   A   =   1   +   B   =   2   ": [[["A", "1"], ["B", "2"]]],
  "   \\ \\ A\\ \\    =   \\ \\ 1\\ \\    ,   \\ \\ B\\ \\    =   \\ \\ 2\\ \\    ": [
    [["  A  ", "  1  "]],
    [["  B  ", "  2  "]],
  ],
  "   \\ \\ A\\ \\    =   \\ \\ 1\\ \\    +   \\ \\ B\\ \\    =   \\ \\ 2\\ \\    ": [
    [["  A  ", "  1  "], ["  B  ", "  2  "]],
  ],
};

Deno.test("TestSuccessfulDNParsing", () => {
  for (const [text, wanted] of Object.entries(NAMES)) {
    const name = parsed(text).map((relative) => relative.map(({ type, value }) => [type, value]));
    assertEquals(name as unknown, wanted as unknown, text);
  }
});

const PAIRS: readonly (readonly [string, string, boolean])[] = [
  ["", "", true],
  ["o=A", "o=A", true],
  ["o=A", "o=B", false],
  ["o=A,o=B", "o=A,o=B", true],
  ["o=A,o=B", "o=A,o=C", false],
  ["o=A+o=B", "o=A+o=B", true],
  ["o=A+o=B", "o=A+o=C", false],
  ["o=A", "O=A", true],
  ["o=A,o=B", "o=A,O=B", true],
  ["o=A+o=B", "o=A+O=B", true],
  ["o=a", "O=A", false],
  ["o=a,o=B", "o=A,O=B", false],
  ["o=a+o=B", "o=A+O=B", false],
  ["o=A+o=B", "O=B+o=A", true],
  ["o=A+o=B", "O=B+o=A+O=B", false],
  ["o=A+o=B", "O=B+o=A+O=C", false],
  ["o=A+o=B+o=C", "O=B+o=A", false],
  ["cn=John Doe, ou=People, dc=sun.com", "cn=John Doe, ou=People, dc=sun.com", true],
  ["cn=John Doe, ou=People, dc=sun.com", "cn=John Doe,ou=People,dc=sun.com", true],
  ["cn=John Doe, ou=People, dc=sun.com", "cn=John  Doe, ou=People, dc=sun.com", false],
];

Deno.test("TestDNEqual", () => {
  for (const [a, b, equal] of PAIRS) {
    assertEquals(sameDn(parsed(a), parsed(b)), equal, `${a} and ${b}`);
    assertEquals(sameDn(parsed(b), parsed(a)), equal, `${b} and ${a}`);
  }
});

Deno.test("TestDNReverseMatchDuplicates", () => {
  const [a, b] = ["CN=Alice,CN=Alice,O=NATS", "CN=Alice,O=NATS,OU=Users"].map(parsed);
  assertEquals(sameDnReordered(a!, b!), false);
});

Deno.test("TestErrorDNParsing", () => {
  for (
    const [text, error] of [
      ["*", "DN ended with incomplete type, value pair"],
      [
        "cn=Jim\\0Test",
        "failed to decode escaped character: encoding/hex: invalid byte: U+0054 'T'",
      ],
      ["cn=Jim\\0", "got corrupted escaped character"],
      ["DC=example,=net", "DN ended with incomplete type, value pair"],
      ["test,DC=example,DC=com", "incomplete type, value pair"],
      ["=test,DC=example,DC=com", "incomplete type, value pair"],
    ] as const
  ) assertEquals(parseDn(text), error, text);
});
