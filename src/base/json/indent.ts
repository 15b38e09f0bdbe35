/**
 * Compact JSON set on lines, as Go's `json.Indent` does.
 *
 * @module
 */

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^"{}[\],:\s]+/g;

/** `compact` with one value per line. `compact` must be valid JSON. */
export function indentJson(compact: string, indent = "  "): string {
  let out = "";
  let depth = 0;
  let afterOpening = false;
  const newLine = () => `\n${indent.repeat(depth)}`;
  for (const [token] of compact.matchAll(TOKEN)) {
    const closes = token === "}" || token === "]";
    if (closes) {
      depth--;
      if (!afterOpening) out += newLine();
    } else if (afterOpening) out += newLine();
    afterOpening = token === "{" || token === "[";
    if (afterOpening) depth++;
    out += token === ":" ? ": " : token;
    if (token === ",") out += newLine();
  }
  return out;
}
