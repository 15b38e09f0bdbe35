// Ports: conf/parse_test.go
import { assertEquals } from "@std/assert";
import { parseConfigFileWithDigest } from "../../../src/config/parser.ts";
import { memorySource } from "./_memory_source.ts";

Deno.test("TestParseDigest", async (t) => {
  const cases: { input: string; includes: Record<string, string>; digest: string }[] = [
    {
      input: "foo = bar",
      includes: {},
      digest: "sha256:226e49e13d16e5e8aa0d62e58cd63361bf097d3e2b2444aa3044334628a2e8de",
    },
    {
      input: `# Comments and whitespace have no effect
                        foo = bar
                        `,
      includes: {},
      digest: "sha256:226e49e13d16e5e8aa0d62e58cd63361bf097d3e2b2444aa3044334628a2e8de",
    },
    {
      input: `# Syntax changes have no effect
                        'foo': 'bar'
                        `,
      includes: {},
      digest: "sha256:226e49e13d16e5e8aa0d62e58cd63361bf097d3e2b2444aa3044334628a2e8de",
    },
    {
      input: `# Syntax changes have no effect
                        { 'foo': 'bar' }
                        `,
      includes: {},
      digest: "sha256:226e49e13d16e5e8aa0d62e58cd63361bf097d3e2b2444aa3044334628a2e8de",
    },
    {
      input: `# substitutions
                        BAR_USERS = { users = [ {user = "bar"} ]}
                        hello = 'world'
                        accounts {
                          QUUX_USERS = [ { user: quux }]
                          bar = $BAR_USERS
                          quux = { users = $QUUX_USERS }
                        }
                        very { nested { env { VAR = 'NESTED', quux = $VAR }}}
                        `,
      includes: {},
      digest: "sha256:bddb282343249c26d3edcef9bfaa9d2711505fc67210380e871405ba394a9186",
    },
    {
      input: `# substitutions, same as previous one without env vars.
                        hello = 'world'
                        accounts {
                          bar  = { users = [ { user = "bar" } ]}
                          quux = { users = [ { user: quux   } ]}
                        }
                        very { nested { env { quux = 'NESTED' }}}
                        `,
      includes: {},
      digest: "sha256:34f8faf3f269fe7509edc4742f20c8c4a7ad51fe21f8b361764314b533ac3ab5",
    },
    {
      input: `# substitutions
                        BAR_USERS = { users = [ {user = "foo"} ]}
                        bar = $BAR_USERS
                        accounts {
                          users = $BAR_USERS
                        }
                        `,
      includes: {},
      digest: "sha256:b0e2ba0b8ec2cb75681b5c5d61789cda0c9942c2f9fe16cdb7f6703364485360",
    },
    {
      input: `# substitutions
                        bar = { users = [ {user = "foo"} ]}
                        accounts {
                          users = { users = [ {user = "foo"} ]}
                        }
                        `,
      includes: {},
      digest: "sha256:f5d943b4ed22b80c6199203f8a7eaa8eb68ef7b2d46ef6b1b26f05e21f8beb13",
    },
    {
      input: `# includes
			accounts {
                          foo { include 'foo.conf'}
                          bar { users = [{user = "bar"}] }
                          quux { include 'quux.conf'}
                        }
                        `,
      includes: {
        "/c/foo.conf": ' users = [{user = "foo"}]',
        "/c/quux.conf": ' users = [{user = "quux"}]',
      },
      digest: "sha256:e72d70c91b64b0f880f86decb95ec2600cbdcf8bdcd2355fce5ebc54a84a77e9",
    },
    {
      input: `# includes
			accounts {
                          foo { include 'foo.conf'}
                          bar { include 'bar.conf'}
                          quux { include 'quux.conf'}
                        }
                        `,
      includes: {
        "/c/foo.conf": ' users = [{user = "foo"}]',
        "/c/bar.conf": ' users = [{user = "bar"}]',
        "/c/quux.conf": ' users = [{user = "quux"}]',
      },
      digest: "sha256:e72d70c91b64b0f880f86decb95ec2600cbdcf8bdcd2355fce5ebc54a84a77e9",
    },
  ];
  for (const [index, { input, includes, digest }] of cases.entries()) {
    await t.step(`case ${index}`, () => {
      const source = memorySource({ ...includes, "/c/nats.conf": input });
      assertEquals(parseConfigFileWithDigest("/c/nats.conf", source).digest, digest);
    });
  }
});
