/**
 * Cases of TestConfigCheck, part 4: configurations and what is wrong with them.
 *
 * @module
 */
import type { ConfigCase } from "./_config_check.ts";

/** Part 4 of the cases. */
export const cases4: readonly ConfigCase[] = [
  {
    name: "wrong type for leafnodes compression mode",
    config: `
				leafnodes {
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
    name: "wrong type for leafnodes compression rtt thresholds",
    config: `
				leafnodes {
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
    name: "invalid durations for leafnodes compression rtt thresholds",
    config: `
				leafnodes {
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
    name: "wrong type for remote leafnodes compression",
    config: `
				leafnodes {
					port: -1
					remotes [
						{
							url: "nats://127.0.0.1:123"
							compression: 123
						}
					]
				}
			`,
    error: 'field "compression" should be a boolean or a structure, got int64',
    line: 7,
    pos: 8,
  },
  {
    name: "wrong type for remote leafnodes compression mode",
    config: `
				leafnodes {
					port: -1
					remotes [
						{
							url: "nats://127.0.0.1:123"
							compression: {
								mode: 123
							}
						}
					]
				}
			`,
    error: "interface conversion: interface {} is int64, not string",
    line: 8,
    pos: 9,
  },
  {
    name: "wrong type for remote leafnodes compression rtt thresholds",
    config: `
				leafnodes {
					port: -1
					remotes [
						{
							url: "nats://127.0.0.1:123"
							compression: {
								mode: "s2_auto"
								rtt_thresholds: 123
							}
						}
					]
				}
			`,
    error: "interface conversion: interface {} is int64, not []interface {}",
    line: 9,
    pos: 9,
  },
  {
    name: "invalid durations for remote leafnodes compression rtt thresholds",
    config: `
				leafnodes {
					port: -1
					remotes [
						{
							url: "nats://127.0.0.1:123"
							compression: {
								mode: "s2_auto"
								rtt_thresholds: [abc]
							}
						}
					]
				}
			`,
    error: 'time: invalid duration "abc"',
    line: 9,
    pos: 9,
  },
  {
    name: "invalid duration for remote leafnode first info timeout",
    config: `
				leafnodes {
					port: -1
					remotes [
						{
							url: "nats://127.0.0.1:123"
							first_info_timeout: abc
						}
					]
				}
			`,
    error: 'error parsing first_info_timeout: time: invalid duration "abc"',
    line: 7,
    pos: 8,
  },
  {
    name: "duplicate remote leafnode",
    config: `
				leafnodes {
					port: -1
					remotes [
						{ url: "nats://user1:pwd@127.0.0.1:1234" }
						{ url: "nats://user2:pwd@127.0.0.1:1235" }
						{ url: "nats://user1:pwd@127.0.0.1:1234" }
					]
				}
			`,
    error: "duplicate remote",
    line: 7,
    pos: 9,
  },
  {
    name: "show warnings on empty configs without values",
    config: "",
    warning: "config has no values or is empty",
    reason: "",
    line: 0,
    pos: 0,
  },
  {
    name: "show warnings on empty configs without values and only comments",
    config: `# Valid file but has no usable values.
                                    `,
    warning: "config has no values or is empty",
    reason: "",
    line: 0,
    pos: 0,
  },
  {
    name: "TLS handshake first, wrong type",
    config: `
				port: -1
				tls {
					first: 123
				}
			`,
    error: 'field "first" should be a boolean or a string, got int64',
    line: 4,
    pos: 6,
  },
  {
    name: "TLS handshake first, wrong value",
    config: `
				port: -1
				tls {
					first: "123"
				}
			`,
    error: 'field "first"\'s value "123" is invalid',
    line: 4,
    pos: 6,
  },
  {
    name: "TLS multiple certs",
    config: `
				port: -1
				tls {
					certs: [
					  { cert_file: "configs/certs/server.pem", key_file: "configs/certs/key.pem"},
					  { cert_file: "configs/certs/cert.new.pem", key_file: "configs/certs/key.new.pem"},
					]
				}
			`,
  },
  {
    name: "TLS multiple certs, bad type",
    config: `
				port: -1
				tls {
					certs: [
					  { cert_file: "configs/certs/server.pem", key_file: 123 },
					  { cert_file: "configs/certs/cert.new.pem", key_file: "configs/certs/key.new.pem"},
					]
				}
			`,
    error: "error parsing certificates config: unsupported type int64",
    line: 5,
    pos: 49,
  },
  {
    name: "TLS multiple certs, missing key_file",
    config: `
				port: -1
				tls {
					certs: [
					  { cert_file: "configs/certs/server.pem" }
					  { cert_file: "configs/certs/cert.new.pem", key_file: "configs/certs/key.new.pem"}
					]
				}
			`,
    error:
      "error parsing certificates config: both 'cert_file' and 'cert_key' options are required",
    line: 5,
    pos: 10,
  },
  {
    name: "TLS multiple certs and single cert options at the same time",
    config: `
				port: -1
				tls {
					cert_file: "configs/certs/server.pem"
					key_file: "configs/certs/key.pem"
					certs: [
					  { cert_file: "configs/certs/server.pem", key_file: "configs/certs/key.pem"},
					  { cert_file: "configs/certs/cert.new.pem", key_file: "configs/certs/key.new.pem"},
					]
				}
			`,
    error: "error parsing tls config, cannot combine 'cert_file' option with 'certs' option",
    line: 3,
    pos: 5,
  },
  {
    name: "TLS multiple certs used but not configured, but cert_file configured",
    config: `
				port: -1
				tls {
					cert_file: "configs/certs/server.pem"
					key_file: "configs/certs/key.pem"
					certs: []
				}
			`,
  },
  {
    name: "TLS multiple certs, missing bad path",
    config: `
				port: -1
				tls {
					certs: [
					  { cert_file: "configs/certs/cert.new.pem", key_file: "configs/certs/key.new.pem"}
					  { cert_file: "configs/certs/server.pem", key_file: "configs/certs/key.new.pom" }
					]
				}
			`,
    error:
      "error parsing X509 certificate/key pair 2/2: open configs/certs/key.new.pom: no such file or directory",
    line: 3,
    pos: 5,
  },
  {
    name: "Proxies wrong type",
    config: `
				port: -1
				proxies: 123
			`,
    error: "expected proxies to be a map/struct, got int64",
    line: 3,
    pos: 5,
  },
  {
    name: "Proxies unknown field",
    config: `
				port: -1
				proxies: {
					field1: 123
				}
			`,
    error: "unknown field",
    line: 4,
    pos: 6,
  },
  {
    name: "Proxies trusted wrong type",
    config: `
				port: -1
				proxies: {
					trusted: 123
				}
			`,
    error: "expected proxies' trusted field to be an array, got int64",
    line: 4,
    pos: 6,
  },
  {
    name: "Proxies trusted key wrong type",
    config: `
				port: -1
				proxies: {
					trusted: [
						"abc",
						"def"
					]
				}
			`,
    error: "expected proxies' trusted entry to be a map/struct, got string",
    line: 5,
    pos: 8,
  },
  {
    name: "Proxies trusted unknown field",
    config: `
				port: -1
				proxies: {
					trusted: [
						{
							key: "UCARKS2E3KVB7YORL2DG34XLT7PUCOL2SVM7YXV6ETHLW6Z46UUJ2VZ3"
							field1: 123
						}
					]
				}
			`,
    error: "unknown field",
    line: 7,
    pos: 8,
  },
  {
    name: "Proxies trusted key invalid",
    config: `
				port: -1
				proxies: {
					trusted: [
						{key: "UCARKS2E3KVB7YORL2DG34XLT7PUCOL2SVM7YXV6ETHLW6Z46UUJ2VZ3"}
						{key: "bad1"}
						{key: "UD6AYQSOIN2IN5OGC6VQZCR4H3UFMIOXSW6NNS6N53CLJA4PB56CEJJI"}
						{key: "bad2"}
					]
				}
			`,
    error: "invalid proxy key",
    line: 6,
    pos: 8,
  },
  {
    name: "Auth user require proxied wrong type",
    config: `
				port: -1
				authorization {
					user: user
					password: pwd
					proxy_required: 123
				}
			`,
    error: "interface conversion",
    line: 6,
    pos: 6,
  },
  {
    name: "Auth users require proxied wrong type",
    config: `
				port: -1
				authorization {
					users: [
						{
							user: user
							password: pwd
							proxy_required: 123
						}
					]
				}
			`,
    error: "interface conversion",
    line: 8,
    pos: 8,
  },
  {
    name: "Auth nkey users require proxied wrong type",
    config: `
				port: -1
				authorization {
					users: [
						{
							nkey: "UCARKS2E3KVB7YORL2DG34XLT7PUCOL2SVM7YXV6ETHLW6Z46UUJ2VZ3"
							proxy_required: 123
						}
					]
				}
			`,
    error: "interface conversion",
    line: 7,
    pos: 8,
  },
  {
    name: "Account users require proxied wrong type",
    config: `
				port: -1
				accounts {
					A: {
						users: [
							{
								user: user
								password: pwd
								proxy_required: 123
							}
						]
					}
				}
			`,
    error: "interface conversion",
    line: 9,
    pos: 9,
  },
  {
    name: "Account nkey users require proxied wrong type",
    config: `
				port: -1
				accounts {
					A: {
						users: [
							{
								nkey: "UCARKS2E3KVB7YORL2DG34XLT7PUCOL2SVM7YXV6ETHLW6Z46UUJ2VZ3"
								proxy_required: 123
							}
						]
					}
				}
			`,
    error: "interface conversion",
    line: 8,
    pos: 9,
  },
  {
    name: "Leafnode user require proxied wrong type",
    config: `
				port: -1
				leafnodes {
					port: -1
					authorization {
						user: user
						password: pwd
						proxy_required: 123
					}
				}
			`,
    error: "interface conversion",
    line: 8,
    pos: 7,
  },
  {
    name: "Leafnode neky user require proxied wrong type",
    config: `
				port: -1
				leafnodes {
					port: -1
					authorization {
						nkey: "UCARKS2E3KVB7YORL2DG34XLT7PUCOL2SVM7YXV6ETHLW6Z46UUJ2VZ3"
						proxy_required: 123
					}
				}
			`,
    error: "interface conversion",
    line: 7,
    pos: 7,
  },
  {
    name: "Leafnode users require proxied wrong type",
    config: `
				port: -1
				leafnodes {
					port: -1
					authorization {
						users: [
							{
								user: user
								password: pwd
								proxy_required: 123
							}
						]
					}
				}
			`,
    error: "interface conversion",
    line: 10,
    pos: 9,
  },
  {
    name: "Leafnode nkey users require proxied wrong type",
    config: `
				port: -1
				leafnodes {
					port: -1
					authorization {
						users: [
							{
								nkey: "UCARKS2E3KVB7YORL2DG34XLT7PUCOL2SVM7YXV6ETHLW6Z46UUJ2VZ3"
								proxy_required: 123
							}
						]
					}
				}
			`,
    error: "interface conversion",
    line: 9,
    pos: 9,
  },
  {
    name: "leafnode proxy with unsupported scheme",
    config: `
				leafnodes {
					remotes = [
						{
							url: "ws://127.0.0.1:7422"
							proxy {
								url: "ftp://proxy.example.com:8080"
							}
						}
					]
				}
			`,
    error: "proxy URL scheme must be http or https, got: ftp",
    line: 6,
    pos: 8,
  },
  {
    name: "leafnode proxy with missing host",
    config: `
				leafnodes {
					remotes = [
						{
							url: "ws://127.0.0.1:7422"
							proxy {
								url: "http://"
							}
						}
					]
				}
			`,
    error: "proxy URL must specify a host",
    line: 6,
    pos: 8,
  },
  {
    name: "leafnode proxy with username but no password",
    config: `
				leafnodes {
					remotes = [
						{
							url: "ws://127.0.0.1:7422"
							proxy {
								url: "http://proxy.example.com:8080"
								username: "testuser"
							}
						}
					]
				}
			`,
    error: "proxy username and password must both be specified or both be empty",
    line: 6,
    pos: 8,
  },
  {
    name: "leafnode proxy with password but no username",
    config: `
				leafnodes {
					remotes = [
						{
							url: "ws://127.0.0.1:7422"
							proxy {
								url: "http://proxy.example.com:8080"
								password: "testpass"
							}
						}
					]
				}
			`,
    error: "proxy username and password must both be specified or both be empty",
    line: 6,
    pos: 8,
  },
  {
    name: "leafnode proxy with WSS URL but no TLS config",
    config: `
				leafnodes {
					remotes = [
						{
							url: "wss://127.0.0.1:7422"
							proxy {
								url: "http://proxy.example.com:8080"
							}
						}
					]
				}
			`,
    error:
      "proxy is configured but remote URL wss://127.0.0.1:7422 requires TLS and no TLS configuration is provided",
    line: 6,
    pos: 8,
  },
];
