// What an argument is, whatever realm it was made in. Test runners and `vm` contexts have a Uint8Array and a URL of their
// own, and `instanceof` knows only ours.

const { get: tagOf } = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
)!;

export function isUint8Array(value: unknown): value is Uint8Array {
  return tagOf!.call(value) === 'Uint8Array';
}

/** The same bytes as a Uint8Array of this realm, for libraries that ask by `instanceof`. */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  if (bytes instanceof Uint8Array) return bytes;
  const { buffer, byteOffset, byteLength } = bytes as Uint8Array;
  return new Uint8Array(buffer, byteOffset, byteLength);
}

export function isUrl(value: unknown): value is URL {
  return Object.prototype.toString.call(value) === '[object URL]';
}
