// Says what a file is by its first bytes, for messages about files that cannot be decoded.

/** [offset, first bytes as Latin-1, words]; the first that matches counts. */
const DECODABLE: readonly (readonly [number, string, string])[] = [
  [0, '\xff\xd8\xff', 'JPEG'],
  [0, '\x89PNG', 'PNG'],
  [0, 'GIF8', 'GIF'],
  [8, 'WEBP', 'WebP'],
  [0, 'II*\0', 'TIFF'],
  [0, 'MM\0*', 'TIFF'],
  [4, 'ftypavi', 'AVIF'],
];

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
  return match(DECODABLE, bytes);
}

/** A few words for what the bytes of an undecodable file are: `a HEIC picture`, `text that begins "..."`. */
export function describeBytes(bytes: Uint8Array): string {
  const known = match(OTHERS, bytes);
  if (known) return known;
  const head = bytes.subarray(0, 256);
  const text = new TextDecoder().decode(head, { stream: true });
  if (!/[^\P{C}\s]|\ufffd/u.test(text)) {
    if (/^\s*<(!doctype html|html)/i.test(text)) return 'a web page';
    const line = text.trim().replace(/\s+/g, ' ');
    return `text that begins "${line.length > 30 ? `${line.slice(0, 30)}...` : line}"`;
  }
  const hex = Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0'));
  return `of an unknown kind, its first bytes are ${hex.join(' ')}`;
}

function match(
  signatures: readonly (readonly [number, string, string])[],
  bytes: Uint8Array,
): string | undefined {
  const head = String.fromCharCode(...bytes.subarray(0, 32));
  return signatures.find(([offset, magic]) => head.startsWith(magic, offset))?.[2];
}
