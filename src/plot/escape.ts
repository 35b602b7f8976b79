// Names of files and classes may be anything; here they become text that means nothing to HTML, SVG or a reader's eye.

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * Text that is safe between tags and in a quoted attribute, in HTML and in XML. Characters that XML forbids, that break
 * a line, or that turn the reading direction become U+FFFD.
 */
export function escapeText(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffe\uffff]/gu, '\ufffd')
    .replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/** At most `longest` characters as a reader counts them; what is cut off shows as an ellipsis. */
export function shortened(text: string, longest: number): string {
  // Of a name of a million characters only the beginning is taken apart.
  const characters = Array.from(GRAPHEMES.segment(text.slice(0, 20 * longest)), ({ segment }) => segment);
  if (characters.length <= longest && text.length <= 20 * longest) return text;
  return `${characters
    .slice(0, longest - 1)
    .join('')
    .trimEnd()}…`;
}

const GRAPHEMES = new Intl.Segmenter('en');
