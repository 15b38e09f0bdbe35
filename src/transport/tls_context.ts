/**
 * Turns a `tls` block into what the TLS of the platform wants, reading the files it names.
 *
 * Reference: GenTLSConfig in server/opts.go.
 *
 * @module
 */
import {
  DEFAULT_CIPHER_SUITES,
  DEFAULT_CURVE_PREFERENCES,
  type TlsOptions,
} from "../config/mod.ts";
import type { ConfigSource } from "../platform/config_source.ts";
import type { TlsServerSettings } from "../platform/mod.ts";

/** Reads the files of `tls`. Throws FileError when one cannot be read. */
export function tlsServerSettings(tls: TlsOptions, files: ConfigSource): TlsServerSettings {
  const decoder = new TextDecoder();
  const read = (path: string): string => decoder.decode(files.readFile(path));
  const pairs = tls.certFile !== ""
    ? [{ certFile: tls.certFile, keyFile: tls.keyFile }]
    : tls.certificates;
  return {
    certificates: pairs.map(({ certFile, keyFile }) => ({
      chainPem: read(certFile),
      keyPem: read(keyFile),
    })),
    authoritiesPem: tls.caFile === "" ? null : read(tls.caFile),
    verifyClient: tls.verify,
    ciphers: chosen(tls.ciphers, DEFAULT_CIPHER_SUITES),
    curves: chosen(tls.curvePreferences, DEFAULT_CURVE_PREFERENCES),
    minVersion: tls.minVersion,
  };
}

/** The names that the configuration chose, or null when it leaves none out. */
function chosen(names: readonly string[], all: readonly string[]): readonly string[] | null {
  return all.every((name) => names.includes(name)) ? null : names;
}
