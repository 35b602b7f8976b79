// Says what a file is by its first bytes, for messages about files that cannot be decoded.

/**
 * The formats that can be decoded, by their first bytes as Latin-1. As strict as can be: what passes is handed to libvips,
 * which knows more formats than these, and takes a text with "<svg" in it for a drawing whatever stands before.
 */
const DECODABLE: Readonly<Record<string, (head: string) => boolean>> = {
  JPEG: (head) => head.startsWith('\xff\xd8\xff'),
  PNG: (head) => head.startsWith('\x89PNG\r\n\x1a\n'),
  GIF: (head) => head.startsWith('GIF87a') || head.startsWith('GIF89a'),
  WebP: (head) => head.startsWith('RIFF') && head.startsWith('WEBP', 8),
  // The second of each kind is BigTIFF.
  TIFF: (head) => ['II*\0', 'II+\0', 'MM\0*', 'MM\0+'].includes(head.slice(0, 4)),
  AVIF: isAvif,
};

/** Whether the first box, of less than 256 bytes, is called ftyp and has AVIF among its brands. */
function isAvif(head: string): boolean {
  if (!head.startsWith('\0\0\0') || !head.startsWith('ftyp', 4)) return false;
  const brands: readonly string[] = head.slice(8, head.charCodeAt(3)).match(/.{4}/gs) ?? [];
  return brands.includes('avif') || brands.includes('avis');
}

/** [offset, first bytes as Latin-1, words]; the first that matches counts. */
const OTHERS: readonly (readonly [number, string, string])[] = [
  [4, 'ftyphe', 'a HEIC picture'],
  [4, 'ftypmif1', 'a HEIF picture'],
  [4, 'ftypmsf1', 'a HEIF picture'],
  [4, 'ftyp', 'a film'],
  [4, 'JXL ', 'a JPEG XL picture'],
  [0, '\xff\x0a', 'a JPEG XL picture'],
  [4, 'jP  ', 'a JPEG 2000 picture'],
  [0, '8BPS', 'a Photoshop picture'],
  [0, 'BM', 'a BMP picture'],
  [0, '\0\0\x01\0', 'a Windows icon'],
  [0, '%PDF', 'a PDF document'],
  [0, 'PK\x03\x04', 'a zip archive'],
  [0, '\x1f\x8b', 'a gzip archive'],
  [0, 'version https://git-lfs', 'a Git LFS pointer whose picture was not fetched'],
];

/** The name of the picture format that the bytes begin as, if it is one that can be decoded. */
export function decodableFormat(bytes: Uint8Array): string | undefined {
  const head = headOf(bytes);
  return Object.keys(DECODABLE).find((format) => DECODABLE[format]!(head));
}

/** A few words for what the bytes of an undecodable file are: `a HEIC picture`, `text that begins "..."`. */
export function describeBytes(bytes: Uint8Array): string {
  const head = headOf(bytes);
  const known = OTHERS.find(([offset, magic]) => head.startsWith(magic, offset))?.[2];
  if (known) return known;
  const text = new TextDecoder().decode(bytes.subarray(0, HEAD_BYTES), { stream: true });
  if (!/[^\P{C}\s]|\ufffd/u.test(text)) {
    if (/^\s*<(!doctype html|html)/i.test(text)) return 'a web page';
    if (/<svg[\s>]/i.test(text)) return 'an SVG drawing';
    const line = text.trim().replace(/\s+/g, ' ');
    return `text that begins "${line.length > 30 ? `${line.slice(0, 30)}...` : line}"`;
  }
  const hex = Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0'));
  return `of an unknown kind, its first bytes are ${hex.join(' ')}`;
}

/** Bytes of a file's begin that are looked at. */
const HEAD_BYTES = 256;

function headOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, HEAD_BYTES));
}
