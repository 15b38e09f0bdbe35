/**
 * Cases of TestConfigCheck, part 1: configurations and what is wrong with them.
 *
 * @module
 */
import type { ConfigCase } from "./_config_check.ts";

/** Part 1 of the cases. */
export const cases1: readonly ConfigCase[] = [
  {
    name: "when unknown field is used at top level",
    config: `
                monitor = "127.0.0.1:4442"
                `,
    error: 'unknown field "monitor"',
    line: 2,
    pos: 17,
  },
  {
    name: "when default permissions are used at top level",
    config: `
                "default_permissions" {
                  publish = ["_SANDBOX.>"]
                  subscribe = ["_SANDBOX.>"]
                }
                `,
    error: 'unknown field "default_permissions"',
    line: 2,
    pos: 18,
  },
  {
    name: "when authorization config is empty",
    config: `
		authorization = {
		}
		`,
  },
  {
    name: "when authorization config has unknown fields",
    config: `
		authorization = {
		  foo = "bar"
		}
		`,
    error: 'unknown field "foo"',
    line: 3,
    pos: 5,
  },
  {
    name: "when authorization config has unknown fields",
    config: `
		port = 4222

		authorization = {
		  user = "hello"
		  foo = "bar"
		  password = "world"
		}

		`,
    error: 'unknown field "foo"',
    line: 6,
    pos: 5,
  },
  {
    name: "when user authorization config has unknown fields",
    config: `
		authorization = {
		  users = [
		    {
		      user = "foo"
		      pass = "bar"
		      token = "quux"
		    }
		  ]
		}
		`,
    error: 'unknown field "token"',
    line: 7,
    pos: 9,
  },
  {
    name: "when user authorization permissions config has unknown fields",
    config: `
		authorization {
		  permissions {
		    subscribe = {}
		    inboxes = {}
		    publish = {}
		  }
		}
		`,
    error: 'Unknown field "inboxes" parsing permissions',
    line: 5,
    pos: 7,
  },
  {
    name: "when user authorization permissions config has unknown fields within allow or deny",
    config: `
		authorization {
		  permissions {
		    subscribe = {
		      allow = ["hello", "world"]
		      deny = ["foo", "bar"]
		      denied = "_INBOX.>"
		    }
		    publish = {}
		  }
		}
		`,
    error:
      "Unknown field name \"denied\" parsing subject permissions, only 'allow' or 'deny' are permitted",
    line: 7,
    pos: 9,
  },
  {
    name: "when user authorization permissions config has unknown fields within allow or deny",
    config: `
		authorization {
		  permissions {
		    publish = {
		      allow = ["hello", "world"]
		      deny = ["foo", "bar"]
		      allowed = "_INBOX.>"
		    }
		    subscribe = {}
		  }
		}
		`,
    error:
      "Unknown field name \"allowed\" parsing subject permissions, only 'allow' or 'deny' are permitted",
    line: 7,
    pos: 9,
  },
  {
    name: "when user authorization permissions config has unknown fields using arrays",
    config: `
		authorization {

		 default_permissions {
		   subscribe = ["a"]
		   publish = ["b"]
		   inboxes = ["c"]
		 }

		 users = [
		   {
		     user = "foo"
		     pass = "bar"
		   }
		  ]
		}
		`,
    error: 'Unknown field "inboxes" parsing permissions',
    line: 7,
    pos: 6,
  },
  {
    name: "when user authorization permissions config has unknown fields using strings",
    config: `
		authorization {

		 default_permissions {
		   subscribe = "a"
		   requests = "b"
		   publish = "c"
		 }

		 users = [
		   {
		     user = "foo"
		     pass = "bar"
		   }
		  ]
		}
		`,
    error: 'Unknown field "requests" parsing permissions',
    line: 6,
    pos: 6,
  },
  {
    name: "when user authorization permissions config is empty",
    config: `
		authorization = {
		  users = [
		    {
		      user = "foo", pass = "bar", permissions = {
		      }
		    }
		  ]
		}
		`,
  },
  {
    name: "when unknown permissions are included in user config",
    config: `
		authorization = {
		  users = [
		    {
		      user = "foo", pass = "bar", permissions {
		        inboxes = true
		      }
		    }
		  ]
		}
		`,
    error: 'Unknown field "inboxes" parsing permissions',
    line: 6,
    pos: 11,
  },
  {
    name: "when clustering config is empty",
    config: `
		cluster = {
		}
		`,
  },
  {
    name: "when unknown option is in clustering config",
    config: `
		# NATS Server Configuration
		port = 4222

		cluster = {

		  port = 6222

		  foo = "bar"

		  authorization {
		    user = "hello"
		    pass = "world"
		  }

		}
		`,
    error: 'unknown field "foo"',
    line: 9,
    pos: 5,
  },
  {
    name: "when unknown option is in clustering authorization config",
    config: `
		cluster = {
		  authorization {
		    foo = "bar"
		  }
		}
		`,
    error: 'unknown field "foo"',
    line: 4,
    pos: 7,
  },
  {
    name: "when unknown option is in tls config",
    config: `
		tls = {
		  hello = "world"
		}
		`,
    error: 'error parsing tls config, unknown field "hello"',
    line: 3,
    pos: 5,
  },
  {
    name: "when unknown option is in cluster tls config",
    config: `
		cluster {
		  tls = {
		    foo = "bar"
		  }
		}
		`,
    error: 'error parsing tls config, unknown field "foo"',
    line: 4,
    pos: 7,
  },
  {
    name: "when using cipher suites in the TLS config",
    config: `
		tls = {
		    cipher_suites: [
			"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
			"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
		    ]
		    preferences = []
		}
		`,
    error: 'error parsing tls config, unknown field "preferences"',
    line: 7,
    pos: 7,
  },
  {
    name: "when using curve preferences in the TLS config",
    config: `
		tls = {
		    curve_preferences: [
			"CurveP256",
			"CurveP384",
			"CurveP521"
		    ]
		    suites = []
		}
		`,
    error: 'error parsing tls config, unknown field "suites"',
    line: 8,
    pos: 7,
  },
  {
    name: "when using curve preferences in the TLS config",
    config: `
		tls = {
		    curve_preferences: [
			"CurveP5210000"
		    ]
		}
		`,
    error: "unrecognized curve preference CurveP5210000",
    line: 4,
    pos: 5,
  },
  {
    name: "verify_cert_and_check_known_urls not support for clients",
    config: `
		tls = {
						cert_file: "configs/certs/server.pem"
						key_file: "configs/certs/key.pem"
					    verify_cert_and_check_known_urls: true
		}
		`,
    error: "verify_cert_and_check_known_urls not supported in this context",
    line: 5,
    pos: 10,
  },
  {
    name: "when unknown option is in cluster config with defined routes",
    config: `
		cluster {
		  port = 6222
		  routes = [
		    nats://127.0.0.1:6222
		  ]
		  peers = []
		}
		`,
    error: 'unknown field "peers"',
    line: 7,
    pos: 5,
  },
  {
    name:
      "when used as variable in authorization block it should not be considered as unknown field",
    config: `
		# listen:   127.0.0.1:-1
		listen:   127.0.0.1:4222

		authorization {
		  # Superuser can do anything.
		  super_user = {
		    publish = ">"
		    subscribe = ">"
		  }

		  # Can do requests on foo or bar, and subscribe to anything
		  # that is a response to an _INBOX.
		  #
		  # Notice that authorization filters can be singletons or arrays.
		  req_pub_user = {
		    publish = ["req.foo", "req.bar"]
		    subscribe = "_INBOX.>"
		  }

		  # Setup a default user that can subscribe to anything, but has
		  # no publish capabilities.
		  default_user = {
		    subscribe = "PUBLIC.>"
		  }

		  unused = "hello"

		  # Default permissions if none presented. e.g. susan below.
		  default_permissions: $default_user

		  # Users listed with persmissions.
		  users = [
		    {user: alice, password: foo, permissions: $super_user}
		    {user: bob,   password: bar, permissions: $req_pub_user}
		    {user: susan, password: baz}
		  ]
		}
		`,
    error: 'unknown field "unused"',
    line: 27,
    pos: 5,
  },
  {
    name: "when used as variable in top level config it should not be considered as unknown field",
    config: `
		monitoring_port = 8222

		http_port = $monitoring_port

		port = 4222
		`,
  },
  {
    name: "when used as variable in cluster config it should not be considered as unknown field",
    config: `
		cluster {
		  clustering_port = 6222
		  port = $clustering_port
		}
		`,
  },
  {
    name: "when setting permissions within cluster authorization block",
    config: `
		cluster {
		  authorization {
		    permissions = {
		      publish = { allow = ["foo", "bar"] }
		    }
		  }

		  permissions = {
		    publish = { deny = ["foo", "bar"] }
		  }
		}
		`,
    warning: 'invalid use of field "authorization"',
    reason: 'setting "permissions" within cluster authorization block is deprecated',
    line: 3,
    pos: 5,
  },
  {
    name: "when write deadline is used with deprecated usage",
    config: `
                write_deadline = 100
		`,
    warning: 'invalid use of field "write_deadline"',
    reason: "write_deadline should be converted to a duration",
    line: 2,
    pos: 17,
  },
  {
    name: "when accounts block is correctly configured",
    config: `
		http_port = 8222

		accounts {

		  #
		  # synadia > nats.io, cncf
		  #
		  synadia {
		    # SAADJL5XAEM6BDYSWDTGVILJVY54CQXZM5ZLG4FRUAKB62HWRTPNSGXOHA
		    nkey = "AC5GRL36RQV7MJ2GT6WQSCKDKJKYTK4T2LGLWJ2SEJKRDHFOQQWGGFQL"

		    users [
		      {
		        # SUAEL6RU3BSDAFKOHNTEOK5Q6FTM5FTAMWVIKBET6FHPO4JRII3CYELVNM
		        nkey = "UCARKS2E3KVB7YORL2DG34XLT7PUCOL2SVM7YXV6ETHLW6Z46UUJ2VZ3"
		      }
		    ]

		    exports = [
		      { service: "synadia.requests", accounts: [nats, cncf] }
		    ]
		  }

		  #
		  # nats < synadia
		  #
		  nats {
		    # SUAJTM55JH4BNYDA22DMDZJSRBRKVDGSLYK2HDIOCM3LPWCDXIDV5Q4CIE
		    nkey = "ADRZ42QBM7SXQDXXTSVWT2WLLFYOQGAFC4TO6WOAXHEKQHIXR4HFYJDS"

		    users [
		      {
		        # SUADZTYQAKTY5NQM7XRB5XR3C24M6ROGZLBZ6P5HJJSSOFUGC5YXOOECOM
		        nkey = "UD6AYQSOIN2IN5OGC6VQZCR4H3UFMIOXSW6NNS6N53CLJA4PB56CEJJI"
		      }
		    ]

		    imports = [
		      # This account has to send requests to 'nats.requests' subject
		      { service: { account: "synadia", subject: "synadia.requests" }, to: "nats.requests" }
		    ]
		  }

		  #
		  # cncf < synadia
		  #
		  cncf {
		    # SAAFHDZX7SGZ2SWHPS22JRPPK5WX44NPLNXQHR5C5RIF6QRI3U65VFY6C4
		    nkey = "AD4YRVUJF2KASKPGRMNXTYKIYSCB3IHHB4Y2ME6B2PDIV5QJ23C2ZRIT"

		    users [
		      {
		        # SUAKINP3Z2BPUXWOFSW2FZC7TFJCMMU7DHKP2C62IJQUDASOCDSTDTRMJQ
		        nkey = "UB57IEMPG4KOTPFV5A66QKE2HZ3XBXFHVRCCVMJEWKECMVN2HSH3VTSJ"
		      }
		    ]

		    imports = [
		      # This account has to send requests to 'synadia.requests' subject
		      { service: { account: "synadia", subject: "synadia.requests" } }
		    ]
		  }
		}
				`,
  },
  {
    name: "when nkey is invalid within accounts block",
    config: `
		accounts {

		  #
		  # synadia > nats.io, cncf
		  #
		  synadia {
		    # SAADJL5XAEM6BDYSWDTGVILJVY54CQXZM5ZLG4FRUAKB62HWRTPNSGXOHA
		    nkey = "AC5GRL36RQV7MJ2GT6WQSCKDKJKYTK4T2LGLWJ2SEJKRDHFOQQWGGFQL"

		    users [
		      {
		        # SUAEL6RU3BSDAFKOHNTEOK5Q6FTM5FTAMWVIKBET6FHPO4JRII3CYELVNM
		        nkey = "SCARKS2E3KVB7YORL2DG34XLT7PUCOL2SVM7YXV6ETHLW6Z46UUJ2VZ3"
		      }
		    ]

		    exports = [
		      { service: "synadia.requests", accounts: [nats, cncf] }
		    ]
		  }

		  #
		  # nats < synadia
		  #
		  nats {
		    # SUAJTM55JH4BNYDA22DMDZJSRBRKVDGSLYK2HDIOCM3LPWCDXIDV5Q4CIE
		    nkey = "ADRZ42QBM7SXQDXXTSVWT2WLLFYOQGAFC4TO6WOAXHEKQHIXR4HFYJDS"

		    users [
		      {
		        # SUADZTYQAKTY5NQM7XRB5XR3C24M6ROGZLBZ6P5HJJSSOFUGC5YXOOECOM
		        nkey = "UD6AYQSOIN2IN5OGC6VQZCR4H3UFMIOXSW6NNS6N53CLJA4PB56CEJJI"
		      }
		    ]

		    imports = [
		      # This account has to send requests to 'nats.requests' subject
		      { service: { account: "synadia", subject: "synadia.requests" }, to: "nats.requests" }
		    ]
		  }

		  #
		  # cncf < synadia
		  #
		  cncf {
		    # SAAFHDZX7SGZ2SWHPS22JRPPK5WX44NPLNXQHR5C5RIF6QRI3U65VFY6C4
		    nkey = "AD4YRVUJF2KASKPGRMNXTYKIYSCB3IHHB4Y2ME6B2PDIV5QJ23C2ZRIT"

		    users [
		      {
		        # SUAKINP3Z2BPUXWOFSW2FZC7TFJCMMU7DHKP2C62IJQUDASOCDSTDTRMJQ
		        nkey = "UB57IEMPG4KOTPFV5A66QKE2HZ3XBXFHVRCCVMJEWKECMVN2HSH3VTSJ"
		      }
		    ]

		    imports = [
		      # This account has to send requests to 'synadia.requests' subject
		      { service: { account: "synadia", subject: "synadia.requests" } }
		    ]
		  }
		}
				`,
    error: "Not a valid public nkey for a user",
    line: 14,
    pos: 11,
  },
  {
    name: "when accounts block has unknown fields",
    config: `
		http_port = 8222

		accounts {
                  foo = "bar"
		}`,
    error: "Expected map entries for accounts",
    line: 5,
    pos: 19,
  },
  {
    name: "when accounts has a referenced config variable within same block",
    config: `
			  accounts {
			    PERMISSIONS = {
				publish = {
				  allow = ["foo","bar"]
				  deny = ["quux"]
				}
			    }

			    synadia {
				nkey = "AC5GRL36RQV7MJ2GT6WQSCKDKJKYTK4T2LGLWJ2SEJKRDHFOQQWGGFQL"

				users [
				  {
				    nkey = "UCARKS2E3KVB7YORL2DG34XLT7PUCOL2SVM7YXV6ETHLW6Z46UUJ2VZ3"
				    permissions = $PERMISSIONS
				  }
				]
				exports = [
				  { stream: "synadia.>" }
				]
			    }
			  }`,
  },
  {
    name: "when accounts has an unreferenced config variables within same block",
    config: `
			  accounts {
			    PERMISSIONS = {
				publish = {
				  allow = ["foo","bar"]
				  deny = ["quux"]
				}
			    }

			    synadia {
				nkey = "AC5GRL36RQV7MJ2GT6WQSCKDKJKYTK4T2LGLWJ2SEJKRDHFOQQWGGFQL"

				users [
				  {
				    nkey = "UCARKS2E3KVB7YORL2DG34XLT7PUCOL2SVM7YXV6ETHLW6Z46UUJ2VZ3"
				  }
				]
				exports = [
				  { stream: "synadia.>" }
				]
			   }
			 }`,
    error: 'unknown field "publish"',
    line: 4,
    pos: 5,
  },
  {
    name: "when accounts block defines a global account",
    config: `
		http_port = 8222

		accounts {
                  $G = {
                  }
		}
				`,
    error: '"$G" is a Reserved Account',
    line: 5,
    pos: 19,
  },
  {
    name: "when accounts block uses an invalid public key",
    config: `
		accounts {
                  synadia = {
                    nkey = "invalid"
                  }
		}
				`,
    error: 'Not a valid public nkey for an account: "invalid"',
    line: 4,
    pos: 21,
  },
  {
    name: "when accounts list includes reserved account",
    config: `
                port = 4222

		accounts = [foo, bar, "$G"]

                http_port = 8222
				`,
    error: '"$G" is a Reserved Account',
    line: 4,
    pos: 26,
  },
  {
    name: "when accounts list includes a dupe entry",
    config: `
                port = 4222

		accounts = [foo, bar, bar]

                http_port = 8222
				`,
    error: "Duplicate Account Entry: bar",
    line: 4,
    pos: 25,
  },
  {
    name: "when accounts block includes a dupe user",
    config: `
                port = 4222

		accounts = {
                  nats {
                    users = [
                      { user: "foo",   pass: "bar" },
                      { user: "hello", pass: "world" },
                      { user: "foo",   pass: "bar" }
                    ]
                  }
                }

                http_port = 8222
				`,
    error: 'Duplicate user "foo" detected',
    line: 6,
    pos: 21,
  },
  {
    name: "when accounts block imports are not a list",
    config: `
                port = 4222

		accounts = {
                  nats {
                    imports = true
                  }
                }

                http_port = 8222
				`,
    error: "Imports should be an array, got bool",
    line: 6,
    pos: 21,
  },
];
