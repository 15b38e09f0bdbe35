/**
 * Cases of TestConfigCheck, part 2: configurations and what is wrong with them.
 *
 * @module
 */
import type { ConfigCase } from "./_config_check.ts";

/** Part 2 of the cases. */
export const cases2: readonly ConfigCase[] = [
  {
    name: "when accounts block exports are not a list",
    config: `
                port = 4222

		accounts = {
                  nats {
                    exports = true
                  }
                }

                http_port = 8222
				`,
    error: "Exports should be an array, got bool",
    line: 6,
    pos: 21,
  },
  {
    name: "when accounts block imports items are not a map",
    config: `
                port = 4222

		accounts = {
                  nats {
                    imports = [
                      false
                    ]
                  }
                }

                http_port = 8222
				`,
    error: "Import Items should be a map with type entry, got bool",
    line: 7,
    pos: 23,
  },
  {
    name: "when accounts block export items are not a map",
    config: `
                port = 4222

		accounts = {
                  nats {
                    exports = [
                      false
                    ]
                  }
                }

                http_port = 8222
				`,
    error: "Export Items should be a map with type entry, got bool",
    line: 7,
    pos: 23,
  },
  {
    name: "when accounts exports has a stream name that is not a string",
    config: `
                port = 4222

		accounts = {
                  nats {
                    exports = [
                      {
                        stream: false
                      }
                    ]
                  }
                }

                http_port = 8222
				`,
    error: "Expected stream name to be string, got bool",
    line: 8,
    pos: 25,
  },
  {
    name: "when accounts exports has a service name that is not a string",
    config: `
		accounts = {
                  nats {
                    exports = [
                      {
                        service: false
                      }
                    ]
                  }
                }
				`,
    error: "Expected service name to be string, got bool",
    line: 6,
    pos: 25,
  },
  {
    name: "when accounts imports stream without name",
    config: `
                port = 4222

		accounts = {
                  nats {
                    imports = [
                      { stream: { }}
                    ]
                  }
                }

                http_port = 8222
				`,
    error: "Expect an account name and a subject",
    line: 7,
    pos: 25,
  },
  {
    name: "when accounts imports service without name",
    config: `
                port = 4222

		accounts = {
                  nats {
                    imports = [
                      { service: { }}
                    ]
                  }
                }

                http_port = 8222
				`,
    error: "Expect an account name and a subject",
    line: 7,
    pos: 25,
  },
  {
    name: "when account trace destination is of the wrong type",
    config: `
                accounts {
                  A { trace_dest: 123 }
                }
			`,
    error: 'Expected account message trace "trace_dest" to be a string or a map/struct, got int64',
    line: 3,
    pos: 23,
  },
  {
    name: "when account trace destination is not a valid destination",
    config: `
                accounts {
                  A { trace_dest: "invalid..dest" }
                }
			`,
    error: 'Trace destination "invalid..dest" is not valid',
    line: 3,
    pos: 23,
  },
  {
    name: "when account trace destination is not a valid publish subject",
    config: `
                accounts {
                  A { trace_dest: "invalid.publish.*.subject" }
                }
			`,
    error: 'Trace destination "invalid.publish.*.subject" is not valid',
    line: 3,
    pos: 23,
  },
  {
    name: "when account message trace dest is wrong type",
    config: `
                accounts {
                  A { msg_trace: {dest: 123} }
                }
			`,
    error: 'Field "dest" should be a string, got int64',
    line: 3,
    pos: 35,
  },
  {
    name: "when account message trace dest is invalid",
    config: `
                accounts {
                  A { msg_trace: {dest: "invalid..dest"} }
                }
			`,
    error: 'Trace destination "invalid..dest" is not valid',
    line: 3,
    pos: 35,
  },
  {
    name: "when account message trace sampling is wrong type",
    config: `
                accounts {
                  A { msg_trace: {dest: "acc.dest", sampling: {wront: "type"}} }
                }
			`,
    error:
      'Trace destination sampling field "sampling" should be an integer or a percentage, got map[string]interface {}',
    line: 3,
    pos: 53,
  },
  {
    name: "when account message trace sampling is wrong string",
    config: `
                accounts {
                  A { msg_trace: {dest: "acc.dest", sampling: abc%} }
                }
			`,
    error: 'Invalid trace destination sampling value "abc%"',
    line: 3,
    pos: 53,
  },
  {
    name: "when account message trace sampling is negative",
    config: `
                accounts {
                  A { msg_trace: {dest: "acc.dest", sampling: -1} }
                }
			`,
    error: "Ttrace destination sampling value -1 is invalid, needs to be [1..100]",
    line: 3,
    pos: 53,
  },
  {
    name: "when account message trace sampling is zero",
    config: `
                accounts {
                  A { msg_trace: {dest: "acc.dest", sampling: 0} }
                }
			`,
    error: "Ttrace destination sampling value 0 is invalid, needs to be [1..100]",
    line: 3,
    pos: 53,
  },
  {
    name: "when account message trace sampling is more than 100",
    config: `
                accounts {
                  A { msg_trace: {dest: "acc.dest", sampling: 101} }
                }
			`,
    error: "Ttrace destination sampling value 101 is invalid, needs to be [1..100]",
    line: 3,
    pos: 53,
  },
  {
    name: "when account message trace has unknown field",
    config: `
                accounts {
                  A { msg_trace: {wrong: "field"} }
                }
			`,
    error: 'Unknown field "wrong" parsing account message trace map/struct "msg_trace"',
    line: 3,
    pos: 35,
  },
  {
    name: "when user authorization config has both token and users",
    config: `
		authorization = {
			token = "s3cr3t"
			users = [
				{
					user = "foo"
					pass = "bar"
				}
			]
		}
		`,
    error: "Can not have a token and a users array",
    line: 2,
    pos: 3,
  },
  {
    name: "when user authorization config has both token and user",
    config: `
		authorization = {
			user = "foo"
			pass = "bar"
			token = "baz"
		}
		`,
    error: "Cannot have a user/pass and token",
    line: 2,
    pos: 3,
  },
  {
    name: "when user authorization config has both user and users array",
    config: `
		authorization = {
			user = "user1"
			pass = "pwd1"
			users = [
				{
					user = "user2"
					pass = "pwd2"
				}
			]
		}
		`,
    error: "Can not have a single user/pass and a users array",
    line: 2,
    pos: 3,
  },
  {
    name: "when user authorization has duplicate users",
    config: `
		authorization = {
			users = [
				{user: "user1", pass: "pwd"}
				{user: "user2", pass: "pwd"}
				{user: "user1", pass: "pwd"}
			]
		}
		`,
    error: 'Duplicate user "user1" detected',
    line: 2,
    pos: 3,
  },
  {
    name: "when user authorization has duplicate nkeys",
    config: `
		authorization = {
			users = [
				{nkey: UC6NLCN7AS34YOJVCYD4PJ3QB7QGLYG5B5IMBT25VW5K4TNUJODM7BOX }
				{nkey: UBAAQWTW6CG2G6ANGNKB5U2B7HRWHSGMZEZX3AQSAJOQDAUGJD46LD2E }
				{nkey: UC6NLCN7AS34YOJVCYD4PJ3QB7QGLYG5B5IMBT25VW5K4TNUJODM7BOX }
			]
		}
		`,
    error: 'Duplicate nkey "UC6NLCN7AS34YOJVCYD4PJ3QB7QGLYG5B5IMBT25VW5K4TNUJODM7BOX" detected',
    line: 2,
    pos: 3,
  },
  {
    name: "when user authorization config has users not as a list",
    config: `
		authorization = {
		  users = false
		}
		`,
    error: "Expected users field to be an array, got false",
    line: 3,
    pos: 5,
  },
  {
    name: "when user authorization config has users not as a map",
    config: `
		authorization = {
		  users = [false]
		}
		`,
    error: "Expected user entry to be a map/struct, got false",
    line: 3,
    pos: 14,
  },
  {
    name: "when user authorization config has permissions not as a map",
    config: `
		authorization = {
		  users = [{user: hello, pass: world}]
                  permissions = false
		}
		`,
    error: "Expected permissions to be a map/struct, got false",
    line: 4,
    pos: 19,
  },
  {
    name: "when user authorization permissions config has invalid fields within allow",
    config: `
		authorization {
		  permissions {
		    publish = {
		      allow = [false, "hello", "world"]
		      deny = ["foo", "bar"]
		    }
		    subscribe = {}
		  }
		}
		`,
    error: "Subject in permissions array cannot be cast to string",
    line: 5,
    pos: 18,
  },
  {
    name: "when user authorization permissions config has invalid fields within deny",
    config: `
		authorization {
		  permissions {
		    publish = {
		      allow = ["hello", "world"]
		      deny = [true, "foo", "bar"]
		    }
		    subscribe = {}
		  }
		}
		`,
    error: "Subject in permissions array cannot be cast to string",
    line: 6,
    pos: 17,
  },
  {
    name: "when user authorization permissions config has invalid type",
    config: `
		authorization {
		  permissions {
		    publish = {
		      allow = false
		    }
		    subscribe = {}
		  }
		}
		`,
    error: "Expected subject permissions to be a subject, or array of subjects, got bool",
    line: 5,
    pos: 9,
  },
  {
    name: "when user authorization permissions subject is invalid",
    config: `
		authorization {
		  permissions {
		    publish = {
		      allow = ["foo..bar"]
		    }
		    subscribe = {}
		  }
		}
		`,
    error: 'subject "foo..bar" is not a valid subject',
    line: 5,
    pos: 9,
  },
  {
    name: "when cluster config listen is invalid",
    config: `
		cluster {
		  listen = "0.0.0.0:XXXX"
		}
		`,
    error: 'could not parse port "XXXX"',
    line: 3,
    pos: 5,
  },
  {
    name: "when cluster config includes multiple users",
    config: `
		cluster {
		  authorization {
                    users = []
                  }
		}
		`,
    error: "Cluster authorization does not allow multiple users",
    line: 3,
    pos: 5,
  },
  {
    name: "when cluster routes are invalid",
    config: `
		cluster {
                  routes = [
                    "0.0.0.0:XXXX"
                    # "0.0.0.0:YYYY"
                    # "0.0.0.0:ZZZZ"
                  ]
		}
		`,
    error: 'error parsing route url ["0.0.0.0:XXXX"]',
    line: 4,
    pos: 22,
  },
  {
    name: "when setting invalid TLS config within cluster block",
    config: `
		cluster {
		  tls {
		  }
		}
		`,
    line: 0,
    pos: 0,
  },
  {
    name: "invalid lame_duck_duration type",
    config: `
				lame_duck_duration: abc
			`,
    error: "error parsing lame_duck_duration: time: invalid duration",
    line: 2,
    pos: 5,
  },
  {
    name: "lame_duck_duration too small",
    config: `
				lame_duck_duration: "5s"
			`,
    error: "invalid lame_duck_duration of 5s, minimum is 30 seconds",
    line: 2,
    pos: 5,
  },
  {
    name: "invalid lame_duck_grace_period type",
    config: `
				lame_duck_grace_period: abc
			`,
    error: "error parsing lame_duck_grace_period: time: invalid duration",
    line: 2,
    pos: 5,
  },
  {
    name: "lame_duck_grace_period should be positive",
    config: `
				lame_duck_grace_period: "-5s"
			`,
    error: "invalid lame_duck_grace_period, needs to be positive",
    line: 2,
    pos: 5,
  },
  {
    name: "when only setting TLS timeout for a leafnode remote",
    config: `
		leafnodes {
		  remotes = [
		    {
		      url: "tls://nats:7422"
		      tls {
		        timeout: 0.01
		      }
		    }
		  ]
		}`,
    line: 0,
    pos: 0,
  },
];
