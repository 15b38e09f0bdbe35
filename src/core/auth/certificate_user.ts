/**
 * Finds the user whom a client's certificate names (`verify_and_map`): by email, DNS name, URI and
 * then by the subject.
 *
 * Reference: checkClientTLSCertSubject in server/auth.go.
 *
 * @module
 */
import { goNameText } from "../../base/crypto/name_text.ts";
import { readCertificate } from "../../base/crypto/x509.ts";
import { goQuote } from "../../base/text/go_format.ts";
import type { User } from "../../config/mod.ts";
import type { Connection } from "../connection/connection.ts";
import {
  certificateDn,
  type DistinguishedName,
  domainComponentsText,
  parseDn,
  sameDn,
  sameDnReordered,
} from "./distinguished_name.ts";

/** Users that connections of one kind may become. */
export interface CertificateUsers {
  find(name: string): User | null;
  all(): Iterable<User>;
}

/** The user, or null when the connection has no certificate or it names none. */
export function certificateUser(connection: Connection, users: CertificateUsers): User | null {
  const { tls } = connection.transport;
  if (tls === null) {
    connection.debug("User required in cert, no TLS connection state");
    return null;
  }
  const [leaf, ...rest] = tls.peerCertificates;
  if (leaf === undefined) {
    connection.debug("User required in cert, no peer certificates found");
    return null;
  }
  if (rest.length > 0) connection.debug("Multiple peer certificates found, selecting first");
  const { emails, dnsNames, uris, subject } = readCertificate(leaf);
  if (emails.length + dnsNames.length + uris.length + subject.flat().length === 0) {
    connection.debug("User required in cert, none found");
    return null;
  }
  const named = (names: readonly string[], what: string): User | null => {
    for (const name of names) {
      const user = users.find(name);
      if (user === null) continue;
      connection.debug(`Using ${what} for auth [${goQuote(user.username)}]`);
      return user;
    }
    return null;
  };
  const alternative = named(emails, "email found in cert") ??
    named(dnsNames, "SAN found in cert") ?? named(uris, "URI found in cert");
  if (alternative !== null) return alternative;
  const text = goNameText(subject);
  const dn = certificateDn(subject);
  if (dn !== null) {
    const user = userByDn(dn, users);
    if (user !== null) {
      connection.debug(`Using DistinguishedNameMatch for auth [${goQuote(user.username)}]`);
      return user;
    }
    connection.debug(`DistinguishedNameMatch could not be used for auth [${goQuote(text)}]`);
  }
  const components = domainComponentsText(subject);
  if (components !== "") {
    const full = `${text},${components}`;
    const user = named([full], "RDNSequence");
    if (user !== null) return user;
    connection.debug(`RDNSequence could not be used for auth [${goQuote(full)}]`);
  }
  const user = text === "" ? null : named([text], "certificate subject");
  if (user === null) connection.debug(`User in cert [${goQuote(text)}], not found`);
  return user;
}

function userByDn(dn: DistinguishedName, users: CertificateUsers): User | null {
  const others: [User, DistinguishedName][] = [];
  for (const user of users.all()) {
    const own = parseDn(user.username);
    if (typeof own === "string") continue;
    if (sameDn(own, dn)) return user;
    others.push([user, own]);
  }
  return others.find(([, own]) => sameDnReordered(own, dn))?.[0] ?? null;
}
