/**
 * Checks that the files of a TLS block can be used, with the error texts of Go's `crypto/tls`.
 *
 * Reference: GenTLSConfig in server/opts.go.
 *
 * @module
 */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { byteStringOf } from "../base/text/byte_string.ts";
import { type ConfigSource, FileError } from "../platform/config_source.ts";
import type { TlsOptions } from "./tls_options.ts";

/** The files of a TLS block cannot be used. */
export class TlsFileError extends Error {
  override readonly name = "TlsFileError";
}

/**
 * Checks the certificates, keys and authorities that `tls` names.
 *
 * @throws {TlsFileError}
 */
export function checkTlsFiles(tls: TlsOptions, source: ConfigSource): void {
  if (tls.certFile !== "" && tls.keyFile === "") {
    throw new TlsFileError("missing 'key_file' in TLS configuration");
  }
  if (tls.certFile === "" && tls.keyFile !== "") {
    throw new TlsFileError("missing 'cert_file' in TLS configuration");
  }
  if (tls.certFile !== "") {
    prefixed(
      "error parsing X509 certificate/key pair",
      () => checkPair(tls.certFile, tls.keyFile, source),
    );
  } else {
    const count = tls.certificates.length;
    for (const [index, { certFile, keyFile }] of tls.certificates.entries()) {
      prefixed(
        `error parsing X509 certificate/key pair ${index + 1}/${count}`,
        () => checkPair(certFile, keyFile, source),
      );
    }
  }
  if (tls.caFile === "") return;
  const blocks = pemBlocks(read(tls.caFile, source)).filter(({ type }) => type === "CERTIFICATE");
  if (!blocks.some(({ pem }) => parses(pem))) {
    throw new TlsFileError("failed to parse root ca certificate");
  }
}

function prefixed(prefix: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof TlsFileError)) throw error;
    throw new TlsFileError(`${prefix}: ${error.message}`, { cause: error });
  }
}

function read(path: string, source: ConfigSource): string {
  try {
    const bytes = source.readFile(path);
    return byteStringOf(bytes, 0, bytes.length);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    throw new TlsFileError(error.message, { cause: error });
  }
}

interface PemBlock {
  type: string;
  pem: string;
}

function pemBlocks(text: string): PemBlock[] {
  const blocks: PemBlock[] = [];
  const pattern = /-----BEGIN ([^\n\r]+?)-----\r?\n[\s\S]*?-----END \1-----/g;
  for (const match of text.matchAll(pattern)) blocks.push({ type: match[1]!, pem: match[0] });
  return blocks;
}

function parses(pem: string): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch {
    return false; // only whether it parses matters
  }
}

function checkPair(certFile: string, keyFile: string, source: ConfigSource): void {
  const certBlocks = pemBlocks(read(certFile, source));
  const keyBlocks = pemBlocks(read(keyFile, source));
  const chain = certBlocks.filter(({ type }) => type === "CERTIFICATE");
  if (chain.length === 0) {
    const types = certBlocks.map(({ type }) => type);
    if (types.length === 0) {
      throw new TlsFileError("tls: failed to find any PEM data in certificate input");
    }
    throw new TlsFileError(
      types.length === 1 && types[0]!.endsWith("PRIVATE KEY")
        ? "tls: failed to find certificate PEM data in certificate input, but did find a " +
          "private key; PEM inputs may have been switched"
        : 'tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM ' +
          `blocks of the following types: [${types.join(" ")}]`,
    );
  }
  const keyBlock = keyBlocks.find(({ type }) => type.endsWith("PRIVATE KEY"));
  if (keyBlock === undefined) {
    const types = keyBlocks.map(({ type }) => type);
    if (types.length === 0) {
      throw new TlsFileError("tls: failed to find any PEM data in key input");
    }
    throw new TlsFileError(
      types.length === 1 && types[0] === "CERTIFICATE"
        ? "tls: found a certificate rather than a key in the PEM for the private key"
        : 'tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after ' +
          `skipping PEM blocks of the following types: [${types.join(" ")}]`,
    );
  }
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(chain[0]!.pem);
  } catch (error) {
    throw new TlsFileError("x509: malformed certificate", { cause: error });
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(keyBlock.pem);
  } catch (error) {
    throw new TlsFileError("tls: failed to parse private key", { cause: error });
  }
  if (certificate.publicKey.asymmetricKeyType !== key.asymmetricKeyType) {
    throw new TlsFileError("tls: private key type does not match public key type");
  }
  if (!certificate.checkPrivateKey(key)) {
    throw new TlsFileError("tls: private key does not match public key");
  }
}
