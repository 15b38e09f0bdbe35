/**
 * Cases of TestConfigCheck, part 3: configurations and what is wrong with them.
 *
 * @module
 */
import type { ConfigCase } from "./_config_check.ts";

/** Part 3 of the cases. */
export const cases3: readonly ConfigCase[] = [
  {
    name: "verify_cert_and_check_known_urls do not work for leaf nodes",
    config: `
		leafnodes {
		  remotes = [
		    {
		      url: "tls://nats:7422"
		      tls {
		        timeout: 0.01
				verify_cert_and_check_known_urls: true
		      }
		    }
		  ]
		}`,
    error: "verify_cert_and_check_known_urls not supported in this context",
    line: 8,
    pos: 5,
  },
  {
    name: "when leafnode remotes use wrong type",
    config: `
		leafnodes {
		  remotes: {
  	            url: "tls://nats:7422"
		  }
		}`,
    error: "Expected remotes field to be an array, got map[string]interface {}",
    line: 3,
    pos: 5,
  },
  {
    name: "when leafnode remotes url uses wrong type",
    config: `
		leafnodes {
		  remotes: [
  	            { urls: 1234 }
		  ]
		}`,
    error: "Expected remote leafnode url to be an array or string, got 1234",
    line: 4,
    pos: 18,
  },
  {
    name: "when leafnode min_version is wrong type",
    config: `
				leafnodes {
					port: -1
					min_version = 123
				}`,
    error: "interface conversion: interface {} is int64, not string",
    line: 4,
    pos: 6,
  },
  {
    name: "when leafnode min_version has parsing error",
    config: `
				leafnodes {
					port: -1
					min_version = bad.version
				}`,
    error: "invalid leafnode's minimum version: invalid semver",
    line: 4,
    pos: 6,
  },
  {
    name: "when leafnode min_version is too low",
    config: `
				leafnodes {
					port: -1
					min_version = 2.7.9
				}`,
    error: "the minimum version should be at least 2.8.0",
    line: 4,
    pos: 6,
  },
  {
    name: "when setting latency tracking with a system account",
    config: `
                system_account: sys

                accounts {
                  sys { users = [ {user: sys, pass: "" } ] }

                  nats.io: {
                    users = [ { user : bar, pass: "" } ]

                    exports = [
                      { service: "nats.add"
                        response: singleton
                        latency: {
                          sampling: 100%
                          subject: "latency.tracking.add"
                        }
                      }

                    ]
                  }
                }
                `,
    line: 0,
    pos: 0,
  },
  {
    name: "when setting latency tracking with an invalid publish subject",
    config: `
                system_account = sys
                accounts {
                  sys { users = [ {user: sys, pass: "" } ] }

                  nats.io: {
                    users = [ { user : bar, pass: "" } ]

                    exports = [
                      { service: "nats.add"
                        response: singleton
                        latency: "*"
                      }
                    ]
                  }
                }
                `,
    error:
      'Error adding service latency sampling for "nats.add" on subject "*": invalid publish subject',
    line: 3,
    pos: 17,
  },
  {
    name: "when setting latency tracking on a stream",
    config: `
                system_account = sys
                accounts {
                  sys { users = [ {user: sys, pass: "" } ] }

                  nats.io: {
                    users = [ { user : bar, pass: "" } ]

                    exports = [
                      { stream: "nats.add"
                        latency: "foo"
                      }
                    ]
                  }
                }
                `,
    error: "Detected latency directive on non-service",
    line: 11,
    pos: 25,
  },
  {
    name: "when setting allow_trace on a stream export (after)",
    config: `
                system_account = sys
                accounts {
                  sys { users = [ {user: sys, pass: "" } ] }

                  nats.io: {
                    users = [ { user : bar, pass: "" } ]
                    exports = [ { stream: "nats.add", allow_trace: true } ]
                  }
                }
                `,
    error: "Detected allow_trace directive on non-service",
    line: 8,
    pos: 55,
  },
  {
    name: "when setting allow_trace on a stream export (before)",
    config: `
                system_account = sys
                accounts {
                  sys { users = [ {user: sys, pass: "" } ] }

                  nats.io: {
                    users = [ { user : bar, pass: "" } ]
                    exports = [ { allow_trace: true, stream: "nats.add" } ]
                  }
                }
                `,
    error: "Detected allow_trace directive on non-service",
    line: 8,
    pos: 35,
  },
  {
    name: "when setting allow_trace on a service import (after)",
    config: `
                accounts {
                  A: {
                    users = [ {user: user1, pass: ""} ]
                    exports = [{service: "foo"}]
                  }
                  B: {
                    users = [ {user: user2, pass: ""} ]
                    imports = [ { service: {account: "A", subject: "foo"}, allow_trace: true } ]
                  }
                }
                `,
    error: "Detected allow_trace directive on a non-stream",
    line: 9,
    pos: 76,
  },
  {
    name: "when setting allow_trace on a service import (before)",
    config: `
                accounts {
                  A: {
                    users = [ {user: user1, pass: ""} ]
                    exports = [{service: "foo"}]
                  }
                  B: {
                    users = [ {user: user2, pass: ""} ]
                    imports = [ { allow_trace: true, service: {account: "A", subject: "foo"} } ]
                  }
                }
                `,
    error: "Detected allow_trace directive on a non-stream",
    line: 9,
    pos: 35,
  },
  {
    name: "when using duplicate service import subject",
    config: `
								accounts {
									 A: {
										 users = [ {user: user1, pass: ""} ]
										 exports = [
											 {service: "remote1"}
											 {service: "remote2"}
										 ]
									 }
									 B: {
										 users = [ {user: user2, pass: ""} ]
										 imports = [
											 {service: {account: "A", subject: "remote1"}, to: "local"}
											 {service: {account: "A", subject: "remote2"}, to: "local"}
										 ]
									 }
								}
							`,
    error:
      'Duplicate service import subject "local", previously used in import for account "A", subject "remote1"',
    line: 14,
    pos: 71,
  },
  {
    name: "mixing single and multi users in leafnode authorization",
    config: `
                leafnodes {
                   authorization {
                     user: user1
                     password: pwd
                     users = [{user: user2, password: pwd}]
                   }
                }
              `,
    error: "can not have a single user/pass and a users array",
    line: 3,
    pos: 20,
  },
  {
    name: "duplicate usernames in leafnode authorization",
    config: `
                leafnodes {
                    authorization {
                        users = [
                            {user: user, password: pwd}
                            {user: user, password: pwd}
                        ]
                    }
                }
              `,
    error: 'duplicate user "user" detected in leafnode authorization',
    line: 3,
    pos: 21,
  },
  {
    name: "mqtt bad type",
    config: `
                mqtt [
					"wrong"
				]
			`,
    error: "Expected mqtt to be a map, got []interface {}",
    line: 2,
    pos: 17,
  },
  {
    name: "mqtt bad listen",
    config: `
                mqtt {
                    listen: "xxxxxxxx"
				}
			`,
    error: 'could not parse address string "xxxxxxxx"',
    line: 3,
    pos: 21,
  },
  {
    name: "mqtt bad host",
    config: `
                mqtt {
                    host: 1234
				}
			`,
    error: "interface conversion: interface {} is int64, not string",
    line: 3,
    pos: 21,
  },
  {
    name: "mqtt bad port",
    config: `
                mqtt {
                    port: "abc"
				}
			`,
    error: "interface conversion: interface {} is string, not int64",
    line: 3,
    pos: 21,
  },
  {
    name: "mqtt bad TLS",
    config: `
                mqtt {
					port: -1
                    tls {
                        cert_file: "./configs/certs/server.pem"
					}
				}
			`,
    error: "missing 'key_file' in TLS configuration",
    line: 4,
    pos: 21,
  },
  {
    name: "connection types wrong type",
    config: `
                   authorization {
                       users [
                           {user: a, password: pwd, allowed_connection_types: 123}
					   ]
				   }
			`,
    error: "error parsing allowed connection types: unsupported type int64",
    line: 4,
    pos: 53,
  },
  {
    name: "connection types content wrong type",
    config: `
                   authorization {
                       users [
                           {user: a, password: pwd, allowed_connection_types: [
                               123
                               WEBSOCKET
							]}
					   ]
				   }
			`,
    error: "error parsing allowed connection types: unsupported type in array int64",
    line: 5,
    pos: 32,
  },
  {
    name: "connection types type unknown",
    config: `
                   authorization {
                       users [
                           {user: a, password: pwd, allowed_connection_types: [ "UNKNOWN" ]}
					   ]
				   }
			`,
    error: 'invalid connection types ["UNKNOWN"]',
    line: 4,
    pos: 53,
  },
  {
    name: "websocket auth unknown var",
    config: `
				websocket {
					authorization {
                        unknown: "field"
				   }
				}
			`,
    error: 'unknown field "unknown"',
    line: 4,
    pos: 25,
  },
  {
    name: "websocket bad tls",
    config: `
				websocket {
                    tls {
						cert_file: "configs/certs/server.pem"
					}
				}
			`,
    error: "missing 'key_file' in TLS configuration",
    line: 3,
    pos: 21,
  },
  {
    name: "verify_cert_and_check_known_urls not support for websockets",
    config: `
				websocket {
                    tls {
						cert_file: "configs/certs/server.pem"
						key_file: "configs/certs/key.pem"
					    verify_cert_and_check_known_urls: true
					}
				}
			`,
    error: "verify_cert_and_check_known_urls not supported in this context",
    line: 6,
    pos: 10,
  },
  {
    name: "ambiguous store dir",
    config: `
                                store_dir: "foo"
                                jetstream {
                                  store_dir: "bar"
                                }
                        `,
    error: "Duplicate 'store_dir' configuration",
  },
  {
    name: "token not supported in cluster",
    config: `
				cluster {
					port: -1
					authorization {
						token: "my_token"
					}
				}
			`,
    error: "Cluster authorization does not support tokens",
    line: 4,
    pos: 6,
  },
  {
    name: "token not supported in gateway",
    config: `
				gateway {
					port: -1
					name: "A"
					authorization {
						token: "my_token"
					}
				}
			`,
    error: "Gateway authorization does not support tokens",
    line: 5,
    pos: 6,
  },
  {
    name: "wrong type for cluster pool size",
    config: `
				cluster {
					port: -1
					pool_size: "abc"
				}
			`,
    error: "interface conversion: interface {} is string, not int64",
    line: 4,
    pos: 6,
  },
  {
    name: "wrong type for cluster accounts",
    config: `
				cluster {
					port: -1
					accounts: 123
				}
			`,
    error: "error parsing accounts: unsupported type int64",
    line: 4,
    pos: 6,
  },
  {
    name: "wrong type for cluster compression",
    config: `
				cluster {
					port: -1
					compression: 123
				}
			`,
    error: 'field "compression" should be a boolean or a structure, got int64',
    line: 4,
    pos: 6,
  },
  {
    name: "wrong type for cluster compression mode",
    config: `
				cluster {
					port: -1
					compression: {
						mode: 123
					}
				}
			`,
    error: "interface conversion: interface {} is int64, not string",
    line: 5,
    pos: 7,
  },
  {
    name: "wrong type for cluster compression rtt thresholds",
    config: `
				cluster {
					port: -1
					compression: {
						mode: "s2_auto"
						rtt_thresholds: 123
					}
				}
			`,
    error: "interface conversion: interface {} is int64, not []interface {}",
    line: 6,
    pos: 7,
  },
  {
    name: "invalid durations for cluster compression rtt thresholds",
    config: `
				cluster {
					port: -1
					compression: {
						mode: "s2_auto"
						rtt_thresholds: [abc]
					}
				}
			`,
    error: 'time: invalid duration "abc"',
    line: 6,
    pos: 7,
  },
  {
    name: "invalid durations for cluster ping interval",
    config: `
				cluster {
					port: -1
					ping_interval: -1
					ping_max: 6
				}
			`,
    error: 'invalid use of field "ping_interval": ping_interval should be converted to a duration',
    line: 4,
    pos: 6,
  },
  {
    name: "invalid durations for cluster ping interval",
    config: `
				cluster {
					port: -1
					ping_interval: '2m'
					ping_max: 6
				}
			`,
    warning: "Cluster 'ping_interval' will reset to 30s which is the max for routes",
    line: 4,
    pos: 6,
  },
  {
    name: "wrong type for leafnodes compression",
    config: `
				leafnodes {
					port: -1
					compression: 123
				}
			`,
    error: 'field "compression" should be a boolean or a structure, got int64',
    line: 4,
    pos: 6,
  },
];
