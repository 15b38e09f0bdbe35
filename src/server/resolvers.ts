/**
 * Makes the account resolver that the options ask for.
 *
 * @module
 */
import type { AccountResolverOptions, Options, TlsOptions } from "../config/mod.ts";
import type { ConfigSource } from "../platform/config_source.ts";
import type { HttpClientTls } from "../platform/mod.ts";
import { DirResolver } from "../resolver/dir_resolver.ts";
import { DirStore } from "../resolver/dir_store.ts";
import { MemoryResolver } from "../resolver/memory_resolver.ts";
import { type AccountResolver, ResolverError } from "../resolver/resolver.ts";
import { UrlResolver } from "../resolver/url_resolver.ts";
import type { ServerEnvironment } from "./server.ts";
import { StartError } from "./start_error.ts";

function clientTls(tls: TlsOptions, files: ConfigSource): HttpClientTls {
  const read = (path: string): string => new TextDecoder().decode(files.readFile(path));
  return {
    authorities: tls.caFile === "" ? [] : [read(tls.caFile)],
    insecure: tls.insecure,
    certificate: tls.certFile === "" ? null : { cert: read(tls.certFile), key: read(tls.keyFile) },
  };
}

function dirResolver(
  resolver: Extract<AccountResolverOptions, { kind: "full" | "cache" }>,
  env: ServerEnvironment,
): DirResolver {
  const full = resolver.kind === "full";
  const store = new DirStore(env, resolver.dir, {
    create: true,
    deletion: full ? resolver.delete : "hard",
    expiry: full
      ? { limit: resolver.limit }
      : { limit: resolver.limit, evict: true, ttlMs: resolver.ttlMs },
  });
  return new DirResolver(store);
}

/** The resolver, or null without one. Throws {@linkcode StartError}. */
export function newResolver(options: Options, env: ServerEnvironment): AccountResolver | null {
  const { accountResolver: resolver, accountResolverTlsConfig: tls } = options;
  if (resolver === null) return null;
  switch (resolver.kind) {
    case "memory":
      return new MemoryResolver();
    case "url":
      return new UrlResolver(
        resolver.url,
        env.httpClient(tls === null ? null : clientTls(tls, env.files)),
      );
  }
  try {
    return dirResolver(resolver, env);
  } catch (error) {
    if (!(error instanceof ResolverError)) throw error;
    throw new StartError(error.message, { cause: error });
  }
}
