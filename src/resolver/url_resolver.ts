/**
 * `resolver: URL(…)`: account JWTs from a web server.
 *
 * Reference: URLAccResolver in server/accounts.go.
 *
 * @module
 */
import { type HttpClient, HttpError } from "../platform/http.ts";
import { goQuote } from "../base/text/go_format.ts";
import { type AccountResolver, ResolverError } from "./resolver.ts";

const FETCH_TIMEOUT_MS = 1900;
const OK = 200;

/** Takes the password out of a URL. */
function redacted(url: string): string {
  return url.replace(/^([^:]+:\/\/[^:@/]*):[^@/]*@/, "$1:xxxxx@");
}

/** Fetches JWTs from below a URL, which ends with a slash. */
export class UrlResolver implements AccountResolver {
  readonly readOnly = true;
  /** How long the web server may take. */
  timeoutMs: number = FETCH_TIMEOUT_MS;

  constructor(readonly url: string, readonly client: HttpClient) {}

  async fetch(name: string): Promise<string> {
    const url = this.url + name;
    const failed = (why: string, cause?: unknown): ResolverError =>
      new ResolverError(`could not fetch <${goQuote(redacted(url))}>: ${why}`, { cause });
    try {
      const { status, statusText, body } = await this.client.get(url, this.timeoutMs);
      if (status !== OK) throw failed(`${status} ${statusText}`);
      return body;
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      throw failed(error.message, error);
    }
  }

  store(): void {
    throw new ResolverError("store operation not supported for URL Resolver");
  }

  close(): void {
    this.client.close();
  }
}
