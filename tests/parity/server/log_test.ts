// Ports: server/log_test.go
/**
 * The server's log: files that are opened again and rotated, and secrets that stay out of traces.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { redactSecrets } from "../../../src/client/redact.ts";
import { emptyOptions, type Options } from "../../../src/config/mod.ts";
import { openServerLog, type ServerLog } from "../../../src/logger/mod.ts";
import { CapturedLog } from "../../harness/captured_log.ts";
import { logWorld, withLogFolder } from "../../harness/logs.ts";
import { testServer } from "../../harness/server.ts";

function open(over: Partial<Options>, standardError: string[] = []): ServerLog {
  return openServerLog({ ...emptyOptions(), ...over }, logWorld(standardError));
}

Deno.test("TestReOpenLogFile", async () => {
  const lines: string[] = [];
  open({}, lines).reopen();
  assertStringIncludes(lines.join(""), "File log re-open ignored, not a file logger");

  await withLogFolder((folder) => {
    const logFile = `${folder}/test.log`;
    const log = open({ logFile });
    log.notice("This is a Notice");
    assertStringIncludes(Deno.readTextFileSync(logFile), "This is a Notice");
    Deno.renameSync(logFile, `${logFile}.bak`);
    log.reopen();
    assert(Deno.readTextFileSync(logFile).endsWith("File log re-opened\n"));
    log.notice("New message");
    assert(Deno.readTextFileSync(logFile).endsWith("New message\n"));
    log.close();
  });
});

Deno.test("TestFileLoggerSizeLimitAndReopen", async () => {
  await withLogFolder((folder) => {
    const logFile = `${folder}/log`;
    const log = open({ logFile, logtime: true, logSizeLimit: 1000 });
    log.notice("this is a notice");
    log.reopen();
    assert(Deno.readTextFileSync(logFile).endsWith("File log re-opened\n"));
    log.notice("A".repeat(800));
    log.notice("B".repeat(800));
    const content = Deno.readTextFileSync(logFile);
    assert(!content.includes("AAAAA") && !content.includes("BBBBB"), content);
    assertStringIncludes(content, "Rotated log, backup saved");
    log.close();
  });
});

Deno.test("TestNoPasswordsFromConnectTrace", async () => {
  const logger = new CapturedLog({ trace: true });
  await using server = await testServer({ logger, username: "derek", password: "s3cr3t" });
  const client = await server.rawLogin({ user: "derek", pass: "s3cr3t" });
  await client.flush();
  assert(logger.texts("trace", "CONNECT").length > 0);
  assertEquals(logger.lines.filter(({ text }) => text.includes("s3cr3t")), []);
});

/** What a case shows, what comes in, and what the trace says. */
type Case = readonly [name: string, input: string, wanted: string];

async function expectRedacted(t: Deno.TestContext, cases: readonly Case[]): Promise<void> {
  for (const [i, [name, input, wanted]] of cases.entries()) {
    await t.step(`${name} ${i}`, () => assertEquals(redactSecrets(input), wanted));
  }
}

const PASS: readonly Case[] = [
  [
    "user and pass",
    'CONNECT {"user":"derek","pass":"s3cr3t"}\r\n',
    'CONNECT {"user":"derek","pass":"[REDACTED]"}\r\n',
  ],
  [
    "user and pass extra space",
    'CONNECT {"user":"derek","pass":  "s3cr3t"}\r\n',
    'CONNECT {"user":"derek","pass":  "[REDACTED]"}\r\n',
  ],
  [
    "user and pass is empty",
    'CONNECT {"user":"derek","pass":""}\r\n',
    'CONNECT {"user":"derek","pass":"[REDACTED]"}\r\n',
  ],
  [
    "user and pass is empty whitespace",
    'CONNECT {"user":"derek","pass":"               "}\r\n',
    'CONNECT {"user":"derek","pass":"[REDACTED]"}\r\n',
  ],
  [
    "user and pass whitespace",
    'CONNECT {"user":"derek","pass":    "s3cr3t"     }\r\n',
    'CONNECT {"user":"derek","pass":    "[REDACTED]"     }\r\n',
  ],
  ["only pass", 'CONNECT {"pass":"s3cr3t",}\r\n', 'CONNECT {"pass":"[REDACTED]",}\r\n'],
  [
    "invalid json",
    "CONNECT {pass:s3cr3t ,   password =  s3cr3t}",
    "CONNECT {pass:[REDACTED],   password =  [REDACTED]}",
  ],
  [
    "invalid json no whitespace after key",
    "CONNECT {pass:s3cr3t ,   password=  s3cr3t}",
    "CONNECT {pass:[REDACTED],   password=  [REDACTED]}",
  ],
  [
    "both pass and wrong password key",
    'CONNECT {"pass":"s3cr3t4", "password": "s3cr3t4"}',
    'CONNECT {"pass":"[REDACTED]", "password": "[REDACTED]"}',
  ],
  [
    "invalid json",
    "CONNECT {user = hello, password =  s3cr3t}",
    "CONNECT {user = hello, password =  [REDACTED]}",
  ],
  [
    "complete connect",
    'CONNECT {"echo":true,"verbose":false,"pedantic":false,"user":"foo","pass":"s3cr3t","tls_required":false,"name":"APM7JU94z77YzP6WTBEiuw"}\r\n',
    'CONNECT {"echo":true,"verbose":false,"pedantic":false,"user":"foo","pass":"[REDACTED]","tls_required":false,"name":"APM7JU94z77YzP6WTBEiuw"}\r\n',
  ],
  ["invalid json with only pass key", "CONNECT {pass:s3cr3t\r\n", "CONNECT {pass:[REDACTED]\r\n"],
  [
    "invalid password key also filtered",
    'CONNECT {"password":"s3cr3t",}\r\n',
    'CONNECT {"password":"[REDACTED]",}\r\n',
  ],
  [
    "single long password with whitespace",
    'CONNECT {"pass":"secret password which is very long",}\r\n',
    'CONNECT {"pass":"[REDACTED]",}\r\n',
  ],
  [
    "single long pass key is filtered",
    'CONNECT {"pass":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}\r\n',
    'CONNECT {"pass":"[REDACTED]"}\r\n',
  ],
  [
    "duplicate keys all filtered",
    'CONNECT {"pass":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","pass":"BBBBBBBBBBBBBBBBBBBB","password":"CCCCCCCCCCCCCCCC"}\r\n',
    'CONNECT {"pass":"[REDACTED]","pass":"[REDACTED]","password":"[REDACTED]"}\r\n',
  ],
  [
    "invalid json with multiple keys all filtered",
    'CONNECT {pass = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",pass= "BBBBBBBBBBBBBBBBBBBB",password ="CCCCCCCCCCCCCCCC"}\r\n',
    'CONNECT {pass = "[REDACTED]",pass= "[REDACTED]",password ="[REDACTED]"}\r\n',
  ],
  [
    "complete connect protocol",
    'CONNECT {"echo":true,"verbose":false,"pedantic":false,"user":"foo","pass":"s3cr3t","tls_required":false,"name":"APM7JU94z77YzP6WTBEiuw"}\r\n',
    'CONNECT {"echo":true,"verbose":false,"pedantic":false,"user":"foo","pass":"[REDACTED]","tls_required":false,"name":"APM7JU94z77YzP6WTBEiuw"}\r\n',
  ],
  [
    "user and pass are filterered",
    'CONNECT {"user":"s3cr3t","pass":"s3cr3t"}\r\n',
    'CONNECT {"user":"s3cr3t","pass":"[REDACTED]"}\r\n',
  ],
  [
    "complete connect using password key with user and password being the same",
    'CONNECT {"echo":true,"verbose":false,"pedantic":false,"user":"s3cr3t","pass":"s3cr3t","tls_required":false,"name":"..."}\r\n',
    'CONNECT {"echo":true,"verbose":false,"pedantic":false,"user":"s3cr3t","pass":"[REDACTED]","tls_required":false,"name":"..."}\r\n',
  ],
  [
    "complete connect with user password and name all the same",
    'CONNECT {"echo":true,"verbose":false,"pedantic":false,"user":"s3cr3t","pass":"s3cr3t","tls_required":false,"name":"s3cr3t"}\r\n',
    'CONNECT {"echo":true,"verbose":false,"pedantic":false,"user":"s3cr3t","pass":"[REDACTED]","tls_required":false,"name":"s3cr3t"}\r\n',
  ],
  [
    "complete connect extra white space at the beginning",
    'CONNECT \t {"echo":true,"verbose":false,"pedantic":false,"user":"s3cr3t","pass":"s3cr3t","tls_required":false,"name":"foo"}\r\n',
    'CONNECT \t {"echo":true,"verbose":false,"pedantic":false,"user":"s3cr3t","pass":"[REDACTED]","tls_required":false,"name":"foo"}\r\n',
  ],
];

Deno.test("TestRemovePassFromTrace", (t) => expectRedacted(t, PASS));

const AUTH_TOKEN: readonly Case[] = [
  [
    "user and auth_token",
    'CONNECT {"user":"derek","auth_token":"s3cr3t"}\r\n',
    'CONNECT {"user":"derek","auth_token":"[REDACTED]"}\r\n',
  ],
  [
    "user and pass extra space",
    'CONNECT {"user":"derek","auth_token":  "s3cr3t"}\r\n',
    'CONNECT {"user":"derek","auth_token":  "[REDACTED]"}\r\n',
  ],
  [
    "user and pass is empty",
    'CONNECT {"user":"derek","auth_token":""}\r\n',
    'CONNECT {"user":"derek","auth_token":"[REDACTED]"}\r\n',
  ],
  [
    "user and pass is empty whitespace",
    'CONNECT {"user":"derek","auth_token":"               "}\r\n',
    'CONNECT {"user":"derek","auth_token":"[REDACTED]"}\r\n',
  ],
  [
    "user and pass whitespace",
    'CONNECT {"user":"derek","auth_token":    "s3cr3t"     }\r\n',
    'CONNECT {"user":"derek","auth_token":    "[REDACTED]"     }\r\n',
  ],
  ["only pass", 'CONNECT {"auth_token":"s3cr3t",}\r\n', 'CONNECT {"auth_token":"[REDACTED]",}\r\n'],
  [
    "invalid json",
    "CONNECT {auth_token:s3cr3t ,   password =  s3cr3t}",
    "CONNECT {auth_token:[REDACTED],   password =  [REDACTED]}",
  ],
  [
    "invalid json no whitespace after key",
    "CONNECT {auth_token:s3cr3t ,   password=  s3cr3t}",
    "CONNECT {auth_token:[REDACTED],   password=  [REDACTED]}",
  ],
  [
    "both pass and wrong password key",
    'CONNECT {"auth_token":"s3cr3t4", "password": "s3cr3t4"}',
    'CONNECT {"auth_token":"[REDACTED]", "password": "[REDACTED]"}',
  ],
  [
    "invalid json",
    "CONNECT {user = hello, auth_token =  s3cr3t}",
    "CONNECT {user = hello, auth_token =  [REDACTED]}",
  ],
  [
    "complete connect",
    'CONNECT {"echo":true,"verbose":false,"pedantic":false,"auth_token":"s3cr3t","tls_required":false,"name":"APM7JU94z77YzP6WTBEiuw"}\r\n',
    'CONNECT {"echo":true,"verbose":false,"pedantic":false,"auth_token":"[REDACTED]","tls_required":false,"name":"APM7JU94z77YzP6WTBEiuw"}\r\n',
  ],
  [
    "invalid json with only pass key",
    "CONNECT {auth_token:s3cr3t\r\n",
    "CONNECT {auth_token:[REDACTED]\r\n",
  ],
  [
    "invalid password key also filtered",
    'CONNECT {"auth_token":"s3cr3t",}\r\n',
    'CONNECT {"auth_token":"[REDACTED]",}\r\n',
  ],
  [
    "single long password with whitespace",
    'CONNECT {"auth_token":"secret password which is very long",}\r\n',
    'CONNECT {"auth_token":"[REDACTED]",}\r\n',
  ],
  [
    "single long pass key is filtered",
    'CONNECT {"auth_token":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}\r\n',
    'CONNECT {"auth_token":"[REDACTED]"}\r\n',
  ],
  [
    "duplicate keys all filtered",
    'CONNECT {"auth_token":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","auth_token":"BBB","pass":"BBBBBBBBBBBBBBBBBBBB","password":"CCCCCCCCCCCCCCCC"}\r\n',
    'CONNECT {"auth_token":"[REDACTED]","auth_token":"[REDACTED]","pass":"[REDACTED]","password":"[REDACTED]"}\r\n',
  ],
  [
    "invalid json with multiple keys all filtered",
    'CONNECT {auth_token = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",pass= "BBBBBBBBBBBBBBBBBBBB",password ="CCCCCCCCCCCCCCCC"}\r\n',
    'CONNECT {auth_token = "[REDACTED]",pass= "[REDACTED]",password ="[REDACTED]"}\r\n',
  ],
  [
    "complete connect protocol",
    'CONNECT {"echo":true,"verbose":false,"pedantic":false,"user":"foo","auth_token":"s3cr3t","tls_required":false,"name":"APM7JU94z77YzP6WTBEiuw"}\r\n',
    'CONNECT {"echo":true,"verbose":false,"pedantic":false,"user":"foo","auth_token":"[REDACTED]","tls_required":false,"name":"APM7JU94z77YzP6WTBEiuw"}\r\n',
  ],
  [
    "user and token are filterered",
    'CONNECT {"user":"s3cr3t","auth_token":"s3cr3t"}\r\n',
    'CONNECT {"user":"s3cr3t","auth_token":"[REDACTED]"}\r\n',
  ],
  [
    "complete connect using token key with user and token being the same",
    'CONNECT {"echo":true,"verbose":false,"pedantic":false,"user":"s3cr3t","auth_token":"s3cr3t","tls_required":false,"name":"..."}\r\n',
    'CONNECT {"echo":true,"verbose":false,"pedantic":false,"user":"s3cr3t","auth_token":"[REDACTED]","tls_required":false,"name":"..."}\r\n',
  ],
  [
    "complete connect with user, token and name all the same",
    'CONNECT {"echo":true,"verbose":false,"pedantic":false,"user":"s3cr3t","auth_token":"s3cr3t","tls_required":false,"name":"s3cr3t"}\r\n',
    'CONNECT {"echo":true,"verbose":false,"pedantic":false,"user":"s3cr3t","auth_token":"[REDACTED]","tls_required":false,"name":"s3cr3t"}\r\n',
  ],
  [
    "complete connect extra white space at the beginning",
    'CONNECT \t {"echo":true,"verbose":false,"pedantic":false,"user":"s3cr3t","auth_token":"s3cr3t","tls_required":false,"name":"foo"}\r\n',
    'CONNECT \t {"echo":true,"verbose":false,"pedantic":false,"user":"s3cr3t","auth_token":"[REDACTED]","tls_required":false,"name":"foo"}\r\n',
  ],
];

Deno.test("TestRemoveAuthTokenFromTrace", (t) => expectRedacted(t, AUTH_TOKEN));

const OTHER_FIELDS: readonly Case[] = [
  [
    "sig",
    'CONNECT {"sig":"signature","user":"foo"}\r\n',
    'CONNECT {"sig":"[REDACTED]","user":"foo"}\r\n',
  ],
  [
    "nkey",
    'CONNECT {"nkey":"nkey","user":"foo"}\r\n',
    'CONNECT {"nkey":"[REDACTED]","user":"foo"}\r\n',
  ],
  [
    "proxy sig",
    'CONNECT {"proxy_sig":"proxy-signature","user":"foo"}\r\n',
    'CONNECT {"proxy_sig":"[REDACTED]","user":"foo"}\r\n',
  ],
  [
    "proxy sig followed by sig",
    'CONNECT {"proxy_sig":"proxy-signature","sig":"sig","user":"foo"}\r\n',
    'CONNECT {"proxy_sig":"[REDACTED]","sig":"[REDACTED]","user":"foo"}\r\n',
  ],
  [
    "sig followed by proxy sig",
    'CONNECT {"sig":"sig","proxy_sig":"proxy-signature","user":"foo"}\r\n',
    'CONNECT {"sig":"[REDACTED]","proxy_sig":"[REDACTED]","user":"foo"}\r\n',
  ],
  [
    "sig marker inside another string still redacts real sig",
    'CONNECT {"name":"foo sig:bar","sig":"REAL","user":"foo"}\r\n',
    'CONNECT {"name":"foo sig:[REDACTED]","sig":"[REDACTED]","user":"foo"}\r\n',
  ],
  ["malformed sig without object delimiters", "CONNECT sig=abc\r\n", "CONNECT sig=[REDACTED]\r\n"],
  [
    "sig after malformed quoted field is redacted",
    'CONNECT {"name":"unterminated,"sig":"abc"}\r\n',
    'CONNECT {"name":"unterminated,"sig":"[REDACTED]"}\r\n',
  ],
];

Deno.test("TestRemoveAdditionalAuthFieldsFromTrace", (t) => expectRedacted(t, OTHER_FIELDS));

Deno.test("TestSetLogger", async () => {
  await withLogFolder((folder) => {
    const before: string[] = [];
    const log = open({}, before);
    const logFile = `${folder}/log`;
    const options: Options = { ...emptyOptions(), logFile, debug: true, trace: true };
    log.reconfigure(options);
    assertEquals([log.debugEnabled, log.traceEnabled], [true, true]);
    const levels = ["notice", "error", "fatal", "debug", "trace", "warn"] as const;
    for (const level of levels) {
      log[level](`This is a ${level}`);
      assert(Deno.readTextFileSync(logFile).endsWith(`This is a ${level}\n`), level);
    }
    log.reconfigure({ ...options, debug: false, trace: false });
    assertEquals([log.debugEnabled, log.traceEnabled], [false, false]);
    const size = Deno.statSync(logFile).size;
    log.debug("This Debug should not be traced");
    log.trace("This Trace should not be traced");
    assertEquals(Deno.statSync(logFile).size, size);
    assertEquals(before, []);
    log.close();
  });
});
