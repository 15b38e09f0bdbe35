/**
 * Permissions of scoped users: the scope's template with what is known of the user and of its
 * account put in: `{{name()}}`, `{{subject()}}`, `{{account-name()}}`, `{{account-subject()}}`,
 * `{{tag(x)}}`, `{{account-tag(x)}}`. A tag with several values gives a subject for each.
 *
 * Reference: processUserPermissionsTemplate in server/auth.go.
 *
 * @module
 */
import { byteStringOfText } from "../base/text/byte_string.ts";
import { isValidSubject } from "../subject/mod.ts";
import type { UserPermissionLimits } from "./claims.ts";
import type { UserClaims } from "./user_claims.ts";

const OPERATION = /\{{2}([^}]+)\}{2}/g;
const TAG = /^(tag|account-tag)\((.*)\)$/i;
/** Subjects that one list may grow to. */
const EXPANSIONS_MAX = 4096;

/** A template that gives no usable permissions for a user. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
}

/** What templates may say of a user's account. */
export interface TemplateAccount {
  readonly nameTag: string;
  readonly tags: readonly string[];
}

/** Values of one operation; `strict` when one without values would widen the permissions. */
function valuesOf(
  operation: string,
  user: UserClaims,
  account: TemplateAccount,
  strict: boolean,
): { values: string[]; tag: boolean } {
  switch (operation.toLowerCase()) {
    case "name()":
      return { values: [user.name], tag: false };
    case "subject()":
      return { values: [user.subject], tag: false };
    case "account-name()":
      return { values: [account.nameTag], tag: false };
    case "account-subject()":
      return { values: [user.nats.issuerAccount], tag: false };
  }
  const match = TAG.exec(operation);
  if (match === null) throw new TemplateError(`template operation "${operation}" is not defined`);
  const tags = match[1]!.toLowerCase() === "tag" ? user.nats.tags : account.tags;
  const prefix = `${match[2]!.toLowerCase()}:`;
  const values = tags.filter((tag) => tag.startsWith(prefix))
    .map((tag) => tag.slice(prefix.length));
  if (values.length > 0) return { values, tag: true };
  if (strict) throw new TemplateError(`generated invalid subject: "${match[2]}" is not defined`);
  // Makes a subject that is not valid, and so left out.
  return { values: [" "], tag: true };
}

/** All ways to take one value of each list. */
function* combinations(lists: readonly string[][]): Generator<string[]> {
  const [first, ...rest] = lists;
  if (first === undefined) {
    yield [];
    return;
  }
  for (const value of first) {
    for (const others of combinations(rest)) yield [value, ...others];
  }
}

function expand(
  subjects: readonly string[],
  user: UserClaims,
  account: TemplateAccount,
  strict: boolean,
): string[] {
  if (!subjects.some((subject) => subject.search(OPERATION) >= 0)) return [...subjects];
  const expanded: string[] = [];
  for (const subject of subjects) {
    const places = [...subject.matchAll(OPERATION)];
    const found = places.map(([, operation]) => valuesOf(operation!.trim(), user, account, strict));
    const count = found.reduce((product, { values }) => product * values.length, 1);
    if (found.some(({ tag }) => tag) && expanded.length + count > EXPANSIONS_MAX) {
      throw new TemplateError(`template expansion exceeds limit: ${EXPANSIONS_MAX}`);
    }
    for (const values of combinations(found.map(({ values }) => values))) {
      let filled = subject;
      for (const [i, [place]] of places.entries()) {
        filled = filled.replaceAll(place, () => values[i]!);
      }
      if (isValidSubject(byteStringOfText(filled))) expanded.push(filled);
      else if (strict) throw new TemplateError("generated invalid subject");
    }
  }
  return expanded;
}

/** The rights that `template` gives to `user`. Throws {@linkcode TemplateError}. */
export function fillTemplate(
  template: UserPermissionLimits,
  user: UserClaims,
  account: TemplateAccount,
): UserPermissionLimits {
  const fill = (given: UserPermissionLimits["pub"]): UserPermissionLimits["pub"] => {
    const allow = expand(given.allow, user, account, false);
    const deny = expand(given.deny, user, account, true);
    // What allowed something must not come to allow everything.
    if (given.allow.length > 0 && allow.length === 0 && !deny.includes(">")) deny.push(">");
    return { allow, deny };
  };
  const sub = fill(template.sub);
  return { ...template, sub, pub: fill(template.pub) };
}
