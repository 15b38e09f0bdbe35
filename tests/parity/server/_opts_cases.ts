/**
 * Tables of configurations of the ported tests of the options.
 *
 * @module
 */

/** A configuration and a part of the error that it must give. */
export interface ErrorCase {
  name: string;
  config: string;
  error: string;
}

/** A configuration with an authorization timeout: what is parsed, and what a server runs with. */
export interface TimeoutCase {
  name: string;
  config: string;
  parsedMs?: number;
  runningMs?: number;
  error?: string;
}

/** TestParsingGatewaysErrors. */
export const gatewayErrors: readonly ErrorCase[] = [
  { name: "bad_type", config: 'gateway: "bad_type"', error: "Expected gateway to be a map" },
  {
    name: "bad_listen",
    config: `gateway {
				name: "A"
				port: -1
				listen: "bad::address"
			}`,
    error: "parse address",
  },
  {
    name: "bad_auth",
    config: `gateway {
				name: "A"
				port: -1
				authorization {
					users {
					}
				}
			}`,
    error: "be an array",
  },
  {
    name: "unknown_field",
    config: `gateway {
				name: "A"
				port: -1
				reject_unknown_cluster: true
				unknown_field: 1
			}`,
    error: "unknown field",
  },
  {
    name: "users_not_supported",
    config: `gateway {
				name: "A"
				port: -1
				authorization {
					users [
						{user: alice, password: foo}
						{user: bob,   password: bar}
					]
				}
			}`,
    error: "does not allow multiple users",
  },
  {
    name: "tls_error",
    config: `gateway {
				name: "A"
				port: -1
				tls {
					cert_file: 123
				}
			}`,
    error: "to be filename",
  },
  {
    name: "tls_gen_error_cert_file_not_found",
    config: `gateway {
				name: "A"
				port: -1
				tls {
					cert_file: "./configs/certs/missing.pem"
					key_file: "./configs/certs/server-key.pem"
				}
			}`,
    error: "certificate/key pair",
  },
  {
    name: "tls_gen_error_key_file_not_found",
    config: `gateway {
				name: "A"
				port: -1
				tls {
					cert_file: "./configs/certs/server.pem"
					key_file: "./configs/certs/missing.pem"
				}
			}`,
    error: "certificate/key pair",
  },
  {
    name: "tls_gen_error_key_file_missing",
    config: `gateway {
				name: "A"
				port: -1
				tls {
					cert_file: "./configs/certs/server.pem"
				}
			}`,
    error: "missing 'key_file' in TLS configuration",
  },
  {
    name: "tls_gen_error_cert_file_missing",
    config: `gateway {
				name: "A"
				port: -1
				tls {
					key_file: "./configs/certs/server-key.pem"
				}
			}`,
    error: "missing 'cert_file' in TLS configuration",
  },
  {
    name: "tls_gen_error_key_file_not_found",
    config: `gateway {
				name: "A"
				port: -1
				tls {
					cert_file: "./configs/certs/server.pem"
					key_file: "./configs/certs/missing.pem"
				}
			}`,
    error: "certificate/key pair",
  },
  {
    name: "gateways_needs_to_be_an_array",
    config: `gateway {
				name: "A"
				gateways {
					name: "B"
				}
			}`,
    error: "Expected gateways field to be an array",
  },
  {
    name: "gateways_entry_needs_to_be_a_map",
    config: `gateway {
				name: "A"
				gateways [
					"g1", "g2"
				]
			}`,
    error: "Expected gateway entry to be a map",
  },
  {
    name: "bad_url",
    config: `gateway {
				name: "A"
				gateways [
					{
						name: "B"
						url: "nats://wrong url"
					}
				]
			}`,
    error: "error parsing gateway url",
  },
  {
    name: "bad_urls",
    config: `gateway {
				name: "A"
				gateways [
					{
						name: "B"
						urls: ["nats://wrong url", "nats://host:5222"]
					}
				]
			}`,
    error: "error parsing gateway url",
  },
  {
    name: "gateway_tls_error",
    config: `gateway {
				name: "A"
				port: -1
				gateways [
					{
						name: "B"
						tls {
							cert_file: 123
						}
					}
				]
			}`,
    error: "to be filename",
  },
  {
    name: "gateway_unknown_field",
    config: `gateway {
				name: "A"
				port: -1
				gateways [
					{
						name: "B"
						unknown_field: 1
					}
				]
			}`,
    error: "unknown field",
  },
];

/** TestAuthorizationAndAccountsMisconfigurations and TestProcessConfigString. */
export const misconfigurations: readonly ErrorCase[] = [
  {
    name: "duplicate users",
    config: `
			authorization = {users = [ {user: "user1", pass: "pwd"} ] }
			accounts { ACC { users = [ {user: "user1"} ] } }
			`,
    error: 'Duplicate user "user1" detected',
  },
  {
    name: "duplicate nkey",
    config: `
			authorization = {users = [ {nkey: UC6NLCN7AS34YOJVCYD4PJ3QB7QGLYG5B5IMBT25VW5K4TNUJODM7BOX} ] }
			accounts { ACC { users = [ {nkey: UC6NLCN7AS34YOJVCYD4PJ3QB7QGLYG5B5IMBT25VW5K4TNUJODM7BOX} ] } }
			`,
    error: 'Duplicate nkey "UC6NLCN7AS34YOJVCYD4PJ3QB7QGLYG5B5IMBT25VW5K4TNUJODM7BOX" detected',
  },
  {
    name: "auth single user and password and accounts users",
    config: `
			authorization = {user: "user1", password: "pwd"}
			accounts = { ACC { users = [ {user: "user2", pass: "pwd"} ] } }
			`,
    error: "Can not have a single user/pass",
  },
  {
    name: "auth single user and password and accounts nkeys",
    config: `
			authorization = {user: "user1", password: "pwd"}
			accounts = { ACC { users = [ {nkey: UC6NLCN7AS34YOJVCYD4PJ3QB7QGLYG5B5IMBT25VW5K4TNUJODM7BOX} ] } }
			`,
    error: "Can not have a single user/pass",
  },
  {
    name: "auth token and accounts users",
    config: `
			authorization = {token: "my_token"}
			accounts = { ACC { users = [ {user: "user2", pass: "pwd"} ] } }
			`,
    error: "Can not have a token",
  },
  {
    name: "auth token and accounts nkeys",
    config: `
			authorization = {token: "my_token"}
			accounts = { ACC { users = [ {nkey: UC6NLCN7AS34YOJVCYD4PJ3QB7QGLYG5B5IMBT25VW5K4TNUJODM7BOX} ] } }
			`,
    error: "Can not have a token",
  },
  {
    name: "auth callout allowed accounts",
    config: `
			accounts {
				AUTH { users = [ {user: "auth", password: "auth"} ] }
				FOO {}
			}
			authorization {
				auth_callout {
					issuer: "ABJHLOVMPA4CI6R5KLNGOB4GSLNIY7IOUPAJC4YFNDLQVIOBYQGUWVLA"
					account: AUTH
					auth_users: [ auth ]
					allowed_accounts: [ BAR ]
				}
			}
			`,
    error: 'auth_callout allowed account "BAR" not found in configured accounts',
  },
];

/** TestQueueQualifierOnlyAllowedForSubscribePermissions. */
export const queueQualifiers: readonly { name: string; config: string; wrong: boolean }[] = [
  {
    name: "subscribe deny",
    config: `
				authorization {
					users: [{
						user: u
						password: p
						permissions: { subscribe: { deny: ["admin.secret workers"] } }
					}]
				}
			`,
    wrong: false,
  },
  {
    name: "publish deny",
    config: `
				authorization {
					users: [{
						user: u
						password: p
						permissions: { publish: { deny: ["admin.secret workers"] } }
					}]
				}
			`,
    wrong: true,
  },
  {
    name: "leaf deny imports",
    config: `
				leafnodes {
					remotes: [{
						url: "nats://127.0.0.1:7422"
						deny_imports: ["admin.secret workers"]
					}]
				}
			`,
    wrong: true,
  },
  {
    name: "leaf deny exports",
    config: `
				leafnodes {
					remotes: [{
						url: "nats://127.0.0.1:7422"
						deny_exports: ["admin.secret workers"]
					}]
				}
			`,
    wrong: true,
  },
  {
    name: "cluster export deny",
    config: `
				cluster {
					name: "C"
					permissions {
						export { deny: ["admin.secret workers"] }
					}
				}
			`,
    wrong: true,
  },
];

/** TestAuthorizationTimeoutConfigParsing. */
export const authTimeouts: readonly TimeoutCase[] = [
  { name: "defaults", config: "authorization {}", parsedMs: 0, runningMs: 2000 },
  {
    name: "explicit zero",
    config: `
			authorization {
				timeout: 0
			}`,
    parsedMs: 0,
    runningMs: 2000,
  },
  {
    name: "explicit one",
    config: `
			authorization {
				timeout: 1
			}`,
    parsedMs: 1000,
    runningMs: 1000,
  },
  {
    name: "garbage",
    config: `
			authorization {
				timeout: random_garbage
			}`,
    error: 'invalid duration "random_garbage"',
  },
  {
    name: "human readable",
    config: `
			authorization {
				timeout: 10s
			}`,
    parsedMs: 10000,
    runningMs: 10000,
  },
  {
    name: "bare values could be parsed as integers",
    config: `
			authorization {
				timeout: 1m
			}`,
    parsedMs: 1000000000,
    runningMs: 1000000000,
  },
  {
    name: "but quoted values will be parsed as durations",
    config: `
			authorization {
				timeout: "1m"
			}`,
    parsedMs: 60000,
    runningMs: 60000,
  },
  {
    name: "human readable minutes quoted",
    config: `
			authorization {
				timeout: "10m5s30ms"
			}`,
    parsedMs: 605030,
    runningMs: 605030,
  },
  {
    name: "floats work",
    config: `
			authorization {
				timeout: 0.091
			}`,
    parsedMs: 91,
    runningMs: 91,
  },
  {
    name: "but no leading digit fails",
    config: `
			authorization {
				timeout: .091
			}`,
    error: "Floats must start with a digit",
  },
];

/** TestLeafnodeAuthorizationTimeoutConfigParsing. */
export const leafAuthTimeouts: readonly TimeoutCase[] = [
  { name: "defaults", config: "leafnodes { authorization {} }", parsedMs: 0 },
  {
    name: "explicit zero",
    config: `
			leafnodes {
				authorization {
					timeout: 0
				}
			}`,
    parsedMs: 0,
  },
  {
    name: "explicit one",
    config: `
			leafnodes {
				authorization {
					timeout: 1
				}
			}`,
    parsedMs: 1000,
  },
  {
    name: "garbage",
    config: `
			leafnodes {
				authorization {
					timeout: random_garbage
				}
			}`,
    error: 'invalid duration "random_garbage"',
  },
  {
    name: "human readable",
    config: `
			leafnodes {
				authorization {
					timeout: 10s
				}
			}`,
    parsedMs: 10000,
  },
  {
    name: "bare values could be parsed as integers",
    config: `
			leafnodes {
				authorization {
					timeout: 1m
				}
			}`,
    parsedMs: 1000000000,
  },
  {
    name: "but quoted values will be parsed as durations",
    config: `
			leafnodes {
				authorization {
					timeout: "1m"
				}
			}`,
    parsedMs: 60000,
  },
  {
    name: "human readable minutes quoted",
    config: `
			leafnodes {
				authorization {
					timeout: "10m5s30ms"
				}
			}`,
    parsedMs: 605030,
  },
  {
    name: "floats work",
    config: `
			leafnodes {
				authorization {
					timeout: 0.091
				}
			}`,
    parsedMs: 91,
  },
  {
    name: "but no leading digit fails",
    config: `
			leafnodes {
				authorization {
					timeout: .091
				}
			}`,
    error: "Floats must start with a digit",
  },
];

/** TestParseServiceLatency; null is an error. */
export const latencies: readonly {
  name: string;
  config: string;
  want: { subject: string; sampling: number } | null;
}[] = [
  {
    name: "block with percent sample default value",
    config: `system_account = nats.io
			accounts {
				nats.io {
					exports [{
						service: nats.add
						latency: {
							sampling: 100%
							subject: latency.tracking.add
						}
					}]
				}
			}`,
    want: { subject: "latency.tracking.add", sampling: 100 },
  },
  {
    name: "block with percent sample nondefault value",
    config: `system_account = nats.io
			accounts {
				nats.io {
					exports [{
						service: nats.add
						latency: {
							sampling: 33%
							subject: latency.tracking.add
						}
					}]
				}
			}`,
    want: { subject: "latency.tracking.add", sampling: 33 },
  },
  {
    name: "block with number sample nondefault value",
    config: `system_account = nats.io
			accounts {
				nats.io {
					exports [{
						service: nats.add
						latency: {
							sampling: 87
							subject: latency.tracking.add
						}
					}]
				}
			}`,
    want: { subject: "latency.tracking.add", sampling: 87 },
  },
  {
    name: "field with subject",
    config: `system_account = nats.io
			accounts {
				nats.io {
					exports [{
						service: nats.add
						latency: latency.tracking.add
					}]
				}
			}`,
    want: { subject: "latency.tracking.add", sampling: 100 },
  },
  {
    name: "block with missing subject",
    config: `system_account = nats.io
			accounts {
				nats.io {
					exports [{
						service: nats.add
						latency: {
							sampling: 87
						}
					}]
				}
			}`,
    want: null,
  },
];

/** Permissions that TestClusterPermissionsConfig refuses. */
export const invalidClusterPermissions: readonly string[] = [
  "permissions: foo",
  `permissions {
			unknown_field: "foo"
		}`,
  `permissions {
			import: [1, 2, 3]
		}`,
  `permissions {
			import {
				unknown_field: "foo"
			}
		}`,
  `permissions {
			import {
				allow {
					x: y
				}
			}
		}`,
  `permissions {
			import {
				deny {
					x: y
				}
			}
		}`,
  `permissions {
			export: [1, 2, 3]
		}`,
  `permissions {
			export {
				unknown_field: "foo"
			}
		}`,
  `permissions {
			export {
				allow {
					x: y
				}
			}
		}`,
  `permissions {
			export {
				deny {
					x: y
				}
			}
		}`,
];

/** TestTlsPinnedCertificates. */
export const pinnedCertificates = `
	tls {
		cert_file: "./configs/certs/server.pem"
		key_file: "./configs/certs/key.pem"
		# Require a client certificate and map user id from certificate
		verify: true
		pinned_certs: ["7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069",
			"a8f407340dcc719864214b85ed96f98d16cbffa8f509d9fa4ca237b7bb3f9c32"]
	}
	cluster {
		port -1
		name cluster-hub
		tls {
			cert_file: "./configs/certs/server.pem"
			key_file: "./configs/certs/key.pem"
			# Require a client certificate and map user id from certificate
			verify: true
			pinned_certs: ["7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069",
				"a8f407340dcc719864214b85ed96f98d16cbffa8f509d9fa4ca237b7bb3f9c32"]
		}
	}
	leafnodes {
		port -1
		tls {
			cert_file: "./configs/certs/server.pem"
			key_file: "./configs/certs/key.pem"
			# Require a client certificate and map user id from certificate
			verify: true
			pinned_certs: ["7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069",
				"a8f407340dcc719864214b85ed96f98d16cbffa8f509d9fa4ca237b7bb3f9c32"]
		}
	}
	gateway {
		name: "A"
		port -1
		tls {
			cert_file: "./configs/certs/server.pem"
			key_file: "./configs/certs/key.pem"
			# Require a client certificate and map user id from certificate
			verify: true
			pinned_certs: ["7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069",
				"a8f407340dcc719864214b85ed96f98d16cbffa8f509d9fa4ca237b7bb3f9c32"]
		}
	}
	websocket {
		port -1
		tls {
			cert_file: "./configs/certs/server.pem"
			key_file: "./configs/certs/key.pem"
			# Require a client certificate and map user id from certificate
			verify: true
			pinned_certs: ["7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069",
				"a8f407340dcc719864214b85ed96f98d16cbffa8f509d9fa4ca237b7bb3f9c32"]
		}
	}
	mqtt {
		port -1
		tls {
			cert_file: "./configs/certs/server.pem"
			key_file: "./configs/certs/key.pem"
			# Require a client certificate and map user id from certificate
			verify: true
			pinned_certs: ["7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069",
				"a8f407340dcc719864214b85ed96f98d16cbffa8f509d9fa4ca237b7bb3f9c32"]
		}
	}`;

/** TestNkeyUsersDefaultPermissionsConfig. */
export const defaultPermissions = `
	authorization {
		default_permissions = {
			publish = "foo"
		}
		users = [
			{ user: "user", password: "pwd"}
			{ user: "other", password: "pwd",
				permissions = {
					subscribe = "bar"
				}
			}
			{ nkey: "UDKTV7HZVYJFJN64LLMYQBUR6MTNNYCDC3LAZH4VHURW3GZLL3FULBXV" }
			{ nkey: "UA3C5TBZYK5GJQJRWPMU6NFY5JNAEVQB2V2TUZFZDHFJFUYVKTTUOFKZ",
				permissions = {
					subscribe = "bar"
				}
			}
		]
	}
	accounts {
		A {
			default_permissions = {
				publish = "foo"
			}
			users = [
				{ user: "accuser", password: "pwd"}
				{ user: "accother", password: "pwd",
					permissions = {
						subscribe = "bar"
					}
				}
				{ nkey: "UC4YEYJHYKTU4LHROX7UEKEIO5RP5OUWDYXELHWXZOQHZYXHUD44LCRS" }
				{ nkey: "UDLSDF4UY3YW7JJQCYE6T2D4KFDCH6RGF3R65KHK247G3POJPI27VMQ3",
					permissions = {
						subscribe = "bar"
					}
				}
			]
		}
	}
	`;
