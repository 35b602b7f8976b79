// JSON.parse keeps the last of two equal keys and says nothing; a format whose readers must agree cannot have that.

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** What lies deeper is none of a format's own; objects within objects by the million would each take memory. */
const MOST_DEPTH = 8;

/** The first key that occurs twice in one object of `json`, which must be valid JSON, down to the eighth object. */
export function duplicateKey(json: string): string | undefined {
  const objects: Set<string>[] = [];
  let depth = 0;
  for (let i = 0; i < json.length; i++) {
    const c = json.charCodeAt(i);
    if (c === OPEN) {
      if (++depth <= MOST_DEPTH) objects.push(new Set());
    } else if (c === CLOSE) {
      if (depth-- <= MOST_DEPTH) objects.pop();
    } else if (c === QUOTE) {
      const start = i;
      i = closingQuote(json, start);
      if (depth > MOST_DEPTH || !isKey(json, i)) continue;
      const key = JSON.parse(json.slice(start, i + 1)) as string; // "a" and "\u0061" are the same key
      const keys = objects.at(-1)!;
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return undefined;
}

function closingQuote(json: string, opening: number): number {
  let i = opening + 1;
  while (json.charCodeAt(i) !== QUOTE) i += json.charCodeAt(i) === BACKSLASH ? 2 : 1;
  return i;
}

/** Whether the string that ends at `closing` is a key: what follows is a colon. */
function isKey(json: string, closing: number): boolean {
  let i = closing + 1;
  while (json.charCodeAt(i) <= 0x20) i++;
  return json.charCodeAt(i) === COLON;
}
