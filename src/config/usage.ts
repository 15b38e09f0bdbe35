/**
 * What `--help`, `--help_tls` and `--version` print.
 *
 * Reference: main.go and PrintTLSHelpAndDie in server/opts.go.
 *
 * @module
 */
import {
  DEFAULT_CIPHER_SUITES,
  DEFAULT_CURVE_PREFERENCES,
  INSECURE_CIPHER_SUITES,
} from "./tls_options.ts";

/** The version of the reference that this server behaves like. */
export const REFERENCE_VERSION = "2.14.5";

/** The text of `--help`: flags and layout are the reference's. */
export const USAGE = `
Usage: nats-server [options]

Server Options:
    -a, --addr, --net <host>         Bind to host address (default: 0.0.0.0)
    -p, --port <port>                Use port for clients (default: 4222)
    -n, --name
        --server_name <server_name>  Server name (default: auto)
    -P, --pid <file>                 File to store PID
    -m, --http_port <port>           Use port for http monitoring
    -ms,--https_port <port>          Use port for https monitoring
    -c, --config <file>              Configuration file
    -t                               Test configuration and exit
    -sl,--signal <signal>[=<pid>]    Send signal to nats-server process (ldm, stop, quit, term, reopen, reload)
                                     <pid> can be either a PID (e.g. 1) or the path to a PID file (e.g. /var/run/nats-server.pid)
        --client_advertise <string>  Client URL to advertise to other servers
        --ports_file_dir <dir>       Creates a ports file in the specified directory (<executable_name>_<pid>.ports).

Logging Options:
    -l, --log <file>                 File to redirect log output
    -T, --logtime                    Timestamp log entries (default: true)
    -s, --syslog                     Log to syslog or windows event log
    -r, --remote_syslog <addr>       Syslog server addr (udp://localhost:514)
    -D, --debug                      Enable debugging output
    -V, --trace                      Trace the raw protocol
    -VV                              Verbose trace (traces system account as well)
    -DV                              Debug and trace
    -DVV                             Debug and verbose trace (traces system account as well)
        --log_size_limit <limit>     Logfile size limit (default: auto)
        --max_traced_msg_len <len>   Maximum printable length for traced messages (default: unlimited)

JetStream Options:
    -js, --jetstream                 Enable JetStream functionality
    -sd, --store_dir <dir>           Set the storage directory

Authorization Options:
        --user <user>                User required for connections
        --pass <password>            Password required for connections
        --auth <token>               Authorization token required for connections

TLS Options:
        --tls                        Enable TLS, do not verify clients (default: false)
        --tlscert <file>             Server certificate file
        --tlskey <file>              Private key for server certificate
        --tlsverify                  Enable TLS, verify client certificates
        --tlscacert <file>           Client certificate CA for verification

Cluster Options:
        --routes <rurl-1, rurl-2>    Routes to solicit and connect
        --cluster <cluster-url>      Cluster URL for solicited routes
        --cluster_name <string>      Cluster Name, if not set one will be dynamically generated
        --no_advertise <bool>        Do not advertise known cluster information to clients
        --cluster_advertise <string> Cluster URL to advertise to other servers
        --connect_retries <number>   For implicit routes, number of connect retries
        --cluster_listen <url>       Cluster url from which members can solicit routes

Profiling Options:
        --profile <port>             Profiling HTTP port

Common Options:
    -h, --help                       Show this message
    -v, --version                    Show version
        --help_tls                   TLS help

`;

const TLS_USAGE = `
TLS is configured in a tls block of the configuration file:

    tls {
        cert_file:      "./certs/server-cert.pem"
        key_file:       "./certs/server-key.pem"
        ca_file:        "./certs/ca.pem"

        # Ask clients for a certificate, and use its subject to find the user.
        verify:         true
        verify_and_map: true

        # Only when the defaults do not suit:
        cipher_suites:     [ "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" ]
        curve_preferences: [ "X25519", "CurveP256" ]

        # Check the certificates of peers by OCSP (true takes the defaults).
        ocsp_peer {
           verify: true
           ca_timeout: 2                          # seconds to wait for the responder
           allowed_clockskew: 30                  # seconds
           warn_only: false                       # log instead of refusing
           unknown_is_good: false
           allow_when_ca_unreachable: false
           cache_ttl_when_next_update_unset: 3600 # seconds
        }
    }

    # Answers about peers can be kept (true takes the defaults).
    ocsp_cache {
        type: local               # or none
        local_store: "_rc_"
        preserve_revoked: false
        save_interval: 300        # seconds
    }

Available cipher suites include:
`;

/** The text of `--help_tls`. */
export function tlsUsage(): string {
  const list = (names: readonly string[]) => names.map((name) => `    ${name}\n`).join("");
  return TLS_USAGE + list([...DEFAULT_CIPHER_SUITES, ...INSECURE_CIPHER_SUITES]) +
    "\nAvailable curve preferences include:\n" + list(DEFAULT_CURVE_PREFERENCES);
}

/**
 * The text of `--version`: the reference's line first, because tools read it.
 *
 * @param ownVersion the version of natsts
 */
export function versionText(ownVersion: string): string {
  return `nats-server: v${REFERENCE_VERSION}\nnatsts: v${ownVersion}\n`;
}
